"""Quotas as an inventory writes them: ``10 GiB`` of space, a number of files, or ``unlimited``."""

from __future__ import annotations

import re
from typing import Any, Final

from ftps_exchange.model.problems import RefusedError

UNLIMITED: Final = "unlimited"
SPACE_PATTERN: Final = r"^[1-9][0-9]{0,6} (MiB|GiB|TiB)$"
FEWEST_FILES: Final = 10
"""A home itself and its folder for the shares count too."""
MOST_FILES: Final = 4_000_000_000
SPACE_REMEDY: Final = "Write a whole number and MiB, GiB or TiB, such as 10 GiB, or unlimited."
FILES_REMEDY: Final = f"Write a whole number ({FEWEST_FILES} to {MOST_FILES}), or unlimited."

_UNITS: Final = {"MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def check_space(value: Any) -> Any:
    """Refuse what is no amount of space."""
    if value is None or value == UNLIMITED:
        return value
    if not isinstance(value, str) or not re.fullmatch(SPACE_PATTERN, value):
        raise RefusedError("is not an amount of space.", SPACE_REMEDY)
    return value


def check_files(value: Any) -> Any:
    """Refuse what is no number of files."""
    if value is None or value == UNLIMITED:
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise RefusedError("is not a number of files.", FILES_REMEDY)
    if not FEWEST_FILES <= value <= MOST_FILES:
        raise RefusedError(f"is not from {FEWEST_FILES} to {MOST_FILES}.", FILES_REMEDY)
    return value


def space_bytes(text: str) -> int:
    """A checked amount of space in bytes.

    >>> space_bytes("10 GiB")
    10737418240
    """
    number, unit = text.split(" ")
    return int(number) * _UNITS[unit]
