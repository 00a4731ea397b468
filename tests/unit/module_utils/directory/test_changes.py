"""From what the managed OU holds to what it shall hold: the changes and their order."""

from __future__ import annotations

import random
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.directory.plan import Settings
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import DirectoryError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.module_utils.directory.planning import (
    ACCOUNTS,
    DELETE,
    GROUPS,
    apply,
    control,
    lines,
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
