"""The rules between the settings of a service, for the model and for roles that are used without it.

Each names the setting as the model does. The caller adds the place: a file and a line, or a variable of a role.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from ftps_exchange.model.problems import RefusedError

type Ports = tuple[int, int]
"""First and last port of a range; one port is (21, 21)."""

LOWEST_PASSIVE_PORT: Final = 1025
HIGHEST_PORT: Final = 65535

# Ports for the management of servers, or between servers. As a port of the service it would not answer as FTPS, or
# would lock the administrators out; inside the passive range it would be open to every customer.
MANAGEMENT_PORTS: Final = {
    22: "SSH",
    53: "DNS",
    88: "Kerberos",
    135: "RPC",
    139: "SMB",
    389: "LDAP",
    445: "SMB",
    636: "LDAPS",
    3389: "Remote Desktop",
    5985: "WinRM",
    5986: "WinRM",
}

_USUAL: Final = {
    "explicit_port": "21",
    "implicit_port": "990, or null",
    "also_explicit_port": "the one that customers have used until now",
    "also_implicit_port": "the one that customers have used until now",
}

# Experiments (RFC 4727): no other service has them, and no client gets one as the port of its own end
INNER_PORTS: Final = {"explicit_port": 1021, "implicit_port": 1022}
"""Where control connections to the former public IPv4 address arrive at a server, which so knows what to announce."""


FORMER: Final = ("public_ip4", "public_ip6", "explicit_port", "implicit_port", "passive_ports")
"""What may have a former value beside it, under the same name with also_ before it."""


class Flaw(NamedTuple):
    """What is wrong with a setting of the service, and the remedy."""

    key: str
    value: object
    message: str
    remedy: str


def passive_range(value: Any) -> Ports:
    """The passive ports, if they are a range that a service may have."""
    remedy = "Give the first and the last port: [50000, 50099]."
    if not isinstance(value, list) or len(value) != 2:
        raise RefusedError("is not a list of two ports.", remedy)
    if not all(isinstance(port, int) and not isinstance(port, bool) for port in value):
        raise RefusedError("contains something other than plain numbers.", remedy)
    first, last = value
    if first > last:
        raise RefusedError(
            "is reversed, so it is empty.", f"Write [{last}, {first}]." if 0 < last < first <= HIGHEST_PORT else remedy
        )
    if first < LOWEST_PASSIVE_PORT:
        raise RefusedError(
            f"begins below {LOWEST_PASSIVE_PORT}, among the ports of well-known services.",
            f"Begin at {LOWEST_PASSIVE_PORT} or above.",
        )
    if last > HIGHEST_PORT:
        raise RefusedError(f"ends above {HIGHEST_PORT}, the highest port.", f"End at {HIGHEST_PORT} or below.")
    return int(first), int(last)


def port_flaws(
    services: Iterable[tuple[str, int]], ranges: Iterable[tuple[str, Ports]], sessions: int | None
) -> Iterator[Flaw]:
    """Problems between ports and passive ranges that are valid on their own; no sessions is an invalid setting."""
    services = list(services)
    taken: dict[int, str] = {}
    for key, port in services:
        if taken.setdefault(port, key) != key:
            yield Flaw(
                key,
                port,
                f"is also the {taken[port].replace('_', ' ')}.",
                "Use another port (990 is usual), or null to switch implicit FTPS off."
                if key == "implicit_port"
                else f"Use another port ({_USUAL[key]}).",
            )
    for key, port in services:
        if port in MANAGEMENT_PORTS:
            yield Flaw(
                key,
                port,
                f"is the port of {MANAGEMENT_PORTS[port]}, which servers need themselves.",
                f"Use another port ({_USUAL[key]}).",
            )
    for key, passive in ranges:
        yield from _range_flaws(services, key, passive, sessions)


def _range_flaws(
    services: Iterable[tuple[str, int]], passive_key: str, passive: Ports, sessions: int | None
) -> Iterator[Flaw]:
    first, last = passive
    for key, port in services:
        if first <= port <= last:
            yield Flaw(
                passive_key,
                [first, last],
                f"contains {key} {port}.",
                "Move the range or the port: a data connection could take the service's own port.",
            )
    managed = [f"{port} ({what})" for port, what in MANAGEMENT_PORTS.items() if first <= port <= last]
    if managed:
        yield Flaw(
            passive_key,
            [first, last],
            f"contains {', '.join(managed)}: open to every customer, and not for transfers.",
            "Choose a small range without them, such as [50000, 50099].",
        )
    size = last - first + 1
    if sessions is not None and size < sessions:
        yield Flaw(
            passive_key,
            [first, last],
            f"has {size} port{'s' if size > 1 else ''} for {sessions} sessions (max_sessions).",
            f"The server uses these ports until that day: keep max_sessions at {size} or less until then."
            if passive_key.startswith("also_")
            else "Each session may hold one data port at a time, so give at least as many ports as max_sessions: "
            + (
                f"[{first}, {first + sessions - 1}]."
                if first + sessions - 1 <= HIGHEST_PORT
                else "a lower first port, or fewer sessions."
            ),
        )


def former_flaws(exchange: Mapping[str, Any]) -> Iterator[Flaw]:
    """Whether each former value, as ``{key: value}`` under ``also_key``, has a new one beside it."""
    for key in FORMER:
        former = exchange.get(f"also_{key}")
        if former is None:
            continue
        if exchange.get(key) is None:
            yield Flaw(
                f"also_{key}",
                former,
                f"is a former value, and {key} has no new one.",
                f"Set {key} to the new value, or remove this key.",
            )
        elif exchange[key] == former:
            yield Flaw(
                f"also_{key}",
                former,
                f"is the same as {key}.",
                f"Write the former value here and the new one in {key}, or remove this key.",
            )


def inner_port_flaws(services: Iterable[tuple[str, int]]) -> Iterator[Flaw]:
    """Whether a port is one that the servers need for a former public IPv4 address."""
    for key, port in services:
        if port in INNER_PORTS.values():
            yield Flaw(
                key,
                port,
                "is a port that the servers need themselves for also_public_ip4.",
                f"Use another port ({_USUAL[key]}), or remove also_public_ip4.",
            )


def merged(ranges: Iterable[Ports]) -> list[Ports]:
    """The same ports in ranges that neither overlap nor touch: a packet filter refuses those that overlap."""
    found: list[Ports] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def address_flaws(public_ip4: object, public_ip6: object) -> Iterator[Flaw]:
    """Whether there is an address that passive mode can announce."""
    if public_ip4 is None and public_ip6 is None:
        yield Flaw(
            "public_ip4",
            None,
            "is missing, and so is public_ip6.",
            "Give at least one public address: passive mode announces it to customers.",
        )


def tls_flaws(oldest: object, newest: object) -> Iterator[Flaw]:
    """Whether any version of TLS is left."""
    if (oldest, newest) == ("1.3", "1.2"):
        yield Flaw(
            "tls_minimum_version",
            oldest,
            "is newer than tls_maximum_version ('1.2', its default), so no version is left.",
            "Write '1.2', or set tls_maximum_version to '1.3' too. That has a cost: curl, PHP, Ruby and Java lose "
            "uploads with TLS 1.3, some of them silently, and clients that support only 1.2 are refused.",
        )
