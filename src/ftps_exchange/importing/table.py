"""A file as spreadsheets save it -> a header and rows, whatever the encoding and the separator."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.problems import looks_secret

from .columns import Column, column_of

MAXIMUM_BYTES: Final = 32 * 1024 * 1024
_SEPARATORS: Final = ";,\t|"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OLDER: Final = "cp1252"
"""What spreadsheets on Windows write if nobody asked for UTF-8."""


@dataclass(frozen=True, slots=True)
class Header:
    """A column as it is headed in the file, and what it stands for; None if nothing is known of it."""

    text: str
    column: Column | None


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row, by position; ``number`` is what a spreadsheet shows beside it."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What the file holds, without empty rows, and what is worth knowing about how it was read."""

    headers: tuple[Header, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def read_table(path: Path) -> Table:
    """Read a file; raises ExchangeError if it is no table."""
    try:
        with path.open("rb") as file:
            data = file.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}", "Name a file that exists") from error
    if len(data) > MAXIMUM_BYTES:
        raise _refused(path, f"is larger than {MAXIMUM_BYTES // 2**20} MiB", "Is this the right file?")
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise _refused(path, "is a workbook, not text", "Save the sheet as CSV (UTF-8) and name that file")
    return parse(data, path)


def parse(data: bytes, path: Path) -> Table:
    """The table in the bytes of a file."""
    text, notes = _decoded(data, path)
    if text[:4].lower() == "sep=" and len(text) > 4:
        # A line for spreadsheets, which they do not count as a row
        separator, text = text[4], text.partition("\n")[2]
    else:
        separator = _separator(text)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise _refused(path, f"is no CSV: {error}", "Save the sheet as CSV again, with quotes around texts") from error
    rows = [
        Row(number, tuple(map(str.strip, line))) for number, line in enumerate(lines, 1) if any(map(str.strip, line))
    ]
    if not rows:
        raise _refused(path, "is empty", "Give one header row, and a row for each account")
    headers = tuple(Header(text, column_of(text)) for text in rows[0].cells)
    notes += _unknown(headers)
    return Table(headers, tuple(rows[1:]), tuple(notes))


def _decoded(data: bytes, path: Path) -> tuple[str, list[str]]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding), []
            except UnicodeDecodeError as error:
                raise _refused(path, f"is not {encoding}, as its first bytes say", "Save it as CSV UTF-8") from error
    if b"\0" in data:
        raise _refused(
            path, "contains zero bytes, so it is no text", "Save the sheet as CSV (UTF-8) and name that file"
        )
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        note = "The file is not UTF-8. It was read as Windows-1252: check names with accents, or save it as CSV UTF-8."
        return data.decode(_OLDER, errors="replace"), [note]


def _separator(text: str) -> str:
    """The separator with which most columns of the first row are known, or with which there are most."""
    first = next((line for line in text.splitlines() if line.strip()), "")

    def known(separator: str) -> tuple[int, int]:
        cells = next(csv.reader([first], delimiter=separator), [])
        return sum(column_of(cell) is not None for cell in cells), len(cells)

    return max(_SEPARATORS, key=known)


def _unknown(headers: Sequence[Header]) -> list[str]:
    return [
        f"Column {header.text!r} is not used: "
        + (
            "no secret stands in a customer file. Each account gets a new password (docs/passwords.md)."
            if looks_secret((header.text,))
            else "its heading is not known (docs/customers.md lists the headings)."
        )
        for header in headers
        if header.column is None and header.text
    ]


def _refused(path: Path, problem: str, remedy: str) -> ExchangeError:
    return ExchangeError(problem, field="CSV", value=str(path), remedy=remedy)
