#!/usr/bin/python
"""Describe a lab for tools outside. Documentation only: what runs is plugins/action/lab_description.py."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: lab_description
short_description: Write the machine-readable description of a lab
description:
  - Runs on the control node, in Ansible's own process, for any host of the task.
  - Writes a JSON file (mode 0600, because it contains passwords) with the service, the containers, and for each
    present customer its accounts with passwords and its shares. An account that may write comes first.
  - The passwords are read from the hand-over files that the role C(directory) wrote. If there are several for an
    account, the newest counts.
options:
  path:
    description: File to write.
    type: path
    required: true
  model:
    description: The checked model, as returned by the module M(ftps.exchange.exchange_model).
    type: raw
    required: true
  handover_dir:
    description: Folder with the hand-over files.
    type: path
    required: true
  customer_containers:
    description: Container by customer. A customer without one is left out, because nobody could act as this customer.
    type: dict
    required: true
  more:
    description: Further keys of the description, for example C(ca_file).
    type: dict
    default: {}
  lost_allowed:
    description:
      - If no hand-over file contains the password of an account, write nothing and return RV(lost), so that these
        accounts can get new passwords. Otherwise this is an error.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    description: It would contain passwords.
author:
  - The ftps-exchange authors
"""

EXAMPLES = r"""
- name: Write .lab/lab.json
  ftps.exchange.lab_description:
    path: "{{ lab_state_dir }}/lab.json"
    model: "{{ exchange_model }}"
    handover_dir: "{{ lab_state_dir }}/handover"
    customer_containers: {acme: ftpsx-acme}
    more: {ca_file: "{{ lab_state_dir }}/ca/root.pem"}
"""

RETURN = r"""
path:
  description: The file.
  returned: always
  type: str
customers:
  description: Customers in the file.
  returned: always
  type: list
  elements: str
lost:
  description: Accounts whose password is in no hand-over file. Only possible with O(lost_allowed=true).
  returned: always
  type: list
  elements: dict
  sample: [{name: acme-up, customer: acme}]
left_out:
  description: Customers who are present in the model and have no container in the lab.
  returned: always
  type: list
  elements: str
"""
