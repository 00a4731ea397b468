"""Use and limits of the homes and shares of an exchange, as the file system counts and enforces them.

    ftps-exchange-quota           a table of all homes and shares that have a limit
    ftps-exchange-quota --json    the same as a list of objects, for programs

ext4 and XFS count by project: a folder has a number that everything in it inherits. btrfs counts by subvolume: bytes
only, and at most half a minute late.
"""

# The role quota installs this file on the servers as that program, so it imports the standard library only.
from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import stat
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

CONFIGURATION = "/etc/ftps-exchange/quota.json"
KINDS = {"homes": "home", "shares": "share"}
"""The folders below the root that contain the folders with limits, and what these are."""

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

# statfs(2)
EXT4, XFS, BTRFS = 0xEF53, 0x58465342, 0x9123683E
NAMES = {EXT4: "ext4", XFS: "XFS", BTRFS: "btrfs", 0x01021994: "tmpfs", 0x794C7630: "overlayfs", 0x6969: "NFS"}

# <linux/quota.h>, <linux/dqblk_xfs.h>; the number of the call is the same on every processor
QUOTACTL_FD = 443
PROJECTS = 2
SETQUOTA, GETNEXTQUOTA, GETSTATE = 0x800008, 0x800009, 0x5808
STATE_VERSION = 1
COUNTED, ENFORCED = 1 << 4, 1 << 5
NOT_COUNTED = "it does not count projects, or the kernel is older than Linux 5.14"
LIMITS_VALID = 1 | 4
BLOCK = 1024
DQBLK = struct.Struct("=8Q2I")

# <linux/fs.h>: struct fsxattr
GET_ATTRIBUTES, SET_ATTRIBUTES = 0x801C581F, 0x401C5820
ATTRIBUTES = struct.Struct("=5I8x")
INHERITED = 0x200

# <linux/btrfs.h>, <linux/btrfs_tree.h>
SUBVOL_CREATE, TREE_SEARCH, INO_LOOKUP = 0x5000940E, 0xD0009411, 0xD0009412
QUOTA_CTL, QGROUP_LIMIT = 0xC0109428, 0x8030942B
QUOTA_ENABLE = 1
QUOTA_TREE, TOP_SUBVOLUME, FIRST_SUBVOLUME, TOP_INODE = 8, 5, 256, 256
QGROUP_INFO, QGROUP_LIMIT_ITEM = 242, 244
MAX_BYTES = 1
NO_VALUE = (1 << 64) - 1
SEARCH_KEY, SEARCH_ITEM = struct.Struct("=7Q4I4Q"), struct.Struct("=3Q2I")
SEARCH_SIZE = 4096

# Projects of the exchange: numbers that people and other programs rarely use
FIRST, LAST = 1 << 30, (1 << 31) - 1


class QuotaError(Exception):
    """What the file system cannot do, for people."""


@dataclass(frozen=True)
class Count:
    """What a folder holds and may hold; None: not counted, no limit."""

    bytes_used: int = 0
    files_used: int | None = None
    bytes_limit: int | None = None
    files_limit: int | None = None

    @property
    def limits(self) -> tuple[int | None, int | None]:
        return self.bytes_limit, self.files_limit


