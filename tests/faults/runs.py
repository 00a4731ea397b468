"""Runs of a playbook with a fault in the middle, and which tasks are chosen for it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CALLBACKS = f"{PROJECT / 'callback_plugins'}:{PROJECT / 'tests' / 'faults' / 'callback'}"
LONGEST_RUN = 1800


@dataclass(frozen=True)
class Done:
    """A run that has ended."""

    code: int
    """Of the process; negative when a signal ended it."""
    output: str
    tasks: tuple[str, ...]
    """The tasks that it reached."""
    fault: int | None
    """The status of the fault's command; None if it did not run."""

    @property
    def changed(self) -> int:
        """How many tasks changed something, from the recap."""
        return sum(int(count) for count in re.findall(r"^\S+ +: ok=\d+ +changed=(\d+)", self.output, re.MULTILINE))


def play(
    inventory: str,
    playbook: str,
    *options: str,
    log: Path,
    task: int = 0,
    at: str = "",
    command: str = "",
    kill: bool = False,
    cwd: Path = PROJECT,
) -> Done:
    """Run a playbook, with a fault at the start of the task of this number, or of the first one with these words."""
    fault = log.with_name(f"{log.name}.fault")
    for file in (log, fault):
        file.unlink(missing_ok=True)
    process = subprocess.Popen(
        ["ansible-playbook", "--inventory", inventory, playbook, *options],
        cwd=cwd,
        env=os.environ
        | {
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_CALLBACK_PLUGINS": CALLBACKS,
            "FAULT_LOG": str(log),
            "FAULT_TASK": str(task),
            "FAULT_AT": at,
            "FAULT_COMMAND": command,
            "FAULT_KILL": "1" if kill else "",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    output, _ = process.communicate(timeout=LONGEST_RUN)
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    tasks = tuple(line.partition("\t")[2] for line in lines)
    status = int(fault.read_text(encoding="ascii")) if fault.exists() else None
    return Done(process.returncode, output, tasks, status)


def chosen(tasks: Sequence[str], every: int, *, after: str = "", first: int = 0) -> list[int]:
    """Every n-th task, by number, from the first one after the task ``after``: always the same ones."""
    begin = next((number for number, name in enumerate(tasks, 1) if after and after in name), 0) + 1
    return list(range(begin + first % every, len(tasks) + 1, every))


def named(tasks: Sequence[str], words: str) -> list[int]:
    """The tasks whose name contains these words."""
    return [number for number, name in enumerate(tasks, 1) if words.casefold() in name.casefold()]
