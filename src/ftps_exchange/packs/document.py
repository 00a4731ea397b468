"""A document said once, printed twice: as HTML and as Markdown.

Texts of the project have a little Markdown of their own (``**strong**``, ```code```, ``[text](target)``) and holes
(``{name}``). What goes into a hole says what it is (``Code``, ``Foreign``, …), so that what a customer wrote is never
taken for markup in either form. What is finished is ``Markup``, which neither form touches again.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from markupsafe import Markup

from .escape import html_text, markdown_block, markdown_code, markdown_foreign, markdown_own
from .language import Catalogue, catalogue


@dataclass(frozen=True, slots=True)
class Code:
    """A name, a number, a command: printed as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """What matters."""

    content: Inline


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
    text: str


@dataclass(frozen=True, slots=True)
class Hole:
    """Where a value goes."""

    name: str


Part = str | Code | Strong | Foreign | Link | Side | Hole
Inline = Part | tuple["Inline", ...]

_MARKS: Final = re.compile(
    r"\*\*(?P<strong>.+?)\*\*|`(?P<code>[^`]+)`|\[(?P<text>[^\]]+)\]\((?P<target>[^)]+)\)|\{(?P<hole>[a-z_]+)\}"
)
_HOLE: Final = re.compile(r"\{([a-z_]+)\}")


@lru_cache(maxsize=8192)
def parsed(text: str) -> tuple[Part, ...]:
    """A text of the project as parts."""
    found: list[Part] = []
    at = 0
    for mark in _MARKS.finditer(text):
        if mark.start() > at:
            found.append(text[at : mark.start()])
        at = mark.end()
        match mark.lastgroup:
            case "strong":
                found.append(Strong(parsed(mark["strong"])))
            case "code":
                found.append(Code(mark["code"]))
            case "target":
                found.append(Link(mark["target"], mark["text"]))
            case _:
                found.append(Hole(mark["hole"]))
    if at < len(text):
        found.append(text[at:])
    return tuple(found)


def filled(content: Inline, values: Mapping[str, Inline | int]) -> Inline:
    """The content with values in its holes."""
    match content:
        case Hole(name):
            value = values[name]
            return str(value) if isinstance(value, int) else value
        case Strong(inner):
            return Strong(filled(inner, values))
        case Code(text) if "{" in text:
            return Code(_HOLE.sub(lambda hole: str(values[hole[1]]), text))
        case tuple():
            return tuple(filled(one, values) for one in content)
        case _:
            return content


def holes(text: str) -> tuple[str, ...]:
    """The names of the values that a text needs, each as often as it stands there."""
    return tuple(sorted(_HOLE.findall(text)))


def joined(parts: Iterable[Inline], separator: str = ", ") -> Inline:
    """Parts with something between them."""
    found: list[Inline] = []
    for part in parts:
        found += [separator, part] if found else [part]
    return tuple(found)


class Form(ABC):
    """How blocks are printed. Texts of blocks are ``Markup`` of this form, or parts."""

    def inline(self, content: Inline) -> Markup:
        """Inline content."""
        if isinstance(content, Markup):
            return content
        if isinstance(content, tuple):
            return Markup("".join(map(self.inline, content)))  # noqa: S704 - so is each of these
        return Markup(self._part(content))  # noqa: S704 - each part is escaped for this form

    @abstractmethod
    def _part(self, part: Part) -> str: ...

    @abstractmethod
    def heading(self, text: Markup, id_: str = "", level: int = 2) -> Markup:
        """A heading of the second or third level; the id is the project's own."""

    @abstractmethod
    def paragraph(self, content: Inline) -> Markup:
        """A paragraph."""

    @abstractmethod
    def bullets(self, items: Sequence[Inline], *, numbered: bool = False) -> Markup:
        """A list, with numbers or without."""

    @abstractmethod
    def table(self, head: Sequence[Markup], rows: Iterable[Sequence[Inline]], style: str = "") -> Markup:
        """A table; on a phone each row becomes a card, with the head's words as labels."""

    @abstractmethod
    def listing(self, text: str, language: str = "") -> Markup:
        """Commands or other lines to be copied."""

    @abstractmethod
    def note(self, content: Inline, kind: str = "info") -> Markup:
        """A box: ``info``, ``good`` or ``warning``."""

    @abstractmethod
    def picture(self, html: str, characters: str) -> Markup:
        """Drawings (safe HTML, made by this project), or the same in characters."""


# French has a space before these marks, and no line may end there
_GLUED: Final = re.compile(" (?=[:;?!»])|(?<=«) ")


