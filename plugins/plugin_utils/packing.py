"""The way of long lists to a Windows host: each as one JSON text, packed when it is long."""

from __future__ import annotations

from typing import Any, ClassVar

import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)
from ansible.plugins.action.normal import ActionModule as NormalAction

from ftps_exchange.wire import wire_text


class PackingAction(NormalAction):
    """Runs the module of the same name on the host, with the arguments in ``LISTS`` as such texts."""

    LISTS: ClassVar[tuple[str, ...]]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Pack, then run the module as any other."""
        arguments = dict(self._task.args)
        self._task.args = arguments | {name: wire_text(arguments[name]) for name in self.LISTS if name in arguments}
        result: dict[str, Any] = super().run(tmp, task_vars)
        return result
