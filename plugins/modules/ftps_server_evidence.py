#!/usr/bin/python
"""What an FTPS server knows about some accounts: logs, sessions, bans, folders. Reads only."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ftps_server_evidence
short_description: Read what an FTPS server knows about the accounts of a customer
description:
  - Runs on an FTPS server with Linux.
  - Needs root. Changes nothing.
  - Returns the latest lines of the logs that concern the accounts or their networks, the latest transfers, open
    sessions, bans, last logins, groups as the system sees them, disk space, the certificate, and the state of the
    services.
  - Limited in time and in size. Logs are read from their end; O(seconds) limits the journal, O(megabytes) each file.
    RV(reached) says how far back the journal was read.
  - The filter P(ftps.exchange.exchange_diagnosis#filter) finds the cause in it.
options:
  accounts:
    description: Names of the accounts.
    type: list
    elements: str
    required: true
  networks:
    description: Networks of the customer in CIDR notation. Lines that name no account are found by them.
    type: list
    elements: str
    default: []
  customer:
    description: Name of the customer, as the transfer log has it.
    type: str
    required: true
  passive_ports:
    description: Ranges of data connections, each its first and last port.
    type: list
    elements: list
    default: [[50000, 50099]]
  root:
    description: Folder of the data, whose file system is measured.
    type: path
    default: /srv/ftps-exchange
  log_dir:
    description: Folder of the transfer log and the TLS log.
    type: path
    default: /var/log/ftps-exchange
  certificate_file:
    description: The certificate of the service.
    type: path
    default: /etc/ftps-exchange/tls/server.pem
  hours:
    description: How far back to read the journal.
    type: int
    default: 24
  seconds:
    description: Time for the journal.
    type: float
    default: 1.5
  megabytes:
    description: How much of each log file to read, from its end.
    type: int
    default: 8
  lines:
    description: Maximum number of lines to return from each log.
    type: int
    default: 400
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
author: the ftps-exchange contributors
"""

EXAMPLES = r"""
- name: Read what the server knows about acme
  ftps.exchange.ftps_server_evidence:
    customer: acme
    accounts: [acme-up, acme-read]
    networks: [198.51.100.20/32]
  register: evidence
"""

RETURN = r"""
now: {description: Time of the server., returned: always, type: float}
reached: {description: How far back the journal was read., returned: always, type: float}
journal:
  description: Lines, oldest first, each with C(time), C(pid), C(program) and C(text).
  returned: always
  type: list
  elements: dict
tls: {description: Lines of the TLS log with C(time), C(pid) and C(text)., returned: always, type: list, elements: dict}
transfers: {description: Records of the transfer log., returned: always, type: list, elements: dict}
sessions:
  description: Open sessions, each with C(account), C(address), C(since), C(waiting) (ports where it waits for a data
    connection) and C(data) (data connections).
  returned: always
  type: list
  elements: dict
bans: {description: Counts of refused passwords and ends of bans., returned: always, type: dict}
seen: {description: "Last login of each account from each address.", returned: always, type: dict}
groups: {description: Groups of each account; null if the system does not know it., returned: always, type: dict}
disk: {description: Free and total bytes and inodes of the data., returned: always, type: dict}
quotas:
  description: C(folder), C(kind), C(bytes_used), C(bytes_limit), C(files_used) and C(files_limit) of each home and
    share with a limit.
  returned: always
  type: list
  elements: dict
certificate: {description: End of the certificate., returned: always, type: dict}
services: {description: State of each service., returned: always, type: dict}
closed: {description: Whether the service refuses connections because no directory answers., returned: always, type:
bool}
"""

import contextlib
import grp
import ipaddress
import json
import os
import pwd
import re
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.folder_quota import read_quotas
from ansible_collections.ftps.exchange.plugins.module_utils.ftps_server import (
    BLOCK,
    LINE,
    PROGRAMS,
    SESSIONS,
    SHUT,
    STATE,
    lines_backwards,
    plain,
    read_certificate,
    read_disk,
    read_seen,
    read_services,
    read_tls,
    session_notes,
)

LONGEST_LINE = 1000
LISTENING = "0A"
ESTABLISHED = "01"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ADDRESS = re.compile(r"[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+|\d{1,3}(?:\.\d{1,3}){3}")


class Interest:
    """Which lines concern the customer: they name one of its accounts or addresses, or the process of such a line."""

    def __init__(self, accounts: Sequence[str], networks: Sequence[str]) -> None:
        names = "|".join(map(re.escape, sorted(accounts, key=len, reverse=True)))
        # In any case of letters: a login with another spelling is a cause too
        self.accounts = re.compile(rf"(?<![\w.-])(?:{names})(?![\w-])", re.IGNORECASE) if names else None
        self.networks = [ipaddress.ip_network(network) for network in networks]
        self._known: dict[str, bool] = {}

    def concerns(self, text: str) -> bool:
        if self.accounts is not None and self.accounts.search(text):
            return True
        return any(self.covers(address) for address in ADDRESS.findall(text))

    def covers(self, address: str) -> bool:
        if address not in self._known:
            parsed = plain(address)
            self._known[address] = parsed is not None and any(parsed in network for network in self.networks)
        return self._known[address]


