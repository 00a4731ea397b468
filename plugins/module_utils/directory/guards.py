"""Checks that stop a run before any change: taken names, and mistakes that would lock out many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.ftps.exchange.plugins.module_utils.directory.accounts import control_of
from ansible_collections.ftps.exchange.plugins.module_utils.directory.declared import Declared, Desired
from ansible_collections.ftps.exchange.plugins.module_utils.directory.matching import Matched, is_user
from ansible_collections.ftps.exchange.plugins.module_utils.directory.plan import MARK, Current, Settings
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import is_below, normalise_dn, split_dn
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import DirectoryError, Entry
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.values import ACCOUNT_DISABLED
from ansible_collections.ftps.exchange.plugins.module_utils.messages import few
from ansible_collections.ftps.exchange.plugins.module_utils.removal import SETTING, Removal, refusal


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
            f"The bind account may not read {what}. Nothing was changed. Let it read all properties in the managed OU."
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
    before = _ou_before(desired, [entry for entry in current.namesakes if entry.dn not in ours | leaving], names)
    if before is not None:
        raise DirectoryError(
            f"The OU changed: exchange.directory.managed_ou is {desired.managed_ou}, and the accounts and groups of "
            f"the exchange are in {before}. Nothing was changed. Write the old OU back. If the new one is meant, move "
            "the old OU there in the directory, so that accounts keep their passwords and groups their SIDs, and run "
            "again."
        )
    at = {normalise_dn(entry.dn): entry for entry in current.entries}
    for found, things in ((matched.users, desired.users), (matched.groups, desired.groups)):
        for thing in things:
            occupant = at.get(normalise_dn(thing.dn))
            if occupant is not None and occupant.dn not in leaving and occupant is not found.get(thing.name):
                problems.append(
                    f"{thing.name} belongs at {thing.dn}, where another object stands: "
                    + (occupant.text("sAMAccountName") or "one without its own name")
                )
    if problems:
        raise DirectoryError(
            f"Names are taken in the directory; nothing was changed: {few(sorted(problems), '; ')}. "
            "Choose another name in the customer's file, or rename the existing object."
        )


def _ou_before(desired: Desired, namesakes: Sequence[Entry], names: Mapping[str, Declared]) -> str | None:
    """The one OU in which every namesake has just the place that it should have in the managed one."""
    managed = len(split_dn(desired.managed_ou))
    found: set[str] = set()
    for entry in namesakes:
        thing = names.get(entry.text("sAMAccountName").casefold())
        if thing is None:
            return None
        inner = split_dn(thing.dn)[:-managed]
        there = split_dn(entry.dn)
        if normalise_dn(",".join(there[: len(inner)])) != normalise_dn(",".join(inner)):
            return None
        found.add(",".join(there[len(inner) :]))
    before = found.pop() if len(found) == 1 else None
    # A single one may be there by chance
    enough = len(namesakes) > 1 or len(names) == 1
    return before if before and enough and normalise_dn(before) != normalise_dn(desired.managed_ou) else None


def check_ownership(desired: Desired, current: Current, matched: Matched, settings: Settings) -> None:
    """A managed OU with only foreign objects is a mistake: the run would disable a whole department."""
    strangers = [*matched.undeclared_users, *matched.undeclared_groups]
    ours = bool(matched.users or matched.groups) or any(entry.text("description") == MARK for entry in current.entries)
    if strangers and not ours and not settings.removal_confirmed:
        names = few([entry.text("sAMAccountName") or entry.dn for entry in strangers])
        raise DirectoryError(
            f"{desired.managed_ou} holds {len(strangers)} accounts and groups, and none of them is the "
            f"exchange's: {names}. Nothing was changed. "
            "The exchange disables or deletes undeclared objects in its OU: give it a separate OU "
            f"(exchange.directory.managed_ou), or say that these may go: {SETTING}."
        )


def check_vanished(desired: Desired, entries: Sequence[Entry], settings: Settings) -> None:
    """Many missing customers at once are probably a lost folder."""
    declared = {user.name.casefold(): user.customer for user in desired.users}
    customers: dict[str, str] = {}
    for entry in entries:
        if is_user(entry) and not control_of(entry) & ACCOUNT_DISABLED:
            # An account without a customer counts as one customer.
            account = entry.text("sAMAccountName")
            customer = entry.text("company") or declared.get(account.casefold(), account)
            customers.setdefault(customer.casefold(), customer)
    removal = Removal(desired.known_customers, settings.removal_limit_percent, settings.removal_confirmed)
    if reason := refusal(customers.values(), (), removal, "customers with enabled accounts"):
        raise DirectoryError(reason)
