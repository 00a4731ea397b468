"""The vendor-neutral table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from .reading import NET, Fact, each, known_lines, match


def rows_of_side(name: str, text: str, side: str) -> str:
    """The rows of one side as tab-separated lines, from either of the two files."""
    if name.endswith(".csv"):
        rows = list(csv.reader(io.StringIO(text)))
    else:
        rows = [line.strip("| ").split(" | ") for line in text.split("\n") if line.startswith("| ")]
    return "\n".join("\t".join(row) for row in rows[1:] if row[0] == side)


def table(text: str) -> Iterator[Fact]:
    known = known_lines(rf"(?:in|out) tcp any allow(?:, translate to ({NET}))?")
    for line in text.split("\n"):
        _side, direction, action, protocol, source, source_port, destination, ports, _state = line.split("\t")
        _, found = match(f"{direction} {protocol} {source_port} {action}", known)
        yield from each("pass", [source], destination, [ports])
        if found[1]:
            yield from each("translate", [source], destination, [ports], found[1])
