#!/usr/bin/python
"""Write the status of an exchange. Documentation only: what runs is plugins/action/exchange_status.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: exchange_status
short_description: Write the status of all customers as a page, CSV, JSON and metrics
description:
  - Runs on the control node, in Ansible's own process, for any host of the task.
  - Joins the model with what servers, edges and the directory returned, and writes C(status.html), C(status.csv),
    C(status.json) and C(status.prom) into O(reports_dir).
  - Compares the edge's rules with those of the last request for a firewall team, and writes a new request if
    O(new_request).
options:
  model:
    description: The checked model, as returned by the module M(ftps.exchange.exchange_model).
    type: raw
    required: true
  results:
    description:
      - Results of the modules, by kind and host. The kinds are C(servers) (M(ftps.exchange.ftps_server_activity)),
        C(edges) (M(ftps.exchange.nftables_evidence)) and C(directory) (M(ftps.exchange.ldap_evidence)). A result that
        failed is reported.
    type: dict
    required: true
  reports_dir:
    description: Folder of the reports on the control node.
    type: path
    required: true
  packs_dir:
    description: Folder of the packs on the control node.
    type: path
  query:
    description: A JMESPath expression. The report then is its result.
    type: str
  new_request:
    description: Write what changed since the last request as a new request, C(edge-request-DATE.csv).
    type: bool
    default: false
  metrics_per_customer:
    description: Metrics of each customer too. Each customer adds three time series.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Writes no file.
author:
  - The ftps-exchange project
"""

EXAMPLES = r"""
- name: Write the status
  ftps.exchange.exchange_status:
    model: "{{ exchange_model }}"
    results: "{{ results }}"
    reports_dir: reports
    query: customers[?state==`suspended`].name
  register: status
"""

RETURN = r"""
report:
  description: What a person reads, or the result of the query.
  returned: success
  type: list
  elements: str
status:
  description: What status.json has.
  returned: success
  type: dict
changes:
  description: What changed at the edge since the last request.
  returned: success
  type: list
  elements: dict
"""
