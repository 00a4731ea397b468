"""The documentation of a module together with the fragments that it takes, as ansible-doc shows it."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import yaml

FRAGMENTS = Path(__file__).resolve().parents[1] / "plugins" / "doc_fragments"


def with_fragments(documentation: dict[str, Any]) -> dict[str, Any]:
    """The module's own words win where both describe an option."""
    whole = dict(documentation)
    for name in whole.pop("extends_documentation_fragment", []):
        variables = runpy.run_path(str(FRAGMENTS / f"{name.removeprefix('ftps.exchange.')}.py"))
        fragment = yaml.safe_load(variables["ModuleDocFragment"].DOCUMENTATION)
        whole["options"] = {**fragment["options"], **whole["options"]}
        whole["requirements"] = [*whole.get("requirements", []), *fragment.get("requirements", [])]
    return whole
