"""Checks the files of the inventory and the command line, before Ansible loads a variable of any host."""

from __future__ import annotations

from typing import Any

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.ftps.exchange.plugins.plugin_utils import inventory

from ftps_exchange.inventory import InventoryError, cannot_be_loaded, check_run

DOCUMENTATION = r"""
name: exchange_inventory_files
author: The ftps-exchange project
version_added: 0.1.0
short_description: Check the files of the inventory before any variable is loaded
description:
  - Returns the pattern of hosts for the first play, C(all:localhost). It stands in the keyword C(hosts) of that play,
    which Ansible computes before it loads the variables of any host. So it reports what Ansible stops at with words of
    its own, or ignores - YAML that cannot be read, an encrypted file without a password, an unknown tag,
    C(--start-at-task).
  - Where one of these is found, it reports every other mistake in the files too. Where none is, that is left to
    M(ftps.exchange.exchange_inventory), which knows the values as well.
options: {}
seealso:
  - module: ftps.exchange.exchange_inventory
"""

EXAMPLES = r"""
- name: Check the inventory
  hosts: "{{ lookup('ftps.exchange.exchange_inventory_files') }}"
  gather_facts: false
  tasks:
    - name: Check all of it
      ftps.exchange.exchange_inventory:
      run_once: true
"""

RETURN = r"""
_raw:
  description: The pattern C(all:localhost).
  type: list
  elements: str
"""


# localhost counts only if the inventory has no other hosts
EVERYBODY = "all:localhost"


class LookupModule(LookupBase):
    """The lookup ``exchange_inventory_files``."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the hosts of the first play, or stop the run."""
        if any(context.CLIARGS.get(name) for name in ("syntax", "listtasks", "listtags", "listhosts")):
            return [EVERYBODY]
        variables = variables or {}
        asked = inventory.asked()
        problems = check_run(asked, inventory.tags_of_this_run()) if _chooses(asked) else []
        files = inventory.read(variables.get("ansible_inventory_sources") or (), self._loader)
        extra = inventory.extra_names(self._loader)
        problems += cannot_be_loaded(files, inventory.known(), variables.get("groups") or {}, extra)
        if problems:
            raise AnsibleLookupError(InventoryError(problems).report())
        return [EVERYBODY]


def _chooses(asked: Any) -> bool:
    return bool(asked.skip_tags or asked.start_at_task or set(asked.tags) - {"all"})
