"""Helpers for messages about folders."""

from __future__ import annotations

import os

LONGEST_SHOWN = 200


class FolderError(Exception):
    """An error for the user: what, where, remedy."""


def printable(name: str) -> str:
    """A path as short text; bytes that are not UTF-8 are replaced."""
    text = os.fsencode(name).decode(errors="replace")
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
