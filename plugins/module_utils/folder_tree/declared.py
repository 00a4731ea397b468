"""The declared folders, checked, as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.messages import FolderError
from ansible_collections.ftps.exchange.plugins.module_utils.posix_acl import AclError, Descriptor, PosixAcl, parse_sddl


@dataclass
class Folder:
    """A declared folder and the declared folders inside it."""

    path: str
    descriptor: Descriptor
    inside: dict[str, Folder] = field(default_factory=dict)
    # Unknown until winbind has translated the SIDs
    access: PosixAcl | None = None
    default: PosixAcl | None = None

    def all(self) -> Iterator[Folder]:
        """This folder and all beneath, parents first."""
        yield self
        for inner in self.inside.values():
            yield from inner.all()


def declared_tree(folders: Iterable[Any]) -> Folder:
    """Check the list and turn it into a tree, with every problem in one message."""
    problems: list[str] = []
    declared: dict[str, Folder] = {}
    for number, item in enumerate(folders):
        if not isinstance(item, dict) or not all(isinstance(item.get(key), str) for key in ("path", "sddl")):
            problems.append(f"folders[{number}] has no path and no sddl, each a text")
            continue
        path, problem = item["path"], _path_problem(item["path"])
        if problem:
            problems.append(f"folder {path!r}: {problem}")
        elif path in declared:
            problems.append(f"folder {path!r} is declared twice")
        else:
            try:
                declared[path] = Folder(path, parse_sddl(item["sddl"]))
            except AclError as error:
                problems.append(f"folder {path!r}: {error}")
    for path in sorted(declared):
        parent, _, name = path.rpartition("/")
        if path and parent not in declared:
            problems.append(f"folder {path!r} is declared, but its parent {parent!r} is not")
        elif path:
            declared[parent].inside[name] = declared[path]
    if "" not in declared and not problems:
        problems.append("the top folder itself (path '') is not declared")
    if problems:
        raise FolderError("; ".join(problems))
    return declared[""]


def _path_problem(path: str) -> str | None:
    if path == "":
        return None
    if path.startswith("/"):
        return "must be relative to root"
    if any(part in ("", ".", "..") for part in path.split("/")):
        return "has an empty part, '.' or '..'"
    if any(ord(letter) < 32 or letter == "\x7f" for letter in path):
        return "has a control character"
    return None


def checked_root(root: str) -> str:
    """The absolute path without a slash at its end."""
    root = root.rstrip("/")
    if not root.startswith("/") or any(part in ("", ".", "..") for part in root.split("/")[1:]):
        raise FolderError(f"root {root!r} must be an absolute path below /, without '.' and '..'")
    return root
