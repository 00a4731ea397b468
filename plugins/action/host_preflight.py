"""Runs the module of the same name. A host that it cannot reach is an answer too, not a failure of the run."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """The action ``host_preflight``; what it takes and returns is in plugins/modules/host_preflight.py."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the facts, or why there are none."""
        super().run(tmp, task_vars)
        try:
            result = self._execute_module(module_args=self._task.args, task_vars=task_vars)
        except AnsibleError as error:
            return {"changed": False, "unlooked": str(error)}
        if "host" in result:
            return dict(result)
        said = (result.get(key) for key in ("msg", "module_stderr", "module_stdout", "stderr"))
        return {"changed": False, "unlooked": "\n".join(str(text) for text in said if text) or "no answer"}
