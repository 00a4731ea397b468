"""ftps_sessions: ends what is no longer permitted, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from library import ftps_sessions

PERMITTED = {
    "acme-up": ["198.51.100.20/32", "2001:db8:100::20/128"],
    "globex-up": ["198.51.100.0/24"],
}


def connection(**fields: Any) -> dict[str, Any]:
    return {
        "pid": 4711,
        "connected_since_ms": 1795451440000,
        "remote_name": "198.51.100.20",
        "remote_address": "198.51.100.20",
        "user": "acme-up",
        "protocol": "ftps",
        "location": "/",
    } | fields


def judged(**fields: Any) -> str | None:
    return ftps_sessions.judge(connection(**fields), ftps_sessions.networks_of(PERMITTED))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"remote_address": "2001:db8:100::20"},
        {"remote_address": "::ffff:198.51.100.20"},
        {"user": "globex-up", "remote_address": "198.51.100.99"},
        {"user": "(none)"},
        {"user": ""},
    ],
)
def test_sessions_that_go_on(fields: dict[str, Any]) -> None:
    assert judged(**fields) is None


def test_a_connection_before_its_login_goes_on() -> None:
    one = connection()
    del one["user"]
    assert ftps_sessions.judge(one, {}) is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"user": "initech-up"}, "account not permitted"),
        ({"user": "ACME-UP"}, "account not permitted"),
        ({"remote_address": "198.51.100.21"}, "address not permitted"),
        ({"remote_address": "2001:db8:100::21"}, "address not permitted"),
        ({"remote_address": "::ffff:198.51.100.21"}, "address not permitted"),
        ({"user": "globex-up", "remote_address": "2001:db8:100::20"}, "address not permitted"),
    ],
)
def test_sessions_that_end(fields: dict[str, Any], reason: str) -> None:
    assert judged(**fields) == reason


def test_the_list_is_stable() -> None:
    listing = {
        "connections": [
            connection(pid=3, user="z"),
            connection(pid=2, user="b", connected_since_ms=1795451441000),
            connection(pid=1, user="b"),
            connection(pid=9),
        ]
    }
    found = ftps_sessions.forbidden_sessions(listing, ftps_sessions.networks_of(PERMITTED))
    assert [one["pid"] for one in found] == [1, 2, 3]
    assert found[0] == {
        "account": "b",
        "address": "198.51.100.20",
        "pid": 1,
        "since": "2026-11-23T16:30:40Z",
        "reason": "account not permitted",
    }


@pytest.mark.parametrize(
    ("permitted", "message"),
    [
        ({"acme-up": ["198.51.100.20/24"]}, "permitted: acme-up: .*host bits"),
        ({"acme-up": ["anywhere"]}, "permitted: acme-up"),
        ({"acme-up": "198.51.100.20/32"}, "expected a list of networks"),
    ],
)
def test_a_wrong_network_is_named(permitted: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ftps_sessions.networks_of(permitted)


@pytest.fixture
def sleeper() -> Any:
    """A process that stands for a session; this test is its daemon."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_a_session_is_ended(sleeper: Any) -> None:
    assert ftps_sessions.end_session(sleeper.pid, os.getpid(), 5.0) is True
    assert sleeper.wait(1) == -signal.SIGTERM


def test_a_session_that_does_not_listen_is_killed() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    assert ftps_sessions.end_session(process.pid, os.getpid(), 0.2) is True
    assert process.wait(1) == -signal.SIGKILL


def test_a_process_of_somebody_else_is_left_alone(sleeper: Any) -> None:
    assert ftps_sessions.end_session(sleeper.pid, os.getpid() + 1, 5.0) is False
    assert sleeper.poll() is None


def test_a_process_that_is_gone_is_no_error() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert ftps_sessions.end_session(process.pid, os.getpid(), 5.0) is False


def test_the_parent_is_found_whatever_the_process_is_called(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text("7 (a) R 1 (b) S 4242 7 7 0 -1\n")
    assert ftps_sessions.parent_of(7, tmp_path) == 4242
    assert ftps_sessions.parent_of(8, tmp_path) is None


def run_module(tmp_path: Path, listing: str, permitted: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
    """Run the whole module as Ansible does, with a stand-in for ftpwho."""
    (tmp_path / "scoreboard").touch()
    (tmp_path / "listing").write_text(listing)
    ftpwho = tmp_path / "ftpwho"
    ftpwho.write_text(f"#!/bin/sh\ncat {tmp_path}/listing\n")
    ftpwho.chmod(0o755)
    arguments = {
        "permitted": permitted,
        "scoreboard": str(tmp_path / "scoreboard"),
        "ftpwho": str(ftpwho),
        "grace_seconds": 2.0,
        "_ansible_check_mode": check,
        "_ansible_remote_tmp": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, str(Path(ftps_sessions.__file__))],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        capture_output=True,
        text=True,
        check=False,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def listing_with(*pids: tuple[int, str]) -> str:
    connections = [connection(pid=pid, user=user) for pid, user in pids]
    return json.dumps({"server": {"server_type": "standalone", "pid": os.getpid()}, "connections": connections})


def test_only_the_forbidden_session_is_ended(tmp_path: Path, sleeper: Any) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        listing = listing_with((sleeper.pid, "initech-up"), (other.pid, "acme-up"))

        foreseen = run_module(tmp_path, listing, PERMITTED, check=True)
        assert foreseen["changed"] is True
        assert sleeper.poll() is None

        result = run_module(tmp_path, listing, PERMITTED)
        assert result["changed"] is True
        assert [one["account"] for one in result["ended"]] == ["initech-up"]
        assert result["ended"] == foreseen["ended"]
        assert result["remaining"] == 1
        assert "initech-up from 198.51.100.20" in result["diff"]["before"]
        assert sleeper.wait(1) == -signal.SIGTERM
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_nothing_to_end_changes_nothing(tmp_path: Path, sleeper: Any) -> None:
    result = run_module(tmp_path, listing_with((sleeper.pid, "acme-up")), PERMITTED)
    assert (result["changed"], result["ended"], result["remaining"]) == (False, [], 1)
    assert sleeper.poll() is None


def test_without_a_daemon_there_is_nothing_to_do(tmp_path: Path) -> None:
    arguments = {"permitted": {}, "scoreboard": str(tmp_path / "absent"), "_ansible_remote_tmp": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(Path(ftps_sessions.__file__))],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["changed"] is False


def test_an_unreadable_listing_is_an_error_that_says_so(tmp_path: Path) -> None:
    result = run_module(tmp_path, "no json", PERMITTED)
    assert result["failed"] is True
    assert "cannot read the list of sessions" in result["msg"]
