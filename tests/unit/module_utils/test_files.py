"""Files that are replaced as a whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_has_its_content_and_mode_whatever_was_there(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "folder" / "file"
    for content in ("new", b"newer"):
        replace_file(path, content, mode)
        assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        path.chmod(0o777)
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_it_is_private_unless_asked_otherwise(tmp_path: Path) -> None:
    replace_file(tmp_path / "key", "secret")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    replace_file(tmp_path / "link", "new")
    assert (tmp_path / "elsewhere").read_text() == "kept"
    assert not (tmp_path / "link").is_symlink()


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("old")

    def full(_handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        replace_file(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_the_last_look_is_at_the_finished_file_and_may_refuse_it(tmp_path: Path) -> None:
    (tmp_path / "tool.conf").write_text("old")
    seen = []

    def look(finished: Path) -> None:
        seen.append((finished.read_text(), finished.suffix, finished.parent, stat.S_IMODE(finished.stat().st_mode)))
        if finished.read_text() == "bad":
            raise ValueError("no such option")

    with pytest.raises(ValueError, match="no such option"):
        replace_file(tmp_path / "tool.conf", "bad", 0o644, before=look)
    assert (tmp_path / "tool.conf").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["tool.conf"]
    replace_file(tmp_path / "tool.conf", "good", 0o644, before=look)
    assert (tmp_path / "tool.conf").read_text() == "good"
    assert seen == [(text, ".conf", tmp_path, 0o644) for text in ("bad", "good")]
