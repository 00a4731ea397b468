"""Who may do what with a folder, given its access control list: the rules of the platforms that enforce it.

* **NT**, as Windows does: MS-DTYP 2.5.3.2 (access check) and 2.5.3.4 (what a new object inherits). Whether the folders
  above can be walked through is looked at as well, although Windows by default lets everybody bypass that check.
* **POSIX**, as the Linux kernel does with the access entries that Samba makes of the same lists. Measured with Samba
  4.22.11: read data or extended attributes gives ``r``, write data or extended attributes ``w``, traverse ``x``. POSIX
  has no separate right to delete: who may write in a folder may delete its content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

from .sddl import Ace, Dacl, Right, normal_flags

type Verb = Literal["enter", "list", "read", "write", "create", "delete", "move_folder", "change_permissions"]

VERBS: Final[tuple[Verb, ...]] = get_args(Verb.__value__)

OWNER_RIGHTS_SID: Final = "S-1-3-4"
"""An entry for it replaces what an owner may do without any entry (MS-DTYP 2.4.2.4, 2.5.3.2)."""


@dataclass(frozen=True, slots=True)
class Token:
    """An account and all SIDs that it acts with."""

    user: str
    sids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Secured:
    """A file or folder: its owner and its list."""

    owner: str
    dacl: Dacl


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with the folders above it (nearest last) and the owner of what lies in it."""

    secured: Secured
    parents: tuple[Secured, ...]
    owner_of_content: str

    @property
    def file(self) -> Secured:
        """A file in it that inherited its list."""
        return Secured(self.owner_of_content, inherited(self.secured.dacl, "file"))

    @property
    def subfolder(self) -> Folder:
        """A folder in it, made by the owner of its content, who made what is in there as well."""
        made = Secured(self.owner_of_content, inherited(self.secured.dacl, "folder"))
        return Folder(made, (*self.parents, self.secured), self.owner_of_content)


def access_check(token: Token, secured: Secured, desired: Right) -> bool:
    """Whether all desired rights are granted; the order of entries decides (MS-DTYP 2.5.3.2, without privileges)."""
    sids = token.sids | {token.user}
    remaining = int(desired)
    if secured.owner in sids:
        sids |= {OWNER_RIGHTS_SID}
        if not any(ace.sid == OWNER_RIGHTS_SID and "IO" not in ace.flags for ace in secured.dacl.aces):
            remaining &= ~(Right.READ_CONTROL | Right.WRITE_DAC)
    for ace in secured.dacl.aces:
        if remaining == 0:
            return True
        if "IO" in ace.flags or ace.sid not in sids:
            continue
        if ace.type == "A":
            remaining &= ~ace.mask
        elif remaining & ace.mask:
            return False
    return remaining == 0


def inherited(parent: Dacl, kind: Literal["file", "folder"]) -> Dacl:
    """The list of something new in a folder (MS-DTYP 2.5.3.4, without creator entries and generic rights)."""
    return Dacl(tuple(_inherited_aces(parent.aces, kind)), protected=False)


def _inherited_aces(aces: Iterable[Ace], kind: Literal["file", "folder"]) -> Iterator[Ace]:
    for ace in aces:
        flags = {ace.flags[at : at + 2] for at in range(0, len(ace.flags), 2)}
        if kind == "file" and "OI" in flags:
            yield ace._replace(flags="ID")
        elif kind == "folder" and "CI" in flags:
            passed_on = set() if "NP" in flags else flags & {"OI", "CI"}
            yield ace._replace(flags=normal_flags({*passed_on, "ID"}))
        elif kind == "folder" and "OI" in flags and "NP" not in flags:
            yield ace._replace(flags=normal_flags({"OI", "IO", "ID"}))


def nt_permits(token: Token, folder: Folder, verb: Verb) -> bool:
    """Whether Windows permits the verb."""

    def may(secured: Secured, *rights: Right) -> bool:
        return all(access_check(token, secured, right) for right in rights)

    def may_remove(secured: Secured, parent: Secured) -> bool:
        return may(secured, Right.DELETE) or may(parent, Right.FILE_DELETE_CHILD)

    here = folder.secured
    conditions: dict[Verb, Callable[[], bool]] = {
        "enter": lambda: may(here, Right.FILE_TRAVERSE),
        "list": lambda: may(here, Right.FILE_LIST_DIRECTORY),
        "read": lambda: may(folder.file, Right.FILE_READ_DATA),
        "write": lambda: may(folder.file, Right.FILE_WRITE_DATA | Right.FILE_APPEND_DATA),
        "create": lambda: may(here, Right.FILE_ADD_FILE | Right.FILE_ADD_SUBDIRECTORY),
        "delete": lambda: may_remove(folder.file, here),
        "move_folder": lambda: bool(folder.parents) and may_remove(here, folder.parents[-1]),
        "change_permissions": lambda: any(
            access_check(token, secured, right)
            for secured in (here, folder.file)
            for right in (Right.WRITE_DAC, Right.WRITE_OWNER)
        ),
    }
    return all(may(parent, Right.FILE_TRAVERSE) for parent in folder.parents) and conditions[verb]()


_POSIX_BITS: Final = {
    "r": Right.FILE_READ_DATA | Right.FILE_READ_EA,
    "w": Right.FILE_WRITE_DATA | Right.FILE_APPEND_DATA | Right.FILE_WRITE_EA,
    "x": Right.FILE_EXECUTE,
}


def posix_bits(dacl: Dacl, sid: str) -> str:
    """The ``rwx`` that Samba writes into the POSIX access entry of a SID."""
    mask = 0
    for ace in dacl.aces:
        if ace.sid == sid and ace.type == "A" and "IO" not in ace.flags:
            mask |= ace.mask
    return "".join(bit for bit, rights in _POSIX_BITS.items() if mask & rights)


def posix_permits(token: Token, folder: Folder, verb: Verb) -> bool:
    """Whether the Linux kernel permits the verb. Entries do not add up: one must hold all that is asked (acl(5))."""

    def may(secured: Secured, bits: str) -> bool:
        if secured.owner == token.user:
            return True
        return any(set(bits) <= set(posix_bits(secured.dacl, sid)) for sid in token.sids)

    here = folder.secured
    conditions: dict[Verb, Callable[[], bool]] = {
        "enter": lambda: may(here, "x"),
        "list": lambda: may(here, "r"),
        "read": lambda: may(here, "x") and may(folder.file, "r"),
        "write": lambda: may(here, "x") and may(folder.file, "w"),
        "create": lambda: may(here, "wx"),
        "delete": lambda: may(here, "wx"),
        "move_folder": lambda: bool(folder.parents) and may(folder.parents[-1], "wx"),
        "change_permissions": lambda: token.user in (here.owner, folder.owner_of_content),
    }
    return all(may(parent, "x") for parent in folder.parents) and conditions[verb]()
