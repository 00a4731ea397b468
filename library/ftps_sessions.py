#!/usr/bin/python
"""End the FTPS sessions of accounts that may no longer be logged in from where they are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ftps_sessions
short_description: End FTPS sessions that are no longer permitted
description:
  - Reads ProFTPD's list of live sessions and ends every one whose account is not permitted (any more), or whose client
    has an address from which that account may not come.
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
  scoreboard:
    description: The daemon's C(ScoreboardFile).
    type: path
    default: /run/ftps-exchange/scoreboard
  ftpwho:
    description: ProFTPD's program that reads it.
    type: path
    default: /usr/bin/ftpwho
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
  - A session is only ended after checking that its process still is a child of the daemon that the list names; the
    process is held by a file descriptor (pidfd) meanwhile, so that a number used anew is never mistaken for it.
author: the ftps-exchange contributors
"""

EXAMPLES = r"""
- name: End the sessions of everybody who is not on the list
  ftps_sessions:
    permitted:
      acme-up: [198.51.100.20/32, "2001:db8:100::20/128"]
      acme-read: [198.51.100.20/32]

- name: End every session
  ftps_sessions:
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
    since: {description: "When the client connected (RFC 3339, UTC).", type: str}
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
    """Parse an address as ftpwho tells it; an IPv4 client on an IPv6 socket is an IPv4 client."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def judge(connection: dict[str, Any], permitted: dict[str, list[Network]]) -> str | None:
    """Tell why a session may not go on, or None if it may (or has not logged in yet)."""
    account = connection.get("user")
    if account in (None, "", "(none)"):
        return None
    if account not in permitted:
        return "account not permitted"
    address = client_address(connection["remote_address"])
    if not any(address in network for network in permitted[account]):
        return "address not permitted"
    return None


def forbidden_sessions(listing: dict[str, Any], permitted: dict[str, list[Network]]) -> list[dict[str, Any]]:
    """Pick the sessions to end from ftpwho's listing, in a stable order."""
    found = []
    for connection in listing.get("connections", []):
        reason = judge(connection, permitted)
        if reason is None:
            continue
        since = datetime.datetime.fromtimestamp(connection["connected_since_ms"] / 1000, datetime.UTC)
        found.append(
            {
                "account": connection["user"],
                "address": str(client_address(connection["remote_address"])),
                "pid": int(connection["pid"]),
                "since": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "reason": reason,
            }
        )
    return sorted(found, key=lambda session: (session["account"], session["since"], session["pid"]))


def parent_of(pid: int, proc: Path) -> int | None:
    """Read the parent of a process; None if it is gone."""
    try:
        status = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in parentheses, may contain anything; what follows the last one cannot.
    return int(status.rpartition(")")[2].split()[1])


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
            "scoreboard": {"type": "path", "default": "/run/ftps-exchange/scoreboard"},
            "ftpwho": {"type": "path", "default": "/usr/bin/ftpwho"},
            "grace_seconds": {"type": "float", "default": 5.0},
        },
        supports_check_mode=True,
    )
    scoreboard, ftpwho = module.params["scoreboard"], module.params["ftpwho"]
    try:
        permitted = networks_of(module.params["permitted"])
    except ValueError as problem:
        module.fail_json(msg=str(problem))
    if not os.path.exists(scoreboard) or not os.path.exists(ftpwho):
        module.exit_json(changed=False, ended=[], remaining=0)

    _, output, _ = module.run_command([ftpwho, "-f", scoreboard, "-o", "json"], check_rc=True)
    try:
        listing = json.loads(output)
        sessions = forbidden_sessions(listing, permitted)
        daemon = listing.get("server", {}).get("pid")
    except (ValueError, KeyError, TypeError) as problem:
        module.fail_json(msg=f"cannot read the list of sessions from {ftpwho} -o json: {problem}", output=output)

    if not module.check_mode:
        try:
            sessions = [one for one in sessions if end_session(one["pid"], daemon, module.params["grace_seconds"])]
        except (OSError, TimeoutError) as problem:
            module.fail_json(msg=f"cannot end a session that is no longer permitted: {problem}")
    before = "".join(
        f"{one['account']} from {one['address']} since {one['since']}: {one['reason']}\n" for one in sessions
    )
    module.exit_json(
        changed=bool(sessions),
        ended=sessions,
        remaining=len(listing.get("connections", [])) - len(sessions),
        diff={"before_header": "sessions", "after_header": "sessions", "before": before, "after": ""},
    )


if __name__ == "__main__":
    main()
