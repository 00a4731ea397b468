"""The input of a run, and its result: changes and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from ansible_collections.ftps.exchange.plugins.module_utils.directory.declared import User
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import Change, Entry

MARK: Final = "Managed by ftps-exchange"
"""The description of all objects of this project in the directory."""

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

NEW_UNIT: Final = (("objectClass", ("top", "organizationalUnit")), ("description", (MARK,)))
"""The attributes of an OU that this project creates."""

# The stages: up to DELETE they take something away, after it they give. What is in one of them may reach the server in
# any order.
UNITS = 0  # one more for each level
CUT = 20  # accounts disabled, other attributes of accounts
CUT_MEMBERS = 30  # one more for each further chunk
DELETE = 40
GROUPS = 50  # attributes of groups; one more for each step of a conversion
MOVE = 60
ADD_USERS = 70
ADD_GROUPS = 71
ADD_MEMBERS = 80  # one more for each further chunk
PASSWORDS = 999_999
ENABLE = 1_000_000


@dataclass(frozen=True)
class Settings:
    when_absent: Literal["disable", "delete"] = "disable"
    removal_limit_percent: int = 50
    removal_confirmed: bool = False
    password_max_age_days: int = 0
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By account, for those that have none yet. They are handed over already."""


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
