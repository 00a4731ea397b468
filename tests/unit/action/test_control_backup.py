"""control_backup: the control node's files come back where they are missing, and nothing is replaced."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.action import control_backup

from ftps_exchange.control_archive import ArchiveError, Restored, read_archive
from tests.unit.actions import run_action
from tests.unit.restic import FakeRestic

PASSWORD = "not-a-real-password"


class Node:
    """A control node with passwords, a CA and packs."""

    def __init__(self, folder: Path, restic: FakeRestic) -> None:
        self.folder, self.restic = folder, restic
        (folder / "handover").mkdir()
        self.passwords = folder / "handover" / "1.yml"
        self.passwords.write_text("secret")
        self.passwords.chmod(0o600)
        self.key = folder / "ca.key"
        self.key.write_text("a key")
        self.arguments: dict[str, Any] = {
            "exchange": "lab",
            "repository": f"{folder}/vault",
            "password": PASSWORD,
            "create": True,
            "parts": {
                "hand-over": f"{folder}/handover",
                "own-ca-key": str(self.key),
                "packs": f"{folder}/packs",
                "ca": "",
            },
        }

    def run(self, state: str, **more: Any) -> dict[str, Any]:
        return run_action(control_backup.ActionModule, {**self.arguments, "state": state, **more})


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    restic = FakeRestic(tmp_path / "bin")
    monkeypatch.setenv("PATH", restic.path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Node(tmp_path, restic)


def test_what_is_lost_comes_back_with_its_mode(node: Node) -> None:
    saved = node.run("saved")
    assert "hand-over, own-ca-key" in saved["report"][0]
    assert saved["report"][1].startswith("There is no packs")
    node.passwords.unlink()
    node.key.unlink()
    restored = node.run("restored")
    assert len(restored["restored"]) == 2
    assert (node.passwords.read_text(), node.passwords.stat().st_mode & 0o777) == ("secret", 0o600)


def test_it_may_come_back_elsewhere(node: Node) -> None:
    node.run("saved")
    node.run("restored", parts={"hand-over": str(node.folder / "new" / "place")})
    assert (node.folder / "new" / "place" / "1.yml").read_text() == "secret"
    assert (node.folder / "new" / "place").stat().st_mode & 0o077 == 0


def test_what_differs_stays_and_is_named(node: Node) -> None:
    node.run("saved")
    node.key.write_text("a newer key")
    restored = node.run("restored")
    assert node.key.read_text() == "a newer key"
    assert not restored["changed"]
    assert [name.split()[0] for name in restored["differing"]] == ["own-ca-key"]


def test_no_secret_is_an_argument_or_in_the_answer(node: Node) -> None:
    answers = str(node.run("saved")) + str(node.run("restored"))
    assert PASSWORD not in node.restic.calls() + answers
    assert "vault" not in node.restic.calls()


@pytest.mark.parametrize("name", ["repository", "password"])
def test_without_a_place_it_says_what_has_no_backup(node: Node, name: str) -> None:
    result = node.run("saved", **{name: ""})
    assert f"backup_control_{name} is empty" in result["msg"]


def test_the_words_of_restic_are_shown(node: Node) -> None:
    node.run("saved")
    result = node.run("restored", password="another-password", create=False)
    assert "wrong password" in result["msg"]


def test_a_file_that_cannot_be_read_leaves_no_snapshot(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.run("saved")

    def fails(parts: object, stream: io.BytesIO) -> None:
        stream.write(b"half")
        raise PermissionError(13, "Permission denied", "ca.key")

    monkeypatch.setattr(control_backup, "write_archive", fails)
    assert "ca.key" in node.run("saved")["msg"]
    assert len(list((node.folder / "vault").glob("*/about"))) == 1


@pytest.mark.parametrize("name", ["hand-over/../../etc/passwd", "/etc/passwd"])
def test_an_archive_cannot_leave_its_places(tmp_path: Path, name: str) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        member = tarfile.TarInfo(name)
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    stream.seek(0)
    with pytest.raises(ArchiveError):
        read_archive(stream, {"hand-over": tmp_path / "a", "etc": tmp_path}, Restored())
