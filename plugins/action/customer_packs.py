"""Makes the customers' packs, in Ansible's process on the control node, for any host."""

from __future__ import annotations

import copy
import datetime
import gc
import os
from typing import Any

import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftps.exchange.plugins.module_utils.messages import few
from ansible_collections.ftps.exchange.plugins.plugin_utils.plain import plain

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.check import check_model
from ftps_exchange.model.problems import ModelError
from ftps_exchange.model.view import Contact
from ftps_exchange.packs.owner import claim
from ftps_exchange.packs.run import PacksError, Settings, Summary, make_packs
from ftps_exchange.packs.store import Result

ARGUMENTS: dict[str, dict[str, Any]] = {
    "exchange": {"type": "raw", "required": True},
    "customers_dir": {"type": "path", "required": True},
    "exchange_file": {"type": "path"},
    "inventory_dir": {"type": "path"},
    "packs_dir": {"type": "path", "required": True},
    "customer": {"type": "str"},
    "formats": {"type": "list", "elements": "str", "default": []},
    "provider_formats": {"type": "list", "elements": "str", "default": []},
    "ca_file": {"type": "path"},
    "servers": {"type": "list", "elements": "str", "default": []},
    "contact": {
        "type": "dict",
        "default": {},
        "options": {"name": {"type": "str"}, "email": {"type": "str"}, "phone": {"type": "str"}},
    },
    "change_deadline": {"type": "str"},
    "when_removed": {"type": "str", "choices": ["remove", "archive"], "default": "remove"},
    "removal_confirmed": {"type": "bool", "default": False},
    "today": {"type": "str"},
    "processes": {"type": "int", "default": 0},
}


class ActionModule(ActionBase):
    """The action ``customer_packs``; what it takes and returns is in plugins/modules/customer_packs.py."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make the packs."""
        super().run(tmp, task_vars)
        # A copy, because the validation changes it
        _, asked = self.validate_argument_spec(copy.deepcopy(ARGUMENTS))
        # Garbage collection would take a tenth of the time and find nothing.
        gc.disable()
        # Everybody may read packs, with any umask.
        os.umask(0o022)
        try:
            summary = _make(plain(asked), check_mode=self._task.check_mode, want_diff=self._task.diff)
        except ModelError as error:
            problems = [str(problem) for problem in error.problems]
            raise AnsibleActionFail(str(error), result={"problems": problems}) from None
        except PacksError as error:
            result = {"problems": error.problems, **answer(error.summary)}
            raise AnsibleActionFail(str(error), result=result) from None
        except (ExchangeError, OSError) as error:
            raise AnsibleActionFail(str(error), result={"problems": [str(error)]}) from None
        done = answer(summary)
        return {**done, "warnings": warnings_of(done, asked["change_deadline"], asked["contact"])}


def _make(asked: dict[str, Any], *, check_mode: bool, want_diff: bool) -> Summary:
    try:
        today = datetime.date.fromisoformat(asked["today"]) if asked["today"] else None
    except ValueError:
        raise AnsibleActionFail(f"today is {asked['today']!r}: write a day as YYYY-MM-DD.") from None
    contact = asked["contact"] or {}
    model = check_model(asked["exchange"], asked["customers_dir"], exchange_file=asked["exchange_file"], today=today)
    if asked["inventory_dir"]:
        folder, name = os.path.abspath(asked["packs_dir"]), str(asked["exchange"]["name"])
        claim(folder, name, asked["inventory_dir"], check_mode=check_mode)
    return make_packs(
        model,
        Settings(
            directory=os.path.abspath(asked["packs_dir"]),
            customer=asked["customer"] or None,
            formats=tuple(asked["formats"]),
            provider_formats=tuple(asked["provider_formats"]),
            ca_file=asked["ca_file"] or None,
            servers=tuple(asked["servers"]),
            contact=Contact(*(contact.get(key) or None for key in ("name", "email", "phone"))),
            deadline=asked["change_deadline"] or None,
            when_removed=asked["when_removed"],
            removal_confirmed=asked["removal_confirmed"],
            today=today,
            processes=asked["processes"],
            check_mode=check_mode,
            want_diff=want_diff,
        ),
    )


def answer(summary: Summary) -> dict[str, Any]:
    """What the module returns about a run."""
    results = summary.results

    def gone(result: Result) -> bool:
        return result.action in ("removed", "archived")

    return {
        "changed": summary.changed,
        "created": summary.names("created"),
        "updated": summary.names("changed"),
        "removed": summary.names("removed") + summary.names("archived"),
        "kept": summary.kept,
        "unchanged": len(summary.names("unchanged")),
        "new_changes": [result.customer for result in results if result.new_change],
        "edited": [f"{result.customer}/{path}" for result in results if not gone(result) for path in result.edited],
        "edited_and_removed": [
            f"{result.customer}/{path}" for result in results if gone(result) for path in result.edited
        ],
        "unreadable": summary.unreadable,
        "foreign": [f"{result.customer}/{path}" for result in results for path in result.foreign],
        "diff": [diff for result in results for diff in result.diffs],
    }


def warnings_of(told: dict[str, Any], deadline: str | None, contact: dict[str, Any] | None) -> list[str]:
    """Warnings for the operator."""
    found = []
    if told["edited"]:
        found.append(f"Changed by hand, and restored: {few(told['edited'])}. Change the inventory instead.")
    if told["edited_and_removed"]:
        found.append(
            f"Changed by hand, and removed with the pack of a former customer: {few(told['edited_and_removed'])}."
        )
    if told["unreadable"]:
        found.append(
            f"Folders of no customer, with an unreadable pack.json: {few(told['unreadable'])}. Not touched: "
            "check them, and remove them by hand."
        )
    if told["foreign"]:
        found.append(f"Files of others, not touched: {few(told['foreign'])}.")
    if told["new_changes"] and not deadline:
        found.append(
            f"CHANGES.md has no date for {few(told['new_changes'])}: run again with "
            "customer_packs_change_deadline=YYYY-MM-DD before you send the packs."
        )
    if not any((contact or {}).values()):
        found.append(
            "The guides name nobody whom customers can ask. Give a name, an e-mail address or a telephone number in "
            "customer_packs_contact."
        )
    return found
