#!/usr/bin/python
"""Write customer files from a table. Documentation only: what runs is plugins/action/exchange_import.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: exchange_import
short_description: Write customer files from a CSV file
description:
  - Runs on the control node, in Ansible's own process, for any host of the task.
  - Reads a table as spreadsheets save it (comma, semicolon or tab; UTF-8 with or without a byte order mark, UTF-16,
    Windows-1252), and writes one customer file for each customer in it.
  - Validates every customer with the model, together with the existing customers. A customer with a problem is refused
    as a whole, with row, column, value and remedy; the others are imported. The task succeeds even so.
  - Never changes an existing file. A customer whose file already says the same counts as unchanged.
options:
  csv:
    description: The file. C(docs/customers.md) lists the headings.
    type: path
    required: true
  exchange:
    description: The settings of the service, as in C(group_vars/all/exchange.yml) of the inventory.
    type: raw
    required: true
  customers_dir:
    description: Folder of the customer files.
    type: path
    required: true
attributes:
  check_mode:
    support: full
    description: Reports which files it would write.
  diff_mode:
    support: full
    description: The new files.
author:
  - The ftps-exchange project
"""

EXAMPLES = r"""
- name: Import customers
  ftps.exchange.exchange_import:
    csv: customers.csv
    exchange: "{{ exchange }}"
    customers_dir: "{{ inventory_dir }}/customers"
  register: imported
  failed_when: imported.refused | length > 0
"""

RETURN = r"""
created:
  description: Customers whose files were written (in check mode, would be).
  returned: always
  type: list
  elements: str
  sample: [acme]
unchanged:
  description: Customers whose file already says the same.
  returned: always
  type: list
  elements: str
refused:
  description: Customers that were refused, with the reasons.
  returned: always
  type: list
  elements: dict
  contains:
    customer: {description: The customer as the table calls it., type: str}
    rows: {description: Its rows., type: list, elements: int}
    reasons: {description: "Each with row, column, value, problem and remedy.", type: list, elements: dict}
notes:
  description: What else to look at, such as columns that are not used.
  returned: always
  type: list
  elements: str
report:
  description: The same for people, one line per entry.
  returned: always
  type: list
  elements: str
"""
