"""From what the managed OU holds to what it shall hold: the changes, their order, and the guards."""

from __future__ import annotations

import random
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils import directory as under_test
from ansible_collections.ftps.exchange.plugins.module_utils.directory import Plan, Settings
from ansible_collections.ftps.exchange.plugins.module_utils.ldap import DirectoryError
from ansible_collections.ftps.exchange.plugins.modules import ldap_directory
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.module_utils.fake_directory import (
    DOMAIN,
    MANAGED_OU,
    USER,
    FakeDirectory,
    declaration,
    group_dn,
    user_dn,
)

ACCOUNTS = {"acme-up": "acme", "acme-read": "acme", "globex-up": "globex"}
GROUPS = {
    "ftpsx-customers": sorted(ACCOUNTS),
    "ftpsx-home-acme-write": ["acme-up"],
    "ftpsx-home-acme-read": ["acme-read"],
}
DELETE = Settings(when_absent="delete")


def plan(directory: FakeDirectory, declared: dict[str, Any], how: Settings | None = None) -> Plan:
    desired = under_test.read_desired(declared, MANAGED_OU)
    current, _domain_sid = ldap_directory.read_current(directory, desired)
    return under_test.make_plan(desired, current, how or Settings())


def apply(directory: FakeDirectory, declared: dict[str, Any], how: Settings | None = None) -> Plan:
    """Make the changes, and make sure that there is nothing left to change."""
    made = plan(directory, declared, how)
    directory.apply(made.changes)
    again = plan(directory, declared, how)
    assert again.changes == [], "a second run changes something"
    return made


def with_passwords(directory: FakeDirectory, *names: str) -> None:
    for name in names:
        directory.set(name, pwdLastSet=134399239756155936)


@pytest.fixture
def declared() -> dict[str, Any]:
    return declaration(ACCOUNTS, GROUPS)


@pytest.fixture
def directory(declared: dict[str, Any]) -> FakeDirectory:
    """One that holds what is declared, with all passwords set."""
    made = FakeDirectory()
    apply(made, declared)
    with_passwords(made, *ACCOUNTS)
    apply(made, declared)
    return made


def lines(made: Plan) -> tuple[list[str], list[str]]:
    diff = ldap_directory.diff_of(made, MANAGED_OU)
    return diff["before"].splitlines(), diff["after"].splitlines()


def control(directory: FakeDirectory, name: str) -> int:
    return int(directory.named(name).text("userAccountControl"))


# From nothing


def test_first_run_makes_everything_and_enables_nobody(declared: dict[str, Any]) -> None:
    directory = FakeDirectory()
    made = apply(directory, declared)
    assert directory.at(MANAGED_OU).text("description") == "Managed by ftps-exchange"
    user = directory.at(user_dn("acme-up"))
    assert {name: user.text(name) for name in ("sAMAccountName", "userPrincipalName", "displayName", "company")} == {
        "sAMAccountName": "acme-up",
        "userPrincipalName": "acme-up@corp.example",
        "displayName": "acme-up (acme)",
        "company": "acme",
    }
    assert control(directory, "acme-up") == 0x10202
    assert [user.name for user in made.without_password] == list(ACCOUNTS)
    assert directory.named("ftpsx-customers").text("groupType") == "-2147483646"
    assert directory.member_names("ftpsx-customers") == sorted(ACCOUNTS)
    assert made.counts["accounts_added"] == 3
    assert made.counts["groups_added"] == 3
    assert made.counts["members_added"] == 5
    assert made.disabled == []
    assert made.deleted == []


def test_a_password_is_what_it_takes_to_be_enabled(declared: dict[str, Any]) -> None:
    directory = FakeDirectory()
    apply(directory, declared)
    with_passwords(directory, "acme-up")
    made = apply(directory, declared)
    assert control(directory, "acme-up") == 0x10200
    assert control(directory, "acme-read") == 0x10202
    assert [user.name for user in made.without_password] == ["acme-read", "globex-up"]


def test_a_password_that_somebody_declared_void_is_made_anew(
    directory: FakeDirectory, declared: dict[str, Any]
) -> None:
    directory.set("acme-up", pwdLastSet=0)
    made = plan(directory, declared)
    assert [user.name for user in made.without_password] == ["acme-up"]
    assert made.disabled == ["acme-up"]


