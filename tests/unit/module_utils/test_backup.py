"""ftps-exchange-backup: what it saves, what it notices, and what a restore must never touch."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils import backup

from tests.unit.restic import FakeRestic

PASSWORD = "not-a-real-password"


class Server:
    """A root with two homes, a log, settings, and the program."""

    def __init__(self, folder: Path, restic: FakeRestic, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.restic, self.capsys = folder, restic, capsys
        self.root, self.log, self.state = folder / "root", folder / "log", folder / "state"
        for home in ("acme", "globex"):
            (self.root / "homes" / home).mkdir(parents=True)
            (self.root / "homes" / home / "file").write_text(f"of {home}")
            os.setxattr(self.root / "homes" / home, "user.rights", home.encode())
        self.log.mkdir()
        (self.log / "transfer.log").write_text("a record\n")
        (folder / "repository").write_text(f"{folder}/vault-of-backups\n")
        (folder / "password").write_text(PASSWORD)
        self.settings: dict[str, Any] = {
            "host": "ftps1",
            "root": str(self.root),
            "paths": [str(self.root), str(self.log), str(folder / "absent")],
            "exclude": ["/some/raw*"],
            "keep": {"daily": 7},
            "repository_file": str(folder / "repository"),
            "password_file": str(folder / "password"),
            "state_dir": str(self.state),
            "cache_dir": str(folder / "cache"),
        }

    def run(self, *arguments: str) -> str:
        """Return what it prints; an error begins with "failed"."""
        (self.folder / "settings").write_text(json.dumps(self.settings))
        code = backup.main(["--settings", str(self.folder / "settings"), *arguments])
        said = self.capsys.readouterr()
        return f"failed {said.err}" if code else said.out

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("status"))
        return found


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Server:
    restic = FakeRestic(tmp_path / "bin")
    monkeypatch.setenv("PATH", restic.path)
    return Server(tmp_path, restic, capsys)


def test_a_save_compares_the_rights_of_all_folders(server: Server) -> None:
    assert server.run("create") == "created\n"
    assert "4 folders compared" in server.run("save")
    assert server.status()["result"] == "ok"


def test_a_backup_without_attributes_is_noticed(server: Server) -> None:
    server.run("create")
    server.run("save")
    last = server.status()["last_success"]
    server.restic.behave("loses attributes")
    said = server.run("save")
    assert said.startswith("failed")
    assert str(server.root / "homes" / "acme") in said
    assert "extended attributes" in said
    # The age of the last good one still counts
    assert (server.status()["result"], server.status()["last_success"]) == ("failed", last)


def test_nothing_is_created_by_itself(server: Server) -> None:
    """The folder may be a mount that is missing."""
    assert "make backup CREATE=1" in server.run("save")
    assert not (server.folder / "vault-of-backups").exists()
    assert server.run("create") == "created\n"
    assert server.run("create") == "is there already\n"


def test_what_cannot_be_read_is_an_error_and_what_is_gone_is_none(server: Server) -> None:
    server.run("create")
    server.restic.behave("vanished")
    assert "saved as" in server.run("save")
    server.restic.behave("unreadable")
    assert "/x: permission denied" in server.run("save")


def test_a_missing_root_is_an_error(server: Server) -> None:
    server.run("create")
    server.root.rename(server.folder / "elsewhere")
    assert "is it mounted?" in server.run("save")


def test_no_secret_is_an_argument(server: Server) -> None:
    server.run("create")
    server.run("save")
    server.run("restore", "--folder", "homes/acme")
    assert PASSWORD not in server.restic.calls()
    assert "vault-of-backups" not in server.restic.calls()


def test_a_folder_comes_back_with_its_rights_and_the_neighbour_stays(server: Server) -> None:
    server.run("create")
    server.run("save")
    acme, globex = (server.root / "homes" / name for name in ("acme", "globex"))
    (acme / "file").write_text("damaged")
    os.removexattr(acme, "user.rights")
    (globex / "file").write_text("newer")
    assert "restored homes/acme" in server.run("restore", "--folder", "homes/acme")
    assert (acme / "file").read_text() == "of acme"
    assert os.getxattr(acme, "user.rights") == b"acme"
    assert (globex / "file").read_text() == "newer"


@pytest.mark.parametrize("folder", ["/etc", "../etc", "homes", "homes/../..", "homes/*", "homes/a[b]"])
def test_a_folder_outside_the_homes_and_shares_is_refused(server: Server, folder: str) -> None:
    server.run("create")
    server.run("save")
    assert "name a folder below" in server.run("restore", "--folder", folder)


def test_a_restore_never_goes_through_a_link(server: Server) -> None:
    server.run("create")
    server.run("save")
    (server.root / "homes" / "evil").symlink_to("/etc")
    assert "is a link" in server.run("restore", "--folder", "homes/evil")
    assert "is a link" in server.run("restore", "--folder", "homes/evil/ssh")


def test_everything_comes_back_only_where_nothing_would_be_lost(server: Server) -> None:
    server.run("create")
    server.run("save")
    assert "older ones" in server.run("restore")
    for name in ("acme", "globex"):
        (server.root / "homes" / name / "file").unlink()
    (server.log / "transfer.log").unlink()
    assert "restored /" in server.run("restore")
    assert (server.root / "homes" / "acme" / "file").read_text() == "of acme"
    assert (server.log / "transfer.log").exists()
    (server.root / "homes" / "acme" / "file").write_text("damaged")
    assert "restored /" in server.run("restore", "--over")
    assert (server.root / "homes" / "acme" / "file").read_text() == "of acme"


def test_the_snapshot_of_another_server_must_be_named(server: Server) -> None:
    server.run("create")
    server.run("save")
    server.settings["host"] = "ftps2"
    assert "no snapshot latest of ftps2" in server.run("restore", "--over")
    assert "restored /" in server.run("restore", "--over", "--host", "ftps1")


def test_two_at_once_are_refused(server: Server) -> None:
    server.run("create")
    server.run("save")
    with (server.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another backup or restore runs" in server.run("save")
