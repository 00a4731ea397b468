#!/usr/bin/python
"""Assign whole networks to a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: local_networks
short_description: Makes a host accept packets to every address of some networks
description:
  - Runs on a host with Linux.
  - Adds a local route for each network to the running kernel, on the loopback interface. A program that listens on all
    addresses then answers at each address of the network, without a configuration of each address.
  - It changes only the running kernel. The caller must also set the routes at boot.
options:
  networks:
    description: The networks, IPv4 and IPv6, in CIDR notation. IPv6 networks are skipped on a host without IPv6.
    type: list
    elements: str
    required: true
requirements:
  - iproute2
  - CAP_NET_ADMIN
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: ftps-exchange
"""

EXAMPLES = r"""
- name: Answer at every address of a network that nobody else uses
  ftps.exchange.local_networks:
    networks: [240.0.0.0/4, "e000::/4"]
"""

RETURN = r"""
added:
  description: The networks that were added, or would be in check mode.
  type: list
  elements: str
  returned: always
"""

import ipaddress
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.commands import runner

Run = Callable[[Sequence[str]], tuple[int, str, str]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class RouteError(Exception):
    """An error for the user: what, where, remedy."""


def parse(networks: Iterable[str]) -> list[Network]:
    try:
        return [ipaddress.ip_network(network) for network in networks]
    except ValueError as error:
        raise RouteError(f"networks: {error}; write a network without host bits, such as 240.0.0.0/4") from None


def local_routes(listing_json: str) -> set[Network]:
    """What 'ip -j route show table local' prints -> the networks that the host has as a whole."""
    routes = json.loads(listing_json or "[]")
    return {
        ipaddress.ip_network(route["dst"])
        for route in routes
        if route.get("type") == "local" and "/" in route.get("dst", "")
    }


def missing(run: Run, networks: Iterable[Network]) -> list[Network]:
    found: set[Network] = set()
    for version in sorted({network.version for network in networks}):
        code, output, error = run(["ip", f"-{version}", "-j", "route", "show", "table", "local"])
        if code:
            raise RouteError(f"ip cannot list the local routes: {error.strip()}")
        found |= local_routes(output)
    return [network for network in networks if network not in found]


def add(run: Run, networks: Iterable[Network]) -> None:
    for network in networks:
        code, _, error = run(["ip", f"-{network.version}", "route", "add", "local", str(network), "dev", "lo"])
        if code:
            raise RouteError(f"ip cannot add the local network {network}: {error.strip()}")


def main() -> None:
    module = AnsibleModule(
        argument_spec={"networks": {"type": "list", "elements": "str", "required": True}}, supports_check_mode=True
    )
    run = runner(module)

    try:
        networks = [
            network
            for network in parse(module.params["networks"])
            if network.version == 4 or Path("/proc/sys/net/ipv6").is_dir()
        ]
        if module.get_bin_path("ip", opt_dirs=["/usr/sbin", "/sbin"]) is None:
            # Check mode before the package is installed
            if not module.check_mode:
                raise RouteError("ip is not installed: install the package iproute2")
            lacking = networks
        else:
            lacking = missing(run, networks)
            if not module.check_mode:
                add(run, lacking)
    except RouteError as error:
        module.fail_json(msg=str(error))
    added = [str(network) for network in lacking]
    module.exit_json(
        changed=bool(added),
        added=added,
        diff={
            "before_header": "local networks",
            "after_header": "local networks",
            "before": "",
            "after": "".join(f"{network}\n" for network in added),
        },
    )


if __name__ == "__main__":
    main()
