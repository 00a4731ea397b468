"""An inventory as Ansible loads it, without a process of its own: what the action and the lookup are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from ansible import context
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecret
from ansible.playbook.task import Task
from ansible.template import Templar
from ansible.utils import vars as ansible_vars
from ansible.utils.context_objects import CLIArgs
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.ftps.exchange.plugins.action import exchange_inventory, exchange_model
from ansible_collections.ftps.exchange.plugins.lookup import exchange_inventory_files

from tests.unit.actions import run_action


class Run:
    """One run of Ansible with this inventory, up to its first task."""

    def __init__(
        self,
        inventory: Path,
        *,
        password: str | None = None,
        extra: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> None:
        self.loader = DataLoader()
        if password:
            self.loader.set_vault_secrets([("default", VaultSecret(password.encode()))])
        self.sources = (str(inventory),)
        self.arguments = {
            "tags": ("all",),
            "skip_tags": (),
            "start_at_task": None,
            "subset": None,
            "args": (),
        } | arguments
        self.extra = dict(extra or {})

    @contextmanager
    def _command_line(self) -> Iterator[None]:
        # Both are kept for the whole process, of which the tests are one
        before, loaded = context.CLIARGS, getattr(ansible_vars.load_extra_vars, "extra_vars", None)
        context.CLIARGS = CLIArgs(self.arguments)
        ansible_vars.load_extra_vars.extra_vars = self.extra
        try:
            yield
        finally:
            context.CLIARGS = before
            if loaded is None:
                del ansible_vars.load_extra_vars.extra_vars
            else:
                ansible_vars.load_extra_vars.extra_vars = loaded

    def first_play(self) -> str | None:
        """What the lookup in the first play's hosts says; None where the run goes on."""
        manager = InventoryManager(loader=self.loader, sources=list(self.sources))
        variables = {
            "ansible_inventory_sources": self.sources,
            "groups": {name: [host.name for host in group.get_hosts()] for name, group in manager.groups.items()},
        }
        with self._command_line():
            try:
                exchange_inventory_files.LookupModule(loader=self.loader).run([], variables)
            except AnsibleError as error:
                return str(error.message)
        return None

    def check(self, *, deploys: bool = True) -> dict[str, Any]:
        """What the task of the first play ends with."""
        manager = InventoryManager(loader=self.loader, sources=list(self.sources))
        with self._command_line():
            variables = VariableManager(loader=self.loader, inventory=manager)
            variables._extra_vars = self.extra
            hostvars = HostVars(manager, variables, self.loader)
            task = Task()
            task.args = {"deploys": deploys}
            task_vars = {
                "ansible_inventory_sources": self.sources,
                "groups": {name: [host.name for host in group.get_hosts()] for name, group in manager.groups.items()},
                "hostvars": hostvars,
                "ansible_play_hosts_all": [host.name for host in manager.get_hosts(self.arguments["subset"] or "all")],
            }
            connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=""))
            action = exchange_inventory.ActionModule(task, connection, None, self.loader, Templar(self.loader), None)
            try:
                return dict(action.run(task_vars=task_vars))
            except AnsibleActionFail as error:
                return {"failed": True, "msg": error.message, **error.result}


def message(inventory: Path, *, deploys: bool = True, **arguments: Any) -> str:
    """What a person sees when a run with this inventory stops, or nothing where it goes on."""
    run = Run(inventory, **arguments)
    return run.first_play() or run.check(deploys=deploys).get("msg", "") or _of_the_model(inventory)


def _of_the_model(inventory: Path) -> str:
    """What the play after it says."""
    file = inventory / "group_vars" / "all" / "exchange.yml"
    done = run_action(
        exchange_model.ActionModule,
        {
            "exchange": yaml.safe_load(file.read_text())["exchange"],
            "customers_dir": str(inventory / "customers"),
            "exchange_file": str(file),
        },
    )
    return str(done.get("msg", ""))
