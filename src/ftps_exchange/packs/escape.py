"""Texts of other people, made safe for the one place of a document or a script where each is to stand.

Names come out of the checked model, but contacts, descriptions and a CA's name are free text.
Each function here makes a text unable to end the literal, the element or the line that it stands in, so nothing else
has to think about it. Rules of firewalls are stricter still, see ``text``.
"""

from __future__ import annotations

import html
import re
import shlex
from functools import lru_cache

_MARKDOWN_SPECIAL = re.compile(r"[!-/:-@\[-`{-~]")
_OWN_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~]")
# PowerShell takes typographic quotes for straight ones, in a literal too.
_POWERSHELL_QUOTES = re.compile("(['‘’‚‛])")  # noqa: RUF001
# What stands in a text of the project for a value
_HOLE = re.compile(r"\{([A-Za-z_]+)\}")
_INI_UNSAFE = re.compile(r"[^A-Za-z0-9._@-]")


def one_line(text: str) -> str:
    """The text on one line: what cannot be seen (line breaks, Unicode separators, direction marks) becomes a space."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


@lru_cache(maxsize=4096)
def html_text(text: str) -> str:
    """For an element's content or a quoted attribute of HTML, SVG and XML."""
    return html.escape(one_line(text), quote=True)


@lru_cache(maxsize=4096)
def markdown_foreign(text: str) -> str:
    """Somebody else's text as Markdown: every punctuation mark that could mean something is escaped.

    Spaces before it would make a block of code where it begins a paragraph.
    """
    return _MARKDOWN_SPECIAL.sub(lambda match: "\\" + match.group(), one_line(text).strip())


@lru_cache(maxsize=4096)
def markdown_own(text: str) -> str:
    """A text of this project as Markdown: readable as it is, and nothing in it is markup."""
    return _OWN_MARKDOWN.sub(lambda match: "\\" + match.group(), one_line(text))


@lru_cache(maxsize=4096)
def markdown_code(text: str) -> str:
    """A code span of Markdown: its fence is longer than any run of backticks in the text."""
    line = one_line(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    padding = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{padding}{line}{padding}{fence}"


def markdown_block(text: str, language: str = "") -> str:
    """A fenced block of Markdown."""
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


@lru_cache(maxsize=4096)
def shell_word(text: str) -> str:
    """One word of a POSIX shell."""
    return shlex.quote(one_line(text))


def shell_string(text: str) -> str:
    """One word of a POSIX shell from a text of this project, whose holes are variables of the script."""
    return '"' + _HOLE.sub(r"${\1}", re.sub(r'([\\"$`])', r"\\\1", one_line(text))) + '"'


@lru_cache(maxsize=4096)
def powershell_word(text: str) -> str:
    """A literal string of PowerShell, in which nothing is expanded."""
    return "'" + _POWERSHELL_QUOTES.sub(r"\1\1", one_line(text)) + "'"


def powershell_string(text: str) -> str:
    """A string of PowerShell from a text of this project, whose holes are variables of the script."""
    return '"' + _HOLE.sub(r"${\1}", re.sub('([`"$“”„])', r"`\1", one_line(text))) + '"'


def winscp_name(text: str) -> str:
    """A session's name or a value in WinSCP.ini, which escapes like a URL."""
    return _INI_UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match.group().encode()), one_line(text))


def lftp_word(text: str) -> str:
    """One quoted word of an lftp script."""
    return '"' + re.sub(r'(["\\])', r"\\\1", one_line(text)) + '"'


def curl_word(text: str) -> str:
    """One quoted value of a curl configuration file."""
    return '"' + re.sub(r'(["\\])', r"\\\1", one_line(text)) + '"'
