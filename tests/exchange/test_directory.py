"""The directory, seen from inside: whose accounts work.

An account of somebody who left cannot be tried from outside, because nobody knows its password any more.
"""

from __future__ import annotations

import re

import pytest

from .outcomes import does_not_apply
from .recorder import Evidence
from .target import Target

pytestmark = pytest.mark.inside

DATABASE = "/var/lib/samba/private/sam.ldb"
MEMBERS = "(&(objectClass=group)(sAMAccountName=*-customers))"
DISABLED = 0x2
"""ADS_UF_ACCOUNTDISABLE (MS-ADTS 2.2.16)."""


@pytest.mark.risk("unknown-hosts", decides=True)
def test_who_is_not_declared_has_no_working_account(target: Target, evidence: Evidence) -> None:
    """Of the accounts that the directory lets into the exchange only the declared ones are enabled.

    Suspended customers' accounts stay in their groups and are disabled.

    Source: MS-ADTS 2.2.16 (userAccountControl); docs/passwords.md.
    """
    if target.directory.run("test", "-e", DATABASE).returncode != 0:
        does_not_apply("the directory is none that Samba keeps")
    group = re.search(r"^dn: (.+)$", target.directory.sh(f"ldbsearch -H {DATABASE} '{MEMBERS}' dn"), re.MULTILINE)
    assert group, "the directory has no group of all customers"
    found = target.directory.sh(
        f"ldbsearch -H {DATABASE} '(memberOf={group.group(1)})' sAMAccountName userAccountControl"
    )
    accounts = {
        name: int(flags)
        for block in found.split("\n\n")
        for name in re.findall(r"^sAMAccountName: (.+)$", block, re.MULTILINE)
        for flags in re.findall(r"^userAccountControl: (.+)$", block, re.MULTILINE)
    }
    enabled = {name for name, flags in accounts.items() if not flags & DISABLED}
    declared = {account.name for customer in target.customers.values() for account in customer.accounts}
    evidence(f"enabled: {', '.join(sorted(enabled))}; disabled: {', '.join(sorted(accounts.keys() - enabled)) or '-'}")
    assert accounts, f"nobody is a member of {group.group(1)}"
    others = sorted(enabled - declared)
    assert not others, f"these may log in and are declared nowhere as present: {', '.join(others)}"
