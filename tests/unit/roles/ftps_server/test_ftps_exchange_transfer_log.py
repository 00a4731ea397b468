"""The transfer log's service: every transfer once, as JSON that any reader takes, and never lost."""

from __future__ import annotations

import base64
import errno
import importlib.machinery
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROLE = Path(__file__).parents[4] / "roles" / "ftps_server"


def load() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader(
        "ftps_exchange_transfer_log", str(ROLE / "files" / "ftps-exchange-transfer-log")
    )
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module  # dataclasses look their module up
    loader.exec_module(module)
    return module


script = load()

MARK = "0123456789abcdef"
DEFAULTS = {
    "time": "1795451380.200",
    "session": "s1",
    "account": "acme-up",
    "source": "198.51.100.20",
    "tls": "TLSv1.3",
    "command": "STOR",
    "reply": "226",
    "status": "success",
    "bytes": "300",
    "offset": "0",
    "size": "300",
    "milliseconds": "45",
    "raw_in": "900",
    "raw_out": "400",
    "reason": "",
    "renamed_from": "-",
    "file": "/a.txt",
    "argument": "a.txt",
}


def raw(**fields: str) -> bytes:
    values = DEFAULTS | fields
    return "\t".join(values[field] for field in script.FIELDS).encode()


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    folder = tmp_path / "customers"
    folder.mkdir()
    (folder / "acme-up").write_text("acme")
    return folder


@pytest.fixture
def follower(tmp_path: Path, customers: Path) -> Any:
    return script.Follower(tmp_path, tmp_path / "state", customers, MARK)


def record(line: bytes, customers: Path, sessions: Any = None) -> dict[str, Any] | None:
    result: dict[str, Any] | None = script.record_of(line, customers, sessions or script.Sessions())
    return result


def append(follower: Any, *lines: bytes) -> None:
    with follower.raw.open("ab") as file:
        file.write(b"".join(MARK.encode() + b"\t" + line + b"\n" for line in lines))


def logged(follower: Any) -> list[dict[str, Any]]:
    if not follower.output.exists():
        return []
    return [json.loads(line) for line in follower.output.read_text().splitlines()]


def test_fields_are_those_of_the_daemons_log_format() -> None:
    text = (ROLE / "templates" / "proftpd.conf.j2").read_text()
    match = re.search(r'^LogFormat +transfer "(.*)"$', text, re.MULTILINE)
    assert match is not None
    meta = {
        "%{epoch}.%{millisecs}": "time",
        "%{UNIQUE_ID}e": "session",
        "%u": "account",
        "%a": "source",
        "%{TLS_PROTOCOL}e": "tls",
        "%m": "command",
        "%s": "reply",
        "%{transfer-status}": "status",
        "%b": "bytes",
        "%{file-offset}": "offset",
        "%{file-size}": "size",
        "%{transfer-millisecs}": "milliseconds",
        "%I": "raw_in",
        "%O": "raw_out",
        "%E": "reason",
        "%w": "renamed_from",
        "%F": "file",
        "%J": "argument",
    }
    mark, *fields = match[1].split("\t")
    assert mark == "%{FTPS_EXCHANGE_LOG_MARK}e"
    assert [meta[field] for field in fields] == list(script.FIELDS)