def test_suspended_accounts_get_no_password_and_keep_their_memberships(declared: dict[str, Any]) -> None:
    directory = FakeDirectory()
    made = apply(directory, declaration(ACCOUNTS, GROUPS, disabled=["acme-up", "acme-read"]))
    assert [user.name for user in made.without_password] == ["globex-up"]
    assert directory.member_names("ftpsx-home-acme-write") == ["acme-up"]


def test_suspension_and_return(directory: FakeDirectory, declared: dict[str, Any]) -> None:
    suspended = apply(directory, declaration(ACCOUNTS, GROUPS, disabled=["acme-up"]))
    assert suspended.disabled == ["acme-up"]
    assert control(directory, "acme-up") == 0x10202
    assert directory.member_names("ftpsx-home-acme-write") == ["acme-up"]
    back = apply(directory, declared)
    assert control(directory, "acme-up") == 0x10200
    assert back.without_password == []


def test_expiry(directory: FakeDirectory) -> None:
    moment = 134798688000000000
    made = apply(directory, declaration(ACCOUNTS, GROUPS, expires={"acme-up": moment}))
    assert directory.named("acme-up").text("accountExpires") == str(moment)
    assert lines(made) == (["account acme-up: never expires"], ["account acme-up: expires 2028-02-29 00:00 UTC"])


def test_both_ways_to_write_never_are_the_same(directory: FakeDirectory, declared: dict[str, Any]) -> None:
    directory.set("acme-up", accountExpires=2**63 - 1)
    assert plan(directory, declared).changes == []


def test_more_members_than_go_into_one_request() -> None:
    accounts = {f"user{number:05d}": "acme" for number in range(2500)}
    declared = declaration(accounts, {"ftpsx-customers": list(accounts)})
    directory = FakeDirectory()
    made = apply(directory, declared)
    assert len(directory.named("ftpsx-customers").members) == 2500
    assert made.counts["members_added"] == 2500
    assert max(len(change.add_members) for change in made.changes) == 1000
    del accounts["user01234"]
    apply(directory, declaration(accounts, {"ftpsx-customers": list(accounts)}))
    assert directory.member_names("ftpsx-customers") == sorted(accounts)


# Drift and strays


def test_stray_members_go_wherever_they_come_from(directory: FakeDirectory, declared: dict[str, Any]) -> None:
    outsider = directory.add(
        f"CN=Jo Doe,OU=Exchange,{DOMAIN}", objectClass=USER, sAMAccountName="jo", userAccountControl="514"
    )
    nested = directory.add(f"CN=Staff,OU=Exchange,{DOMAIN}", objectClass=("group",), sAMAccountName="staff")
    home = directory.named("ftpsx-home-acme-write")
    home.members += [outsider, nested, directory.named("globex-up")]
    made = apply(directory, declared)
    assert directory.member_names("ftpsx-home-acme-write") == ["acme-up"]
    before, after = lines(made)
    assert before == [
        "group ftpsx-home-acme-write: member globex-up",
        f"group ftpsx-home-acme-write: member CN=Jo Doe,OU=Exchange,{DOMAIN}",
        f"group ftpsx-home-acme-write: member CN=Staff,OU=Exchange,{DOMAIN}",
    ]
    assert after == []
    assert made.counts["members_removed"] == 3


def test_a_missing_member_comes_back(directory: FakeDirectory, declared: dict[str, Any]) -> None:
    directory.named("ftpsx-customers").members.clear()
    apply(directory, declared)
    assert directory.member_names("ftpsx-customers") == sorted(ACCOUNTS)


def test_membership_by_primary_group_is_seen(directory: FakeDirectory, declared: dict[str, Any]) -> None:
    directory.make_primary("acme-read", "ftpsx-home-acme-write")
    directory.make_primary("acme-up", "ftpsx-home-acme-write")
    apply(directory, declared)
    assert directory.member_names("ftpsx-home-acme-write") == ["acme-up"]
    assert directory.named("acme-read").text("primaryGroupID") == "513"


