"""Security descriptors and POSIX ACLs. What Samba really wrote (4.22.11, Debian 13) stands here as bytes."""

from __future__ import annotations

import contextlib
import re
import struct

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils import posix_acl as acl
from hypothesis import given
from hypothesis import strategies as st

DOMAIN = "S-1-5-21-3857488854-1417486336-838744994"
CUSTOMERS, WRITERS, READERS = (f"{DOMAIN}-{rid}" for rid in (1108, 1109, 1110))
IDS = {f"{DOMAIN}-{rid}": acl.UnixId(1_000_000 + rid, is_user=True, is_group=True) for rid in (1108, 1109, 1110)}

TRAVERSE = f"D:P(A;;0x1200a0;;;{CUSTOMERS})"
HOME = (
    f"D:P(A;;0x1200a9;;;{READERS})(A;OICIIO;0x1200a9;;;{READERS})"
    f"(A;;0x1201bf;;;{WRITERS})(A;OICIIO;0x1301bf;;;{WRITERS})"
)

# security.NTACL and system.posix_acl_access of two folders, as `getfattr -e hex` shows them
TRAVERSE_NT = bytes.fromhex(
    "0400040000000200040002000100aac18fde2ed17869599b3d1467dbbcebec399f88fa87ab9db4c20b72454f71f90000000000000000000000"
    "000000000000000000000000000000000000000000706f7369785f61636c000000000000000000552185049b3b886dd724d0eba336dd2fb268"
    "ba568717afea3e423f70fc1b0106000000000000000000000000000000000000000000000000000000000000000001000490b4000000c40000"
    "0000000000d4000000010200000000001601000000000000000102000000000016020000000000000004002c000100000000002400a0001200"
    "010500000000000515000000d69bece500207d54a23bfe3154040000"
)
HOME_NT = bytes.fromhex(
    "0400040000000200040002000100c483f8d19fc857d0019b3576f5b5436916741b87415e5eda31212c2a24e6c7d20000000000000000000000"
    "000000000000000000000000000000000000000000706f7369785f61636c0000000000000000006e9d35b5a3bf667d8f36b450d2d538a2f43f"
    "c4b6fb647b3938113e4f2d4aa4fb000000000000000000000000000000000000000000000000000000000000000001000490b4000000c40000"
    "0000000000d40000000102000000000016010000000000000001020000000000160200000000000000040098000400000000002400a9001200"
    "010500000000000515000000d69bece500207d54a23bfe3156040000000b2400a9001200010500000000000515000000d69bece500207d54a2"
    "3bfe315604000000002400bf011200010500000000000515000000d69bece500207d54a23bfe3155040000000b2400bf011300010500000000"
    "000515000000d69bece500207d54a23bfe3155040000"
)
HOME_ACCESS = bytes.fromhex(
    "0200000001000700ffffffff02000700000000000200070095460f000200050096460f0004000000ffffffff08000000000000000800070095"
    "460f000800050096460f0010000700ffffffff20000000ffffffff"
)


@pytest.mark.parametrize(("sddl", "stored"), [(TRAVERSE, TRAVERSE_NT), (HOME, HOME_NT)])
def test_what_samba_stored_is_what_was_asked_for(sddl: str, stored: bytes) -> None:
    assert acl.parse_nt_acl_xattr(stored) == acl.parse_sddl(sddl)


def test_the_posix_acl_is_predicted_as_samba_sets_it() -> None:
    access, default = acl.posix_acls(acl.parse_sddl(HOME), IDS)
    assert acl.encode_posix_acl(access) == HOME_ACCESS
    # What is passed on was the same for this descriptor
    assert default is not None
    assert acl.encode_posix_acl(default) == HOME_ACCESS


def test_traversal_only_means_execute_and_nothing_passed_on() -> None:
    access, default = acl.posix_acls(acl.parse_sddl(TRAVERSE), IDS)
    assert acl.format_posix_acl(access, {1001108: "customers"}) == [
        "user::rwx",
        "user:0:rwx",
        "user:customers:--x",
        "group::---",
        "group:0:---",
        "group:customers:--x",
        "mask::rwx",
        "other::---",
    ]
    assert default is None


def test_a_group_that_is_no_user_gets_no_user_entry() -> None:
    ids = {CUSTOMERS: acl.UnixId(700, is_user=False, is_group=True)}
    access, _ = acl.posix_acls(acl.parse_sddl(TRAVERSE), ids)
    assert [entry.qualifier for entry in access if entry.tag == acl.USER] == [0]
    assert [entry.qualifier for entry in access if entry.tag == acl.GROUP] == [0, 700]


def test_several_entries_for_one_group_add_up() -> None:
    sddl = f"D:P(A;;0x1200a9;;;{WRITERS})(A;;0x2;;;{WRITERS})"
    access, _ = acl.posix_acls(acl.parse_sddl(sddl), IDS)
    assert "group:1001109:rwx" in acl.format_posix_acl(access, {})


