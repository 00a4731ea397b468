"""What Ansible sends to a Windows host, understood: which module, with which arguments, in check mode or not.

The control node sends a command line (PowerShell with a small script that reads the rest) and, on its standard input,
the exec wrapper, a line of four zero bytes, and a list of scripts and of actions to run with them. The last action of a
module call carries the module's name and its arguments, after all templating.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

SEPARATOR: Final = b"\n\0\0\0\0\n"
_INTERNAL: Final = "_ansible_"


@dataclass(frozen=True, slots=True)
class Received:
    """A command as it arrived: the command line and everything on its standard input."""

    command_line: str
    standard_input: bytes

    @property
    def script(self) -> str:
        """The PowerShell of the command line itself."""
        found = re.search(r"-EncodedCommand\s+(\S+)", self.command_line)
        return base64.b64decode(found[1]).decode("utf-16-le") if found else ""

    @property
    def manifest(self) -> tuple[dict[str, Any], bytes]:
        """The list of actions, empty where there is none, and what follows it."""
        _, separator, rest = self.standard_input.partition(SEPARATOR)
        text, _, data = rest.partition(SEPARATOR)
        return (json.loads(text) if separator else {}), data


@dataclass(frozen=True, slots=True)
class Call:
    """A module call. ``module`` is the short name; arguments are those of the task, without Ansible's own."""

    module: str
    full_name: str
    arguments: Mapping[str, Any] = field(repr=False)
    check_mode: bool
    diff: bool
    no_log: bool
    environment: Mapping[str, str]
    actions: tuple[str, ...]
    received: Received = field(repr=False)

    @property
    def is_ours(self) -> bool:
        """Whether the module is one of this project, called by its short or its full name."""
        return "." not in self.full_name or self.full_name.startswith("ftps.exchange.")


def read_call(received: Received) -> Call | None:
    """Understand a command as a module call; None when it is something else (a file transfer, a raw command)."""
    manifest, _ = received.manifest
    actions = manifest.get("actions") or []
    if not actions or actions[-1]["name"] != "module_wrapper.ps1":
        return None
    parameters = actions[-1]["params"]
    full_name = parameters["Script"].removesuffix(".ps1").removeprefix("ansible.legacy.")
    full_name = full_name.removeprefix("ansible_collections.").replace(".plugins.modules.", ".")
    arguments = {variable["Name"]: variable["Value"] for variable in parameters.get("Variables") or []}["complex_args"]
    return Call(
        module=full_name.rsplit(".", 1)[-1],
        full_name=full_name,
        arguments={name: value for name, value in arguments.items() if not name.startswith(_INTERNAL)},
        check_mode=bool(arguments.get("_ansible_check_mode")),
        diff=bool(arguments.get("_ansible_diff")),
        no_log=bool(arguments.get("_ansible_no_log")),
        environment=parameters.get("Environment") or {},
        actions=tuple(action["name"] for action in actions),
        received=received,
    )
