#!/usr/bin/python
"""A tree of folders whose NT security descriptors the Linux kernel enforces as POSIX ACLs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nt_folder_tree
short_description: Folders with NT security descriptors on a Linux domain member
description:
  - Makes a whole tree of folders and gives each one the access list that its security descriptor says, in one call.
  - Samba stores the descriptor as NT ACL (extended attribute C(security.NTACL)) and translates it into the POSIX access
    and default ACL, which the kernel enforces for every program, an FTP server for example.
  - On every run compares the entries of the stored NT ACL (type, flags, mask, SID, and the protection from the parent)
    and the POSIX ACLs, owner and mode that are really in force, and repairs what differs. Entries that nobody declared
    are removed.
  - The owner is always C(root:root), so that nobody else can change the permissions of a declared folder.
  - When what a folder passes on has changed, for example because the directory was rebuilt and the groups have new
    SIDs, everything beneath it gets the new entries, as inheritance on NTFS does it. What lies beneath another declared
    folder is that folder's. Content is then owned by C(root:root) too, because the numbers of the old owners may belong
    to somebody else by now.
  - Folders and files that are not declared are never removed. Those that lie directly in a folder that passes nothing
    on, where only declared folders belong, are returned as RV(undeclared) and told in a warning.
  - Symbolic links are never followed. Folders are opened relative to their parent, so that nobody who may write in a
    parent can make the module change something else.
options:
  root:
    description:
      - Absolute path of the top folder. Its parents must belong to root and must not be writable by others.
      - Missing parents are made with mode C(0755).
    type: path
    required: true
  folders:
    description: Every folder of the tree, in any order. The parent of each one must be declared as well.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Path relative to O(root), with C(/) between the parts. An empty string is O(root) itself.
        type: str
        required: true
      sddl:
        description:
          - Its DACL in SDDL, such as C(D:P(A;OICI;0x1200a9;;;S-1-5-21-1-2-3-1104)).
          - Only entries that allow, hexadecimal masks, full SIDs, and the flags OICI and IO, since only those mean the
            same on NTFS and in a POSIX ACL. The owner C(root) needs no entry.
          - The control flags C(AI) and C(AR) are accepted and not compared.
        type: str
        required: true
      purpose:
        description: What the folder is for. Not used, so that a list made for several platforms can be passed as it is.
        type: str
  sids:
    description: Names and SIDs of groups, as M(ldap_directory) returns them. Only used to show names in the diff.
    type: dict
    default: {}
  reapply_to_content:
    description:
      - Also compare everything beneath the folders with what it inherits, and repair it, when the folders themselves
        are as declared. Takes as long as walking through all files; meant for after a restore from a backup.
    type: bool
    default: false
  wait_seconds:
    description:
      - How long to wait for C(winbindd) to translate every SID, in seconds. Groups that were made a moment ago may not
        have reached the domain controller that it asks.
    type: int
    default: 20
requirements:
  - Samba with C(vfs_acl_xattr) and its Python binding (Debian packages C(samba) and C(python3-samba))
  - a host that is a domain member with C(winbindd) running, and C(vfs objects = acl_xattr) in C(smb.conf)
  - a file system with POSIX ACLs and security attributes
notes:
  - Must run as root.
  - Samba's Python binding is only needed when something has to be written, C(winbindd) only when a folder exists or has
    to be written. Check mode therefore works before the host has joined the domain.
  - What POSIX ACLs cannot express is refused, namely entries that deny, entries for files only or for folders only,
    and C(NP).
  - The kernel judges the owner of a file by the owner's entry alone. Whoever made a file can therefore write in it as
    long as they reach it, whatever the groups say.
attributes:
  check_mode: {support: full, description: Nothing is changed, the prediction is complete.}
  diff_mode: {support: full, description: 'One line for each entry, before and after, of the folders that change.'}
author: the ftps-exchange contributors
"""

