#!/usr/bin/python
"""The state of accounts in the directory. Reads only."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ldap_evidence
short_description: Read the state of accounts in Active Directory
description:
  - Runs on the directory runner, the host that connects to the directory by LDAPS.
  - Changes nothing.
  - Returns for each account whether it exists, is enabled, has expired or is locked out, the age of its password, its
    last login and its groups.
extends_documentation_fragment: [ftps.exchange.ldap_connection]
options:
  accounts:
    description: Names of the accounts.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
notes:
  - The last login is the one that this controller knows (C(lastLogon)), or the replicated one (C(lastLogonTimestamp)),
    which may be up to 14 days old.
author: the ftps-exchange authors
"""

EXAMPLES = r"""
- name: Read the state of acme's accounts
  ftps.exchange.ldap_evidence:
    server_uri: ldaps://dc1.corp.example
    bind_dn: svc-ftps-exchange@corp.example
    bind_password: "{{ vault_directory_password }}"
    ca_cert: "{{ lookup('ansible.builtin.file', 'files/corp-ca.pem') }}"
    managed_ou: OU=FTPS Exchange,DC=corp,DC=example
    accounts: [acme-up, acme-read]
  register: evidence
"""

RETURN = r"""
now: {description: Time of the controller., returned: success, type: float}
accounts:
  description: By name; null for an account that is not in the managed OU. Times are seconds since 1970, null for never.
  returned: success
  type: dict
  sample:
    acme-up:
      enabled: true
      expires: null
      locked_until: null
      locked: false
      password_set: 1796000000.0
      last_login: 1796000000.0
      bad_passwords: 0
      groups: [ftpsx-customers, ftpsx-home-acme-write]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.ftps.exchange.plugins.module_utils.directory.lockout import ATTRIBUTES as LOCKOUT_ATTRIBUTES
from ansible_collections.ftps.exchange.plugins.module_utils.directory.lockout import Lockout, lockout_of
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.connection import (
    LDAP_IMPORT_ERROR,
    LdapsSession,
    ldap_arguments,
)
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import DirectoryError, Entry
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.search import (
    Session,
    read_root,
    search,
    search_names,
)
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.values import (
    ACCOUNT_DISABLED,
    NEVER,
    filetime_to_datetime,
)

ATTRIBUTES = [
    *("sAMAccountName", "userAccountControl", "accountExpires", "lockoutTime", "pwdLastSet", "badPwdCount"),
    *("lastLogon", "lastLogonTimestamp", "memberOf"),
]


def moment(entry: Entry, attribute: str) -> float | None:
    """A time of the directory as seconds since 1970; None for never."""
    value = entry.number(attribute)
    return None if value is None or value in NEVER else filetime_to_datetime(value).timestamp()


def state_of(entry: Entry, lockout: Lockout, now: float) -> dict[str, Any]:
    """What an entry says about its account."""
    locked_at = moment(entry, "lockoutTime")
    until = locked_at + lockout.duration_seconds if locked_at and lockout.duration_seconds else None
    logins = [found for name in ("lastLogon", "lastLogonTimestamp") if (found := moment(entry, name)) is not None]
    return {
        "enabled": not (entry.number("userAccountControl") or 0) & ACCOUNT_DISABLED,
        "expires": moment(entry, "accountExpires"),
        "locked": locked_at is not None and (until is None or until > now),
        "locked_until": until,
        "password_set": moment(entry, "pwdLastSet"),
        "last_login": max(logins, default=None),
        "bad_passwords": entry.number("badPwdCount") or 0,
        # The first part of a group's name is its name here: CN=ftpsx-customers,OU=…
        "groups": sorted(dn.partition(",")[0].partition("=")[2] for dn in entry.texts("memberOf")),
    }


def read_accounts(session: Session, managed_ou: str, accounts: list[str]) -> tuple[dict[str, Any], float]:
    """The state of each account, and the controller's time."""
    domain, now = read_root(session)
    (top,) = search(session, domain, "base", "(objectClass=*)", LOCKOUT_ATTRIBUTES)
    found: dict[str, Any] = dict.fromkeys(accounts)
    names = {account.casefold(): account for account in accounts}
    for entry in search_names(session, managed_ou, {"sAMAccountName": accounts}, ATTRIBUTES):
        account = names.get(entry.text("sAMAccountName").casefold())
        if account is not None:
            found[account] = state_of(entry, lockout_of(top), now.timestamp())
    return found, now.timestamp()


def main() -> None:
    module = AnsibleModule(
        argument_spec={**ldap_arguments(), "accounts": {"type": "list", "elements": "str", "required": True}},
        supports_check_mode=True,
    )
    if LDAP_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("python-ldap"), exception=LDAP_IMPORT_ERROR)
    asked = module.params
    try:
        session = LdapsSession(asked["server_uri"], asked["bind_dn"], asked["bind_password"], asked["ca_cert"])
        accounts, now = read_accounts(session, asked["managed_ou"], asked["accounts"])
    except DirectoryError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, accounts=accounts, now=now)


if __name__ == "__main__":
    main()
