"""The state of an account, from what a directory holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.directory.lockout import Lockout
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import Entry
from ansible_collections.ftps.exchange.plugins.modules.ldap_evidence import read_accounts, state_of

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp()
HALF_AN_HOUR = Lockout(3, 1800, 1800)


def filetime(seconds: float) -> str:
    return str(int((seconds + 11644473600) * 10_000_000))


def entry(**attributes: str) -> Entry:
    values = {"samaccountname": "acme-up", "useraccountcontrol": "66048", "accountexpires": "0", **attributes}
    return Entry("CN=acme-up,OU=X", {key.lower(): [value.encode()] for key, value in values.items()})


@pytest.mark.parametrize(
    ("attributes", "state"),
    [
        ({}, {"enabled": True, "expires": None, "locked": False, "last_login": None}),
        ({"userAccountControl": "66050"}, {"enabled": False}),
        ({"accountExpires": filetime(NOW - 5)}, {"expires": NOW - 5}),
        ({"accountExpires": str(2**63 - 1)}, {"expires": None}),
        ({"lockoutTime": "0"}, {"locked": False, "locked_until": None}),
        ({"lockoutTime": filetime(NOW - 60)}, {"locked": True, "locked_until": NOW + 1740}),
        ({"lockoutTime": filetime(NOW - 1801)}, {"locked": False}),
        ({"lastLogon": filetime(NOW - 9), "lastLogonTimestamp": filetime(NOW - 99)}, {"last_login": NOW - 9}),
        ({"lastLogon": "0", "lastLogonTimestamp": filetime(NOW - 99)}, {"last_login": NOW - 99}),
        ({"pwdLastSet": "0"}, {"password_set": None}),
        ({"memberOf": "CN=ftpsx-customers,OU=Groups,DC=corp"}, {"groups": ["ftpsx-customers"]}),
    ],
)
def test_state(attributes: dict[str, str], state: dict[str, Any]) -> None:
    found = state_of(entry(**attributes), HALF_AN_HOUR, NOW)
    assert {key: found[key] for key in state} == state


def test_a_lock_without_an_end() -> None:
    found = state_of(entry(lockoutTime=filetime(NOW - 10**6)), Lockout(3, 1800, 0), NOW)
    assert (found["locked"], found["locked_until"]) == (True, None)


class Directory:
    """Two accounts of the domain; answers any search below the managed OU with those that are asked for."""

    def search_page(
        self, base: str, scope: str, text: str, attributes: Any, cookie: bytes
    ) -> tuple[list[tuple[str, dict[str, list[bytes]]]], bytes]:
        if not base:
            return [("", {"defaultNamingContext": [b"DC=corp"], "currentTime": [b"20261130120000.0Z"]})], b""
        if base == "DC=corp":
            return [("DC=corp", {"lockoutThreshold": [b"3"], "lockoutDuration": [b"-18000000000"]})], b""
        names = [name for name in ("acme-up", "acme-read") if f"={name})" in text]
        return [(f"CN={name},{base}", {"sAMAccountName": [name.upper().encode()]}) for name in names], b""


def test_accounts_by_name_and_null_for_those_that_are_not_there() -> None:
    found, now = read_accounts(Directory(), "OU=X,DC=corp", ["acme-up", "acme-nobody"])
    assert found["acme-up"]["enabled"] is True
    assert found["acme-nobody"] is None
    assert now == NOW
