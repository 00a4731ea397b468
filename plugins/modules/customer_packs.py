#!/usr/bin/python
"""Make the packs of all customers. Documentation only: what runs is plugins/action/customer_packs.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: customer_packs
short_description: Firewall rules, guide, client profiles and self-test for every customer
description:
  - Runs on the control node, in Ansible's own process, whatever host the task is for.
  - Checks the model as M(exchange_model) does, and writes a folder for each customer who may log in. All customers in
    one call.
  - A folder has the rules for the customer's firewall and a neutral table, a guide (C(guide.html), C(guide.md)), the
    certificate of the authority, profiles for clients without passwords, self-tests for a POSIX shell and for
    PowerShell, and C(pack.json) for programs. When the service changed since the pack before, C(CHANGES.md) says what
    the customer has to do, and by when.
  - The same input gives the same bytes. A pack whose input did not change is not made again; a file is only written
    when it differs, in one step.
  - The pack of a customer who may not log in at present (suspended, or every account expired) stays as it is. The pack
    of a customer who is absent or has no file any more is taken away. Files that are not ours stay and are reported.
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
    description: File in which O(exchange) is written, for the lines in messages. It need not exist.
    type: path
  packs_dir:
    description: Folder for the packs. What lies in it and has no C(pack.json) of this exchange is left alone.
    type: path
    required: true
  customer:
    description: Only the pack of this customer.
    type: str
  formats:
    description:
      - Formats of rules for the customer's side, besides the table and the firewall that the customer file names.
      - C(all) for all of them.
    type: list
    elements: str
    default: []
  provider_formats:
    description:
      - Formats of rules for the provider's side, in C(provider/), for an edge that is not ours. C(all) for all.
    type: list
    elements: str
    default: []
  ca_file:
    description:
      - Certificate of the authority that customers have to trust, in PEM form. Only certificates are taken from it.
      - Empty for an authority that every operating system trusts. The packs then name no issuer and no fingerprint.
    type: path
  servers:
    description:
      - The server's own addresses behind the edge, for the translation in O(provider_formats); at most one of a family.
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
      - Day (C(YYYY-MM-DD)) by which customers must have done what C(CHANGES.md) says. It goes into the newest change of
        each pack, also when that was told before.
      - Empty leaves the days as they are; a new change has none then.
    type: str
  when_removed:
    description: Whether the packs of customers who are gone are removed, or moved to C(.archive) in the folder.
    type: str
    choices: [remove, archive]
    default: remove
  removal_confirmed:
    description: Says that taking away more than the share C(removal_limit_percent) of the packs is meant.
    type: bool
    default: false
  today:
    description: Day for which dates are judged, C(YYYY-MM-DD). Now, in UTC, by default.
    type: str
  processes:
    description: How many processes make packs. 0 for as many as there are processors.
    type: int
    default: 0
attributes:
  check_mode:
    support: full
    description: Tells what it would change.
  diff_mode:
    support: full
    description: Every file that differs, up to 200 files, each up to 100,000 characters.
notes:
seealso:
  - module: exchange_model
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
  description: Customers whose pack was made for the first time (in check mode, would be).
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
  description: Customers whose pack was taken away, removed or archived.
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
  description: Customers who have something to change on their side since the pack before.
  returned: always
  type: list
  elements: str
  sample: [acme]
edited:
  description: Files of packs that somebody had changed or removed by hand; they are as they should be again.
  returned: always
  type: list
  elements: str
  sample: [acme/guide.md]
edited_and_removed:
  description: Files changed by hand in packs that were taken away. In the archive they lie as they were.
  returned: always
  type: list
  elements: str
  sample: []
unreadable:
  description: Folders of no customer of the inventory with a C(pack.json) that cannot be read. They stay.
  returned: always
  type: list
  elements: str
  sample: []
foreign:
  description: Files in packs that are not ours. They stay.
  returned: always
  type: list
  elements: str
  sample: [acme/notes.txt]
problems:
  description: Every pack that could not be made, with the reason. All others were made.
  returned: failure
  type: list
  elements: str
"""
