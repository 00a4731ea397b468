"""What goes, what stays, and that nothing outside the folders can be reached."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles.programs import load_program

DAY = 86400


retention: Any = load_program("retention", "ftps-exchange-retention")


class Tree:
    """A root with homes and shares, a configuration, and a clock that can be set ahead."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = folder / "root"
        self.log = folder / "retention.log"
        self.configuration = folder / "retention.json"
        self.monkeypatch = monkeypatch
        self.configure({"homes/acme": 30, "shares/maps": 10})
        for path in ("homes/acme/in", "homes/globex", "shares/maps"):
            (self.root / path).mkdir(parents=True)

    def configure(self, folders: dict[str, int], **values: Any) -> None:
        content = {
            "root": str(self.root),
            "folders": [{"path": path, "keep_days": days} for path, days in folders.items()],
            "limit_percent": 50,
            "guard_from_files": 100,
            "log": str(self.log),
            **values,
        }
        self.configuration.write_text(json.dumps(content))

    def write(self, path: str, content: str = "content") -> Path:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content)
        return self.root / path

    def run(self, *options: str, days: float = 0) -> int:
        """Run so many days from now: nobody can set ctime."""
        later = time.time() + days * DAY
        self.monkeypatch.setattr(retention.time, "time", lambda: later)
        return int(retention.main(["--configuration", str(self.configuration), *options]))

    def files(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir()}

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tree]:
    mask = os.umask(0o022)
    yield Tree(tmp_path, monkeypatch)
    os.umask(mask)


def test_only_old_files_of_the_folders_go_and_each_has_a_record(tree: Tree) -> None:
    for path in ("homes/acme/a", "homes/acme/in/b", "homes/globex/c", "shares/maps/d"):
        tree.write(path)
    assert tree.run(days=9) == 0
    assert len(tree.files()) == 4
    assert tree.run(days=11) == 0
    assert tree.files() == {"homes/acme/a", "homes/acme/in/b", "homes/globex/c"}
    assert tree.run(days=31) == 0
    assert tree.files() == {"homes/globex/c"}
    assert (tree.root / "homes/acme/in").is_dir(), "folders stay"
    assert sorted((one["path"], one["bytes"], one["keep_days"]) for one in tree.records()) == [
        ("homes/acme/a", 7, 30),
        ("homes/acme/in/b", 7, 30),
        ("shares/maps/d", 7, 10),
    ]
    assert tree.log.stat().st_mode & 0o777 == 0o640


