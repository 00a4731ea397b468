"""Writes the parts of docs/packs.md that the formats themselves know.

python -m ftps_exchange.packs.reference docs/packs.md
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from ..marked import filled
from .formats import REGISTRY


def parts() -> dict[str, str]:
    """Every part by the name of its marks."""
    return {
        "formats": "| format | file | load | take back | loaded twice |\n|---|---|---|---|---|\n" + "".join(_formats()),
        "notes": "".join(_notes()),
        "inspection": "| firewall | what to do |\n|---|---|\n"
        + "".join(f"| {each.title} | {each.helper} |\n" for each in REGISTRY.values()),
    }


def _notes() -> Iterator[str]:
    lines = textwrap.TextWrapper(120, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    for each in REGISTRY.values():
        for note in each.notes:
            yield lines.fill(f"- **{each.title}**: {note}") + "\n"


def _formats() -> Iterator[str]:
    for each in REGISTRY.values():
        files = ", ".join(f"`{pattern}`" for pattern in each.files)
        yield f"| `{each.name}` | {files} | {each.load} | {each.undo} | {each.again} |\n"


def main(arguments: list[str]) -> int:
    """Write the parts into the document that is named."""
    if len(arguments) != 1:
        print("usage: python -m ftps_exchange.packs.reference DOCUMENT", file=sys.stderr)
        return 2
    document = Path(arguments[0])
    document.write_text(filled(document.read_text(encoding="utf-8"), parts(), "docs/packs.md"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
