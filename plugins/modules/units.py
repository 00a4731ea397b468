#!/usr/bin/python
"""Ansible module: units of systemd, many in one call, and those that run stay up."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: units
short_description: Units of systemd, many in one call
description:
  - Runs on a host with Linux.
  - Enables and starts units, and disables and stops others. It does for all of them in one call what
    M(ansible.builtin.systemd_service) does in one call for each.
  - A service that systemd restarts repeatedly looks as if it runs at every check. So this module waits until each unit
    has been active for some seconds, as one process. Otherwise it fails with the last lines of the journal. It does not
    wait for a unit that has already run for that long, so a run without changes takes no time here.
  - systemd reads its files again where one of the units is new or has changed.
options:
  started:
    description: Units that must be enabled and active, such as C(winbind.service). They are started in this order.
    type: list
    elements: str
    default: []
  stopped:
    description: Units that must be neither enabled nor active. Those that do not exist are ignored.
    type: list
    elements: str
    default: []
  seconds:
    description: How long each must have run. With V(0), it must be active.
    type: float
    default: 3.0
  timeout:
    description: How long to wait for that.
    type: float
    default: 30.0
attributes:
  check_mode:
    support: full
    description: Reports what it would change. A unit that does not exist yet would be started.
  diff_mode:
    support: full
    description: Whether each unit is enabled, and its state.
author: the ftps-exchange contributors
"""

EXAMPLES = r"""
- name: Run winbind, and nothing else of Samba
  ftps.exchange.units:
    started: [winbind.service]
    stopped: [smbd.service, nmbd.service]
"""

RETURN = r"""
changed_units:
  description: Units that were changed (in check mode, would be).
  returned: success
  type: list
  elements: str
  sample: [winbind.service]
waited:
  description: Seconds that the module waited.
  returned: success
  type: float
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.commands import runner
from ansible_collections.ftps.exchange.plugins.module_utils.units import Units, UnitsError, steady


def main() -> None:
    """Run the module."""
    specification: dict[str, Any] = {
        "started": {"type": "list", "elements": "str", "default": []},
        "stopped": {"type": "list", "elements": "str", "default": []},
        "seconds": {"type": "float", "default": 3.0},
        "timeout": {"type": "float", "default": 30.0},
    }
    module = AnsibleModule(argument_spec=specification, supports_check_mode=True)
    asked = module.params
    try:
        run = runner(module)
        units = Units(run, asked["started"], asked["stopped"], check_mode=module.check_mode)
        units.apply()
        waited = 0.0 if module.check_mode else steady(run, asked["started"], asked["seconds"], asked["timeout"])
    except UnitsError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(units.changed), changed_units=units.changed, diff=units.diff(), waited=round(waited, 2)
    )


if __name__ == "__main__":
    main()
