#!/usr/bin/python
"""Which elements of a firewall's sets cover some networks, with their counters. Reads only."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nftables_evidence
short_description: Read the elements of a firewall's sets that concern a customer
description:
  - Runs on a host with Linux.
  - The host is an edge, or an FTPS server with Linux. Needs root. Changes nothing.
  - Returns the elements that name the customer in their comment or overlap one of its networks, each with its counter,
    and the latest packets that the table refused and logged or remembers.
options:
  table:
    description: Name of the table of the family C(inet).
    type: str
    required: true
  sets:
    description: Names of the sets.
    type: list
    elements: str
    default: [customers4, customers6]
  customer:
    description: Name of the customer, which comments contain.
    type: str
    required: true
  networks:
    description: Networks of the customer in CIDR notation, and other addresses to look for.
    type: list
    elements: str
    default: []
  log_prefix:
    description: How the kernel's log lines of refused packets begin. Empty to read none.
    type: str
    default: ""
  refused_sets:
    description: Names of sets that remember who was refused at which port. One that does not exist counts as empty.
    type: list
    elements: str
    default: [refused_data4, refused_data6]
  refused_from:
    description: Only packets from these networks. Empty for all.
    type: list
    elements: str
    default: []
  hours:
    description: How far back to read them.
    type: int
    default: 24
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
notes:
  - In a container the kernel's log is not visible, so RV(refused) has only what the sets remember.
author: the ftps-exchange contributors
"""

EXAMPLES = r"""
- name: Read what the edge knows about acme
  ftps.exchange.nftables_evidence:
    table: ftps_exchange_edge
    customer: acme
    networks: [198.51.100.20/32]
    log_prefix: "FTPS exchange edge refused: "
  register: evidence
"""

RETURN = r"""
loaded: {description: Whether the table is loaded., returned: always, type: bool}
elements:
  description: Each with C(element), C(comment), C(packets) and C(bytes).
  returned: always
  type: list
  elements: dict
refused:
  description: Refused packets, newest first, each with C(time), C(source) and C(port).
  returned: always
  type: list
  elements: dict
"""

import ipaddress
import json
import re
import time
from collections.abc import Iterable, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.listing import read_elements
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import parse_interval

REFUSED = re.compile(r"(?P<time>\d+\.\d+) .*\bSRC=(?P<source>\S+) .*\bDPT=(?P<port>\d+)")
MOST_REFUSED = 500


def names_in(comment: str) -> list[str]:
    """The customers that a comment names."""
    return re.sub(r" and \d+ more$", "", comment).split(", ")


def matching(listings: Iterable[Sequence[Any]], customer: str, networks: Sequence[str]) -> list[dict[str, Any]]:
    """The elements that concern the customer, sorted as they are listed."""
    intervals = [parse_interval(network) for network in networks]
    found = []
    for listed in listings:
        for (first, last), element in read_elements(listed).items():
            bits = parse_interval(element.text)[0]
            near = any(bits == other and first <= end and start <= last for other, (start, end) in intervals)
            if near or customer in names_in(element.comment):
                found.append(
                    {
                        "element": element.text,
                        "comment": element.comment,
                        "packets": element.packets,
                        "bytes": element.bytes,
                    }
                )
    return found


def refused_packets(lines: Iterable[str], networks: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The kernel's lines -> time, source and port; with networks, only of packets from them."""
    found: list[dict[str, Any]] = []
    wanted = [ipaddress.ip_network(network) for network in networks]
    for line in lines:
        match = REFUSED.search(line)
        if match is not None:
            source = ipaddress.ip_address(match["source"])
            if not wanted or any(source in network for network in wanted):
                found.append({"time": float(match["time"]), "source": str(source), "port": int(match["port"])})
    return found[:MOST_REFUSED]


def remembered_packets(listing: str, now: float, networks: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The elements of a set of sources and ports -> when each was refused for the last time."""
    wanted = [ipaddress.ip_network(network) for network in networks]
    found: list[dict[str, Any]] = []
    for declared in (item["set"] for item in json.loads(listing)["nftables"] if "set" in item):
        for item in declared.get("elem", []):
            element = item["elem"]
            source, port = element["val"]["concat"]
            age = element.get("timeout", declared.get("timeout", 0)) - element["expires"]
            if not wanted or any(ipaddress.ip_address(source) in network for network in wanted):
                found.append({"time": float(now - age), "source": source, "port": int(port)})
    return found


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "table": {"type": "str", "required": True},
            "sets": {"type": "list", "elements": "str", "default": ["customers4", "customers6"]},
            "customer": {"type": "str", "required": True},
            "networks": {"type": "list", "elements": "str", "default": []},
            "log_prefix": {"type": "str", "default": ""},
            "refused_sets": {"type": "list", "elements": "str", "default": ["refused_data4", "refused_data6"]},
            "refused_from": {"type": "list", "elements": "str", "default": []},
            "hours": {"type": "int", "default": 24},
        },
        supports_check_mode=True,
    )
    asked = module.params
    listings = []
    for name in asked["sets"]:
        code, output, error = module.run_command(["nft", "-j", "list", "set", "inet", asked["table"], name])
        if code and "No such file or directory" in error:
            module.exit_json(changed=False, loaded=False, elements=[], refused=[])
        if code:
            module.fail_json(msg=f"nft cannot list set {name} of table inet {asked['table']}: {error.strip()}")
        listings += [item["set"].get("elem", []) for item in json.loads(output)["nftables"] if "set" in item]
    refused = []
    if asked["log_prefix"]:
        command = ["journalctl", "--quiet", "--no-pager", "--dmesg", "--reverse", "--output=short-unix", "--lines=2000"]
        command += [f"--since=-{asked['hours']}h", f"--grep={re.escape(asked['log_prefix'].strip())}"]
        refused = refused_packets(module.run_command(command)[1].splitlines(), asked["refused_from"])
    for name in asked["refused_sets"]:
        code, output, _error = module.run_command(["nft", "-j", "list", "set", "inet", asked["table"], name])
        if code == 0:
            refused += remembered_packets(output, time.time(), asked["refused_from"])
    refused = sorted(refused, key=lambda packet: -packet["time"])[:MOST_REFUSED]
    module.exit_json(
        changed=False, loaded=True, elements=matching(listings, asked["customer"], asked["networks"]), refused=refused
    )


if __name__ == "__main__":
    main()
