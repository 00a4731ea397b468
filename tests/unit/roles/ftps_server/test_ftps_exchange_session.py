"""The session script: what an account gets follows from its groups, and any doubt refuses the login."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.modules import ftps_sessions

from tests.unit.roles.programs import load_program


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_program("ftps_server", "ftps-exchange-session")


@pytest.fixture
def mounts(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Record mounts instead of making them."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(script, "mount", lambda *arguments: calls.append(arguments))
    return calls


@pytest.fixture
def host(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with one customer, two shares and one account, of the groups in the file "groups"."""
    for folder in ("root/homes/acme/shared", "root/shares/maps", "root/shares/dropbox", "session/shared", "customers"):
        (tmp_path / folder).mkdir(parents=True)
    account = pwd.struct_passwd(("acme-up", "*", 1001111, 1000513, "", str(tmp_path / "session"), "/usr/sbin/nologin"))

    def getpwnam(name: str) -> pwd.struct_passwd:
        if name.lower().partition("@")[0] != "acme-up":
            raise KeyError(name)
        return account

    monkeypatch.setattr(pwd, "getpwnam", getpwnam)
    (tmp_path / "groups").write_text("domain users\nx-customers\nx-home-acme-write\nx-share-maps-read\n")
    monkeypatch.setattr(script, "groups_of", lambda _account: (tmp_path / "groups").read_text().splitlines())
    monkeypatch.setattr(script.syslog, "syslog", lambda *_arguments: None)
    for name, value in {"PAM_TYPE": "open_session", "PAM_USER": "acme-up", "PAM_RUSER": "acme-up"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PAM_RHOST", "2001:db8:100::20")
    monkeypatch.setattr(script, "SESSIONS", str(tmp_path / "sessions"))
    monkeypatch.setattr(script, "SEEN", str(tmp_path / "seen"))
    monkeypatch.setattr(script, "ATTEMPTS", str(tmp_path / "attempts"))
    monkeypatch.setattr(os, "umask", lambda _mask: 0o022)
    monkeypatch.setattr(os, "setpriority", lambda *given: (tmp_path / "priority").write_text(repr(given)))
    return tmp_path


def arguments_for(host: Path) -> list[str]:
    return ["x-", str(host / "root"), str(host / "session"), str(host / "customers")]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["x-customers", "x-home-acme-write"], ("acme", True, {})),
        (["x-customers", "x-home-acme-read"], ("acme", False, {})),
        (["x-customers", "x-home-acme-read", "x-home-acme-write"], ("acme", True, {})),
        (
            ["x-share-maps-read", "x-customers", "x-share-drop-write", "x-home-acme-write"],
            ("acme", True, {"drop": True, "maps": False}),
        ),
        (["x-customers", "x-home-a-read-write", "x-share-b-write-read"], ("a-read", True, {"b-write": False})),
        (["x-customers", "x-home-a.b_c-read", "y-home-globex-write", "domain users"], ("a.b_c", False, {})),
        (["x-customers", f"x-home-{'a' * 32}-write"], ("a" * 32, True, {})),
    ],
)
def test_access_follows_from_groups(
    script: ModuleType, groups: list[str], expected: tuple[str, bool, dict[str, bool]]
) -> None:
    access = script.access_from_groups(groups, "x-")
    assert (access.customer, access.home_writable, access.shares) == expected


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["x-home-acme-write"], "not a member of x-customers"),
        ([], "not a member of x-customers"),
        (["x-customers"], "home groups of 0 customers"),
        (["x-customers", "x-share-maps-read"], "home groups of 0 customers"),
        (["x-customers", "x-home-acme-write", "x-home-globex-read"], r"home groups of 2 customers \(acme, globex\)"),
        (["x-customers", "x-home-../etc-write"], "not a name it understands"),
        (["x-customers", "x-home-a/b-write"], "not a name it understands"),
        (["x-customers", "x-home-.-write"], "not a name it understands"),
        (["x-customers", "x-home-acme-write\n"], "not a name it understands"),
        (["x-customers", "x-home-acme-admin"], "not a name it understands"),
        (["x-customers", "x-home-ACME-write"], "not a name it understands"),
        (["x-customers", "x-home-acmé-write"], "not a name it understands"),
        (["x-customers", "x-home-acme.-write"], "not a name it understands"),
        (["x-customers", f"x-home-{'a' * 33}-write"], "not a name it understands"),
        (["x-customers", "x-home-acme-write", "x-share--read"], "not a name it understands"),
    ],
)
def test_anything_else_refuses_the_login(script: ModuleType, groups: list[str], message: str) -> None:
    with pytest.raises(script.RefusedError, match=message):
        script.access_from_groups(groups, "x-")


def test_login_mounts_home_and_shares(script: ModuleType, host: Path, mounts: list[tuple[Any, ...]]) -> None:
    assert script.main(arguments_for(host)) == 0

    session, root = f"{host}/session", f"{host}/root"
    untrusted = script.MS_NOSUID | script.MS_NODEV | script.MS_NOEXEC
    again = script.MS_REMOUNT | script.MS_BIND | untrusted
    assert mounts == [
        (f"{root}/homes/acme", session, None, script.MS_BIND, None),
        (None, session, None, again, None),
        ("ftps-exchange-shares", f"{session}/shared", "tmpfs", untrusted, "mode=0755,size=64k,nr_inodes=9"),
        (f"{root}/shares/maps", f"{session}/shared/maps", None, script.MS_BIND, None),
        (None, f"{session}/shared/maps", None, again | script.MS_RDONLY, None),
        (None, f"{session}/shared", None, again | script.MS_RDONLY, None),
    ]
    assert (host / "customers" / "acme-up").read_text() == "acme"


