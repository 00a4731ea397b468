"""Current and desired content of the managed OU -> the changes, in order. No connection to a server.

Everything below the managed OU is owned. An account or a group that nobody declared is disabled and emptied, or
deleted; computers, contacts and other OUs are reported and not changed.

The order of the changes: what takes access away comes first, and what lets somebody in comes last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.ftps.exchange.plugins.module_utils.directory.accounts import (
    declared_account,
    undeclared_account,
)
from ansible_collections.ftps.exchange.plugins.module_utils.directory.declared import Declared, Desired
from ansible_collections.ftps.exchange.plugins.module_utils.directory.groups import (
    Accounts,
    declared_group,
    undeclared_group,
)
from ansible_collections.ftps.exchange.plugins.module_utils.directory.guards import (
    check_names,
    check_ownership,
    check_readable,
    check_vanished,
)
from ansible_collections.ftps.exchange.plugins.module_utils.directory.matching import Matched, by_primary_group, match
from ansible_collections.ftps.exchange.plugins.module_utils.directory.plan import (
    NEW_UNIT,
    UNITS,
    Current,
    Plan,
    Settings,
)
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import normalise_dn, split_dn
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import Change


def make_plan(desired: Desired, current: Current, settings: Settings) -> Plan:
    """The changes from the current to the desired content. Raises if a guard stops the run."""
    matched = match(desired, current.entries)
    check_readable(current.entries)
    check_names(desired, current, matched, settings)
    check_ownership(desired, current, matched, settings)
    check_vanished(desired, current.entries, settings)

    plan = Plan(left_alone=[entry.dn for entry in matched.others])
    plan.changes += _units(desired, current)
    for user in desired.users:
        plan.changes += declared_account(user, matched.users.get(user.name), current.now, settings, plan)
    managed_rids = {entry.sid.rpartition("-")[2] for entry in (*matched.groups.values(), *matched.undeclared_groups)}
    for entry in matched.undeclared_users:
        plan.changes += undeclared_account(entry, managed_rids, settings, plan)
    accounts = _accounts(desired, current, matched)
    for group in desired.groups:
        plan.changes += declared_group(group, matched.groups.get(group.name), accounts)
    for entry in matched.undeclared_groups:
        plan.changes += undeclared_group(entry, accounts, settings, plan)
    plan.counts = _counts(plan.changes)
    return plan


def _accounts(desired: Desired, current: Current, matched: Matched) -> Accounts:
    dn_now = {
        user.name: matched.users[user.name].dn if user.name in matched.users else user.dn for user in desired.users
    }
    return Accounts(
        name_of={normalise_dn(dn): name for name, dn in dn_now.items()},
        dn_later={user.name: user.dn for user in desired.users},
        by_primary_group=by_primary_group(current.entries),
    )


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
                values=NEW_UNIT,
                after=(f"OU {unit.dn}",),
            )


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
