"""The tree of folders on an ordinary file system: only what needs Samba, winbind or root is replaced."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils import posix_acl as posix_acl
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree import content, handles
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.messages import FolderError
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.samba import Samba
from ansible_collections.ftps.exchange.plugins.module_utils.folder_tree.winbind import Winbind
from ansible_collections.ftps.exchange.plugins.modules import folder_tree as module

DOMAIN = "S-1-5-21-1-2-3"
CUSTOMERS, WRITERS, READERS, NEW_WRITERS = (f"{DOMAIN}-{rid}" for rid in (1100, 1101, 1102, 1103))
TRAVERSE = f"D:P(A;;0x1200a0;;;{CUSTOMERS})"
SHARED = f"D:P(A;;0x1200a9;;;{WRITERS})"
KNOWN = {f"{DOMAIN}-{rid}": posix_acl.UnixId(1_000_000 + rid, is_user=True, is_group=True) for rid in range(1100, 1110)}


def home(writers: str = WRITERS) -> str:
    return f"D:P(A;;0x1200a9;;;{READERS})(A;OICIIO;0x1200a9;;;{READERS})(A;;0x1201bf;;;{writers})" + (
        f"(A;OICIIO;0x1301bf;;;{writers})"
    )


def tree(writers: str = WRITERS) -> list[dict[str, str]]:
    return [
        {"path": "", "sddl": TRAVERSE},
        {"path": "homes", "sddl": TRAVERSE},
        {"path": "homes/acme", "sddl": home(writers)},
        {"path": "homes/acme/shared", "sddl": SHARED},
        {"path": "shares", "sddl": TRAVERSE},
        {"path": "shares/maps", "sddl": home()},
    ]


ALL = [item["path"] for item in tree()]


def stored_nt_acl(sddl: str) -> bytes:
    """The extended attribute as vfs_acl_xattr writes it (offsets count from its beginning)."""
    descriptor = posix_acl.parse_sddl(sddl)
    aces = b""
    for ace in descriptor.aces:
        authority, *parts = (int(part) for part in ace.sid.split("-")[2:])
        sid = struct.pack("<BB", 1, len(parts)) + authority.to_bytes(6, "big") + struct.pack(f"<{len(parts)}I", *parts)
        aces += struct.pack("<BBHI", ace.ace_type, ace.flags, 8 + len(sid), ace.mask) + sid
    control = 0x8004 | (0x1000 if descriptor.protected else 0)
    header = struct.pack("<HHIIH", 4, 4, 0x20000, 0x20004, 1) + bytes(64) + b"posix_acl\0" + bytes(8) + bytes(64)
    acl = struct.pack("<BBHHH", 4, 0, 8 + len(aces), len(descriptor.aces), 0) + aces
    return header + struct.pack("<BBHIIII", 1, 0, control, 0, 0, 0, len(header) + 20) + acl


class Host:
    """Extended attributes and owners that an ordinary user may not set, kept beside the real files."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.attributes: dict[tuple[int, str], bytes] = {}
        self.owners: dict[int, tuple[int, int]] = {}
        self.known: dict[str, posix_acl.UnixId] | None = dict(KNOWN)
        self.warnings: list[str] = []
        self.samba_calls: list[str] = []
        self.samba_stores: Callable[[str], str] = lambda sddl: sddl
        self._real_fstat = os.fstat

    @property
    def root(self) -> Path:
        return self.top / "srv" / "exchange"

    def inode(self, path: str) -> int:
        return (self.root / path).lstat().st_ino

    # What replaces the system

    def fstat(self, fd: int) -> os.stat_result:
        real = self._real_fstat(fd)
        fields = list(real)
        fields[stat.ST_UID], fields[stat.ST_GID] = self.owners.get(real.st_ino, (0, 0))
        above = os.readlink(f"/proc/self/fd/{fd}")
        if not above.startswith(f"{self.top}/"):
            fields[stat.ST_MODE] = int(fields[stat.ST_MODE]) & ~0o022
        return os.stat_result(fields)

    def fchown(self, fd: int, uid: int, gid: int) -> None:
        self.owners[self._real_fstat(fd).st_ino] = (uid, gid)

    def getxattr(self, fd: int, name: str) -> bytes:
        try:
            return self.attributes[self._real_fstat(fd).st_ino, name]
        except KeyError:
            raise OSError(errno.ENODATA, "No data available") from None

    def setxattr(self, fd: int, name: str, value: bytes) -> None:
        self.attributes[self._real_fstat(fd).st_ino, name] = value

    def removexattr(self, fd: int, name: str) -> None:
        self.getxattr(fd, name)
        del self.attributes[self._real_fstat(fd).st_ino, name]

    def set_descriptor(self, fd: int, sddl: str) -> None:
        """What Samba does with it."""
        self.samba_calls.append(os.readlink(f"/proc/self/fd/{fd}").removeprefix(f"{self.root}").lstrip("/"))
        sddl = self.samba_stores(sddl)
        access, default = posix_acl.posix_acls(posix_acl.parse_sddl(sddl), KNOWN)
        handles.set_attribute(fd, handles.NT_ACL, stored_nt_acl(sddl))
        handles.set_attribute(fd, handles.ACCESS_ACL, posix_acl.encode_posix_acl(access))
        handles.set_attribute(fd, handles.DEFAULT_ACL, posix_acl.encode_posix_acl(default) if default else None)
        os.fchmod(fd, posix_acl.mode_of(access))

    def unix_ids(self, sids: list[str]) -> dict[str, posix_acl.UnixId]:
        if self.known is None:
            raise FolderError("winbindd does not translate SIDs: is it running?")
        return {sid: self.known[sid] for sid in sids if sid in self.known}

    # Running the module

    def run(self, folders: list[dict[str, str]] | None = None, *, check: bool = False, **params: Any) -> dict[str, Any]:
        host = self

        class Module:
            check_mode = check
            _diff = True
            params: dict[str, Any]

            def warn(self, text: str) -> None:
                host.warnings.append(text)

        fake = Module()
        fake.params = {
            "root": str(self.root),
            "folders": json.dumps(tree() if folders is None else folders),
            "sids": {"acme-write": WRITERS},
            "reapply_to_content": False,
            "wait_seconds": 0,
            **params,
        }
        return module.run(fake)

    def changed_lines(self, result: dict[str, Any]) -> tuple[set[str], set[str]]:
        before, after = (set(result["diff"][side].splitlines()) for side in ("before", "after"))
        return before - after, after - before


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    host = Host(tmp_path)
    monkeypatch.setattr(os, "fstat", host.fstat)
    monkeypatch.setattr(os, "fchown", host.fchown)
    for name in ("getxattr", "setxattr", "removexattr"):
        monkeypatch.setattr(os, name, getattr(host, name))
    monkeypatch.setattr(module, "respawn_with_samba", lambda: None)
    monkeypatch.setattr(Samba, "__init__", lambda _: None)
    monkeypatch.setattr(Samba, "set_descriptor", lambda _, fd, sddl: host.set_descriptor(fd, sddl))
    monkeypatch.setattr(Winbind, "__init__", lambda _: None)
    monkeypatch.setattr(Winbind, "unix_ids", lambda _, sids: host.unix_ids(sids))
    monkeypatch.setattr(Winbind, "name", lambda _, sid: f"CORP\\{sid[-4:]}")
    open_before = set(os.listdir("/proc/self/fd"))
    yield host
    assert set(os.listdir("/proc/self/fd")) <= open_before, "a descriptor stayed open"