def test_a_login_notes_whose_session_the_process_is(
    script: ModuleType, host: Path, mounts: list[tuple[Any, ...]]
) -> None:
    notes = host / "sessions"
    notes.mkdir()
    for old in ("999999999", "999999999.left-over", str(os.getpid())):
        (notes / old).touch()

    assert script.main(arguments_for(host)) == 0
    process = os.getppid()
    assert sorted(path.name for path in notes.iterdir()) == sorted({str(process), str(os.getpid())})
    note = json.loads((notes / str(process)).read_text())
    began = ftps_sessions.status_of(process, Path("/proc"))
    assert began is not None
    assert note == {
        "account": "acme-up",
        "address": "2001:db8:100::20",
        "started": int(began[19]),
        "customer": "acme",
        "home_writable": True,
        "shares": {"maps": False},
    }
    assert [path.name for path in (host / "seen").iterdir()] == ["acme-up 2001:db8:100::20"]
    assert (notes / str(process)).stat().st_mode & 0o077 == 0


def test_a_login_that_cannot_be_noted_is_refused(script: ModuleType, host: Path, mounts: list[tuple[Any, ...]]) -> None:
    (host / "sessions").touch()

    assert script.main(arguments_for(host)) == 1
    assert mounts == []


def test_a_session_gives_way_to_logins(script: ModuleType, host: Path, mounts: list[tuple[Any, ...]]) -> None:
    assert script.main(arguments_for(host)) == 0
    assert (host / "priority").read_text() == repr((os.PRIO_PROCESS, os.getppid(), 5))


def test_a_reader_gets_the_home_read_only(script: ModuleType, host: Path, mounts: list[tuple[Any, ...]]) -> None:
    (host / "groups").write_text("x-customers\nx-home-acme-read\n")

    assert script.main(arguments_for(host)) == 0
    remount = next(call for call in mounts if call[0] is None and call[1] == f"{host}/session")
    assert remount[3] & script.MS_RDONLY


def test_closing_a_session_does_nothing(
    script: ModuleType, host: Path, mounts: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAM_TYPE", "close_session")

    assert script.main(arguments_for(host)) == 0
    assert mounts == []


@pytest.mark.parametrize(
    ("user", "typed"),
    [
        ("ACME-UP", "ACME-UP"),
        ("acme-up", "acme-up@CORP.EXAMPLE"),  # pam_krb5 has cut the realm off PAM_USER
        ("acme-up@CORP.EXAMPLE", "acme-up@CORP.EXAMPLE"),
        ("acme-up", ""),
        ("nobody-knows", "nobody-knows"),
    ],
)
def test_only_the_plain_name_logs_in(
    script: ModuleType,
    host: Path,
    mounts: list[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    typed: str,
) -> None:
    monkeypatch.setenv("PAM_USER", user)
    monkeypatch.setenv("PAM_RUSER", typed)

    assert script.main(arguments_for(host)) == 1
    assert mounts == []


def test_a_local_account_of_the_same_name_does_not_log_in(
    script: ModuleType, host: Path, mounts: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    local = pwd.struct_passwd(("acme-up", "x", 34, 34, "", "/var/backups", "/usr/sbin/nologin"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _name: local)

    assert script.main(arguments_for(host)) == 1
    assert mounts == []


def test_a_symbolic_link_is_no_share(script: ModuleType, host: Path, mounts: list[tuple[Any, ...]]) -> None:
    (host / "root/shares/maps").rmdir()
    (host / "root/shares/maps").symlink_to("/etc")

    assert script.main(arguments_for(host)) == 1
    assert not any(call[0] == f"{host}/root/shares/maps" for call in mounts)


def test_a_symbolic_link_is_no_place_for_shares(script: ModuleType, host: Path, mounts: list[tuple[Any, ...]]) -> None:
    (host / "session/shared").rmdir()
    (host / "session/shared").symlink_to("/etc")

    assert script.main(arguments_for(host)) == 1
    assert not any(call[2] == "tmpfs" for call in mounts)


def test_a_failing_mount_refuses_the_login(script: ModuleType, host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise PermissionError(1, "mount: Operation not permitted")

    monkeypatch.setattr(script, "mount", fail)

    assert script.main(arguments_for(host)) == 1


@pytest.mark.parametrize("arguments", [[], ["x-"], ["x-", "/root", "/session", "/customers", "more"]])
def test_wrong_arguments_refuse_the_login(script: ModuleType, host: Path, arguments: list[str]) -> None:
    assert script.main(arguments) == 1


def test_a_group_without_a_name_refuses_the_login(
    script: ModuleType, host: Path, mounts: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless(_account: object) -> list[str]:
        raise KeyError("getgrgid(): gid not found: 1001117")

    monkeypatch.setattr(script, "groups_of", nameless)

    assert script.main(arguments_for(host)) == 1
    assert mounts == []


def test_a_real_mount_without_privilege_is_an_error(script: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mount"):
        script.mount("no-such-device", str(tmp_path / "absent"), "no-such-filesystem", 0, None)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"globex"])
def test_a_damaged_note_of_the_customer_is_written_anew(script: ModuleType, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "acme-up").write_bytes(content)
    script.note_customer(str(tmp_path), "acme-up", "acme")
    assert (tmp_path / "acme-up").read_text() == "acme"
