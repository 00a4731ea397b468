"""The metrics of a server: what is counted, from where on, and that nothing is counted twice or lost."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils import ftps_server

from ftps_exchange.diagnose import events
from tests.unit.ftps_exchange.diagnose.recorded import JOURNAL
from tests.unit.roles.programs import load_program

NOW = 1_800_000_000.0


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, with the two files that the role installs beside it."""
    monkeypatch.setitem(sys.modules, "ftps_exchange_events", events)
    monkeypatch.setitem(sys.modules, "ftps_exchange_server", ftps_server)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return load_program("metrics", "ftps-exchange-metrics")


def test_what_the_role_installs_needs_nothing_but_python() -> None:
    for path in (events.__file__, ftps_server.__file__):
        text = Path(str(path)).read_text("utf-8")
        assert not re.search(r"^\s*(?:from|import) (?:\.|ansible|ftps_exchange)", text, re.MULTILINE), path
        assert not re.search(r"^type \w+", text, re.MULTILINE), f"{path}: Python 3.11 does not know this"


def lines(program: ModuleType, *causes: str) -> list[Any]:
    """Journal lines of some logins, each in a process of its own."""
    return [
        events.Line(NOW + 100 * number + place / 100, 1000 + number, name, text)
        for number, cause in enumerate(causes)
        for place, (name, text) in enumerate(JOURNAL[cause])
    ]


def test_logins_and_refusals_by_the_causes_of_diagnose(program: ModuleType) -> None:
    state = program.new_state(NOW)
    journal = lines(program, "login", "wrong password", "wrong password", "banned", "foreign address", "login")
    program.count_logins(state, journal, [])
    assert state["logins"] == 2
    assert state["refused"] == {"wrong password": 2, "banned": 1, "foreign address": 1}
    tls = [events.Line(NOW, 7, "", "client did not reuse TLS session, rejecting data connection")]
    program.count_logins(state, [], tls)
    assert state["refused"]["not resumed"] == 1


def test_messages_of_the_tls_log_after_a_moment(program: ModuleType) -> None:
    written = [
        "2026-12-01 10:00:03,500 mod_tls/2.9.2[7]: third",
        "  detail of second",
        "2026-12-01 10:00:02,500 mod_tls/2.9.2[7]: second",
        "2026-12-01 10:00:01,500 mod_tls/2.9.2[7]: first",
    ]
    times = {text.split()[-1]: moment for moment, _, text in ftps_server.read_tls(written)}
    found = list(program.tls_messages(written, times["first"], times["second"] + 0.1))
    assert [(one.pid, one.text) for one in found] == [(7, "second detail of second")]


def record(**values: Any) -> str:
    whole = {"operation": "upload", "outcome": "ok", "bytes": 10, "customer": "acme", **values}
    return json.dumps(whole) + "\n"


def counted(program: ModuleType, folder: Path, state: dict[str, Any], per_customer: bool = False) -> dict[str, int]:
    program.count_transfers(state, program.new_records(folder, state), per_customer=per_customer)
    return dict(state["transfers"])


def test_each_record_is_counted_once_whenever_the_log_is_rotated(program: ModuleType, tmp_path: Path) -> None:
    log = tmp_path / "transfer.log"
    log.write_text(record() * 5)
    state = program.new_state(NOW)
    assert counted(program, tmp_path, state) == {}, "counters begin now"
    with log.open("a") as file:
        file.write(record() + record(outcome="aborted") + record(operation="rename") + '{"operation": "upl')
    assert counted(program, tmp_path, state) == {"upload ok": 1, "upload aborted": 1}
    with log.open("a") as file:
        file.write('oad", "outcome": "ok", "bytes": 5}\n')
    log.rename(tmp_path / "transfer.log-20261201-000000")
    log.write_text(record(operation="download", bytes=7))
    assert counted(program, tmp_path, state) == {"upload ok": 2, "upload aborted": 1, "download ok": 1}
    assert counted(program, tmp_path, state) == {"upload ok": 2, "upload aborted": 1, "download ok": 1}
    assert state["bytes"] == {"in": 25, "out": 7}
    # Compressed before it was read, and then emptied by somebody
    log.rename(tmp_path / "transfer.log-20261202-000000.gz")
    log.write_text(record())
    assert counted(program, tmp_path, state)["upload ok"] == 3
    os.truncate(log, 0)
    log.write_text("")
    assert counted(program, tmp_path, state)["upload ok"] == 3


def test_a_log_that_begins_later_is_counted_from_its_first_record(program: ModuleType, tmp_path: Path) -> None:
    state = program.new_state(NOW)
    assert counted(program, tmp_path, state) == {}
    (tmp_path / "transfer.log").write_text(record())
    assert counted(program, tmp_path, state) == {"upload ok": 1}


def facts(**values: Any) -> dict[str, Any]:
    return {
        "now": NOW,
        "sessions": [{"customer": "acme"}, {"customer": "acme"}],
        "bans": 1,
        "closed": False,
        "services": {"proftpd.service": "active", "winbind.service": "failed"},
        "disk": {"bytes_free": 1, "bytes_total": 10, "files_free": 2, "files_total": 20},
        "certificate_end": NOW + 5,
        "backup": None,
        **values,
    }


