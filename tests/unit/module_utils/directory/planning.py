"""A small declaration, and how tests plan and apply it."""

from __future__ import annotations

from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.directory.changes import make_plan
from ansible_collections.ftps.exchange.plugins.module_utils.directory.declared import read_desired
from ansible_collections.ftps.exchange.plugins.module_utils.directory.plan import Plan, Settings
from ansible_collections.ftps.exchange.plugins.modules import ldap_directory

from tests.unit.module_utils.fake_directory import MANAGED_OU, FakeDirectory

ACCOUNTS = {"acme-up": "acme", "acme-read": "acme", "globex-up": "globex"}
GROUPS = {
    "ftpsx-customers": sorted(ACCOUNTS),
    "ftpsx-home-acme-write": ["acme-up"],
    "ftpsx-home-acme-read": ["acme-read"],
}
DELETE = Settings(when_absent="delete")


def plan(directory: FakeDirectory, declared: dict[str, Any], how: Settings | None = None) -> Plan:
    desired = read_desired(declared, MANAGED_OU)
    current, _domain_sid, _lockout = ldap_directory.read_current(directory, desired)
    return make_plan(desired, current, how or Settings())


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


def lines(made: Plan) -> tuple[list[str], list[str]]:
    diff = ldap_directory.diff_of(made, MANAGED_OU)
    return diff["before"].splitlines(), diff["after"].splitlines()


def control(directory: FakeDirectory, name: str) -> int:
    return int(directory.named(name).text("userAccountControl"))
