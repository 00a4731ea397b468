"""Writes the description of a lab, in Ansible's process on the control node, for any host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file
from ansible_collections.ftps.exchange.plugins.plugin_utils.plain import plain

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.view import read_model
from ftps_exchange.verify.lab import DescriptionError, LostError, describe_lab, read_passwords

ARGUMENTS: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "model": {"type": "raw", "required": True},
    "handover_dir": {"type": "path", "required": True},
    "customer_containers": {"type": "dict", "required": True},
    "more": {"type": "dict", "default": {}},
    "lost_allowed": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):
    """The action ``lab_description``; its documentation is in plugins/modules/lab_description.py."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write the file, if it differs."""
        super().run(tmp, task_vars)
        _, asked = self.validate_argument_spec(ARGUMENTS)
        return write_description(plain(asked), check_mode=self._task.check_mode)


def write_description(asked: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Run the action and return its result."""
    path = Path(asked["path"])
    try:
        files = Path(asked["handover_dir"]).glob("*.yml")
        passwords = read_passwords((file.name, file.read_text(encoding="utf-8")) for file in files)
        model = read_model(asked["model"])
        description, left_out = describe_lab(model, passwords, asked["customer_containers"], asked["more"])
    except LostError as error:
        if not asked["lost_allowed"]:
            raise AnsibleActionFail(f"{path} could not be written: {error}") from None
        return {"changed": False, "path": str(path), "customers": [], "left_out": [], "lost": error.lost}
    except (DescriptionError, ExchangeError, OSError) as error:
        raise AnsibleActionFail(f"{path} could not be written: {error}") from None
    text = json.dumps(description, indent=2) + "\n"
    changed = not is_current(path, text)
    if changed and not check_mode:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, text)
    customers = [customer["name"] for customer in description["customers"]]
    return {"changed": changed, "path": str(path), "customers": customers, "left_out": left_out, "lost": []}


def is_current(path: Path, text: str) -> bool:
    """Whether the file has this content and this mode already."""
    return path.is_file() and path.stat().st_mode & 0o777 == 0o600 and path.read_text(encoding="utf-8") == text
