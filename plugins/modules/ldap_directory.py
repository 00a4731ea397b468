#!/usr/bin/python
"""The whole managed OU of Active Directory in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ldap_directory
short_description: Bring one OU of Active Directory to the declared state, in one call
version_added: "0.1.0"
description:
  - Runs on the directory runner, the host that connects to the directory by LDAPS.
  - Takes the whole list of organisational units, groups with their members, and accounts, reads the managed OU in a
    few paged searches, and changes only the difference. Works with Microsoft's and with Samba's directory.
  - Everything in the managed OU is owned. An undeclared member is removed from its group (even if it is a group, or
    is from elsewhere in the domain). An undeclared account is disabled and loses its memberships, or is deleted
    (O(when_absent)). Computers, contacts and further OUs in it are not touched, and are reported. Objects outside are
    never touched. If one of them has a required name, the module fails before it changes anything, and names every
    such case.
  - An account without a password is disabled, unless O(passwords) has one for it. One request then creates and enables
    it.
    An account that has a password (C(pwdLastSet) is not 0) is enabled and disabled as declared.
  - Passwords do not expire (C(DONT_EXPIRE_PASSWORD)), because a customer cannot change one by FTP and would be locked
    out unnoticed. Instead RV(accounts_due_for_rotation) lists those older than O(password_max_age_days), in every run.
  - Accounts and groups that somebody moved or renamed by hand inside the managed OU are found by C(sAMAccountName),
    otherwise by their place or by C(userPrincipalName), and moved back. They keep their SID and password.
  - A run that fails in the middle has made a part of the changes; the next run makes the rest.
extends_documentation_fragment: [ftps.exchange.ldap_connection]
options:
  directory:
    description:
      - The desired content of the OU, as the filter P(ftps.exchange.exchange_directory#filter) returns it. Has the
        keys V(ous) (V(dn),
        V(name)), V(groups) (V(name), V(dn), V(description), V(members) as account names), V(users) (V(name), V(dn),
        V(customer), V(display_name), V(upn), V(enabled), V(account_expires) as FILETIME, 0 for never), and
        V(known_customers) (the names of all customers that have a file, including absent ones).
      - A dictionary, or its JSON text, which for thousands of customers is much faster.
    type: json
    required: true
  when_absent:
    description:
      - What happens to undeclared accounts and groups.
      - V(disable) disables the account, removes its memberships, and empties the group. Both keep their SIDs, so a
        returning customer finds the permissions of their folders unchanged.
      - V(delete) deletes both.
    type: str
    choices: [disable, delete]
    default: disable
  removal_limit_percent:
    description:
      - If more than this share of the customers with an enabled account have no file any more, fail before changing
        anything.
    type: int
    default: 50
  removal_confirmed:
    description:
      - Confirms such a removal. Also confirms taking over an OU that contains only foreign accounts and groups.
    type: bool
    default: false
  password_max_age_days:
    description: Age in days from which a password is listed in RV(accounts_due_for_rotation). 0 lists none.
    type: int
    default: 0
  passwords:
    description:
      - Passwords for accounts that have none yet, by name, as JSON text. Write them down before
        (M(ftps.exchange.exchange_handover)). Others keep the password that they have.
      - Use C(no_log) on the task.
    type: json
  waits_for_passwords:
    description:
      - If accounts need a password that O(passwords) does not have, only take away what is not declared, and set
        RV(waits). A second call with their passwords does the rest. So an account needs one request instead of two,
        and there is no account whose password is not written down.
    type: bool
    default: false
  connections:
    description:
      - Connections for 100 changes or more, all to one controller. Samba writes one change at a time, so there
        more than one only cost (docs/benchmarks.md). Not measured with Microsoft's directory.
    type: int
    default: 1
  bans_after:
    description:
      - Number of wrong passwords after which the service bans an attacker. A warning says if the domain locks an
        account before that. 0 compares nothing.
    type: int
    default: 0
notes:
  - O(bind_dn) needs full control over the descendants of the managed OU (and over its parent to create it, which
    must exist), and nothing else.
attributes:
  check_mode:
    support: full
    description: Predicts everything, even before the OU exists. It reads the directory, which must be reachable.
  diff_mode:
    support: full
    description: Shows only the differences, including removals. No passwords.
seealso:
  - module: ftps.exchange.ldap_passwords
  - module: ftps.exchange.exchange_handover
author: the ftps-exchange authors
"""

EXAMPLES = r"""
- name: Bring the managed OU to the declared state
  ftps.exchange.ldap_directory:
    server_uri: ldaps://dc1.corp.example
    bind_dn: svc-ftps-exchange@corp.example
    bind_password: "{{ vault_directory_password }}"
    ca_cert: "{{ lookup('ansible.builtin.file', 'files/corp-ca.pem') }}"
    managed_ou: OU=FTPS Exchange,DC=corp,DC=example
    directory: "{{ exchange_model | exchange_directory }}"
    password_max_age_days: 365
  run_once: true
  register: directory_result
"""

