"""What the managed OU holds and what it shall hold -> the changes, in order. Nothing in here speaks to a server.

Everything below the managed OU is owned. An account is found again by its sAMAccountName, else by its place, else by
its userPrincipalName, so what somebody moved or renamed by hand is put back and keeps its SID and password. An account
or a group that nobody declared is disabled and emptied, or deleted; computers, contacts and further OUs are left alone
and told.

The order of the changes: what takes access away comes first, and what lets somebody in comes last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from ansible_collections.ftps.exchange.plugins.module_utils.ldap import (
    ACCOUNT_DISABLED,
    LOCKED_OUT,
    MEMBERS_PER_CHANGE,
    NEVER,
    NORMAL_ACCOUNT,
    PASSWORD_EXPIRED,
    PASSWORD_NEVER_EXPIRES,
    SENSITIVE_NOT_DELEGATED,
    Change,
    DirectoryError,
    Entry,
    filetime_to_datetime,
    is_below,
    normalise_dn,
    parent_dn,
    split_dn,
)

MARK: Final = "Managed by ftps-exchange"
"""The description of what this project makes: a person who meets it elsewhere knows whom to ask."""

DOMAIN_USERS: Final = 513
"""RID of the group that is everybody's primary group unless somebody changed it (MS-DTYP 2.4.2.4)."""

GLOBAL_GROUP: Final = -2147483646
UNIVERSAL_GROUP: Final = -2147483640
DOMAIN_LOCAL_GROUP: Final = -2147483644
"""groupType of a security group (MS-ADTS 2.2.12): a signed number, the top bit says security."""

READ_ATTRIBUTES: Final = (
    "objectClass",
    "objectSid",
    "sAMAccountName",
    "userPrincipalName",
    "displayName",
    "company",
    "description",
    "userAccountControl",
    "accountExpires",
    "pwdLastSet",
    "primaryGroupID",
    "groupType",
    "member",
)
NAMESAKE_ATTRIBUTES: Final = ("sAMAccountName", "userPrincipalName")

# The stages: what is in one of them may reach the server in any order.
UNITS = 0  # one more for each level
CUT = 20  # accounts disabled, other attributes of accounts
CUT_MEMBERS = 30  # one more for each further chunk
DELETE = 40
GROUPS = 50  # attributes of groups; one more for each step of a conversion
MOVE = 60
ADD_USERS = 70
ADD_GROUPS = 71
ADD_MEMBERS = 80  # one more for each further chunk
ENABLE = 1_000_000

NAMES_IN_A_MESSAGE: Final = 20


@dataclass(frozen=True)
class Declared:
    """An organisational unit; an account and a group have more."""

    name: str
    dn: str


@dataclass(frozen=True)
class Group(Declared):
    description: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class User(Declared):
    customer: str
    display_name: str
    upn: str
    enabled: bool
    account_expires: int


@dataclass(frozen=True)
class Desired:
    """What the filter exchange_directory says."""

    managed_ou: str
    units: tuple[Declared, ...]
    groups: tuple[Group, ...]
    users: tuple[User, ...]
    known_customers: frozenset[str]

    @property
    def named(self) -> tuple[Declared, ...]:
        """What has a sAMAccountName, which is unique in a domain."""
        return (*self.users, *self.groups)


@dataclass(frozen=True)
class Settings:
    when_absent: Literal["disable", "delete"] = "disable"
    removal_limit_percent: int = 50
    removal_confirmed: bool = False
    password_max_age_days: int = 0


@dataclass(frozen=True)
class Current:
    """What the server has: the objects in the managed OU, itself included, and namesakes of what is not there yet."""

    entries: tuple[Entry, ...]
    now: datetime
    namesakes: tuple[Entry, ...] = ()


@dataclass
class Plan:
    changes: list[Change] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    without_password: list[User] = field(default_factory=list)
    due_for_rotation: list[tuple[User, int]] = field(default_factory=list)
    # Accounts of another customer until now, and of which one
    handed_on: list[tuple[User, str]] = field(default_factory=list)
    left_alone: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def sorted_changes(self) -> list[Change]:
        return sorted(self.changes, key=lambda change: change.stage)


