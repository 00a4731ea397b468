"""What a firewall format is: its renderer, and what its readers have to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from ftps_exchange.packs.flows import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One firewall's language. All texts but ``title`` and ``inspection`` are Markdown for docs/packs.md."""

    name: str
    """In customer files and in the settings of the role."""
    title: str
    """What the guide calls the firewall."""
    inspection: str
    """Where this firewall looks into FTP, for the guide: it has to stop doing so for TLS."""
    render: Callable[[Job], dict[str, str]]
    """One side -> its files by name."""
    files: tuple[str, ...]
    """Patterns of the names of its files; * begins with the side."""
    load: str
    undo: str
    again: str
    """What a second load does."""
    helper: str
    """What to do about FTP inspection."""
    update: Literal["", "lines", "entries"] = ""
    """Of what the file is made, where a newer one leaves rules of the older one: updates.py writes the difference."""
    comment: str = "#"
    """What a comment begins with."""
    notes: tuple[str, ...] = ()
    """What its reader must know besides."""

    def made(self, file: str) -> bool:
        """Whether a file of this name is one of this format's."""
        return any(fnmatchcase(file, pattern) for pattern in self.files)
