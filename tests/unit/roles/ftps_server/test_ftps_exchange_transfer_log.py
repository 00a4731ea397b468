"""The transfer log's service: every transfer once, as JSON that any reader takes, and never lost."""

from __future__ import annotations

import base64
import errno
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.roles.programs import load_program

ROLE = Path(__file__).parents[4] / "roles" / "ftps_server"


script = load_program("ftps_server", "ftps-exchange-transfer-log")

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
    "process": "77",
    "file": "/a.txt",
    "renamed_from": "-",
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
def follower(tmp_path: Path, customers: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(script, "is_session", lambda _process: True)
    return script.Follower(tmp_path, tmp_path / "state", customers, MARK)


def record(line: bytes, customers: Path, sessions: Any = None) -> dict[str, Any] | None:
    result: dict[str, Any] | None = script.record_of(line + b"\n", customers, sessions or script.Sessions())
    return result


def append(follower: Any, *lines: bytes) -> None:
    with follower.raw.open("ab") as file:
        file.write(b"".join(MARK.encode() + b"\t" + line + b"\n" for line in lines))


def logged(follower: Any) -> list[dict[str, Any]]:
    if not follower.output.path.exists():
        return []
    return [json.loads(line) for line in follower.output.path.read_text().splitlines()]


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
        "%P": "process",
        "%F": "file",
        "%w": "renamed_from",
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
    assert [(entry["outcome"], entry["account"], entry["file"]) for entry in logged(follower)] == [
        ("denied", "acme-up", typed)
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
    follower.output.path.rename(tmp_path / "transfer.log-20261123")
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
    assert len(json.loads(follower.state.path.read_text())["files"]) == 1


def test_an_emptied_raw_file_is_read_from_its_start(follower: Any) -> None:
    append(follower, raw(), raw())
    follower.step()
    follower.raw.write_bytes(b"")
    append(follower, raw(command="RETR"))
    follower.step()

    assert logged(follower)[-1]["operation"] == "download"


def restarted(follower: Any) -> Any:
    """As after kill -9: nothing is left but what is on disk."""
    return script.Follower(follower.raw.parent, follower.state.path, follower.customers, MARK)


def names(follower: Any) -> list[str]:
    return [entry["file"] for entry in logged(follower) if "file" in entry]


def test_a_record_without_its_line_break_swallows_no_other(follower: Any) -> None:
    """ProFTPD cuts a record at 4223 bytes, and its line break with it."""
    long = raw(command="DELE", reply="550", file="-", argument="\xff" * 5000)
    with follower.raw.open("ab") as file:
        for number in range(3):
            file.write((MARK.encode() + b"\t" + long)[: script.LONGEST_RECORD])
            file.write(MARK.encode() + b"\t" + raw(file=f"/{number}") + b"\n")
    follower.step()
    assert [name for name in names(follower) if name.startswith("/")] == ["/0", "/1", "/2"]
    assert [entry["cut"] for entry in logged(follower) if entry["outcome"] == "denied"] == [True] * 3


def test_a_deep_path_is_whole_although_the_record_was_cut(follower: Any) -> None:
    path = "/" + "d" * 3900
    line = MARK.encode() + b"\t" + raw(file=path, argument=path)
    follower.raw.write_bytes(line[: script.LONGEST_RECORD])
    follower.step()
    [found] = logged(follower)
    assert (found["file"], found["outcome"], "cut" in found) == (path, "ok", False)


def test_what_was_cut_is_marked(customers: Path) -> None:
    rename = raw(command="RNTO", reply="250", file="/" + "d" * 3900, renamed_from="/" + "e" * 3900)
    found = script.record_of(rename[:4200], customers, script.Sessions())
    assert (found["operation"], found["outcome"], found["cut"]) == ("rename", "ok", True)
    found = script.record_of(raw(file="/" + "d" * 5000)[:4200], customers, script.Sessions())
    assert (found["outcome"], found["cut"]) == ("ok", True)


def test_raw_bytes_without_any_mark_stop_nothing(follower: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "READ_BYTES", 20_000)
    follower.raw.write_bytes(b"\xff" * 50_000)
    append(follower, raw())
    while follower.step():
        pass
    assert names(follower) == ["/a.txt"]
    assert {entry["outcome"] for entry in logged(follower)} == {"unreadable", "ok"}


def test_a_record_that_stays_cut_is_taken_at_the_next_look(follower: Any) -> None:
    """A full disk cuts a record; whatever comes next begins with its own mark."""
    line = MARK.encode() + b"\t" + raw(file="/whole") + b"\n"
    follower.raw.write_bytes(line[:-3])
    assert follower.step() is False
    assert follower.step() is True
    append(follower, raw(file="/next"))
    follower.step()
    assert names(follower) == ["/whole", "/next"]


def typed_text() -> st.SearchStrategy[bytes]:
    """What a client may send: any bytes, and what looks like the log's own structure. Never the mark."""
    own = [b"\n", b"\t", b"\r", b"\0", b"STOR", b"226", raw(account="forged"), MARK[:-1].encode(), b"\t-\t-\t"]
    piece = st.one_of(st.binary(max_size=12), st.sampled_from(own), st.just(b"\xff" * 4180))
    return st.lists(piece, max_size=4).map(b"".join).filter(lambda text: MARK.encode() not in text)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(typed_text(), st.integers(0, 5)), max_size=25),
    st.lists(st.integers(1, 9000), min_size=1, max_size=4),
    st.integers(4300, 9000),
)
def test_no_record_of_another_session_is_lost(
    tmp_path_factory: pytest.TempPathFactory, events: list[bytes | int], bites: list[int], read: int
) -> None:
    """Whatever one session types, however the file is read and the service killed: another's records are there once."""
    folder = tmp_path_factory.mktemp("log")
    written, expected = b"", []
    for place, event in enumerate(events):
        if isinstance(event, int):
            line = raw(account="globex-up", session="other", file=f"/{place}")
            expected.append(f"/{place}")
        else:
            line = raw(command="DELE", reply="550", session="loud", file="F", argument="A")
            line = line.replace(b"\tF\t", b"\t/" + event + b"\t").removesuffix(b"A") + event
        written += (MARK.encode() + b"\t" + line + b"\n")[: script.LONGEST_RECORD]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "READ_BYTES", read)
        patch.setattr(script, "is_session", lambda _process: True)
        patch.setattr(script.os, "fsync", lambda _handle: None)
        (folder / "transfer.raw").write_bytes(written)
        follower = script.Follower(folder, folder / "state", folder, MARK)
        for bite in bites:  # killed after the records, before the state
            follower.step()
            stored = follower.state.path.read_bytes() if follower.state.path.exists() else None
            follower.step()
            if stored is not None and bite % 2:
                follower.state.path.write_bytes(stored)
            elif bite % 3 == 0:
                follower.state.path.write_bytes(b"")
            follower = restarted(follower)
        while follower.step():
            pass
        follower.step()
        follower.step()
    found = logged(follower)
    assert [entry["file"] for entry in found if entry.get("session") == "other"] == expected
    assert not [entry for entry in found if entry.get("account") == "forged"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=40), st.just(b"9" * 5000), st.sampled_from(list(script.OPERATIONS))), max_size=22
    )
)
def test_no_record_stops_the_log(tmp_path_factory: pytest.TempPathFactory, fields: list[bytes | str]) -> None:
    folder = tmp_path_factory.mktemp("log")
    odd = b"\t".join(field if isinstance(field, bytes) else field.encode() for field in fields)
    mark = MARK.encode() + b"\t"
    (folder / "transfer.raw").write_bytes(
        mark + odd + b"\n" + mark + b"99999999999999999999.1\t" + odd + b"\n" + mark + raw() + b"\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "is_session", lambda _process: True)
        patch.setattr(script.os, "fsync", lambda _handle: None)
        follower = script.Follower(folder, folder / "state", folder, MARK)
        follower.step()
    assert "/a.txt" in names(follower)


def test_an_impossible_time_stops_nothing(follower: Any) -> None:
    append(follower, raw(time="99999999999999999999.1"), raw(file="/next"))
    follower.step()
    assert [entry["outcome"] for entry in logged(follower)] == ["unreadable", "ok"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe"])
def test_a_damaged_note_of_the_customer_stops_nothing(follower: Any, content: bytes) -> None:
    (follower.customers / "acme-up").write_bytes(content)
    append(follower, raw())
    follower.step()
    assert [entry["customer"] for entry in logged(follower)] == [None]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null", b'{"files": 3}', b'{"1": "x"}'])
def test_a_damaged_state_file_is_begun_anew_and_nothing_is_doubled(
    follower: Any, damage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    append(follower, raw(file="/1"), raw(file="/2"))
    follower.step()
    append(follower, raw(file="/3"))
    follower.state.path.write_bytes(damage)
    again = restarted(follower)
    while again.step():
        pass
    assert names(again) == ["/1", "/2", "/3"]
    assert "was damaged" in capsys.readouterr().err
    assert [entry["outcome"] for entry in logged(again)].count("missing") == 1


def test_a_kill_between_the_records_and_the_state_doubles_nothing(follower: Any) -> None:
    append(follower, raw(file="/1"))
    follower.step()
    stored = follower.state.path.read_bytes()
    append(follower, raw(file="/2"), raw(file="/3"))
    follower.step()
    follower.state.path.write_bytes(stored)
    with follower.output.path.open("ab") as file:
        file.write(b'{"id": "half a rec')
    again = restarted(follower)
    append(again, raw(file="/4"))
    while again.step():
        pass
    assert names(again) == ["/1", "/2", "/3", "/4"]
    assert len({entry["id"] for entry in logged(again)}) == 4


def test_a_kill_after_a_rotation_doubles_nothing(follower: Any, tmp_path: Path) -> None:
    append(follower, raw(file="/1"))
    follower.step()
    follower.state.path.unlink()
    follower.output.path.rename(tmp_path / "transfer.log-20261123")
    again = restarted(follower)
    again.step()
    assert names(again) == []


def test_refused_commands_beyond_the_first_are_counted(follower: Any) -> None:
    refused = raw(command="DELE", reply="550", file="-", argument="x")
    append(follower, *[refused] * (script.REFUSALS_WRITTEN + 40), raw(file="/other", account="globex-up"))
    while follower.step():
        pass
    outcomes = [entry["outcome"] for entry in logged(follower)]
    assert (outcomes.count("denied"), outcomes.count("ok")) == (script.REFUSALS_WRITTEN + 1, 1)
    [several] = [entry for entry in logged(follower) if entry.get("operation") == "several"]
    assert (several["account"], several["source"], several["count"]) == ("acme-up", "198.51.100.20", 40)


def test_refused_commands_before_a_login_are_counted_only(follower: Any) -> None:
    """302 KB that are sent without a login make no megabytes of log."""
    refused = raw(command="DELE", reply="530", account="-", file="-", argument="\xff" * 4000)
    append(follower, *[refused] * 75)
    while follower.step():
        pass
    [several] = logged(follower)
    assert (several["account"], several["count"]) == (None, 75)
    assert follower.output.path.stat().st_size < 500


def test_counts_outlive_a_kill(follower: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script.time, "time", lambda: float(DEFAULTS["time"]))
    append(follower, *[raw(command="DELE", reply="530", account="-")] * 5)
    follower.step()
    again = restarted(follower)
    append(again, *[raw(command="DELE", reply="530", account="-")] * 2)
    while again.step():
        pass
    assert logged(again) == []
    monkeypatch.setattr(script.time, "time", lambda: float(DEFAULTS["time"]) + 90)
    again.step()
    assert [entry["count"] for entry in logged(again)] == [7]


def test_a_long_refused_argument_is_cut(customers: Path) -> None:
    long = raw(command="DELE", reply="550", file="/F", argument="F").replace(b"F", b"\xff" * 2000)
    found = record(long, customers)
    assert found is not None
    assert found["cut"] is True
    assert "path" not in found
    assert len(json.dumps(found)) < 2500


def test_a_session_that_ends_without_a_word_is_reported(follower: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    login = {"command": "PASS", "reply": "230", "file": "-", "argument": "(hidden)", "milliseconds": "-"}
    append(follower, raw(**login), raw(session="s2", process="78", **login))
    while follower.step():
        pass
    again = restarted(follower)
    monkeypatch.setattr(script, "is_session", lambda process: process != 78)
    append(again, raw(command="EXIT", milliseconds="-"))
    for _ in range(3):
        while again.step():
            pass
    assert [(entry["session"], entry["outcome"], entry["account"]) for entry in logged(again)] == [
        ("s2", "interrupted", "acme-up")
    ]


def test_a_reboot_interrupts_every_session(follower: Any) -> None:
    append(follower, raw(command="PASS", reply="230", milliseconds="-"))
    follower.step()
    stored = json.loads(follower.state.path.read_text())
    follower.state.path.write_text(json.dumps(stored | {"boot": "another"}))
    again = restarted(follower)
    assert [session.process for session in again.state.sessions.live().values()] == [None]


def full_disk(patch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    patch.setattr(script, "allocate", full)
    patch.setattr(script.os, "fsync", full)


def step_on_a_full_disk(follower: Any) -> None:
    with pytest.raises(OSError, match="No space left"):
        follower.step()


def test_records_that_a_full_disk_may_have_lost_are_reported(
    follower: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "RESERVE_BYTES", 20_000)
    append(follower, raw(file="/1"))
    follower.step()
    with monkeypatch.context() as patch:
        full_disk(patch)
        append(follower, *[raw(file="/2")] * 100)
        step_on_a_full_disk(follower)
        step_on_a_full_disk(follower)
        assert follower.short
        assert follower.state.missing_since is None, "there is still space that was kept"
        append(follower, *[raw(file="/3")] * 60)
        step_on_a_full_disk(follower)
        assert "are lost from now on" in capsys.readouterr().err
    append(follower, raw(file="/4"))
    follower.step()
    [missing] = [entry for entry in logged(follower) if entry["outcome"] == "missing"]
    assert missing["reason"] == "the disk of the log was full"
    assert missing["since"] <= missing["time"]
    assert names(follower)[-1] == "/4"


def test_space_is_kept_and_given_back(follower: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "RESERVE_BYTES", 8 * script.BLOCK_BYTES)
    monkeypatch.setattr(script, "RETURN_BYTES", script.BLOCK_BYTES)
    append(follower, *[raw(file="/" + "x" * 1000)] * 20)
    written = follower.raw.stat().st_size
    while follower.step():
        pass
    status = follower.raw.stat()
    assert status.st_size == written
    # What is kept is there, what is done has gone but for the last block
    assert status.st_blocks * 512 <= 10 * script.BLOCK_BYTES
    assert status.st_blocks * 512 >= 8 * script.BLOCK_BYTES
    append(follower, raw(file="/last"))
    follower.step()
    assert names(follower)[-1] == "/last"


def test_a_failed_write_is_made_up_for_and_counts_nothing_twice(follower: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    end = {"command": "EXIT", "reply": "-", "status": "-", "reason": "Terminated by signal"}
    append(follower, *[raw(command="DELE", reply="530", account="-")] * 3, raw(**end))

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(script.os, "fsync", full)
        for _ in range(3):
            with pytest.raises(OSError, match="No space left"):
                follower.step()
    while follower.step():
        pass
    assert [(entry["outcome"], entry.get("count")) for entry in logged(follower)] == [("aborted", None), ("denied", 3)]
