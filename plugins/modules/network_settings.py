#!/usr/bin/python
"""Kernel parameters (sysctl) and local networks of a host, all in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: network_settings
short_description: Kernel parameters and local networks of a host, in one call
description:
  - Runs on a host with Linux.
  - Owns files of C(/etc/sysctl.d) and makes the running kernel agree with them. It does not write values that are
    already right, so it also works where C(/proc/sys) is read-only but the values were set from outside, for example
    with the C(--sysctl) option of a container engine.
  - A parameter that is a list of numbers, such as C(net.ipv4.ip_local_reserved_ports), may have several owners.
    With O(parameters[].number_lists) only the declared numbers are owned. Numbers of others stay; numbers from the last
    run are removed when they are no longer declared.
  - Adds a local route for each of O(local_networks) to the running kernel, on the loopback interface. A program that
    listens on all addresses then answers at each address of the network, without a configuration of each address. The
    caller must also set these routes at boot.
options:
  parameters:
    description: The files to own, and the parameters in each.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file.
        type: path
        required: true
      values:
        description:
          - Value by name of the parameter. With V(*) instead of an interface the value applies to each existing
            interface and to future ones, as in C(net.ipv4.conf.*.send_redirects).
        type: dict
        default: {}
      number_lists:
        description: Numbers to have in the list, by name, as C(first-last) or single numbers, separated by commas.
        type: dict
        default: {}
      optional:
        description: Names of parameters that not every kernel has. They are skipped where they are missing.
        type: list
        elements: str
        default: []
  local_networks:
    description: Networks whose addresses all belong to this host, IPv4 and IPv6, in CIDR notation. IPv6 networks are
      skipped on a host without IPv6.
    type: list
    elements: str
    default: []
  fixed_routes:
    description: Whether the parameters switch router advertisements off. A host that has its IPv6 route from one is
      then refused before anything changes, because it would lose the route.
    type: bool
    default: false
  fixed_routes_setting:
    description: The variable that allows router advertisements, for the error message.
    type: str
    default: fixed_routes
requirements:
  - iproute2, for O(local_networks) and O(fixed_routes)
  - CAP_NET_ADMIN
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: ftps-exchange
"""

EXAMPLES = r"""
- name: Forward packets, keep the passive ports for the service, and answer at every address of a network
  ftps.exchange.network_settings:
    parameters:
      - path: /etc/sysctl.d/90-ftps-exchange.conf
        values:
          net.ipv4.ip_forward: 1
        number_lists:
          net.ipv4.ip_local_reserved_ports: 50000-50099
    local_networks: [240.0.0.0/4, "e000::/4"]
"""

RETURN = r"""
set:
  description: Parameters of the running kernel that were changed.
  type: list
  elements: str
  returned: always
added:
  description: The local networks that were added, or would be in check mode.
  type: list
  elements: str
  returned: always
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.commands import runner
from ansible_collections.ftps.exchange.plugins.module_utils.network import local_networks, parameters
from ansible_collections.ftps.exchange.plugins.module_utils.network.local_networks import Network, RouteError, Run

REFUSED = (
    "The IPv6 route of this host comes from a router advertisement ({route}), and anybody on the same network can send "
    "these. Give the host a fixed IPv6 address and route, or set {setting} to true, and run again."
)


def refuse_announced_route(run: Run, setting: str) -> None:
    """Stop before the host loses its IPv6 route."""
    _, output, _ = run(["ip", "-6", "route", "show", "default", "proto", "ra"])
    if output.strip():
        raise RouteError(REFUSED.format(route=output.strip().splitlines()[0].strip(), setting=setting))


def lacking(run: Run, networks: list[Network], *, has_ip: bool, check_mode: bool) -> list[Network]:
    """Return the networks that are not local yet."""
    if has_ip or not networks:
        return local_networks.missing(run, networks)
    # Check mode before the package is installed
    if not check_mode:
        raise RouteError("ip is not installed: install the package iproute2")
    return networks


def apply(
    run: Run, asked: dict[str, Any], kernel: parameters.Kernel, *, has_ip: bool, check_mode: bool
) -> dict[str, Any]:
    """Bring parameters and networks to the declared state. What is refused is refused before the first change."""
    networks = [
        network
        for network in local_networks.parse(asked["local_networks"])
        if network.version == 4 or Path("/proc/sys/net/ipv6").is_dir()
    ]
    if asked["fixed_routes"] and has_ip:
        refuse_announced_route(run, asked["fixed_routes_setting"])
    files = [
        parameters.apply(kernel, Path(one["path"]), one["values"], one["number_lists"], one["optional"], check_mode)
        for one in asked["parameters"]
    ]
    missing = lacking(run, networks, has_ip=has_ip, check_mode=check_mode)
    if not check_mode:
        local_networks.add(run, missing)
    added = [str(network) for network in missing]
    routes = {
        "before_header": "local networks",
        "after_header": "local networks",
        "before": "",
        "after": "".join(f"{network}\n" for network in added),
    }
    return {
        "changed": bool(added) or any(file["changed"] for file in files),
        "set": [name for file in files for name in file["set"]],
        "added": added,
        "diff": [part for file in files for part in file["diff"]] + [routes],
    }


def main() -> None:
    file = {
        "path": {"type": "path", "required": True},
        "values": {"type": "dict", "default": {}},
        "number_lists": {"type": "dict", "default": {}},
        "optional": {"type": "list", "elements": "str", "default": []},
    }
    module = AnsibleModule(
        argument_spec={
            "parameters": {"type": "list", "elements": "dict", "default": [], "options": file},
            "local_networks": {"type": "list", "elements": "str", "default": []},
            "fixed_routes": {"type": "bool", "default": False},
            "fixed_routes_setting": {"type": "str", "default": "fixed_routes"},
        },
        supports_check_mode=True,
    )
    has_ip = module.get_bin_path("ip", opt_dirs=["/usr/sbin", "/sbin"]) is not None
    try:
        result = apply(runner(module), module.params, parameters.Kernel(), has_ip=has_ip, check_mode=module.check_mode)
    except (parameters.ParameterError, RouteError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
