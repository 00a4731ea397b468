"""Access control lists: what the masks mean, SDDL out and in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftps_exchange.sddl import (
    FILL,
    FULL,
    MODIFY,
    READ,
    TRAVERSE,
    Ace,
    Dacl,
    Right,
    SddlError,
    allow,
    deny,
    is_sid,
    normal_flags,
    parse,
)

SID = "S-1-5-21-1004336348-1177238915-682003330-1104"

sids = st.builds(
    lambda authority, subs: "-".join(["S", "1", str(authority), *map(str, subs)]),
    st.integers(0, 2**48 - 1),
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=15),
)
aces = st.builds(
    Ace,
    st.sampled_from(["A", "D"]),
    st.sets(st.sampled_from(["OI", "CI", "NP", "IO", "ID"])).map(normal_flags),
    st.integers(0, 2**32 - 1),
    sids,
)
dacls = st.builds(Dacl, st.lists(aces).map(tuple), st.booleans())


@pytest.mark.parametrize(
    ("mask", "expected"),
    [(TRAVERSE, 0x1200A0), (READ, 0x1200A9), (FILL, 0x1201BF), (MODIFY, 0x1301BF), (FULL, 0x1F01FF)],
)
def test_the_masks_are_those_that_windows_and_samba_were_measured_with(mask: Right, expected: int) -> None:
    assert mask == expected


@pytest.mark.parametrize("mask", [TRAVERSE, READ, FILL, MODIFY])
def test_no_customer_is_given_the_power_over_permissions_or_over_what_others_protect(mask: Right) -> None:
    assert not mask & (Right.WRITE_DAC | Right.WRITE_OWNER | Right.FILE_DELETE_CHILD)
    assert mask & Right.SYNCHRONIZE


def test_filling_a_folder_is_modifying_it_without_deleting_it() -> None:
    assert MODIFY & ~FILL == Right.DELETE


def test_sddl_has_hexadecimal_masks_full_sids_and_protection() -> None:
    dacl = Dacl((allow(SID, FILL), allow(SID, MODIFY, "OICIIO")))
    assert dacl.sddl == f"D:PAI(A;;0x1201bf;;;{SID})(A;OICIIO;0x1301bf;;;{SID})"


@given(dacls)
def test_what_is_written_is_read_back(dacl: Dacl) -> None:
    assert parse(dacl.sddl) == dacl


@given(st.lists(aces, min_size=2, max_size=4, unique=True).map(tuple))
def test_the_order_of_entries_counts(entries: tuple[Ace, ...]) -> None:
    assert parse(Dacl(entries).sddl) != parse(Dacl(entries[::-1]).sddl)


@pytest.mark.parametrize(
    "same", [f"D:P(A;CIOI;0x001301BF;;;{SID})", f"D:AIP(A;OICI;0x1301bf;;;{SID})", f"D:PAI(A;OICI;0x1301bf;;;{SID})"]
)
def test_spelling_does_not_count(same: str) -> None:
    assert parse(same) == Dacl((Ace("A", "OICI", 0x1301BF, SID),), protected=True)


@pytest.mark.parametrize(
    "other",
    [
        f"D:AI(A;OICI;0x1301bf;;;{SID})",
        f"D:P(D;OICI;0x1301bf;;;{SID})",
        f"D:P(A;OI;0x1301bf;;;{SID})",
        f"D:P(A;OICI;0x1301be;;;{SID})",
        f"D:P(A;OICI;0x1301bf;;;{SID}0)",
        f"D:P(A;OICI;0x1301bf;;;{SID})(A;OICI;0x1301bf;;;{SID})",
        "D:P",
    ],
)
def test_everything_else_counts(other: str) -> None:
    assert parse(other) != Dacl((Ace("A", "OICI", 0x1301BF, SID),), protected=True)


@pytest.mark.parametrize(
    ("sddl", "complaint"),
    [
        ("", "not an access section"),
        ("O:BAG:SYD:P", "not an access section"),
        (f"D:P(A;;0x1;;;{SID})S:(AU;;0x1;;;{SID})", "not an access section"),
        (f"D:P (A;;0x1;;;{SID})", "not an access section"),
        (f"D:NO_ACCESS_CONTROL(A;;0x1;;;{SID})", "not an access section"),
        (f"D:P(A;;FA;;;{SID})", "hexadecimal"),
        (f"D:P(A;;1179785;;;{SID})", "hexadecimal"),
        (f"D:P(A;;0x1ffffffff;;;{SID})", "hexadecimal"),
        ("D:P(A;;0x1;;;BA)", "full SID"),
        ("D:P(A;;0x1;;;S-1-5-21-4294967296)", "full SID"),
        (f"D:P(AU;;0x1;;;{SID})", "neither A"),
        (f"D:P(A;SA;0x1;;;{SID})", "inheritance flag 'SA'"),
        (f"D:P(A;OIC;0x1;;;{SID})", "not an entry"),
        (f"D:P(A;;0x1;;{SID})", "not an entry"),
        (f"D:P(XA;;0x1;;;{SID};(@User.x==1))", "not an access section"),
        (f"D:P(OA;;0x1;8b3a1b5c-0000-0000-0000-000000000000;;{SID})", "not an entry"),
    ],
)
def test_anything_but_the_part_that_this_project_writes_is_refused(sddl: str, complaint: str) -> None:
    with pytest.raises(SddlError, match=complaint):
        parse(sddl)


def test_an_entry_is_checked_before_it_is_written() -> None:
    with pytest.raises(SddlError, match="full SID"):
        allow(f"{SID})(A;;0x1f01ff;;;S-1-1-0", READ)
    with pytest.raises(SddlError, match="inheritance flag"):
        deny(SID, READ, "OIXX")


@pytest.mark.parametrize("sid", ["S-1-5-18", "S-1-1-0", "S-1-0-0", "S-1-281474976710655-4294967295", SID])
def test_sids(sid: str) -> None:
    assert is_sid(sid)


@pytest.mark.parametrize(
    "text",
    ["", "SY", "S-1-5", "s-1-5-18", "S-2-5-18", "S-1-05-18", "S-1-5-018", "S-1-5-4294967296", "S-1-281474976710656-1",
     "S-1-5-18\n", " S-1-5-18", "S-1-5" + "-1" * 16],
)  # fmt: skip
def test_not_sids(text: str) -> None:
    assert not is_sid(text)
