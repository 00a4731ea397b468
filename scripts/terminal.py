"""A recorded terminal: what script(1) wrote becomes an asciicast, and that an SVG that plays it.

Usage: python -m scripts.terminal TIMING OUTPUT NAME, which writes NAME.cast and NAME.svg. The SVG needs no script and
loads nothing, so a README can show it as an image. It shows whole lines, the newest at the bottom of a window, and is
not for programs that move the cursor.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

PROJECT = Path(__file__).resolve().parents[1]
WIDTH, ROWS = 110, 24
# Nobody wants to watch a silent terminal; the asciicast keeps the real times
LONGEST_PAUSE, HOLD = 0.6, 12.0
# Of rich: the size of its font, the width of a character and the height of a row by it
FONT, ASPECT = 20, 0.61
ROW = FONT * 1.22

THEME = TerminalTheme(
    (15, 23, 42),
    (226, 232, 240),
    [
        (71, 85, 105),
        (248, 113, 113),
        (134, 239, 172),
        (252, 211, 77),
        (147, 180, 255),
        (216, 180, 254),
        (103, 232, 249),
        (226, 232, 240),
    ],
    [
        (148, 163, 184),
        (252, 165, 165),
        (187, 247, 208),
        (253, 230, 138),
        (191, 219, 254),
        (233, 213, 255),
        (165, 243, 252),
        (248, 250, 252),
    ],
)

# Fields in single braces are rich's; the window that scrolls is ours
PAGE = """\
<svg viewBox="0 0 {width} @WINDOW@" xmlns="http://www.w3.org/2000/svg" role="img" aria-label="@TITLE@">
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }}
.{unique_id}-title {{ font: 18px system-ui, sans-serif; }}
.film {{ transform: translateY(-@LAST@px); animation: film @SECONDS@s step-end infinite; }}
@keyframes film {{
@KEYFRAMES@}}
@media (prefers-reduced-motion: reduce) {{ .film {{ animation: none; }} }}
{styles}
</style>
<rect fill="#0f172a" x="1" y="1" width="@FRAME@" height="@HIGH@" rx="8"/>
<text class="t-title" fill="#e2e8f0" text-anchor="middle" x="50%" y="27">@TITLE@</text>
<circle cx="26" cy="22" r="7" fill="#ff5f57"/>
<circle cx="48" cy="22" r="7" fill="#febc2e"/>
<circle cx="70" cy="22" r="7" fill="#28c840"/>
<defs>
<clipPath id="window"><rect x="0" y="0" width="{terminal_width}" height="@SHOWN@"/></clipPath>
{lines}
</defs>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#window)"><g class="film">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g></g>
</svg>
"""


@dataclass(frozen=True, slots=True)
class Event:
    """Text that appeared so many seconds after the start."""

    at: float
    text: str


def read(timing: str, output: bytes) -> list[Event]:
    """What script(1) wrote: lines of "seconds bytes", and the bytes."""
    # script frames them with two lines of its own; the timing does not count the first
    output = output.partition(b"\n")[2] if output.startswith(b"Script started on ") else output
    at, position, events, kept = 0.0, 0, [], b""
    for line in timing.splitlines():
        seconds, size = line.split()
        at += float(seconds)
        kept += output[position : position + int(size)]
        position += int(size)
        try:
            text, kept = kept.decode(), b""
        except UnicodeDecodeError:
            # A character in two parts: wait for the rest
            continue
        events.append(Event(at, text))
    return events


def without_paths(events: Iterable[Event], project: Path) -> list[Event]:
    """Where the checkout lies is nobody's business."""
    return [Event(event.at, event.text.replace(str(project), "~/ftps-exchange")) for event in events]


def asciicast(events: Iterable[Event], title: str) -> str:
    """Version 2 of the format: https://docs.asciinema.org/manual/asciicast/v2/"""
    head = {"version": 2, "width": WIDTH, "height": ROWS, "title": title, "idle_time_limit": LONGEST_PAUSE}
    rows = [json.dumps(head), *(json.dumps([round(event.at, 3), "o", event.text]) for event in events)]
    return "\n".join(rows) + "\n"


def lines(events: Iterable[Event]) -> list[Event]:
    """Each line when it began, without pauses that are too long."""
    found: list[Event] = []
    open_line, shown, before = "", 0.0, 0.0
    for event in events:
        shown += min(event.at - before, LONGEST_PAUSE)
        before = event.at
        first, *rest = re.sub(r"\r+\n", "\n", event.text).split("\n")
        open_line += first
        for text in rest:
            found.append(Event(round(shown, 2), open_line))
            open_line = text
    return [*found, Event(round(shown, 2), open_line)] if open_line else found


def svg(events: Sequence[Event], title: str) -> str:
    """The lines in a window of at most ROWS, the newest at the bottom."""
    console = Console(width=WIDTH, record=True, file=StringIO(), force_terminal=True, legacy_windows=False)
    ends: list[tuple[float, int]] = []
    total = 0
    for event in events:
        # A line that is too long is folded
        folded = Text.from_ansi(event.text).wrap(console, WIDTH) or [Text("")]
        for part in folded:
            console.print(part, no_wrap=True, overflow="crop", highlight=False)
        total += len(folded)
        ends.append((event.at, total))
    page = console.export_svg(title=title, theme=THEME, code_format=PAGE, unique_id="t", font_aspect_ratio=ASPECT)
    seconds = ends[-1][0] + HOLD
    rows = min(ROWS, total)
    # Empty at first
    frames = dict.fromkeys(
        f"{at / seconds:.2%} {{ transform: translateY({(rows - count) * ROW:.1f}px); }}\n"
        for at, count in [(0, 0), *ends]
    )
    shown = rows * ROW
    head, separator, rest = page.partition("</defs>")
    for name, value in (
        ("WINDOW", f"{shown + 60:.0f}"),
        ("FRAME", f"{WIDTH * FONT * ASPECT + 16:.0f}"),
        ("HIGH", f"{shown + 58:.0f}"),
        ("TITLE", escape(title)),
        ("LAST", f"{(total - rows) * ROW:.1f}"),
        ("SECONDS", f"{seconds:.1f}"),
        ("SHOWN", f"{shown:.1f}"),
        ("KEYFRAMES", "".join(frames)),
    ):
        head = head.replace(f"@{name}@", value)
    return head + separator + rest


def main(timing: Path, output: Path, name: Path) -> None:
    events = without_paths(read(timing.read_text(), output.read_bytes()), PROJECT)
    title = next((line.text.removeprefix("$ ") for line in lines(events)), "").strip()
    name.with_suffix(".cast").write_text(asciicast(events, title), encoding="utf-8")
    name.with_suffix(".svg").write_text(svg(lines(events), title), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