def test_a_dry_run_lists_and_removes_nothing(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    tree.write("homes/acme/a\n\x1b[31m")
    assert tree.run("--dry-run", days=31) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines() == [
        "homes/acme/a\\n\\x1b[31m\t7 bytes\t31 days old, kept 30",
        "1 of 1 files would be removed.",
    ]
    assert (len(tree.files()), tree.records()) == (1, [])


def test_an_old_date_that_a_client_set_does_not_count(tree: Tree) -> None:
    """Clients set the time of a file to that of their own (MFMT); it arrived today."""
    path = tree.write("homes/acme/a")
    os.utime(path, (5, 5))
    assert tree.run() == 0
    assert tree.files() == {"homes/acme/a"}


def test_a_file_that_somebody_has_open_stays(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    """An upload that stalls, or one that was resumed and has not written yet."""
    path = tree.write("homes/acme/a.part")
    if os.geteuid() == 0:
        # As on a server: an account's file, and root asks
        os.chown(path, 1001104, 1000513)
    with path.open("r+b"):
        assert tree.run(days=31) == 0
        assert "0 of 1 files removed, 1 old ones in use" in capsys.readouterr().out
    assert tree.files() == {"homes/acme/a.part"}
    assert tree.run(days=31) == 0
    assert tree.files() == set()


def test_somebody_who_opens_a_file_at_that_moment_does_not_end_the_run(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel then sends SIGIO to the holder of the lease, which ends a process that is not prepared."""
    path = tree.write("homes/acme/a")
    tree.write("homes/acme/b")
    unlink = os.unlink

    def opened_meanwhile(name: str, dir_fd: int) -> None:
        if name == "a":
            subprocess.Popen(["sh", "-c", f"exec 3>> '{path}'"])
            time.sleep(0.5)
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(retention.os, "unlink", opened_meanwhile)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        os._exit(tree.run(days=31))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert tree.files() == set()


def test_a_file_system_without_leases_is_an_error_and_the_file_stays(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal for another reason must not look like a file in use."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    tree.write("homes/acme/a")
    monkeypatch.setattr(retention.fcntl, "fcntl", refuse)
    assert tree.run(days=31) == 1
    assert "homes/acme/a: Permission denied" in capsys.readouterr().err
    assert tree.files() == {"homes/acme/a"}


def test_links_are_neither_followed_nor_removed(tree: Tree, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (tree.root / "homes/acme/link").symlink_to(outside / "precious")
    (tree.root / "homes/acme/folder").symlink_to(outside)
    (tree.root / "homes/acme/up").symlink_to("../globex")
    tree.write("homes/globex/c")
    os.mkfifo(tree.root / "homes/acme/fifo")
    assert tree.run(days=1000) == 0
    assert (outside / "precious").exists()
    assert tree.files() >= {"homes/globex/c", "homes/acme/link", "homes/acme/fifo"}


def test_a_configured_folder_that_became_a_link_is_not_entered(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").write_text("x")
    (tree.root / "homes/acme/in").rmdir()
    (tree.root / "homes/acme").rmdir()
    (tree.root / "homes/acme").symlink_to(tmp_path / "outside")
    assert tree.run(days=1000) == 1
    assert (tmp_path / "outside" / "precious").exists()


@pytest.mark.parametrize("path", ["../outside", "homes/../../outside", "/etc", "homes//acme", "."])
def test_a_path_that_leaves_the_root_is_an_error(tree: Tree, path: str) -> None:
    tree.configure({path: 1})
    with pytest.raises(ValueError, match="is not a path below the root"):
        tree.run(days=5)


def test_a_folder_that_is_swapped_for_a_link_meanwhile(tree: Tree, tmp_path: Path) -> None:
    """Between the listing and the removal: the open folder decides, not its path."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "b").write_text("x")
    tree.write("homes/acme/in/b")
    settings = json.loads(tree.configuration.read_text())
    found = retention.Retention(settings, time.time() + 1000 * DAY).old_files()
    one, _, limit = next(found)
    os.rename(tree.root / "homes/acme/in", tree.root / "homes/acme/moved")
    (tree.root / "homes/acme/in").symlink_to(tmp_path / "outside")
    assert retention.remove(one, limit) is True
    assert (tmp_path / "outside" / "b").exists()
    found.close()


def test_a_file_that_was_written_meanwhile_stays(tree: Tree) -> None:
    path = tree.write("homes/acme/a")
    folder = os.open(path.parent, os.O_RDONLY)
    found = retention.Found(folder, "a", "homes/acme/a", path.stat())
    assert retention.remove(found, path.stat().st_ctime - 1) is False
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert retention.remove(found, time.time() + DAY) is False
    path.unlink()
    assert retention.remove(found, time.time() + DAY) is False
    os.close(folder)


def test_much_at_once_must_be_confirmed(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(120):
        tree.write(f"homes/acme/{number}")
    assert tree.run(days=31) == 2
    assert "120 of 120 files are old: more than 50 %. Nothing was removed." in capsys.readouterr().err
    assert len(tree.files()) == 120
    assert tree.run("--confirm", days=31) == 0
    assert tree.files() == set()


def test_a_small_service_may_lose_all_its_old_files(tree: Tree) -> None:
    for number in range(99):
        tree.write(f"homes/acme/{number}")
    assert tree.run(days=31) == 0
    assert tree.files() == set()


def test_a_tree_that_is_too_deep_costs_no_descriptors(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    here = os.open(tree.root / "homes/acme", os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    tree.write("homes/acme/a")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        assert tree.run(days=31) == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "1 of 1 files removed, 0 old ones in use, 1 folders too deep" in capsys.readouterr().out


def test_a_folder_that_does_not_exist_yet_is_no_error(tree: Tree) -> None:
    tree.configure({"homes/new": 1})
    assert tree.run(days=5) == 0


def test_names_that_are_no_text(tree: Tree) -> None:
    name = os.fsdecode(b"\xff\n")
    tree.write(f"homes/acme/{name}")
    assert tree.run(days=31) == 0
    assert tree.files() == set()
    assert tree.records()[0]["path"] == "homes/acme/\N{REPLACEMENT CHARACTER}\\n"


def test_another_file_system_is_not_entered(tree: Tree) -> None:
    """A walk gets the device of its folder; a real mount needs root, so the device is another one here."""
    tree.write("homes/acme/in/a")
    folder = os.open(tree.root / "homes/acme", os.O_RDONLY)
    counts = retention.Counts()
    assert list(retention.walk(folder, "homes/acme", -1, counts)) == []
    os.close(folder)