def test_an_upload(customers: Path) -> None:
    assert record(raw(), customers) == {
        "time": "2026-11-23T16:29:40.200Z",
        "account": "acme-up",
        "customer": "acme",
        "source": "198.51.100.20",
        "operation": "upload",
        "outcome": "ok",
        "reply": 226,
        "file": "/a.txt",
        "path": "homes/acme/a.txt",
        "bytes": 300,
        "offset": 0,
        "size": 300,
        "milliseconds": 45,
        "tls": "TLSv1.3",
        "session": "s1",
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"command": "RETR"}, {"operation": "download", "outcome": "ok"}),
        ({"command": "APPE", "offset": "1000"}, {"operation": "upload", "offset": 1000}),
        ({"reply": "426", "status": "failed", "size": "-"}, {"outcome": "aborted", "size": None}),
        ({"reply": "425", "status": "failed"}, {"outcome": "aborted", "reason": "no data connection"}),
        ({"reply": "426", "status": "failed"}, {"outcome": "aborted", "reason": "data connection lost"}),
        ({"reply": "451", "status": "failed"}, {"outcome": "aborted", "reason": "disk full, or an error of the disk"}),
        ({"reply": "452", "status": "failed"}, {"outcome": "aborted", "reason": "disk full"}),
        ({"reply": "226", "status": "cancelled"}, {"outcome": "aborted", "reason": None}),
        ({"reply": "-", "status": "-"}, {"outcome": "aborted", "reply": None, "reason": None}),
        ({"command": "DELE", "reply": "450"}, {"outcome": "denied", "reason": None}),
        ({"reply": "550", "status": "failed", "file": "-", "argument": "x/y"}, {"outcome": "denied", "file": "x/y"}),
        ({"command": "DELE", "reply": "250"}, {"operation": "delete", "outcome": "ok"}),
        ({"command": "DELE", "reply": "550"}, {"operation": "delete", "outcome": "denied"}),
        ({"command": "MKD", "reply": "257"}, {"operation": "make_folder", "outcome": "ok"}),
        ({"command": "RMD", "reply": "250"}, {"operation": "remove_folder", "outcome": "ok"}),
        (
            {"command": "RNTO", "reply": "250", "renamed_from": "/a.part"},
            {"operation": "rename", "renamed_from": "/a.part"},
        ),
        ({"command": "RNFR", "reply": "550"}, {"operation": "rename", "outcome": "denied"}),
        (
            {"command": "MFMT", "reply": "213", "file": "-", "argument": "20200101000000 a b.txt"},
            {"operation": "set_time", "outcome": "ok", "file": "a b.txt"},
        ),
        ({"file": "/shared/maps/m.txt"}, {"path": "shares/maps/m.txt"}),
        ({"file": "/shared"}, {"path": "homes/acme/shared"}),
        ({"account": "globex-up"}, {"customer": None}),
        ({"account": "../../etc/passwd"}, {"customer": None}),
    ],
)
def test_lines_and_what_they_tell(fields: dict[str, str], expected: dict[str, Any], customers: Path) -> None:
    found = record(raw(**fields), customers)
    assert found is not None
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize(
    "fields", [{"command": "RNFR", "reply": "350"}, {"command": "SITE_UTIME"}, {"command": "EXIT"}]
)
def test_lines_that_are_no_news(fields: dict[str, str], customers: Path) -> None:
    assert record(raw(**{"milliseconds": "-"} | fields), customers) is None


def test_an_unknown_customer_has_no_home_path(customers: Path) -> None:
    found = record(raw(account="globex-up"), customers)
    assert found is not None
    assert "path" not in found


@pytest.mark.parametrize(
    ("raw_in", "raw_out", "operation"), [("90000", "500", "upload"), ("1000", "90000", "download")]
)
def test_a_transfer_that_ends_with_its_session(raw_in: str, raw_out: str, operation: str, customers: Path) -> None:
    sessions = script.Sessions()
    end = {"command": "EXIT", "reply": "-", "status": "-", "size": "-", "reason": "Terminated by signal"}
    assert record(raw(command="DELE", reply="250"), customers, sessions) is not None
    found = record(raw(raw_in=raw_in, raw_out=raw_out, **end), customers, sessions)
    again = record(raw(raw_in=raw_in, raw_out=raw_out, **end | {"reason": ""}), customers, sessions)

    assert found is not None
    assert (found["operation"], found["outcome"], found["reply"]) == (operation, "aborted", None)
    assert found["reason"] == "Terminated by signal"
    assert again is None


def test_a_transfer_told_as_aborted_is_not_told_again_at_the_end(customers: Path) -> None:
    sessions = script.Sessions()
    assert record(raw(reply="-", status="timeout"), customers, sessions) is not None
    assert record(raw(command="EXIT", reply="-", status="-"), customers, sessions) is None


def test_sessions_are_forgotten_in_the_end() -> None:
    sessions = script.Sessions()
    for number in range(sessions.LIMIT + 5):
        sessions.get(str(number))
    assert len(sessions.known) == sessions.LIMIT
    assert "0" not in sessions.known