EXAMPLES = r"""
- name: Make the folders and their permissions as declared
  ftps.exchange.nt_folder_tree:
    root: /srv/ftps-exchange
    folders:
      - path: ""
        sddl: D:P(A;;0x1200a0;;;S-1-5-21-1-2-3-1104)
      - path: homes
        sddl: D:P(A;;0x1200a0;;;S-1-5-21-1-2-3-1104)
      - path: homes/acme
        sddl: D:P(A;;0x1201bf;;;S-1-5-21-1-2-3-1105)(A;OICIIO;0x1301bf;;;S-1-5-21-1-2-3-1105)
    sids: {exchange-customers: S-1-5-21-1-2-3-1104, home-acme-write: S-1-5-21-1-2-3-1105}

- name: After a restore from a backup, give all content its inherited permissions again
  ftps.exchange.nt_folder_tree:
    root: /srv/ftps-exchange
    folders: "{{ folders }}"
    reapply_to_content: true
"""

RETURN = r"""
created:
  description: Paths of the folders that were missing, relative to O(root).
  returned: always
  type: list
  elements: str
  sample: [homes/acme]
repaired:
  description: Paths of the folders that existed and were not as declared.
  returned: always
  type: list
  elements: str
  sample: [shares/maps]
content:
  description: How much beneath the folders got new permissions. In check mode, how much would.
  returned: always
  type: dict
  contains:
    folders: {description: Number of folders., type: int, returned: always}
    files: {description: Number of files., type: int, returned: always}
    skipped:
      description: Paths left as they are, because they have several hard links or lie too deep.
      type: list
      elements: str
      returned: always
undeclared:
  description: What lies where only declared folders belong; left alone.
  returned: always
  type: list
  elements: str
  sample: [homes/hooli]
"""

import contextlib
import ctypes
import errno
import itertools
import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.respawn import has_respawned, probe_interpreters_for_module, respawn_module
from ansible_collections.ftps.exchange.plugins.module_utils.posix_acl import (
    AclError,
    Descriptor,
    PosixAcl,
    UnixId,
    acl_of_new_file,
    decode_posix_acl,
    encode_posix_acl,
    format_ace,
    format_posix_acl,
    mode_of,
    pack_sid,
    parse_nt_acl_xattr,
    parse_sddl,
    posix_acls,
)

NT_ACL = "security.NTACL"
ACCESS_ACL = "system.posix_acl_access"
DEFAULT_ACL = "system.posix_acl_default"
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
# Each level of a walk keeps one descriptor open, and customers decide how deep they nest
DEEPEST_LEVEL = 400
LONGEST_SHOWN = 200
# The file system's own, made by mkfs
NOBODYS_NAMES = frozenset({"lost+found"})


class FolderError(Exception):
    """What is wrong, where, and what to do about it."""


# ---------------------------------------------------------------------------------------------------------------------
# What is wanted
# ---------------------------------------------------------------------------------------------------------------------


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


def declared_tree(folders: Iterable[dict[str, Any]]) -> Folder:
    """Check the list and turn it into a tree, with every problem in one message."""
    problems: list[str] = []
    declared: dict[str, Folder] = {}
    for item in folders:
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


# ---------------------------------------------------------------------------------------------------------------------
# What is there
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """The state of an existing folder."""

    owner: int
    group: int
    mode: int
    nt_acl: bytes | None
    access: bytes | None
    default: bytes | None

    @classmethod
    def read(cls, fd: int) -> Found:
        """Read everything through one open descriptor."""
        status = os.fstat(fd)
        return cls(
            owner=status.st_uid,
            group=status.st_gid,
            mode=stat.S_IMODE(status.st_mode),
            nt_acl=get_attribute(fd, NT_ACL),
            access=get_attribute(fd, ACCESS_ACL),
            default=get_attribute(fd, DEFAULT_ACL),
        )

    @property
    def descriptor(self) -> Descriptor | None:
        """The stored NT ACL, or nothing where it is missing or unreadable."""
        if self.nt_acl is None:
            return None
        try:
            return parse_nt_acl_xattr(self.nt_acl)
        except AclError:
            return None

    def is_as(self, folder: Folder) -> bool:
        """Whether it is as declared; without translated SIDs only the NT side can be compared."""
        descriptor = self.descriptor
        if (
            descriptor is None
            or descriptor.protected != folder.descriptor.protected
            or sorted(descriptor.aces) != sorted(folder.descriptor.aces)
            or (self.owner, self.group) != (0, 0)
        ):
            return False
        if folder.access is None:
            return True
        return (
            self.access == encode_posix_acl(folder.access)
            and self.passes_on_as(folder)
            and self.mode == mode_of(folder.access)
        )

    def passes_on_as(self, folder: Folder) -> bool:
        """Whether new content gets what is declared."""
        return self.default == (None if folder.default is None else encode_posix_acl(folder.default))


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