# Making


def test_first_run_makes_everything_and_the_second_changes_nothing(host: Host) -> None:
    predicted = host.run(check=True)
    assert not host.root.exists()
    result = host.run()
    assert result["created"] == predicted["created"] == ALL
    assert result["changed"]
    assert sorted(host.samba_calls) == sorted(ALL)
    assert all((host.root / path).is_dir() for path in ALL)
    again = host.run()
    assert not again["changed"]
    assert "diff" not in again
    assert len(host.samba_calls) == len(ALL)
    assert not host.warnings


def test_the_diff_names_folder_and_group(host: Host) -> None:
    _, added = host.changed_lines(host.run())
    assert f"{host.root}/homes/acme: NT allow 0x1301bf OICIIO acme-write" in added
    assert f"{host.root}/homes/acme: POSIX default group:acme-write:rwx" in added


def test_the_order_of_the_list_does_not_matter(host: Host) -> None:
    assert sorted(host.run(tree()[::-1])["created"]) == sorted(ALL)


def test_a_new_customer_touches_nobody_else(host: Host) -> None:
    host.run()
    host.samba_calls.clear()
    result = host.run([*tree(), {"path": "homes/globex", "sddl": home(NEW_WRITERS)}])
    assert result["created"] == ["homes/globex"]
    assert result["repaired"] == []
    assert host.samba_calls == ["homes/globex"]


