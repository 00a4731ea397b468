"""Helpers for messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

NAMES_IN_A_MESSAGE: Final = 20


def few(texts: Sequence[str], separator: str = ", ") -> str:
    """A list, shortened for a message: the first items and the number of others."""
    more = len(texts) - NAMES_IN_A_MESSAGE
    return separator.join(texts[:NAMES_IN_A_MESSAGE]) + (f" and {more} more" if more > 0 else "")
