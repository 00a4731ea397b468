#!/usr/bin/python
"""Check the whole inventory. Documentation only: what runs is plugins/action/exchange_inventory.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: exchange_inventory
short_description: Check hosts, groups and variables of an inventory before any host is touched
description:
  - Runs on the control node, in Ansible's own process, for any host of the task.
  - Compares the inventory with what the roles know - names of groups, folders and variables, types, choices, addresses,
    networks, files on the control node, and passwords that are empty. Nothing is ever changed.
  - Reports every problem in one run, each with file, line, field, value and remedy. Where there is one, it adds the
    problems of the service and its customers.
  - Variables that begin with no role's name are yours and are left alone.
  - Warns of what a run with C(--limit) leaves undone, and that it changes the directory all the same.
options:
  deploys:
    description:
      - Whether this run changes hosts. If not, passwords may be empty, and files on the control node may be missing.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
seealso:
  - plugin: ftps.exchange.exchange_inventory_files
    plugin_type: lookup
  - module: ftps.exchange.exchange_model
author:
  - The ftps-exchange project
"""

EXAMPLES = r"""
- name: Check hosts, groups and variables
  ftps.exchange.exchange_inventory:
  run_once: true
"""

RETURN = r"""
problems:
  description: Every problem, each with C(file), C(line), C(field), C(value), C(message) and C(remedy).
  returned: on failure
  type: list
  elements: dict
"""
