"""Checks the model of the exchange, in Ansible's process on the control node, for any host."""

from __future__ import annotations

import datetime
import json
from typing import Any

import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftps.exchange.plugins.plugin_utils.plain import plain

from ftps_exchange.model.check import check_model
from ftps_exchange.model.problems import ModelError

ARGUMENTS: dict[str, dict[str, Any]] = {
    "exchange": {"type": "raw", "required": True},
    "customers_dir": {"type": "path", "required": True},
    "exchange_file": {"type": "path"},
    "today": {"type": "str"},
}


class ActionModule(ActionBase):
    """The action ``exchange_model``; what it takes and returns is in plugins/modules/exchange_model.yml."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the checked model, or every problem there is."""
        super().run(tmp, task_vars)
        _, asked = self.validate_argument_spec(ARGUMENTS)
        try:
            model = check_model(
                plain(asked["exchange"]),
                asked["customers_dir"],
                exchange_file=asked["exchange_file"],
                today=_day(asked["today"]),
            )
        except ModelError as error:
            problems = [problem.as_dict() for problem in error.problems]
            raise AnsibleActionFail(str(error), result={"problems": problems}) from None
        return {
            "changed": False,
            "exchange": model["exchange"],
            "notes": model["notes"],
            "model": json.dumps(model, separators=(",", ":")),
        }


def _day(text: str | None) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text) if text else None
    except ValueError:
        raise AnsibleActionFail(f"today is {text!r}: write a day as YYYY-MM-DD.") from None
