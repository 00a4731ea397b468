"""What an FTPS server with Linux knows, for modules that only read.

The role metrics installs this file on servers, so it imports nothing but Python's own library.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

UNITS = (
    "proftpd.service",
    "ftps-exchange-transfer-log.service",
    "ftps-exchange-directory-watch.service",
    "winbind.service",
)
BLOCK = 1 << 16
STATE = Path("/var/lib/ftps-exchange/guard")
SESSIONS = Path("/run/ftps-exchange/sessions")
SHUT = Path("/etc/shutmsg")
BACKUP = Path("/etc/ftps-exchange/backup.json")
PROGRAMS = ("proftpd", "ftps-exchange-guard", "ftps-exchange-session", "ftps-exchange-directory-watch")
"""Whose lines in the journal say what became of a login."""
LINE = re.compile(r"(?P<time>\d+\.\d+) \S+ (?P<program>[\w.-]+)\[(?P<pid>\d+)\]: (?P<text>.*)")
"""A line of the journal, as ``--output=short-unix`` prints it."""
TLS_LINE = re.compile(r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(?P<ms>\d+) mod_tls/\S+\[(?P<pid>\d+)\]: (?P<text>.*)")


def plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Parse an address; an IPv4 client on an IPv6 socket is an IPv4 client."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def lines_backwards(path: Path, limit: int) -> Iterator[str]:
    """The lines of a file from its end, at most so many bytes."""
    try:
        with path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            end = max(position - limit, 0)
            rest = b""
            while position > end:
                size = min(BLOCK, position - end)
                position -= size
                file.seek(position)
                first, *whole = (file.read(size) + rest).split(b"\n")
                for line in reversed(whole):
                    if line:
                        yield line.decode("utf-8", "replace")
                rest = first
            if rest and end == 0:
                yield rest.decode("utf-8", "replace")
    except FileNotFoundError:
        return


def read_tls(lines: Iterable[str]) -> Iterator[tuple[float, int, str]]:
    """Time, process and text of each message of the TLS log, newest first as the lines are.

    Details, which follow in lines of their own, join their message.
    """
    details: list[str] = []
    for text in lines:
        match = TLS_LINE.match(text)
        if match is None:
            details.insert(0, text.strip())
            continue
        moment = datetime.datetime.strptime(match["time"], "%Y-%m-%d %H:%M:%S").astimezone().timestamp()
        yield moment + int(match["ms"]) / 1000, int(match["pid"]), " ".join([match["text"], *details])
        details = []


def started(pid: int, proc: Path) -> int | None:
    """When a process began, in ticks since boot."""
    try:
        status = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        return int(status.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def session_notes(notes: Path, proc: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Process and note of each open session (ftps-exchange-session writes the note)."""
    for note in sorted(notes.glob("[0-9]*")) if notes.is_dir() else []:
        try:
            content = json.loads(note.read_text(encoding="utf-8"))
            pid = int(note.name)
        except (OSError, ValueError):
            continue
        # The number of a process comes back one day
        if isinstance(content, dict) and content.get("started") == started(pid, proc):
            yield pid, content


def read_seen(state: Path, accounts: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """When each account last logged in from which address; without names, every account that ever did."""
    found: dict[str, dict[str, float]] = {account: {} for account in accounts or ()}
    with contextlib.suppress(OSError):
        for entry in os.scandir(state / "seen"):
            account, _, address = entry.name.partition(" ")
            if accounts is None or account in found:
                with contextlib.suppress(OSError):
                    found.setdefault(account, {})[address] = entry.stat().st_mtime
    return found


def read_disk(root: str) -> dict[str, Any]:
    """Space of the file system with the data."""
    try:
        stats = os.statvfs(root)
    except OSError as error:
        return {"error": error.strerror}
    return {
        "bytes_free": stats.f_bavail * stats.f_frsize,
        "bytes_total": stats.f_blocks * stats.f_frsize,
        "files_free": stats.f_favail,
        "files_total": stats.f_files,
    }


def read_backup(settings: Path) -> dict[str, float] | None:
    """When the last backup ended well (0: none has yet), and how old it may be. None on a server without backup."""
    try:
        configured = json.loads(settings.read_text(encoding="utf-8"))
        allowed = float(configured["max_age_hours"]) * 3600
        state = Path(configured["state_dir"]) / "status.json"
    except (FileNotFoundError, KeyError):
        # KeyError: an earlier version of the role wrote the settings
        return None
    try:
        ended = json.loads(state.read_text(encoding="utf-8")).get("last_success") or 0
    except (FileNotFoundError, ValueError):
        ended = 0
    return {"ended": float(ended), "max_age": allowed}


def read_certificate(path: str) -> dict[str, Any]:
    """End of the certificate (openssl reads it, so nothing but Python is needed)."""
    command = ["openssl", "x509", "-in", path, "-noout", "-enddate", "-subject", "-dateopt", "iso_8601"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except OSError as error:
        return {"error": f"not read: {error.strerror}"}
    except subprocess.TimeoutExpired:
        return {"error": "not read in time"}
    match = re.search(r"notAfter=(\S+ \S+Z)", done.stdout)
    if done.returncode or match is None:
        return {"error": done.stderr.strip().splitlines()[0] if done.stderr.strip() else "no certificate"}
    return {"ends": match[1].replace(" ", "T")}


def read_services() -> dict[str, str]:
    """State of each unit; nothing if systemd does not answer in time, which says nothing about them."""
    command = ["systemctl", "is-active", *UNITS]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(zip(UNITS, done.stdout.split(), strict=False))
