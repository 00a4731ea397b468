"""Several FTPS servers with the same files: each has an address that moves to another one when it fails.

Each server has ``edge_server``, the address to which the edge sends its customers, and ``server_pool``: the address
that stays with the host, and the interface of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any, TypedDict

from .errors import ExchangeError
from .mistake import Mistake
from .model.view import plain
from .pair import Group

OWN_PRIORITY = 200
"""VRRP priority of the server that owns an address. The next ones in the inventory follow with 150, 140, ..."""


class Pool(TypedDict):
    """What a server, and the edge, have to know."""

    groups: list[Group]
    peers: list[str]
    """IPv4 addresses that stay, of the other servers."""
    own: list[dict[str, str]]
    """Name and addresses that stay, of all servers."""
    substitute: dict[str, Any]
    """``edge_server`` of the server that takes this one's addresses first."""


def exchange_server_pool(servers: Mapping[str, Mapping[str, Any]], host: str = "") -> Pool:
    """``edge_server`` and ``server_pool`` by server -> what ``host`` has to know.

    A single server, and servers without ``server_pool``, get empty lists. Mistakes are an error that names all of them.
    """
    members = {
        name: (plain(values.get("edge_server") or {}), plain(values.get("server_pool") or {}))
        for name, values in servers.items()
    }
    if found := list(pool_problems(members)):
        raise ExchangeError(" ".join(map(str, found)), remedy="docs/pool.md has an example of several servers.")
    members = {name: one for name, one in members.items() if one[1]}
    order = list(members)
    groups: list[Group] = []
    if host in members:
        own = members[host][1]
        others = [members[name][1]["ip4"] for name in order if name != host]
        for number, owner in enumerate(order):
            moving = members[owner][0]
            behind = (order.index(host) - number) % len(order)
            groups.append(
                {
                    "name": str(moving["name"]),
                    # 0 is the number of a pair of edges in the same network
                    "number": number + 1,
                    "priority": OWN_PRIORITY if owner == host else max(160 - 10 * behind, 1),
                    # Only to its owner: between the others it would move a second time, when a later one was quicker
                    "returns": owner == host,
                    "instances": [
                        {
                            "interface": own["interface"],
                            # Without a network of their own, the host never sends from them by itself
                            "addresses": [
                                f"{moving[key]}/{length}"
                                for key, length in (("ip4", 32), ("ip6", 128))
                                if moving.get(key)
                            ],
                            "own": own["ip4"],
                            "peers": others,
                        }
                    ],
                }
            )
    return {
        "groups": groups,
        "peers": [members[name][1]["ip4"] for name in order if name != host] if host in members else [],
        "substitute": dict(members[order[(order.index(host) + 1) % len(order)]][0]) if host in members else {},
        "own": [
            {
                "name": f"{moving['name']} itself",
                **{key: str(own[key]) for key in ("ip4", "ip6") if own.get(key)},
            }
            for moving, own in members.values()
        ],
    }


def pool_problems(members: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]) -> Iterator[Mistake]:
    """What is wrong with ``edge_server`` and ``server_pool`` of the servers."""
    with_pool = [host for host, (_, own) in members.items() if own]
    if not with_pool:
        return
    if len(members) == 1:
        yield Mistake(
            with_pool[0], "server_pool", "", None, "is set, and there is only one server.",
            "Add the others to ftps_servers, or remove server_pool.",
        )  # fmt: skip
        return
    taken: dict[str, str] = {}
    for host, (moving, own) in members.items():
        if not own:
            yield Mistake(
                host, "server_pool", "", None, f"is missing, and {with_pool[0]} has it.",
                "Give it to all servers: the interface and the address that stays with the host.",
            )  # fmt: skip
            continue
        if not own.get("interface"):
            yield Mistake(host, "server_pool", "interface", None, "is missing.", "Name the interface towards the edge.")
        if not moving.get("ip4"):
            yield Mistake(
                host, "edge_server", "ip4", None, "is missing.",
                "Give the IPv4 address that moves: the servers announce the others with it.",
            )  # fmt: skip
        for name, part in (("edge_server", moving), ("server_pool", own)):
            yield from _addresses(host, name, part, taken)


def _addresses(host: str, name: str, part: Mapping[str, Any], taken: dict[str, str]) -> Iterator[Mistake]:
    if name == "server_pool" and not part.get("ip4"):
        yield Mistake(host, name, "ip4", None, "is missing.", "Give the IPv4 address that stays with the host.")
    for key, version in (("ip4", 4), ("ip6", 6)):
        text = part.get(key)
        if text is None:
            continue
        try:
            address = ip_address(str(text))
        except ValueError:
            address = None
        if address is None or address.version != version:
            # Those of edge_server are checked with or without a pool
            if name == "server_pool":
                yield Mistake(
                    host, name, key, text, f"is {text!r}, not an IPv{version} address.",
                    f"Give the IPv{version} address that stays with the host.",
                )  # fmt: skip
        elif str(address) in taken and (name == "server_pool" or "server_pool" in taken[str(address)]):
            yield Mistake(
                host, name, key, text, f"is {text}, which is {taken[str(address)]} too.",
                "One address moves and another one stays: give each server two.",
            )  # fmt: skip
        else:
            taken[str(address)] = f"{name}.{key} of {host}"