def read_journal(hours: int, seconds: float) -> Iterator[str]:
    """Lines of the journal, newest first, until the time is over."""
    command = ["journalctl", "--quiet", "--no-pager", "--reverse", "--output=short-unix", f"--since=-{hours}h"]
    command += [f"--identifier={program}" for program in PROGRAMS]
    deadline = time.monotonic() + seconds
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        if process.stdout is None:
            return
        rest = b""
        try:
            while (left := deadline - time.monotonic()) > 0:
                if not select.select([process.stdout], [], [], left)[0]:
                    break
                data = os.read(process.stdout.fileno(), BLOCK)
                if not data:
                    break
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    yield line.decode("utf-8", "replace")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)


def select_journal(lines: Iterable[str], interest: Interest, most: int) -> tuple[list[dict[str, Any]], float | None]:
    """Lines of interest, oldest first, and the time of the oldest line that was read."""
    found: list[dict[str, Any]] = []
    reached = None
    # What a process wrote before and after its line of interest; the number of a process comes back one day
    waiting: dict[int, deque[dict[str, Any]]] = {}
    wanted: dict[int, float] = {}
    for text in lines:
        match = LINE.match(text)
        if match is None:
            continue
        reached = float(match["time"])
        pid = int(match["pid"])
        entry = {"time": reached, "pid": pid, "program": match["program"], "text": match["text"][:LONGEST_LINE]}
        if interest.concerns(match["text"]):
            found += [later for later in waiting.pop(pid, ()) if later["time"] - reached < 86400]
            found.append(entry)
            wanted[pid] = reached
        elif pid in wanted and wanted[pid] - reached < 3600:
            found.append(entry)
        else:
            waiting.setdefault(pid, deque(maxlen=5)).append(entry)
            if len(waiting) > 2000:
                waiting.pop(next(iter(waiting)))
        if len(found) >= most:
            break
    return sorted(found[:most], key=lambda entry: entry["time"]), reached


