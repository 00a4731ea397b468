"""folder_quotas and the program that reads: real folders, and a kernel that keeps numbers and limits in memory."""

from __future__ import annotations

import errno
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils import folder_quota as quota
from ansible_collections.ftps.exchange.plugins.modules import folder_quotas as module

MIB = 1 << 20


class FakeKernel(quota.Kernel):
    """What ext4 with project quotas, or btrfs, keeps: numbers of inodes, and limits."""

    def __init__(self, magic: int = quota.EXT4) -> None:
        self.magic = magic
        self.state = quota.COUNTED | quota.ENFORCED
        self.attributes: dict[int, tuple[int, int]] = {}
        self.quotas: dict[int, list[int]] = {}
        self.subvolumes: dict[int, int] = {}
        self.enabled = True
        self.calls: list[str] = []
        self.forgets_limits = False

    def filesystem(self, fd: int) -> int:
        return self.magic

    def quotactl(self, fd: int, command: int, number: int, buffer: bytearray) -> None:
        if command == quota.GETSTATE:
            if not self.state:
                raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
            struct.pack_into("=H", buffer, 2, self.state)
        elif command == quota.GETNEXTQUOTA:
            following = sorted(one for one in self.quotas if one >= number)
            if not following:
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
            blocks, space, files, inodes = self.quotas[following[0]]
            quota.DQBLK.pack_into(buffer, 0, blocks, 0, space, files, 0, inodes, 0, 0, 5, following[0])
        else:
            self.calls.append(f"limit {number}")
            if not self.forgets_limits:
                blocks, _, _, files, *_ = quota.DQBLK.unpack(buffer)
                entry = self.quotas.setdefault(number, [0, 0, 0, 0])
                entry[0], entry[2] = blocks, files

    def ioctl(self, fd: int, request: int, buffer: bytearray) -> None:
        inode = os.fstat(fd).st_ino
        if request == quota.GET_ATTRIBUTES:
            flags, number = self.attributes.get(inode, (0x10, 0))
            quota.ATTRIBUTES.pack_into(buffer, 0, flags, 7, 8, number, 9)
        elif request == quota.SET_ATTRIBUTES:
            flags, size, _, number, cow = quota.ATTRIBUTES.unpack(buffer)
            assert (size, cow) == (7, 9), "other attributes changed"
            assert flags & 0x10, "another flag is lost"
            self.calls.append(f"number {os.readlink(f'/proc/self/fd/{fd}').rpartition('/')[2]}")
            self.attributes[inode] = flags, number
        elif request == quota.INO_LOOKUP:
            struct.pack_into("=Q", buffer, 0, self.subvolumes[inode])
        elif request == quota.QUOTA_CTL:
            self.enabled = True
            self.calls.append("enable")
        elif request == quota.QGROUP_LIMIT:
            number, flags, most, *_ = struct.unpack("=6Q", buffer)
            assert flags == quota.MAX_BYTES
            self.quotas.setdefault(number, [0, 0, 0, 0])[0] = 0 if most == quota.NO_VALUE else most
        elif request == quota.TREE_SEARCH:
            self._search(buffer)
        else:
            raise AssertionError(hex(request))

    def _search(self, buffer: bytearray) -> None:
        """At most three items at a time, so that the search must go on."""
        if not self.enabled:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        key = quota.SEARCH_KEY.unpack_from(buffer)
        items = [(240, 0, bytes(8))]
        items += [(242, number, struct.pack("<5Q", 1, entry[1], 0, 0, 0)) for number, entry in self.quotas.items()]
        items += [
            (244, number, struct.pack("<5Q", 1 if entry[0] else 0, entry[0], 0, 0, 0))
            for number, entry in self.quotas.items()
        ]
        first = (key[7], key[3])
        chosen = sorted(item for item in items if item[:2] >= first and item[0] <= key[8])[:3]
        quota.SEARCH_KEY.pack_into(buffer, 0, *key[:9], len(chosen), *key[10:])
        position = quota.SEARCH_KEY.size
        for kind, number, data in chosen:
            quota.SEARCH_ITEM.pack_into(buffer, position, 1, 0, number, kind, len(data))
            position += quota.SEARCH_ITEM.size
            buffer[position : position + len(data)] = data
            position += len(data)


