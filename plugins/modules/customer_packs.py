#!/usr/bin/python
"""Make the packs of all customers. Documentation only: what runs is plugins/action/customer_packs.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: customer_packs
short_description: Firewall rules, guide, client profiles and self-test for every customer
description:
  - Runs on the control node, in Ansible's own process, for any host of the task.
  - Validates the model as M(ftps.exchange.exchange_model) does, and writes a folder for each customer who may log in,
    all in one call.
  - A folder has the rules for the customer's firewall and a neutral table, a guide (C(guide.html), C(guide.md)), the
    CA certificate, profiles for clients without passwords, self-tests for a POSIX shell and for
    PowerShell, and C(pack.json) for programs. When the service changed since the previous pack, C(CHANGES.md) says
    what the customer must do, and by when.
  - The same input gives the same bytes. A pack with unchanged input is not generated again. A file is only written
    when it differs, atomically.
  - The pack of a customer who may not log in at present (suspended, or every account expired) stays as it is. The
    pack of a customer who is absent or has no file any more is removed. Files of others stay and are reported.
options:
  exchange:
    description: The settings of the service, as in C(group_vars/all/exchange.yml) of the inventory.
    type: raw
    required: true
  customers_dir:
    description: Folder with one file C(<name>.yml) for each customer.
    type: path
    required: true
  exchange_file:
    description: File with the settings in O(exchange), so that messages can name the line. It need not exist.
    type: path
  inventory_dir:
    description:
      - The inventory that the packs are made from. Written down in O(packs_dir), so that a second inventory with the
        same name of the exchange does not take them for packs of customers who are gone.
    type: path
  packs_dir:
    description: Folder for the packs. Folders in it without a C(pack.json) of this exchange are not touched.
    type: path
    required: true
  customer:
    description: Only the pack of this customer.
    type: str
  formats:
    description:
      - Formats of rules for the customer's side, in addition to the table and the firewall that the customer file
        names.
      - C(all) for all of them.
    type: list
    elements: str
    default: []
  provider_formats:
    description:
      - Formats of rules for the provider's side, in C(provider/), for an edge that this project does not manage.
        C(all) for all.
    type: list
    elements: str
    default: []
  ca_file:
    description:
      - Certificate of the CA that customers must trust, in PEM format. Only certificates are read from it.
      - Empty for a CA that every operating system trusts. The packs then name no issuer and no fingerprint.
    type: path
  servers:
    description:
      - The server's own addresses behind the edge, for the translation in O(provider_formats), at most one per
        address family.
    type: list
    elements: str
    default: []
  contact:
    description: Whom customers ask.
    type: dict
    default: {}
    suboptions:
      name: {description: A person or a team., type: str}
      email: {description: E-mail address., type: str}
      phone: {description: Telephone number., type: str}
  change_deadline:
    description:
      - Date (C(YYYY-MM-DD)) by which customers must have followed C(CHANGES.md). It goes into the newest change of
        each pack, even if a previous run reported that change.
      - Empty leaves the dates as they are; a new change then has none.
    type: str
  when_removed:
    description: Whether to remove the packs of former customers, or to move them to C(.archive) in the folder.
    type: str
    choices: [remove, archive]
    default: remove
  removal_confirmed:
    description: Confirms that more than C(removal_limit_percent) of the packs may be removed.
    type: bool
    default: false
  today:
    description: Date for evaluating expiry, C(YYYY-MM-DD). Today, in UTC, by default.
    type: str
  processes:
    description: Number of processes that generate packs. 0 means one per processor.
    type: int
    default: 0
attributes:
  check_mode:
    support: full
    description: Reports what it would change.
  diff_mode:
    support: full
    description: Every file that differs, up to 200 files, each up to 100,000 characters.
notes:
seealso:
  - module: ftps.exchange.exchange_model
author: the ftps-exchange contributors
"""

EXAMPLES = r"""
- name: Make the packs
  ftps.exchange.customer_packs:
    exchange: "{{ exchange }}"
    customers_dir: "{{ inventory_dir }}/customers"
    packs_dir: packs
    ca_file: "{{ certificate_ca_file }}"
    contact: {name: Exchange desk, email: exchange@example.com}
  run_once: true

- name: One customer, with rules for every firewall
  ftps.exchange.customer_packs:
    exchange: "{{ exchange }}"
    customers_dir: "{{ inventory_dir }}/customers"
    packs_dir: packs
    customer: acme
    formats: [all]
"""

RETURN = r"""
created:
  description: Customers with a new pack (in check mode, those who would get one).
  returned: always
  type: list
  elements: str
  sample: [acme]
updated:
  description: Customers whose pack changed.
  returned: always
  type: list
  elements: str
  sample: [acme]
removed:
  description: Customers whose pack was removed or archived.
  returned: always
  type: list
  elements: str
  sample: [acme]
kept:
  description: Customers who may not log in at present; their packs stayed as they are.
  returned: always
  type: list
  elements: str
  sample: [acme]
unchanged:
  description: How many packs needed nothing.
  returned: always
  type: int
  sample: 2
new_changes:
  description: Customers who must change something on their side since the previous pack.
  returned: always
  type: list
  elements: str
  sample: [acme]
edited:
  description: Files of packs that somebody had changed or removed by hand. They are restored.
  returned: always
  type: list
  elements: str
  sample: [acme/guide.md]
edited_and_removed:
  description: Files changed by hand in removed packs. The archive has them unchanged.
  returned: always
  type: list
  elements: str
  sample: []
unreadable:
  description: Folders with an unreadable C(pack.json) that belong to no customer of the inventory. They stay.
  returned: always
  type: list
  elements: str
  sample: []
foreign:
  description: Files in packs that this project did not write. They stay.
  returned: always
  type: list
  elements: str
  sample: [acme/notes.txt]
problems:
  description: Every pack that could not be generated, with the reason. All others were generated.
  returned: failure
  type: list
  elements: str
"""
