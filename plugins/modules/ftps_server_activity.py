#!/usr/bin/python
"""Logins and transfers of all accounts of an FTPS server. Reads only."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ftps_server_activity
short_description: Read last logins and this month's transfers of all accounts
description:
  - Runs on an FTPS server with Linux.
  - Needs root. Changes nothing.
  - Counts the transfers of the current month (UTC) for each account from the transfer log and its rotated files, newest
    first, for at most O(seconds). RV(complete) says whether that was enough for the whole month.
options:
  root:
    description: Folder of the data, whose file system is measured.
    type: path
    default: /srv/ftps-exchange
  log_dir:
    description: Folder of the transfer log.
    type: path
    default: /var/log/ftps-exchange
  certificate_file:
    description: The certificate of the service.
    type: path
    default: /etc/ftps-exchange/tls/server.pem
  seconds:
    description: Time for the transfer log.
    type: float
    default: 4.0
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
author: the ftps-exchange contributors
"""

EXAMPLES = r"""
- name: Read what all customers did
  ftps.exchange.ftps_server_activity:
  register: activity
"""

RETURN = r"""
now: {description: Time of the server., returned: always, type: float}
month: {description: The month that was counted., returned: always, type: str, sample: 2026-11}
complete: {description: Whether the whole month was read., returned: always, type: bool}
reached: {description: Time of the oldest record that was read; null without any., returned: always, type: str}
accounts:
  description: By account, C(uploads), C(downloads), C(bytes_in), C(bytes_out), C(failed), and C(last_transfer), the
    time of the last one that worked.
  returned: always
  type: dict
seen: {description: Last login of each account from each address., returned: always, type: dict}
banned: {description: Accounts and sources that are banned now., returned: always, type: list, elements: str}
disk: {description: Free and total bytes and inodes of the data., returned: always, type: dict}
quotas:
  description: C(folder), C(kind), C(bytes_used), C(bytes_limit), C(files_used) and C(files_limit) of each home and
    share with a limit.
  returned: always
  type: list
  elements: dict
certificate: {description: End of the certificate., returned: always, type: dict}
services: {description: State of each service., returned: always, type: dict}
metrics_written: {description: When the role metrics last counted; null without it., returned: always, type: float}
backup:
  description: C(ended), the time of the last backup that ended well (0 if none has), and C(max_age), how many seconds
    old it may be; null on a server without backup.
  returned: always
  type: dict
"""

import datetime
import gzip
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.folder_quota import read_quotas
from ansible_collections.ftps.exchange.plugins.module_utils.ftps_server import (
    BACKUP,
    STATE,
    lines_backwards,
    read_backup,
    read_certificate,
    read_disk,
    read_seen,
    read_services,
)

METRICS = Path("/var/lib/ftps-exchange/metrics/state.json")
TRANSFERS = {"upload": ("uploads", "bytes_in"), "download": ("downloads", "bytes_out")}
LONGEST_FILE = 1 << 40


def files_newest_first(log_dir: Path) -> list[Path]:
    """The transfer log and its rotated files."""
    found = [path for path in log_dir.glob("transfer.log*") if path.suffix != ".tmp"]
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def records(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The records, newest first."""
    for path in files:
        lines: Iterable[str]
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
                lines = file.readlines()[::-1]
        else:
            lines = lines_backwards(path, LONGEST_FILE)
        for line in lines:
            # Renames and refused commands are most of some logs, and need no parser
            if '"operation": "upload"' in line or '"operation": "download"' in line:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict) and record.get("account"):
                    yield record


def count(
    found: Iterable[dict[str, Any]], month: str, deadline: float
) -> tuple[dict[str, dict[str, Any]], bool, str | None]:
    """Counts of the month by account, whether there was time for all of it, and the time of the oldest record read.

    The last transfer of an account may be of an earlier month: it is known if the log was read that far.
    """
    accounts: dict[str, dict[str, Any]] = {}
    reached = None
    for number, record in enumerate(found):
        when = str(record.get("time"))
        if number % 1000 == 0 and time.monotonic() > deadline:
            return accounts, when < month, reached
        reached = when
        entry = accounts.setdefault(
            str(record["account"]),
            {"uploads": 0, "downloads": 0, "bytes_in": 0, "bytes_out": 0, "failed": 0, "last_transfer": None},
        )
        if record.get("outcome") == "ok" and (entry["last_transfer"] is None or when > entry["last_transfer"]):
            entry["last_transfer"] = when
        if not when.startswith(month):
            continue
        number_of, bytes_of = TRANSFERS[str(record["operation"])]
        if record.get("outcome") == "ok":
            entry[number_of] += 1
        else:
            entry["failed"] += 1
        entry[bytes_of] += record.get("bytes") or 0
    return accounts, True, reached


def read_banned(state: Path, now: float) -> list[str]:
    """Accounts and sources with a ban that applies."""
    try:
        content = json.loads((state / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return sorted(key for key, entry in content.items() if entry.get("until", 0) > now)


def read_written(path: Path) -> float | None:
    """When a file was written."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "default": "/srv/ftps-exchange"},
            "log_dir": {"type": "path", "default": "/var/log/ftps-exchange"},
            "certificate_file": {"type": "path", "default": "/etc/ftps-exchange/tls/server.pem"},
            "seconds": {"type": "float", "default": 4.0},
        },
        supports_check_mode=True,
    )
    asked = module.params
    now = time.time()
    month = datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m")
    found = records(files_newest_first(Path(asked["log_dir"])))
    accounts, complete, reached = count(found, month, time.monotonic() + asked["seconds"])
    module.exit_json(
        changed=False,
        now=now,
        month=month,
        complete=complete,
        reached=reached,
        accounts=accounts,
        seen=read_seen(STATE),
        banned=read_banned(STATE, now),
        disk=read_disk(asked["root"]),
        quotas=read_quotas(asked["root"]),
        certificate=read_certificate(asked["certificate_file"]),
        services=read_services(),
        metrics_written=read_written(METRICS),
        backup=read_backup(BACKUP),
    )


if __name__ == "__main__":
    main()
