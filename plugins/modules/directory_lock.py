#!/usr/bin/python
"""One run at a time: the lock of an exchange, in its own OU."""

from __future__ import annotations

DOCUMENTATION = r"""
module: directory_lock
short_description: Take, release or break the lock of an exchange
version_added: "0.1.0"
description:
  - Runs on the directory runner, the host that connects to the directory by LDAPS.
  - The lock is one object in the managed OU (C(CN=ftps-exchange lock)), so that every control node sees it. It says
    who changes the exchange, with which playbook, since when and until when.
  - The directory decides between two runs. The first one creates the object by an LDAP add, which succeeds once. Later
    ones replace its value only if it is still the value that they read.
  - A lock ends when it is released, after O(minutes), or when its process is gone and the caller is on the same node.
    All moments are those of the controller's clock.
  - With several controllers, the lock is as fast as their replication. All control nodes must name the same controller
    first in O(server_uri).
extends_documentation_fragment: [ftps.exchange.ldap_connection]
options:
  state:
    description:
      - V(taken) takes the lock, or fails with the name of the run that has it.
      - V(released) gives it back, if O(holder) still has it.
      - V(broken) takes it away from whoever has it.
    type: str
    choices: [taken, released, broken]
    default: taken
  holder:
    description: The run, as the lookup P(ftps.exchange.exchange_run#lookup) describes it.
    type: dict
    required: true
  minutes:
    description: How long the lock is valid. A longer run loses its protection after that.
    type: int
    default: 120
attributes:
  check_mode:
    support: full
    description: Takes nothing. Warns if another run has the lock.
  diff_mode:
    support: none
notes:
  - Creates the managed OU if it does not exist yet, as M(ftps.exchange.ldap_directory) does.
seealso:
  - module: ftps.exchange.ldap_directory
author: the ftps-exchange authors
"""

EXAMPLES = r"""
- name: Take the lock
  ftps.exchange.directory_lock:
    server_uri: ldaps://dc1.corp.example
    bind_dn: svc-ftps-exchange@corp.example
    bind_password: "{{ vault_directory_password }}"
    ca_cert: "{{ lookup('ansible.builtin.file', 'files/corp-ca.pem') }}"
    managed_ou: OU=FTPS Exchange,DC=corp,DC=example
    holder: "{{ lookup('ftps.exchange.exchange_run') }}"
"""

RETURN = r"""
held:
  description: Whether O(holder) has the lock now.
  type: bool
  returned: success
lock:
  description: The lock as it was found. Empty if nobody ever had it.
  type: dict
  returned: success
  sample: {by: anna@control1, playbook: site.yml, since: "2026-11-30T10:00:00Z", until: "2026-11-30T12:00:00Z"}
state:
  description: How it was found, V(free), V(mine), V(expired), V(dead) or V(held).
  type: str
  returned: success
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.ftps.exchange.plugins.module_utils.directory.lock import (
    ATTRIBUTE,
    Decision,
    Holder,
    Lock,
    decide,
    lock_change,
    lock_dn,
    read_lock,
    refusal,
    released,
    taken,
)
from ansible_collections.ftps.exchange.plugins.module_utils.directory.plan import NEW_UNIT
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.connection import (
    LDAP_IMPORT_ERROR,
    LdapsSession,
    ldap_arguments,
)
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import (
    Change,
    DirectoryError,
    NoSuchObjectError,
)
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.search import check_parent, read_root, search

ATTEMPTS = 5


def read(session: Any, managed_ou: str) -> tuple[str | None, datetime]:
    """The value of the lock (None: there is no such object), and the controller's time."""
    _domain, now = read_root(session)
    try:
        (entry,) = search(session, lock_dn(managed_ou), "base", "(objectClass=*)", [ATTRIBUTE])
    except NoSuchObjectError:
        return None, now
    return entry.text(ATTRIBUTE), now


def make_unit(session: Any, managed_ou: str) -> None:
    """The OU that the lock lies in, before the first run."""
    try:
        search(session, managed_ou, "base", "(objectClass=*)", ["objectClass"])
    except NoSuchObjectError:
        check_parent(session, managed_ou)
        session.compare_and_set(Change(0, "add", managed_ou, f"OU {managed_ou}", values=NEW_UNIT))


def take(session: Any, options: dict[str, Any], holder: Holder, alive: set[str], check: bool) -> Decision:
    """Take the lock. Raises if another run has it."""
    managed_ou = options["managed_ou"]
    for _attempt in range(ATTEMPTS):
        value, now = read(session, managed_ou)
        found = decide(read_lock(value), holder, alive, now)
        if check or not found.may_take:
            return found
        if value is None:
            make_unit(session, managed_ou)
        mine = taken(holder, now, options["minutes"], found.lock)
        if session.compare_and_set(lock_change(managed_ou, value, mine)):
            return found
    raise DirectoryError(f"The lock changed {ATTEMPTS} times while this run tried to take it. Run again later.")


def give_back(session: Any, managed_ou: str, holder: Holder | None) -> tuple[bool, Lock | None]:
    """Release it; ``holder`` None: whoever has it. Says whether there was something to release."""
    for _attempt in range(ATTEMPTS):
        value, now = read(session, managed_ou)
        lock = read_lock(value)
        if lock is None or lock.released or (holder is not None and not lock.is_of(holder)):
            return False, lock
        if session.compare_and_set(lock_change(managed_ou, value, released(lock, now))):
            return True, lock
    raise DirectoryError(f"The lock changed {ATTEMPTS} times while this run tried to release it. Run again later.")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ldap_arguments(),
            "state": {"type": "str", "choices": ["taken", "released", "broken"], "default": "taken"},
            "holder": {"type": "dict", "required": True},
            "minutes": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    if LDAP_IMPORT_ERROR:
        if module.check_mode:
            module.exit_json(changed=False, held=False, lock={}, state="free")
        module.fail_json(msg=missing_required_lib("python-ldap"), exception=LDAP_IMPORT_ERROR)
    options = module.params
    given = options["holder"]
    holder = Holder(*(str(given.get(name, "")) for name in ("by", "playbook", "node", "process")))
    alive = {str(process) for process in given.get("alive") or ()}
    try:
        session = LdapsSession(options["server_uri"], options["bind_dn"], options["bind_password"], options["ca_cert"])
        if options["state"] == "taken":
            found = take(session, options, holder, alive, module.check_mode)
        else:
            whose = holder if options["state"] == "released" else None
            if module.check_mode:
                lock = read_lock(read(session, options["managed_ou"])[0])
                changed = lock is not None and not lock.released and (whose is None or lock.is_of(whose))
            else:
                changed, lock = give_back(session, options["managed_ou"], whose)
            module.exit_json(changed=changed, held=False, lock=asdict(lock) if lock else {}, state="free")
    except DirectoryError as error:
        module.fail_json(msg=str(error))
    lock = found.lock
    if lock and not found.may_take:
        if not module.check_mode:
            module.fail_json(msg=refusal(lock), lock=asdict(lock), state=found.state)
        module.warn(f"Another run changes this exchange: {lock.described()}. A real run would be refused now.")
    if lock and found.state == "dead":
        module.warn(f"The lock was left by a run that is gone ({lock.described()}); this run takes it over.")
    if lock and found.state == "expired":
        module.warn(f"The lock of another run ended at {lock.until} ({lock.described()}); this run takes it over.")
    # To take the lock is no change of the exchange: a second run must report none
    module.exit_json(changed=False, held=not module.check_mode, lock=asdict(lock) if lock else {}, state=found.state)


if __name__ == "__main__":
    main()
