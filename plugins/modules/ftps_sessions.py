#!/usr/bin/python
"""End FTPS sessions that are no longer permitted, or that have too many rights."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ftps_sessions
short_description: End FTPS sessions that are no longer permitted
description:
  - Runs on an FTPS server with Linux.
  - Checks every process of the daemon, and ends those whose account is not permitted (any more), whose client has an
    address that is not permitted for the account, or that got more at their login than the account has now (the home
    of another customer, a withdrawn share, or a right to write that is now a right to read).
  - At each login C(ftps-exchange-session) records to whom the process belongs. The module does not use ProFTPD's own
    list (C(ftpwho)), because customers write into it, and it crashes at a file name that is not UTF-8.
  - All other sessions and their transfers continue undisturbed. A connection that has not logged in yet is not
    touched, because the new rules apply to its login.
  - Without a running daemon there is nothing to do.
options:
  accounts:
    description:
      - Every permitted account. The list is complete. An account that is not in it must not be logged in at all.
      - Each is a dictionary with C(name), C(networks) (CIDR, IPv4 and IPv6, from which it may connect), and its rights,
        C(customer), C(home) (C(read) or C(write)) and C(shares) (a dictionary of the same words). Without C(home)
        the module does not check its rights. The filter P(ftps.exchange.exchange_access#filter) returns such a list.
    type: list
    elements: dict
    required: true
  pid_file:
    description: The daemon's C(PidFile).
    type: path
    default: /run/ftps-exchange/proftpd.pid
  sessions:
    description: Folder with the records of logins, one file for each session, named after its process.
    type: path
    default: /run/ftps-exchange/sessions
  access_file:
    description:
      - The list of who may log in, which O(removal) guards. A run that has replaced it already passes; one that only
        ends sessions compares O(removal) with the list as it is.
    type: path
    default: /etc/ftps-exchange/access.conf
  access_pattern:
    description: Regular expression whose first group is the name of a customer, for each line of O(access_file) that
      names one. Required with O(removal).
    type: str
  grace_seconds:
    description: How long a session may take to end after SIGTERM (it writes its log record then) before it is killed.
    type: float
    default: 5.0
extends_documentation_fragment: [ftps.exchange.removal]
attributes:
  check_mode:
    support: full
    description: Reports which sessions it would end.
  diff_mode:
    support: full
    description: The ended sessions, as removed lines.
notes:
  - A session is only ended after checking that its process is still a child of the daemon. A file descriptor (pidfd)
    holds the process meanwhile, so a reused process number is never mistaken for it.
  - A process that runs as an account and has no record is ended as well.
author: the ftps-exchange contributors
"""

EXAMPLES = r"""
- name: End the sessions of everybody who is not on the list
  ftps.exchange.ftps_sessions:
    accounts:
      - name: acme-up
        networks: [198.51.100.20/32, "2001:db8:100::20/128"]
        customer: acme
        home: write
        shares: {maps: read, dropbox: write}
      - {name: acme-read, networks: [198.51.100.20/32], customer: acme, home: read, shares: {maps: read}}

- name: End every session
  ftps.exchange.ftps_sessions:
    accounts: []
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
    reason: {description: Why it must end., type: str}
  sample:
    - account: initech-up
      address: 198.51.100.40
      pid: 4711
      since: "2026-11-23T16:30:40Z"
      reason: account not permitted
remaining:
  description: Number of sessions that continue.
  returned: always
  type: int
"""

import contextlib
import datetime
import ipaddress
import json
import os
import re
import select
import signal
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.removal import REMOVAL_SPEC, read_removal, refusal

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

DAEMON = "proftpd"


@dataclass(frozen=True)
class Rights:
    """The customer of the home, and where an account may write: in the home, and in which shares."""

    customer: str
    home_writable: bool
    shares: dict[str, bool]


@dataclass(frozen=True)
class Permission:
    """The networks of an account, and its rights; None if they are not checked."""

    networks: list[Network]
    rights: Rights | None


