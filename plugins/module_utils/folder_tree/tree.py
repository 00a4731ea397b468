"""The whole tree: reads it, compares it with the declaration, makes and repairs folders."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from ansible_collections.ftps.exchange.plugins.module_utils.folder_quota import make_folder
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.content import Content, Walk
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.declared import Folder
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.describe import describe, describe_found
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.found import Found
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.handles import (
    ACCESS_ACL,
    DEFAULT_ACL,
    NT_ACL,
    opened_folder,
    parent_of,
    set_attribute,
)
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.messages import FolderError, printable
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.samba import Samba
from ansible_collections.ftps.exchange.plugins.module_utils.posix_acl import encode_posix_acl, sddl_of

# The file system's own, made by mkfs
NOBODYS_NAMES = frozenset({"lost+found"})


class Tree:
    """Compares and applies a tree of declared folders."""

    def __init__(self, root: str, top: Folder, *, reapply_to_content: bool, check_mode: bool) -> None:
        """Store the arguments; nothing is read yet."""
        self._root = root
        self._top = top
        self._reapply = reapply_to_content
        self._check_mode = check_mode
        self.found: dict[str, Found] = {}
        self.wanting: list[Folder] = []
        self.undeclared: list[str] = []
        self._walk = Walk(check_mode=check_mode)

    def shown(self, path: str) -> str:
        """The absolute path, for messages."""
        return f"{self._root}/{path}" if path else self._root

    @contextlib.contextmanager
    def _located(self, path: str) -> Iterator[None]:
        """Add the path to a system error, which has only a file descriptor."""
        try:
            yield
        except OSError as error:
            hint = " (needs a file system with POSIX ACLs)" if error.errno == errno.ENOTSUP else ""
            raise FolderError(f"{self.shown(path)}: {error.strerror}{hint}") from error

    @property
    def content(self) -> Content:
        """What was done to the content of the folders."""
        return self._walk.content

    # Comparing

    def read(self) -> None:
        """Read the whole tree, so that obstacles are known before any change."""
        problems: list[str] = []
        with parent_of(self._root, make=False) as parent:
            if parent is not None:
                self._read(self._top, os.path.basename(self._root), parent, problems)
        if problems:
            raise FolderError("; ".join(problems))

    def _read(self, folder: Folder, name: str, parent: int, problems: list[str]) -> None:
        try:
            with self._located(folder.path), opened_folder(name, parent, self.shown(folder.path)) as fd:
                if fd is None:
                    return
                self.found[folder.path] = Found.read(fd)
                if not folder.descriptor.passes_on:
                    own = set(folder.inside) | (NOBODYS_NAMES if folder is self._top else frozenset())
                    strays = sorted(set(os.listdir(fd)) - own)
                    self.undeclared += [printable(f"{folder.path}/{stray}".lstrip("/")) for stray in strays]
                for inner_name, inner in folder.inside.items():
                    self._read(inner, inner_name, fd, problems)
        except FolderError as error:
            problems.append(str(error))

    def compare(self) -> list[Folder]:
        """The folders that are missing or not as declared."""
        self.wanting = [
            folder
            for folder in self._top.all()
            if folder.path not in self.found or not self.found[folder.path].is_as(folder)
        ]
        return self.wanting

    # Applying

    def apply(self, samba: Samba | None) -> None:
        """Make, repair and walk; parents first."""
        if not self.wanting and not self._reapply:
            return
        changing = {folder.path for folder in self.wanting}
        # A folder deep down is reached through its parents, so these are opened too
        on_the_way = {"/".join(path.split("/")[:end]) for path in changing for end in range(path.count("/") + 1)} | {""}
        with parent_of(self._root, make=not self._check_mode) as parent:
            if parent is not None:
                self._apply(self._top, os.path.basename(self._root), parent, changing, on_the_way, samba)

    def _apply(
        self, folder: Folder, name: str, parent: int, changing: set[str], on_the_way: set[str], samba: Samba | None
    ) -> None:
        if folder.path in changing and not self._check_mode:
            with contextlib.suppress(FileExistsError):
                # No access until the permissions are set
                if folder.descriptor.passes_on:
                    make_folder(name, parent)
                else:
                    os.mkdir(name, 0o700, dir_fd=parent)
        with self._located(folder.path), opened_folder(name, parent, self.shown(folder.path)) as fd:
            if fd is None:
                if self._check_mode:
                    return
                raise FolderError(f"{self.shown(folder.path)} disappeared while it was worked on: run again")
            if folder.path in changing or self._reapply:
                self._apply_to(fd, folder, samba if folder.path in changing else None)
            for inner_name, inner in folder.inside.items():
                if self._reapply or inner.path in changing or inner.path in on_the_way:
                    self._apply(inner, inner_name, fd, changing, on_the_way, samba)

    def _apply_to(self, fd: int, folder: Folder, samba: Samba | None) -> None:
        found = self.found.get(folder.path)
        walks = folder.default is not None and (
            self._reapply or (found is not None and (found.descriptor is None or not found.passes_on_as(folder)))
        )
        if samba is not None:
            if found is not None and (found.owner, found.group) != (0, 0):
                os.fchown(fd, 0, 0)
            if found is not None and found.mode & 0o7000:
                os.fchmod(fd, found.mode & 0o0777)
            # Samba changes a stored NT ACL, and refuses when it cannot read it; without one it makes a new one. That
            # comes last: a folder without is one whose content is not done, also for the run after an interrupted one.
            set_attribute(fd, NT_ACL, None)
            if walks and folder.access is not None and folder.default is not None:
                # The new entries stand before the walk, so that what is made during the walk has them
                set_attribute(fd, ACCESS_ACL, encode_posix_acl(folder.access))
                set_attribute(fd, DEFAULT_ACL, encode_posix_acl(folder.default))
        if walks and folder.default is not None:
            self._walk.through(fd, folder, folder.default)
        if samba is not None:
            self._set_descriptor(fd, folder, samba)

    def _set_descriptor(self, fd: int, folder: Folder, samba: Samba) -> None:
        try:
            samba.set_descriptor(fd, sddl_of(folder.descriptor))
        except Exception as error:  # samba.NTSTATUSError, which only exists where Samba does
            raise FolderError(f"{self.shown(folder.path)}: Samba could not set the NT ACL: {error}") from error
        result = Found.read(fd)
        if not result.is_as(folder):
            wanted = "; ".join(describe(folder, {}, {}))
            got = "; ".join(describe_found(result, {}, {}))
            raise FolderError(
                f"{self.shown(folder.path)}: Samba stored something else than was asked for. Does smb.conf say"
                f" 'vfs objects = acl_xattr'? Asked for: {wanted}. Found: {got}"
            )
