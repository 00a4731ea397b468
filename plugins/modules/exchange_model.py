#!/usr/bin/python
"""Check the whole model of the exchange. Documentation only: what runs is plugins/action/exchange_model.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: exchange_model
short_description: Check the exchange and all its customers before any host is touched
description:
  - Runs on the control node, in Ansible's own process, whatever host the task is for.
  - Reads one file for each customer, checks them together with the settings of the service, and returns the checked
    model with all defaults filled in. Nothing is ever changed.
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
      - Hidden files, a README (plain, C(.md), C(.rst), C(.txt), C(.adoc)) and what editors leave behind are ignored;
        anything else that is not a C(.yml) file is a problem, since it would be overlooked.
    type: path
    required: true
  exchange_file:
    description:
      - File in which O(exchange) is written. Used to give its lines in messages, and to find what YAML hides there,
        such as a key that is given twice. It need not exist.
    type: path
  today:
    description:
      - Day for which the expiry dates of accounts are judged, C(YYYY-MM-DD). Now, in UTC, by default.
    type: str
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
notes:
  - The rules and their sources (RFC numbers, Microsoft's naming rules) are written beside each rule in
    C(src/ftps_exchange/model/).
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
  description: All settings of the service, defaults filled in; C(null) for what is off.
  returned: success
  type: dict
  sample: {name: lab, fqdn: ftps.exchange.example}
notes:
  description: What is no error but should be known, such as accounts that have expired.
  returned: success
  type: list
  elements: str
  sample: []
model:
  description:
    - The checked model as JSON text, which all filters take. With thousands of customers a dictionary would cost
      seconds at every use, because Ansible looks for templates in each of its values.
    - It has C(exchange) and C(notes) as above, and C(customers), all that have a file, sorted by name, absent ones
      included. Networks are canonical; C(sources4) and C(sources6) are merged within a customer. An account that is not
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
      remedy: "Write 'acme-up': Windows does not tell upper from lower case, Linux does."
"""