@pytest.mark.parametrize("group", ["ftpsx-home-acme-write", "handmade"])
def test_undeclared_account_has_no_membership_by_primary_group_either(
    directory: FakeDirectory, declared: dict[str, Any], group: str
) -> None:
    if group == "handmade":
        directory.add(group_dn("handmade"), objectClass=("group",), sAMAccountName="handmade", groupType="-2147483646")
    directory.add(user_dn("mallory"), objectClass=USER, sAMAccountName="mallory", userAccountControl="514")
    directory.make_primary("mallory", group)
    apply(directory, declared)
    assert "mallory" not in directory.member_names(group)
    assert directory.named("mallory").text("primaryGroupID") == "513"


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("userAccountControl", 0x220),  # no password needed, and it expires
        ("userAccountControl", 0x80200 | 0x10000),  # trusted for delegation
        ("displayName", "x"),
        ("company", "other"),
        ("description", "x"),
        ("userPrincipalName", "x@corp.example"),
        ("accountExpires", 133000000000000000),
    ],
)
def test_attributes_of_an_account_are_put_back(
    directory: FakeDirectory, declared: dict[str, Any], attribute: str, value: str | int
) -> None:
    expected = dict(directory.named("acme-up").attributes)
    directory.set("acme-up", **{attribute: value})
    apply(directory, declared)
    assert directory.named("acme-up").attributes == expected


def test_the_protection_from_delegation_may_stay(directory: FakeDirectory, declared: dict[str, Any]) -> None:
    directory.set("acme-up", userAccountControl=0x10200 | 0x100000)
    assert plan(directory, declared).changes == []


@pytest.mark.parametrize("kind", ["-2147483644", "-2147483640", "2"])
def test_kind_of_a_group_is_put_back(directory: FakeDirectory, declared: dict[str, Any], kind: str) -> None:
    directory.set("ftpsx-customers", groupType=kind)
    apply(directory, declared)
    assert directory.named("ftpsx-customers").text("groupType") == "-2147483646"


@pytest.mark.parametrize("place", [f"CN=Somebody,{MANAGED_OU}", f"CN=somebody,OU=Groups,{MANAGED_OU}"])
def test_what_was_moved_by_hand_is_found_and_keeps_its_identity(
    directory: FakeDirectory, declared: dict[str, Any], place: str
) -> None:
    rid = directory.named("acme-up").rid
    directory.move("acme-up", place)
    apply(directory, declared)
    assert directory.at(user_dn("acme-up")).rid == rid
    assert directory.member_names("ftpsx-home-acme-write") == ["acme-up"]


def test_what_was_renamed_by_hand_is_found_by_its_place(directory: FakeDirectory, declared: dict[str, Any]) -> None:
    rid = directory.named("acme-up").rid
    directory.set("acme-up", sAMAccountName="other")
    made = apply(directory, declared)
    assert directory.named("acme-up").rid == rid
    assert made.counts["accounts_added"] == 0


def test_what_was_moved_and_renamed_by_hand_is_found_by_its_principal_name(
    directory: FakeDirectory, declared: dict[str, Any]
) -> None:
    rid = directory.named("acme-up").rid
    directory.move("acme-up", f"CN=Other,{MANAGED_OU}")
    directory.set("acme-up", sAMAccountName="other")
    apply(directory, declared)
    assert directory.at(user_dn("acme-up")).rid == rid
    assert directory.named("acme-up").rid == rid


def test_the_name_of_what_was_renamed_by_hand_may_be_taken_by_now(
    directory: FakeDirectory, declared: dict[str, Any]
) -> None:
    directory.set("acme-up", sAMAccountName="other")
    directory.add(f"CN=A,OU=Exchange,{DOMAIN}", objectClass=USER, sAMAccountName="acme-up", userAccountControl="514")
    with pytest.raises(DirectoryError, match=r"acme-up is the name of CN=A.*outside the managed OU"):
        plan(directory, declared)


def test_spelling_of_a_place_does_not_matter(directory: FakeDirectory, declared: dict[str, Any]) -> None:
    directory.move("acme-up", user_dn("acme-up").upper())
    assert plan(directory, declared).changes == []


# Who is gone


