#!/usr/bin/python
"""Check the whole model of the exchange. Documentation only: what runs is plugins/action/exchange_model.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: exchange_model
short_description: Validate the exchange and all its customers before any host is touched
description:
  - Runs on the control node, in Ansible's own process, for any host of the task.
  - Reads one file for each customer, validates them together with the settings of the service, and returns the
    checked model including all defaults. It never changes anything.
  - Reports every problem of every file in one run, each with file, line, field, value and remedy.
options:
  exchange:
    description:
      - The settings of the service, as in C(group_vars/all/exchange.yml) of the inventory.
      - All keys are described in C(docs/schema/exchange.schema.json).
    type: raw
    required: true
  customers_dir:
    description:
      - Folder with one file C(<name>.yml) for each customer; the file name is the name of the customer.
      - All keys are described in C(docs/schema/customer.schema.json).
      - Hidden files, a README (plain, C(.md), C(.rst), C(.txt), C(.adoc)) and temporary files of editors are ignored.
        Any other file that is not a C(.yml) file is a problem, because it would be overlooked.
    type: path
    required: true
  exchange_file:
    description:
      - File with the settings in O(exchange). Messages name its lines, and the module finds in it what YAML hides,
        such as a duplicate key. It need not exist.
    type: path
  today:
    description:
      - Date for evaluating the expiry of accounts, C(YYYY-MM-DD). Today, in UTC, by default.
    type: str
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
notes:
  - C(src/ftps_exchange/model/) has the rules with their sources (RFC numbers, Microsoft's naming rules).
author:
  - The ftps-exchange project
"""

EXAMPLES = r"""
- name: Check the model
  ftps.exchange.exchange_model:
    exchange: "{{ exchange }}"
    customers_dir: "{{ inventory_dir }}/customers"
    exchange_file: "{{ inventory_dir }}/group_vars/all/exchange.yml"
  run_once: true
  register: checked
"""

RETURN = r"""
exchange:
  description: All settings of the service, including defaults. C(null) means off.
  returned: success
  type: dict
  sample: {name: lab, fqdn: ftps.exchange.example}
notes:
  description: Facts that are not errors but worth knowing, such as expired accounts.
  returned: success
  type: list
  elements: str
  sample: []
model:
  description:
    - The checked model as JSON text, which all filters accept. With thousands of customers a dictionary would cost
      seconds at every use, because Ansible looks for templates in each of its values.
    - It has C(exchange) and C(notes) as above, and C(customers), all customers with a file, sorted by name, including
      absent ones. Networks are canonical; C(sources4) and C(sources6) are merged within a customer. An account that
      is not
      C(enabled) says in C(disabled_because) whether it is C(suspended), C(absent) or C(expired).
  returned: success
  type: str
  sample: >-
    {"exchange":{"name":"lab","fqdn":"ftps.exchange.example"},"customers":[{"name":"acme","file":"customers/acme.yml",
    "state":"present","sources4":["198.51.100.20/32"],"sources6":[],"accounts":[{"name":"acme-up","access":"write",
    "expires":null,"enabled":true,"disabled_because":null}],"shares":[{"name":"maps","access":"read"}]}],"notes":[]}
problems:
  description: Every problem, for programs; C(msg) has the same for people. C(line) and C(value) may be C(null).
  returned: failure
  type: list
  elements: dict
  sample:
    - file: customers/acme.yml
      line: 7
      field: accounts[0].name
      value: "'Acme-Up'"
      message: has upper-case letters.
      remedy: "Write 'acme-up': Windows does not distinguish upper and lower case, Linux does."
"""
