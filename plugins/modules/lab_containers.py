#!/usr/bin/python
"""Ansible module: bring all hosts of a lab (system containers, networks, volumes) to the declared state at once."""

# Standard library only: it runs on the control node, before anything of ours is installed.
from __future__ import annotations

DOCUMENTATION = r"""
---
module: lab_containers
short_description: Bring all system containers of a lab to the declared state
description:
  - Runs on the machine that runs the lab.
  - Takes a whole lab in one call and changes only the difference, all containers in parallel. Sequential podman
    processes would take several times as long.
  - Everything it creates has the label C(ftps-exchange.lab=<prefix>). It never changes or removes anything without
    this label, and reports a container, network or volume of the same name without it.
  - A container or network with a changed definition is created again, an undeclared one is removed, a stopped one is
    started. Volumes are kept until the lab is removed.
  - Networks are internal, so no packet of the lab leaves the machine. Beyond its own networks, a host has only the
    declared routes.
  - Names, resolver and routes are plain files of the host, as on a real one, and not mounts that Podman rewrites.
options:
  prefix:
    description: Short name of the lab. Container C(<prefix>-<host>), network C(<prefix>-<network>).
    type: str
    required: true
  state:
    description: Whether the lab exists.
    type: str
    choices: [present, absent]
    default: present
  image:
    description: Image that the containers boot. Required with C(state=present).
    type: str
  images:
    description: Image by host, for hosts that boot another one.
    type: dict
    default: {}
  networks:
    description: Networks by name, each with C(ip4) and C(ip6), the subnets (C(ip6) may be left out).
    type: dict
    default: {}
  hosts:
    description:
      - Hosts by name. Keys of a host
      - C(networks) - addresses by network, at most one per address family. The interface has the network's name.
      - C(gateways) - addresses that its default routes lead to (none means no way out).
      - C(domain) - DNS domain of the host itself.
      - C(nameserver), C(search) - its resolver; without them no name is looked up outside C(/etc/hosts).
      - C(names) - further names by address for C(/etc/hosts).
      - C(volumes) - path by name; the volume C(<prefix>-<host>-<name>) outlives the container. Instead of a path, a
        dictionary with C(path), C(filesystem), C(gigabytes) and C(options) makes a separate file system of at most that
        size, in a file of the volume C(<prefix>-<host>-<name>-disk), and mounts it with these options.
      - C(sysctls) - kernel parameters of its network namespace by name. A host forwards nothing unless it is set here.
      - C(capabilities) - capabilities beyond Podman's default.
      - C(devices) - devices of this machine that the host may use, such as C(/dev/fuse).
    type: dict
    default: {}
  boot_timeout_seconds:
    description: How long a host may take until systemd has finished booting, in seconds.
    type: int
    default: 90
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
notes:
  - Needs podman and root.
  - On machines with a hybrid cgroup hierarchy the runtime is runc, because crun refuses these. Where the invoking
    process
    may not raise its resource limits, containers get its own limits. Elsewhere Podman's defaults apply.
  - AppArmor's default profile for containers forbids every mount, and the FTPS server gives each session its own
    mounts, so the containers run unconfined by AppArmor.
author:
  - The ftps-exchange authors
"""

EXAMPLES = r"""
- name: Bring up a client behind a router
  ftps.exchange.lab_containers:
    prefix: demo
    image: localhost/ftps-exchange-lab:3f0c1e5a9b72
    networks:
      inside: {ip4: 10.77.20.0/24, ip6: "fd77:20::/64"}
      outside: {ip4: 198.51.100.0/24}
    hosts:
      router:
        networks:
          inside: [10.77.20.1, "fd77:20::1"]
          outside: [198.51.100.20]
        sysctls: {net.ipv4.ip_forward: "1"}
      client:
        networks:
          inside: [10.77.20.11, "fd77:20::11"]
        gateways: [10.77.20.1, "fd77:20::1"]

- name: Remove it
  ftps.exchange.lab_containers:
    prefix: demo
    state: absent
"""

RETURN = r"""
created:
  description: New containers.
  returned: always
  type: list
  elements: str
started:
  description: Stopped containers that were started.
  returned: always
  type: list
  elements: str
removed:
  description: Containers, networks and volumes that were removed (including those created again).
  returned: always
  type: list
  elements: str
seconds:
  description: Time that the changes and the boot took, in seconds.
  returned: always
  type: float
"""

import os
import shutil
import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.lab.declared import (
    LABEL,
    NAME,
    Container,
    LabError,
    parse_hosts,
    parse_networks,
)
from ansible_collections.ftps.exchange.plugins.module_utils.lab.plan import names_in_use, plan_absent, plan_present
from ansible_collections.ftps.exchange.plugins.module_utils.lab.podman import Podman, carry_out, everywhere


def bring_to_state(options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Compare, act, and report."""
    prefix = options["prefix"]
    if not NAME.fullmatch(prefix):
        raise LabError(f"prefix {prefix!r}: use a-z, 0-9 and '-', beginning with a letter")
    started = time.monotonic()
    podman = Podman(prefix)
    found, others = podman.find()
    containers: list[Container] = []
    if options["state"] == "absent":
        plan = plan_absent(found)
    else:
        networks = parse_networks(prefix, options["networks"])
        containers = parse_hosts(prefix, options["image"], options["hosts"], networks, options["images"])
        plan = plan_present(found, networks.values(), containers)
        if taken := names_in_use(plan, others):
            raise LabError(
                f"{', '.join(taken)}: exists and does not belong to the lab {prefix!r} (label {LABEL}). "
                "Remedy: rename or remove it, or choose another lab_hosts_prefix"
            )
    if not check_mode:
        carry_out(podman, plan)
        deadline = time.monotonic() + options["boot_timeout_seconds"]
        everywhere(lambda container: podman.wait_until_booted(container.name, deadline), containers)
    return {
        "changed": bool(plan.lines()),
        "created": [container.name for container in plan.create_containers],
        "started": plan.start_containers,
        "removed": [*plan.remove_containers, *plan.remove_networks, *plan.remove_volumes],
        "seconds": round(time.monotonic() - started, 1),
        "diff": {"before": "", "after": "".join(f"{line}\n" for line in plan.lines())},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "prefix": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "image": {"type": "str"},
            "images": {"type": "dict", "default": {}},
            "networks": {"type": "dict", "default": {}},
            "hosts": {"type": "dict", "default": {}},
            "boot_timeout_seconds": {"type": "int", "default": 90},
        },
        required_if=[("state", "present", ["image"])],
        supports_check_mode=True,
    )
    if shutil.which("podman") is None:
        if module.params["state"] == "absent":
            module.exit_json(changed=False, created=[], started=[], removed=[], seconds=0.0)
        module.fail_json(msg="podman is not installed on the control node. Remedy: apt-get install podman")
    if os.geteuid() != 0:
        module.fail_json(msg="The lab's hosts need root on the control node. Remedy: run this as root")
    try:
        outcome = bring_to_state(module.params, module.check_mode)
    except LabError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**outcome)


if __name__ == "__main__":
    main()
