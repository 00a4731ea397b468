"""Runs the project's playbooks from a test, against the scenario's hosts."""

from __future__ import annotations

import os
import re
import subprocess

from tests.exchange.lab import PROJECT, Lab


class Run:
    """What ansible-playbook printed."""

    def __init__(self, lab: Lab, playbook: str, *options: str, succeeds: bool = True) -> None:
        done = subprocess.run(
            ["ansible-playbook", "--inventory", lab.data["inventory"], playbook, *options],
            cwd=PROJECT,
            # Molecule forces colours, which would hide the recap from what reads it here
            env=os.environ | {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"},
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


def changes(output: str) -> dict[str, int]:
    """Changed tasks by host, from the recap."""
    return {host: int(count) for host, count in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", output, re.M)}