RETURN = r"""
sids:
  description: Name and SID of each declared group. In check mode only of existing groups.
  type: dict
  returned: success
  sample: {ftpsx-customers: S-1-5-21-1004336348-1177238915-682003330-1104}
missing_groups:
  description: Declared groups that have no SID yet. Empty outside check mode.
  type: list
  elements: str
  returned: success
domain_sid:
  description: SID of the domain.
  type: str
  returned: success
lockout:
  description:
    - The domain's lockout policy. C(threshold) wrong passwords within C(window_seconds) lock an account for
      C(duration_seconds) (0 means until somebody unlocks it). A threshold of 0 locks nobody.
    - The policy of the whole domain; fine-grained policies for some accounts are not read.
  type: dict
  returned: success
  sample: {threshold: 10, window_seconds: 1800, duration_seconds: 1800}
accounts_without_password:
  description:
    - Accounts that must be enabled and never had a password, or whose password was invalidated (C(pwdLastSet) is 0).
  type: list
  elements: dict
  returned: success
  sample: [{name: acme-up, customer: acme}]
accounts_due_for_rotation:
  description: Enabled accounts whose password is older than O(password_max_age_days).
  type: list
  elements: dict
  returned: success
  sample: [{name: acme-up, customer: acme, age_days: 401}]
waits:
  description: Whether the rest waits for the passwords of RV(accounts_without_password). Never in check mode.
  type: bool
  returned: success
customers:
  description: What changed for each customer, in a few words each. With RV(waits), also what the second call does.
    Only the first 1,000 customers.
  type: dict
  returned: success
  sample: {acme: ["account acme-up: disabled (userAccountControl 0x10202)"]}
disabled:
  description: Accounts that this call disabled.
  type: list
  elements: str
  returned: success
deleted:
  description: Accounts and groups that this call deleted.
  type: list
  elements: str
  returned: success
left_alone:
  description: Objects in the managed OU that are neither accounts, nor groups, nor declared OUs.
  type: list
  elements: str
  returned: success
counts:
  description: How many objects were added, changed and deleted, and how many memberships.
  type: dict
  returned: success
  sample: {accounts_added: 2, accounts_changed: 0, members_removed: 1}
"""

import re
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.ftps.exchange.plugins.module_utils.arguments import from_json
from ansible_collections.ftps.exchange.plugins.module_utils.directory.changes import make_plan
from ansible_collections.ftps.exchange.plugins.module_utils.directory.declared import Desired, read_desired
from ansible_collections.ftps.exchange.plugins.module_utils.directory.lockout import ATTRIBUTES as LOCKOUT_ATTRIBUTES
from ansible_collections.ftps.exchange.plugins.module_utils.directory.lockout import Lockout, lockout_of
from ansible_collections.ftps.exchange.plugins.module_utils.directory.matching import names_not_found
from ansible_collections.ftps.exchange.plugins.module_utils.directory.plan import (
    DELETE,
    NAMESAKE_ATTRIBUTES,
    READ_ATTRIBUTES,
    Current,
    Plan,
    Settings,
)
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.connection import (
    LDAP_IMPORT_ERROR,
    LdapsSession,
    ldap_arguments,
)
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import is_below
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import DirectoryError, Entry, NoSuchObjectError
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.search import (
    Session,
    check_parent,
    read_root,
    search,
    search_names,
)
from ansible_collections.ftps.exchange.plugins.module_utils.messages import few

CUSTOMERS_REPORTED = 1000


def read_current(session: Session, desired: Desired) -> tuple[Current, str, Lockout]:
    """The current state of the server, the SID of its domain, and its lockout policy. Reads only."""
    domain, now = read_root(session)
    if not is_below(desired.managed_ou, domain):
        raise DirectoryError(
            f"{desired.managed_ou} is not in the domain of this server, {domain}. Correct "
            "exchange.directory.managed_ou."
        )
    (top,) = search(session, domain, "base", "(objectClass=*)", ["objectSid", *LOCKOUT_ATTRIBUTES])
    try:
        entries = read_managed_ou(session, desired.managed_ou)
    except NoSuchObjectError:
        check_parent(session, desired.managed_ou)
        entries = []
    names, principal_names = names_not_found(desired, entries)
    namesakes = search_names(
        session, domain, {"sAMAccountName": names, "userPrincipalName": principal_names}, NAMESAKE_ATTRIBUTES
    )
    return Current(tuple(entries), now, tuple(namesakes)), top.sid, lockout_of(top)


def read_managed_ou(session: Session, managed_ou: str) -> list[Entry]:
    entries: list[Entry] = search(session, managed_ou, "subtree", "(objectClass=*)", READ_ATTRIBUTES)
    return entries


def group_sids(
    session: Session, desired: Desired, entries: tuple[Entry, ...], plan: Plan, check_mode: bool
) -> dict[str, str]:
    """SIDs by the declared name; new groups got theirs from the server."""
    names = {group.name.casefold(): group.name for group in desired.groups}
    made = any(change.action == "add" and change.what.startswith("group ") for change in plan.changes)
    if made and not check_mode:
        entries = tuple(
            search(session, desired.managed_ou, "subtree", "(objectClass=group)", ["sAMAccountName", "objectSid"])
        )
    found = {entry.text("sAMAccountName").casefold(): entry.sid for entry in entries}
    return {name: found[key] for key, name in sorted(names.items()) if key in found}


