"""The guard: refused passwords count across sessions, for an account from a source, and for the source."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.unit.roles.programs import load_program

FILES = Path(__file__).parents[4] / "roles" / "ftps_server" / "files"
LIMITS = {
    "account": {"refused": 3, "within": 600, "lasts": 900},
    "source": {"refused": 5, "within": 600, "lasts": 900},
}
HERE = "198.51.100.20"


@pytest.fixture(scope="module")
def guard() -> ModuleType:
    return load_program("ftps_server", "ftps-exchange-guard")


@pytest.fixture
def host(guard: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server on which nobody has guessed yet."""
    (tmp_path / "seen").mkdir()
    settings = {
        "answer_after": 0.3,
        "attempts": str(tmp_path),
        "attempts_of_a_session": 3,
        "login_time": 30,
        "limits": LIMITS,
    }
    (tmp_path / "guard.json").write_text(json.dumps(settings))
    for name, file in {"CONFIGURATION": "guard.json", "STATE": "state", "BANS": "bans", "SEEN": "seen"}.items():
        monkeypatch.setattr(guard, name, str(tmp_path / file))
    monkeypatch.setattr(guard.syslog, "syslog", lambda *_arguments: None)
    monkeypatch.setenv("PAM_TYPE", "auth")
    return tmp_path


def login(guard: ModuleType, monkeypatch: pytest.MonkeyPatch, command: str, account: str, address: str) -> int:
    monkeypatch.setenv("PAM_RUSER", account)
    monkeypatch.setenv("PAM_RHOST", address)
    status: int = guard.main([command])
    return status


def test_the_third_wrong_password_bans_the_account_from_there_and_nobody_else(
    guard: ModuleType, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        login(guard, monkeypatch, "refused", "acme-up", HERE)
    assert login(guard, monkeypatch, "banned", "acme-up", HERE) == 0
    login(guard, monkeypatch, "refused", "acme-up", f"::ffff:{HERE}")
    assert login(guard, monkeypatch, "banned", "acme-up", HERE) == 1
    assert login(guard, monkeypatch, "banned", "acme-read", HERE) == 0
    assert login(guard, monkeypatch, "banned", "acme-up", "198.51.100.21") == 0
    assert f"-|acme-up|{HERE}\n" in (host / "bans").read_text()
    assert (host / "bans").read_text().endswith("+|ALL|ALL\n")


def test_addresses_of_one_ipv6_network_are_one_source(
    guard: ModuleType, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for last in (1, 2, 3):
        login(guard, monkeypatch, "refused", "acme-up", f"2001:db8::{last}")
    assert login(guard, monkeypatch, "banned", "acme-up", "2001:db8::ffff") == 1
    assert login(guard, monkeypatch, "banned", "acme-up", "2001:db8:0:1::1") == 0


def test_a_banned_source_spares_who_has_logged_in_from_it(
    guard: ModuleType, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (host / "seen" / f"neighbour {HERE}").touch()
    for account in ("a", "b", "c", "d", "e"):
        login(guard, monkeypatch, "refused", account, HERE)
    assert login(guard, monkeypatch, "banned", "newcomer", HERE) == 1
    assert login(guard, monkeypatch, "banned", "neighbour", HERE) == 0


def test_a_ban_ends_and_counting_begins_anew(guard: ModuleType) -> None:
    state: dict[str, Any] = {}
    for second in range(3):
        guard.count(state, "acme-up", HERE, 1000.0 + second, LIMITS)
    assert guard.is_banned(state, "acme-up", HERE, 1100.0, known=False)
    state = guard.cleaned(state, 1000.0 + 2 + 900, LIMITS)
    assert not guard.is_banned(state, "acme-up", HERE, 1903.0, known=False)
    assert guard.count(state, "acme-up", HERE, 1903.0, LIMITS) == []


def test_old_wrong_passwords_do_not_count(guard: ModuleType) -> None:
    state: dict[str, Any] = {}
    assert [guard.count(state, "acme-up", HERE, 601.0 * step, LIMITS) for step in range(6)] == [[]] * 6


def test_the_state_does_not_grow_without_end(guard: ModuleType) -> None:
    state = {str(number): {"refused": [1000.0], "until": 0} for number in range(guard.MOST + 5)}
    assert len(guard.cleaned(state, 1000.0, LIMITS)) == guard.MOST


def test_a_broken_state_refuses_nobody(guard: ModuleType, host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (host / "state").write_text("{")
    assert login(guard, monkeypatch, "banned", "acme-up", HERE) == 0


@pytest.mark.parametrize("which", ["acme-up", HERE, f"acme-up {HERE}"])
def test_a_ban_is_lifted_by_hand(guard: ModuleType, host: Path, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    for _ in range(3):
        login(guard, monkeypatch, "refused", "acme-up", HERE)
    assert guard.main(["permit", which]) == 0
    assert login(guard, monkeypatch, "banned", "acme-up", HERE) == 0
    assert json.loads((host / "state").read_text()) == {}


def test_the_answer_comes_at_a_fixed_moment_after_the_password(host: Path) -> None:
    """What was done in between does not show: a session that took 0.2 s waits 0.1 s more."""
    attempt, guard = FILES / "ftps-exchange-attempt", FILES / "ftps-exchange-guard"
    program = guard.read_text().replace("/etc/ftps-exchange/guard.json", str(host / "guard.json"))
    (host / "guard").write_text(program)
    script = f"sh {attempt}; sleep 0.2; python3 {host / 'guard'} answer"
    began = time.monotonic()
    subprocess.run(["sh", "-c", script], env=os.environ | {"FTPS_EXCHANGE_ATTEMPTS": str(host)}, check=True)
    assert 0.3 <= time.monotonic() - began < 2.0
    [note] = [path for path in host.iterdir() if path.name.partition(".")[0].isdecimal()]
    assert note.read_text() == "."
