"""Decides which certificate a Windows host serves, in Ansible's own process on the control node."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftps.exchange.plugins.module_utils.certificate import (
    RefusedError,
    Wanted,
    certificate_arguments,
)
from ansible_collections.ftps.exchange.plugins.plugin_utils.plain import plain
from ansible_collections.ftps.exchange.plugins.plugin_utils.windows_certificate.choice import choose
from ansible_collections.ftps.exchange.plugins.plugin_utils.windows_certificate.package import package

ARGUMENTS: dict[str, dict[str, Any]] = {
    **certificate_arguments(),
    "friendly_name": {"type": "str", "required": True},
    "certificates": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "certificate": {"type": "str", "required": True},
            "has_private_key": {"type": "bool", "required": True},
            "friendly_name": {"type": "str", "required": True},
        },
    },
    "intermediates": {"type": "list", "elements": "str", "default": []},
    "request": {"type": "str"},
    "request_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "answer": {"type": "str"},
    "pfx_file": {"type": "path"},
    "pfx_password": {"type": "str", "no_log": True},
    "thumbprint": {"type": "str"},
    "package_folder": {"type": "path"},
    "package_password": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    """The action; what it takes and returns is in plugins/modules/windows_certificate_choice.py."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Decide, and write what is to be installed where that is asked for."""
        super().run(tmp, task_vars)
        _, asked = self.validate_argument_spec(ARGUMENTS, required_together=[["package_folder", "package_password"]])
        if not shutil.which("openssl"):
            raise AnsibleActionFail("The program openssl is missing on the control node: install the package openssl.")
        try:
            return decide(plain(asked), datetime.now(UTC))
        except RefusedError as refused:
            raise AnsibleActionFail(
                f"The certificate for {', '.join(asked['dns_names'])} is refused: {'; '.join(refused.args)}. "
                "Nothing was changed on the host."
            ) from None


def decide(asked: dict[str, Any], now: datetime) -> dict[str, Any]:
    """What the task returns."""
    wanted = Wanted.of(asked, now)
    result, offer, missing = choose(asked, wanted)
    if asked["package_folder"]:
        package(asked, offer, missing, result["install"])
    return {**result, "warnings": list(offer.warnings)} if offer and offer.warnings else result
