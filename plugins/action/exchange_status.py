"""Writes the status of an exchange, in Ansible's own process on the control node, for any host of the task."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file
from ansible_collections.ftps.exchange.plugins.plugin_utils.plain import plain

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.view import Model, read_model
from ftps_exchange.status import output, request
from ftps_exchange.status.rows import status

ARGUMENTS: dict[str, dict[str, Any]] = {
    "model": {"type": "raw", "required": True},
    "results": {"type": "dict", "required": True},
    "reports_dir": {"type": "path", "required": True},
    "packs_dir": {"type": "path"},
    "query": {"type": "str"},
    "new_request": {"type": "bool", "default": False},
    "metrics_per_customer": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):
    """The action ``exchange_status``; what it takes and returns is in plugins/modules/exchange_status.py."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write the reports, and return what a person reads."""
        super().run(tmp, task_vars)
        _, asked = self.validate_argument_spec(ARGUMENTS)
        try:
            return self._write(asked)
        except (ExchangeError, OSError) as error:
            raise AnsibleActionFail(str(error)) from None

    def _write(self, asked: dict[str, Any]) -> dict[str, Any]:
        model = read_model(plain(asked["model"]))
        found = status(model, plain(asked["results"]), _packs(model, asked["packs_dir"]))
        reports = Path(asked["reports_dir"])
        kept = reports / f"edge-requested-{model.exchange.name}.json"
        after = request.baseline(model)
        changes = request.changes(_kept(kept), after)
        texts = {
            "status.json": output.json_text(found),
            "status.csv": output.csv_text(found),
            "status.html": output.page(found, changes),
            "status.prom": output.metrics(found, per_customer=asked["metrics_per_customer"]),
        }
        lines = output.query_result(found, asked["query"]) if asked["query"] else output.text(found, changes)
        if asked["new_request"] and changes:
            name = f"edge-request-{datetime.datetime.now(datetime.UTC):%Y%m%d-%H%M%S}.csv"
            texts[name] = request.request_csv(changes, after["ports"], after["addresses"])
            texts[kept.name] = json.dumps(after, indent=1) + "\n"
            lines.append(f"New request for the firewall team: {reports / name}")
        if not self._task.check_mode:
            reports.mkdir(parents=True, exist_ok=True)
            for name, text in texts.items():
                # Contacts and addresses of customers
                replace_file(str(reports / name), text.encode(), mode=0o640)
        return {
            "changed": False,
            "report": lines,
            "status": found,
            "changes": [{"action": one.action, "network": one.network, "reason": one.reason} for one in changes],
        }


def _packs(model: Model, packs_dir: str | None) -> dict[str, dict[str, Any]]:
    """pack.json of each customer that has a pack."""
    found = {}
    for customer in model.customers if packs_dir else ():
        try:
            content = json.loads((Path(str(packs_dir)) / customer.name / "pack.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict) and content.get("exchange") == model.exchange.name:
            found[customer.name] = content
    return found


def _kept(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        raise ExchangeError(
            "is damaged", field="reports", value=str(path), remedy="Remove it: the next request then lists everything"
        ) from None
    return content if isinstance(content, dict) else None
