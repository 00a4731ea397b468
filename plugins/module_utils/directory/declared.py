"""The desired content of the managed OU, from the filter exchange_directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import is_below, normalise_dn
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import DirectoryError
from ansible_collections.ftps.exchange.plugins.module_utils.messages import few


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


def read_desired(raw: Mapping[str, Any], managed_ou: str) -> Desired:
    """Read the declared objects from a task's argument. Raises with all problems."""
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
        f"{thing.name}: {thing.dn} is not in the managed OU {managed_ou}"
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
        f"{group.name}: the member {name} is not a declared account"
        for group in desired.groups
        for name in group.members
        if name not in accounts
    ]
    if problems:
        raise DirectoryError(f"directory: {few(problems, '; ')}.")
    return desired