@dataclass(frozen=True)
class Matched:
    """Which object in the directory is which declared one."""

    users: Mapping[str, Entry]
    groups: Mapping[str, Entry]
    undeclared_users: tuple[Entry, ...]
    undeclared_groups: tuple[Entry, ...]
    others: tuple[Entry, ...]


def read_desired(raw: Mapping[str, Any], managed_ou: str) -> Desired:
    """The declared objects out of a task's argument. Raises with every problem at once."""
    try:
        desired = Desired(
            managed_ou=managed_ou,
            units=tuple(Declared(str(unit["name"]), str(unit["dn"])) for unit in raw["ous"]),
            groups=tuple(
                Group(
                    str(group["name"]),
                    str(group["dn"]),
                    str(group["description"]),
                    tuple(str(name) for name in group["members"]),
                )
                for group in raw["groups"]
            ),
            users=tuple(
                User(
                    name=str(user["name"]),
                    dn=str(user["dn"]),
                    customer=str(user["customer"]),
                    display_name=str(user["display_name"]),
                    upn=str(user["upn"]),
                    enabled=user["enabled"] is True,
                    account_expires=int(user["account_expires"]),
                )
                for user in raw["users"]
            ),
            known_customers=frozenset(str(name).casefold() for name in raw["known_customers"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DirectoryError(
            f"directory: not what the filter exchange_directory gives ({type(error).__name__}: {error})."
        ) from error
    problems = [
        f"{thing.name}: {thing.dn} does not lie in the managed OU {managed_ou}"
        for thing in desired.named
        if not is_below(thing.dn, managed_ou)
    ]
    problems += [
        f"{unit.name}: {unit.dn} is neither the managed OU {managed_ou} nor in it"
        for unit in desired.units
        if not is_below(unit.dn, managed_ou) and normalise_dn(unit.dn) != normalise_dn(managed_ou)
    ]
    seen: set[str] = set()
    for thing in desired.named:
        if thing.name.casefold() in seen:
            problems.append(f"{thing.name}: is declared twice")
        seen.add(thing.name.casefold())
    accounts = {user.name for user in desired.users}
    problems += [
        f"{group.name}: the member {name} is no declared account"
        for group in desired.groups
        for name in group.members
        if name not in accounts
    ]
    if problems:
        raise DirectoryError(f"directory: {few(problems, '; ')}.")
    return desired


def names_not_found(desired: Desired, entries: Sequence[Entry]) -> tuple[list[str], list[str]]:
    """Names and principal names that do not exist in the managed OU yet: somebody else may have them."""
    matched = match(desired, entries)
    users = [user for user in desired.users if user.name not in matched.users]
    groups = [group for group in desired.groups if group.name not in matched.groups]
    # What is found by its place or principal name gets its name back, so that one must be free too.
    renamed = [
        name
        for name, entry in (*matched.users.items(), *matched.groups.items())
        if entry.text("sAMAccountName").casefold() != name.casefold()
    ]
    return [*(thing.name for thing in (*users, *groups)), *renamed], [user.upn for user in users]


def match(desired: Desired, entries: Sequence[Entry]) -> Matched:
    """Declared and existing objects, by name, else by place, else by principal name."""
    users = [entry for entry in entries if is_user(entry)]
    groups = [entry for entry in entries if entry.is_a("group")]
    units = {normalise_dn(unit.dn) for unit in desired.units} | {normalise_dn(desired.managed_ou)}
    others = [
        entry
        for entry in entries
        if not is_user(entry) and not entry.is_a("group") and normalise_dn(entry.dn) not in units
    ]
    found_users = _pair(desired.users, users)
    found_groups = _pair(desired.groups, groups)
    claimed = {entry.dn for entry in (*found_users.values(), *found_groups.values())}
    return Matched(
        users=found_users,
        groups=found_groups,
        undeclared_users=tuple(entry for entry in users if entry.dn not in claimed),
        undeclared_groups=tuple(entry for entry in groups if entry.dn not in claimed),
        others=tuple(others),
    )


def is_user(entry: Entry) -> bool:
    """A person's account. Computers, and managed service accounts, are users by class too, and none of ours."""
    return entry.is_a("user") and not entry.is_a("computer")


def _pair(things: Sequence[User] | Sequence[Group], entries: Sequence[Entry]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    taken: set[str] = set()

    def pair_by(key_of_thing: dict[str, str], key_of_entry: dict[str, Entry]) -> None:
        for name, key in key_of_thing.items():
            entry = key_of_entry.get(key)
            if name not in found and key and entry is not None and entry.dn not in taken:
                found[name] = entry
                taken.add(entry.dn)

    pair_by(
        {thing.name: thing.name.casefold() for thing in things},
        {entry.text("sAMAccountName").casefold(): entry for entry in entries},
    )
    if len(found) < len(things) and len(taken) < len(entries):
        pair_by(
            {thing.name: normalise_dn(thing.dn) for thing in things},
            {normalise_dn(entry.dn): entry for entry in entries},
        )
        pair_by(
            {thing.name: thing.upn.casefold() for thing in things if isinstance(thing, User)},
            {entry.text("userPrincipalName").casefold(): entry for entry in entries},
        )
    return found


# -- the plan ----------------------------------------------------------------------------------------------------------


def make_plan(desired: Desired, current: Current, settings: Settings) -> Plan:
    """The changes that make the managed OU what it shall be. Raises when one of the guards says stop."""
    matched = match(desired, current.entries)
    check_readable(current.entries)
    check_names(desired, current, matched, settings)
    check_ownership(desired, current, matched, settings)
    check_vanished(desired, current.entries, settings)

    plan = Plan(left_alone=[entry.dn for entry in matched.others])
    plan.changes += _units(desired, current)
    for user in desired.users:
        plan.changes += _user(user, matched.users.get(user.name), current, settings, plan)
    managed_rids = {entry.sid.rpartition("-")[2] for entry in (*matched.groups.values(), *matched.undeclared_groups)}
    for entry in matched.undeclared_users:
        plan.changes += _undeclared_user(entry, managed_rids, settings, plan)
    dn_now = {
        user.name: matched.users[user.name].dn if user.name in matched.users else user.dn for user in desired.users
    }
    name_of = {normalise_dn(dn): name for name, dn in dn_now.items()}
    dn_later = {user.name: user.dn for user in desired.users}
    by_primary_group = _by_primary_group(current.entries)
    for group in desired.groups:
        plan.changes += _group(group, matched.groups.get(group.name), name_of, dn_later, by_primary_group)
    for entry in matched.undeclared_groups:
        plan.changes += _undeclared_group(entry, by_primary_group, settings, plan)
    plan.counts = _counts(plan.changes)
    return plan


def _units(desired: Desired, current: Current) -> Iterator[Change]:
    there = {normalise_dn(entry.dn) for entry in current.entries}
    units = {
        normalise_dn(unit.dn): unit
        for unit in (Declared(split_dn(desired.managed_ou)[0].partition("=")[2], desired.managed_ou), *desired.units)
    }
    for key, unit in sorted(units.items(), key=lambda item: len(split_dn(item[1].dn))):
        if key not in there:
            yield Change(
                stage=UNITS + len(split_dn(unit.dn)) - len(split_dn(desired.managed_ou)),
                action="add",
                dn=unit.dn,
                what=f"OU {unit.name}",
                values=(("objectClass", ("top", "organizationalUnit")), ("description", (MARK,))),
                after=(f"OU {unit.dn}",),
            )


def _user(user: User, entry: Entry | None, current: Current, settings: Settings, plan: Plan) -> Iterator[Change]:
    what = f"account {user.name}"
    texts = {
        "sAMAccountName": user.name,
        "userPrincipalName": user.upn,
        "displayName": user.display_name,
        "company": user.customer,
        "description": MARK,
    }
    if entry is None:
        if user.enabled:
            plan.without_password.append(user)
        # Without a password an account cannot be enabled; both follow together, once the password is handed over.
        control = NORMAL_ACCOUNT | PASSWORD_NEVER_EXPIRES | ACCOUNT_DISABLED
        state = "disabled until its password is set" if user.enabled else "disabled"
        yield Change(
            stage=ADD_USERS,
            action="add",
            dn=user.dn,
            what=what,
            values=(
                ("objectClass", ("top", "person", "organizationalPerson", "user")),
                *((name, (text,)) for name, text in texts.items()),
                ("userAccountControl", (str(control),)),
                ("accountExpires", (str(user.account_expires),)),
            ),
            after=(f"{what} of customer {user.customer}: {state}, {_expiry(user.account_expires)}",),
        )
        return

    owner = entry.text("company")
    if owner and owner.casefold() != user.customer.casefold():
        plan.handed_on.append((user, owner))
    set_at = entry.number("pwdLastSet") or 0
    if user.enabled and not set_at:
        plan.without_password.append(user)
    if user.enabled and set_at and settings.password_max_age_days:
        age = (current.now - filetime_to_datetime(set_at)).days
        if age > settings.password_max_age_days:
            plan.due_for_rotation.append((user, age))

    values: list[tuple[str, tuple[str, ...]]] = []
    before: list[str] = []
    after: list[str] = []
    for name, text in texts.items():
        if entry.text(name) != text:
            values.append((name, (text,)))
            before.append(f"{what}: {name} = {entry.text(name) or '(not set)'}")
            after.append(f"{what}: {name} = {text}")
    expires = entry.number("accountExpires") or 0
    if expires != user.account_expires and not {expires, user.account_expires} <= NEVER:
        values.append(("accountExpires", (str(user.account_expires),)))
        before.append(f"{what}: {_expiry(expires)}")
        after.append(f"{what}: {_expiry(user.account_expires)}")
    if entry.number("primaryGroupID") not in (None, DOMAIN_USERS):
        values.append(("primaryGroupID", (str(DOMAIN_USERS),)))
        before.append(f"{what}: primary group = {entry.number('primaryGroupID')}")
        after.append(f"{what}: primary group = {DOMAIN_USERS} (Domain Users)")

    control_now = _control(entry)
    let_in = user.enabled and bool(set_at)
    control = (
        NORMAL_ACCOUNT
        | PASSWORD_NEVER_EXPIRES
        | (control_now & SENSITIVE_NOT_DELEGATED)
        | (0 if let_in else ACCOUNT_DISABLED)
    )
    opens = bool(control_now & ACCOUNT_DISABLED) and let_in
    if control != control_now:
        control_change = ("userAccountControl", (str(control),))
        control_before, control_after = f"{what}: {_control_text(control_now)}", f"{what}: {_control_text(control)}"
        if opens:
            yield Change(
                ENABLE,
                "modify",
                _dn_later(entry, user.dn),
                what,
                values=(control_change,),
                before=(control_before,),
                after=(control_after,),
            )
        else:
            if not let_in and not control_now & ACCOUNT_DISABLED:
                plan.disabled.append(user.name)
            values.append(control_change)
            before.append(control_before)
            after.append(control_after)
    if values:
        yield Change(CUT, "modify", entry.dn, what, values=tuple(values), before=tuple(before), after=tuple(after))
    yield from _move(entry, user.dn, what)


def _undeclared_user(entry: Entry, managed_rids: set[str], settings: Settings, plan: Plan) -> Iterator[Change]:
    name = entry.text("sAMAccountName")
    what = f"account {name}"
    company = entry.text("company")
    whose = f"{what} of customer {company}" if company else what
    if settings.when_absent == "delete":
        plan.deleted.append(name)
        yield Change(DELETE, "delete", entry.dn, what, before=(f"{whose} (nobody declares it)",))
        return
    values: list[tuple[str, tuple[str, ...]]] = []
    before: list[str] = []
    after: list[str] = []
    control = _control(entry)
    if not control & ACCOUNT_DISABLED:
        plan.disabled.append(name)
        values.append(("userAccountControl", (str(control | ACCOUNT_DISABLED),)))
        before.append(f"{whose}: enabled (nobody declares it)")
        after.append(f"{whose}: disabled (nobody declares it)")
    if str(entry.number("primaryGroupID")) in managed_rids:
        values.append(("primaryGroupID", (str(DOMAIN_USERS),)))
        before.append(f"{whose}: primary group = {entry.number('primaryGroupID')}")
        after.append(f"{whose}: primary group = {DOMAIN_USERS} (Domain Users)")
    if values:
        yield Change(CUT, "modify", entry.dn, what, values=tuple(values), before=tuple(before), after=tuple(after))


def _group(
    group: Group,
    entry: Entry | None,
    name_of: Mapping[str, str],
    dn_later: Mapping[str, str],
    by_primary_group: Mapping[str, list[str]],
) -> Iterator[Change]:
    what = f"group {group.name}"
    if entry is None:
        first = group.members[:MEMBERS_PER_CHANGE]
        values: list[tuple[str, tuple[str, ...]]] = [
            ("objectClass", ("top", "group")),
            ("sAMAccountName", (group.name,)),
            ("groupType", (str(GLOBAL_GROUP),)),
            ("description", (group.description,)),
        ]
        if first:
            values.append(("member", tuple(dn_later[name] for name in first)))
        yield Change(
            ADD_GROUPS,
            "add",
            group.dn,
            what,
            values=tuple(values),
            after=(what, *(f"{what}: member {name}" for name in first)),
        )
        yield from _add_members(group.dn, what, group.members[MEMBERS_PER_CHANGE:], dn_later)
        return

    there: dict[str, str] = {}
    strays: set[str] = set()
    for dn in (*entry.texts("member"), *by_primary_group.get(entry.sid.rpartition("-")[2], ())):
        name = name_of.get(normalise_dn(dn))
        if name is None:
            strays.add(dn)
        else:
            there[name] = dn
    surplus = sorted(there.keys() - set(group.members))
    yield from _remove_members(
        entry.dn, what, [*((name, there[name]) for name in surplus), *((dn, dn) for dn in sorted(strays))]
    )

    values = []
    before: list[str] = []
    after: list[str] = []
    for attribute, text in (("sAMAccountName", group.name), ("description", group.description)):
        if entry.text(attribute) != text:
            values.append((attribute, (text,)))
            before.append(f"{what}: {attribute} = {entry.text(attribute) or '(not set)'}")
            after.append(f"{what}: {attribute} = {text}")
    if values:
        yield Change(GROUPS, "modify", entry.dn, what, values=tuple(values), before=tuple(before), after=tuple(after))
    kind = entry.number("groupType")
    if kind != GLOBAL_GROUP:
        # A domain local group becomes global only by way of universal (MS-SAMR 3.1.1.8.5).
        steps = [UNIVERSAL_GROUP, GLOBAL_GROUP] if kind == DOMAIN_LOCAL_GROUP else [GLOBAL_GROUP]
        for step, step_kind in enumerate(steps, 1):
            last = step == len(steps)
            yield Change(
                GROUPS + step,
                "modify",
                entry.dn,
                what,
                values=(("groupType", (str(step_kind),)),),
                before=(f"{what}: groupType = {kind}",) if last else (),
                after=(f"{what}: groupType = {GLOBAL_GROUP} (global security group)",) if last else (),
            )
    yield from _move(entry, group.dn, what)
    yield from _add_members(_dn_later(entry, group.dn), what, sorted(set(group.members) - there.keys()), dn_later)


def _undeclared_group(
    entry: Entry, by_primary_group: Mapping[str, list[str]], settings: Settings, plan: Plan
) -> Iterator[Change]:
    name = entry.text("sAMAccountName")
    what = f"group {name}"
    members = entry.texts("member")
    if settings.when_absent == "delete":
        plan.deleted.append(name)
        yield Change(
            DELETE,
            "delete",
            entry.dn,
            what,
            before=(f"{what} (nobody declares it)", *(f"{what}: member {dn}" for dn in members)),
        )
        return
    # Kept, since folders name its SID: a customer who returns finds the permissions as they were.
    members = [*members, *by_primary_group.get(entry.sid.rpartition("-")[2], ())]
    yield from _remove_members(entry.dn, what, [(dn, dn) for dn in sorted(members)])


def _add_members(dn: str, what: str, names: Sequence[str], dn_later: Mapping[str, str]) -> Iterator[Change]:
    for number, chunk in enumerate(_chunks(list(names))):
        yield Change(
            ADD_MEMBERS + number,
            "modify",
            dn,
            what,
            add_members=tuple(dn_later[name] for name in chunk),
            after=tuple(f"{what}: member {name}" for name in chunk),
        )


def _remove_members(dn: str, what: str, members: Sequence[tuple[str, str]]) -> Iterator[Change]:
    for number, chunk in enumerate(_chunks(list(members))):
        yield Change(
            CUT_MEMBERS + number,
            "modify",
            dn,
            what,
            remove_members=tuple(member_dn for _name, member_dn in chunk),
            before=tuple(f"{what}: member {name}" for name, _dn in chunk),
        )


def _move(entry: Entry, dn: str, what: str) -> Iterator[Change]:
    if normalise_dn(entry.dn) != normalise_dn(dn):
        yield Change(
            MOVE,
            "move",
            entry.dn,
            what,
            to=(split_dn(dn)[0], parent_dn(dn)),
            before=(f"{what}: at {entry.dn}",),
            after=(f"{what}: at {dn}",),
        )


def _dn_later(entry: Entry, dn: str) -> str:
    return entry.dn if normalise_dn(entry.dn) == normalise_dn(dn) else dn


def _chunks(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), MEMBERS_PER_CHANGE):
        yield values[start : start + MEMBERS_PER_CHANGE]


def _by_primary_group(entries: Iterable[Entry]) -> dict[str, list[str]]:
    """RID of a group -> the accounts that have it as their primary group: members that no member list shows."""
    members: dict[str, list[str]] = {}
    for entry in entries:
        if is_user(entry) and entry.number("primaryGroupID") not in (None, DOMAIN_USERS):
            members.setdefault(str(entry.number("primaryGroupID")), []).append(entry.dn)
    return members


def _control(entry: Entry) -> int:
    control: int = (entry.number("userAccountControl") or 0) & ~(LOCKED_OUT | PASSWORD_EXPIRED)
    return control


def _control_text(control: int) -> str:
    return f"{'disabled' if control & ACCOUNT_DISABLED else 'enabled'} (userAccountControl 0x{control:x})"


def _expiry(account_expires: int) -> str:
    if account_expires in NEVER:
        return "never expires"
    return f"expires {filetime_to_datetime(account_expires):%Y-%m-%d %H:%M} UTC"


def _counts(changes: Sequence[Change]) -> dict[str, int]:
    kinds = {"OU": "ous", "account": "accounts", "group": "groups"}
    counts = {f"{kind}_{done}": 0 for kind in ("ous", "accounts", "groups") for done in ("added", "changed", "deleted")}
    counts |= {"members_added": 0, "members_removed": 0}
    touched: set[str] = set()
    for change in changes:
        kind = kinds[change.what.partition(" ")[0]]
        counts["members_added"] += len(change.add_members) + sum(
            len(values) for name, values in change.values if name == "member"
        )
        counts["members_removed"] += len(change.remove_members)
        if change.action in ("add", "delete"):
            counts[f"{kind}_{'added' if change.action == 'add' else 'deleted'}"] += 1
        elif (change.values or change.action == "move") and change.what not in touched:
            touched.add(change.what)
            counts[f"{kind}_changed"] += 1
    return counts


# -- the guards --------------------------------------------------------------------------------------------------------


def check_readable(entries: Sequence[Entry]) -> None:
    """An attribute that the binding account may not read looks as if it were not set.

    For pwdLastSet that would mean a new password for everybody, at every run.
    """
    unreadable = {
        name: entry.dn
        for entry in entries
        for name in (
            ("userAccountControl", "pwdLastSet", "objectSid")
            if is_user(entry)
            else ("groupType", "objectSid")
            if entry.is_a("group")
            else ()
        )
        if name.lower() not in entry.attributes
    }
    if unreadable:
        what = ", ".join(f"{name} (of {dn})" for name, dn in sorted(unreadable.items()))
        raise DirectoryError(
            f"The account that binds may not read {what}. Nothing was changed. Let it read all properties in "
            "the managed OU."
        )


def check_names(desired: Desired, current: Current, matched: Matched, settings: Settings) -> None:
    """Every name that is taken, at once: by something outside the managed OU, or by something else in it."""
    problems: list[str] = []
    names = {thing.name.casefold(): thing for thing in desired.named}
    upns = {user.upn.casefold(): user for user in desired.users}
    ours = {entry.dn for entry in (*matched.users.values(), *matched.groups.values())}
    leaving = (
        {entry.dn for entry in (*matched.undeclared_users, *matched.undeclared_groups)}
        if settings.when_absent == "delete"
        else set()
    )
    for entry in current.namesakes:
        if entry.dn in ours or entry.dn in leaving:
            continue
        where = (
            "in the managed OU, as another kind of object"
            if is_below(entry.dn, desired.managed_ou)
            else "outside the managed OU"
        )
        thing = names.get(entry.text("sAMAccountName").casefold())
        if thing is not None:
            problems.append(f"{thing.name} is the name of {entry.dn}, {where}")
        elif entry.text("userPrincipalName").casefold() in upns:
            problems.append(f"{entry.text('userPrincipalName')} is the principal name of {entry.dn}, {where}")
    at = {normalise_dn(entry.dn): entry for entry in current.entries}
    for found, things in ((matched.users, desired.users), (matched.groups, desired.groups)):
        for thing in things:
            occupant = at.get(normalise_dn(thing.dn))
            if occupant is not None and occupant.dn not in leaving and occupant is not found.get(thing.name):
                problems.append(
                    f"{thing.name} belongs at {thing.dn}, where another object stands: "
                    + (occupant.text("sAMAccountName") or "one without a name of its own")
                )
    if problems:
        raise DirectoryError(
            f"Names are taken in the directory; nothing was changed: {few(sorted(problems), '; ')}. "
            "Choose another name in the customer's file, or rename what stands in the way."
        )


def check_ownership(desired: Desired, current: Current, matched: Matched, settings: Settings) -> None:
    """A managed OU that holds only foreign objects is a slip of the pen: it would disable a whole department."""
    strangers = [*matched.undeclared_users, *matched.undeclared_groups]
    ours = bool(matched.users or matched.groups) or any(entry.text("description") == MARK for entry in current.entries)
    if strangers and not ours and not settings.removal_confirmed:
        names = few([entry.text("sAMAccountName") or entry.dn for entry in strangers], ", ")
        raise DirectoryError(
            f"{desired.managed_ou} holds {len(strangers)} accounts and groups, and none of them is the "
            f"exchange's: {names}. Nothing was changed. "
            "The exchange disables or deletes what it finds in its OU and nobody declares: give it an OU of its own "
            "(exchange.directory.managed_ou), or say that these may go: -e directory_removal_confirmed=true."
        )


def check_vanished(desired: Desired, entries: Sequence[Entry], settings: Settings) -> None:
    """Many customers without a file at once: more likely a lost folder than an intention."""
    declared = {user.name.casefold(): user.customer for user in desired.users}
    customers: dict[str, str] = {}
    for entry in entries:
        if is_user(entry) and not _control(entry) & ACCOUNT_DISABLED:
            # Somebody else's account has no customer and counts for itself.
            account = entry.text("sAMAccountName")
            customer = entry.text("company") or declared.get(account.casefold(), account)
            customers.setdefault(customer.casefold(), customer)
    vanished = sorted(customer for key, customer in customers.items() if key not in desired.known_customers)
    if len(vanished) * 100 > settings.removal_limit_percent * len(customers) and not settings.removal_confirmed:
        share = round(len(vanished) * 100 / len(customers))
        raise DirectoryError(
            f"{len(vanished)} of the {len(customers)} customers with enabled accounts have no file any more "
            f"({share} %, the limit is "
            f"{settings.removal_limit_percent} %): {few(vanished, ', ')}. Nothing was changed. If files were "
            "lost, bring them back. "
            "If it is meant, write `state: absent` into the files, or run once with -e "
            "directory_removal_confirmed=true."
        )


def few(texts: Sequence[str], separator: str) -> str:
    """A list that a message can bear."""
    more = len(texts) - NAMES_IN_A_MESSAGE
    return separator.join(texts[:NAMES_IN_A_MESSAGE]) + (f"{separator}and {more} more" if more > 0 else "")
