"""What a role's settings must be besides what its argument specification can say: ranges, pairs, lists that agree.

Each function takes a role's variables by name and gives one sentence for everything that is wrong, remedy included; an
empty list is a role that may begin. Types are the argument specification's business, so a number may still be a text
here: a specification checks values and never changes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

LOWEST_PASSIVE_PORT: Final = 1025
HIGHEST_PORT: Final = 65535
SHORTEST_ROLLBACK_SECONDS: Final = 20
"""The confirmation opens a new connection; less would take back rules that are good."""

SMALLEST_PACKET: Final = 576
"""What every host of IPv4 takes (RFC 1122 section 3.3.2)."""
LARGEST_PACKET: Final = 9000
"""Ethernet's jumbo frames."""

WORDS_OF_PAM_ACCESS: Final = frozenset({"all", "except", "local", "none"})
"""Names to which access.conf(5) gives a meaning of its own, in any case of letters: an account called "all" would let
everybody in from its networks."""

_ACCOUNT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)

type Settings = Mapping[str, Any]


def edge_problems(settings: Settings) -> list[str]:
    """The variables of the role edge -> what keeps it from beginning."""
    return list(_edge(settings))


def host_firewall_problems(settings: Settings) -> list[str]:
    """The variables of the role host_firewall -> what keeps it from beginning."""
    return list(_host_firewall(settings))


def ftps_server_problems(settings: Settings) -> list[str]:
    """The variables of the role ftps_server -> what keeps it from beginning."""
    return list(_ftps_server(settings))


def _edge(settings: Settings) -> Iterator[str]:
    addresses = [str(address) for address in settings["edge_public_addresses"]]
    servers: Sequence[Mapping[str, Any]] = settings["edge_servers"]
    if not addresses:
        yield "edge_public_addresses is empty: the service needs an address"
    families: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
        ("IPv4", "ip4", lambda address: ":" not in address),
        ("IPv6", "ip6", lambda address: ":" in address),
    )
    for family, key, belongs in families:
        if any(map(belongs, addresses)) and not (servers and all(server.get(key) for server in servers)):
            yield f"edge_public_addresses has {family}, so every one of edge_servers needs an {key}"
    size = int(settings["edge_max_packet_size"])
    if size != 0 and not SMALLEST_PACKET <= size <= LARGEST_PACKET:
        yield (
            f"edge_max_packet_size {size} must be from {SMALLEST_PACKET} to {LARGEST_PACKET} bytes, "
            "or 0 to leave the size to clients and servers"
        )
    yield from _packet_filter(settings, "edge", "the edge")


def _host_firewall(settings: Settings) -> Iterator[str]:
    yield from _packet_filter(settings, "host_firewall", "the server")
    if int(settings["host_firewall_max_connections_per_customer"]) < 0:
        yield "host_firewall_max_connections_per_customer must be at least 1, or 0 for no limit"


def _packet_filter(settings: Settings, role: str, host: str) -> Iterator[str]:
    """What the two roles that load rules have in common."""
    ports = settings[f"{role}_passive_ports"]
    if len(ports) != 2 or int(ports[0]) > int(ports[1]):
        yield f"{role}_passive_ports must be the first and the last port of a range"
    if settings[f"{role}_management_by_network"] and not settings[f"{role}_management_networks"]:
        yield (
            f"{role}_management_networks is empty, so nobody could manage {host} over the network: give the networks "
            f"that may, or set {role}_management_by_network to false if it is entered another way"
        )
    seconds = int(settings[f"{role}_rollback_seconds"])
    if seconds != 0 and seconds < SHORTEST_ROLLBACK_SECONDS:
        yield (
            f"{role}_rollback_seconds must be at least {SHORTEST_ROLLBACK_SECONDS}, "
            "or 0 to go without taking rules back"
        )


def _ftps_server(settings: Settings) -> Iterator[str]:
    if not settings["ftps_server_fqdn"]:
        yield "set ftps_server_fqdn to the name in the certificate"
    if settings["ftps_server_public_ip4"] is None and settings["ftps_server_public_ip6"] is None:
        yield "set ftps_server_public_ip4 or ftps_server_public_ip6, or nobody is served"
    explicit, implicit = settings["ftps_server_explicit_port"], settings["ftps_server_implicit_port"]
    services = [int(port) for port in (explicit, implicit) if port is not None]
    outside = [port for port in services if not 1 <= port <= HIGHEST_PORT]
    if outside:
        yield f"a service port is none of 1 to {HIGHEST_PORT}: {_listed(outside)}"
    if len(set(services)) < len(services):
        yield "explicit and implicit TLS need different ports"
    yield from _passive_ports(settings, services)
    oldest, newest = (settings[f"ftps_server_tls_{end}_version"] for end in ("minimum", "maximum"))
    if str(oldest) > str(newest):
        yield (
            f"ftps_server_tls_minimum_version {oldest} is newer than ftps_server_tls_maximum_version {newest}: "
            f'set the maximum to "{oldest}", too'
        )
    yield from _accounts(settings["ftps_server_accounts"])


def _passive_ports(settings: Settings, services: Sequence[int]) -> Iterator[str]:
    ports = [int(port) for port in settings["ftps_server_passive_ports"]]
    if len(ports) != 2 or not LOWEST_PASSIVE_PORT <= ports[0] <= ports[1] <= HIGHEST_PORT:
        yield (
            f"ftps_server_passive_ports {ports} must be two ports, the first not above the last, "
            f"from {LOWEST_PASSIVE_PORT} to {HIGHEST_PORT}"
        )
        return
    passive = range(ports[0], ports[1] + 1)
    sessions = int(settings["ftps_server_max_sessions"])
    if sessions > len(passive):
        yield (
            f"ftps_server_max_sessions {sessions} is more than the passive ports {ports}: "
            "lower it or widen the range, or the server will use ports outside it"
        )
    if any(port in passive for port in services):
        yield f"a service port lies in ftps_server_passive_ports {ports}: move one of them"


def _accounts(accounts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [str(account["name"]) for account in accounts]
    taken = [name for name in names if name.lower() in WORDS_OF_PAM_ACCESS]
    if taken:
        yield f"account names that pam_access takes for its own words: {_listed(taken)}: rename them"
    strange = [name for name in names if not _ACCOUNT_NAME.fullmatch(name)]
    if strange:
        yield f"account names that are no names: {_listed(strange)}: use a-z, 0-9, dot, underscore and hyphen"
    homeless = [str(account["name"]) for account in accounts if not account.get("networks")]
    if homeless:
        yield f"accounts without a network could log in from nowhere: {_listed(homeless)}: give them one or drop them"


def _listed(values: Collection[object]) -> str:
    """Enough of them to find the cause, on one line."""
    shown = [str(value) for value in list(values)[:10]]
    return ", ".join(shown) + (f" and {len(values) - len(shown)} more" if len(values) > len(shown) else "")
