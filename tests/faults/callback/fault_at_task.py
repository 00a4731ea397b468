"""Puts a fault at a chosen task of a run: a command, or the death of the control node.

The tests put this folder into ANSIBLE_CALLBACK_PLUGINS. Tasks count from 1, in the order in which they start.

    FAULT_LOG       a file that gets the name of each task; FAULT_LOG.fault gets the status of the fault's command
    FAULT_TASK      the number of the task at whose start the fault comes
    FAULT_AT        or words: the first task with them in its name
    FAULT_COMMAND   a shell command, the fault; the run goes on after it
    FAULT_KILL      1: Ansible and its children are killed there
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: fault_at_task
type: notification
short_description: Put a fault at a chosen task of a run
description:
  - For the tests in tests/faults.
requirements: []
"""


class CallbackModule(CallbackBase):
    """Counts tasks."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "fault_at_task"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._task = int(os.environ.get("FAULT_TASK") or 0)
        self._at = os.environ.get("FAULT_AT", "").casefold()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._reach(task.get_name())

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._reach(task.get_name())

    def _reach(self, name: str) -> None:
        self._count += 1
        if log := os.environ.get("FAULT_LOG"):
            with open(log, "a", encoding="utf-8") as file:
                file.write(f"{self._count}\t{name}\n")
        if self._at and self._at in name.casefold():
            self._task, self._at = self._count, ""
        if self._count != self._task:
            return
        if command := os.environ.get("FAULT_COMMAND"):
            done = subprocess.run(command, shell=True, check=False, stdin=subprocess.DEVNULL, timeout=60)  # noqa: S602
            if log:
                Path(f"{log}.fault").write_text(str(done.returncode), encoding="ascii")
        if os.environ.get("FAULT_KILL") == "1":
            # The tests start a run in a separate process group. Workers are not in it, and end when they cannot answer
            os.killpg(os.getpgid(0), signal.SIGKILL)
