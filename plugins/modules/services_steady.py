#!/usr/bin/python
"""Ansible module: make sure that services stay up."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: services_steady
short_description: Fails if a service does not stay up
description:
  - Runs on a host with Linux.
  - A service that systemd restarts repeatedly looks as if it runs at every check. This module waits until
    each service has run for some seconds, as one process. Otherwise it fails with the last lines of the journal.
  - It does not wait for a service that has already run for that long, so a run without changes takes no time here.
options:
  names:
    description: The units, such as C(winbind.service).
    type: list
    elements: str
    required: true
  seconds:
    description: How long each must have run.
    type: float
    default: 3.0
  timeout:
    description: How long to wait for that.
    type: float
    default: 30.0
attributes:
  check_mode:
    support: full
    description: Checks in the same way, and changes nothing.
  diff_mode:
    support: none
author: the ftps-exchange contributors
"""

EXAMPLES = r"""
- name: Make sure that winbind stays up
  ftps.exchange.services_steady:
    names: [winbind.service]
"""

RETURN = r"""
waited:
  description: Seconds that the module waited.
  returned: success
  type: float
"""

import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

PROPERTIES = ("Id", "ActiveState", "SubState", "Result", "NRestarts", "ActiveEnterTimestampMonotonic")


def parse(text: str) -> list[dict[str, str]]:
    """Return what `systemctl show` printed: one dictionary for each unit."""
    blocks = [block for block in text.strip().split("\n\n") if block]
    return [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]


def missing_seconds(unit: Mapping[str, str], now: float, seconds: float) -> float | None:
    """Return how long a unit still has to run; None where it does not run."""
    if unit.get("ActiveState") != "active":
        return None
    return max(0.0, seconds - (now - int(unit.get("ActiveEnterTimestampMonotonic") or 0) / 1e6))


def steady(module: AnsibleModule) -> float:
    """Wait until all units have run for long enough, or fail."""
    names, seconds, timeout = module.params["names"], module.params["seconds"], module.params["timeout"]
    began = time.monotonic()
    while True:
        command = ["systemctl", "show", f"--property={','.join(PROPERTIES)}", *names]
        units = parse(module.run_command(command, check_rc=True)[1])
        left = [missing_seconds(unit, time.monotonic(), seconds) for unit in units]
        if len(units) == len(names) and all(one == 0.0 for one in left):
            return time.monotonic() - began
        if time.monotonic() - began > timeout:
            [first, *_] = [unit for unit, one in zip(units, left, strict=True) if one != 0.0]
            module.fail_json(msg=complaint(first, journal(module, first.get("Id", ""))))
        time.sleep(min([one for one in left if one] or [0.5]))


def complaint(unit: Mapping[str, str], lines: str) -> str:
    """Return what is wrong with a unit that does not stay up."""
    name = unit.get("Id", "?")
    return (
        f"{name} does not stay up: it is {unit.get('ActiveState')} ({unit.get('SubState')}, result "
        f"{unit.get('Result')}) after {unit.get('NRestarts')} restarts. "
        f"Look at journalctl -u {name}. Its last lines: {lines}"
    )


def journal(module: AnsibleModule, name: str) -> str:
    """Return the last lines of a unit's journal, in one line."""
    shown: str = module.run_command(["journalctl", "--no-pager", "--output=cat", "--lines=5", f"--unit={name}"])[1]
    return " / ".join(shown.split("\n")).strip(" /")


def main() -> None:
    """Run the module."""
    specification: dict[str, Any] = {
        "names": {"type": "list", "elements": "str", "required": True},
        "seconds": {"type": "float", "default": 3.0},
        "timeout": {"type": "float", "default": 30.0},
    }
    module = AnsibleModule(argument_spec=specification, supports_check_mode=True)
    module.exit_json(changed=False, waited=round(steady(module), 2))


if __name__ == "__main__":
    main()
