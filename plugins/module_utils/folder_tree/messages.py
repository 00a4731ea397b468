"""What messages about folders are made of."""

from __future__ import annotations

import os

LONGEST_SHOWN = 200


class FolderError(Exception):
    """What is wrong, where, and what to do about it."""


def printable(name: str) -> str:
    """A path as text of bearable length; what is not UTF-8 in it is replaced."""
    text = os.fsencode(name).decode(errors="replace")
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
