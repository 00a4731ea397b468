"""Counts the calls of a run: a module runs on a host, which costs a round trip and the start of Python there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: count_calls
type: notification
short_description: Counts the calls of a run
description:
  - Adds a line with the task's name to the file that C(COUNT_CALLS) names, for each module that runs. Only for tests.
"""

execute_module = ActionBase._execute_module


def counted(self: ActionBase, *arguments: Any, **options: Any) -> Any:
    """Each task is a process of its own, and lines that are added to a file do not mix."""
    with Path(os.environ["COUNT_CALLS"]).open("a", encoding="utf-8") as file:
        file.write(f"{self._task.get_name()}\n")
    return execute_module(self, *arguments, **options)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "count_calls"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        ActionBase._execute_module = counted
