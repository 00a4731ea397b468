"""A finding, and the table of all of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

type State = Literal["problem", "note", "good"]

WIDTHS: Final = (26, 13, 44, 44)
HEADINGS: Final = ("host", "what", "found", "remedy")
_MARKS: Final = {"problem": "!", "note": "-", "good": " "}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at on one host."""

    host: str
    what: str
    state: State
    found: str
    remedy: str = ""


def table(findings: Iterable[Finding]) -> str:
    """One table, problems first; its cells wrap."""
    order = {"problem": 0, "note": 1, "good": 2}
    rows = sorted(dict.fromkeys(findings), key=lambda finding: order[finding.state])
    lines = [_line("", HEADINGS), _line("", ["-" * width for width in WIDTHS])]
    for row in rows:
        cells = [
            textwrap.wrap(text, width, break_on_hyphens=False) or [""]
            for text, width in zip((row.host, row.what, row.found, row.remedy), WIDTHS, strict=True)
        ]
        height = max(map(len, cells))
        for number in range(height):
            mark = _MARKS[row.state] if number == 0 else ""
            lines.append(_line(mark, [cell[number] if number < len(cell) else "" for cell in cells]))
    return "\n".join(lines)


def _line(mark: str, cells: Sequence[str]) -> str:
    return (f"{mark:1} " + "  ".join(f"{cell:{width}}" for cell, width in zip(cells, WIDTHS, strict=True))).rstrip()


def title(findings: Sequence[Finding]) -> str:
    """One sentence over the table."""
    problems = [finding for finding in findings if finding.state == "problem"]
    if not problems:
        return "The hosts are ready: nothing was found that would stop a run."
    hosts = len({finding.host for finding in problems})
    return (
        f"The hosts have {len(problems)} problem{'s' if len(problems) != 1 else ''} on {hosts} "
        f"host{'s' if hosts != 1 else ''}; nothing has been changed."
    )
