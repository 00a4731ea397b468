"""Rows of a table -> one draft for each customer, which knows the cell that each of its values comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from ftps_exchange.model.problems import RefusedError, looks_secret, shorten

from . import cells
from .columns import LISTS, Column
from .table import Header, Row, Table


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a value comes from: the row and the heading as a spreadsheet shows them, and the text."""

    row: int
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why a customer is not imported."""

    row: int
    column: str
    value: str
    problem: str
    remedy: str

    def text(self) -> str:
        """The reason in one line."""
        place = f"row {self.row}"
        if self.column:
            place += f", column {self.column!r}" + (f", value {self.value}" if self.value else "")
        return f"{place}: {self.problem} {self.remedy}"


@dataclass(slots=True)
class Draft:
    """A customer as far as the rows describe it. ``origins`` has the cell of each field, as messages name fields."""

    name: str
    called: str
    """The customer's name as the table writes it."""
    rows: list[int] = field(default_factory=list)
    content: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Cell] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)

    def refuse(self, cell: Cell, problem: str, remedy: str) -> None:
        self.refusals.append(Refusal(cell.row, cell.heading, shorten(cell.text), problem, remedy))

    def origin(self, named: str) -> Cell:
        """The cell that a field comes from, or the innermost one around it."""
        while named and named not in self.origins:
            named = named[: max(named.rfind("."), named.rfind("["), 0)]
        return self.origins.get(named) or Cell(self.rows[0], "", "")


_SINGLE: Final[dict[Column, tuple[tuple[str, ...], Callable[[str], Any]]]] = {
    "state": (("state",), cells.state),
    "contact": (("contact", "name"), str),
    "email": (("contact", "email"), str),
    "phone": (("contact", "phone"), str),
    "shared_exit": (("shared_exit",), cells.yes_or_no),
    "implicit_tls": (("implicit_tls",), cells.yes_or_no),
    "firewall": (("firewall",), cells.firewall),
    "language": (("language",), cells.language),
}
_NETWORKS: Final[tuple[Column, ...]] = ("sources", "inside_networks")
_SHARES: Final[dict[Column, str | None]] = {"shares": None, "shares_read": "read", "shares_write": "write"}


def drafts(table: Table) -> tuple[list[Draft], list[Refusal]]:
    """The customers in the order of the table, and the rows that name none."""
    found: dict[str, Draft] = {}
    nameless: list[Refusal] = []
    for row in table.rows:
        given = _cells(table.headers, row)
        called = given.get("customer", [])
        if not called:
            nameless.append(
                Refusal(row.number, "", "", "names no customer.", "Write the customer's name in each of its rows.")
            )
            continue
        name = cells.customer_name(called[0].text) or called[0].text
        draft = found.setdefault(name, Draft(name, called[0].text))
        draft.rows.append(row.number)
        draft.origins.setdefault("", called[0])
        _same_customer(draft, called[0])
        if len(row.cells) > len(table.headers) and any(row.cells[len(table.headers) :]):
            extra = Cell(row.number, "", row.cells[len(table.headers)])
            draft.refuse(extra, "has more cells than the header.", "Put a cell that contains the separator in quotes.")
        _read(draft, given)
    return list(found.values()), nameless


def _cells(headers: Iterable[Header], row: Row) -> dict[Column, list[Cell]]:
    """The cells of a row that say something, by column."""
    given: dict[Column, list[Cell]] = {}
    for header, text in zip(headers, row.cells, strict=False):
        if header.column is not None and text and not looks_secret((header.text,)):
            given.setdefault(header.column, []).append(Cell(row.number, header.text, text))
    return given


def _same_customer(draft: Draft, called: Cell) -> None:
    if draft.called.casefold() != called.text.casefold():
        draft.refuse(
            called,
            f"would have the same file as {shorten(draft.called)} in row {draft.rows[0]}: {draft.name}.yml.",
            "Write one name for one customer, and different names for different ones.",
        )


def _read(draft: Draft, given: dict[Column, list[Cell]]) -> None:
    for column, texts in given.items():
        if column not in LISTS and len(texts) > 1 and len({cell.text for cell in texts}) > 1:
            draft.refuse(texts[1], f"differs from column {texts[0].heading!r}.", "Keep one of the two columns.")
    for column, (path, read) in _SINGLE.items():
        for cell in given.get(column, [])[:1]:
            _single(draft, path, cell, read)
    for column in _NETWORKS:
        known = draft.content.get(column, [])
        for cell in given.get(column, []):
            draft.origins.setdefault(column, cell)
            for network in cells.networks(cell.text):
                if network not in known:
                    draft.origins[f"{column}[{len(known)}]"] = cell
                    known.append(network)
        if known:
            draft.content[column] = known
    _accounts(draft, given)
    _shares(draft, given)


def _single(draft: Draft, path: tuple[str, ...], cell: Cell, read: Callable[[str], Any]) -> None:
    try:
        value = read(cell.text)
    except RefusedError as refused:
        draft.refuse(cell, refused.message, refused.remedy)
        return
    target = draft.content
    for part in path[:-1]:
        target = target.setdefault(part, {})
    first = draft.origins.setdefault(".".join(path), cell)
    if target.setdefault(path[-1], value) != value:
        draft.refuse(
            cell, f"differs from row {first.row} of the same customer ({shorten(first.text)}).", "Give one value."
        )


def _accounts(draft: Draft, given: dict[Column, list[Cell]]) -> None:
    texts = given.get("account", [])
    if not texts:
        for cell in (*given.get("access", []), *given.get("expires", [])):
            draft.refuse(cell, "stands in a row without an account.", "Name the account in the same row.")
        return
    access = _value(draft, given, "access", cells.access)
    expires = _value(draft, given, "expires", cells.day)
    known = draft.content.setdefault("accounts", [])
    for cell, name, right in _granted(draft, texts):
        place = f"accounts[{len(known)}]"
        draft.origins[place] = cell
        # Of a refused cell somebody knows already
        instead = "read" if "access" in given else None
        account = {"name": name, "access": right or access or instead, "expires": expires}
        for column in ("access", "expires"):
            if account[column] is not None and column in given and not (column == "access" and right):
                draft.origins[f"{place}.{column}"] = given[column][0]
        known.append({key: value for key, value in account.items() if value is not None})


def _value(draft: Draft, given: dict[Column, list[Cell]], column: Column, read: Callable[[str], str]) -> str | None:
    for cell in given.get(column, []):
        try:
            return read(cell.text)
        except RefusedError as refused:
            draft.refuse(cell, refused.message, refused.remedy)
    return None


def _shares(draft: Draft, given: dict[Column, list[Cell]]) -> None:
    known = draft.content.get("shares", [])
    for column, of_column in _SHARES.items():
        for cell, name, right in _granted(draft, given.get(column, [])):
            share = {"name": name, "access": right or of_column}
            if share["access"] is None:
                draft.refuse(cell, f"says nothing of the access to {name}.", f"Write {name}:read or {name}:write.")
                continue
            if share not in known:
                draft.origins[f"shares[{len(known)}]"] = cell
                known.append(share)
    if known:
        draft.content["shares"] = known


def _granted(draft: Draft, texts: Iterable[Cell]) -> Iterable[tuple[Cell, str, str | None]]:
    for cell in texts:
        for word in cells.words(cell.text):
            try:
                yield cell, *cells.grant(word)
            except RefusedError as refused:
                draft.refuse(cell, refused.message, refused.remedy)
