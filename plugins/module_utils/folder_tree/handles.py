"""Open folders and files and their extended attributes. Nothing in here follows a symbolic link."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.messages import FolderError

NT_ACL = "security.NTACL"
ACCESS_ACL = "system.posix_acl_access"
DEFAULT_ACL = "system.posix_acl_default"
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def get_attribute(fd: int, name: str) -> bytes | None:
    """An extended attribute, or nothing where there is none."""
    try:
        return os.getxattr(fd, name)
    except OSError as error:
        if error.errno == errno.ENODATA:
            return None
        raise


def set_attribute(fd: int, name: str, value: bytes | None) -> None:
    """Set or remove an extended attribute."""
    if value is not None:
        os.setxattr(fd, name, value)
        return
    try:
        os.removexattr(fd, name)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise


@contextlib.contextmanager
def opened(name: str, flags: int, parent: int | None = None) -> Iterator[int]:
    """An open descriptor that is closed again."""
    fd = os.open(name, flags, dir_fd=parent)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def opened_folder(name: str, parent: int | None, shown: str) -> Iterator[int | None]:
    """An open folder, nothing where it is missing, an error where something else has its name."""
    try:
        fd = os.open(name, OPEN_FOLDER, dir_fd=parent)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        kind = "symbolic link" if stat.S_ISLNK(os.lstat(name, dir_fd=parent).st_mode) else "file"
        raise FolderError(f"{shown} is a {kind}, but must be a folder: move it away and run again") from None
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def parent_of(root: str, *, make: bool) -> Iterator[int | None]:
    """The folder that holds the top folder, reached through folders that only root can change."""
    with contextlib.ExitStack() as stack:
        fd = stack.enter_context(opened("/", OPEN_FOLDER))
        path = ""
        for name in root.split("/")[1:-1]:
            _check_parent(fd, path or "/", root)
            path += f"/{name}"
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=fd)
            inner = stack.enter_context(opened_folder(name, fd, path))
            if inner is None:
                yield None
                return
            fd = inner
        _check_parent(fd, path or "/", root)
        yield fd


def _check_parent(fd: int, path: str, root: str) -> None:
    status = os.fstat(fd)
    if status.st_uid != 0 or status.st_mode & 0o022:
        raise FolderError(
            f"{path} lies above {root} and is owned by uid {status.st_uid} with mode"
            f" {stat.S_IMODE(status.st_mode):04o}, so that others than root could exchange the whole tree:"
            f" make it root's and not writable for group and others (chown root {path}; chmod go-w {path})"
        )
