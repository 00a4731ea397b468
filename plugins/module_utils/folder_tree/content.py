"""Applies a declared folder's inherited permissions to the content that customers made."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.declared import Folder
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.handles import (
    ACCESS_ACL,
    DEFAULT_ACL,
    NT_ACL,
    OPEN_FILE,
    OPEN_FOLDER,
    get_attribute,
    set_attribute,
)
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.messages import printable
from ansible_collections.ftps.exchange.plugins.module_utils.posix_acl import PosixAcl, acl_of_new_file, encode_posix_acl

# Each level of a walk keeps one descriptor open, and customers decide how deep they nest
DEEPEST_LEVEL = 400


@dataclass
class Content:
    """What a walk through the content changed, or would change."""

    folders: int = 0
    files: int = 0
    skipped: list[str] = field(default_factory=list)


class Walk:
    """Goes through the content of folders and counts what it changes."""

    def __init__(self, *, check_mode: bool) -> None:
        """Start with empty counts."""
        self._check_mode = check_mode
        self.content = Content()

    def through(self, top_fd: int, folder: Folder, default: PosixAcl) -> None:
        """Give all content the permissions that new content would inherit."""
        for_folders = encode_posix_acl(default)
        for_files = encode_posix_acl(acl_of_new_file(default))
        device = os.fstat(top_fd).st_dev
        # (descriptor, names still to visit, path); one descriptor a level, never one a folder
        levels: list[tuple[int, Iterator[str], str]] = [
            (top_fd, iter(sorted(set(os.listdir(top_fd)) - set(folder.inside))), folder.path)
        ]
        try:
            while levels:
                parent, names, parent_path = levels[-1]
                name = next(names, None)
                if name is None:
                    levels.pop()
                    if levels:
                        os.close(parent)
                    continue
                path = f"{parent_path}/{name}".lstrip("/")
                inner = self._visit(parent, name, path, device, for_folders, for_files)
                if inner is None:
                    continue
                if len(levels) >= DEEPEST_LEVEL:
                    os.close(inner)
                    self.content.skipped.append(printable(path))
                else:
                    levels.append((inner, iter(os.listdir(inner)), path))
        finally:
            for fd, _, _ in levels[1:]:
                os.close(fd)

    def _visit(
        self, parent: int, name: str, path: str, device: int, for_folders: bytes, for_files: bytes
    ) -> int | None:
        """Treat one file or folder; an open descriptor when it is a folder to go into."""
        try:
            kind = os.lstat(name, dir_fd=parent).st_mode
            if not stat.S_ISDIR(kind) and not stat.S_ISREG(kind):
                return None
            fd = os.open(name, OPEN_FOLDER if stat.S_ISDIR(kind) else OPEN_FILE, dir_fd=parent)
        except OSError as error:
            # Customers remove and rename while the walk goes on
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
                return None
            raise
        goes_in = False
        try:
            status = os.fstat(fd)
            if status.st_dev != device:
                return None
            if stat.S_ISDIR(status.st_mode):
                self.content.folders += self._inherit(fd, status, for_folders, for_folders)
                goes_in = True
                return fd
            if stat.S_ISREG(status.st_mode):
                if status.st_nlink > 1:
                    # A hard link outside must not get these entries
                    self.content.skipped.append(printable(path))
                else:
                    self.content.files += self._inherit(fd, status, for_files, None)
            return None
        finally:
            if not goes_in:
                os.close(fd)

    def _inherit(self, fd: int, status: os.stat_result, access: bytes, default: bytes | None) -> bool:
        wanted = {ACCESS_ACL: access, NT_ACL: None}
        if stat.S_ISDIR(status.st_mode):
            wanted[DEFAULT_ACL] = default
        differing = {name: value for name, value in wanted.items() if get_attribute(fd, name) != value}
        owner_differs = (status.st_uid, status.st_gid) != (0, 0)
        if not self._check_mode:
            if owner_differs:
                os.fchown(fd, 0, 0)
            for name, value in differing.items():
                set_attribute(fd, name, value)
        return bool(differing) or owner_differs
