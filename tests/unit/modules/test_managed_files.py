"""managed_files: many folders and files in one call; only what differs, each in one step, never unchecked."""

from __future__ import annotations

import grp
import json
import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.modules import managed_files

COLLECTIONS = Path(__file__).resolve().parents[3] / "collections"
ME = pwd.getpwuid(os.getuid())[0]
MINE = grp.getgrgid(os.getgid())[0]


def run(command: str) -> tuple[int, str, str]:
    done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def folder(path: Path, mode: str = "0755") -> managed_files.Wanted:
    return managed_files.wanted_of({"path": str(path), "mode": mode, "owner": ME, "group": MINE})


def file(path: Path, content: str = "new\n", mode: str = "0644", **more: Any) -> managed_files.Wanted:
    return managed_files.wanted_of(
        {"path": str(path), "content": content, "mode": mode, "owner": ME, "group": MINE} | more
    )


def manage(
    *wanted: managed_files.Wanted, check_mode: bool = False, pending: managed_files.Pending | None = None
) -> list[dict[str, str]]:
    pending = pending or managed_files.Pending(None, check_mode=check_mode)
    return managed_files.manage(list(wanted), run, pending, check_mode=check_mode)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_makes_and_then_finds_nothing_to_do(tmp_path: Path) -> None:
    wanted = [
        folder(tmp_path / "etc" / "a", "0750"),
        file(tmp_path / "etc" / "a" / "b.conf", "é\n", "0600"),
        file(tmp_path / "other" / "place" / "c.sh", "#!/bin/sh\n", "0755"),
    ]
    changed = manage(*wanted)

    assert [one["after_header"] for one in changed] == [str(want.path) for want in wanted]
    assert (tmp_path / "etc/a/b.conf").read_text(encoding="utf-8") == "é\n"
    assert [mode_of(want.path) for want in wanted] == [0o750, 0o600, 0o755]
    assert manage(*wanted) == []
    assert manage(*wanted, check_mode=True) == []


def test_check_mode_tells_the_same_and_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old\n")
    wanted = [folder(tmp_path / "new"), file(tmp_path / "new/file"), file(tmp_path / "old")]
    foreseen = manage(*wanted, check_mode=True)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["old"]
    assert (tmp_path / "old").read_text() == "old\n"
    assert manage(*wanted) == foreseen


def test_the_diff_shows_content_and_attributes(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old\n")
    path.chmod(0o600)
    [diff] = manage(file(path))

    assert diff["before"] == f"# {ME}:{MINE} 0600\nold\n"
    assert diff["after"] == f"# {ME}:{MINE} 0644\nnew\n"


def test_a_mode_alone_is_repaired_in_place(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("new\n")
    path.chmod(0o666)
    inode = path.stat().st_ino

    assert len(manage(file(path))) == 1
    assert (mode_of(path), path.stat().st_ino) == (0o644, inode)


def test_new_content_never_shows_with_wider_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    replace = os.replace

    def look_and_replace(path: Path, target: Path) -> None:
        seen.append(mode_of(path))
        replace(path, target)

    monkeypatch.setattr(os, "replace", look_and_replace)
    manage(file(tmp_path / "secret", mode="0600"))
    assert seen == [0o600]


def test_refused_content_is_not_put_in_place(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old\n")
    with pytest.raises(managed_files.FilesError, match=rf"{path}: refused by grep, left as it was"):
        manage(file(path, validate="grep -q good %s"))
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]

    manage(file(path, "good\n", validate="grep -q good %s"))
    assert path.read_text() == "good\n"


def test_check_mode_finds_refused_content_too(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old\n")
    with pytest.raises(managed_files.FilesError, match="refused"):
        manage(file(path, validate="grep -q good %s"), check_mode=True)
    assert list(tmp_path.iterdir()) == [path]


def test_check_mode_before_the_first_run_needs_no_program(tmp_path: Path) -> None:
    assert len(manage(file(tmp_path / "f", validate="/no/such/program %s"), check_mode=True)) == 1


def test_unchanged_content_is_not_checked_again(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("new\n")
    manage(file(tmp_path / "f", validate="false %s"))


def test_a_symbolic_link_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("new\n")
    (tmp_path / "link").symlink_to("target")

    assert len(manage(file(tmp_path / "link"))) == 1
    assert not (tmp_path / "link").is_symlink()
    assert manage(file(tmp_path / "link")) == []


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"path": "relative"}, "not an absolute path"),
        ({"path": "/etc/../shadow"}, "not an absolute path"),
        ({"mode": "rw"}, "is not octal"),
        ({"validate": "true"}, "lacks %s"),
    ],
)
def test_mistakes_in_the_task_are_named(item: dict[str, str], message: str) -> None:
    good = {"path": "/x", "content": "", "mode": "0644", "owner": ME, "group": MINE}
    with pytest.raises(managed_files.FilesError, match=message):
        managed_files.wanted_of(good | item)


