"""Discretionary access control lists: built, written as SDDL, and read back for comparison.

Only hexadecimal masks and full SIDs are written. The two-letter rights are not portable: Samba 4.17 reads ``FA``
as 0x1ff where Windows means 0x1f01ff, and Windows prints ``FA``, ``DA`` or ``AI`` its own way. So nothing compares SDDL
*texts*: two lists are the same when their parsed entries (type, flags, mask, SID), in order, and their protection are.

Only the access section is written (no ``O:``, ``G:`` or ``S:``). An owner or an audit list would need privileges that
setting permissions does not (SeRestorePrivilege, SeSecurityPrivilege), and a bulk tool that owns the permissions has no
business with who owns the folder.

Sources: MS-DTYP 2.4.3 (ACCESS_MASK), 2.4.4.1 (ACE_HEADER), 2.5.1 (SDDL); learn.microsoft.com, "File Access Rights
Constants".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from typing import Final, Literal, NamedTuple


class Right(IntFlag):
    """The bits of an access mask for files and folders, by their Windows names.

    A bit has two names where it means one thing for a file and another for a folder.
    https://learn.microsoft.com/windows/win32/fileio/file-access-rights-constants (low half),
    https://learn.microsoft.com/windows/win32/secauthz/standard-access-rights (high half).
    """

    FILE_READ_DATA = 0x000001
    """Read the content of a file."""
    FILE_LIST_DIRECTORY = 0x000001
    """See the names in a folder."""
    FILE_WRITE_DATA = 0x000002
    """Overwrite the content of a file."""
    FILE_ADD_FILE = 0x000002
    """Create a file in a folder."""
    FILE_APPEND_DATA = 0x000004
    """Extend a file."""
    FILE_ADD_SUBDIRECTORY = 0x000004
    """Create a folder in a folder."""
    FILE_READ_EA = 0x000008
    """Read extended attributes."""
    FILE_WRITE_EA = 0x000010
    """Write extended attributes."""
    FILE_EXECUTE = 0x000020
    """Run a file."""
    FILE_TRAVERSE = 0x000020
    """Walk through a folder to something in it whose name is known."""
    FILE_DELETE_CHILD = 0x000040
    """Delete the content of a folder regardless of its permissions. No customer has this right."""
    FILE_READ_ATTRIBUTES = 0x000080
    """Read size, dates and attributes."""
    FILE_WRITE_ATTRIBUTES = 0x000100
    """Write dates and attributes."""
    DELETE = 0x010000
    """Delete or rename the object itself."""
    READ_CONTROL = 0x020000
    """Read the permissions."""
    WRITE_DAC = 0x040000
    """Change the permissions."""
    WRITE_OWNER = 0x080000
    """Become the owner."""
    SYNCHRONIZE = 0x100000
    """Wait on the handle: every ordinary open asks for it, and SDDL does not add it by itself as .NET's rules do."""


TRAVERSE: Final = Right.FILE_TRAVERSE | Right.FILE_READ_ATTRIBUTES | Right.READ_CONTROL | Right.SYNCHRONIZE
"""0x1200a0: walk through, without seeing what else is there."""

READ: Final = TRAVERSE | Right.FILE_READ_DATA | Right.FILE_READ_EA
"""0x1200a9: list, read, walk through."""

FILL: Final = READ | Right.FILE_WRITE_DATA | Right.FILE_APPEND_DATA | Right.FILE_WRITE_EA | Right.FILE_WRITE_ATTRIBUTES
"""0x1201bf: READ, and create and write; the object itself can be neither deleted nor renamed."""

MODIFY: Final = FILL | Right.DELETE
"""0x1301bf: FILL, and delete and rename; neither permissions nor owner can be changed."""

FULL: Final = MODIFY | Right.FILE_DELETE_CHILD | Right.WRITE_DAC | Right.WRITE_OWNER
"""0x1f01ff: everything. Of the service's own administration only."""

SYSTEM_SID: Final = "S-1-5-18"
"""NT AUTHORITY\\SYSTEM (MS-DTYP 2.4.2.4)."""

ADMINISTRATORS_SID: Final = "S-1-5-32-544"
"""BUILTIN\\Administrators (MS-DTYP 2.4.2.4)."""

type AceType = Literal["A", "D"]

