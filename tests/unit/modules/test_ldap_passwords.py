"""ldap_passwords as Ansible runs it: what is sent, for whom, and that no password shows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.ftps.exchange.plugins.modules import ldap_passwords

from tests.unit.module_utils.fake_directory import CONNECTION, DOMAIN, MANAGED_OU, USER, FakeDirectory, user_dn

PASSWORDS = {"acme-up": "first-S3cret", "acme-read": "second-S3cret"}


class Runner:
    """The module against one directory with two disabled accounts that have no password."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = FakeDirectory()
        for ou in (MANAGED_OU, f"OU=Accounts,{MANAGED_OU}"):
            self.directory.add(ou, objectClass=("organizationalUnit",))
        for name in PASSWORDS:
            self.directory.add(user_dn(name), objectClass=USER, sAMAccountName=name, userAccountControl=str(0x10202))
        self._capsys = capsys

    def __call__(self, check: bool = False, **options: Any) -> dict[str, Any]:
        arguments = {
            **CONNECTION,
            "passwords": PASSWORDS,
            "_ansible_check_mode": check,
            **options,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            ldap_passwords.main()
        output = self._capsys.readouterr()
        for secret in (CONNECTION["bind_password"], *PASSWORDS.values()):
            assert secret not in output.out + output.err
        answer: dict[str, Any] = json.loads(output.out)
        return answer

    def password(self, name: str) -> str:
        return self.directory.named(name).text("password")

    def control(self, name: str) -> int:
        return int(self.directory.named(name).text("userAccountControl"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Runner:
    runner = Runner(capsys)
    monkeypatch.setattr(ldap_passwords, "LDAP_IMPORT_ERROR", None)
    monkeypatch.setattr(ldap_passwords, "LdapsSession", lambda *_settings: runner.directory)
    return runner


def test_password_and_state_come_with_one_request(run: Runner) -> None:
    answer = run(enable=["acme-up"])
    assert answer["changed"]
    assert answer["accounts"] == ["acme-read", "acme-up"]
    assert run.password("acme-up") == "first-S3cret"
    assert run.password("acme-read") == "second-S3cret"
    assert run.control("acme-up") == 0x10200
    assert run.control("acme-read") == 0x10202
    assert len(run.directory.applied) == 2


def test_the_form_that_active_directory_wants(run: Runner) -> None:
    run()
    assert dict(run.directory.applied[0].values) == {"unicodePwd": ('"first-S3cret"'.encode("utf-16-le"),)}


def test_a_lock_out_is_lifted_and_other_bits_stay(run: Runner) -> None:
    run.directory.set("acme-up", lockoutTime=134399239756155936, userAccountControl=0x110212)
    run(enable=["acme-up"])
    assert run.directory.named("acme-up").text("lockoutTime") == "0"
    assert run.control("acme-up") == 0x110200


def test_an_account_that_is_enabled_stays_so(run: Runner) -> None:
    run.directory.set("acme-up", pwdLastSet=1, userAccountControl=0x10200)
    run()
    assert run.control("acme-up") == 0x10200


@pytest.mark.parametrize("check", [True, False])
def test_accounts_outside_the_managed_ou_are_no_accounts(run: Runner, check: bool) -> None:
    run.directory.add(f"CN=jo,OU=Exchange,{DOMAIN}", objectClass=USER, sAMAccountName="jo", userAccountControl="514")
    answer = run(check=check, passwords={**PASSWORDS, "jo": "third-S3cret"})
    assert answer["failed"]
    assert f"No account of that name in {MANAGED_OU}: jo." in answer["msg"]
    assert run.directory.applied == []


def test_a_computer_is_no_account(run: Runner) -> None:
    run.directory.add(user_dn("pc"), objectClass=(*USER, "computer"), sAMAccountName="pc", userAccountControl="4096")
    assert run(passwords={"pc": "first-S3cret"})["failed"]


def test_no_managed_ou_yet(run: Runner) -> None:
    assert "No account of that name" in run(managed_ou=f"OU=Other,{DOMAIN}")["msg"]


def test_check_mode_sets_nothing(run: Runner) -> None:
    answer = run(check=True)
    assert answer["changed"]
    assert answer["accounts"] == ["acme-read", "acme-up"]
    assert run.directory.applied == []


def test_what_the_server_refuses_is_told_and_the_others_are_set(run: Runner) -> None:
    run.directory.refuse["acme-read"] = "0000052D: the password does not meet the complexity criteria"
    answer = run(enable=["acme-up", "acme-read"])
    assert answer["failed"]
    assert answer["msg"] == (
        "The directory refused 1 of 2 passwords: acme-read: 0000052D: the password does not meet the complexity "
        "criteria. The other 1 are set."
    )
    assert answer["accounts"] == ["acme-up"]
    assert run.control("acme-up") == 0x10200
    assert run.control("acme-read") == 0x10202
