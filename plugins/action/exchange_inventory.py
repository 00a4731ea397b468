"""Checks the whole inventory, in Ansible's process on the control node, for any host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)
from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftps.exchange.plugins.plugin_utils import inventory

from ftps_exchange.inventory import InventoryError, Loaded, check_inventory
from ftps_exchange.inventory.files import passwords_in_clear
from ftps_exchange.inventory.run import notes
from ftps_exchange.model.check import check_model
from ftps_exchange.model.problems import ModelError, Problem

ARGUMENTS: dict[str, dict[str, Any]] = {"deploys": {"type": "bool", "default": True}}


class ActionModule(ActionBase):
    """The action ``exchange_inventory``; what it takes and returns is in plugins/modules/exchange_inventory.py."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return warnings, or all problems, including those of the model."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _, given = self.validate_argument_spec(ARGUMENTS)
        sources = variables.get("ansible_inventory_sources") or ()
        groups = variables.get("groups") or {}
        files = inventory.read(sources, self._loader)
        extra = inventory.extra_names(self._loader)
        loaded = inventory.load(variables["hostvars"], groups, extra, deploys=given["deploys"])
        problems = check_inventory(files, inventory.known(), loaded)
        if problems:
            # Without exactly one description of the service, the model cannot be checked
            if not any(problem.field == "exchange" for problem in problems):
                problems += _of_the_model(sources, loaded)
            result = {"problems": [problem.as_dict() for problem in problems]}
            raise AnsibleActionFail(str(InventoryError(problems)), result=result)
        limit = context.CLIARGS.get("subset")
        chosen = variables.get("ansible_play_hosts_all") or ()
        told = [
            f"{file} holds passwords and is not encrypted: ansible-vault encrypt {file}"
            for file in passwords_in_clear(files)
        ]
        return {"changed": False, "warnings": [*told, *notes(limit, chosen, loaded.groups)] if given["deploys"] else []}


def _of_the_model(sources: Any, loaded: Loaded) -> list[Problem]:
    """Add the model's problems, so that one run reports everything."""
    values = next((values for values in loaded.hosts.values() if isinstance(values.get("exchange"), dict)), None)
    if not sources or values is None:
        return []
    source = Path(str(next(iter(sources))))
    folder = source if source.is_dir() else source.parent
    customers = values.get("exchange_model_customers_dir")
    written = values.get("exchange_model_exchange_file")
    try:
        check_model(
            values["exchange"],
            customers if isinstance(customers, str) else folder / "customers",
            exchange_file=written if isinstance(written, str) else folder / "group_vars" / "all" / "exchange.yml",
        )
    except ModelError as error:
        return error.problems
    return []