# ---------------------------------------------------------------------------------------------------------------------
# Winbind: which numbers belong to which SID
# ---------------------------------------------------------------------------------------------------------------------


class _WbcUnixId(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("number", ctypes.c_uint32))


class Winbind:
    """The two questions to winbindd that are needed, through its C client library (Samba nsswitch/libwbclient)."""

    IS_USER, IS_GROUP = 1, 2  # enum wbcIdType; both together for id mappings such as rid
    AT_ONCE = 1000

    def __init__(self) -> None:
        """Load the library."""
        try:
            self._library = ctypes.CDLL("libwbclient.so.0")
        except OSError:
            raise FolderError("winbind is not installed (no libwbclient.so.0)") from None

    def unix_ids(self, sids: list[str]) -> dict[str, UnixId]:
        """Numbers of those SIDs that have one."""
        found: dict[str, UnixId] = {}
        for start in range(0, len(sids), self.AT_ONCE):
            some = sids[start : start + self.AT_ONCE]
            answer = (_WbcUnixId * len(some))()
            error = self._library.wbcSidsToUnixIds(b"".join(map(pack_sid, some)), len(some), answer)
            if error:
                raise FolderError(f"winbindd does not translate SIDs (libwbclient error {error}): is it running?")
            for sid, unix_id in zip(some, answer, strict=True):
                if unix_id.type & (self.IS_USER | self.IS_GROUP):
                    is_user, is_group = bool(unix_id.type & self.IS_USER), bool(unix_id.type & self.IS_GROUP)
                    found[sid] = UnixId(unix_id.number, is_user=is_user, is_group=is_group)
        return found

    def name(self, sid: str) -> str | None:
        """Who a SID is, as DOMAIN\\name."""
        domain, name, kind = ctypes.c_char_p(), ctypes.c_char_p(), ctypes.c_int()
        if self._library.wbcLookupSid(pack_sid(sid), ctypes.byref(domain), ctypes.byref(name), ctypes.byref(kind)):
            return None
        text = f"{(domain.value or b'').decode()}\\{(name.value or b'').decode()}"
        for pointer in (domain, name):
            self._library.wbcFreeMemory(pointer)
        return text


def translated(sids: list[str], wait_seconds: int) -> dict[str, UnixId]:
    """The numbers of all SIDs, or an error that names those that nobody knows."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            ids = Winbind().unix_ids(sids)
            unknown = [sid for sid in sids if sid not in ids]
            if not unknown:
                return ids
            problem = f"winbindd knows no group for {_some(unknown)}: does the host belong to that domain?"
        except FolderError as error:
            problem = str(error)
        if time.monotonic() >= deadline:
            raise FolderError(problem)
        time.sleep(1)


def _printable(name: str) -> str:
    """A path as text of bearable length; what is not UTF-8 in it is replaced."""
    text = os.fsencode(name).decode(errors="replace")
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _some(texts: list[str], most: int = 5) -> str:
    rest = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {rest} more" if rest > 0 else "")


# ---------------------------------------------------------------------------------------------------------------------
# Samba: the one that writes
# ---------------------------------------------------------------------------------------------------------------------


class Samba:
    """Writes descriptors the way smbd does, NT ACL and POSIX ACLs together."""

    def __init__(self) -> None:
        """Load Samba's Python binding and its configuration."""
        from samba.auth_util import system_session_unix
        from samba.dcerpc import security
        from samba.samba3 import param, smbd

        configuration = param.get_context()
        configuration.load_default()
        self._security = security
        self._smbd = smbd
        self._session = system_session_unix()
        # Only matters for abbreviations such as DA, which are refused before
        self._domain = security.dom_sid("S-1-5-21-0-0-0")

    def set_descriptor(self, fd: int, sddl: str) -> None:
        """Give an open folder its descriptor; through /proc, so that nobody can exchange the folder meanwhile."""
        descriptor = self._security.descriptor.from_sddl(sddl, self._domain)
        self._smbd.set_nt_acl(f"/proc/self/fd/{fd}", self._security.SECINFO_DACL, descriptor, self._session)


