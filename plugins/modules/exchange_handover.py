#!/usr/bin/python
"""Make and hand over passwords. Documentation only: what runs is plugins/action/exchange_handover.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: exchange_handover
short_description: Makes passwords and writes the file in which they are handed over
version_added: "0.1.0"
description:
  - Runs on the control node, in Ansible's own process, whatever host the task is for.
  - Makes a password for each account and writes them all into one new file, readable for its owner alone. The file is
    on the disk before the task ends, so that a password which is set afterwards is never lost.
  - With O(vault_id) the file is encrypted by C(ansible-vault), which gets the text by a pipe, so that nothing on the
    disk ever holds it in clear.
  - A password has 24 random characters out of 57 in four groups (C(k7TmPz-…), 139 bits). No two characters of the
    alphabet are easily mistaken for each other; upper case, lower case, digits and a hyphen are always in it, and the
    account's name is not, so it meets the complexity rules of Active Directory.
options:
  accounts:
    description: The accounts. Each has V(name) and V(customer); other keys are ignored.
    type: list
    elements: dict
    required: true
  exchange:
    description: Name of the exchange, for the reader of the file.
    type: str
    required: true
  handover_dir:
    description: Folder for the file, as an absolute path. It is made with mode 0700. A symbolic link is refused.
    type: path
    required: true
  vault_id:
    description:
      - Encrypt the file with this vault identity, V(label@source). The source is a file, or a script that prints the
        password; V(prompt) is refused, since nobody can answer there.
    type: str
  vault_base:
    description: What a relative source in O(vault_id) is relative to.
    type: path
  only_account:
    description: Of O(accounts), the one of this name. Fails when there is none, and suggests the nearest name.
    type: str
  only_customer:
    description: Of O(accounts), those of this customer. Fails when there is none, and suggests the nearest name.
    type: str
notes:
  - Returns the passwords, so that they can be set. Use C(no_log) on the task. No message of this module holds one.
attributes:
  check_mode:
    support: full
    description: Selects the accounts and writes nothing. No passwords are returned.
  diff_mode:
    support: none
    description: There is nothing to show that is not secret.
seealso:
  - module: ldap_passwords
author: the ftps-exchange authors
"""

EXAMPLES = r"""
- name: Make initial passwords and write them down
  ftps.exchange.exchange_handover:
    accounts: "{{ directory_result.accounts_without_password }}"
    exchange: lab
    handover_dir: "{{ playbook_dir | dirname }}/.handover/lab"
    vault_id: handover@~/.vault/handover
  no_log: true
  register: handover
"""

RETURN = r"""
path:
  description: The file. In check mode its folder.
  type: str
  returned: success
accounts:
  description: The selected accounts.
  type: list
  elements: dict
  returned: success
  sample: [{name: acme-up, customer: acme}]
passwords:
  description: The password of each account, by name. Empty in check mode.
  type: dict
  returned: success
encrypted:
  description: Whether the file is encrypted.
  type: bool
  returned: success
"""
