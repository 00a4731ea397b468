"""New accounts with their passwords: one request each, and nobody is let in without a password that was handed over."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.ftps.exchange.plugins.modules import ldap_directory

from tests.unit.module_utils.fake_directory import CONNECTION, FakeDirectory, declaration

PASSWORDS = {"acme-up": "Fresh-acme-S3cret", "globex-up": "Fresh-globex-S3cret"}
DECLARED = declaration({"acme-up": "acme", "globex-up": "globex"}, {"ftpsx-customers": ["acme-up", "globex-up"]})


class Runner:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = FakeDirectory()
        self._capsys = capsys

    def __call__(self, declared: Any = DECLARED, **options: Any) -> dict[str, Any]:
        arguments = {
            **CONNECTION,
            "directory": declared,
            "_ansible_diff": True,
            **options,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            ldap_directory.main()
        output = self._capsys.readouterr().out
        for password in PASSWORDS.values():
            assert password not in output
        answer: dict[str, Any] = json.loads(output)
        return answer


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Runner:
    runner = Runner(capsys)
    monkeypatch.setattr(ldap_directory, "LDAP_IMPORT_ERROR", None)
    monkeypatch.setattr(ldap_directory, "LdapsSession", lambda *_settings: runner.directory)
    return runner


def accounts_made(run: Runner) -> list[str]:
    return [change.what for change in run.directory.applied if change.what.startswith("account ")]


def test_without_passwords_nothing_is_made_that_would_need_one(run: Runner) -> None:
    answer = run(waits_for_passwords=True)
    assert answer["waits"]
    assert [account["name"] for account in answer["accounts_without_password"]] == ["acme-up", "globex-up"]
    assert accounts_made(run) == []


def test_one_request_makes_and_enables_an_account(run: Runner) -> None:
    run(waits_for_passwords=True)
    answer = run(passwords=json.dumps(PASSWORDS))
    assert not answer["waits"]
    assert accounts_made(run) == ["account acme-up", "account globex-up"]
    assert run.directory.named("acme-up").text("password") == PASSWORDS["acme-up"]
    assert int(run.directory.named("acme-up").text("userAccountControl")) == 0x10200
    assert run.directory.member_names("ftpsx-customers") == ["acme-up", "globex-up"]
    again = run(waits_for_passwords=True)
    assert not again["changed"]
    assert not again["waits"]


def test_a_suspended_account_gets_no_password(run: Runner) -> None:
    declared = declaration({"acme-up": "acme"}, {}, disabled=["acme-up"])
    assert not run(declared, waits_for_passwords=True)["waits"]
    run(declared, passwords=json.dumps(PASSWORDS))
    assert run.directory.named("acme-up").text("password") == ""
    assert int(run.directory.named("acme-up").text("userAccountControl")) & 2


def test_whoever_has_a_password_keeps_it(run: Runner) -> None:
    run(passwords=json.dumps(PASSWORDS))
    run(passwords=json.dumps({"acme-up": PASSWORDS["globex-up"]}))
    assert run.directory.named("acme-up").text("password") == PASSWORDS["acme-up"]


def test_an_account_left_without_password_gets_it_and_is_enabled(run: Runner) -> None:
    """As an earlier version, or a run that died, left it."""
    run()
    assert int(run.directory.named("acme-up").text("userAccountControl")) & 2
    run(passwords=json.dumps(PASSWORDS))
    assert run.directory.named("acme-up").text("password") == PASSWORDS["acme-up"]
    assert int(run.directory.named("acme-up").text("userAccountControl")) == 0x10200


def test_what_is_withdrawn_does_not_wait_for_passwords_of_others(run: Runner) -> None:
    run(passwords=json.dumps(PASSWORDS))
    declared = declaration({"acme-up": "acme", "new-up": "new"}, {"ftpsx-customers": ["acme-up", "new-up"]})
    answer = run(declared, waits_for_passwords=True)
    assert answer["waits"]
    assert int(run.directory.named("globex-up").text("userAccountControl")) & 2
    assert run.directory.member_names("ftpsx-customers") == ["acme-up"]


def test_the_first_call_reports_for_both_what_changes_by_customer(run: Runner) -> None:
    """The record of a run shows no answer of the second one, which has no_log."""
    run(passwords=json.dumps(PASSWORDS))
    declared = declaration({"acme-up": "acme", "new-up": "new"}, {"ftpsx-customers": ["acme-up", "new-up"]})
    answer = run(declared, waits_for_passwords=True)
    assert answer["waits"]
    assert sorted(answer["customers"]) == ["globex", "new"]


def test_a_run_that_dies_in_the_middle_is_finished_by_the_next(run: Runner) -> None:
    run.directory.refuse["account globex-up"] = "the controller went away"
    assert run(passwords=json.dumps(PASSWORDS))["failed"]
    run.directory.refuse.clear()
    answer = run(waits_for_passwords=True)
    assert [account["name"] for account in answer["accounts_without_password"]] == ["globex-up"]
    run(passwords=json.dumps({"globex-up": PASSWORDS["globex-up"]}))
    assert run.directory.named("acme-up").text("password") == PASSWORDS["acme-up"]
    assert not run(waits_for_passwords=True)["changed"]


def test_what_changed_is_reported_by_customer(run: Runner) -> None:
    answer = run(passwords=json.dumps(PASSWORDS))
    assert answer["customers"]["acme"] == [
        "account acme-up of customer acme: enabled, with a new password, never expires",
        "group ftpsx-customers: member acme-up",
    ]
    declared = declaration({"acme-up": "acme"}, {"ftpsx-customers": ["acme-up"]}, also_known=["globex"])
    assert sorted(run(declared)["customers"]) == ["globex"]