@settings(max_examples=200)
@given(st.binary(min_size=1, max_size=60).filter(lambda name: not re.search(rb"[\x00-\x1f\x7f/]", name)))
def test_every_name_comes_through_unchanged(name: bytes) -> None:
    line = raw(file="FILE", argument="FILE").replace(b"FILE", b"/" + name)
    found = record(line, Path("/nonexistent"))
    assert found is not None
    back = json.loads(json.dumps(found))
    if "file_base64" in back:
        assert base64.b64decode(back["file_base64"]) == b"/" + name
    else:
        assert back["file"].encode() == b"/" + name
    # No lone surrogates, at which strict readers stop
    assert json.dumps(back, ensure_ascii=False).encode()


def test_a_line_that_is_not_understood_is_kept(customers: Path) -> None:
    assert record(b"what\tis\xff this", customers) == {
        "outcome": "unreadable",
        "line": "what\tis\ufffd this",
        "line_base64": base64.b64encode(b"what\tis\xff this").decode(),
    }


def test_a_command_with_a_line_break_forges_no_record(follower: Any) -> None:
    forged = raw(account="globex-up", source="198.51.100.30", file="/forged", argument="forged")
    typed = (b"x\n" + forged).decode()
    append(follower, raw(command="STOR", reply="550", status="failed", file="-", argument=typed))
    follower.step()
    assert [(entry["outcome"], entry.get("account")) for entry in logged(follower)] == [
        ("denied", "acme-up"),
        ("unreadable", None),
    ]


def test_a_full_disk_leaves_no_half_record(follower: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    append(follower, raw())
    follower.step()
    append(follower, raw(command="RETR"))

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(script.os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            follower.step()
    assert [entry["operation"] for entry in logged(follower)] == ["upload"]
    follower.step()
    assert [entry["operation"] for entry in logged(follower)] == ["upload", "download"]


def test_new_lines_are_moved_once(follower: Any) -> None:
    append(follower, raw(), raw(command="RETR"))
    assert follower.step() is True
    assert follower.step() is False
    append(follower, raw(command="DELE", reply="250"))
    assert follower.step() is True

    assert [entry["operation"] for entry in logged(follower)] == ["upload", "download", "delete"]


def test_half_a_line_waits_for_its_end(follower: Any) -> None:
    line = MARK.encode() + b"\t" + raw() + b"\n"
    follower.raw.write_bytes(line + line[:20])
    follower.step()
    assert len(logged(follower)) == 1
    with follower.raw.open("ab") as file:
        file.write(line[20:])
    follower.step()
    assert [entry["outcome"] for entry in logged(follower)] == ["ok", "ok"]


def test_a_restarted_service_goes_on_where_it_was(follower: Any, tmp_path: Path, customers: Path) -> None:
    append(follower, raw(), raw())
    follower.step()
    append(follower, raw(command="RETR"))
    script.Follower(tmp_path, tmp_path / "state", customers, MARK).step()

    assert [entry["operation"] for entry in logged(follower)] == ["upload", "upload", "download"]


def test_a_rotated_log_is_begun_anew(follower: Any, tmp_path: Path) -> None:
    append(follower, raw())
    follower.step()
    follower.output.rename(tmp_path / "transfer.log-20261123")
    append(follower, raw(command="RETR"))
    follower.step()

    assert [entry["operation"] for entry in logged(follower)] == ["download"]


def test_the_raw_file_is_rotated_and_nothing_is_lost(follower: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "ROTATE_BYTES", 100)
    session = follower.raw.open("ab")  # a session that goes on through all this
    session.write(MARK.encode() + b"\t" + raw() + b"\n")
    session.flush()
    follower.step()
    follower.step()
    assert not follower.raw.exists()
    monkeypatch.setattr(script, "ROTATE_BYTES", 1_000_000)

    append(follower, raw(command="RETR"))  # a new session makes a new file
    # the old one writes to the old file
    session.write(MARK.encode() + b"\t" + raw(command="DELE", reply="250") + b"\n")
    session.flush()
    follower.step()
    assert {entry["operation"] for entry in logged(follower)} == {"upload", "download", "delete"}
    follower.step()
    assert follower.old.exists(), "removed although a session still writes to it"

    session.close()
    follower.step()
    assert not follower.old.exists()
    assert len(logged(follower)) == 3
    assert len(json.loads(follower.state.read_text())) == 1


def test_an_emptied_raw_file_is_read_from_its_start(follower: Any) -> None:
    append(follower, raw(), raw())
    follower.step()
    follower.raw.write_bytes(b"")
    append(follower, raw(command="RETR"))
    follower.step()

    assert logged(follower)[-1]["operation"] == "download"
