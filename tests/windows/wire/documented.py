"""Arguments against the documentation of the module that they were sent to.

ansible-lint does not look at the arguments of PowerShell modules, and a scripted answer accepts anything. So what was
sent is held against what `ansible-doc` says that the module takes: names, types, choices, what is required. It trusts
the documentation to be what the module's own specification says.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

_KEPT: Final = ("type", "elements", "choices", "default", "required", "aliases")


def documented_options(modules: Iterable[str], project: Path) -> dict[str, dict[str, Any]]:
    """Module name -> its argument specification, made from its documentation. An unknown module is an error."""
    names = sorted(set(modules))
    command = ["ansible-doc", "--json", "--type", "module", *names]
    found = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True, timeout=120)
    documents = json.loads(found.stdout)
    missing = [name for name in names if name not in documents]
    if missing:
        raise LookupError(f"no documentation of {', '.join(missing)}: {found.stderr.strip()}")
    return {name: _specification(documents[name]["doc"].get("options") or {}) for name in names}


def objections(specification: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[str]:
    """What the documented module would refuse in these arguments."""
    result = ArgumentSpecValidator(dict(specification)).validate(dict(arguments))
    return [str(message) for message in result.error_messages]


def _specification(options: Mapping[str, Any]) -> dict[str, Any]:
    specification = {}
    for name, option in options.items():
        entry = {key: option[key] for key in _KEPT if option.get(key) is not None}
        entry.setdefault("type", "str")
        # Only names and types are judged here: nothing is logged
        entry["no_log"] = False
        if entry.get("required"):
            entry.pop("default", None)
        if isinstance(entry.get("choices"), dict):
            entry["choices"] = list(entry["choices"])
        if option.get("suboptions"):
            entry["options"] = _specification(option["suboptions"])
        specification[name] = entry
    return specification