def without_globex() -> dict[str, Any]:
    accounts = {name: customer for name, customer in ACCOUNTS.items() if customer != "globex"}
    groups = {name: [member for member in members if member in accounts] for name, members in GROUPS.items()}
    return declaration(accounts, groups, also_known=["globex"])


def test_an_absent_customer_is_disabled_and_out_of_all_groups(
    directory: FakeDirectory, declared: dict[str, Any]
) -> None:
    made = apply(directory, without_globex())
    assert made.disabled == ["globex-up"]
    assert control(directory, "globex-up") == 0x10202
    assert directory.member_names("ftpsx-customers") == ["acme-read", "acme-up"]
    back = apply(directory, declared)
    assert back.without_password == []
    assert control(directory, "globex-up") == 0x10200


def test_a_group_of_nobody_is_emptied_and_kept(directory: FakeDirectory) -> None:
    declared = declaration(ACCOUNTS, {"ftpsx-customers": sorted(ACCOUNTS)})
    apply(directory, declared)
    assert directory.member_names("ftpsx-home-acme-write") == []


def test_delete_instead(directory: FakeDirectory) -> None:
    declared = without_globex()
    declared["groups"] = [group for group in declared["groups"] if group["name"] != "ftpsx-home-acme-read"]
    made = apply(directory, declared, DELETE)
    assert made.deleted == ["globex-up", "ftpsx-home-acme-read"]
    assert not [thing for thing in directory.things.values() if thing.text("sAMAccountName") in made.deleted]
    before, after = lines(made)
    assert "account globex-up of customer globex (nobody declares it)" in before
    assert "group ftpsx-home-acme-read: member CN=acme-read,OU=Accounts," in "\n".join(before)
    assert after == []


def test_a_deleted_account_makes_room_for_one_of_its_place(directory: FakeDirectory) -> None:
    directory.move("globex-up", user_dn("globex-down"))
    directory.set("globex-up", userPrincipalName="x@corp.example")
    accounts = {**{name: who for name, who in ACCOUNTS.items() if who == "acme"}, "globex-down": "globex"}
    groups = {"ftpsx-customers": sorted(accounts)}
    # Found by its place, so it is renamed and neither deleted nor made anew.
    made = apply(directory, declaration(accounts, groups), DELETE)
    assert made.deleted == ["ftpsx-home-acme-write", "ftpsx-home-acme-read"]
    assert made.counts["accounts_added"] == 0


def test_somebody_elses_objects_are_left_alone_and_told(directory: FakeDirectory, declared: dict[str, Any]) -> None:
    computer = f"CN=PC1,{MANAGED_OU}"
    directory.add(computer, objectClass=(*USER, "computer"), sAMAccountName="PC1$", userAccountControl="4096")
    directory.add(f"OU=More,{MANAGED_OU}", objectClass=("organizationalUnit",))
    directory.add(f"CN=Jo,OU=More,{MANAGED_OU}", objectClass=("contact",))
    made = apply(directory, declared, DELETE)
    assert made.left_alone == [computer, f"OU=More,{MANAGED_OU}", f"CN=Jo,OU=More,{MANAGED_OU}"]


def test_access_is_taken_before_any_is_given(directory: FakeDirectory) -> None:
    directory.add(user_dn("mallory"), objectClass=USER, sAMAccountName="mallory", userAccountControl="544")
    directory.named("ftpsx-home-acme-write").members.append(directory.named("mallory"))
    directory.set("acme-up", userAccountControl=0x10202)
    accounts = {**ACCOUNTS, "initech-up": "initech"}
    groups = {**GROUPS, "ftpsx-customers": sorted(accounts)}
    made = plan(directory, declaration(accounts, groups))
    order = [f"{change.action} {change.what}" for change in made.sorted_changes()]
    assert order == [
        "modify account mallory",
        "modify group ftpsx-home-acme-write",
        "add account initech-up",
        "modify group ftpsx-customers",
        "modify account acme-up",
    ]


# Ages of passwords


