"""Runs an action plugin the way a task does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase
from ansible.template import Templar


def run_action(
    plugin: type[ActionBase],
    arguments: dict[str, Any],
    *,
    check_mode: bool = False,
    diff: bool = False,
    task_vars: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What the task ends with; a failure as ``failed`` and ``msg``."""
    task = Task()
    task.args = arguments
    task.check_mode = check_mode
    task.diff = diff
    loader = DataLoader()
    # An action that contacts nobody asks its connection for a folder that is there already, and for nothing else
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=""))
    action = plugin(task, connection, None, loader, Templar(loader), None)
    try:
        result: dict[str, Any] = action.run(task_vars=task_vars or {})
    except AnsibleActionFail as error:
        return {"failed": True, "msg": error.message, **error.result}
    return result
