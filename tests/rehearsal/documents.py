"""What the documents show, for the rehearsal to type: a changed document changes the rehearsal."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def block(page: str, heading: str, language: str, number: int = 0) -> str:
    """A fenced block of a page, the first of its language below a heading unless another number is given."""
    text = (PROJECT / page).read_text(encoding="utf-8")
    found = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#+ |\Z)", _without_comments(text), re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no heading {heading!r}"
    blocks = re.findall(rf"^```{language}\n(.*?)^```", found[1], re.MULTILINE | re.DOTALL)
    assert len(blocks) > number, f"{page}, {heading}: {len(blocks)} blocks of {language or 'plain text'}"
    return _with_comments(blocks[number])


def commands(page: str, heading: str, number: int = 0) -> list[str]:
    """The commands of a console block, without their comments."""
    lines = block(page, heading, "console", number).splitlines()
    return [line.split("  #")[0].split(" # ")[0].strip() for line in lines if line.strip()]


# A comment in a block looks like a heading
def _without_comments(text: str) -> str:
    parts = re.split(r"(^```.*?^```)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(re.sub(r"^#", "\0", part, flags=re.M) if part.startswith("```") else part for part in parts)


def _with_comments(text: str) -> str:
    return text.replace("\0", "#")