class Host:
    def __init__(self, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = top / "exchange"
        self.kernel = FakeKernel()
        self.warnings: list[str] = []
        for folder in ("homes/acme/in", "homes/acme/shared", "homes/globex", "shares/maps"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "homes/acme/in/a.bin").write_bytes(b"a")
        (top / "outside").mkdir()
        (top / "outside/b.bin").write_bytes(b"b")
        (self.root / "homes/acme/link").symlink_to(top / "outside")
        self.monkeypatch = monkeypatch

    def run(self, folders: dict[str, tuple[int | None, int | None]], *, check: bool = False) -> dict[str, Any]:
        host = self

        class Module:
            check_mode = check
            _diff = True
            params: dict[str, Any]

            def warn(self, text: str) -> None:
                host.warnings.append(text)

        fake: Any = Module()
        listed = [{"path": path, "bytes_limit": one, "files_limit": other} for path, (one, other) in folders.items()]
        fake.params = {"root": str(self.root), "folders": json.dumps(listed)}
        return module.run(fake, self.kernel)

    def number(self, path: str) -> int:
        return self.kernel.attributes.get((self.root / path).lstat().st_ino, (0, 0))[1]

    def use(self, path: str, space: int, files: int = 1) -> None:
        """The folder holds so much."""
        entry = self.kernel.quotas[self.number(path)]
        entry[1], entry[3] = space, files

    def subvolume(self, path: str, number: int) -> None:
        self.kernel.subvolumes[(self.root / path).stat().st_ino] = number
        self.kernel.quotas[number] = [0, 0, 0, 0]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


ALL: dict[str, tuple[int | None, int | None]] = {
    "homes/acme": (10 * MIB, 100),
    "homes/globex": (10 * MIB, None),
    "shares/maps": (None, 20),
}


def test_a_first_run_limits_everything_and_the_second_changes_nothing(host: Host) -> None:
    predicted = host.run(ALL, check=True)
    assert host.kernel.calls == []
    result = host.run(ALL)
    assert result["limited"] == result["counted"] == predicted["limited"] == list(ALL)
    assert predicted["diff"] == result["diff"]
    assert result["diff"]["after"].splitlines()[0] == "homes/acme: 10 MiB, 100 files"
    assert len({host.number(path) for path in ALL}) == 3
    host.kernel.calls.clear()
    again = host.run(ALL)
    assert not again["changed"]
    assert "diff" not in again
    assert host.kernel.calls == []


def test_content_gets_the_number_before_the_limit_and_links_are_not_followed(host: Host) -> None:
    host.run({"homes/acme": (10 * MIB, None)})
    number = host.number("homes/acme")
    assert (
        host.number("homes/acme/in") == host.number("homes/acme/in/a.bin") == host.number("homes/acme/shared") == number
    )
    assert host.number("homes/globex") == host.number("homes/acme/link") == 0
    assert host.number("../outside") == host.number("../outside/b.bin") == 0
    limited = [position for position, call in enumerate(host.kernel.calls) if call == f"limit {number}"]
    numbered = [position for position, call in enumerate(host.kernel.calls) if call.startswith("number ")]
    # The first only makes sure that there is none
    assert limited[0] < numbered[0] < numbered[-1] < limited[-1]
    flags = host.kernel.attributes[(host.root / "homes/acme").stat().st_ino][0]
    assert flags == 0x10 | quota.INHERITED


def test_a_run_that_was_interrupted_before_the_limit_walks_again(host: Host) -> None:
    host.run(ALL)
    host.kernel.quotas[host.number("homes/acme")][0::2] = [0, 0]
    (host.root / "homes/acme/in/late.bin").write_bytes(b"b")
    result = host.run(ALL)
    assert result["counted"] == ["homes/acme"]
    assert host.number("homes/acme/in/late.bin") == host.number("homes/acme")


def test_a_changed_limit_walks_through_nothing(host: Host) -> None:
    host.run(ALL)
    host.kernel.calls.clear()
    result = host.run({**ALL, "homes/globex": (20 * MIB, None)})
    assert (result["limited"], result["counted"]) == (["homes/globex"], [])
    assert host.kernel.calls == [f"limit {host.number('homes/globex')}"]
    assert result["diff"] == {"before": "homes/globex: 10 MiB\n", "after": "homes/globex: 20 MiB\n"}


def test_limits_that_nobody_declares_go_and_the_diff_shows_it(host: Host) -> None:
    host.run(ALL)
    gone = host.number("shares/maps")
    host.kernel.quotas[quota.LAST] = [5, 0, 0, 0]
    host.kernel.quotas[77] = [5, 0, 0, 0]
    result = host.run({path: limits for path, limits in ALL.items() if path != "shares/maps"})
    assert result["limited"] == ["shares/maps"]
    assert result["diff"]["before"] == (
        f"shares/maps: 20 files\nproject {quota.LAST}, of a folder that is gone: 5 KiB\n"
    )
    assert host.kernel.quotas[gone][0::2] == [0, 0]
    assert host.kernel.quotas[77][0] == 5, "the project of somebody else lost its limit"


def test_a_folder_that_was_moved_out_of_another_gets_its_own_number(host: Host) -> None:
    host.run({"homes/acme": (10 * MIB, None)})
    (host.root / "homes/acme/in").rename(host.root / "homes/initech")
    number = host.number("homes/acme")
    assert host.number("homes/initech") == number
    result = host.run({"homes/acme": (10 * MIB, None), "homes/initech": (5 * MIB, None)})
    assert result["counted"] == ["homes/initech"]
    assert host.number("homes/acme") == number != host.number("homes/initech")
    assert host.number("homes/initech/a.bin") == host.number("homes/initech")


def test_a_renamed_folder_keeps_its_number_and_its_count(host: Host) -> None:
    host.run(ALL)
    number = host.number("homes/acme")
    (host.root / "homes/acme").rename(host.root / "homes/acme-international")
    result = host.run({"homes/acme-international": (10 * MIB, 100), "homes/globex": (10 * MIB, None)})
    assert result["counted"] == []
    assert host.number("homes/acme-international") == number


def test_numbers_never_meet(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zlib, "crc32", lambda _: quota.LAST - quota.FIRST)
    host.run(ALL)
    assert {host.number(path) for path in ALL} == {quota.LAST, quota.FIRST, quota.FIRST + 1}


def test_a_limit_below_what_is_used_is_set_and_a_warning_says_so(host: Host) -> None:
    host.run(ALL)
    host.use("homes/acme", 8 * MIB, 3)
    assert not host.warnings
    result = host.run({**ALL, "homes/acme": (4 * MIB, 100)})
    assert result["full"] == ["homes/acme"]
    assert host.warnings == ["Already hold as much as they may, or more, so nothing can be uploaded there: homes/acme"]
    assert host.kernel.quotas[host.number("homes/acme")][0] == 4 * MIB // 1024


def test_check_mode_before_the_first_run_predicts_it(host: Host) -> None:
    host.root = host.root / "to-come"
    result = host.run(ALL, check=True)
    assert result["limited"] == sorted(ALL)
    assert result["diff"]["before"].startswith("homes/acme: no limit\n")


@pytest.mark.parametrize(
    ("state", "message"),
    [(0, quota.NOT_COUNTED), (1, quota.NOT_COUNTED), (quota.COUNTED, "it counts projects, but enforces no limits")],
)
def test_a_mount_without_the_option_is_an_error_only_if_something_has_a_limit(
    host: Host, state: int, message: str
) -> None:
    host.kernel.state = state
    assert not host.run({})["changed"]
    with pytest.raises(quota.QuotaError, match=f"no limit can be set: {message}"):
        host.run(ALL)
    assert quota.probe(str(host.root / "not" / "yet"), host.kernel)["problem"] == message
    assert host.kernel.calls == []


def test_another_file_system_is_an_error_only_if_something_has_a_limit(host: Host) -> None:
    host.kernel.magic = 0x01021994
    assert not host.run({})["changed"]
    with pytest.raises(quota.QuotaError, match="tmpfs has no quotas for folders"):
        host.run(ALL)
    found = quota.probe(str(host.root), host.kernel)
    assert found == {"filesystem": "tmpfs", "counts_files": False, "problem": "it has no quotas for folders"}


def test_a_file_system_that_ignores_a_limit_is_an_error(host: Host) -> None:
    host.kernel.forgets_limits = True
    with pytest.raises(
        quota.QuotaError, match="homes/acme: the file system was given 10 MiB, 100 files, and has no limit"
    ):
        host.run(ALL)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"bytes_limit": 1024}, "has no path"),
        ({"path": "homes"}, "only folders directly in homes and shares"),
        ({"path": "homes/a/b"}, "only folders directly in homes and shares"),
        ({"path": "homes/.."}, "only folders directly in homes and shares"),
        ({"path": "homes/a", "bytes_limit": 0}, "whole numbers above 0"),
        ({"path": "homes/a", "files_limit": True}, "whole numbers above 0"),
        ({"path": "homes/a", "bytes_limit": 1000}, "a multiple of 1024"),
    ],
)
def test_lists_that_are_refused(item: dict[str, Any], message: str) -> None:
    with pytest.raises(quota.QuotaError, match=message):
        module.declared_limits([item])


