#!/usr/bin/python
"""The whole managed OU of Active Directory in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ldap_directory
short_description: Brings one OU of Active Directory to the declared state, in one call
version_added: "0.1.0"
description:
  - Runs on the directory runner, the host that reaches the directory by LDAPS.
  - Takes the whole list of organisational units, groups with their members, and accounts, reads what the managed OU
    holds in a few paged searches, and changes only the difference. Works with Microsoft's and with Samba's directory.
  - Everything in the managed OU is owned. A member nobody declared is removed from its group (also when it is a
    group, or comes from elsewhere in the domain), an account nobody declared is disabled and loses its memberships,
    or is deleted (O(when_absent)). Computers, contacts and further OUs in it are left alone and told. What lies
    outside is never touched; when it has a name that is needed, the module fails before it changes anything, and
    names every such case.
  - An account is made disabled and without a password; M(ldap_passwords) sets one and enables it. An account that has
    a password (C(pwdLastSet) is not 0) is enabled and disabled as declared.
  - Passwords do not expire (C(DONT_EXPIRE_PASSWORD)), because a customer cannot change one by FTP and would be locked
    out unnoticed. Instead RV(accounts_due_for_rotation) names those older than O(password_max_age_days), at every
    run.
  - Accounts and groups that somebody moved or renamed by hand inside the managed OU are found by C(sAMAccountName),
    else by their place, else by C(userPrincipalName), and put back. They keep their SID and password.
  - An attempt that fails in the middle has made a part of the changes; running it again makes the rest.
extends_documentation_fragment: [ftps.exchange.ldap_connection]
options:
  directory:
    description:
      - What the OU shall hold, as the filter P(exchange_directory#filter) gives it. Has the keys V(ous) (V(dn),
        V(name)), V(groups) (V(name), V(dn), V(description), V(members) as account names), V(users) (V(name), V(dn),
        V(customer), V(display_name), V(upn), V(enabled), V(account_expires) as FILETIME, 0 for never), and
        V(known_customers) (the names of all customers that have a file, the absent ones too).
      - A dictionary, or its JSON text, which for thousands of customers is much faster.
    type: json
    required: true
  when_absent:
    description:
      - What becomes of accounts and groups that nobody declares.
      - V(disable) disables the account, drops its memberships, and empties the group. Both keep their SIDs, so that a
        customer who returns finds the permissions of their folders as they were.
      - V(delete) deletes both.
    type: str
    choices: [disable, delete]
    default: disable
  removal_limit_percent:
    description:
      - When more than this share of the customers with an enabled account have no file any more, fail before anything
        is changed.
    type: int
    default: 50
  removal_confirmed:
    description:
      - Says that such a removal is meant. Also that an OU may be taken over that holds only foreign accounts and
        groups.
    type: bool
    default: false
  password_max_age_days:
    description: Age in days from which a password is listed in RV(accounts_due_for_rotation). 0 lists none.
    type: int
    default: 0
notes:
  - O(bind_dn) needs full control over the descendants of the managed OU (and over its parent to create it, which
    must exist), and nothing else.
attributes:
  check_mode:
    support: full
    description: Predicts everything, also before the OU exists. The directory is read, so it must be reachable.
  diff_mode:
    support: full
    description: Shows the differences and nothing else, removals included. No passwords.
seealso:
  - module: ldap_passwords
  - module: exchange_handover
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
  description: Name and SID of each declared group. In check mode only of those that exist already.
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
accounts_without_password:
  description:
    - Accounts that shall be enabled and never had a password, or whose password was declared void (C(pwdLastSet) is
      0).
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

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.ftps.exchange.plugins.module_utils.arguments import from_json
from ansible_collections.ftps.exchange.plugins.module_utils.directory.changes import make_plan
from ansible_collections.ftps.exchange.plugins.module_utils.directory.declared import Desired, read_desired
from ansible_collections.ftps.exchange.plugins.module_utils.directory.matching import names_not_found
from ansible_collections.ftps.exchange.plugins.module_utils.directory.plan import (
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
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import is_below, parent_dn
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import DirectoryError, Entry, NoSuchObjectError
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.search import (
    Session,
    read_root,
    search,
    search_names,
)
from ansible_collections.ftps.exchange.plugins.module_utils.messages import few


def read_current(session: Session, desired: Desired) -> tuple[Current, str]:
    """What the server has, and the SID of its domain. Reads only."""
    domain, now = read_root(session)
    if not is_below(desired.managed_ou, domain):
        raise DirectoryError(
            f"{desired.managed_ou} does not lie in the domain of this server, {domain}. Correct "
            "exchange.directory.managed_ou."
        )
    (top,) = search(session, domain, "base", "(objectClass=*)", ["objectSid"])
    try:
        entries = read_managed_ou(session, desired.managed_ou)
    except NoSuchObjectError:
        parent = parent_dn(desired.managed_ou)
        try:
            search(session, parent, "base", "(objectClass=*)", ["objectClass"])
        except NoSuchObjectError as error:
            raise DirectoryError(
                f"{desired.managed_ou} cannot be created: {parent} does not exist. Create that, or correct "
                "exchange.directory.managed_ou."
            ) from error
        entries = []
    names, principal_names = names_not_found(desired, entries)
    namesakes = search_names(
        session, domain, {"sAMAccountName": names, "userPrincipalName": principal_names}, NAMESAKE_ATTRIBUTES
    )
    return Current(tuple(entries), now, tuple(namesakes)), top.sid


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
    )
    try:
        desired = read_desired(from_json(module, "directory", dict), options["managed_ou"])
        session = LdapsSession(options["server_uri"], options["bind_dn"], options["bind_password"], options["ca_cert"])
        current, domain_sid = read_current(session, desired)
        plan = make_plan(desired, current, settings)
        if not module.check_mode:
            session.apply(plan.changes)
        sids = group_sids(session, desired, current.entries, plan, module.check_mode)
    except DirectoryError as error:
        module.fail_json(msg=str(error))
    if plan.left_alone:
        module.warn(
            f"Left alone in {desired.managed_ou}, where only this project's accounts and groups belong: "
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
            f"{len(plan.due_for_rotation)} passwords are older than {settings.password_max_age_days} days: {ages}. "
            "Renew them with playbooks/rotate_password.yml -e account=NAME"
        )
    module.exit_json(
        changed=bool(plan.changes),
        sids=sids,
        missing_groups=sorted(group.name for group in desired.groups if group.name not in sids),
        domain_sid=domain_sid,
        accounts_without_password=[{"name": user.name, "customer": user.customer} for user in plan.without_password],
        accounts_due_for_rotation=[
            {"name": user.name, "customer": user.customer, "age_days": age} for user, age in plan.due_for_rotation
        ],
        disabled=sorted(plan.disabled),
        deleted=sorted(plan.deleted),
        left_alone=plan.left_alone,
        counts=plan.counts,
        **({"diff": diff_of(plan, desired.managed_ou)} if module._diff else {}),
    )


if __name__ == "__main__":
    main()