# Drift


def _stray_posix_entry(kind: str) -> Callable[[Host, str], None]:
    def drift(host: Host, path: str) -> None:
        key = (host.inode(path), kind)
        acl = posix_acl.decode_posix_acl(host.attributes[key])
        host.attributes[key] = posix_acl.encode_posix_acl((*acl, type(acl[0])(0x08, 4711, 7)))

    return drift


def _set(kind: str, value: bytes | None) -> Callable[[Host, str], None]:
    def drift(host: Host, path: str) -> None:
        if value is None:
            del host.attributes[host.inode(path), kind]
        else:
            host.attributes[host.inode(path), kind] = value

    return drift


def _mode(mode: int) -> Callable[[Host, str], None]:
    return lambda host, path: (host.root / path).chmod(mode)


def _owner(uid: int, gid: int) -> Callable[[Host, str], None]:
    return lambda host, path: host.owners.update({host.inode(path): (uid, gid)})


DRIFTS = {
    "a stray group in the POSIX ACL": (_stray_posix_entry(handles.ACCESS_ACL), "POSIX access group:4711:rwx"),
    "a stray group in the default ACL": (_stray_posix_entry(handles.DEFAULT_ACL), "POSIX default group:4711:rwx"),
    "the default ACL removed": (_set(handles.DEFAULT_ACL, None), ""),
    "the POSIX ACL removed": (_set(handles.ACCESS_ACL, None), ""),
    "the NT ACL removed": (_set(handles.NT_ACL, None), "no NT ACL"),
    "the NT ACL unreadable": (_set(handles.NT_ACL, b"\xde\xad"), "an unreadable NT ACL"),
    "a stray entry in the NT ACL": (
        _set(handles.NT_ACL, stored_nt_acl(home() + f"(A;;0x1f01ff;;;{DOMAIN}-1109)")),
        "NT allow 0x1f01ff this folder CORP\\1109",
    ),
    "another mask in the NT ACL": (
        _set(handles.NT_ACL, stored_nt_acl(home().replace("0x1201bf", "0x1301bf"))),
        "NT allow 0x1301bf this folder acme-write",
    ),
    "other flags in the NT ACL": (
        _set(handles.NT_ACL, stored_nt_acl(home().replace("OICIIO;0x1301bf", "OICI;0x1301bf"))),
        "NT allow 0x1301bf OICI acme-write",
    ),
    "no protection from the parent": (
        _set(handles.NT_ACL, stored_nt_acl(home().replace("D:P", "D:"))),
        "takes the parent's entries",
    ),
    "chmod": (_mode(0o700), "owner 0:0 mode 0700"),
    "setgid": (_mode(0o2770), "owner 0:0 mode 2770"),
    "sticky": (_mode(0o1770), "owner 0:0 mode 1770"),
    "chown": (_owner(1001101, 0), "owner 1001101:0 mode 0770"),
    "chgrp": (_owner(0, 100), "owner 0:100 mode 0770"),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_drift_is_predicted_shown_repaired_and_gone(host: Host, name: str) -> None:
    drift, shown = DRIFTS[name]
    host.run()
    host.samba_calls.clear()
    drift(host, "homes/acme")
    predicted = host.run(check=True)
    assert not host.samba_calls
    result = host.run()
    for outcome in (predicted, result):
        assert outcome["changed"]
        assert outcome["repaired"] == ["homes/acme"]
        assert outcome["created"] == []
        removed, _ = host.changed_lines(outcome)
        if shown:
            assert f"{host.root}/homes/acme: {shown}" in removed
    assert host.samba_calls == ["homes/acme"]
    assert not host.run()["changed"]


def test_the_order_of_entries_is_no_drift(host: Host) -> None:
    host.run()
    entries = re.findall(r"\([^)]*\)", home())
    host.attributes[host.inode("homes/acme"), handles.NT_ACL] = stored_nt_acl("D:P" + "".join(entries[::-1]))
    assert not host.run()["changed"]


def test_a_folder_that_a_customer_removed_comes_back(host: Host) -> None:
    host.run()
    (host.root / "homes/acme/shared").rmdir()
    assert host.run()["created"] == ["homes/acme/shared"]


def test_samba_storing_something_else_is_an_error(host: Host) -> None:
    host.samba_stores = lambda sddl: sddl.replace("0x1200a0", "0x1200a9")
    with pytest.raises(FolderError, match="Samba stored something else"):
        host.run()


# What nobody declared


def test_what_nobody_declared_is_told_and_left_alone(host: Host) -> None:
    host.run()
    (host.root / "homes/hooli").mkdir(mode=0o755)
    (host.root / "shares/old.txt").write_text("kept")
    (host.root / "homes/acme/upload").write_text("a customer's own")
    (host.root / "lost+found").mkdir()
    result = host.run()
    assert result["undeclared"] == ["homes/hooli", "shares/old.txt"]
    assert not result["changed"]
    assert "homes/hooli" in host.warnings[0]
    assert (host.root / "shares/old.txt").read_text() == "kept"


def test_a_name_that_is_not_utf8_can_be_told(host: Host) -> None:
    host.run()
    os.mkdir(os.fsencode(host.root) + b"/homes/\xff")
    assert host.run()["undeclared"] == ["homes/�"]


# In the way


@pytest.mark.parametrize("kind", ["symbolic link", "file"])
def test_something_else_in_the_place_of_a_folder_stops_before_any_change(host: Host, kind: str) -> None:
    host.run()
    (host.root / "homes/acme/shared").rmdir()
    (host.root / "shares/maps").rmdir()
    obstacle = host.root / "shares/maps"
    elsewhere = host.top / "elsewhere"
    elsewhere.mkdir()
    if kind == "file":
        obstacle.write_text("x")
    else:
        obstacle.symlink_to(elsewhere)
    with pytest.raises(FolderError, match=f"{obstacle} is a {kind}"):
        host.run()
    assert not (host.root / "homes/acme/shared").exists()


def test_a_symbolic_link_above_the_root_is_refused(host: Host) -> None:
    (host.top / "real").mkdir()
    (host.top / "srv").symlink_to(host.top / "real")
    with pytest.raises(FolderError, match=f"{host.top}/srv is a symbolic link"):
        host.run()


def test_a_parent_of_somebody_else_is_refused(host: Host) -> None:
    host.root.parent.mkdir()
    host.owners[host.root.parent.stat().st_ino] = (1001, 0)
    with pytest.raises(FolderError, match=r"owned by uid 1001 .*chown root"):
        host.run()


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_parent_that_others_may_write_in_is_refused(host: Host, mode: int) -> None:
    host.root.parent.mkdir()
    host.root.parent.chmod(mode)
    with pytest.raises(FolderError, match="others than root could exchange"):
        host.run()


# Content


def _content(host: Host) -> None:
    """What customers made, as the kernel made it from the default ACL at that time."""
    inside = host.root / "homes/acme/in"
    (inside / "deep").mkdir(parents=True)
    (inside / "f").write_text("f")
    (inside / "deep/g").write_text("g")
    (host.root / "homes/acme/shared/not-ours").write_text("x")
    (inside / "link").symlink_to(host.top / "secret")
    (host.top / "secret").write_text("secret")
    for path in ("homes/acme/in", "homes/acme/in/deep", "homes/acme/in/f", "homes/acme/in/deep/g"):
        host.owners[host.inode(path)] = (1001101, 1000513)


def test_content_takes_over_what_a_folder_passes_on(host: Host) -> None:
    host.run()
    _content(host)
    predicted = host.run(tree(NEW_WRITERS), check=True)
    result = host.run(tree(NEW_WRITERS))
    assert result["content"] == predicted["content"] == {"folders": 2, "files": 2, "skipped": []}
    _, default = posix_acl.posix_acls(posix_acl.parse_sddl(home(NEW_WRITERS)), KNOWN)
    assert default is not None
    for path in ("homes/acme/in", "homes/acme/in/deep"):
        assert host.attributes[host.inode(path), handles.ACCESS_ACL] == posix_acl.encode_posix_acl(default)
        assert host.attributes[host.inode(path), handles.DEFAULT_ACL] == posix_acl.encode_posix_acl(default)
        assert host.owners[host.inode(path)] == (0, 0)
    for path in ("homes/acme/in/f", "homes/acme/in/deep/g"):
        of_file = posix_acl.encode_posix_acl(posix_acl.acl_of_new_file(default))
        assert host.attributes[host.inode(path), handles.ACCESS_ACL] == of_file
        assert (host.inode(path), handles.DEFAULT_ACL) not in host.attributes
    touched = {inode for inode, _ in host.attributes}
    assert (host.top / "secret").stat().st_ino not in touched
    # Another declared folder's content is not this folder's
    assert host.inode("homes/acme/shared/not-ours") not in touched
    assert not host.run(tree(NEW_WRITERS))["changed"]


def test_drift_that_content_does_not_inherit_leaves_content_alone(host: Host) -> None:
    host.run()
    _content(host)
    _mode(0o700)(host, "homes/acme")
    assert host.run()["content"] == {"folders": 0, "files": 0, "skipped": []}


def test_a_file_with_two_names_is_told_and_left_alone(host: Host) -> None:
    host.run()
    _content(host)
    os.link(host.root / "homes/acme/in/f", host.top / "other-name")
    result = host.run(tree(NEW_WRITERS))
    assert result["content"]["skipped"] == ["homes/acme/in/f"]
    assert "homes/acme/in/f" in host.warnings[-1]
    assert (host.inode("homes/acme/in/f"), handles.ACCESS_ACL) not in host.attributes


def test_very_deep_content_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "DEEPEST_LEVEL", 2)
    host.run()
    _content(host)
    assert host.run(tree(NEW_WRITERS))["content"]["skipped"] == ["homes/acme/in/deep"]