# Reading


def test_use_and_limits_of_all_folders(host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host.run(ALL)
    host.use("homes/acme", 3 * MIB, 7)
    found = quota.read_use(str(host.root), host.kernel)
    assert found[0] == {
        "folder": "homes/acme",
        "kind": "home",
        "bytes_used": 3 * MIB,
        "bytes_limit": 10 * MIB,
        "files_used": 7,
        "files_limit": 100,
    }
    assert [(one["folder"], one["kind"]) for one in found[1:]] == [("homes/globex", "home"), ("shares/maps", "share")]
    host.monkeypatch.setattr(quota, "Kernel", lambda: host.kernel)
    configuration = tmp_path / "quota.json"
    configuration.write_text(json.dumps({"root": str(host.root)}))
    assert quota.main(["--json", "--configuration", str(configuration)]) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert quota.main(["--configuration", str(configuration)]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["homes/acme", "3", "MiB", "10", "MiB", "7", "100"]


def test_without_root_the_program_says_so(
    host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(host.kernel, "quotactl", refuse)
    monkeypatch.setattr(quota, "Kernel", lambda: host.kernel)
    configuration = tmp_path / "quota.json"
    assert quota.main(["--configuration", str(configuration)]) == 1
    configuration.write_text(json.dumps({"root": str(host.root)}))
    monkeypatch.setattr(quota.Projects, "problem", lambda _: "")
    assert quota.main(["--configuration", str(configuration)]) == 1
    assert "quotas: Operation not permitted (needs root)" in capsys.readouterr().err


def test_without_quotas_there_is_nothing_to_read(host: Host) -> None:
    assert quota.read_use("/does/not/exist", host.kernel) == []
    host.kernel.magic = 0x01021994
    assert quota.read_use(str(host.root), host.kernel) == []


# btrfs


@pytest.fixture
def btrfs(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Three subvolumes. Only btrfs gives their tops the inode that number() asks for, so that is replaced."""
    host.kernel.magic = quota.BTRFS
    for number, path in enumerate(ALL, 256):
        host.subvolume(path, number)
    monkeypatch.setattr(
        quota.Subvolumes, "number", lambda _, folder: host.kernel.subvolumes.get(os.fstat(folder).st_ino, 0)
    )
    return host


SPACE: dict[str, tuple[int | None, int | None]] = {"homes/acme": (10 * MIB, None), "homes/globex": (5 * MIB, None)}


def test_btrfs_limits_subvolumes(btrfs: Host) -> None:
    btrfs.kernel.enabled = False
    assert btrfs.run(SPACE, check=True)["limited"] == list(SPACE)
    assert btrfs.kernel.calls == []
    assert btrfs.run(SPACE)["limited"] == list(SPACE)
    assert btrfs.kernel.calls == ["enable"]
    assert not btrfs.run(SPACE)["changed"]
    btrfs.kernel.quotas[256][1] = 7 * MIB
    assert quota.read_use(str(btrfs.root), btrfs.kernel)[0] == {
        "folder": "homes/acme",
        "kind": "home",
        "bytes_used": 7 * MIB,
        "bytes_limit": 10 * MIB,
        "files_used": None,
        "files_limit": None,
    }
    assert btrfs.run({"homes/acme": (10 * MIB, None)})["limited"] == ["homes/globex"]


def test_btrfs_has_no_limit_for_files(btrfs: Host) -> None:
    with pytest.raises(quota.QuotaError, match="homes/acme: btrfs has no limit for the number of files"):
        btrfs.run(ALL)


def test_an_ordinary_folder_on_btrfs_is_an_error_before_anything_changes(btrfs: Host) -> None:
    btrfs.kernel.subvolumes.pop((btrfs.root / "homes/globex").stat().st_ino)
    with pytest.raises(
        quota.QuotaError, match=r"no limit is possible for homes/globex: .* an ordinary folder is there"
    ):
        btrfs.run(SPACE)
    assert all(entry[0] == 0 for entry in btrfs.kernel.quotas.values())