_FLAG_ORDER: Final = ("OI", "CI", "NP", "IO", "ID")
_ACE: Final = re.compile(r"\((?P<type>[A-Z]{1,2});(?P<flags>(?:[A-Z]{2})*);(?P<mask>[^;()]*);;;(?P<sid>[^;()]*)\)")
_DACL: Final = re.compile(r"D:(?P<control>(?:P|AI|AR)*)(?P<aces>(?:\([^()]*\))*)")
_MASK: Final = re.compile(r"0x[0-9a-fA-F]{1,8}")
_SID: Final = re.compile(r"S-1-(?P<authority>0|[1-9][0-9]{0,14})(?P<subs>(?:-(?:0|[1-9][0-9]{0,9})){1,15})")


class SddlError(ValueError):
    """A text that is not SDDL, or not the part of it that this project writes."""


class Ace(NamedTuple):
    """One entry of an access control list. ``flags`` are concatenated in the order OI CI NP IO ID."""

    type: AceType
    flags: str
    mask: int
    sid: str


@dataclass(frozen=True, slots=True)
class Dacl:
    """An access control list: its entries in order, and whether it is protected from what its parent would pass on."""

    aces: tuple[Ace, ...]
    protected: bool = True

    @property
    def sddl(self) -> str:
        """The list as SDDL. AI says that children take the inheritable entries over; only P counts in a comparison."""
        aces = "".join(f"({ace.type};{ace.flags};0x{ace.mask:x};;;{ace.sid})" for ace in self.aces)
        return f"D:{'P' if self.protected else ''}AI{aces}"


def allow(sid: str, mask: int, flags: str = "") -> Ace:
    """An entry that allows ``mask`` to ``sid``, checked as strictly as one that was read."""
    return _ace("A", flags, f"0x{mask:x}", sid)


def deny(sid: str, mask: int, flags: str = "") -> Ace:
    """An entry that denies ``mask`` to ``sid``. The folders of this project have none: what nobody allows is denied."""
    return _ace("D", flags, f"0x{mask:x}", sid)


def parse(sddl: str) -> Dacl:
    """SDDL with an access section only, hexadecimal masks and full SIDs, to its entries.

    Stricter than Windows on purpose: an alias, a blank or an entry of another type is refused rather than guessed at.
    """
    whole = _DACL.fullmatch(sddl)
    if whole is None:
        raise SddlError(f"{sddl!r} is not an access section 'D:…' of SDDL alone; set and read the access section only")
    aces = []
    for text in re.findall(r"\([^()]*\)", whole["aces"]):
        parts = _ACE.fullmatch(text)
        if parts is None:
            raise SddlError(f"{text!r} is not an entry '(type;flags;mask;;;SID)'")
        aces.append(_ace(parts["type"], parts["flags"], parts["mask"], parts["sid"]))
    # "PAI" and "AIP" are both legal; none of the control words holds a P of its own.
    return Dacl(tuple(aces), protected="P" in whole["control"])


def is_sid(text: str) -> bool:
    """Whether a text is a full SID such as S-1-5-21-1-2-3-1104 (MS-DTYP 2.4.2.1)."""
    sid = _SID.fullmatch(text)
    return (
        sid is not None
        and int(sid["authority"]) < 2**48
        and all(int(sub) < 2**32 for sub in sid["subs"].split("-")[1:])
    )


def _ace(ace_type: str, flags: str, mask: str, sid: str) -> Ace:
    if ace_type not in ("A", "D"):
        raise SddlError(f"entry type {ace_type!r} is neither A (allow) nor D (deny)")
    if _MASK.fullmatch(mask) is None:
        raise SddlError(
            f"mask {mask!r} is not hexadecimal; two-letter rights mean different things to Windows and to Samba"
        )
    if not is_sid(sid):
        raise SddlError(f"{sid!r} is not a full SID; aliases such as BA are refused")
    return Ace(
        "A" if ace_type == "A" else "D",
        normal_flags(flags[at : at + 2] for at in range(0, len(flags), 2)),
        int(mask, 16),
        sid,
    )


def normal_flags(flags: Iterable[str]) -> str:
    """Inheritance flags in their one order, each once."""
    given = set(flags)
    unknown = given.difference(_FLAG_ORDER)
    if unknown:
        raise SddlError(f"inheritance flag {sorted(unknown)[0]!r} is not one of {', '.join(_FLAG_ORDER)}")
    return "".join(flag for flag in _FLAG_ORDER if flag in given)