def changed_customers(desired: Desired, entries: tuple[Entry, ...], plan: Plan) -> dict[str, list[str]]:
    """What a run did for each customer: its accounts, and their places in groups."""
    owner = {entry.text("sAMAccountName").casefold(): entry.text("company") for entry in entries}
    owner |= {user.name.casefold(): user.customer for user in desired.users}
    found: dict[str, list[str]] = {}
    for change in plan.sorted_changes():
        for line in change.after or change.before:
            member = re.search(r": member (\S+)$", line)
            account = re.match(r"account ([^\s:]+)", line)
            name = member[1] if member else account[1] if account else ""
            customer = owner.get(name.casefold(), "")
            if customer and (customer in found or len(found) < CUSTOMERS_REPORTED):
                gone = "" if change.after else " (gone)"
                found.setdefault(customer, []).append(f"{line}{gone}")
    return found


def diff_of(plan: Plan, managed_ou: str) -> dict[str, str]:
    changes = plan.sorted_changes()
    before = [line for change in changes for line in change.before]
    after = [line for change in changes for line in change.after]
    return {
        "before_header": managed_ou,
        "after_header": managed_ou,
        "before": "".join(f"{line}\n" for line in before),
        "after": "".join(f"{line}\n" for line in after),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ldap_arguments(),
            "directory": {"type": "json", "required": True},
            "when_absent": {"type": "str", "choices": ["disable", "delete"], "default": "disable"},
            "removal_limit_percent": {"type": "int", "default": 50},
            "removal_confirmed": {"type": "bool", "default": False},
            "password_max_age_days": {"type": "int", "default": 0, "no_log": False},
            "passwords": {"type": "json", "no_log": True},
            "waits_for_passwords": {"type": "bool", "default": False, "no_log": False},
            "bans_after": {"type": "int", "default": 0},
            "connections": {"type": "int", "default": 1},
        },
        supports_check_mode=True,
    )
    if LDAP_IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("python-ldap"), exception=LDAP_IMPORT_ERROR)
    options = module.params
    settings = Settings(
        when_absent=options["when_absent"],
        removal_limit_percent=options["removal_limit_percent"],
        removal_confirmed=options["removal_confirmed"],
        password_max_age_days=options["password_max_age_days"],
        passwords=from_json(module, "passwords", dict) if options["passwords"] else {},
    )
    try:
        desired = read_desired(from_json(module, "directory", dict), options["managed_ou"])
        session = LdapsSession(
            options["server_uri"],
            options["bind_dn"],
            options["bind_password"],
            options["ca_cert"],
            options["connections"],
        )
        current, domain_sid, lockout = read_current(session, desired)
        plan = make_plan(desired, current, settings)
        waits = bool(options["waits_for_passwords"] and plan.without_password and not module.check_mode)
        if not module.check_mode:
            session.apply([change for change in plan.changes if change.stage <= DELETE] if waits else plan.changes)
        sids = group_sids(session, desired, current.entries, plan, module.check_mode)
    except DirectoryError as error:
        module.fail_json(msg=str(error))
    if warning := lockout.warning(options["bans_after"]):
        module.warn(warning)
    if plan.left_alone:
        module.warn(
            f"Not touched in {desired.managed_ou}, where only this project's accounts and groups belong: "
            f"{few(plan.left_alone, '; ')}"
        )
    if plan.handed_on:
        whose = few(
            [f"{user.name} (of {owner} until now, of {user.customer} from now on)" for user, owner in plan.handed_on],
            "; ",
        )
        module.warn(
            f"Accounts that another customer's file declares now keep their password: {whose}. If that is not the same "
            "customer under a new name, renew it with playbooks/rotate_password.yml -e account=NAME"
        )
    if plan.due_for_rotation:
        ages = few([f"{user.name} of {user.customer}, {age} days" for user, age in plan.due_for_rotation], "; ")
        module.warn(
            f"Passwords older than {settings.password_max_age_days} days: {ages}. "
            "Renew them with playbooks/rotate_password.yml -e account=NAME"
        )
    module.exit_json(
        changed=bool(plan.changes),
        sids=sids,
        missing_groups=sorted(group.name for group in desired.groups if group.name not in sids),
        domain_sid=domain_sid,
        lockout=asdict(lockout),
        accounts_without_password=[{"name": user.name, "customer": user.customer} for user in plan.without_password],
        accounts_due_for_rotation=[
            {"name": user.name, "customer": user.customer, "age_days": age} for user, age in plan.due_for_rotation
        ],
        waits=waits,
        # All of it: no record shows the answer of the second call, whose task has no_log
        customers=changed_customers(desired, current.entries, plan),
        disabled=sorted(plan.disabled),
        deleted=sorted(plan.deleted),
        left_alone=plan.left_alone,
        counts=plan.counts,
        **({"diff": diff_of(plan, desired.managed_ou)} if module._diff else {}),
    )


if __name__ == "__main__":
    main()