def test_an_interrupted_walk_is_finished_by_the_next_run(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.run()
    _content(host)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(content.Walk, "_visit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            host.run(tree(NEW_WRITERS))
    result = host.run(tree(NEW_WRITERS))
    assert result["content"] == {"folders": 2, "files": 2, "skipped": []}
    assert not host.run(tree(NEW_WRITERS))["changed"]


def test_content_can_be_repaired_on_demand(host: Host) -> None:
    host.run()
    _content(host)
    assert not host.run()["changed"]
    predicted = host.run(reapply_to_content=True, check=True)
    result = host.run(reapply_to_content=True)
    assert result["changed"]
    assert result["content"] == predicted["content"] == {"folders": 2, "files": 2, "skipped": []}
    assert result["repaired"] == []
    assert not host.run(reapply_to_content=True)["changed"]


# Winbind


def test_check_mode_before_the_join_compares_what_it_can(host: Host) -> None:
    host.run()
    host.known = None
    assert not host.run(check=True)["changed"]
    assert "only NT ACLs are" in host.warnings[-1]
    _set(handles.NT_ACL, None)(host, "homes/acme")
    assert host.run(check=True)["repaired"] == ["homes/acme"]


def test_check_mode_with_groups_that_do_not_exist_yet(host: Host) -> None:
    host.run()
    folders = [*tree(), {"path": "homes/globex", "sddl": home("S-1-5-21-9-9-9-1")}]
    _mode(0o700)(host, "homes/acme")
    result = host.run(folders, check=True)
    assert result["created"] == ["homes/globex"]
    # The others are compared in full
    assert result["repaired"] == ["homes/acme"]
    assert not host.warnings


def test_an_unknown_group_is_named(host: Host) -> None:
    with pytest.raises(FolderError, match="knows no group for S-1-5-21-9-9-9-1: does the host belong"):
        host.run(tree("S-1-5-21-9-9-9-1"))
    assert not host.root.exists()


def test_a_group_that_the_controller_learns_late_is_waited_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.known is not None
    known = host.known
    late = known.pop(WRITERS)
    monkeypatch.setattr(time, "sleep", lambda _: known.update({WRITERS: late}))
    assert host.run(wait_seconds=30)["created"] == ALL


@pytest.mark.parametrize(
    "item", [{"path": "homes"}, {"sddl": TRAVERSE}, {"path": None, "sddl": TRAVERSE}, "homes", None]
)
def test_an_entry_that_is_no_folder_is_named(host: Host, item: Any) -> None:
    with pytest.raises(FolderError, match=r"folders\[6\] has no path and no sddl, each a text"):
        host.run([*tree(), item])