class Kernel:
    """The calls that this needs."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def filesystem(self, fd: int) -> int:
        """The magic number of the file system of an open folder."""
        buffer = ctypes.create_string_buffer(256)
        if self._libc.fstatfs(fd, buffer) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return int(struct.unpack_from("=I", buffer)[0])

    def quotactl(self, fd: int, command: int, number: int, buffer: bytearray) -> None:
        """quotactl_fd(2) for projects (Linux 5.14)."""
        raw = (ctypes.c_char * len(buffer)).from_buffer(buffer)
        done = self._libc.syscall(
            ctypes.c_long(QUOTACTL_FD), fd, ctypes.c_uint(command << 8 | PROJECTS), ctypes.c_uint(number), raw
        )
        if done != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def ioctl(self, fd: int, request: int, buffer: bytearray) -> None:
        """ioctl(2)."""
        fcntl.ioctl(fd, request, buffer)


class FileSystem(Protocol):
    """How a file system counts folders. A number of 0 is a folder that is not counted."""

    counts_files: bool

    def problem(self) -> str:
        """Why it enforces no limits at present; empty if it does, or will with the first limit."""

    def counts(self) -> dict[int, Count]:
        """By number, everything that is counted."""

    def number(self, folder: int) -> int:
        """The number of an open folder."""

    def limit(self, number: int, bytes_limit: int | None, files_limit: int | None) -> None:
        """Set both limits."""


class Projects:
    """ext4 and XFS."""

    counts_files = True

    def __init__(self, kernel: Kernel, root: int) -> None:
        self._kernel, self._root = kernel, root

    def problem(self) -> str:
        buffer = bytearray(256)
        buffer[0] = STATE_VERSION
        try:
            self._kernel.quotactl(self._root, GETSTATE, 0, buffer)
        except OSError as error:
            # The same error if no quotas are on, and if the kernel does not know the call
            if error.errno in (errno.ENOSYS, errno.ESRCH, errno.EINVAL, errno.EOPNOTSUPP):
                return NOT_COUNTED
            return f"its quotas cannot be read: {error.strerror}"
        flags = struct.unpack_from("=H", buffer, 2)[0]
        if not flags & COUNTED:
            return NOT_COUNTED
        return "" if flags & ENFORCED else "it counts projects, but enforces no limits"

    def counts(self) -> dict[int, Count]:
        found: dict[int, Count] = {}
        number = FIRST
        while number <= LAST:
            buffer = bytearray(DQBLK.size)
            try:
                self._kernel.quotactl(self._root, GETNEXTQUOTA, number, buffer)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ESRCH):
                    break
                raise
            blocks, _, space, files, _, inodes, _, _, _, number = DQBLK.unpack(buffer)
            if number > LAST:
                break
            found[number] = Count(space, inodes, blocks * BLOCK or None, files or None)
            number += 1
        return found

    def number(self, folder: int) -> int:
        flags, _, _, number, _ = self._attributes(folder)
        return number if flags & INHERITED and FIRST <= number <= LAST else 0

    def limit(self, number: int, bytes_limit: int | None, files_limit: int | None) -> None:
        blocks, files = (bytes_limit or 0) // BLOCK, files_limit or 0
        self._kernel.quotactl(
            self._root, SETQUOTA, number, bytearray(DQBLK.pack(blocks, 0, 0, files, 0, 0, 0, 0, LIMITS_VALID, 0))
        )

    def take(self, folder: int, number: int) -> list[str]:
        """Give an open folder and everything in it a number; what is made meanwhile inherits it.

        Returns what could not be had, as paths below the folder.
        """
        failed: list[str] = []
        self._mark(folder, number, INHERITED)
        device = os.fstat(folder).st_dev
        for path, folders, files, parent in os.fwalk(".", dir_fd=folder, follow_symlinks=False):
            for name in (*folders, *files):
                try:
                    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
                    if status.st_dev != device or not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
                        continue
                    fd = os.open(name, OPEN_FOLDER if stat.S_ISDIR(status.st_mode) else OPEN_FILE, dir_fd=parent)
                    try:
                        self._mark(fd, number, INHERITED if stat.S_ISDIR(status.st_mode) else 0)
                    finally:
                        os.close(fd)
                except FileNotFoundError:
                    continue  # removed meanwhile
                except OSError as error:
                    failed.append(f"{path}/{name}: {error.strerror}")
        return failed

    def _attributes(self, fd: int) -> tuple[int, int, int, int, int]:
        buffer = bytearray(ATTRIBUTES.size)
        self._kernel.ioctl(fd, GET_ATTRIBUTES, buffer)
        flags, extent_size, extents, number, cow_size = ATTRIBUTES.unpack(buffer)
        return flags, extent_size, extents, number, cow_size

    def _mark(self, fd: int, number: int, flag: int) -> None:
        flags, extent_size, extents, old, cow_size = self._attributes(fd)
        if old != number or flags | flag != flags:
            self._kernel.ioctl(
                fd, SET_ATTRIBUTES, bytearray(ATTRIBUTES.pack(flags | flag, extent_size, extents, number, cow_size))
            )


class Subvolumes:
    """btrfs: no limit for files."""

    counts_files = False

    def __init__(self, kernel: Kernel, root: int) -> None:
        self._kernel, self._root = kernel, root

    def problem(self) -> str:
        return ""

    def enable(self) -> None:
        """Count from now on, if it does not yet."""
        self._kernel.ioctl(self._root, QUOTA_CTL, bytearray(struct.pack("=2Q", QUOTA_ENABLE, 0)))

    def enabled(self) -> bool:
        """Whether it counts."""
        try:
            next(self._items(0, NO_VALUE), None)
        except FileNotFoundError:
            return False
        return True

    def counts(self) -> dict[int, Count]:
        used: dict[int, int] = {}
        limits: dict[int, int | None] = {}
        with contextlib.suppress(FileNotFoundError):  # there is no tree of quotas
            for kind, number, data in self._items(QGROUP_INFO, QGROUP_LIMIT_ITEM):
                if kind == QGROUP_INFO:
                    used[number] = struct.unpack_from("<2Q", data)[1]
                elif kind == QGROUP_LIMIT_ITEM:
                    flags, most = struct.unpack_from("<2Q", data)
                    limits[number] = most if flags & MAX_BYTES else None
        # A number with a level (the upper 16 bits) is a group of subvolumes
        return {number: Count(space, None, limits.get(number)) for number, space in used.items() if number < 1 << 48}

    def number(self, folder: int) -> int:
        if os.fstat(folder).st_ino != TOP_INODE:
            return 0
        buffer = bytearray(SEARCH_SIZE)
        struct.pack_into("=2Q", buffer, 0, 0, TOP_INODE)
        self._kernel.ioctl(folder, INO_LOOKUP, buffer)
        number = int(struct.unpack_from("=Q", buffer)[0])
        return number if number >= FIRST_SUBVOLUME else 0

    def limit(self, number: int, bytes_limit: int | None, files_limit: int | None) -> None:
        most = NO_VALUE if bytes_limit is None else bytes_limit
        self._kernel.ioctl(self._root, QGROUP_LIMIT, bytearray(struct.pack("=6Q", number, MAX_BYTES, most, 0, 0, 0)))

    def create(self, parent: int, name: str) -> None:
        """Make a folder that is counted; nobody but root may enter it."""
        before = os.umask(0o077)
        try:
            raw = os.fsencode(name)
            self._kernel.ioctl(parent, SUBVOL_CREATE, bytearray(struct.pack("=q4088s", 0, raw)))
        finally:
            os.umask(before)

    def _items(self, first_kind: int, last_kind: int) -> Iterator[tuple[int, int, bytes]]:
        """Kind, number and data of the items of the tree of quotas."""
        kind, offset = first_kind, 0
        while True:
            buffer = bytearray(SEARCH_SIZE)
            last = min(last_kind, 255)
            SEARCH_KEY.pack_into(
                buffer, 0, QUOTA_TREE, 0, 0, offset, NO_VALUE, 0, NO_VALUE, kind, last, 4096, 0, 0, 0, 0, 0
            )
            self._kernel.ioctl(self._root, TREE_SEARCH, buffer)
            found = SEARCH_KEY.unpack_from(buffer)[9]
            if not found:
                return
            position = SEARCH_KEY.size
            for _ in range(found):
                _, _, offset, kind, size = SEARCH_ITEM.unpack_from(buffer, position)
                position += SEARCH_ITEM.size
                yield kind, offset, bytes(buffer[position : position + size])
                position += size
            if offset == NO_VALUE:
                kind, offset = kind + 1, 0
            else:
                offset += 1


def file_system(kernel: Kernel, root: int) -> Projects | Subvolumes:
    """How the file system of an open folder counts."""
    magic = kernel.filesystem(root)
    if magic in (EXT4, XFS):
        return Projects(kernel, root)
    if magic == BTRFS:
        return Subvolumes(kernel, root)
    raise QuotaError(f"{NAMES.get(magic, f'the file system {magic:#x}')} has no quotas for folders")


def make_folder(name: str, parent: int, kernel: Kernel | None = None) -> None:
    """Make a folder that can have a limit. Nobody but root may enter it."""
    kernel = kernel or Kernel()
    if kernel.filesystem(parent) == BTRFS:
        Subvolumes(kernel, parent).create(parent, name)
    else:
        os.mkdir(name, 0o700, dir_fd=parent)


def probe(path: str, kernel: Kernel | None = None) -> dict[str, Any]:
    """What the file system can do where a folder is, or will be. Changes nothing."""
    while not os.path.isdir(path) and path != "/":
        path = os.path.dirname(path)
    kernel = kernel or Kernel()
    fd = os.open(path, OPEN_FOLDER)
    try:
        magic = kernel.filesystem(fd)
        found: dict[str, Any] = {"filesystem": NAMES.get(magic, f"{magic:#x}"), "counts_files": False}
        try:
            system = file_system(kernel, fd)
        except QuotaError:
            return {**found, "problem": "it has no quotas for folders"}
        return {**found, "counts_files": system.counts_files, "problem": system.problem()}
    finally:
        os.close(fd)


def folders(root: int, kernel: Kernel, system: FileSystem) -> Iterator[tuple[str, int, int]]:
    """Path, number and open folder of each home and share on the same file system, sorted."""
    kind_of_root = kernel.filesystem(root)
    for parent in KINDS:
        try:
            above = os.open(parent, OPEN_FOLDER, dir_fd=root)
        except FileNotFoundError:
            continue
        try:
            for name in sorted(os.listdir(above)):
                try:
                    fd = os.open(name, OPEN_FOLDER, dir_fd=above)
                except OSError as error:
                    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                        continue
                    raise
                try:
                    # Something may be mounted there
                    if kernel.filesystem(fd) == kind_of_root:
                        yield f"{parent}/{name}", system.number(fd), fd
                finally:
                    os.close(fd)
        finally:
            os.close(above)


def read_use(root: str, kernel: Kernel | None = None) -> list[dict[str, Any]]:
    """Use and limits of the homes and shares that have a limit; nothing where the file system has no quotas."""
    kernel = kernel or Kernel()
    try:
        fd = os.open(root, OPEN_FOLDER)
    except FileNotFoundError:
        return []
    try:
        system = file_system(kernel, fd)
        if system.problem():
            return []
        counts = system.counts()
        found = []
        for path, number, _ in folders(fd, kernel, system):
            count = counts.get(number)
            if count is not None and count.limits != (None, None):
                found.append(
                    {
                        "folder": path,
                        "kind": KINDS[path.partition("/")[0]],
                        "bytes_used": count.bytes_used,
                        "bytes_limit": count.bytes_limit,
                        "files_used": count.files_used,
                        "files_limit": count.files_limit,
                    }
                )
        return found
    except QuotaError:
        return []
    finally:
        os.close(fd)


def read_quotas(root: str) -> list[dict[str, Any]]:
    """Use and limits of the homes and shares; nothing if the file system does not say."""
    try:
        return read_use(root)
    except OSError:
        return []


def amount(number: int | None) -> str:
    """Bytes for people."""
    if number is None:
        return "unlimited"
    value = float(number)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if value == int(value) else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.0f} TiB" if value == int(value) else f"{value:.1f} TiB"


def main(arguments: list[str]) -> int:
    """Print use and limits."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="a list of objects")
    parser.add_argument("--configuration", default=CONFIGURATION, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    try:
        with open(asked.configuration, encoding="utf-8") as file:
            used = read_use(json.load(file)["root"])
    except OSError as error:
        print(f"{error.filename or 'quotas'}: {error.strerror} (needs root)", file=sys.stderr)
        return 1
    if asked.json:
        print(json.dumps(used, ensure_ascii=False))
        return 0
    print(f"{'folder':<42} {'used':>12} {'of':>12} {'files':>12} {'of':>12}")
    for one in used:
        files, most = ("-" if one[key] is None else one[key] for key in ("files_used", "files_limit"))
        space = f"{amount(one['bytes_used']):>12} {amount(one['bytes_limit']):>12}"
        print(f"{one['folder']:<42} {space} {files:>12} {most:>12}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
