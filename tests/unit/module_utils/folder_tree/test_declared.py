"""What may be declared as a tree of folders."""

from __future__ import annotations

import re

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.declared import checked_root, declared_tree
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.messages import FolderError

TRAVERSE = "D:P(A;;0x1200a0;;;S-1-5-21-1-2-3-1100)"
TREE = [{"path": path, "sddl": TRAVERSE} for path in ("", "homes", "homes/acme", "shares", "shares/maps")]


def test_folders_in_any_order_become_a_tree() -> None:
    assert [folder.path for folder in declared_tree(TREE[::-1]).all()] == [item["path"] for item in TREE]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/homes", "must be relative"),
        ("homes/", "empty part"),
        ("homes//acme", "empty part"),
        ("homes/../..", "empty part, '.' or '..'"),
        ("homes/a\nb", "control character"),
        ("shares/maps", "declared twice"),
        ("homes/globex/shared", "its parent 'homes/globex' is not"),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path: str, message: str) -> None:
    with pytest.raises(FolderError, match=re.escape(message)):
        declared_tree([*TREE, {"path": path, "sddl": TRAVERSE}])


def test_all_problems_are_told_at_once() -> None:
    folders = [{"path": "", "sddl": "D:P(A;;FA;;;BA)"}, {"path": "../x", "sddl": TRAVERSE}]
    with pytest.raises(FolderError, match=r"folder '': .* hexadecimal.*; folder '\.\./x'"):
        declared_tree(folders)


def test_the_top_folder_must_be_declared() -> None:
    with pytest.raises(FolderError, match="top folder"):
        declared_tree([])


@pytest.mark.parametrize("root", ["srv", "/", "", "/srv/../etc", "/srv//x"])
def test_an_unclear_root_is_refused(root: str) -> None:
    with pytest.raises(FolderError, match="absolute path"):
        checked_root(root)
