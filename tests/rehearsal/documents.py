"""What the documents show, for the rehearsal to type: a changed document changes the rehearsal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
COLLECTION, README = "docs/collection.md", "README.md"
SET_UP, USE, UPGRADE, REAL_HOSTS = "Set up", "Use", "Upgrade", "Point it at real hosts"
SITE, PREVIEW, PREFLIGHT = "ftps.exchange.site -K", "ftps.exchange.site -K --check --diff", "ftps.exchange.preflight -K"


def block(page: str, heading: str, language: str, number: int = 0) -> str:
    """A fenced block right below a heading of a page: the first of its language, unless another number is given."""
    text = (PROJECT / page).read_text(encoding="utf-8")
    found = [content for head, kind, content in _blocks(text) if (head, kind) == (heading, language)]
    assert len(found) > number, f"{page}, {heading}: {len(found)} blocks of {language or 'plain text'}"
    return found[number]


def commands(page: str, heading: str, number: int = 0) -> list[str]:
    """The commands of a console block, without their comments."""
    lines = block(page, heading, "console", number).splitlines()
    return [line.split(" #")[0].strip() for line in lines if line.strip()]


def shown(end: str) -> str:
    """The command for the installed collection that ends so."""
    (found,) = [command for command in commands(COLLECTION, USE) if command.endswith(end)]
    return found


def _blocks(text: str) -> Iterator[tuple[str, str, str]]:
    """Heading, language and content of each block."""
    heading, language, lines = "", None, list[str]()
    for line in text.splitlines():
        if language is None and line.startswith("```"):
            language, lines = line[3:], []
        elif language is not None and line == "```":
            yield heading, language, "".join(f"{one}\n" for one in lines)
            language = None
        elif language is not None:
            lines.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
