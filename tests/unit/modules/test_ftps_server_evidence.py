"""What is selected of the logs of a server, and that the selection ends."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils import ftps_server
from ansible_collections.ftps.exchange.plugins.modules import ftps_server_evidence as module
from ansible_collections.ftps.exchange.plugins.modules.ftps_server_evidence import Interest

ACME = Interest(["acme-up"], ["198.51.100.0/24", "2001:db8::/64"])


@pytest.mark.parametrize(
    ("text", "concerns"),
    [
        ("USER acme-up: Login successful.", True),
        ("login of 'ACME-UP' refused", True),
        ("USER acme-upper: Login successful.", False),
        ("USER xacme-up: Login successful.", False),
        ("(198.51.100.77[198.51.100.77]) - FTP session opened.", True),
        ("(198.51.101.77[198.51.101.77]) - FTP session opened.", False),
        ("rhost=::ffff:198.51.100.77", True),
        ("from 2001:db8::5", True),
        ("at 12:30:10, version 1.2.3", False),
    ],
)
def test_which_lines_concern_a_customer(text: str, concerns: bool) -> None:
    assert ACME.concerns(text) is concerns


def line(moment: float, pid: int, text: str) -> str:
    return f"{moment:.6f} ftps1 proftpd[{pid}]: {text}"


def test_lines_of_the_same_session_belong_to_it() -> None:
    newest_first = [
        line(130, 8, "FTP session closed."),
        line(120, 7, "pam_exec failed"),
        line(110, 7, "access denied for user `acme-up' from `203.0.113.9'"),
        line(105, 8, "USER globex-up: Login successful."),
        line(100, 7, "10.0.0.1 (203.0.113.9[203.0.113.9]) - FTP session opened."),
        line(90, 9, "something else"),
    ]
    found, reached = module.select_journal(newest_first, ACME, 100)
    assert [entry["text"].split()[0] for entry in found] == ["10.0.0.1", "access", "pam_exec"]
    assert reached == 90


def test_the_number_of_lines_is_limited() -> None:
    many = [line(1000 - number, number, "USER acme-up: Login successful.") for number in range(500)]
    found, _ = module.select_journal(many, ACME, 50)
    assert len(found) == 50
    assert found[-1]["time"] == 1000


def test_tls_lines_are_found_by_their_process_and_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    log = [
        "2026-11-30 23:30:24,937 mod_tls/2.9.2[1348]: TLS/TLS-C requested, starting TLS handshake",
        "2026-11-30 23:30:24,939 mod_tls/2.9.2[1348]: unable to accept TLS connection: protocol error: ",
        "  (1) error:0A000418:SSL routines::tlsv1 alert unknown ca [SSL alert number 48]",
        "2026-11-30 23:30:25,000 mod_tls/2.9.2[1349]: of somebody else",
    ]
    journal = [{"time": 1796081424.9, "pid": 1348, "text": "FTP session opened."}]
    found = module.select_tls(reversed(log), journal, 100)
    assert [entry["text"] for entry in found] == [
        "TLS/TLS-C requested, starting TLS handshake",
        "unable to accept TLS connection: protocol error:  (1) error:0A000418:SSL routines::tlsv1 alert unknown ca "
        "[SSL alert number 48]",
    ]
    assert module.select_tls(reversed(log), [{"time": 1.0, "pid": 1348, "text": ""}], 100) == []


def test_a_file_is_read_from_its_end_and_not_whole(tmp_path: Path) -> None:
    file = tmp_path / "log"
    lines = [f"line {number}" for number in range(50_000)]
    file.write_text("\n".join(lines) + "\n")
    assert list(ftps_server.lines_backwards(file, 1 << 30)) == lines[::-1]
    some = list(ftps_server.lines_backwards(file, 100_000))
    assert some == lines[-len(some) :][::-1]
    assert sum(map(len, some)) < 100_000
    assert list(ftps_server.lines_backwards(tmp_path / "none", 100)) == []


def test_transfers_of_the_customer() -> None:
    lines = [
        json.dumps({"account": "acme-up", "customer": "acme", "file": "/1"}),
        json.dumps({"account": "globex-up", "customer": "globex", "file": "/acme"}),
        json.dumps({"account": "globex-up", "customer": "globex", "file": '"acme"'}),
        '{"customer": "acme", broken',
        json.dumps({"account": "acme-up", "customer": None, "file": "/2"}),
    ]
    found = module.select_transfers(lines, "acme", ["acme-up"], 10)
    assert [entry["file"] for entry in found] == ["/2", "/1"]


def test_the_journal_has_a_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "journalctl"
    program.write_text("#!/bin/sh\nwhile :; do echo '1.000000 h proftpd[1]: x'; sleep 0.05; done\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    begin = time.monotonic()
    assert list(module.read_journal(24, 0.3))
    assert time.monotonic() - begin < 5


def test_a_session_that_waits_for_its_data_connection(tmp_path: Path) -> None:
    """With the real /proc and a real listening socket of this process."""
    with socket.create_server(("127.0.0.1", 0)) as waiting:
        port = waiting.getsockname()[1]
        note = {
            "account": "acme-up",
            "address": "198.51.100.20",
            "started": ftps_server.started(os.getpid(), Path("/proc")),
        }
        (tmp_path / str(os.getpid())).write_text(json.dumps(note))
        (found,) = module.read_sessions(tmp_path, ["acme-up"], [port, port], Path("/proc"))
        assert (found["waiting"], found["data"]) == ([port], [])
        with socket.create_connection(("127.0.0.1", port)), waiting.accept()[0]:
            (found,) = module.read_sessions(tmp_path, ["acme-up"], [port, port], Path("/proc"))
            assert found["data"] == [f"127.0.0.1:{port}"]
        assert module.read_sessions(tmp_path, ["globex-up"], [port, port], Path("/proc")) == []
        note["started"] = 1
        (tmp_path / str(os.getpid())).write_text(json.dumps(note))
        assert module.read_sessions(tmp_path, ["acme-up"], [port, port], Path("/proc")) == [], "another process by now"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0B0A540A", "10.84.10.11"),
        ("0000000000000000FFFF0000146833C6", "198.51.104.20"),
        ("B80D0120000004080000000020000000", "2001:db8:804::20"),
    ],
)
def test_addresses_of_the_kernel(text: str, address: str) -> None:
    assert module.kernel_address(text) == address


def test_bans_of_others_are_left_out(tmp_path: Path) -> None:
    state = {
        "acme-up 198.51.100.20": {"refused": [5.0, 9.0], "until": 99},
        "globex-up 198.51.100.20": {"refused": [5.0], "until": 0},
        "198.51.100.20": {"refused": [5.0], "until": 0},
        "203.0.113.5": {"refused": [5.0], "until": 0},
        "2001:db8::/64": {"refused": [], "until": 50},
    }
    (tmp_path / "state.json").write_text(json.dumps(state))
    found = module.read_bans(tmp_path, ACME, ["acme-up"])
    assert found == {
        "acme-up 198.51.100.20": {"refused": 2, "last": 9.0, "until": 99},
        "198.51.100.20": {"refused": 1, "last": 5.0, "until": 0},
        "2001:db8::/64": {"refused": 0, "last": 0, "until": 50},
    }
    assert module.read_bans(tmp_path / "none", ACME, ["acme-up"]) == {}


def test_last_logins(tmp_path: Path) -> None:
    (tmp_path / "seen").mkdir()
    for name in ("acme-up 198.51.100.20", "globex-up 198.51.100.30"):
        (tmp_path / "seen" / name).touch()
    os.utime(tmp_path / "seen" / "acme-up 198.51.100.20", (5, 5))
    assert ftps_server.read_seen(tmp_path, ["acme-up", "acme-read"]) == {
        "acme-up": {"198.51.100.20": 5.0},
        "acme-read": {},
    }


def test_where_nobody_may_look_into_the_process_its_address_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container root may not read /proc/PID/fd of a session; each source has its own local address, though."""
    assert module.own_address("2001:db8:100::20") == "e001:db8:100::20"
    monkeypatch.setattr(module, "sockets_of", lambda pid, proc: None)
    listed = {
        "1": module.Socket(module.LISTENING, "246.51.100.20", 50007, "::"),
        "2": module.Socket(module.LISTENING, "246.51.100.30", 50008, "::"),
    }
    monkeypatch.setattr(module, "sockets", lambda proc: listed)
    note = {
        "account": "acme-up",
        "address": "198.51.100.20",
        "started": ftps_server.started(os.getpid(), Path("/proc")),
    }
    (tmp_path / str(os.getpid())).write_text(json.dumps(note))
    (found,) = module.read_sessions(tmp_path, ["acme-up"], [50000, 50099], Path("/proc"))
    assert found["waiting"] == [50007]
