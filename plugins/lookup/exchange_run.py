"""Who runs Ansible here, where, and which process it is."""

from __future__ import annotations

from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.ftps.exchange.plugins.plugin_utils.run import this_run

DOCUMENTATION = r"""
name: exchange_run
author: The ftps-exchange project
version_added: 0.1.0
short_description: Describe this run, for the lock of an exchange
description:
  - Returns who runs Ansible, on which node, with which playbook, and the process.
    M(ftps.exchange.directory_lock) writes it into the lock.
  - The key C(alive) has the processes of this node. A lock of a process of this node that is not among them
    is left over from a run that was killed.
options: {}
seealso:
  - module: ftps.exchange.directory_lock
"""

EXAMPLES = r"""
- name: Show who runs this
  ansible.builtin.debug:
    msg: "{{ lookup('ftps.exchange.exchange_run').by }}"
"""

RETURN = r"""
_raw:
  description: One dictionary with C(by), C(playbook), C(node), C(process) and C(alive).
  type: list
  elements: dict
"""


class LookupModule(LookupBase):
    """The lookup ``exchange_run``."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Return the description of this run."""
        return [this_run()]