def sddl_of(descriptor: Descriptor) -> str:
    """The descriptor in the subset of SDDL that C(parse_sddl) reads."""
    flags = {0: "", 3: "OICI", 11: "OICIIO"}
    entries = "".join(f"(A;{flags[ace.flags]};0x{ace.mask:x};;;{ace.sid})" for ace in descriptor.aces)
    return f"D:{'P' if descriptor.protected else ''}{entries}"


# ---------------------------------------------------------------------------------------------------------------------
# The tree
# ---------------------------------------------------------------------------------------------------------------------


@dataclass
class Content:
    """What a walk through the content of folders changed, or would."""

    folders: int = 0
    files: int = 0
    skipped: list[str] = field(default_factory=list)


class Tree:
    """Compares and applies a tree of declared folders."""

    def __init__(self, root: str, top: Folder, *, reapply_to_content: bool, check_mode: bool) -> None:
        """Only takes notes; nothing is read yet."""
        self._root = root
        self._top = top
        self._reapply = reapply_to_content
        self._check_mode = check_mode
        self.found: dict[str, Found] = {}
        self.wanting: list[Folder] = []
        self.undeclared: list[str] = []
        self.content = Content()

    def shown(self, path: str) -> str:
        """The absolute path, for messages."""
        return f"{self._root}/{path}" if path else self._root

    @contextlib.contextmanager
    def _located(self, path: str) -> Iterator[None]:
        """Say where an error of the system happened: calls on descriptors only know a number."""
        try:
            yield
        except OSError as error:
            hint = " (needs a file system with POSIX ACLs)" if error.errno == errno.ENOTSUP else ""
            raise FolderError(f"{self.shown(path)}: {error.strerror}{hint}") from error

    # Comparing

    def read(self) -> None:
        """Read the whole tree, so that what is in the way is known before anything is changed."""
        problems: list[str] = []
        with self._parent_of_root(make=False) as parent:
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
                    self.undeclared += [_printable(f"{folder.path}/{stray}".lstrip("/")) for stray in strays]
                for inner_name, inner in folder.inside.items():
                    self._read(inner, inner_name, fd, problems)
        except FolderError as error:
            problems.append(str(error))

    @contextlib.contextmanager
    def _parent_of_root(self, *, make: bool) -> Iterator[int | None]:
        """The folder that holds the root, reached through folders that only root can change."""
        with contextlib.ExitStack() as stack:
            fd = stack.enter_context(opened("/", OPEN_FOLDER))
            path = ""
            for name in self._root.split("/")[1:-1]:
                self._check_parent(fd, path or "/")
                path += f"/{name}"
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, 0o755, dir_fd=fd)
                inner = stack.enter_context(opened_folder(name, fd, path))
                if inner is None:
                    yield None
                    return
                fd = inner
            self._check_parent(fd, path or "/")
            yield fd

    def _check_parent(self, fd: int, path: str) -> None:
        status = os.fstat(fd)
        if status.st_uid != 0 or status.st_mode & 0o022:
            raise FolderError(
                f"{path} lies above {self._root} and is owned by uid {status.st_uid} with mode"
                f" {stat.S_IMODE(status.st_mode):04o}, so that others than root could exchange the whole tree:"
                f" make it root's and not writable for group and others (chown root {path}; chmod go-w {path})"
            )

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
        with self._parent_of_root(make=not self._check_mode) as parent:
            if parent is not None:
                self._apply(self._top, os.path.basename(self._root), parent, changing, on_the_way, samba)

    def _apply(
        self, folder: Folder, name: str, parent: int, changing: set[str], on_the_way: set[str], samba: Samba | None
    ) -> None:
        if folder.path in changing and not self._check_mode:
            with contextlib.suppress(FileExistsError):
                # Closed to everybody until its permissions are set
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
            self._walk(fd, folder, folder.default)
        if samba is not None:
            self._set_descriptor(fd, folder, samba)

    def _set_descriptor(self, fd: int, folder: Folder, samba: Samba) -> None:
        try:
            samba.set_descriptor(fd, sddl_of(folder.descriptor))
        except Exception as error:  # samba.NTSTATUSError, which only exists where Samba does
            raise FolderError(f"{self.shown(folder.path)}: Samba could not set the NT ACL: {error}") from error
        result = Found.read(fd)
        if not result.is_as(folder):
            wanted = "; ".join(_describe(folder, {}, {}))
            got = "; ".join(_describe_found(result, {}, {}))
            raise FolderError(
                f"{self.shown(folder.path)}: Samba stored something else than was asked for. Does smb.conf say"
                f" 'vfs objects = acl_xattr'? Asked for: {wanted}. Found: {got}"
            )

    # Content

    def _walk(self, top_fd: int, folder: Folder, default: PosixAcl) -> None:
        """Give everything beneath what it would have got if it were made now."""
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
                    self.content.skipped.append(_printable(path))
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
                    # Its other name may lie outside, where these entries have no business
                    self.content.skipped.append(_printable(path))
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


