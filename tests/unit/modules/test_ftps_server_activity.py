"""Counts of a month from the transfer log and its rotated files."""

from __future__ import annotations

import gzip
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.modules import ftps_server_activity as module


def line(when: str, operation: str = "upload", outcome: str = "ok", size: int = 10, account: str = "acme-up") -> str:
    record: dict[str, Any] = {
        "time": when,
        "account": account,
        "operation": operation,
        "outcome": outcome,
        "bytes": size,
    }
    return json.dumps(record) + "\n"


def test_a_month(tmp_path: Path) -> None:
    (tmp_path / "transfer.log").write_text(
        line("2026-11-20T00:00:00Z")
        + line("2026-11-21T00:00:00Z", "download", size=7)
        + line("2026-11-21T01:00:00Z", "rename")
        + "damaged\n"
        + line("2026-11-22T00:00:00Z", outcome="aborted", size=3)
        + line("2026-11-22T00:00:01Z", account="")
    )
    (tmp_path / "transfer.log-20261115-000000").write_text(line("2026-11-10T00:00:00Z", account="globex-up"))
    with gzip.open(tmp_path / "transfer.log-20261101-000000.gz", "wt") as old:
        old.write(line("2026-10-30T00:00:00Z", account="initech-up") + line("2026-10-31T00:00:00Z", account="acme-up"))
    for age, name in enumerate(("transfer.log", "transfer.log-20261115-000000", "transfer.log-20261101-000000.gz")):
        os.utime(tmp_path / name, (10**9 - age, 10**9 - age))
    found, complete, reached = module.count(
        module.records(module.files_newest_first(tmp_path)), "2026-11", time.monotonic() + 60
    )
    assert (complete, reached) == (True, "2026-10-30T00:00:00Z")
    assert found["acme-up"] == {
        **{"uploads": 1, "downloads": 1, "bytes_in": 13, "bytes_out": 7, "failed": 1},
        "last_transfer": "2026-11-21T00:00:00Z",
    }
    assert found["globex-up"]["uploads"] == 1
    assert (found["initech-up"]["uploads"], found["initech-up"]["last_transfer"]) == (0, "2026-10-30T00:00:00Z")


def test_it_stops_when_the_time_is_over() -> None:
    records = ({"time": "2026-11-20", "account": "a", "operation": "upload", "outcome": "ok"} for _ in range(5000))
    found, complete, reached = module.count(records, "2026-11", time.monotonic() - 1)
    assert (found, complete, reached) == ({}, False, None)


def test_when_the_metrics_were_written(tmp_path: Path) -> None:
    assert module.read_written(tmp_path / "state.json") is None
    (tmp_path / "state.json").touch()
    assert module.read_written(tmp_path / "state.json") == pytest.approx(time.time(), abs=60)


def test_only_bans_that_apply(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps({"acme-up 192.0.2.1": {"until": 9}, "192.0.2.1": {"until": 5}}))
    assert module.read_banned(tmp_path, 7) == ["acme-up 192.0.2.1"]
    assert module.read_banned(tmp_path / "none", 7) == []
