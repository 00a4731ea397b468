"""Matches declared objects with those in the directory.

An account is found again by its sAMAccountName, else by its place, else by its userPrincipalName, so what somebody
moved or renamed by hand is put back and keeps its SID and password.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ansible_collections.ftps.exchange.plugins.module_utils.directory.declared import Desired, Group, User
from ansible_collections.ftps.exchange.plugins.module_utils.directory.lock import is_lock
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import normalise_dn
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import Entry

DOMAIN_USERS: Final = 513
"""RID of the group that is everybody's primary group unless somebody changed it (MS-DTYP 2.4.2.4)."""


@dataclass(frozen=True)
class Matched:
    """Matches declared objects with those in the directory."""

    users: Mapping[str, Entry]
    groups: Mapping[str, Entry]
    undeclared_users: tuple[Entry, ...]
    undeclared_groups: tuple[Entry, ...]
    others: tuple[Entry, ...]


def match(desired: Desired, entries: Sequence[Entry]) -> Matched:
    """Declared and existing objects, by name, else by place, else by principal name."""
    users = [entry for entry in entries if is_user(entry)]
    groups = [entry for entry in entries if entry.is_a("group")]
    units = {normalise_dn(unit.dn) for unit in desired.units} | {normalise_dn(desired.managed_ou)}
    others = [
        entry
        for entry in entries
        if not is_user(entry)
        and not entry.is_a("group")
        and normalise_dn(entry.dn) not in units
        and not is_lock(entry.dn, desired.managed_ou)
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


def by_primary_group(entries: Iterable[Entry]) -> dict[str, list[str]]:
    """RID of a group -> the accounts that have it as their primary group: members that no member list shows."""
    members: dict[str, list[str]] = {}
    for entry in entries:
        if is_user(entry) and entry.number("primaryGroupID") not in (None, DOMAIN_USERS):
            members.setdefault(str(entry.number("primaryGroupID")), []).append(entry.dn)
    return members
