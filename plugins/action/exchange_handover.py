"""Makes passwords and writes the file in which they are handed over, in Ansible's own process on the control node."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftps.exchange.plugins.plugin_utils.handover import (
    HandoverError,
    content,
    encrypt,
    make_password,
    select,
    write_new_file,
)
from ansible_collections.ftps.exchange.plugins.plugin_utils.plain import plain

ARGUMENTS: dict[str, dict[str, Any]] = {
    "accounts": {"type": "list", "elements": "dict", "required": True},
    "exchange": {"type": "str", "required": True},
    "handover_dir": {"type": "path", "required": True},
    "vault_id": {"type": "str"},
    "vault_base": {"type": "path"},
    "only_account": {"type": "str"},
    "only_customer": {"type": "str"},
}


class ActionModule(ActionBase):
    """The action ``exchange_handover``; what it takes and returns is in plugins/modules/exchange_handover.py."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Select the accounts, and outside check mode make their passwords and write them down."""
        super().run(tmp, task_vars)
        _, asked = self.validate_argument_spec(ARGUMENTS)
        try:
            return hand_over(plain(asked), check_mode=self._task.check_mode)
        except HandoverError as error:
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            place = error.filename or asked["handover_dir"]
            raise AnsibleActionFail(f"{place}: {error.strerror}. No password was handed over.") from None


def hand_over(asked: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """What the task returns."""
    folder: str = asked["handover_dir"]
    accounts = select(asked["accounts"], asked["only_account"], asked["only_customer"])
    if not os.path.isabs(folder):
        raise HandoverError(f"{folder}: give an absolute path.")
    passwords: dict[str, str] = {}
    path = folder
    if accounts and not check_mode:
        now = datetime.now(UTC)
        passwords = {account["name"]: make_password(account["name"]) for account in accounts}
        text = content(asked["exchange"], now, accounts, passwords)
        if asked["vault_id"]:
            text = encrypt(text, asked["vault_id"], asked["vault_base"] or os.getcwd())
        path = write_new_file(folder, now, text)
    return {
        "changed": bool(accounts),
        "path": path,
        "accounts": accounts,
        "passwords": passwords,
        "encrypted": bool(asked["vault_id"]),
    }
