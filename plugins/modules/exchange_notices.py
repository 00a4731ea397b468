#!/usr/bin/python
"""Compute notices and send them. Documentation only: what runs is plugins/action/exchange_notices.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: exchange_notices
short_description: Send notices to operators and to customers' contacts
description:
  - Runs on the control node, in Ansible's own process, for any host of the task.
  - Computes from the status what somebody should know, and sends one mail to the operators and one to each contact of
    a customer, through an SMTP relay. Remembers in O(notices_dir) what it has sent to whom, so nobody gets the same
    notice every day.
  - Without O(smtp_host) or O(sender) it sends nothing, and reports what it would send.
options:
  model:
    description: The checked model, as returned by the module M(ftps.exchange.exchange_model).
    type: raw
    required: true
  status:
    description: RV(ftps.exchange.exchange_status#module:status) of the module M(ftps.exchange.exchange_status).
    type: dict
    required: true
  outdated_packs:
    description: Customers whose packs are out of date.
    type: list
    elements: str
    default: []
  packs_problem:
    description: Why it is not known which packs are out of date, if that is so. Operators get the first line.
    type: str
    default: ""
  notices_dir:
    description: Folder on the control node for the memory.
    type: path
    required: true
  metrics_file:
    description: Where the metrics for Prometheus go; C(notices.prom) in O(notices_dir) by default.
    type: path
  operators:
    description: E-mail addresses of the operators.
    type: list
    elements: str
    default: []
  to_customers:
    description: Kinds of notices that customers get too.
    type: list
    elements: str
    choices: [account, password, quota, idle]
    default: [account, password, quota]
  contact:
    description: Whom customers ask.
    type: dict
    default: {}
    suboptions:
      name: {description: Name of a person or a team., type: str}
      email: {description: E-mail address. Replies of customers go there., type: str}
      phone: {description: Telephone number., type: str}
  certificate_days:
    description: Days before the end of a certificate when a notice is sent.
    type: list
    elements: int
    default: [30, 14, 7, 1]
  account_days:
    description: Days before the expiry of an account when a notice is sent.
    type: list
    elements: int
    default: [30, 7, 1]
  password_days:
    description: Days before a password is due when a notice is sent.
    type: list
    elements: int
    default: [30, 7]
  quota_percent:
    description: Used part of a quota from which a notice is sent.
    type: list
    elements: int
    default: [80, 95]
  idle_days:
    description: Days without a transfer after which a notice is sent. 0 for never.
    type: int
    default: 30
  repeat_days:
    description: >-
      Days after which some notices are sent again while they hold: an ended certificate, an overdue password, a quota,
      a pack, a suspended customer who connects.
    type: int
    default: 14
  sender:
    description: E-mail address that the mails are from.
    type: str
    default: ""
  smtp_host:
    description: Name of the relay.
    type: str
    default: ""
  smtp_port:
    description: Its port.
    type: int
    default: 587
  smtp_security:
    description: How TLS begins. A password is never sent without.
    type: str
    choices: [starttls, tls, none]
    default: starttls
  smtp_ca_file:
    description: CA of the relay's certificate, a PEM file on the control node. Empty for the CAs of the system.
    type: path
  smtp_username:
    description: Account at the relay. Empty for none.
    type: str
    default: ""
  smtp_password:
    description: Its password.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Sends nothing, remembers nothing, and returns the mails.
author:
  - The ftps-exchange project
"""

EXAMPLES = r"""
- name: Send notices
  ftps.exchange.exchange_notices:
    model: "{{ exchange_model }}"
    status: "{{ exchange_status.status }}"
    notices_dir: notices
    operators: [ftps-team@example.com]
    sender: ftps@example.com
    smtp_host: mail.example.com
"""

RETURN = r"""
report:
  description: What a person reads.
  returned: success
  type: list
  elements: str
notices:
  description: What holds now, each with C(kind), C(customer), C(about) and C(text).
  returned: success
  type: list
  elements: dict
mails:
  description: The mails that were sent, or would be, each with C(to), C(subject), C(text) and C(notices) (their
    number).
  returned: success
  type: list
  elements: dict
missing:
  description: What could not be looked at, and why.
  returned: success
  type: list
  elements: str
"""
