#!/usr/bin/python
"""End the FTPS sessions of accounts that may no longer be logged in from where they are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ftps_sessions
short_description: End FTPS sessions that are no longer permitted
description:
  - Runs on an FTPS server with Linux.
  - Looks at every process of the daemon and ends those whose account is not permitted (any more), or whose client
    has an address from which that account may not come.
  - Whose session a process is was noted at its login by C(ftps-exchange-session). ProFTPD's own list (C(ftpwho)) is not
    asked, because customers write into it; it crashes at a file name that is not UTF-8.
  - All other sessions go on undisturbed, their transfers too. A connection that has not logged in yet is left alone,
    because the login itself will be judged by the new rules.
  - Without a running daemon there is nothing to do.
options:
  permitted:
    description:
      - Every account that may be logged in, with the networks (CIDR, IPv4 and IPv6) from which it may come.
      - The whole list. An account that is not in it may not be logged in at all.
    type: dict
    required: true
  pid_file:
    description: The daemon's C(PidFile).
    type: path
    default: /run/ftps-exchange/proftpd.pid
  sessions:
    description: Where logins are noted, one file for each session, named after its process.
    type: path
    default: /run/ftps-exchange/sessions
  grace_seconds:
    description: How long a session may take to end after SIGTERM (it writes its log record then) before it is killed.
    type: float
    default: 5.0
attributes:
  check_mode:
    support: full
    description: Tells which sessions it would end.
  diff_mode:
    support: full
    description: The sessions that are ended, as lines that are gone afterwards.
notes:
  - A session is only ended after checking that its process still is a child of the daemon; the process is held by a
    file descriptor (pidfd) meanwhile, so that a number used anew is never mistaken for it.
  - A process that runs as somebody's account, and of which nothing was noted, is ended as well.
author: the ftps-exchange contributors
"""

EXAMPLES = r"""
- name: End the sessions of everybody who is not on the list
  ftps.exchange.ftps_sessions:
    permitted:
      acme-up: [198.51.100.20/32, "2001:db8:100::20/128"]
      acme-read: [198.51.100.20/32]

- name: End every session
  ftps.exchange.ftps_sessions:
    permitted: {}
"""

RETURN = r"""
ended:
  description: The sessions that were ended (in check mode, would be), by account and time.
  returned: always
  type: list
  elements: dict
  contains:
    account: {description: The account., type: str}
    address: {description: The client's address., type: str}
    pid: {description: The session's process., type: int}
    since: {description: "When the account logged in (RFC 3339, UTC).", type: str}
    reason: {description: Why it may not go on., type: str}
  sample:
    - account: initech-up
      address: 198.51.100.40
      pid: 4711
      since: "2026-11-23T16:30:40Z"
      reason: account not permitted
remaining:
  description: How many sessions go on.
  returned: always
  type: int
"""

import contextlib
import datetime
import ipaddress
import json
import os
import select
import signal
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

DAEMON = "proftpd"


def networks_of(permitted: dict[str, Any]) -> dict[str, list[Network]]:
    """Parse the permitted networks; a wrong one is the caller's mistake and named in the error."""
    parsed: dict[str, list[Network]] = {}
    for account, networks in permitted.items():
        if not isinstance(networks, list):
            raise ValueError(f"permitted: {account}: expected a list of networks, got {networks!r}")
        try:
            parsed[str(account)] = [ipaddress.ip_network(network) for network in networks]
        except ValueError as problem:
            raise ValueError(f"permitted: {account}: {problem}") from problem
    return parsed


