"""A document said once, printed twice: as HTML and as Markdown.

The guide is a list of blocks. Texts of the project are plain ``str``; anything else says what it is (``Code``,
``Strong``, ``Foreign``), so that what a customer wrote is never taken for markup in either form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .escape import html_text, markdown_block, markdown_code, markdown_foreign, markdown_own


@dataclass(frozen=True, slots=True)
class Code:
    """A name, a number, a command: printed as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """A text of the project that matters."""

    text: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """What somebody else wrote."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A file of the pack, or a place in the guide. Both texts are the project's own."""

    target: str
    text: str


@dataclass(frozen=True, slots=True)
class Side:
    """Who has to do something: a coloured word in HTML."""

    who: str


Part = str | Code | Strong | Foreign | Link | Side
Inline = Part | tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the second or third level; the id is the project's own."""

    text: str
    id: str = ""
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    content: Inline


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list, with numbers or without."""

    items: tuple[Inline, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; on a phone each row becomes a card, with the head's words as labels."""

    head: tuple[str, ...]
    rows: tuple[tuple[Inline, ...], ...]
    style: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Commands or other lines to be copied."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A box: ``info``, ``good`` or ``warning``."""

    content: Inline
    kind: str = "info"


@dataclass(frozen=True, slots=True)
class Picture:
    """Drawings (safe HTML, made by this project) and the same in characters."""

    html: str
    characters: str


Block = Heading | Paragraph | Bullets | Table | Listing | Note | Picture


def _parts(content: Inline) -> tuple[Part, ...]:
    return content if isinstance(content, tuple) else (content,)


def html_inline(content: Inline) -> str:
    """Inline content as HTML."""
    return "".join(map(_html_part, _parts(content)))


def _html_part(part: Part) -> str:
    match part:
        case str():
            return html_text(part)
        case Code(text):
            return f"<code>{html_text(text)}</code>"
        case Strong(text):
            return f"<strong>{html_text(text)}</strong>"
        case Foreign(text):
            return f"<bdi>{html_text(text)}</bdi>"
        case Link(target, text):
            return f'<a href="{html_text(target)}">{html_text(text)}</a>'
        case Side(who):
            return f'<span class="side {"both" if "," in who else html_text(who)}">{html_text(who)}</span>'


def html_block(block: Block) -> str:
    """One block as HTML."""
    match block:
        case Heading(text, id_, level):
            anchor = f' id="{html_text(id_)}"' if id_ else ""
            return f"<h{level}{anchor}>{html_text(text)}</h{level}>"
        case Paragraph(content):
            return f"<p>{html_inline(content)}</p>"
        case Bullets(items, numbered):
            tag = "ol" if numbered else "ul"
            return f"<{tag}>" + "".join(f"<li>{html_inline(item)}</li>" for item in items) + f"</{tag}>"
        case Table():
            return _html_table(block)
        case Listing(text, _):
            return "<pre>" + "\n".join(html_text(line) for line in text.rstrip().split("\n")) + "</pre>"
        case Note(content, kind):
            return f'<div class="note {html_text(kind)}">{html_inline(content)}</div>'
        case Picture(drawing, _):
            return f'<figure class="route">{drawing}</figure>'


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{html_text(text)}</th>" for text in table.head)
    labels = [html_text(text) for text in table.head]
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{label}"><div>{html_inline(cell)}</div></td>'
            for label, cell in zip(labels, row, strict=True)
        )
        + "</tr>\n"
        for row in table.rows
    )
    return f'<table class="{html_text(table.style)}">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table>'


def markdown_inline(content: Inline) -> str:
    """Inline content as Markdown."""
    return "".join(map(_markdown_part, _parts(content)))


def _markdown_part(part: Part) -> str:
    match part:
        case str():
            return markdown_own(part)
        case Code(text):
            return markdown_code(text)
        case Strong(text):
            # A mark that follows a space would close nothing
            bare = text.rstrip()
            return f"**{markdown_own(bare)}**{text[len(bare) :]}"
        case Foreign(text):
            return markdown_foreign(text)
        case Link(target, text):
            return f"[{markdown_own(text)}]({target})"
        case Side(who):
            return f"**{markdown_own(who)}**"


def markdown_of(block: Block) -> str:
    """One block as Markdown."""
    match block:
        case Heading(text, _, level):
            return f"{'#' * level} {markdown_own(text)}"
        case Paragraph(content):
            return markdown_inline(content)
        case Bullets(items, numbered):
            return "\n".join(
                f"{f'{number}.' if numbered else '-'} {markdown_inline(item)}" for number, item in enumerate(items, 1)
            )
        case Table(head, rows, _):
            return _markdown_table(head, rows)
        case Listing(text, language):
            return markdown_block(text, language)
        case Note(content, _):
            return f"> {markdown_inline(content)}"
        case Picture(_, characters):
            return markdown_block(characters, "text")


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[Inline]]) -> str:
    lines = [[markdown_own(text) for text in head], ["---"] * len(head)]
    lines += [[_markdown_cell(cell) for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _markdown_cell(cell: Inline) -> str:
    # In a table a bar ends the cell even inside of a code span, unless escaped.
    return "".join(
        _markdown_part(part).replace("|", "\\|") if isinstance(part, Code) else _markdown_part(part)
        for part in _parts(cell)
    )
