"""ftps_sessions: ends what is no longer permitted, and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.modules import ftps_sessions

COLLECTIONS = Path(__file__).resolve().parents[3] / "collections"
PERMITTED: list[dict[str, Any]] = [
    {"name": "acme-up", "networks": ["198.51.100.20/32", "2001:db8:100::20/128"]},
    {"name": "globex-up", "networks": ["198.51.100.0/24"]},
]
WITH_RIGHTS = [
    {**PERMITTED[0], "customer": "acme", "home": "write", "shares": {"maps": "read", "dropbox": "write"}},
    {**PERMITTED[1], "customer": "globex", "home": "read", "shares": {}},
]


def session(**fields: Any) -> ftps_sessions.Session:
    given: dict[str, Any] = {"pid": 4711, "account": "acme-up", "address": "198.51.100.20", "since": ""}
    return ftps_sessions.Session(**(given | fields))


def judged(**fields: Any) -> str | None:
    return ftps_sessions.judge(session(**fields), ftps_sessions.permissions_of(PERMITTED))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"address": "2001:db8:100::20"},
        {"address": "::ffff:198.51.100.20"},
        {"account": "globex-up", "address": "198.51.100.99"},
    ],
)
def test_sessions_that_go_on(fields: dict[str, Any]) -> None:
    assert judged(**fields) is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"account": "initech-up"}, "account not permitted"),
        ({"account": "ACME-UP"}, "account not permitted"),
        ({"address": "198.51.100.21"}, "address not permitted"),
        ({"address": "2001:db8:100::21"}, "address not permitted"),
        ({"address": "::ffff:198.51.100.21"}, "address not permitted"),
        ({"account": "globex-up", "address": "2001:db8:100::20"}, "address not permitted"),
        ({"address": ""}, "address unknown"),
        ({"address": "host.example"}, "address unknown"),
    ],
)
def test_sessions_that_end(fields: dict[str, Any], reason: str) -> None:
    assert judged(**fields) == reason


def test_the_list_is_stable() -> None:
    sessions = [session(pid=3, account="z"), session(pid=2, account="b", since="2"), session(pid=1, account="b")]
    found = ftps_sessions.forbidden_sessions([*sessions, session(pid=9)], ftps_sessions.permissions_of(PERMITTED))
    assert [(one.pid, reason) for one, reason in found] == [(pid, "account not permitted") for pid in (1, 2, 3)]


def rights(customer: str = "acme", home_writable: bool = True, **shares: bool) -> ftps_sessions.Rights:
    return ftps_sessions.Rights(customer, home_writable, shares)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (rights(maps=False, dropbox=True), None),
        (rights(dropbox=False), None),  # less than it should have
        (rights(home_writable=False), None),
        (rights(maps=True), "may only read share maps"),
        (rights(plans=False), "has no right to share plans"),
        (rights("globex"), "the account belongs to acme, and is in the home of globex"),
        (None, "what it was given at its login is not known"),
    ],
)
def test_a_session_that_has_more_than_it_should_ends(given: ftps_sessions.Rights | None, reason: str | None) -> None:
    assert ftps_sessions.judge(session(given=given), ftps_sessions.permissions_of(WITH_RIGHTS)) == reason


def test_write_turned_to_read_ends_the_session() -> None:
    given = rights("globex")
    one = session(account="globex-up", given=given)
    assert ftps_sessions.judge(one, ftps_sessions.permissions_of(WITH_RIGHTS)) == "may only read its home"


@pytest.mark.parametrize(
    ("account", "message"),
    [
        ({"name": "acme-up", "networks": ["198.51.100.20/24"]}, "accounts: acme-up: .*host bits"),
        ({"name": "acme-up", "networks": ["anywhere"]}, "accounts: acme-up"),
        ({"name": "acme-up", "networks": "198.51.100.20/32"}, "expected a list of networks"),
        ({"name": "acme-up", "networks": [], "home": "all"}, "accounts: acme-up: home: expected read or write"),
        (
            {"name": "acme-up", "networks": [], "home": "read", "shares": {"maps": "rw"}},
            "accounts: acme-up: shares: maps: expected read or write, got 'rw'",
        ),
    ],
)
def test_a_wrong_value_is_named(account: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ftps_sessions.permissions_of([account])


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


DAEMON = """#!{python}
import subprocess, sys
sessions = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) for _ in range(3)]
print(*(session.pid for session in sessions), flush=True)
for session in sessions:
    session.wait()
