"""Makes text that somebody else wrote harmless, once for each kind of file it may stand in.

Rules are code. So text is not escaped for each language, it is reduced to what no language reads as anything but
text; only Markdown and CSV, which people read, keep more of it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Final

_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,_@+() -")
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9-]+")
_FORMULA: Final = ("=", "+", "-", "@")


@lru_cache(maxsize=4096)
def visible(text: str) -> str:
    """The text on one line, without control, formatting and separator characters (line breaks, RTL marks)."""
    return " ".join(
        "".join(
            " " if unicodedata.category(char)[0] in "CZ" else char for char in unicodedata.normalize("NFC", text)
        ).split()
    )


def _is_accent(char: str) -> bool:
    return unicodedata.combining(char) != 0


@lru_cache(maxsize=4096)
def plain(text: str, longest: int = 100) -> str:
    """The text for a comment or a description in a firewall's own language: few ASCII characters, on one line.

    No quote, bracket, slash, backslash, dollar, hash, angle, colon, semicolon or question mark, and no two dashes in
    a row: nothing that ends a comment or a string, starts an expression or asks a console for help.
    """
    letters = text if text.isascii() else "".join(c for c in unicodedata.normalize("NFKD", text) if not _is_accent(c))
    reduced = "".join(char if char in _PLAIN else " " for char in letters)
    return re.sub(r"-{2,}", "-", " ".join(reduced.split()))[:longest].strip()


@lru_cache(maxsize=4096)
def markdown(text: str) -> str:
    """The text for Markdown: whatever might be markup, a link or HTML stands as a numeric entity."""
    return "".join(char if char.isalnum() or char in " ,." else f"&#{ord(char)};" for char in visible(text))


def csv_lines(rows: Iterable[Iterable[str]]) -> str:
    """Rows as CSV, every field quoted, none of which a spreadsheet takes for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in rows:
        cells = (visible(cell) for cell in row)
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return out.getvalue()


def indented_json(value: object, indent: str = "") -> str:
    """What ``json.dumps(value, indent=2)`` returns, several times faster: Python indents in slow code of its own."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    inner = f"{indent}  "
    if isinstance(value, dict) and value:
        entries = [
            f"{inner}{encode_basestring_ascii(key)}: {indented_json(item, inner)}" for key, item in value.items()
        ]
        return "{\n" + ",\n".join(entries) + f"\n{indent}}}"
    if isinstance(value, list | tuple) and value:
        return "[\n" + ",\n".join([inner + indented_json(item, inner) for item in value]) + f"\n{indent}]"
    return json.dumps(value)


@lru_cache(maxsize=4096)
def identifier(text: str, longest: int = 24) -> str:
    """A name for an object in a firewall: letters, digits and dashes, at most ``longest``.

    What has to be changed or shortened gets a hash of the whole, so that two names never become one.
    """
    if len(text) <= longest and _IDENTIFIER.fullmatch(text):
        return text
    return f"{re.sub(r'[^A-Za-z0-9-]', '-', text)[: longest - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
