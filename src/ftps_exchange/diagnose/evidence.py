"""What the hosts returned, typed.

The modules ftps_server_evidence, nftables_evidence and ldap_evidence document the keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .events import Line


@dataclass(frozen=True, slots=True)
class Session:
    """An open session. ``waiting`` are ports where it waits for a data connection."""

    account: str
    address: str
    since: float
    waiting: tuple[int, ...]
    data: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a firewall's set, with its counter."""

    element: str
    comment: str
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A packet that a firewall refused."""

    time: float
    source: str
    port: int


@dataclass(frozen=True, slots=True)
class Firewall:
    """What an edge or the firewall of a server returned."""

    host: str
    loaded: bool
    elements: tuple[Element, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class DirectoryAccount:
    """An account in the directory. Times are seconds since 1970; None for never."""

    enabled: bool
    expires: float | None
    locked: bool
    locked_until: float | None
    password_set: float | None
    last_login: float | None
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """What an FTPS server returned."""

    host: str
    now: float
    reached: float
    journal: tuple[Line, ...]
    tls: tuple[Line, ...]
    transfers: tuple[Mapping[str, Any], ...]
    sessions: tuple[Session, ...]
    bans: Mapping[str, Mapping[str, Any]]
    seen: Mapping[str, Mapping[str, float]]
    groups: Mapping[str, Sequence[str] | None]
    disk: Mapping[str, Any]
    certificate: Mapping[str, Any]
    services: Mapping[str, str]
    closed: bool
    quotas: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that could be had, and why the rest could not."""

    now: float
    servers: tuple[Server, ...] = ()
    edges: tuple[Firewall, ...] = ()
    hosts: tuple[Firewall, ...] = ()
    """The servers' own firewalls."""
    directory: Mapping[str, DirectoryAccount | None] | None = None
    """By account; None if the directory was not asked or did not answer."""
    pack_made: str | None = None
    """The day of the customer's pack, and whether there is one."""
    missing: tuple[str, ...] = field(default=())
    """Sentences: what could not be looked at, and why."""
    silent: frozenset[str] = frozenset()
    """Kinds of hosts (servers, edges, hosts, directory) of which one or more did not answer."""


def answers(
    results: Mapping[str, Mapping[str, Any]], kind: str, what: str, missing: list[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The results of the hosts of a kind that answered. The others are added to ``missing``, with the reason."""
    for host, result in (results.get(kind) or {}).items():
        if result.get("failed") or result.get("unreachable") or result.get("skipped"):
            reason = str(result.get("msg") or "").strip() or "no answer"
            missing.append(f"{what} {host}: {reason.splitlines()[0].rstrip('.')}")
        else:
            yield str(host), result


def read_server(host: str, result: Mapping[str, Any]) -> Server:
    """The result of ftps_server_evidence."""
    return Server(
        host=host,
        now=float(result["now"]),
        reached=float(result["reached"]),
        journal=tuple(_line(entry) for entry in result["journal"]),
        tls=tuple(_line(entry) for entry in result["tls"]),
        transfers=tuple(result["transfers"]),
        sessions=tuple(
            Session(
                str(one["account"]),
                str(one["address"]),
                float(one["since"]),
                tuple(map(int, one["waiting"])),
                tuple(map(str, one["data"])),
            )
            for one in result["sessions"]
        ),
        bans=result["bans"],
        seen=result["seen"],
        groups=result["groups"],
        disk=result["disk"],
        certificate=result["certificate"],
        services=result["services"],
        closed=bool(result["closed"]),
        quotas=tuple(result.get("quotas") or ()),
    )


def _line(entry: Mapping[str, Any]) -> Line:
    return Line(float(entry["time"]), int(entry["pid"]), str(entry.get("program") or ""), str(entry["text"]))


def read_firewall(host: str, result: Mapping[str, Any]) -> Firewall:
    """The result of nftables_evidence."""
    return Firewall(
        host,
        bool(result["loaded"]),
        tuple(
            Element(str(one["element"]), str(one["comment"]), int(one["packets"]), int(one["bytes"]))
            for one in result["elements"]
        ),
        tuple(Refused(float(one["time"]), str(one["source"]), int(one["port"])) for one in result["refused"]),
    )


def read_directory(result: Mapping[str, Any]) -> dict[str, DirectoryAccount | None]:
    """The result of ldap_evidence."""
    return {str(name): _account(entry) if entry else None for name, entry in result["accounts"].items()}


def _account(entry: Mapping[str, Any]) -> DirectoryAccount:
    return DirectoryAccount(
        enabled=bool(entry["enabled"]),
        expires=_time(entry["expires"]),
        locked=bool(entry["locked"]),
        locked_until=_time(entry["locked_until"]),
        password_set=_time(entry["password_set"]),
        last_login=_time(entry["last_login"]),
        groups=tuple(entry["groups"]),
    )


def _time(value: Any) -> float | None:
    return None if value is None else float(value)
