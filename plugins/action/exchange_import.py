"""Writes customer files from a table, in Ansible's process on the control node, for any host."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftps.exchange.plugins.plugin_utils.plain import plain

from ftps_exchange.errors import ExchangeError
from ftps_exchange.importing import run
from ftps_exchange.importing.table import read_table
from ftps_exchange.model.problems import ModelError

ARGUMENTS: dict[str, dict[str, Any]] = {
    "csv": {"type": "path", "required": True},
    "exchange": {"type": "raw", "required": True},
    "customers_dir": {"type": "path", "required": True},
}


class ActionModule(ActionBase):
    """The action ``exchange_import``; what it takes and returns is in plugins/modules/exchange_import.py."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write what the model accepts, and return what it refuses."""
        super().run(tmp, task_vars)
        _, asked = self.validate_argument_spec(ARGUMENTS)
        file, folder = Path(asked["csv"]), Path(asked["customers_dir"])
        try:
            done = run.plan(read_table(file), plain(asked["exchange"]), folder, source=file.name)
            if not self._task.check_mode:
                run.write(done, folder)
        except FileExistsError as error:
            raise AnsibleActionFail(
                f"{error.filename} has appeared during the import, and stays as it is. Run the import again."
            ) from None
        except (ExchangeError, ModelError, OSError) as error:
            raise AnsibleActionFail(str(error)) from None
        result = answer(done, file.name, check_mode=self._task.check_mode)
        if self._task.diff:
            result["diff"] = [
                {"before": "", "after": text, "before_header": "", "after_header": str(folder / f"{name}.yml")}
                for name, text in done.files.items()
            ]
        return result


def answer(done: run.Import, source: str, *, check_mode: bool) -> dict[str, Any]:
    """What the module returns."""
    return {
        "changed": bool(done.files),
        "created": list(done.files),
        "unchanged": done.unchanged,
        "refused": [
            {
                "customer": one.customer,
                "rows": list(one.rows),
                "reasons": [asdict(refusal) for refusal in one.refusals],
            }
            for one in done.refused
        ],
        "notes": done.notes,
        "report": done.report(source=source, check_mode=check_mode).splitlines(),
    }