# ---------------------------------------------------------------------------------------------------------------------
# What is told
# ---------------------------------------------------------------------------------------------------------------------


def _describe(folder: Folder, names: dict[str, str], numbers: dict[int, str]) -> list[str]:
    lines = _describe_descriptor(folder.descriptor, names)
    if folder.access is None:
        return lines
    return [f"owner 0:0 mode {mode_of(folder.access):04o}", *lines, *_acl_lines("access", folder.access, numbers)] + (
        _acl_lines("default", folder.default, numbers) if folder.default else []
    )


def _describe_found(found: Found, names: dict[str, str], numbers: dict[int, str]) -> list[str]:
    lines = [f"owner {found.owner}:{found.group} mode {found.mode:04o}"]
    descriptor = found.descriptor
    if descriptor is not None:
        lines += _describe_descriptor(descriptor, names)
    else:
        lines.append("no NT ACL" if found.nt_acl is None else "an unreadable NT ACL")
    for kind, data in (("access", found.access), ("default", found.default)):
        if data is not None:
            lines += _acl_lines(kind, decode_posix_acl(data), numbers)
    return lines


def _describe_descriptor(descriptor: Descriptor, names: dict[str, str]) -> list[str]:
    protection = "protected from the parent's entries" if descriptor.protected else "takes the parent's entries"
    return [protection, *(f"NT {format_ace(ace, names)}" for ace in sorted(descriptor.aces))]


def _acl_lines(kind: str, acl: PosixAcl, numbers: dict[int, str]) -> list[str]:
    return [f"POSIX {kind} {line}" for line in format_posix_acl(acl, numbers)]


MOST_NAMES_ASKED = 50