def client_address(text: str) -> Address:
    """Parse an address as ProFTPD tells it to PAM; an IPv4 client on an IPv6 socket is an IPv4 client."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@dataclass(frozen=True)
class Session:
    """A process of the daemon that somebody is logged in with."""

    pid: int
    account: str
    address: str
    since: str


def judge(session: Session, permitted: dict[str, list[Network]]) -> str | None:
    """Tell why a session may not go on, or None if it may."""
    if session.account not in permitted:
        return "account not permitted"
    try:
        address = client_address(session.address)
    except ValueError:
        return "address unknown"
    if not any(address in network for network in permitted[session.account]):
        return "address not permitted"
    return None


def forbidden_sessions(
    sessions: Iterable[Session], permitted: dict[str, list[Network]]
) -> Iterator[tuple[Session, str]]:
    """Pick the sessions to end, in a stable order, each with the reason."""
    for session in sorted(sessions, key=lambda one: (one.account, one.since, one.pid)):
        reason = judge(session, permitted)
        if reason is not None:
            yield session, reason


def daemon_of(pid_file: Path, proc: Path) -> int | None:
    """The daemon's process; None if it does not run. After a crash its number may be another program's."""
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
        name = (proc / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if name == DAEMON else None


def processes_of(daemon: int, proc: Path) -> list[int]:
    """All processes that the daemon has started: one for each connection, logged in or not."""
    pids = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal())
    return [pid for pid in pids if parent_of(pid, proc) == daemon]


def session_of(pid: int, notes: Path, proc: Path) -> Session | None:
    """Whose session this process is; None before the login, or if it has just ended.

    Until the login is through, a process of ProFTPD has root as its real user, afterwards it is the account's alone.
    """
    fields = status_of(pid, proc)
    try:
        real = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
        user = int(real.partition("\nUid:")[2].split(maxsplit=1)[0])
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields is None:
        return None
    try:
        file = notes / str(pid)
        note = json.loads(file.read_text(encoding="utf-8"))
        if note["started"] == int(fields[19]):
            return Session(pid, str(note["account"]), str(note["address"]), _moment(file.stat().st_mtime))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    return Session(pid, f"(user id {user})", "", "") if user != 0 else None


def _moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def status_of(pid: int, proc: Path) -> list[str] | None:
    """What the kernel says of a process, from its state on (proc(5), field 3); None if it is gone."""
    try:
        status = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in parentheses, may contain anything; what follows the last one cannot.
    return status.rpartition(")")[2].split()


def parent_of(pid: int, proc: Path) -> int | None:
    """Read the parent of a process; None if it is gone."""
    fields = status_of(pid, proc)
    return None if fields is None else int(fields[1])


@contextlib.contextmanager
def process_handle(pid: int) -> Iterator[int | None]:
    """Hold a process by a file descriptor; None if it is gone."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def end_session(pid: int, daemon: int, grace_seconds: float, proc: Path = Path("/proc")) -> bool:
    """End one session's process; False if it was gone, or was no session of this daemon."""
    with process_handle(pid) as handle:
        if handle is None or parent_of(pid, proc) != daemon:
            return False
        for number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            # A pidfd becomes readable when the process has ended.
            if select.select([handle], [], [], seconds)[0]:
                return True
        raise TimeoutError(
            f"session process {pid} does not end, not even by SIGKILL: look at its state in /proc/{pid}/status"
        )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "permitted": {"type": "dict", "required": True},
            "pid_file": {"type": "path", "default": "/run/ftps-exchange/proftpd.pid"},
            "sessions": {"type": "path", "default": "/run/ftps-exchange/sessions"},
            "grace_seconds": {"type": "float", "default": 5.0},
        },
        supports_check_mode=True,
    )
    try:
        permitted = networks_of(module.params["permitted"])
    except ValueError as problem:
        module.fail_json(msg=str(problem))
    proc = Path("/proc")
    daemon = daemon_of(Path(module.params["pid_file"]), proc)
    processes = [] if daemon is None else processes_of(daemon, proc)
    notes = Path(module.params["sessions"])
    sessions = [session for pid in processes if (session := session_of(pid, notes, proc)) is not None]
    ended: list[dict[str, Any]] = []
    try:
        for session, reason in forbidden_sessions(sessions, permitted):
            if module.check_mode or (
                daemon is not None and end_session(session.pid, daemon, module.params["grace_seconds"])
            ):
                ended.append({**asdict(session), "reason": reason})
    except (OSError, TimeoutError) as problem:
        module.fail_json(msg=f"cannot end a session that is no longer permitted: {problem}")
    before = "".join(f"{one['account']} from {one['address']} since {one['since']}: {one['reason']}\n" for one in ended)
    module.exit_json(
        changed=bool(ended),
        ended=ended,
        remaining=len(processes) - len(ended),
        diff={"before_header": "sessions", "after_header": "sessions", "before": before, "after": ""},
    )


if __name__ == "__main__":
    main()
