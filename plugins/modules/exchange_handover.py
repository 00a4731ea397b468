#!/usr/bin/python
"""Make and hand over passwords. Documentation only: what runs is plugins/action/exchange_handover.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: exchange_handover
short_description: Generate passwords and write them to a hand-over file
version_added: "0.1.0"
description:
  - Runs on the control node, in Ansible's own process, for any host of the task.
  - Generates a password for each account and writes all of them to one new file that only its owner can read. The
    file is on the disk before the task ends, so a password that is set afterwards is never lost.
  - With O(vault_id), C(ansible-vault) encrypts the file. It gets the text through a pipe, so the clear text is never
    on the disk.
  - A password has 24 random characters out of 57 in four groups (C(k7TmPz-…), 139 bits). No two characters of the
    alphabet are easily confused. A password always contains upper case, lower case, digits and a hyphen, and never
    the account's name, so it meets the complexity rules of Active Directory.
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
    description: Folder of the file, as an absolute path. It is created with mode 0700. A symbolic link is refused.
    type: path
    required: true
  vault_id:
    description:
      - Encrypt the file with this vault identity, V(label@source). The source is a file, or a script that prints the
        password; V(prompt) is refused, because nobody can answer it there.
      - Without it, a run with a vault password for its inventory encrypts the file with that password. A
        run without any vault writes the file in clear.
    type: str
  vault_base:
    description: Base folder of a relative source in O(vault_id).
    type: path
  only_account:
    description: Only the account of this name. Fails if there is none in O(accounts), and suggests the nearest name.
    type: str
  only_customer:
    description: Only the accounts of this customer. Fails if there are none in O(accounts), and suggests the nearest
      name.
    type: str
notes:
  - Returns the passwords, so that they can be set. Use C(no_log) on the task. No message of this module contains one.
attributes:
  check_mode:
    support: full
    description: Selects the accounts and writes nothing. No passwords are returned.
  diff_mode:
    support: none
    description: Everything would be secret.
seealso:
  - module: ftps.exchange.ldap_passwords
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
