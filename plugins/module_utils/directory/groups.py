"""The changes of groups and their members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from ansible_collections.ftps.exchange.plugins.module_utils.directory.declared import Group
from ansible_collections.ftps.exchange.plugins.module_utils.directory.modification import Modification, dn_later, move
from ansible_collections.ftps.exchange.plugins.module_utils.directory.plan import (
    ADD_GROUPS,
    ADD_MEMBERS,
    CUT_MEMBERS,
    DELETE,
    GROUPS,
    Plan,
    Settings,
)
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import normalise_dn
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import Change, Entry

GLOBAL_GROUP: Final = -2147483646
UNIVERSAL_GROUP: Final = -2147483640
DOMAIN_LOCAL_GROUP: Final = -2147483644
"""groupType of a security group (MS-ADTS 2.2.12): a signed number, the top bit says security."""

MEMBERS_PER_CHANGE: Final = 1000
"""Values in one change of a member list. Microsoft advises to stay below 5,000 changes of links in one transaction."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Accounts:
    """The declared accounts by place, since member lists name places."""

    #: normalised DN of today -> name
    name_of: Mapping[str, str]
    #: name -> DN once all is moved
    dn_later: Mapping[str, str]
    #: RID of a group -> DNs of the accounts that have it as their primary group
    by_primary_group: Mapping[str, list[str]]

    def members_by_primary_group(self, group: Entry) -> Sequence[str]:
        return self.by_primary_group.get(group.sid.rpartition("-")[2], ())


def declared_group(group: Group, entry: Entry | None, accounts: Accounts) -> Iterator[Change]:
    """The changes of a group that is declared."""
    if entry is None:
        yield from _new(group, accounts)
    else:
        yield from _existing(group, entry, accounts)


def _new(group: Group, accounts: Accounts) -> Iterator[Change]:
    what = f"group {group.name}"
    first = group.members[:MEMBERS_PER_CHANGE]
    values: list[tuple[str, tuple[str, ...]]] = [
        ("objectClass", ("top", "group")),
        ("sAMAccountName", (group.name,)),
        ("groupType", (str(GLOBAL_GROUP),)),
        ("description", (group.description,)),
    ]
    if first:
        values.append(("member", tuple(accounts.dn_later[name] for name in first)))
    yield Change(
        ADD_GROUPS,
        "add",
        group.dn,
        what,
        values=tuple(values),
        after=(what, *(f"{what}: member {name}" for name in first)),
    )
    yield from _add_members(group.dn, what, group.members[MEMBERS_PER_CHANGE:], accounts)


def _existing(group: Group, entry: Entry, accounts: Accounts) -> Iterator[Change]:
    what = f"group {group.name}"
    there: dict[str, str] = {}
    strays: set[str] = set()
    for dn in (*entry.texts("member"), *accounts.members_by_primary_group(entry)):
        name = accounts.name_of.get(normalise_dn(dn))
        if name is None:
            strays.add(dn)
        else:
            there[name] = dn
    surplus = sorted(there.keys() - set(group.members))
    yield from _remove_members(
        entry.dn, what, [*((name, there[name]) for name in surplus), *((dn, dn) for dn in sorted(strays))]
    )

    attributes = Modification(what)
    attributes.replace_text(entry, "sAMAccountName", group.name)
    attributes.replace_text(entry, "description", group.description)
    yield from attributes.changes(GROUPS, entry.dn)
    yield from _to_global(entry, what)
    yield from move(entry, group.dn, what)
    yield from _add_members(dn_later(entry, group.dn), what, sorted(set(group.members) - there.keys()), accounts)


def _to_global(entry: Entry, what: str) -> Iterator[Change]:
    kind = entry.number("groupType")
    if kind == GLOBAL_GROUP:
        return
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


def undeclared_group(entry: Entry, accounts: Accounts, settings: Settings, plan: Plan) -> Iterator[Change]:
    """Empty an undeclared group, or delete it."""
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
            before=(f"{what} (not declared)", *(f"{what}: member {dn}" for dn in members)),
        )
        return
    # Kept, since folders name its SID: a customer who returns finds the permissions as they were.
    members = [*members, *accounts.members_by_primary_group(entry)]
    yield from _remove_members(entry.dn, what, [(dn, dn) for dn in sorted(members)])


def _add_members(dn: str, what: str, names: Sequence[str], accounts: Accounts) -> Iterator[Change]:
    for number, chunk in enumerate(_chunks(names)):
        yield Change(
            ADD_MEMBERS + number,
            "modify",
            dn,
            what,
            add_members=tuple(accounts.dn_later[name] for name in chunk),
            after=tuple(f"{what}: member {name}" for name in chunk),
        )


def _remove_members(dn: str, what: str, members: Sequence[tuple[str, str]]) -> Iterator[Change]:
    for number, chunk in enumerate(_chunks(members)):
        yield Change(
            CUT_MEMBERS + number,
            "modify",
            dn,
            what,
            remove_members=tuple(member_dn for _name, member_dn in chunk),
            before=tuple(f"{what}: member {name}" for name, _dn in chunk),
        )


def _chunks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    for start in range(0, len(values), MEMBERS_PER_CHANGE):
        yield values[start : start + MEMBERS_PER_CHANGE]