class Html(Form):
    """For a browser."""

    def _part(self, part: Part) -> str:
        match part:
            case Code(text):
                return f"<code>{html_text(text)}</code>"
            case Strong(content):
                return f"<strong>{self.inline(content)}</strong>"
            case Foreign(text):
                return f"<bdi>{html_text(text)}</bdi>"
            case Link(target, text):
                return f'<a href="{html_text(target)}">{html_text(text)}</a>'
            case Side(who, text):
                return f'<span class="side {html_text(who)}">{html_text(text)}</span>'
            case _:
                return _GLUED.sub("\u00a0", html_text(str(part)))

    def heading(self, text: Markup, id_: str = "", level: int = 2) -> Markup:
        anchor = f' id="{html_text(id_)}"' if id_ else ""
        return Markup(f"<h{level}{anchor}>{text}</h{level}>\n")  # noqa: S704

    def paragraph(self, content: Inline) -> Markup:
        return Markup(f"<p>{self.inline(content)}</p>\n")  # noqa: S704

    def bullets(self, items: Sequence[Inline], *, numbered: bool = False) -> Markup:
        tag = "ol" if numbered else "ul"
        lines = "".join(f"<li>{self.inline(item)}</li>" for item in items)
        return Markup(f"<{tag}>{lines}</{tag}>\n")  # noqa: S704

    def table(self, head: Sequence[Markup], rows: Iterable[Sequence[Inline]], style: str = "") -> Markup:
        labels = [text.replace('"', "&quot;") for text in head]
        top = "".join(f'<th scope="col">{text}</th>' for text in head)
        lines = "".join(_html_row(tuple(row), tuple(labels)) for row in rows)
        return Markup(  # noqa: S704
            f'<table class="{html_text(style)}">\n<thead><tr>{top}</tr></thead>\n<tbody>\n{lines}</tbody></table>\n'
        )

    def listing(self, text: str, language: str = "") -> Markup:
        lines = "\n".join(html_text(line) for line in text.rstrip().split("\n"))
        return Markup(f"<pre>{lines}</pre>\n")  # noqa: S704

    def note(self, content: Inline, kind: str = "info") -> Markup:
        return Markup(f'<div class="note {html_text(kind)}">{self.inline(content)}</div>\n')  # noqa: S704

    def picture(self, html: str, characters: str) -> Markup:
        return Markup(f'<figure class="route">{html}</figure>\n')  # noqa: S704


_BAR: Final = re.compile(r"(?<!\\)\|")


class Markdown(Form):
    """For people who read text, and for what makes pages of it."""

    def _part(self, part: Part) -> str:
        match part:
            case Code(text):
                return markdown_code(text)
            case Strong(content):
                return f"**{self.inline(content)}**"
            case Foreign(text):
                return markdown_foreign(text)
            case Link(target, text):
                return f"[{markdown_own(text)}]({target})"
            case Side(_, text):
                return f"**{markdown_own(text)}**"
            case _:
                return markdown_own(str(part))

    def heading(self, text: Markup, id_: str = "", level: int = 2) -> Markup:
        return Markup(f"{'#' * level} {text}\n\n")  # noqa: S704

    def paragraph(self, content: Inline) -> Markup:
        return Markup(f"{self.inline(content)}\n\n")  # noqa: S704

    def bullets(self, items: Sequence[Inline], *, numbered: bool = False) -> Markup:
        lines = [f"{f'{number}.' if numbered else '-'} {self.inline(item)}\n" for number, item in enumerate(items, 1)]
        return Markup("".join(lines) + "\n")  # noqa: S704

    def table(self, head: Sequence[Markup], rows: Iterable[Sequence[Inline]], style: str = "") -> Markup:
        lines: list[list[str]] = [list(head), ["---"] * len(head)]
        top = "".join("| " + " | ".join(line) + " |\n" for line in lines)
        return Markup(top + "".join(_markdown_row(tuple(row)) for row in rows) + "\n")  # noqa: S704

    def listing(self, text: str, language: str = "") -> Markup:
        return Markup(markdown_block(text, language) + "\n\n")  # noqa: S704

    def note(self, content: Inline, kind: str = "info") -> Markup:
        return Markup(f"> {self.inline(content)}\n\n")  # noqa: S704

    def picture(self, html: str, characters: str) -> Markup:
        return self.listing(characters, "text")


HTML: Final = Html()
MARKDOWN: Final = Markdown()


# Most rows of a guide are the same for all customers
@lru_cache(maxsize=1024)
def _html_row(row: tuple[Inline, ...], labels: tuple[str, ...]) -> str:
    """The first cell names the row: programs that read aloud say it before each of the others."""
    first, *others = (
        f'data-label="{label}"><div>{HTML.inline(cell)}</div>' for label, cell in zip(labels, row, strict=True)
    )
    return f'<tr><th scope="row" {first}</th>' + "".join(f"<td {cell}</td>" for cell in others) + "</tr>\n"


@lru_cache(maxsize=1024)
def _markdown_row(row: tuple[Inline, ...]) -> str:
    # In a table a bar ends the cell even inside of a code span, unless escaped
    return "| " + " | ".join(_BAR.sub(r"\\|", MARKDOWN.inline(cell)) for cell in row) + " |\n"


class Words:
    """The project's texts in one language, printed in one form."""

    def __init__(self, say: Catalogue, form: Form) -> None:
        self.say = say
        self.form = form
        self._printed: dict[str, Markup] = {}

    def __call__(self, text: str, **values: Inline | int) -> Markup:
        """A text with values in its holes."""
        if values:
            return self.form.inline(filled(parsed(self.say(text)), values))
        if text not in self._printed:
            self._printed[text] = self.form.inline(parsed(self.say(text)))
        return self._printed[text]


@cache
def words(language: str, form: Form) -> Words:
    """Made once for each process."""
    return Words(catalogue(language), form)


type Printed = Callable[..., Markup]