def select_tls(lines: Iterable[str], journal: Sequence[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """What mod_tls wrote about the processes of the journal's lines; detail lines are joined to their message."""
    begins: dict[int, float] = {}
    ends: dict[int, float] = {}
    for entry in journal:
        begins[entry["pid"]] = min(begins.get(entry["pid"], entry["time"]), entry["time"])
        ends[entry["pid"]] = max(ends.get(entry["pid"], entry["time"]), entry["time"])
    earliest = min(begins.values(), default=0.0)
    found: list[dict[str, Any]] = []
    for moment, pid, text in read_tls(lines):
        if pid in begins and begins[pid] - 5 <= moment <= ends[pid] + 86400:
            found.append({"time": moment, "pid": pid, "text": text[:LONGEST_LINE]})
        if moment < earliest - 5 or len(found) >= most:
            break
    return found[::-1]


def select_transfers(lines: Iterable[str], customer: str, accounts: Sequence[str], most: int) -> list[dict[str, Any]]:
    """The latest records of the customer or of its accounts, oldest first."""
    found: list[dict[str, Any]] = []
    needles = [json.dumps(name) for name in (customer, *accounts)]
    for line in lines:
        if not any(needle in line for needle in needles):
            continue
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and (record.get("customer") == customer or record.get("account") in accounts):
            found.append(record)
            if len(found) >= most:
                break
    return found[::-1]


@dataclass(frozen=True)
class Socket:
    """A TCP socket as the kernel lists it."""

    state: str
    local: str
    port: int
    remote: str


def own_address(source: str) -> str:
    """The address of the server on which a source's connections arrive (role host_firewall, ADR 0028).

    >>> own_address("198.51.100.20"), own_address("2001:db8:100::20")
    ('246.51.100.20', 'e001:db8:100::20')
    """
    address = plain(source)
    if isinstance(address, ipaddress.IPv4Address):
        return str(ipaddress.IPv4Address(int(address) | 240 << 24))
    if address is None:
        return ""
    return str(ipaddress.IPv6Address((int(address) & ~(1 << 124)) | 0xE << 124))


def sockets(proc: Path) -> dict[str, Socket]:
    """TCP sockets by inode."""
    found = {}
    for table in ("net/tcp", "net/tcp6"):
        try:
            rows = (proc / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            cells = row.split()
            local, remote = cells[1].rpartition(":"), cells[2].rpartition(":")
            found[cells[9]] = Socket(cells[3], kernel_address(local[0]), int(local[2], 16), kernel_address(remote[0]))
    return found


def kernel_address(text: str) -> str:
    """An address as /proc/net/tcp writes it: words in the byte order of the machine."""
    packed = b"".join(bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8))
    return str(plain(str(ipaddress.ip_address(packed))))


def sockets_of(pid: int, proc: Path) -> set[str] | None:
    """Inodes of the sockets that a process has open; None where not even root may look, as in a container."""
    found = set()
    try:
        for entry in os.scandir(proc / str(pid) / "fd"):
            with contextlib.suppress(FileNotFoundError):
                target = os.readlink(entry.path)
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    except OSError:
        return None
    return found


def read_sessions(
    notes: Path, accounts: Sequence[str], ranges: Sequence[Sequence[int]], proc: Path
) -> list[dict[str, Any]]:
    """Open sessions of the accounts, with their data connections."""
    found = []
    boot = _boot_time(proc)
    every = sockets(proc)
    for pid, content in session_notes(notes, proc):
        if content.get("account") not in accounts:
            continue
        inodes, address = sockets_of(pid, proc), own_address(str(content.get("address")))
        data = [
            one
            for inode, one in every.items()
            if any(int(first) <= one.port <= int(last) for first, last in ranges)
            and (one.local == address if inodes is None else inode in inodes)
        ]
        found.append(
            {
                "pid": pid,
                "account": content["account"],
                "address": content.get("address"),
                "customer": content.get("customer"),
                "home_writable": content.get("home_writable"),
                "shares": content.get("shares"),
                "since": boot + content["started"] / os.sysconf("SC_CLK_TCK"),
                "waiting": sorted(one.port for one in data if one.state == LISTENING),
                "data": sorted(f"{one.remote}:{one.port}" for one in data if one.state == ESTABLISHED),
            }
        )
    return found


def _boot_time(proc: Path) -> float:
    for line in (proc / "stat").read_text(encoding="ascii").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def read_bans(state: Path, interest: Interest, accounts: Sequence[str]) -> dict[str, Any]:
    """Counts and bans of the accounts, and of sources within the networks or that contain one of them."""
    try:
        content = json.loads((state / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    found = {}
    for key, entry in content.items():
        account, _, source = key.rpartition(" ")
        try:
            network = ipaddress.ip_network(source)
        except ValueError:
            continue
        near = any(one.version == network.version and one.overlaps(network) for one in interest.networks)
        if account in accounts or (not account and near):
            refused = entry.get("refused") or []
            found[key] = {"refused": len(refused), "last": max(refused, default=0), "until": entry.get("until", 0)}
    return found


def read_groups(accounts: Sequence[str]) -> dict[str, list[str] | None]:
    """Names of the groups that the system gives an account at its login."""
    found: dict[str, list[str] | None] = {}
    for account in accounts:
        try:
            entry = pwd.getpwnam(account)
            found[account] = sorted(_group(number) for number in os.getgrouplist(account, entry.pw_gid))
        except (KeyError, OSError):
            found[account] = None
    return found


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "accounts": {"type": "list", "elements": "str", "required": True},
            "networks": {"type": "list", "elements": "str", "default": []},
            "customer": {"type": "str", "required": True},
            "passive_ports": {"type": "list", "elements": "list", "default": [[50000, 50099]]},
            "root": {"type": "path", "default": "/srv/ftps-exchange"},
            "log_dir": {"type": "path", "default": "/var/log/ftps-exchange"},
            "certificate_file": {"type": "path", "default": "/etc/ftps-exchange/tls/server.pem"},
            "hours": {"type": "int", "default": 24},
            "seconds": {"type": "float", "default": 1.5},
            "megabytes": {"type": "int", "default": 8},
            "lines": {"type": "int", "default": 400},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        interest = Interest(asked["accounts"], asked["networks"])
    except ValueError as error:
        module.fail_json(msg=f"networks: {error}")
    logs, limit, proc = Path(asked["log_dir"]), asked["megabytes"] << 20, Path("/proc")
    now = time.time()
    begin = time.monotonic()
    journal, reached = select_journal(read_journal(asked["hours"], asked["seconds"]), interest, asked["lines"])
    if reached is None:
        # Without a line, nothing was read if the time was over, else there is none
        reached = now if time.monotonic() - begin >= asked["seconds"] else now - asked["hours"] * 3600
    module.exit_json(
        changed=False,
        now=now,
        reached=reached,
        journal=journal,
        tls=select_tls(lines_backwards(logs / "tls.log", limit), journal, asked["lines"]),
        transfers=select_transfers(
            lines_backwards(logs / "transfer.log", limit), asked["customer"], asked["accounts"], 50
        ),
        sessions=read_sessions(SESSIONS, asked["accounts"], asked["passive_ports"], proc),
        bans=read_bans(STATE, interest, asked["accounts"]),
        seen=read_seen(STATE, asked["accounts"]),
        groups=read_groups(asked["accounts"]),
        disk=read_disk(asked["root"]),
        quotas=read_quotas(asked["root"]),
        certificate=read_certificate(asked["certificate_file"]),
        services=read_services(),
        closed=SHUT.exists(),
    )


if __name__ == "__main__":
    main()
