"""Programs of a host with Linux, for modules that run them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol


class Runner(Protocol):
    """Runs a command, with text for its input -> exit status, output, errors."""

    def __call__(self, command: Sequence[str], data: str = "") -> tuple[int, str, str]: ...


def runner(module: Any) -> Runner:
    """What runs commands for a module."""
    # Programs write numbers and errors by locale, and sudo may leave out /usr/sbin
    module.run_command_environ_update = {"LC_ALL": "C.UTF-8", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}

    def run(command: Sequence[str], data: str = "") -> tuple[int, str, str]:
        code, output, error = module.run_command(list(command), data=data or None, binary_data=True)
        return code, output, error

    return run