def permissions_of(accounts: list[dict[str, Any]]) -> dict[str, Permission]:
    """Parse the accounts; a wrong value is the caller's mistake and named in the error."""
    parsed: dict[str, Permission] = {}
    for number, account in enumerate(accounts):
        name = str(account.get("name") or f"number {number + 1}")
        networks = account.get("networks")
        if not isinstance(networks, list):
            raise ValueError(f"accounts: {name}: networks: expected a list of networks, got {networks!r}")
        try:
            parsed[name] = Permission([ipaddress.ip_network(network) for network in networks], _rights(account))
        except ValueError as problem:
            raise ValueError(f"accounts: {name}: {problem}") from problem
    return parsed


def _rights(account: dict[str, Any]) -> Rights | None:
    if account.get("home") is None:
        return None
    shares = account.get("shares") or {}
    for where, access in (
        ("home", account["home"]),
        *((f"shares: {share}", access) for share, access in shares.items()),
    ):
        if access not in ("read", "write"):
            raise ValueError(f"{where}: expected read or write, got {access!r}")
    writable = {str(share): access == "write" for share, access in shares.items()}
    return Rights(str(account.get("customer")), account["home"] == "write", writable)


def client_address(text: str) -> Address:
    """Parse an address as ProFTPD gives it to PAM; an IPv4 client on an IPv6 socket is an IPv4 client."""
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
    given: Rights | None = None
    """Its rights from the login; None if they were not recorded."""


def judge(session: Session, permitted: dict[str, Permission]) -> str | None:
    """Return why a session may not continue, or None if it may."""
    if session.account not in permitted:
        return "account not permitted"
    permission = permitted[session.account]
    try:
        address = client_address(session.address)
    except ValueError:
        return "address unknown"
    if not any(address in network for network in permission.networks):
        return "address not permitted"
    return None if permission.rights is None else excess(session.given, permission.rights)


def excess(given: Rights | None, rights: Rights) -> str | None:
    """Return which right a session has too much, or None. Missing rights do not end a session."""
    if given is None:
        return "what it was given at its login is not known"
    if given.customer != rights.customer:
        return f"the account belongs to {rights.customer}, and is in the home of {given.customer}"
    if given.home_writable and not rights.home_writable:
        return "may only read its home"
    for share, writable in sorted(given.shares.items()):
        if share not in rights.shares:
            return f"has no right to share {share}"
        if writable and not rights.shares[share]:
            return f"may only read share {share}"
    return None


def forbidden_sessions(sessions: Iterable[Session], permitted: dict[str, Permission]) -> Iterator[tuple[Session, str]]:
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
    """The session of this process; None before the login, or after its end.

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
            since = _moment(file.stat().st_mtime)
            return Session(pid, str(note["account"]), str(note["address"]), since, _given(note))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    return Session(pid, f"(user id {user})", "", "") if user != 0 else None


def _given(note: dict[str, Any]) -> Rights | None:
    """Read the rights from a login. An earlier version of ftps-exchange-session did not record them."""
    try:
        shares = {str(share): bool(writable) for share, writable in note["shares"].items()}
        return Rights(str(note["customer"]), bool(note["home_writable"]), shares)
    except (KeyError, AttributeError):
        return None


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


def customers_in(path: Path, pattern: str) -> list[str]:
    """Read the customers in the list of who may log in; none before the first run."""
    try:
        return re.findall(pattern, path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except FileNotFoundError:
        return []


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "accounts": {"type": "list", "elements": "dict", "required": True},
            "pid_file": {"type": "path", "default": "/run/ftps-exchange/proftpd.pid"},
            "sessions": {"type": "path", "default": "/run/ftps-exchange/sessions"},
            "access_file": {"type": "path", "default": "/etc/ftps-exchange/access.conf"},
            "access_pattern": {"type": "str"},
            "grace_seconds": {"type": "float", "default": 5.0},
            "removal": REMOVAL_SPEC,
        },
        required_by={"removal": ["access_pattern"]},
        supports_check_mode=True,
    )
    try:
        permitted = permissions_of(module.params["accounts"])
        removal = read_removal(module.params["removal"])
    except ValueError as problem:
        module.fail_json(msg=str(problem))
    if removal is not None:
        access_file = Path(module.params["access_file"])
        there = customers_in(access_file, module.params["access_pattern"])
        declared = [str(account.get("customer")) for account in module.params["accounts"]]
        if reason := refusal(there, declared, removal, f"customers in {access_file}"):
            module.fail_json(msg=reason)
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
                shown = {key: value for key, value in asdict(session).items() if key != "given"}
                ended.append({**shown, "reason": reason})
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
