"""Lines of the server's logs -> events with an account and an address.

ProFTPD writes "Incorrect password" for several causes. They differ in what PAM and the guard wrote for the
same process, so lines are read per process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address
from typing import Final, Literal

# The role metrics installs this file on servers, so it runs on Python 3.11 and imports nothing of the package
Kind = Literal[
    "opened",
    "login",
    "foreign address",
    "banned",
    "ban begins",
    "wrong password",
    "unknown account",
    "spelling",
    "session refused",
    "groups incomplete",
    "session limit",
    "address limit",
    "server full",
    "no TLS",
    "TLS version",
    "certificate refused",
    "TLS cut",
    "not resumed",
    "foreign data",
    "aborted",
]

SUCCESS: Final = "login"

FAILURES: Final[frozenset[Kind]] = frozenset(
    {
        *("foreign address", "banned", "wrong password", "unknown account", "spelling", "session refused"),
        *("groups incomplete", "session limit", "address limit", "server full"),
        *("no TLS", "TLS version", "certificate refused", "TLS cut", "not resumed", "foreign data"),
    }
)
"""What ends an attempt to log in or to transfer. An interrupted transfer may be anybody's wish."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a log. ``program`` is empty for the TLS log."""

    time: float
    pid: int
    program: str
    text: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; ``line`` is the evidence, ``detail`` what the line says beyond the kind."""

    kind: Kind
    time: float
    pid: int
    line: str
    account: str = ""
    address: str = ""
    detail: str = ""


_CLIENT: Final = r"\S+ \([^\[)]*\[(?P<address>[0-9A-Fa-f:.]+)\]\) - "

_Patterns = tuple[tuple[re.Pattern[str], Kind], ...]


def _compiled(*pairs: tuple[str, Kind]) -> _Patterns:
    return tuple((re.compile(pattern, re.IGNORECASE), kind) for pattern, kind in pairs)


_PROFTPD: Final = _compiled(
    (rf"{_CLIENT}FTP session opened", "opened"),
    (rf"{_CLIENT}USER (?P<account>.+): Login successful", "login"),
    (rf"{_CLIENT}USER (?P<account>.+): no such user found", "unknown account"),
    (rf"{_CLIENT}(?P<account>\S+) chdir\(\"/\"\) failed: Permission denied", "groups incomplete"),
    (rf"{_CLIENT}Connection refused \(MaxClientsPerUser (?P<detail>\d+)\)", "session limit"),
    (rf"{_CLIENT}Connection refused \(Max(?:Connections|Clients)PerHost (?P<detail>\d+)\)", "address limit"),
    (rf"{_CLIENT}Connection refused \(MaxClients (?P<detail>\d+)\)", "server full"),
    (r".*[Pp]assive connection from (?:foreign IP address )?(?P<detail>[0-9A-Fa-f:.]*[0-9A-Fa-f])", "foreign data"),
    (rf"{_CLIENT}notice: user (?P<account>\S+): aborting transfer: (?P<detail>.+)", "aborted"),
    (
        r"pam_access\(ftps-exchange:auth\): "
        r"access denied for user [`'](?P<account>[^']*)' from [`'](?P<address>[^']*)'",
        "foreign address",
    ),
)
_GUARD: Final = _compiled(
    (r"wrong password for '(?P<account>.*)' from (?P<address>\S+)", "wrong password"),
    (r"banned for (?P<detail>\d+) minutes after too many wrong passwords: (?P<account>.*)", "ban begins"),
)
_SESSION: Final = _compiled(
    (r"login of '(?P<account>.*)' refused: the account's name is written '(?P<detail>.*)'", "spelling"),
    (r"login of '(?P<account>.*)' refused: (?P<detail>.*)", "session refused"),
)
_PATTERNS: Final = {"proftpd": _PROFTPD, "ftps-exchange-guard": _GUARD, "ftps-exchange-session": _SESSION}

# The guard's and PAM's lines of a login name its process by their own numbers, but for these
_KERBEROS: Final = re.compile(r"pam_krb5\(ftps-exchange:auth\): .*?user (?P<account>\S+) authenticated as ")
_GUARD_REFUSED: Final = re.compile(r"pam_exec\(ftps-exchange:auth\): \S*ftps-exchange-guard failed")

_TLS: Final = _compiled(
    (r"client did not reuse TLS session", "not resumed"),
    (r"SSL/TLS required but absent", "no TLS"),
    (
        r"unable to accept TLS connection.*certificate|unable to accept TLS connection.*unknown ca",
        "certificate refused",
    ),
    (r"unable to accept TLS connection.*(?:unsupported protocol|no shared cipher|version|no protocols)", "TLS version"),
    (r"unable to accept TLS connection", "TLS cut"),
    (r"TLS negotiation timed out|handshake timed out", "TLS cut"),
)


def events(journal: Sequence[Line], tls: Sequence[Line]) -> list[Event]:
    """Every event, oldest first, with account and address as far as any line of its process names them."""
    found = [*_of_journal(journal), *_of_tls(tls)]
    found.sort(key=lambda event: event.time)
    return list(_completed(found, journal))


def _of_journal(journal: Iterable[Line]) -> Iterator[Event]:
    refused_by_guard = [(line.pid, line.time) for line in journal if _GUARD_REFUSED.match(line.text)]
    for line in journal:
        for pattern, kind in _PATTERNS.get(line.program, ()):
            if match := pattern.match(line.text):
                named = match.groupdict()
                if kind == "foreign address" and any(
                    pid == line.pid and 0 <= time - line.time < 10 for pid, time in refused_by_guard
                ):
                    # Both lists are read by pam_access; only the one of bans asks the guard
                    kind = "banned"
                yield Event(
                    kind,
                    line.time,
                    line.pid,
                    line.text,
                    named.get("account") or "",
                    plain_address(named.get("address") or ""),
                    named.get("detail") or "",
                )
                break


def _of_tls(tls: Iterable[Line]) -> Iterator[Event]:
    for line in tls:
        for pattern, kind in _TLS:
            if pattern.search(line.text):
                yield Event(kind, line.time, line.pid, line.text)
                break


def _completed(found: Iterable[Event], journal: Iterable[Line]) -> Iterator[Event]:
    """Account and address from other lines of the same session, which begins with "opened"."""
    address: dict[int, str] = {}
    account: dict[int, str] = {}
    authenticated = sorted(
        (line.time, line.pid, match["account"]) for line in journal if (match := _KERBEROS.match(line.text))
    )
    for event in found:
        if event.kind == "opened":
            address[event.pid] = event.address
            account.pop(event.pid, None)
        for time, pid, name in authenticated:
            if pid == event.pid and 0 <= event.time - time < 86400 and event.kind != "opened":
                account[pid] = name
        if event.account and event.kind != "ban begins":
            account[event.pid] = event.account
        yield replace(
            event,
            account=event.account or account.get(event.pid, ""),
            address=event.address or address.get(event.pid, ""),
        )


def plain_address(text: str) -> str:
    """An address in its usual form; an IPv4 client on an IPv6 socket is an IPv4 client."""
    try:
        parsed = ip_address(text)
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)
