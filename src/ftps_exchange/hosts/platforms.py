"""On which systems the roles have run: the one place that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROVEN: Final[Mapping[tuple[str, str], str]] = {("debian", "13"): "Debian 13"}
"""ID and VERSION_ID of os-release(5) -> its name. In here only after the whole scenario ran on it."""


def proven() -> str:
    """The names, for messages."""
    return ", ".join(PROVEN.values())
