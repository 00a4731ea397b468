"""A customer file as a person would write it: keys in the usual order, one short line where it fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

_ORDER: Final = (
    *("state", "contact", "sources", "inside_networks", "shared_exit", "firewall", "language", "implicit_tls"),
    *("accounts", "shares"),
)
_WIDTH: Final = 120
_BLOCKS: Final = frozenset({"accounts", "shares"})


def customer_text(content: Mapping[str, Any], comment: str, first_line: str | None = None) -> str:
    """The text of a customer file; ``first_line`` is what editors look for, if the neighbours have it."""
    lines = [first_line] if first_line else []
    lines += ["---", f"# {comment}"]
    for key in _ORDER:
        if key in content:
            lines += _entry(key, content[key])
    return "\n".join([*lines, ""])


def _entry(key: str, value: Any) -> Iterable[str]:
    line = f"{key}: {_flow(value)}"
    if isinstance(value, list) and (key in _BLOCKS or len(line) > _WIDTH):
        return [f"{key}:", *(f"  - {_flow(entry)}" for entry in value)]
    return [line]


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        # A day stands without quotes, as people write it
        return "{" + ", ".join(f"{key}: {v if key == 'expires' else _flow(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _scalar(str(value))


def _scalar(text: str) -> str:
    """A text, in double quotes if YAML, or a person, could take it for something else."""
    plain = text[:1].isalnum() and ":" not in text and _dumped(text, None) == text
    return text if plain else _dumped(text, '"')


def _dumped(text: str, style: str | None) -> str:
    dumped: str = yaml.safe_dump([text], default_style=style, default_flow_style=True, allow_unicode=True, width=10**6)
    return dumped.strip()[1:-1]
