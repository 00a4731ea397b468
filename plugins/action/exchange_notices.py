"""Computes and sends notices, in Ansible's own process on the control node, for any host of the task."""

from __future__ import annotations

import contextlib
import copy
import datetime
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file
from ansible_collections.ftps.exchange.plugins.plugin_utils.plain import plain

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.problems import printable
from ftps_exchange.model.view import Contact, Model, read_model
from ftps_exchange.notices.compute import FOR_CUSTOMERS, Notice, Thresholds, notices
from ftps_exchange.notices.mail import Addresses, Mail, Relay, deliver, mails
from ftps_exchange.notices.memory import Memory, forgotten, memory_text, read_memory, remembered
from ftps_exchange.notices.metrics import metrics
from ftps_exchange.notices.texts import for_operators

_DAYS = {"type": "list", "elements": "int"}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "model": {"type": "raw", "required": True},
    "status": {"type": "dict", "required": True},
    "outdated_packs": {"type": "list", "elements": "str", "default": []},
    "packs_problem": {"type": "str", "default": ""},
    "notices_dir": {"type": "path", "required": True},
    "metrics_file": {"type": "path"},
    "operators": {"type": "list", "elements": "str", "default": []},
    "to_customers": {
        "type": "list",
        "elements": "str",
        "choices": list(FOR_CUSTOMERS),
        "default": ["account", "password", "quota"],
    },
    "contact": {
        "type": "dict",
        "default": {},
        "options": {"name": {"type": "str"}, "email": {"type": "str"}, "phone": {"type": "str"}},
    },
    "certificate_days": {**_DAYS, "default": [30, 14, 7, 1]},
    "account_days": {**_DAYS, "default": [30, 7, 1]},
    "password_days": {**_DAYS, "default": [30, 7]},
    "quota_percent": {**_DAYS, "default": [80, 95]},
    "idle_days": {"type": "int", "default": 30},
    "repeat_days": {"type": "int", "default": 14},
    "sender": {"type": "str", "default": ""},
    "smtp_host": {"type": "str", "default": ""},
    "smtp_port": {"type": "int", "default": 587},
    "smtp_security": {"type": "str", "choices": ["starttls", "tls", "none"], "default": "starttls"},
    "smtp_ca_file": {"type": "path"},
    "smtp_username": {"type": "str", "default": ""},
    "smtp_password": {"type": "str", "default": "", "no_log": True},
}


class ActionModule(ActionBase):
    """The action ``exchange_notices``; what it takes and returns is in plugins/modules/exchange_notices.py."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send what is due, and return what a person reads."""
        super().run(tmp, task_vars)
        # A copy, because the validation changes it
        _, asked = self.validate_argument_spec(copy.deepcopy(ARGUMENTS))
        asked = plain(asked)
        try:
            with _alone(Path(asked["notices_dir"]), check_mode=self._task.check_mode):
                return _Run(asked, check_mode=self._task.check_mode).result()
        except (ExchangeError, OSError) as error:
            raise AnsibleActionFail(str(error)) from None


