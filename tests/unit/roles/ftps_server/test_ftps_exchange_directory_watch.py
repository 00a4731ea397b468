"""The watch of the directory: closes the service and opens it again, and never what somebody else closed."""

from __future__ import annotations

import doctest
import os
import time
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.roles.programs import load_program


@pytest.fixture(scope="module")
def watch() -> ModuleType:
    return load_program("ftps_server", "ftps-exchange-directory-watch")


def test_the_examples_in_it(watch: ModuleType) -> None:
    found = doctest.testmod(watch)
    assert (found.failed, found.attempted) == (0, 2)


def test_it_closes_once_and_opens_once(watch: ModuleType, tmp_path: Path) -> None:
    door = watch.Door(str(tmp_path / "shutmsg"))
    assert not door.open()
    assert door.close(time.time())
    assert not door.close(time.time())
    assert watch.MESSAGE in (tmp_path / "shutmsg").read_text()
    assert door.open()
    assert not (tmp_path / "shutmsg").exists()


def test_the_file_refuses_now_and_ends_no_session_for_days(watch: ModuleType) -> None:
    """ProFTPD refuses from the time minus hhmm on, and disconnects at the time minus the other hhmm."""
    words = watch.shut_text(1_800_000_000.0).splitlines()[0].split()
    moment = time.mktime(time.strptime(" ".join(words[:6]), "%Y %m %d %H %M %S"))
    refused = moment - int(words[6][:2]) * 3600 - int(words[6][2:]) * 60
    assert abs(refused - 1_800_000_000) <= 3600  # the clock may change meanwhile
    assert moment - 1_800_000_000 > 90 * 3600


def test_a_file_that_is_about_to_run_out_is_renewed(watch: ModuleType, tmp_path: Path) -> None:
    door = watch.Door(str(tmp_path / "shutmsg"))
    door.close(time.time())
    os.utime(tmp_path / "shutmsg", (0, 0))
    assert not door.close(time.time())  # it was closed before
    assert (tmp_path / "shutmsg").stat().st_mtime > 0


def test_what_an_administrator_closed_stays_closed(watch: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "shutmsg").write_text("2027 01 01 00 00 00 0010 0005\nmaintenance\n")
    door = watch.Door(str(tmp_path / "shutmsg"))
    assert not door.close(time.time())
    assert not door.open()
    assert "maintenance" in (tmp_path / "shutmsg").read_text()


def test_only_connections_without_a_login_are_cut_off(watch: ModuleType, tmp_path: Path) -> None:
    for process, parent, user in ((7, 5, 0), (8, 5, 1001105), (9, 6, 0)):
        (tmp_path / str(process)).mkdir()
        (tmp_path / str(process) / "status").write_text(f"Name:\tproftpd\nPPid:\t{parent}\nUid:\t{user}\t101\t0\t101\n")
    assert watch.logins_under_way(5, str(tmp_path)) == [7]


def test_a_controller_that_cannot_be_connected_to_is_a_problem(
    watch: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "addresses_of", lambda _domain: {"127.0.0.1"})
    monkeypatch.setattr(watch, "KERBEROS", 9)
    assert watch.problem("corp.example") == "no controller of corp.example answers on port 9 (Kerberos)"
