"""ldap_directory as Ansible runs it: check mode, diff, what it returns, how it fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import DirectoryError
from ansible_collections.ftps.exchange.plugins.modules import ldap_directory

from tests.unit.module_utils.fake_directory import CONNECTION, DOMAIN, MANAGED_OU, USER, FakeDirectory, declaration

DECLARED = declaration(
    {"acme-up": "acme", "globex-up": "globex"},
    {"ftpsx-customers": ["acme-up", "globex-up"], "ftpsx-home-acme-write": ["acme-up"]},
)


class Runner:
    """The module against one directory."""

    def __init__(self, directory: FakeDirectory, capsys: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self._capsys = capsys

    def __call__(self, check: bool = False, diff: bool = True, **options: Any) -> dict[str, Any]:
        arguments = {
            **CONNECTION,
            "directory": DECLARED,
            "_ansible_check_mode": check,
            "_ansible_diff": diff,
            **options,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            ldap_directory.main()
        output = self._capsys.readouterr()
        assert CONNECTION["bind_password"] not in output.out + output.err
        answer: dict[str, Any] = json.loads(output.out)
        return answer


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Runner:
    directory = FakeDirectory()
    monkeypatch.setattr(ldap_directory, "LDAP_IMPORT_ERROR", None)
    monkeypatch.setattr(ldap_directory, "LdapsSession", lambda *_settings: directory)
    return Runner(directory, capsys)


def test_check_mode_before_the_first_run_predicts_and_touches_nothing(run: Runner) -> None:
    answer = run(check=True)
    assert answer["changed"]
    assert answer["sids"] == {}
    assert answer["missing_groups"] == ["ftpsx-customers", "ftpsx-home-acme-write"]
    assert [account["name"] for account in answer["accounts_without_password"]] == ["acme-up", "globex-up"]
    assert run.directory.applied == []
    real = run()
    assert real["diff"] == answer["diff"]
    assert real["counts"] == answer["counts"]


def test_the_first_run_gives_sids_and_the_second_changes_nothing(run: Runner) -> None:
    first = run()
    sid = "S-1-5-21-1004336348-1177238915-682003330"
    assert first["domain_sid"] == sid
    assert set(first["sids"]) == {"ftpsx-customers", "ftpsx-home-acme-write"}
    assert all(value.startswith(f"{sid}-1") for value in first["sids"].values())
    assert first["missing_groups"] == []
    second = run()
    assert not second["changed"]
    assert second["diff"]["before"] == second["diff"]["after"] == ""
    assert second["sids"] == first["sids"]


def test_the_first_diff_reads_like_this(run: Runner) -> None:
    answer = run(check=True)
    assert answer["diff"]["before"] == ""
    assert answer["diff"]["after"].splitlines() == [
        f"OU {MANAGED_OU}",
        f"OU OU=Accounts,{MANAGED_OU}",
        f"OU OU=Groups,{MANAGED_OU}",
        "account acme-up of customer acme: disabled until its password is set, never expires",
        "account globex-up of customer globex: disabled until its password is set, never expires",
        "group ftpsx-customers",
        "group ftpsx-customers: member acme-up",
        "group ftpsx-customers: member globex-up",
        "group ftpsx-home-acme-write",
        "group ftpsx-home-acme-write: member acme-up",
    ]


def test_without_diff_there_is_none(run: Runner) -> None:
    assert "diff" not in run(diff=False)


def test_names_in_another_case_still_have_their_sid(run: Runner) -> None:
    run()
    run.directory.set("ftpsx-customers", sAMAccountName="FTPSX-Customers")
    assert set(run(check=True)["sids"]) == {"ftpsx-customers", "ftpsx-home-acme-write"}


def test_reads_are_few_whatever_the_number_of_accounts(run: Runner) -> None:
    accounts = {f"user{number:04d}": "acme" for number in range(900)}
    declared = declaration(accounts, {"ftpsx-customers": list(accounts)})
    run(directory=declared)
    run.directory.requests.clear()
    assert not run(directory=declared)["changed"]
    assert len(run.directory.requests) == 3


def test_old_passwords_and_foreign_objects_are_warned_of(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: warnings.append(text))
    run()
    run.directory.set("acme-up", pwdLastSet=134000000000000000)
    run.directory.add(f"CN=Jo,{MANAGED_OU}", objectClass=("contact",))
    answer = run(password_max_age_days=365)
    assert answer["accounts_due_for_rotation"] == [{"name": "acme-up", "customer": "acme", "age_days": 462}]
    assert answer["left_alone"] == [f"CN=Jo,{MANAGED_OU}"]
    assert warnings == [
        f"Not touched in {MANAGED_OU}, where only this project's accounts and groups belong: CN=Jo,{MANAGED_OU}",
        "Passwords older than 365 days: acme-up of acme, 462 days. "
        "Renew them with playbooks/rotate_password.yml -e account=NAME",
    ]


def test_an_account_that_becomes_another_customers_is_warned_of(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever knows its password does not change with its owner."""
    warnings: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: warnings.append(text))
    run()
    run.directory.set("acme-up", company="globex")
    run()
    assert warnings == [
        "Accounts that another customer's file declares now keep their password: acme-up (of globex until now, of acme "
        "from now on). If that is not the same customer under a new name, renew it with playbooks/rotate_password.yml "
        "-e account=NAME"
    ]


def test_a_refusal_in_the_middle_is_told_and_the_next_run_finishes(run: Runner) -> None:
    run.directory.refuse["group ftpsx-customers"] = "the server refuses"
    failed = run()
    assert failed["failed"]
    assert failed["msg"] == "the server refuses"
    run.directory.refuse.clear()
    assert run()["changed"]
    assert not run()["changed"]
    assert run.directory.member_names("ftpsx-customers") == ["acme-up", "globex-up"]


@pytest.mark.parametrize(
    ("managed_ou", "message"),
    [
        (f"OU=FTPS,OU=Nowhere,{DOMAIN}", f"cannot be created: OU=Nowhere,{DOMAIN} does not exist"),
        ("OU=FTPS,DC=other,DC=example", f"is not in the domain of this server, {DOMAIN}"),
        (DOMAIN, "is not in the domain of this server"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_an_ou_that_cannot_be(run: Runner, managed_ou: str, message: str, check: bool) -> None:
    declared = json.loads(json.dumps(DECLARED).replace(MANAGED_OU, managed_ou))
    answer = run(check=check, managed_ou=managed_ou, directory=declared)
    assert answer["failed"]
    assert message in answer["msg"]
    assert run.directory.applied == []


def test_a_directory_that_cannot_be_reached(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_settings: str) -> None:
        raise DirectoryError("ldaps://dc1.corp.example: cannot connect")

    monkeypatch.setattr(ldap_directory, "LdapsSession", refuse)
    assert run(check=True)["msg"] == "ldaps://dc1.corp.example: cannot connect"


def test_a_runner_without_python_ldap(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ldap_directory, "LDAP_IMPORT_ERROR", "Traceback")
    assert "python-ldap" in run()["msg"]


def test_members_from_elsewhere_are_never_changed_themselves(run: Runner) -> None:
    run()
    jo = run.directory.add(
        f"CN=Jo,OU=Exchange,{DOMAIN}", objectClass=USER, sAMAccountName="jo", userAccountControl="514"
    )
    run.directory.named("ftpsx-customers").members.append(jo)
    run.directory.applied.clear()
    answer = run()
    assert answer["counts"]["members_removed"] == 1
    assert [change.dn for change in run.directory.applied] == [run.directory.named("ftpsx-customers").dn]
