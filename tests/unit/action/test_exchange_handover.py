"""exchange_handover: the passwords, and the file that nobody else can read."""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import stat
import string
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftps.exchange.plugins.action import exchange_handover
from ansible_collections.ftps.exchange.plugins.plugin_utils import handover

from tests.unit.actions import run_action

NOW = datetime(2026, 11, 23, 16, 12, 52, tzinfo=UTC)
ACCOUNTS = [
    {"name": "acme-up", "customer": "acme"},
    {"name": "acme-read", "customer": "acme"},
    {"name": "globex-up", "customer": "globex"},
]


class Runner:
    """The action with one folder to write into."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, check: bool = False, **options: Any) -> dict[str, Any]:
        arguments = {
            "accounts": ACCOUNTS,
            "exchange": "lab",
            "handover_dir": str(self.directory),
            **options,
        }
        return run_action(exchange_handover.ActionModule, arguments, check_mode=check)


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    return Runner(tmp_path / "made" / "handover")


# Passwords


def test_alphabet_has_no_lookalikes_and_enough_characters() -> None:
    alphabet = handover.LOWER + handover.UPPER + handover.DIGITS
    assert len(set(alphabet)) == len(alphabet) == 57
    assert not set("lIO01") & set(alphabet)
    assert handover.GROUPS * handover.GROUP_LENGTH * math.log2(len(alphabet)) > 139


def test_passwords_meet_the_rules_and_differ() -> None:
    passwords = {handover.make_password("acme-up") for _ in range(500)}
    assert len(passwords) == 500
    for password in passwords:
        assert len(password) == 27
        assert password.count("-") == 3
        for alphabet in (string.ascii_lowercase, string.ascii_uppercase, string.digits):
            assert set(password) & set(alphabet)


def test_a_password_that_breaks_a_rule_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    poor = "aaaaaa" * 4
    named = "ACMupx" + "a2aaaa" * 3
    good = "Aa2aaa" * 4
    drawn = iter(poor + named + good)
    monkeypatch.setattr(secrets, "choice", lambda _alphabet: next(drawn))
    assert handover.make_password("acmup") == "Aa2aaa-Aa2aaa-Aa2aaa-Aa2aaa"


def test_short_account_names_do_not_count() -> None:
    assert handover.is_complex("abAB23", "ab")
    assert not handover.is_complex("abcAB23", "ABC")


# The file


def test_file_is_for_its_owner_alone_and_says_what_is_returned(run: Runner) -> None:
    answer = run()
    path = Path(answer["path"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    written = yaml.safe_load(path.read_text())
    assert written["exchange"] == "lab"
    assert {name: account["password"] for name, account in written["accounts"].items()} == answer["passwords"]
    assert {name: account["customer"] for name, account in written["accounts"].items()} == {
        "acme-up": "acme",
        "acme-read": "acme",
        "globex-up": "globex",
    }
    assert answer["changed"]
    assert not answer["encrypted"]


def test_each_run_has_a_file_of_its_own(run: Runner) -> None:
    paths = {run()["path"] for _ in range(4)}
    assert len(paths) == 4
    assert len(list(run.directory.iterdir())) == 4


def test_files_of_one_second_sort_in_their_order(tmp_path: Path) -> None:
    paths = [handover.write_new_file(str(tmp_path / "h"), NOW, str(number)) for number in range(12)]
    assert paths == sorted(paths)
    assert [Path(path).read_text() for path in paths] == [str(number) for number in range(12)]


def test_a_directory_that_was_open_is_closed(run: Runner) -> None:
    run.directory.mkdir(parents=True)
    run.directory.chmod(0o755)
    run()
    assert stat.S_IMODE(run.directory.stat().st_mode) == 0o700


def test_a_link_in_place_of_the_directory_is_refused(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    run.directory.parent.mkdir(parents=True)
    run.directory.symlink_to(tmp_path / "elsewhere")
    answer = run()
    assert "are not written through a link" in answer["msg"]
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert "passwords" not in answer


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "h"
    folder.mkdir()
    (folder / "2026-11-23T161252Z.yml").symlink_to(tmp_path / "target")
    path = handover.write_new_file(str(folder), NOW, "text")
    assert not (tmp_path / "target").exists()
    assert Path(path).name == "2026-11-23T161252Z_02.yml"


def test_somebody_elses_directory_is_refused(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    run.directory.mkdir(parents=True)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "belongs to another user" in run()["msg"]
    assert list(run.directory.iterdir()) == []


@pytest.mark.parametrize("path", ["handover", "../handover"])
def test_a_relative_directory_is_refused(run: Runner, path: str) -> None:
    assert "give an absolute path" in run(handover_dir=path)["msg"]


def test_check_mode_writes_nothing_and_makes_no_password(run: Runner) -> None:
    answer = run(check=True)
    assert answer["changed"]
    assert answer["passwords"] == {}
    assert [account["name"] for account in answer["accounts"]] == ["acme-read", "acme-up", "globex-up"]
    assert not run.directory.parent.exists()


def test_nobody_needs_a_password(run: Runner) -> None:
    answer = run(accounts=[])
    assert not answer["changed"]
    assert not run.directory.exists()


# Selection


def test_selection(run: Runner) -> None:
    assert [account["name"] for account in run(only_account="acme-up")["accounts"]] == ["acme-up"]
    assert sorted(run(only_customer="acme")["passwords"]) == ["acme-read", "acme-up"]


@pytest.mark.parametrize(
    ("option", "name", "message"),
    [
        ("only_account", "acme-pu", "The model has no account called 'acme-pu'. Did you mean acme-up?"),
        ("only_account", "zzz", "The model has no account called 'zzz'."),
        ("only_customer", "globx", "The model has no customer with an account called 'globx'. Did you mean globex?"),
    ],
)
def test_a_name_that_nobody_has(run: Runner, option: str, name: str, message: str) -> None:
    assert run(False, **{option: name})["msg"] == message
    assert not run.directory.exists()


# Encryption


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    source = tmp_path / "vault-password"
    source.write_text("of the vault\n")
    return source


def test_encrypted_file_never_was_anything_else(run: Runner, vault: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    real = subprocess.run

    def watch(command: list[str], **options: Any) -> Any:
        calls.append((command, options))
        assert not run.directory.exists(), "something was written before it was encrypted"
        return real(command, **options)

    monkeypatch.setattr(subprocess, "run", watch)
    answer = run(vault_id=f"handover@{vault.name}", vault_base=str(vault.parent))
    monkeypatch.undo()
    path = Path(answer["path"])
    assert answer["encrypted"]
    assert path.read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;handover\n")
    ((command, _options),) = calls
    assert not any(password in word for password in answer["passwords"].values() for word in command)
    view = [str(Path(sys.executable).parent / "ansible-vault"), "view", "--vault-id", f"handover@{vault}", str(path)]
    text = subprocess.run(view, capture_output=True, text=True, check=True).stdout
    assert {name: account["password"] for name, account in yaml.safe_load(text)["accounts"].items()} == answer[
        "passwords"
    ]
    assert [file.name for file in run.directory.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("vault_id", "message"),
    [
        ("handover@prompt", "nobody can answer a prompt here"),
        ("handover", "write label@source"),
        ("@file", "write label@source"),
        ("handover@missing", "does not exist"),
    ],
)
def test_a_vault_that_cannot_be_used_leaves_no_file(run: Runner, tmp_path: Path, vault_id: str, message: str) -> None:
    answer = run(vault_id=vault_id, vault_base=str(tmp_path))
    assert message in answer["msg"]
    assert not run.directory.exists()


def test_a_vault_script_that_fails(run: Runner, tmp_path: Path) -> None:
    script = tmp_path / "vault-client"
    script.write_text("#!/bin/sh\nexit 3\n")
    script.chmod(0o700)
    answer = run(vault_id=f"handover@{script}")
    assert "ansible-vault failed" in answer["msg"]
    assert not run.directory.exists()


def test_a_vault_that_never_answers_is_no_hang_and_shows_nothing(
    run: Runner, vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(command: list[str], **options: Any) -> None:
        raise subprocess.TimeoutExpired(command, options["timeout"], output=options["input"])

    monkeypatch.setattr(subprocess, "run", hang)
    answer = run(vault_id=f"handover@{vault}")
    assert "gave no answer for 60 s" in answer["msg"]
    assert not re.search(r"(\w{6}-){3}\w{6}", json.dumps(answer))