def test_the_wrong_kind_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(managed_files.FilesError, match="should be a file"):
        manage(file(tmp_path / "folder"))
    with pytest.raises(managed_files.FilesError, match="should be a folder"):
        manage(folder(tmp_path / "file"))


def test_an_unknown_owner_is_named(tmp_path: Path) -> None:
    with pytest.raises(managed_files.FilesError, match="no such owner or group: nobody-knows"):
        manage(file(tmp_path / "f", owner="nobody-knows"))
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_was_told_is_told_again(tmp_path: Path) -> None:
    kept = tmp_path / "run" / "pending"
    pending = managed_files.Pending(kept, check_mode=False)
    with pytest.raises(managed_files.FilesError, match="refused"):
        manage(folder(tmp_path / "x"), file(tmp_path / "a"), file(tmp_path / "b", validate="false %s"), pending=pending)
    assert kept.read_text() == f"{tmp_path}/a\n"

    again = managed_files.Pending(kept, check_mode=False)
    assert len(manage(file(tmp_path / "a"), file(tmp_path / "b"), pending=again)) == 1
    assert again.paths == [f"{tmp_path}/a", f"{tmp_path}/b"]

    kept.unlink()
    assert managed_files.Pending(kept, check_mode=False).paths == []


def test_check_mode_keeps_no_account_of_what_is_pending(tmp_path: Path) -> None:
    pending = managed_files.Pending(tmp_path / "pending", check_mode=True)
    manage(file(tmp_path / "a"), check_mode=True, pending=pending)
    assert pending.paths == [f"{tmp_path}/a"]
    assert list(tmp_path.iterdir()) == []


LIST = "# Customer: acme\n# Customer: globex\n"


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_list_that_would_lose_most_customers_stops_the_call_before_its_first_change(
    tmp_path: Path, check_mode: bool
) -> None:
    (tmp_path / "access.conf").write_text(LIST)
    arguments = {
        "files": [
            {"path": str(tmp_path / "first.conf"), "content": "new\n", "owner": ME, "group": MINE},
            {
                "path": str(tmp_path / "access.conf"),
                "content": "-|ALL|ALL\n",
                "owner": ME,
                "group": MINE,
                "removal_pattern": "^# Customer: (.+)$",
            },
        ],
        "removal": {"known": '["hooli"]'},
        "_ansible_check_mode": check_mode,
        "_ansible_remote_tmp": str(tmp_path),
    }

    def call(**removal: Any) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, str(Path(managed_files.__file__))],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, "removal": removal}}),
            env=os.environ | {"PYTHONPATH": str(COLLECTIONS)},
            capture_output=True,
            text=True,
            check=False,
        )
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    result = call(known='["hooli"]')
    assert f"2 of the 2 customers in {tmp_path}/access.conf have no file any more (100 %" in result["msg"]
    assert (tmp_path / "access.conf").read_text() == LIST
    assert not (tmp_path / "first.conf").exists()

    assert call(known='["acme"]')["changed"]
    assert (tmp_path / "first.conf").exists() is not check_mode


def test_units_are_started_once_the_files_are_there_and_only_where_they_do_not_run() -> None:
    done: list[str] = []
    state = {"UnitFileState": "disabled", "ActiveState": "inactive"}

    def systemd(command: Sequence[str], data: str = "") -> tuple[int, str, str]:
        if "show" in command:
            return 0, "\n".join(f"{key}={value}" for key, value in {"LoadState": "loaded", **state}.items()), ""
        done.append(command[1])
        state.update(UnitFileState="enabled", ActiveState="active")
        return 0, "", ""

    assert managed_files.start(systemd, ["example.timer"], 0, check_mode=True).changed == ["example.timer"]
    assert done == []
    assert managed_files.start(systemd, ["example.timer"], 0, check_mode=False).changed == ["example.timer"]
    assert done == ["enable", "start"]
    assert managed_files.start(systemd, ["example.timer"], 0, check_mode=False).changed == []
    assert done == ["enable", "start"]


def test_a_call_without_units_does_not_ask_systemd() -> None:
    def systemd(command: Sequence[str], data: str = "") -> tuple[int, str, str]:
        raise AssertionError(command)

    assert managed_files.start(systemd, [], 3.0, check_mode=False).changed == []
