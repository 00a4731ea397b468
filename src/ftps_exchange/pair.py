"""Two edges: which addresses move between them, and what each has to know about the other.

Each edge has ``edge_pair``, its own IPv4 address by interface. Both have ``edge_virtual_addresses``: by interface, the
addresses that one of them has at a time.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Any, TypedDict

from .errors import ExchangeError
from .mistake import Mistake
from .model.view import plain

Address = IPv4Interface | IPv6Interface


class Instance(TypedDict):
    """An interface with addresses that move."""

    interface: str
    addresses: list[str]
    own: str
    peers: list[str]


class Group(TypedDict):
    """Addresses that move together."""

    name: str
    number: int
    """Distinguishes the groups of a network: it is added to ``virtual_addresses_router_id``."""
    priority: int
    """VRRP priority of this host. The highest one wins."""
    returns: bool
    """Whether the addresses go back to the host with the highest priority after it comes back."""
    instances: list[Instance]


class Pair(TypedDict):
    """What an edge has to know."""

    groups: list[Group]
    own: list[str]
    """Addresses that stay, of this edge."""
    peers: list[str]
    """Addresses that stay, of the other one."""
    addresses: list[str]
    """All addresses of both, without the length of a prefix."""
    sync_own: str
    """This edge's address where they send each other their connections; empty with one edge."""
    sync_peer: str
    """The other one's address there."""


def exchange_edge_pair(
    virtual_addresses: Mapping[str, Sequence[str]],
    edges: Mapping[str, Mapping[str, str]],
    host: str,
    sync_interface: str = "",
) -> Pair:
    """The addresses that move, and those that stay by edge -> what the edge ``host`` has to know.

    A single edge gets empty lists. Mistakes are an error that names all of them.
    """
    virtual, fixed = plain(virtual_addresses or {}), {name: plain(own or {}) for name, own in edges.items()}
    found = list(pair_problems(virtual, fixed, sync_interface))
    if found:
        raise ExchangeError(" ".join(map(str, found)), remedy="docs/edge.md has an example of two edges.")
    if not virtual:
        return {"groups": [], "own": [], "peers": [], "addresses": [], "sync_own": "", "sync_peer": ""}
    [other] = [name for name in fixed if name != host]
    instances: list[Instance] = [
        {
            "interface": interface,
            "addresses": sorted((str(one) for one in addresses), key=lambda one: ":" in one),
            "own": fixed[host][interface],
            "peers": [fixed[other][interface]],
        }
        for interface, addresses in virtual.items()
    ]
    # The first one has the addresses after both have started
    priority = 150 if host == next(iter(fixed)) else 100
    return {
        "groups": [
            {"name": "edges", "number": 0, "priority": priority, "returns": False, "instances": instances},
        ],
        "own": list(fixed[host].values()),
        "peers": list(fixed[other].values()),
        "addresses": [
            *(str(ip_interface(one).ip) for addresses in virtual.values() for one in addresses),
            *(address for own in fixed.values() for address in own.values()),
        ],
        "sync_own": fixed[host][sync_interface],
        "sync_peer": fixed[other][sync_interface],
    }


def pair_problems(
    virtual: Mapping[str, Any], edges: Mapping[str, Mapping[str, Any]], sync_interface: str
) -> Iterator[Mistake]:
    """What is wrong with the declaration of a pair."""
    first = next(iter(edges), "edges")
    if not virtual:
        for host, own in edges.items():
            if own:
                yield Mistake(
                    host, "edge_pair", "", own, "is set without edge_virtual_addresses.",
                    "Set edge_virtual_addresses for both edges: the addresses that move, by interface.",
                )  # fmt: skip
        return
    if len(edges) != 2:
        yield Mistake(
            first, "edge_virtual_addresses", "", None, f"needs two edges, and the group edges has {len(edges)}.",
            "Add the other one, or remove edge_virtual_addresses.",
        )  # fmt: skip
        return
    if sync_interface not in virtual:
        yield Mistake(
            first, "connection_sync_interface", "", sync_interface or None,
            "is not an interface of edge_virtual_addresses." if sync_interface else "is missing.",
            f"Name the one on which the edges send each other their connections: {', '.join(virtual)}.",
        )  # fmt: skip
    taken: dict[str, str] = {}
    for interface, addresses in virtual.items():
        moving = yield from _moving(first, interface, addresses)
        network = next((one.network for one in moving if isinstance(one, IPv4Interface)), None)
        if moving and network is None:
            yield Mistake(
                first, "edge_virtual_addresses", interface, addresses, "has no IPv4 address.",
                "Add one: the edges announce the others with it.",
            )  # fmt: skip
        taken |= {str(one.ip): f"edge_virtual_addresses.{interface}" for one in moving}
        for host, own in edges.items():
            if network is not None:
                yield from _staying(host, interface, own.get(interface), network, taken)
    for host, own in edges.items():
        for interface in own.keys() - virtual.keys():
            yield Mistake(
                host, "edge_pair", interface, own[interface], "is an interface without addresses that move.",
                f"Add it to edge_virtual_addresses, or remove it. There are: {', '.join(virtual)}.",
            )  # fmt: skip


def _moving(host: str, interface: str, addresses: Any) -> Generator[Mistake, None, list[Address]]:
    """Yield what is wrong with the addresses of an interface, and return the others."""
    found: list[Address] = []
    if not isinstance(addresses, list) or not addresses:
        yield Mistake(
            host, "edge_virtual_addresses", interface, addresses, "is not a list of addresses.",
            "Write for example [10.20.30.1/24, 'fd20:30::1/64'].",
        )  # fmt: skip
        return found
    for address in addresses:
        try:
            parsed = ip_interface(str(address))
        except ValueError:
            parsed = None
        if parsed is None or "/" not in str(address):
            yield Mistake(
                host, "edge_virtual_addresses", interface, address, f"has {address!r}, which has no prefix length.",
                "Write for example 10.20.30.1/24.",
            )  # fmt: skip
        else:
            found.append(parsed)
    return found


def _staying(host: str, interface: str, own: Any, network: Any, taken: dict[str, str]) -> Iterator[Mistake]:
    def problem(message: str, remedy: str) -> Mistake:
        return Mistake(host, "edge_pair", interface, own, message, remedy)

    if own is None:
        yield problem("is missing.", f"Add the IPv4 address in {network} that stays with this edge.")
        return
    try:
        address = ip_address(str(own))
    except ValueError:
        address = None
    if not isinstance(address, IPv4Address):
        yield problem(f"is {own!r}, not an IPv4 address.", f"Write the one in {network} that stays with this edge.")
    elif address not in network:
        yield problem(f"is {own}, which is not in {network}.", "Give the edge an address of that network.")
    elif str(address) in taken:
        yield problem(f"is {own}, which is {taken[str(address)]} too.", "Give each edge an address of its own.")
    else:
        taken[str(address)] = f"the address of {host}"
