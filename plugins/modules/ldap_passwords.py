#!/usr/bin/python
"""Passwords of accounts in the managed OU."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ldap_passwords
short_description: Set passwords of accounts in the managed OU, enable and unlock them
version_added: "0.1.0"
description:
  - Runs on the directory runner, the host that connects to the directory by LDAPS.
  - Sets the given password of each account. The same request enables the accounts in O(enable), so no account is ever
    enabled without its new password. Lifts a lock-out after failed attempts.
  - Works only with accounts in the managed OU. If one of them does not exist, the module fails before it changes
    anything.
  - A password cannot be read back, so each call sets them all and reports a change.
extends_documentation_fragment: [ftps.exchange.ldap_connection]
options:
  passwords:
    description:
      - The password of each account, by account name. In check mode the values do not matter; the accounts are looked
        up.
    type: dict
    required: true
  enable:
    description: The accounts in O(passwords) to enable. The others stay enabled or disabled as they are.
    type: list
    elements: str
    default: []
notes:
  - O(bind_dn) needs the right to reset passwords in the managed OU.
  - No message of this module contains a password. Use C(no_log) on the task, because its arguments do.
attributes:
  check_mode:
    support: full
    description: Checks whether all accounts exist.
  diff_mode:
    support: none
    description: Everything would be secret.
seealso:
  - module: ftps.exchange.ldap_directory
  - module: ftps.exchange.exchange_handover
author: the ftps-exchange authors
"""

EXAMPLES = r"""
- name: Set the initial passwords
  ftps.exchange.ldap_passwords:
    server_uri: ldaps://dc1.corp.example
    bind_dn: svc-ftps-exchange@corp.example
    bind_password: "{{ vault_directory_password }}"
    ca_cert: "{{ lookup('ansible.builtin.file', 'files/corp-ca.pem') }}"
    managed_ou: OU=FTPS Exchange,DC=corp,DC=example
    passwords: "{{ handover.passwords }}"
    enable: "{{ handover.passwords | list }}"
  no_log: true
"""

RETURN = r"""
accounts:
  description: The accounts whose password was set.
  type: list
  elements: str
  returned: always, once the directory was reached
refused:
  description: The server's messages about the others, such as a password rule that was not met.
  type: dict
  returned: always, once the directory was reached
"""

from collections.abc import Iterable, Mapping

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.ftps.exchange.plugins.module_utils.directory.matching import is_user
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.connection import (
    LDAP_IMPORT_ERROR,
    LdapsSession,
    ldap_arguments,
)
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import (
    Change,
    DirectoryError,
    Entry,
    NoSuchObjectError,
)
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.search import Session, search_names
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.values import (
    ACCOUNT_DISABLED,
    LOCKED_OUT,
    PASSWORD_EXPIRED,
    PASSWORD_NOT_REQUIRED,
    encode_password,
)
from ansible_collections.ftps.exchange.plugins.module_utils.messages import few


def find_accounts(session: Session, managed_ou: str, names: Iterable[str]) -> dict[str, Entry]:
    """The accounts of these names. Raises when one of them is not in the managed OU."""
    wanted = {name.casefold(): name for name in names}
    try:
        entries = search_names(
            session,
            managed_ou,
            {"sAMAccountName": wanted.values()},
            ("objectClass", "sAMAccountName", "userAccountControl", "lockoutTime"),
        )
    except NoSuchObjectError:
        entries = []
    found = {entry.text("sAMAccountName").casefold(): entry for entry in entries if is_user(entry)}
    missing = sorted(name for key, name in wanted.items() if key not in found)
    if missing:
        raise DirectoryError(
            f"No account of that name in {managed_ou}: {few(missing)}. No password was set. Run "
            "playbooks/directory.yml first, which makes the accounts."
        )
    return {name: found[key] for key, name in wanted.items()}


def password_change(name: str, entry: Entry, password: str, enable: bool) -> Change:
    """One request for each account: either all of it happens, or nothing."""
    values: list[tuple[str, tuple[str | bytes, ...]]] = [("unicodePwd", (encode_password(password),))]
    control = entry.number("userAccountControl") or 0
    if enable and control & ACCOUNT_DISABLED:
        values.append(
            (
                "userAccountControl",
                (str(control & ~(ACCOUNT_DISABLED | PASSWORD_NOT_REQUIRED | LOCKED_OUT | PASSWORD_EXPIRED)),),
            )
        )
    if entry.number("lockoutTime"):
        values.append(("lockoutTime", ("0",)))
    return Change(stage=0, action="modify", dn=entry.dn, what=name, values=tuple(values))


def set_passwords(
    session: LdapsSession, accounts: Mapping[str, Entry], passwords: Mapping[str, str], enable: Iterable[str]
) -> dict[str, str]:
    """Set them all. Returns what the server refused, by account."""
    enabled = set(enable)
    changes = [password_change(name, entry, passwords[name], name in enabled) for name, entry in accounts.items()]
    refused: dict[str, str] = session.modify_each(changes)
    return refused


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ldap_arguments(),
            "passwords": {"type": "dict", "required": True, "no_log": True},
            "enable": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    if LDAP_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("python-ldap"), exception=LDAP_IMPORT_ERROR)
    options = module.params
    passwords: dict[str, str] = options["passwords"]
    refused: dict[str, str] = {}
    try:
        session = LdapsSession(options["server_uri"], options["bind_dn"], options["bind_password"], options["ca_cert"])
        accounts = find_accounts(session, options["managed_ou"], passwords)
        if not module.check_mode:
            refused = set_passwords(session, accounts, passwords, options["enable"])
    except DirectoryError as error:
        module.fail_json(msg=str(error))
    done = sorted(name for name in accounts if name not in refused)
    if refused:
        reasons = few([f"{name}: {reason}" for name, reason in sorted(refused.items())], "; ")
        module.fail_json(
            msg=f"The directory refused {len(refused)} of {len(accounts)} passwords: {reasons}. "
            f"The other {len(done)} are set.",
            changed=bool(done),
            accounts=done,
            refused=refused,
        )
    module.exit_json(changed=bool(accounts), accounts=done, refused=refused)


if __name__ == "__main__":
    main()