@pytest.mark.parametrize(
    ("mask", "rights"),
    [
        (0x1200A0, "--x"),
        (0x1200A9, "r-x"),
        (0x1201BF, "rwx"),
        (0x1301BF, "rwx"),
        (0x10000000, "rwx"),
        (0x80000000, "r--"),
        (0x100080, "---"),
    ],
)
def test_rights(mask: int, rights: str) -> None:
    access, _ = acl.posix_acls(acl.parse_sddl(f"D:P(A;;0x{mask:x};;;{READERS})"), IDS)
    assert f"group:1001110:{rights}" in acl.format_posix_acl(access, {})


@pytest.mark.parametrize(
    ("sddl", "message"),
    [
        ("", "is not a DACL"),
        (f"O:BAD:P(A;;0x1;;;{READERS})", "is not a DACL"),
        (f"D:P(A;;0x1;;;{READERS})S:(AU;;0x1;;;{READERS})", "is not a DACL"),
        ("D:P", "no entry"),
        (f"D:P(D;;0x1;;;{READERS})", "only A (allow)"),
        (f"D:P(A;;FA;;;{READERS})", "in hexadecimal"),
        ("D:P(A;;0x1;;;BA)", "full SID"),
        ("D:P(A;;0x1;;;S-1-5-21-9999999999-1-1-1)", "full SID"),
        (f"D:P(A;OI;0x1;;;{READERS})", "OICI"),
        (f"D:P(A;CI;0x1;;;{READERS})", "OICI"),
        (f"D:P(A;IO;0x1;;;{READERS})", "applies to nothing"),
        (f"D:P(A;OICINP;0x1;;;{READERS})", "only OI, CI and IO"),
        (f"D:P(A;;0x1;{READERS};;{READERS})", "object type"),
        (f"D:P(A;;0x1;;{READERS})", "six fields"),
    ],
)
def test_what_means_something_else_elsewhere_is_refused(sddl: str, message: str) -> None:
    with pytest.raises(acl.AclError, match=re.escape(message)):
        acl.parse_sddl(sddl)


@pytest.mark.parametrize("sddl", [TRAVERSE, HOME, TRAVERSE.replace("D:P", "D:")])
def test_what_samba_is_told_is_what_was_declared(sddl: str) -> None:
    assert acl.sddl_of(acl.parse_sddl(sddl)) == sddl


@pytest.mark.parametrize(("flags", "protected"), [("", False), ("P", True), ("PAI", True), ("AI", False)])
def test_protection_from_the_parent(flags: str, protected: bool) -> None:
    assert acl.parse_sddl(f"D:{flags}(A;;0x1;;;{READERS})").protected is protected


@pytest.mark.parametrize("length", range(len(TRAVERSE_NT)))
def test_a_truncated_nt_acl_is_an_error_and_no_other_exception(length: int) -> None:
    with pytest.raises(acl.AclError):
        acl.parse_nt_acl_xattr(TRAVERSE_NT[:length])


@given(st.binary(max_size=400), st.booleans())
def test_garbage_is_an_error_and_no_other_exception(garbage: bytes, looks_right: bool) -> None:
    with contextlib.suppress(acl.AclError):
        acl.parse_nt_acl_xattr(HOME_NT[:160] + garbage if looks_right else garbage)


def test_a_null_dacl_lets_everybody_in_and_is_an_error() -> None:
    descriptor = struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 0)
    with pytest.raises(acl.AclError, match="let everybody in"):
        acl.parse_security_descriptor(descriptor)


def test_posix_acl_there_and_back() -> None:
    assert acl.encode_posix_acl(acl.decode_posix_acl(HOME_ACCESS)) == HOME_ACCESS
    with pytest.raises(acl.AclError, match="not a POSIX ACL"):
        acl.decode_posix_acl(HOME_ACCESS[:-1])


def test_a_new_file_is_not_executable_for_anybody_who_matters() -> None:
    _, default = acl.posix_acls(acl.parse_sddl(HOME), IDS)
    assert default is not None
    of_file = acl.acl_of_new_file(default)
    lines = acl.format_posix_acl(of_file, {})
    assert {"user::rw-", "mask::rw-", "other::---"} <= set(lines)
    # Named entries stay as they are, the mask limits them
    assert "group:1001109:rwx" in lines
    assert oct(acl.mode_of(of_file)) == "0o660"
    assert oct(acl.mode_of(default)) == "0o770"


def test_packed_sid() -> None:
    packed = acl.pack_sid("S-1-5-21-1-2-3-1104")
    assert len(packed) == 68
    assert packed[:8] == b"\x01\x05\0\0\0\0\0\x05"
    assert struct.unpack_from("<5I", packed, 8) == (21, 1, 2, 3, 1104)
    with pytest.raises(acl.AclError):
        acl.pack_sid("BA")