def diff_of(tree: Tree, sids: dict[str, str], ids: dict[str, UnixId]) -> dict[str, str]:
    """Every entry of every changing folder on a line of its own, with the folder's name in it."""
    names = {sid: name for name, sid in sids.items()}
    strays = {
        ace.sid
        for folder in tree.wanting
        if (found := tree.found.get(folder.path)) and (descriptor := found.descriptor)
        for ace in descriptor.aces
    } - set(names)
    if strays:
        with contextlib.suppress(FolderError):
            winbind = Winbind()
            for sid in itertools.islice(sorted(strays), MOST_NAMES_ASKED):
                names[sid] = winbind.name(sid) or sid
    numbers = {unix_id.number: names[sid] for sid, unix_id in ids.items() if sid in names}
    before, after = [], []
    for folder in tree.wanting:
        shown = tree.shown(folder.path)
        if folder.path in tree.found:
            before += [f"{shown}: {line}" for line in _describe_found(tree.found[folder.path], names, numbers)]
        after += [f"{shown}: {line}" for line in _describe(folder, names, numbers)]
    return {
        "before": "".join(f"{line}\n" for line in before),
        "after": "".join(f"{line}\n" for line in after),
        "before_header": "folders and their permissions",
        "after_header": "folders and their permissions",
    }


# ---------------------------------------------------------------------------------------------------------------------
# The module
# ---------------------------------------------------------------------------------------------------------------------


def checked_root(root: str) -> str:
    """The absolute path without a slash at its end."""
    root = root.rstrip("/")
    if not root.startswith("/") or any(part in ("", ".", "..") for part in root.split("/")[1:]):
        raise FolderError(f"root {root!r} must be an absolute path below /, without '.' and '..'")
    return root


def respawn_with_samba() -> None:
    """Go on under the system's Python, the only one that has Samba's binding."""
    try:
        import samba  # noqa: F401
    except ImportError:
        interpreter = probe_interpreters_for_module(["/usr/bin/python3"], "samba")
        if interpreter and not has_respawned():
            respawn_module(interpreter)
        raise FolderError("Samba's Python binding is missing: install python3-samba on the host") from None


def run(module: AnsibleModule) -> dict[str, Any]:
    """Read, compare, apply, tell."""
    top = declared_tree(module.params["folders"])
    tree = Tree(
        checked_root(module.params["root"]),
        top,
        reapply_to_content=module.params["reapply_to_content"],
        check_mode=module.check_mode,
    )
    tree.read()

    sids = sorted({ace.sid for folder in top.all() for ace in folder.descriptor.aces})
    ids: dict[str, UnixId] = {}
    if not module.check_mode:
        ids = translated(sids, module.params["wait_seconds"])
    elif tree.found:
        # Groups that are only about to be made have no number yet; their folders change anyway
        try:
            ids = Winbind().unix_ids(sids)
        except FolderError as error:
            module.warn(f"POSIX ACLs cannot be compared, only NT ACLs are: {error}")
    for folder in top.all():
        if all(ace.sid in ids for ace in folder.descriptor.aces):
            folder.access, folder.default = posix_acls(folder.descriptor, ids)

    if tree.compare() and not module.check_mode:
        respawn_with_samba()
        tree.apply(Samba())
    else:
        tree.apply(None)

    content = tree.content
    result: dict[str, Any] = {
        "changed": bool(tree.wanting or content.folders or content.files),
        "created": [folder.path for folder in tree.wanting if folder.path not in tree.found],
        "repaired": [folder.path for folder in tree.wanting if folder.path in tree.found],
        "content": {"folders": content.folders, "files": content.files, "skipped": content.skipped},
        "undeclared": tree.undeclared,
    }
    if module._diff and tree.wanting:
        result["diff"] = diff_of(tree, module.params["sids"], ids)
    if tree.undeclared:
        module.warn(f"Left alone below {tree.shown('')}, declared by nobody: {_some(tree.undeclared, 10)}")
    if content.skipped:
        module.warn(f"Kept their permissions (several hard links, or too deep): {_some(content.skipped, 10)}")
    return result


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "folders": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "str", "required": True},
                    "sddl": {"type": "str", "required": True},
                    "purpose": {"type": "str"},
                },
            },
            "sids": {"type": "dict", "default": {}},
            "reapply_to_content": {"type": "bool", "default": False},
            "wait_seconds": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except FolderError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        module.fail_json(msg=f"{module.params['root']}: {where}{error.strerror}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
