"""Security descriptors, the POSIX ACLs that Samba derives from them, and both on-disk forms, as pure functions.

Nothing here needs Samba or a file system, so that every rule can be tested anywhere.

Sources of the rules:

* SDDL text: [MS-DTYP] 2.5.1; the binary self-relative form: [MS-DTYP] 2.4.5 and 2.4.6.
* C(security.NTACL) extended attribute: Samba C(librpc/idl/xattr.idl), structure C(xattr_NTACL).
* Descriptor to POSIX ACL: Samba C(source3/smbd/posix_acls.c), C(create_canon_ace_lists),
  C(ensure_canon_entry_valid_on_set), for a directory that belongs to root:root.
* C(system.posix_acl_access) and C(_default): Linux C(include/uapi/linux/posix_acl_xattr.h).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

OBJECT_INHERIT = 0x01
CONTAINER_INHERIT = 0x02
NO_PROPAGATE = 0x04
INHERIT_ONLY = 0x08
INHERITED = 0x10

_FLAG_NAMES = {
    "OI": OBJECT_INHERIT,
    "CI": CONTAINER_INHERIT,
    "NP": NO_PROPAGATE,
    "IO": INHERIT_ONLY,
    "ID": INHERITED,
}

ACCESS_ALLOWED = 0
_DACL_PRESENT = 0x0004
_DACL_PROTECTED = 0x1000
_SELF_RELATIVE = 0x8000

# Which NT rights Samba turns into r, w and x (map_nt_perms in posix_acls.c).
_GENERIC_ALL = 0x10000000
_READ_RIGHTS = 0x80000000 | 0x00000001 | 0x00000008
_WRITE_RIGHTS = 0x40000000 | 0x00000002 | 0x00000004 | 0x00000010
_EXECUTE_RIGHTS = 0x20000000 | 0x00000020

# Tags of a POSIX ACL entry, in the order in which the kernel stores them.
USER_OBJ = 0x01
USER = 0x02
GROUP_OBJ = 0x04
GROUP = 0x08
MASK = 0x10
OTHER = 0x20
_NO_ID = 0xFFFFFFFF
_POSIX_ACL_VERSION = 2
_TAG_NAMES = {USER_OBJ: "user", USER: "user", GROUP_OBJ: "group", GROUP: "group", MASK: "mask", OTHER: "other"}

ROOT_ID = 0


class AclError(ValueError):
    """Invalid text or bytes; the message shows them."""


@dataclass(frozen=True, order=True)
class Ace:
    """One entry of an access control list."""

    sid: str
    ace_type: int
    flags: int
    mask: int

    @property
    def passed_on(self) -> bool:
        """Whether new files or folders inside get this entry."""
        return bool(self.flags & (OBJECT_INHERIT | CONTAINER_INHERIT))


@dataclass(frozen=True)
class Descriptor:
    """The part of a security descriptor that is managed: the DACL and whether it is cut off from its parent."""

    protected: bool
    aces: tuple[Ace, ...]

    @property
    def passes_on(self) -> bool:
        """Whether anything made inside gets an entry from here."""
        return any(ace.passed_on for ace in self.aces)


@dataclass(frozen=True, order=True)
class PosixEntry:
    """One entry of a POSIX ACL; C(qualifier) is the uid or gid, or C(None) where the tag needs none."""

    tag: int
    qualifier: int | None
    permissions: int


PosixAcl = tuple[PosixEntry, ...]


@dataclass(frozen=True)
class UnixId:
    """The uid and gid of a SID; some id mappings give both."""

    number: int
    is_user: bool
    is_group: bool


# ---------------------------------------------------------------------------------------------------------------------
# Security descriptors
# ---------------------------------------------------------------------------------------------------------------------

_SID = re.compile(r"S-1-[0-9]{1,14}(-[0-9]{1,10}){1,15}")
_DACL = re.compile(r"D:((?:P|AI|AR)*)((?:\([^()]*\))*)")


def _is_sid(text: str) -> bool:
    return _SID.fullmatch(text) is not None and all(int(part) <= 0xFFFFFFFF for part in text.split("-")[3:])


def parse_sddl(sddl: str) -> Descriptor:
    """Read the subset of SDDL that means the same on Windows and under Samba.

    Only a DACL, only entries that allow, only hexadecimal masks and full SIDs: names for rights (C(FA)) and for
    accounts (C(BA)) mean different things, or different ids, on different hosts.
    """
    match = _DACL.fullmatch(sddl)
    if match is None:
        raise AclError(f"{sddl!r} is not a DACL like 'D:P(A;OICI;0x1200a9;;;S-1-5-21-...)' (no owner, group or SACL)")
    aces = tuple(_parse_sddl_ace(text) for text in re.findall(r"\(([^()]*)\)", match.group(2)))
    if not aces:
        raise AclError(f"{sddl!r} has no entry, so nobody could use the folder")
    flags = match.group(1)
    return Descriptor(protected="P" in flags, aces=aces)


def _parse_sddl_ace(text: str) -> Ace:
    fields = text.split(";")
    if len(fields) != 6:
        raise AclError(f"entry ({text}) must have six fields, type;flags;mask;;;SID")
    ace_type, flags, mask, object_type, inherited_type, sid = fields
    if ace_type != "A":
        raise AclError(
            f"entry ({text}) is of type {ace_type!r}; only A (allow) means the same on NTFS and in a POSIX ACL"
        )
    if object_type or inherited_type:
        raise AclError(f"entry ({text}) names an object type, which files do not have")
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,8}", mask):
        raise AclError(f"entry ({text}) has the mask {mask!r}; write it in hexadecimal, such as 0x1301bf")
    if not _is_sid(sid):
        raise AclError(f"entry ({text}) is for {sid!r}; write the full SID (S-1-5-21-...)")
    return Ace(sid=sid, ace_type=ACCESS_ALLOWED, flags=_parse_flags(flags, text), mask=int(mask, 16))


def _parse_flags(flags: str, text: str) -> int:
    value = 0
    for start in range(0, len(flags), 2):
        name = flags[start : start + 2]
        if name not in ("OI", "CI", "IO"):
            raise AclError(f"entry ({text}) has the flag {name!r}; only OI, CI and IO exist in POSIX ACLs too")
        value |= _FLAG_NAMES[name]
    inherits = value & (OBJECT_INHERIT | CONTAINER_INHERIT)
    if inherits not in (0, OBJECT_INHERIT | CONTAINER_INHERIT):
        raise AclError(f"entry ({text}) is for files or for folders only; a POSIX default entry (OICI) is for both")
    if value & INHERIT_ONLY and not inherits:
        raise AclError(f"entry ({text}) has IO without OICI, so that it applies to nothing")
    return value


def sddl_of(descriptor: Descriptor) -> str:
    """The descriptor in the subset of SDDL that C(parse_sddl) reads."""
    flags = {0: "", 3: "OICI", 11: "OICIIO"}
    entries = "".join(f"(A;{flags[ace.flags]};0x{ace.mask:x};;;{ace.sid})" for ace in descriptor.aces)
    return f"D:{'P' if descriptor.protected else ''}{entries}"


def format_ace(ace: Ace, names: dict[str, str]) -> str:
    """Show an entry to a person: who, what, and where it applies."""
    kind = "allow" if ace.ace_type == ACCESS_ALLOWED else f"type {ace.ace_type}"
    flags = "".join(name for name, bit in _FLAG_NAMES.items() if ace.flags & bit) or "this folder"
    return f"{kind} 0x{ace.mask:x} {flags} {names.get(ace.sid, ace.sid)}"


def _unpack(layout: str, data: bytes, offset: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(layout, data, offset)
    except struct.error as error:
        raise AclError(f"the security descriptor ends early ({error})") from None


def _parse_sid(data: bytes, offset: int) -> str:
    revision, count = _unpack("<BB", data, offset)
    if revision != 1 or not 1 <= count <= 15 or offset + 8 + 4 * count > len(data):
        raise AclError(f"a SID of revision {revision} with {count} parts")
    authority = int.from_bytes(data[offset + 2 : offset + 8], "big")
    parts = _unpack(f"<{count}I", data, offset + 8)
    return "-".join(["S-1", str(authority), *map(str, parts)])


def pack_sid(sid: str) -> bytes:
    """The fixed 68-byte form that C(libwbclient) takes (C(struct wbcDomainSid))."""
    if not _is_sid(sid):
        raise AclError(f"{sid!r} is not a SID")
    authority, *parts = (int(part) for part in sid.split("-")[2:])
    header = struct.pack("<BB", 1, len(parts)) + authority.to_bytes(6, "big")
    return header + struct.pack("<15I", *parts, *([0] * (15 - len(parts))))


def parse_security_descriptor(data: bytes, start: int = 0) -> Descriptor:
    """Read a self-relative security descriptor; owner, group and SACL are not looked at.

    Its offsets count from the beginning of ``data``, which is where Samba counts from inside an extended attribute.
    """
    revision, _, control, _, _, _, dacl_offset = _unpack("<BBHIIII", data, start)
    if revision != 1 or not control & _SELF_RELATIVE:
        raise AclError(f"a security descriptor of revision {revision}, control 0x{control:x}")
    if not control & _DACL_PRESENT or dacl_offset == 0:
        raise AclError("no DACL, which would let everybody in")
    _, _, _, count, _ = _unpack("<BBHHH", data, dacl_offset)
    aces = []
    position = dacl_offset + 8
    for _ in range(count):
        ace_type, flags, size = _unpack("<BBH", data, position)
        (mask,) = _unpack("<I", data, position + 4)
        aces.append(Ace(sid=_parse_sid(data, position + 8), ace_type=ace_type, flags=flags, mask=mask))
        position += max(size, 8)
    return Descriptor(protected=bool(control & _DACL_PROTECTED), aces=tuple(aces))


def parse_nt_acl_xattr(data: bytes) -> Descriptor:
    """Read the value of C(security.NTACL) as C(vfs_acl_xattr) writes it (version 4)."""
    version, switch = _unpack("<HH", data, 0)
    if version != 4 or switch != 4:
        raise AclError(f"version {version}, not the 4 that Samba writes since 4.2")
    # pointer, pointer, hash type, hash of the descriptor
    offset = 4 + 4 + 4 + 2 + 64
    end = data.find(b"\0", offset)
    if end < 0:
        raise AclError("its description has no end")
    # a time stamp, aligned to four bytes, and the hash of the POSIX ACL stand before the descriptor
    offset = (end + 1 + 3) // 4 * 4
    return parse_security_descriptor(data, offset + 8 + 64)


# ---------------------------------------------------------------------------------------------------------------------
# POSIX ACLs
# ---------------------------------------------------------------------------------------------------------------------


def _permissions(mask: int) -> int:
    if mask & _GENERIC_ALL:
        return 7
    return (4 if mask & _READ_RIGHTS else 0) | (2 if mask & _WRITE_RIGHTS else 0) | (1 if mask & _EXECUTE_RIGHTS else 0)


def posix_acls(descriptor: Descriptor, ids: dict[str, UnixId]) -> tuple[PosixAcl, PosixAcl | None]:
    """The access ACL and the default ACL that Samba sets on a root:root directory for this descriptor.

    No default ACL means that nothing is passed on.
    """
    here = [ace for ace in descriptor.aces if not ace.flags & INHERIT_ONLY]
    passed_on = [ace for ace in descriptor.aces if ace.passed_on]
    return _posix_acl(here, ids), _posix_acl(passed_on, ids) if passed_on else None


def _posix_acl(aces: list[Ace], ids: dict[str, UnixId]) -> PosixAcl:
    # Samba repeats the owner and the owning group by number, so that a change of owner takes nobody's rights.
    users = {ROOT_ID: 7}
    groups = {ROOT_ID: 0}
    for ace in aces:
        unix_id = ids[ace.sid]
        for holders, applies in ((users, unix_id.is_user), (groups, unix_id.is_group)):
            if applies:
                holders[unix_id.number] = holders.get(unix_id.number, 0) | _permissions(ace.mask)
    entries = [
        PosixEntry(USER_OBJ, None, users[ROOT_ID]),
        *(PosixEntry(USER, number, rights) for number, rights in users.items()),
        PosixEntry(GROUP_OBJ, None, groups[ROOT_ID]),
        *(PosixEntry(GROUP, number, rights) for number, rights in groups.items()),
        PosixEntry(MASK, None, 7),
        PosixEntry(OTHER, None, 0),
    ]
    return tuple(sorted(entries, key=_entry_order))


def _entry_order(entry: PosixEntry) -> tuple[int, int]:
    return entry.tag, -1 if entry.qualifier is None else entry.qualifier


def encode_posix_acl(acl: PosixAcl) -> bytes:
    """The value of the extended attribute, entries in the order that the kernel demands."""
    entries = b"".join(
        struct.pack("<HHI", entry.tag, entry.permissions, _NO_ID if entry.qualifier is None else entry.qualifier)
        for entry in sorted(acl, key=_entry_order)
    )
    return struct.pack("<I", _POSIX_ACL_VERSION) + entries


def decode_posix_acl(data: bytes) -> PosixAcl:
    """Read the value of the extended attribute."""
    if len(data) < 4 or (len(data) - 4) % 8 or struct.unpack_from("<I", data)[0] != _POSIX_ACL_VERSION:
        raise AclError(f"not a POSIX ACL of version {_POSIX_ACL_VERSION}: {data[:16].hex()}")
    return tuple(
        PosixEntry(tag, qualifier if tag in (USER, GROUP) else None, permissions)
        for tag, permissions, qualifier in struct.iter_unpack("<HHI", data[4:])
    )


def mode_of(acl: PosixAcl) -> int:
    """The permission bits that the kernel shows for a file with this ACL: the group bits are the mask."""
    rights = {entry.tag: entry.permissions for entry in acl if entry.qualifier is None}
    return rights[USER_OBJ] << 6 | rights.get(MASK, rights[GROUP_OBJ]) << 3 | rights[OTHER]


def acl_of_new_file(default: PosixAcl) -> PosixAcl:
    """The ACL of a new file with mode 0666 in a folder with this default ACL (posix_acl_create_masq)."""
    limited = {USER_OBJ, OTHER, MASK if any(entry.tag == MASK for entry in default) else GROUP_OBJ}
    return tuple(
        PosixEntry(entry.tag, entry.qualifier, entry.permissions & 6) if entry.tag in limited else entry
        for entry in default
    )


def format_posix_acl(acl: PosixAcl, names: dict[int, str]) -> list[str]:
    """Show a POSIX ACL to a person, one entry a line, in the form of getfacl(1)."""
    lines = []
    for entry in sorted(acl, key=_entry_order):
        who = "" if entry.qualifier is None else names.get(entry.qualifier, str(entry.qualifier))
        rights = "".join(letter if entry.permissions & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
        lines.append(f"{_TAG_NAMES.get(entry.tag, hex(entry.tag))}:{who}:{rights}")
    return lines
