"""Runs the project's playbooks from a test, against the scenario's hosts."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.exchange.lab import PROJECT, Lab


class Run:
    """What ansible-playbook printed."""

    def __init__(
        self, lab: Lab, playbook: str, *options: str, succeeds: bool = True, env: Mapping[str, str] | None = None
    ) -> None:
        done = subprocess.run(
            ["ansible-playbook", "--inventory", lab.data["inventory"], playbook, *options],
            cwd=PROJECT,
            # Molecule forces colours, which would hide the recap from what reads it here
            env=os.environ | {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"} | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        self.output = done.stdout
        assert (done.returncode == 0) is succeeds, self.output

    @property
    def changed(self) -> dict[str, int]:
        return changes(self.output)


def calls(lab: Lab, playbook: str, file: Path) -> tuple[Run, list[str]]:
    """Run a playbook, and return the task of each call to a host as well."""
    counting = {
        "ANSIBLE_CALLBACK_PLUGINS": f"{PROJECT / 'callback_plugins'}:{PROJECT / 'tests' / 'scenario' / 'callbacks'}",
        "ANSIBLE_CALLBACKS_ENABLED": "count_calls",
        "COUNT_CALLS": str(file),
    }
    return Run(lab, playbook, env=counting), file.read_text(encoding="utf-8").splitlines()


def changes(output: str) -> dict[str, int]:
    """Changed tasks by host, from the recap."""
    return {host: int(count) for host, count in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", output, re.M)}