def shown(program: ModuleType, state: dict[str, Any], per_customer: bool = False, **values: Any) -> list[str]:
    settings = {"max_sessions": 50, "per_customer": per_customer}
    return [line for line in program.metrics(state, facts(**values), settings) if not line.startswith("#")]


def test_every_counter_is_there_from_the_beginning(program: ModuleType) -> None:
    found = shown(program, program.new_state(NOW))
    assert "ftps_exchange_logins_total 0" in found
    for cause in events.FAILURES:
        assert f'ftps_exchange_refused_total{{cause="{cause}"}} 0' in found
    assert 'ftps_exchange_transfers_total{operation="download",outcome="aborted"} 0' in found
    assert f"ftps_exchange_metrics_time_seconds {int(NOW)}" in found
    assert "ftps_exchange_sessions 2" in found
    assert 'ftps_exchange_unit_active{unit="winbind.service"} 0' in found
    assert "acme" not in "\n".join(found), "no customer is named unless somebody wants it"
    # What could not be read is missing, and not 0
    assert not [line for line in shown(program, program.new_state(NOW), disk={"error": "x"}) if "data_" in line]
    assert not [
        line for line in shown(program, program.new_state(NOW), certificate_end=None) if "certificate_end" in line
    ]


def test_the_age_of_the_backup_only_where_there_is_one(program: ModuleType) -> None:
    assert not [line for line in shown(program, program.new_state(NOW)) if "backup" in line]
    lines = shown(program, program.new_state(NOW), backup={"ended": 0.0, "max_age": 7200.0})
    assert {"ftps_exchange_backup_time_seconds 0", "ftps_exchange_backup_max_age_seconds 7200"} <= set(lines)


def test_customers_if_they_are_wanted(program: ModuleType, tmp_path: Path) -> None:
    state = program.new_state(NOW)
    counted(program, tmp_path, state)
    (tmp_path / "transfer.log").write_text(record() + record(customer="globex", outcome="denied", bytes=None))
    counted(program, tmp_path, state, per_customer=True)
    found = shown(program, state, per_customer=True)
    assert 'ftps_exchange_customer_sessions{customer="acme"} 2' in found
    assert 'ftps_exchange_customer_sessions{customer="globex"} 0' in found
    assert 'ftps_exchange_customer_transfer_bytes_total{customer="acme",direction="in"} 10' in found
    expected = 'ftps_exchange_customer_transfers_total{customer="globex",operation="upload",outcome="denied"} 1'
    assert expected in found


def test_a_label_cannot_leave_its_quotes(program: ModuleType) -> None:
    assert program.sample("x", 1.5, {"customer": 'a"}\n\\'}) == 'ftps_exchange_x{customer="a\\"}\\n\\\\"} 1.5'


def test_the_state_survives_damage_and_the_clock(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "state.json"
    assert program.read_state(kept, NOW) == program.new_state(NOW)
    kept.write_text("{")
    assert program.read_state(kept, NOW) == program.new_state(NOW)
    settings = {
        "file": str(tmp_path / "out.prom"),
        "log_dir": str(tmp_path),
        "root": "/",
        "certificate": str(tmp_path / "none"),
        "max_sessions": 5,
        "per_customer": False,
    }
    (tmp_path / "metrics.json").write_text(json.dumps(settings))
    asked: list[tuple[float, float]] = []
    monkeypatch.setattr(program, "CONFIGURATION", tmp_path / "metrics.json")
    monkeypatch.setattr(program, "KEPT", kept)

    def journal(since: float, until: float) -> list[Any]:
        asked.append((since, until))
        return []

    monkeypatch.setattr(program, "read_journal", journal)
    monkeypatch.setattr(program, "read_services", dict)
    for since, expected in ((NOW - 60, NOW - 60), (NOW - 10**6, NOW - 6 * 3600), (NOW + 10**6, NOW - 3)):
        kept.write_text(json.dumps({**program.new_state(since), "logins": 7}))
        monkeypatch.setattr(program.time, "time", lambda: NOW)
        program.main()
        assert asked.pop() == (expected, NOW - 3)
        assert json.loads(kept.read_text())["since"] == NOW - 3
        assert "ftps_exchange_logins_total 7\n" in (tmp_path / "out.prom").read_text()
    assert ((tmp_path / "out.prom").stat().st_mode & 0o777, kept.stat().st_mode & 0o777) == (0o644, 0o600)
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_failure_leaves_the_old_metrics_to_grow_old(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(since: float, until: float) -> Any:
        raise OSError("no journal")

    (tmp_path / "metrics.json").write_text(
        json.dumps({"log_dir": str(tmp_path), "file": str(tmp_path / "x"), "per_customer": False})
    )
    monkeypatch.setattr(program, "CONFIGURATION", tmp_path / "metrics.json")
    monkeypatch.setattr(program, "KEPT", tmp_path / "state.json")
    monkeypatch.setattr(program, "read_journal", broken)
    with pytest.raises(OSError, match="no journal"):
        program.main()
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "state.json").exists()
