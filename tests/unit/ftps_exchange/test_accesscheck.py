"""The access check itself, held against what MS-DTYP says and against what Samba and the kernel were measured to do."""

from __future__ import annotations

import pytest

from ftps_exchange.accesscheck import (
    OWNER_RIGHTS_SID,
    Folder,
    Secured,
    Token,
    access_check,
    inherited,
    nt_permits,
    posix_bits,
    posix_permits,
)
from ftps_exchange.sddl import FILL, FULL, MODIFY, READ, TRAVERSE, Ace, Dacl, Right, allow, deny, parse

ADMINISTRATION = "S-1-5-32-544"
GROUP, OTHER_GROUP, USER = "S-1-5-21-1-2-3-1101", "S-1-5-21-1-2-3-1102", "S-1-5-21-1-2-3-2001"
TOKEN = Token(USER, frozenset({USER, GROUP}))


def secured(*aces: Ace, owner: str = ADMINISTRATION) -> Secured:
    return Secured(owner, Dacl(aces))


def test_nobody_may_do_anything_by_an_empty_list() -> None:
    assert not access_check(TOKEN, secured(), Right.FILE_READ_DATA)


def test_entries_add_up() -> None:
    both = secured(allow(GROUP, Right.FILE_READ_DATA), allow(USER, Right.FILE_WRITE_DATA))
    assert access_check(TOKEN, both, Right.FILE_READ_DATA | Right.FILE_WRITE_DATA)
    assert not access_check(TOKEN, both, Right.FILE_READ_DATA | Right.DELETE)


def test_entries_of_others_and_inherit_only_entries_are_passed_over() -> None:
    assert not access_check(TOKEN, secured(allow(OTHER_GROUP, FULL)), Right.FILE_READ_DATA)
    assert not access_check(TOKEN, secured(allow(GROUP, FULL, "OICIIO")), Right.FILE_READ_DATA)


def test_order_decides_between_allowing_and_denying() -> None:
    """As measured with Samba: a denial behind what it would deny has no effect."""
    assert not access_check(TOKEN, secured(deny(GROUP, Right.DELETE), allow(GROUP, MODIFY)), Right.DELETE)
    assert access_check(TOKEN, secured(allow(GROUP, MODIFY), deny(GROUP, Right.DELETE)), Right.DELETE)


def test_a_denial_of_something_else_changes_nothing() -> None:
    assert access_check(TOKEN, secured(deny(GROUP, Right.DELETE), allow(GROUP, MODIFY)), Right.FILE_READ_DATA)
    assert access_check(TOKEN, secured(deny(OTHER_GROUP, Right.DELETE), allow(GROUP, MODIFY)), Right.DELETE)


def test_an_owner_may_change_permissions_unless_owner_rights_say_otherwise() -> None:
    assert access_check(TOKEN, secured(owner=USER), Right.WRITE_DAC | Right.READ_CONTROL)
    assert not access_check(TOKEN, secured(owner=USER), Right.WRITE_OWNER)
    assert not access_check(TOKEN, secured(owner=ADMINISTRATION), Right.WRITE_DAC)
    capped = secured(allow(OWNER_RIGHTS_SID, Right.READ_CONTROL), owner=USER)
    assert not access_check(TOKEN, capped, Right.WRITE_DAC)
    assert access_check(TOKEN, capped, Right.READ_CONTROL)
    assert access_check(TOKEN, secured(allow(OWNER_RIGHTS_SID, FULL, "OICIIO"), owner=USER), Right.WRITE_DAC)


@pytest.mark.parametrize(
    ("flags", "for_file", "for_folder"),
    [
        ("", None, None),
        ("OICI", "ID", "OICIID"),
        ("OICIIO", "ID", "OICIID"),
        ("CI", None, "CIID"),
        ("OI", "ID", "OIIOID"),
        ("OICINP", "ID", "ID"),
        ("OINP", "ID", None),
    ],
)
def test_what_something_new_inherits(flags: str, for_file: str | None, for_folder: str | None) -> None:
    parent = Dacl((allow(GROUP, READ, flags),))
    assert [ace.flags for ace in inherited(parent, "file").aces] == ([] if for_file is None else [for_file])
    assert [ace.flags for ace in inherited(parent, "folder").aces] == ([] if for_folder is None else [for_folder])
    assert not inherited(parent, "file").protected


@pytest.mark.parametrize(
    ("mask", "bits"), [(TRAVERSE, "x"), (READ, "rx"), (FILL, "rwx"), (MODIFY, "rwx"), (FULL, "rwx"), (Right.DELETE, "")]
)
def test_posix_bits_as_samba_4_22_was_measured_to_write_them(mask: Right, bits: str) -> None:
    assert posix_bits(Dacl((allow(GROUP, mask),)), GROUP) == bits


def test_posix_entries_do_not_add_up() -> None:
    two_halves = Dacl((allow(GROUP, Right.FILE_WRITE_DATA), allow(OTHER_GROUP, Right.FILE_EXECUTE)))
    folder = Folder(Secured(ADMINISTRATION, two_halves), (), ADMINISTRATION)
    assert not posix_permits(Token(USER, frozenset({GROUP, OTHER_GROUP})), folder, "create")
    one = Folder(secured(allow(GROUP, FILL)), (), ADMINISTRATION)
    assert posix_permits(TOKEN, one, "create")


HOME = parse(f"D:PAI(A;;0x1201bf;;;{GROUP})(A;OICIIO;0x1301bf;;;{GROUP})")
HOME_IN_ONE_ENTRY = parse(f"D:PAI(A;OICI;0x1301bf;;;{GROUP})")
PARENT = secured(allow(GROUP, TRAVERSE))


def test_the_two_entries_of_a_home_keep_it_from_being_deleted() -> None:
    """As measured with Samba's own access check: with one entry for all, a writer could delete the home."""
    assert not nt_permits(TOKEN, Folder(Secured(ADMINISTRATION, HOME), (PARENT,), USER), "move_folder")
    assert nt_permits(TOKEN, Folder(Secured(ADMINISTRATION, HOME_IN_ONE_ENTRY), (PARENT,), USER), "move_folder")


def test_delete_child_on_the_parent_would_delete_anything_in_it() -> None:
    careless = secured(allow(GROUP, TRAVERSE | Right.FILE_DELETE_CHILD))
    assert nt_permits(TOKEN, Folder(Secured(ADMINISTRATION, HOME), (careless,), USER), "move_folder")


def test_nothing_is_reached_through_a_closed_parent() -> None:
    closed = secured(allow(OTHER_GROUP, FULL))
    for permits in (nt_permits, posix_permits):
        assert permits(TOKEN, Folder(Secured(ADMINISTRATION, HOME), (PARENT,), ADMINISTRATION), "list")
        assert not permits(TOKEN, Folder(Secured(ADMINISTRATION, HOME), (closed,), ADMINISTRATION), "list")
