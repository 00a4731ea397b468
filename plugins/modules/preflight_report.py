#!/usr/bin/python
"""Say what is wrong with the hosts. Documentation only: what runs is plugins/action/preflight_report.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_report
short_description: Say in one table what is wrong with the hosts of a deployment
description:
  - Runs on the control node, in Ansible's own process, for any host of the task.
  - Judges what M(ftps.exchange.host_preflight) found on every host, and fails with one table of all problems and
    remedies. Nothing is ever changed.
  - The systems on which the roles have run are in C(src/ftps_exchange/hosts/platforms.py).
options:
  looks:
    description: For each host the result of M(ftps.exchange.host_preflight).
    type: dict
    required: true
  edges:
    description: Which of the hosts are edges. The others are FTPS servers.
    type: list
    elements: str
    default: []
  directory:
    description: The result of M(ftps.exchange.host_preflight) with its option C(directory).
    type: dict
  directory_runner:
    description: The host of that result.
    type: str
    default: localhost
  accounts:
    description: Names for messages, C(bind_dn), C(join_user) and C(ou).
    type: dict
    default: {}
  domain:
    description: DNS name of the directory's domain.
    type: str
    required: true
  fqdn:
    description: Name of the service.
    type: str
    required: true
  public_addresses:
    description: Addresses of the service.
    type: list
    elements: str
    required: true
  free_megabytes:
    description: For each path of a server how many megabytes must be free.
    type: dict
    default: {}
  limits_files:
    description: Whether a quota limits the number of files, which not every file system can.
    type: bool
    default: false
  allow_unproven_os:
    description: Whether a system on which the roles have not run is only a note.
    type: bool
    default: false
  show:
    description: Whether to show the whole table where nothing is wrong, too.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
  diff_mode:
    support: none
seealso:
  - module: ftps.exchange.host_preflight
author: ftps-exchange
"""

EXAMPLES = r"""
- name: Stop where a host is not ready
  ftps.exchange.preflight_report:
    looks: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'look'))) }}"
    edges: "{{ groups['edges'] }}"
    domain: corp.example
    fqdn: ftps.exchange.example
    public_addresses: [198.51.100.10]
  run_once: true
"""

RETURN = r"""
msg:
  description: One sentence, and with O(show) the table.
  type: str
  returned: always
"""