"""


class Daemon:
    """A process called proftpd with three connections, and what was noted at their logins."""

    def __init__(self, tmp_path: Path) -> None:
        self.directory = tmp_path
        (tmp_path / "notes").mkdir()
        program = tmp_path / "proftpd"
        program.write_text(DAEMON.format(python=sys.executable))
        program.chmod(0o755)
        self.process = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.pids = [int(pid) for pid in self.process.stdout.readline().split()]
        (tmp_path / "pid").write_text(f"{self.process.pid}\n")

    def note(self, pid: int, account: str, address: str = "198.51.100.20", later: int = 0, **given: Any) -> None:
        fields = ftps_sessions.status_of(pid, Path("/proc"))
        assert fields is not None
        note = {"account": account, "address": address, "started": int(fields[19]) + later, **given}
        (self.directory / "notes" / str(pid)).write_text(json.dumps(note))

    def lives(self, pid: int) -> bool:
        fields = ftps_sessions.status_of(pid, Path("/proc"))
        return fields is not None and fields[0] != "Z"

    def run(self, accounts: list[dict[str, Any]], *, check: bool = False, **more: Any) -> dict[str, Any]:
        """Run the whole module as Ansible does."""
        arguments = {
            "accounts": accounts,
            "pid_file": str(self.directory / "pid"),
            "sessions": str(self.directory / "notes"),
            "grace_seconds": 2.0,
            "_ansible_check_mode": check,
            **more,
            "_ansible_remote_tmp": str(self.directory),
        }
        done = subprocess.run(
            [sys.executable, str(Path(ftps_sessions.__file__))],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
            env=os.environ | {"PYTHONPATH": str(COLLECTIONS)},
            capture_output=True,
            text=True,
            check=False,
        )
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def close(self) -> None:
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    one = Daemon(tmp_path)
    yield one
    one.close()


def test_only_the_forbidden_session_is_ended(daemon: Daemon) -> None:
    forbidden, permitted, another = daemon.pids
    daemon.note(forbidden, "initech-up")
    daemon.note(permitted, "acme-up")
    daemon.note(another, "globex-up", "198.51.100.30")

    foreseen = daemon.run(PERMITTED, check=True)
    assert foreseen["changed"] is True
    assert daemon.lives(forbidden)

    result = daemon.run(PERMITTED)
    assert result["changed"] is True
    assert [one["account"] for one in result["ended"]] == ["initech-up"]
    assert result["ended"] == foreseen["ended"]
    assert result["remaining"] == 2
    assert "initech-up from 198.51.100.20" in result["diff"]["before"]
    assert [daemon.lives(pid) for pid in daemon.pids] == [False, True, True]


def test_a_withdrawn_share_ends_the_session_that_has_it(daemon: Daemon) -> None:
    has_it, unknown, never_had_it = daemon.pids
    daemon.note(has_it, "acme-up", customer="acme", home_writable=True, shares={"plans": False})
    daemon.note(never_had_it, "acme-up", customer="acme", home_writable=True, shares={"maps": False})
    daemon.note(unknown, "acme-up")

    foreseen = daemon.run(WITH_RIGHTS, check=True)
    assert [(one["pid"], one["reason"]) for one in foreseen["ended"]] == [
        (has_it, "has no right to share plans"),
        (unknown, "what it was given at its login is not known"),
    ]
    result = daemon.run(WITH_RIGHTS)
    assert result["ended"] == foreseen["ended"]
    assert [daemon.lives(pid) for pid in daemon.pids] == [False, False, True]
    assert daemon.run(WITH_RIGHTS)["changed"] is False


def test_nothing_to_end_changes_nothing(daemon: Daemon) -> None:
    for pid in daemon.pids:
        daemon.note(pid, "acme-up")
    result = daemon.run(PERMITTED)
    assert (result["changed"], result["ended"], result["remaining"]) == (False, [], 3)
    assert all(daemon.lives(pid) for pid in daemon.pids)


@pytest.mark.parametrize("check", [True, False])
def test_sessions_of_customers_whose_files_are_lost_go_on(daemon: Daemon, check: bool) -> None:
    daemon.note(daemon.pids[0], "acme-up")
    access = daemon.directory / "access.conf"
    access.write_text("+|acme-up|198.51.100.20/32\n-|ALL|ALL\n# Customer: acme\n# Customer: globex\n")
    guarded: dict[str, Any] = {"access_file": str(access), "access_pattern": "^# Customer: (.+)$", "check": check}
    result = daemon.run([], removal={"known": "[]"}, **guarded)
    assert result["failed"]
    assert f"2 of the 2 customers in {access} have no file any more" in result["msg"]
    assert "acme, globex" in result["msg"]
    assert "-e directory_removal_confirmed=true" in result["msg"]
    assert daemon.lives(daemon.pids[0])

    # One who is still declared, or has a file that says absent
    half = daemon.run([WITH_RIGHTS[1]], removal={"known": "[]"}, **guarded)
    absent = daemon.run([], removal={"known": '["acme", "globex"]', "limit_percent": 0}, **guarded)
    assert [len(one["ended"]) for one in (half, absent)] == ([1, 1] if check else [1, 0])
    assert daemon.lives(daemon.pids[0]) is check


def _process(proc: Path, pid: int, user: int, started: int = 5) -> None:
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "stat").write_text(f"{pid} (proftpd) S 1 {'0 ' * 17}{started} 0\n")
    (proc / str(pid) / "status").write_text(f"Name:\tproftpd\nUid:\t{user}\t101\t0\t101\nGid:\t65534\n")


def test_who_a_process_belongs_to(tmp_path: Path) -> None:
    proc, notes = tmp_path / "proc", tmp_path / "notes"
    notes.mkdir()
    _process(proc, 7, 0)
    assert ftps_sessions.session_of(7, notes, proc) is None  # a connection before its login
    assert ftps_sessions.session_of(8, notes, proc) is None  # gone
    (notes / "7").write_text('{"account": "acme-up", "address": "2001:db8::7", "started": 5}')
    session = ftps_sessions.session_of(7, notes, proc)
    assert session is not None
    assert (session.account, session.address) == ("acme-up", "2001:db8::7")


@pytest.mark.parametrize(
    "note",
    [None, "", "no json", "[]", "{}", '{"account": "acme-up", "address": "198.51.100.20", "started": 4}'],
)
def test_a_login_of_which_nothing_is_known_does_not_go_on(tmp_path: Path, note: str | None) -> None:
    """The note of an earlier process of the same number is none, either."""
    proc, notes = tmp_path / "proc", tmp_path / "notes"
    notes.mkdir()
    _process(proc, 7, 1001105)
    if note is not None:
        (notes / "7").write_text(note)
    session = ftps_sessions.session_of(7, notes, proc)
    assert session is not None
    assert session.account == "(user id 1001105)"
    assert ftps_sessions.judge(session, ftps_sessions.permissions_of(PERMITTED)) == "account not permitted"


@pytest.mark.parametrize("content", [None, "", "no number", "999999999", "of the tests"])
def test_without_a_daemon_there_is_nothing_to_do(daemon: Daemon, content: str | None) -> None:
    """Also when its number is another program's by now."""
    for pid in daemon.pids:
        daemon.note(pid, "initech-up")
    pid_file = daemon.directory / "pid"
    pid_file.unlink()
    if content is not None:
        pid_file.write_text(str(os.getpid()) if content == "of the tests" else content)
    result = daemon.run(PERMITTED)
    assert (result["changed"], result["remaining"]) == (False, 0)