def test_old_passwords_are_told_by_the_clock_of_the_server(directory: FakeDirectory, declared: dict[str, Any]) -> None:
    def filetime(days_ago: int) -> int:
        return 134399239720000000 - days_ago * 864_000_000_000

    for name, age in (("acme-up", 366), ("acme-read", 365), ("globex-up", 400)):
        directory.set(name, pwdLastSet=filetime(age))
    made = plan(directory, declared, Settings(password_max_age_days=365))
    assert [(user.name, age) for user, age in made.due_for_rotation] == [("acme-up", 366), ("globex-up", 400)]
    assert plan(directory, declared, Settings(password_max_age_days=0)).due_for_rotation == []
    disabled = declaration(ACCOUNTS, GROUPS, disabled=["globex-up"])
    made = plan(directory, disabled, Settings(password_max_age_days=365))
    assert [user.name for user, _age in made.due_for_rotation] == ["acme-up"]


# The guards


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


# What the task says


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("users", 0, "dn"), f"CN=acme-up,OU=Staff,{DOMAIN}", "acme-up: CN=acme-up,OU=Staff.* does not lie in"),
        (("groups", 0, "dn"), f"CN=g,OU=Groups,OU=Not FTPS,{DOMAIN}", "does not lie in the managed OU"),
        (("ous", 1, "dn"), f"OU=Staff,{DOMAIN}", "is neither the managed OU"),
        (("groups", 0, "members"), ["jo"], "the member jo is no declared account"),
        (("groups", 0, "name"), "Acme-up", "Acme-up: is declared twice"),
        (("users",), None, "not what the filter exchange_directory gives"),
        (("users", 0, "account_expires"), "soon", "not what the filter exchange_directory gives"),
    ],
)
def test_a_declaration_that_cannot_be_meant(
    declared: dict[str, Any], path: tuple[str | int, ...], value: object, message: str
) -> None:
    part: Any = declared
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(DirectoryError, match=message):
        under_test.read_desired(declared, MANAGED_OU)


def test_long_lists_are_cut_in_messages() -> None:
    assert under_test.few([str(number) for number in range(30)], ", ").endswith("18, 19, and 10 more")


# Whatever happened by hand


def interfere(directory: FakeDirectory, chance: random.Random, name: str, group: str) -> None:
    """One thing that somebody may do to an account or a group."""
    match chance.randrange(8):
        case 0:
            directory.named(group).members.append(directory.named("out"))
        case 1:
            directory.named(group).members.clear()
        case 2:
            directory.make_primary(name, group)
        case 3:
            directory.make_primary("in", group)
        case 4:
            directory.set(name, userAccountControl=chance.choice([0x202, 0x220, 0x10202]))
        case 5:
            directory.set(name, company="x", displayName="y")
        case 6:
            directory.move(name, f"CN={name}x,{MANAGED_OU}")
        case _:
            directory.set(group, groupType=chance.choice(["-2147483644", "2"]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([Settings(removal_confirmed=True), Settings("delete", 0, True)]))
def test_one_run_repairs_any_mixture_of_drift(seed: int, how: Settings) -> None:
    chance = random.Random(seed)  # noqa: S311
    names = [f"user{number}" for number in range(6)]
    accounts = {name: f"customer{number // 2}" for number, name in enumerate(names)}
    groups = {f"ftpsx-{number}": chance.sample(names, chance.randrange(7)) for number in range(4)}
    declared = declaration(accounts, groups, disabled=chance.sample(names, 2))
    directory = FakeDirectory(page=3, values=2)
    apply(directory, declared)
    with_passwords(directory, *chance.sample(names, 4))
    apply(directory, declared)
    directory.add(f"CN=Out,OU=Exchange,{DOMAIN}", objectClass=USER, sAMAccountName="out", userAccountControl="514")
    directory.add(user_dn("in"), objectClass=USER, sAMAccountName="in", userAccountControl="544")
    for _ in range(chance.randrange(8)):
        interfere(directory, chance, chance.choice(names), f"ftpsx-{chance.randrange(4)}")
    outside = dict(directory.named("out").attributes)
    apply(directory, declared, how)
    for group, members in groups.items():
        assert directory.member_names(group) == sorted(members)
    for name in names:
        assert directory.at(user_dn(name)).text("company") == accounts[name]
    assert directory.named("out").attributes == outside