@contextlib.contextmanager
def _alone(folder: Path, *, check_mode: bool) -> Iterator[None]:
    """A timer and a person at the same time would send everything twice."""
    if check_mode:
        yield
        return
    # Contacts of customers
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    # Whatever the umask is; not if it is somebody else's
    with contextlib.suppress(PermissionError):
        os.fchmod(handle, 0o640)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class _Run:
    """One run: what holds, what of it is due, and what was sent."""

    def __init__(self, asked: dict[str, Any], *, check_mode: bool) -> None:
        self.asked, self.check_mode = asked, check_mode
        self.model: Model = read_model(asked["model"])
        self.status = asked["status"]
        self.missing = list(self.status["missing"])
        if asked["packs_problem"]:
            self.missing.append(f"packs: {asked['packs_problem'].splitlines()[0].rstrip('.')}")
        self.folder = Path(asked["notices_dir"])
        self.now = datetime.datetime.now(datetime.UTC)
        self.kept = self.folder / f"sent-{self.model.exchange.name}.json"
        contact = asked["contact"] or {}
        self.addresses = Addresses(
            asked["sender"],
            tuple(asked["operators"]),
            frozenset(asked["to_customers"]),
            Contact(*(contact.get(key) or None for key in ("name", "email", "phone"))),
        )

    def result(self) -> dict[str, Any]:
        asked = self.asked
        found = notices(
            self.model,
            self.status,
            Thresholds(
                **{
                    key: asked[key]
                    for key in ("certificate_days", "account_days", "password_days", "quota_percent", "idle_days")
                }
            ),
            outdated_packs=frozenset(asked["outdated_packs"]),
        )
        memory = forgotten(self._memory(), found, self.now, complete=not self.missing)
        repeat = datetime.timedelta(days=asked["repeat_days"])
        due = mails(self.model, found, self.addresses, memory, self.now, repeat, self.missing)
        sends = bool(asked["smtp_host"] and asked["sender"])
        sent, problems = self._send(due, memory) if sends and not self.check_mode else (0, [])
        if not self.check_mode:
            text = metrics(found, unsent=len(due) - sent if sends else 0, now=self.now)
            # Whoever collects the metrics is another account
            replace_file(asked["metrics_file"] or self.folder / "notices.prom", text, mode=0o644)
        result = {
            "changed": bool(sent or (sends and due and self.check_mode)),
            "report": [printable(line) for line in self._report(found, due, sends)],
            "notices": [
                {"kind": one.kind, "customer": one.customer, "about": one.about, "text": for_operators(one)}
                for one in found
            ],
            "mails": [
                {"to": list(mail.to), "subject": mail.subject, "text": mail.text, "notices": len(mail.notices)}
                for mail in due
            ],
            "missing": self.missing,
        }
        if problems:
            last = f"{sent} of {len(due)} mails were sent. The next run sends the others."
            raise AnsibleActionFail("\n".join([*problems, last]), result=result)
        return result

    def _memory(self) -> Memory:
        try:
            return read_memory(self.kept.read_text(encoding="utf-8"), str(self.kept))
        except FileNotFoundError:
            return {}

    def _send(self, due: Sequence[Mail], memory: Memory) -> tuple[int, list[str]]:
        """Send, and remember each mail as soon as the relay has it: a run that is killed sends one twice at most.

        Returns the number of mails that were sent, and what went wrong with the others.
        """
        sent = 0

        def accepted(mail: Mail) -> None:
            nonlocal memory, sent
            sent += 1
            memory = remembered(memory, mail.recipient, mail.notices, self.now)
            replace_file(str(self.kept), memory_text(memory), mode=0o640)

        asked = self.asked
        relay = Relay(
            asked["smtp_host"],
            asked["smtp_port"],
            asked["smtp_security"],
            asked["smtp_username"],
            asked["smtp_password"],
            asked["smtp_ca_file"] or "",
        )
        replace_file(str(self.kept), memory_text(memory), mode=0o640)
        try:
            problems = deliver(due, self.addresses, relay, self.now, accepted) if due else []
        except ExchangeError as error:
            problems = [str(error)]
        return sent, problems

    def _report(self, found: Sequence[Notice], due: Sequence[Mail], sends: bool) -> Iterator[str]:
        new = {notice.key for mail in due for notice in mail.notices}
        yield f"{len(found)} notices hold now; {len(new)} of them are due."
        yield from (f"  {'new ' if one.key in new else 'open'} {for_operators(one)}" for one in found)
        if not sends:
            yield "Nothing is sent: set notices_smtp_host, notices_from and notices_operators (docs/notices.md)."
        for mail in due:
            verb = "Sent" if sends and not self.check_mode else "Would send"
            yield f"{verb} to {', '.join(mail.to)}: {mail.subject}"
            if self.check_mode or not sends:
                yield from (f"  | {line}" for line in mail.text.rstrip("\n").split("\n"))
