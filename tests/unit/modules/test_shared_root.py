"""The markers in a folder that several servers share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.ftps.exchange.plugins.modules import shared_root

MOUNTINFO = """\
22 1 0:20 / / rw,relatime - overlay overlay rw
40 22 0:41 / /srv/ftps\\040x rw,relatime shared:1 - fuse.glusterfs 10.20.40.21:/exchange rw
41 22 0:42 / /srv/y rw - ext4 /dev/sda1 rw
42 22 0:43 / /srv/y rw - nfs4 nas:/y rw
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/srv/ftps x", ("10.20.40.21:/exchange", "fuse.glusterfs")),
        ("/srv/y", ("nas:/y", "nfs4")),
        ("/srv", None),
    ],
)
def test_what_is_mounted(path: str, expected: tuple[str, str] | None) -> None:
    assert shared_root.mounted(path, MOUNTINFO) == expected


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    for server in ("a", "b"):
        assert shared_root.leave(tmp_path, server, check_mode=False)[0]
    return tmp_path


def results(path: Path) -> dict[str, dict[str, object]]:
    return {
        name: {"inode": shared_root.leave(path, name, check_mode=True)[1], "source": "nas:/y", "filesystem": "nfs4"}
        for name in ("a", "b")
    }


def test_a_second_call_changes_nothing(shared: Path) -> None:
    assert [shared_root.leave(shared, name, check_mode=False)[0] for name in ("a", "b")] == [False, False]
    assert list(shared_root.differences(shared, "a", results(shared))) == []


def test_check_mode_leaves_nothing_and_misses_nothing(tmp_path: Path) -> None:
    assert shared_root.leave(tmp_path, "a", check_mode=True) == (True, 0)
    assert list(tmp_path.iterdir()) == []
    assert list(shared_root.differences(tmp_path, "a", {"b": {"inode": 0}})) == []


def test_a_copy_of_the_folder_is_no_shared_folder(shared: Path) -> None:
    seen = results(shared)
    marker = shared / shared_root.FOLDER / "b"
    marker.rename(marker.with_name("kept"))
    marker.write_text("b\n")
    [problem] = shared_root.differences(shared, "a", seen)
    assert problem.startswith(f"a and b see different files at {shared}.")


def test_an_acl_that_another_server_does_not_see_is_an_error(shared: Path) -> None:
    seen = results(shared)
    marker = shared / shared_root.FOLDER / "b"
    os.removexattr(marker, shared_root.ACL)
    [problem] = shared_root.differences(shared, "a", seen)
    assert "a does not see the POSIX ACL that b set" in problem
