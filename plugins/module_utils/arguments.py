"""Arguments that are long lists: each is one JSON text, which AnsibleModule passes on unchanged."""

from __future__ import annotations

import json
from typing import Any, TypeVar

Kind = TypeVar("Kind", dict[str, Any], list[Any])


def from_json(module: Any, name: str, kind: type[Kind]) -> Kind:
    """Return the dictionary or list of an argument of the type ``json``; fail the module if it has another type."""
    try:
        value = json.loads(module.params[name])
    except ValueError as error:
        module.fail_json(msg=f"{name} is not JSON: {error}")
    if not isinstance(value, kind):
        module.fail_json(msg=f"{name} must be a {'list' if kind is list else 'dictionary'}, or its JSON text")
    found: Kind = value
    return found
