"""What stops a run before it changes anything."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.directory.plan import Settings
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import DirectoryError

from tests.unit.module_utils.directory.planning import (
    ACCOUNTS,
    GROUPS,
    apply,
    control,
    plan,
    with_passwords,
)
from tests.unit.module_utils.fake_directory import (
    DOMAIN,
    MANAGED_OU,
    USER,
    FakeDirectory,
    declaration,
    group_dn,
    user_dn,
)


def test_every_name_that_is_taken_elsewhere_is_told_at_once_and_nothing_changes() -> None:
    directory = FakeDirectory()
    directory.add(f"CN=A,OU=Exchange,{DOMAIN}", objectClass=USER, sAMAccountName="ACME-up", userAccountControl="514")
    directory.add(f"CN=B,OU=Exchange,{DOMAIN}", objectClass=("group",), sAMAccountName="ftpsx-customers")
    directory.add(
        f"CN=C,OU=Exchange,{DOMAIN}",
        objectClass=USER,
        sAMAccountName="c",
        userPrincipalName="Globex-up@corp.example",
        userAccountControl="514",
    )
    with pytest.raises(DirectoryError) as refused:
        apply(directory, declaration(ACCOUNTS, GROUPS))
    message = str(refused.value)
    assert f"acme-up is the name of CN=A,OU=Exchange,{DOMAIN}, outside the managed OU" in message
    assert f"ftpsx-customers is the name of CN=B,OU=Exchange,{DOMAIN}" in message
    assert f"Globex-up@corp.example is the principal name of CN=C,OU=Exchange,{DOMAIN}" in message
    assert "nothing was changed" in message
    assert directory.applied == []


def test_a_group_that_has_the_name_of_an_account(directory: FakeDirectory) -> None:
    directory.add(group_dn("initech-up"), objectClass=("group",), sAMAccountName="initech-up", groupType="-2147483646")
    accounts = {**ACCOUNTS, "initech-up": "initech"}
    with pytest.raises(DirectoryError, match="in the managed OU, as another kind of object"):
        plan(directory, declaration(accounts, GROUPS))


def test_a_place_that_is_taken(directory: FakeDirectory) -> None:
    directory.add(user_dn("initech-up"), objectClass=("contact",))
    accounts = {**ACCOUNTS, "initech-up": "initech"}
    with pytest.raises(DirectoryError, match=r"initech-up belongs at CN=initech-up.*where another object stands"):
        plan(directory, declaration(accounts, GROUPS))


def test_an_attribute_that_may_not_be_read_does_not_pass_for_one_that_is_not_set(
    directory: FakeDirectory, declared: dict[str, Any]
) -> None:
    del directory.named("acme-up").attributes["pwdlastset"]
    with pytest.raises(DirectoryError, match=r"may not read pwdLastSet.*acme-up.*Nothing was changed"):
        plan(directory, declared)


def test_an_ou_full_of_strangers_is_not_taken_over() -> None:
    directory = FakeDirectory()
    directory.add(MANAGED_OU, objectClass=("organizationalUnit",))
    directory.add(f"CN=Jo,{MANAGED_OU}", objectClass=USER, sAMAccountName="jo", userAccountControl="514")
    declared = declaration(ACCOUNTS, GROUPS)
    with pytest.raises(DirectoryError, match="none of them is the exchange's: jo"):
        plan(directory, declared)
    apply(directory, declared, Settings(removal_confirmed=True))


def test_an_empty_ou_that_an_administrator_made_is_taken(declared: dict[str, Any]) -> None:
    directory = FakeDirectory()
    directory.add(MANAGED_OU, objectClass=("organizationalUnit",), description="Made by the AD team")
    apply(directory, declared)
    assert directory.at(MANAGED_OU).text("description") == "Made by the AD team"


def many_customers(number: int, files: int) -> tuple[FakeDirectory, dict[str, Any]]:
    """A directory with so many customers, and the declaration of the first few of them."""
    directory = FakeDirectory()
    accounts = {f"c{index}-up": f"c{index}" for index in range(number)}
    apply(directory, declaration(accounts, {}))
    with_passwords(directory, *accounts)
    apply(directory, declaration(accounts, {}))
    return directory, declaration(dict(list(accounts.items())[:files]), {})


@pytest.mark.parametrize(
    ("number", "files", "limit", "stops"),
    [(4, 2, 50, False), (4, 1, 50, True), (4, 0, 50, True), (4, 3, 0, True), (4, 4, 0, False), (4, 0, 100, False)],
)
def test_a_mass_disappearance_stops_the_run(number: int, files: int, limit: int, stops: bool) -> None:
    directory, declared = many_customers(number, files)
    how = Settings(removal_limit_percent=limit)
    if not stops:
        apply(directory, declared, how)
        return
    with pytest.raises(DirectoryError) as refused:
        plan(directory, declared, how)
    message = str(refused.value)
    assert f"{number - files} of the {number} customers with enabled accounts have no file any more" in message
    assert "c3" in message
    assert "-e directory_removal_confirmed=true" in message
    assert "state: absent" in message
    apply(directory, declared, Settings(removal_limit_percent=limit, removal_confirmed=True))
    assert control(directory, "c3-up") == 0x10202


def test_customers_who_were_declared_absent_or_suspended_do_not_count_as_vanished() -> None:
    directory, declared = many_customers(4, 0)
    declared["known_customers"] = ["C0", "c1", "c2", "c3"]
    apply(directory, declared, Settings(removal_limit_percent=0))
    assert control(directory, "c0-up") == 0x10202


def test_disabled_accounts_do_not_count() -> None:
    directory, declared = many_customers(4, 1)
    apply(directory, declared, Settings(removal_confirmed=True))
    assert plan(directory, declared, Settings(removal_limit_percent=0)).changes == []


def test_an_account_whose_company_was_wiped_has_not_vanished() -> None:
    directory, _declared = many_customers(1, 1)
    directory.set("c0-up", company="")
    apply(directory, _declared, Settings(removal_limit_percent=0))
