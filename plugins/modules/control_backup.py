#!/usr/bin/python
"""Save or restore files of the control node. Documentation only: what runs is plugins/action/control_backup.py."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: control_backup
short_description: Save or restore what the control node alone has
description:
  - Runs on the control node, in Ansible's own process, for any host of the task.
  - Needs the program restic there.
  - Saves files and folders by name in one archive inside a repository of restic, so a restore may put them elsewhere.
  - A restore never replaces anything. It writes what is missing, and reports what differs.
  - Neither the repository nor its password is an argument of a process.
options:
  state:
    description: Whether to save or to restore.
    type: str
    choices: [saved, restored]
    required: true
  exchange:
    description: Name of the exchange. One repository may serve several.
    type: str
    required: true
  parts:
    description: Path of each file or folder, by name. An empty path and one that does not exist are left out.
    type: dict
    required: true
  repository:
    description: The repository, as restic writes it.
    type: str
    required: true
  password:
    description: Its password.
    type: str
    required: true
  ca_file:
    description: CA of a server for C(rest:), a PEM file. Empty for the CAs of the system.
    type: str
    default: ""
  create:
    description: Create the repository if there is none.
    type: bool
    default: false
  snapshot:
    description: What to restore, the id of a snapshot or C(latest).
    type: str
    default: latest
  keep:
    description: Number of snapshots to keep, by period. Without numbers all are kept.
    type: dict
    default: {}
attributes:
  check_mode:
    support: partial
    description: Checks the arguments, and saves or restores nothing.
  diff_mode:
    support: none
    description: It would contain passwords.
author:
  - The ftps-exchange project
"""

EXAMPLES = r"""
- name: Save the passwords that wait for the hand-over, and the CA
  ftps.exchange.control_backup:
    state: saved
    exchange: prod
    parts:
      hand-over: "{{ directory_handover_dir }}"
      own-ca-key: "{{ certificate_own_ca_key }}"
    repository: /mnt/vault/exchange-control
    password: "{{ backup_control_password }}"
"""

RETURN = r"""
report:
  description: What a person reads.
  returned: success
  type: list
  elements: str
snapshot:
  description: Id of the snapshot.
  returned: when not in check mode
  type: str
restored:
  description: Files that were written, each as name of its part and path in it.
  returned: O(state=restored)
  type: list
  elements: str
differing:
  description: Files that differ from the snapshot and stay as they are.
  returned: O(state=restored)
  type: list
  elements: str
"""
