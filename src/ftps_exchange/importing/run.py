"""A table -> customer files beside those that exist.

Nothing is overwritten, and a customer is imported as a whole or not at all.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from ftps_exchange.model.check import check_model
from ftps_exchange.model.problems import ModelError, Problem, printable, shorten

from .drafts import Cell, Draft, Refusal, drafts
from .table import Table
from .text import customer_text

_SCHEMA_LINE: Final = "# yaml-language-server:"


@dataclass(frozen=True, slots=True)
class Refused:
    """A customer that is not imported, or rows that name none, and every reason."""

    customer: str
    rows: tuple[int, ...]
    refusals: tuple[Refusal, ...]


@dataclass(slots=True)
class Import:
    """What an import does: texts of new files by customer, customers that are there already, and what is refused."""

    files: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    """Names of files that differ from what the table calls the customer."""
    unchanged: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def report(self, *, source: str, check_mode: bool) -> str:
        """What happened, for people."""
        verb = "would be written" if check_mode else "written"
        lines = [f"{source}: {_count(len(self.files), 'customer file')} {verb}."]
        lines += [f"  {name}.yml" + _called(self.renamed.get(name)) for name in self.files]
        if self.unchanged:
            lines.append(f"Already there with the same content: {', '.join(self.unchanged)}.")
        lines += [f"Note: {note}" for note in self.notes]
        if self.refused:
            lines.append(f"{_count(len(self.refused), 'customer')} refused; nothing of them was imported:")
        for one in self.refused:
            lines.append(f"  {one.customer}")
            lines += [f"    - {refusal.text()}" for refusal in one.refusals]
        return "\n".join(lines)


def plan(table: Table, exchange: object, customers_dir: Path, *, source: str) -> Import:
    """What to write. Raises ModelError if the inventory has problems before anything is added."""
    before = check_model(exchange, customers_dir)
    result = Import(notes=list(table.notes))
    found, nameless = drafts(table)
    if nameless:
        result.refused.append(Refused("(no customer)", tuple(one.row for one in nameless), tuple(nameless)))
    for draft in found:
        draft.content = {"state": "present", **draft.content}
        if "name" not in draft.content.get("contact", {}) and draft.called != draft.name:
            draft.content["contact"] = {"name": draft.called, **draft.content.get("contact", {})}
    known = {str(customer["name"]).casefold() for customer in before["customers"]}
    new = [draft for draft in found if draft.name.casefold() not in known]
    for draft in found:
        if draft.name.casefold() in known:
            _compare(draft, customers_dir, result)
    first_line = _first_line(customers_dir)
    texts = {
        draft.name: customer_text(
            draft.content, f"Imported from {printable(source)}, {_rows_of(draft.rows)}.", first_line
        )
        for draft in new
    }
    accepted = _accepted(new, texts, exchange, customers_dir)
    result.files = {draft.name: texts[draft.name] for draft in accepted}
    result.renamed = {draft.name: draft.called for draft in accepted if draft.called != draft.name}
    result.refused += [
        Refused(draft.called, tuple(draft.rows), tuple(sorted(set(draft.refusals), key=lambda one: one.row)))
        for draft in found
        if draft.refusals
    ]
    return result


def write(result: Import, customers_dir: Path) -> None:
    """Create the files. One that has appeared in the meantime stops the import and stays as it is."""
    for name, text in result.files.items():
        with (customers_dir / f"{name}.yml").open("x", encoding="utf-8") as file:
            file.write(text)


def _accepted(
    candidates: Sequence[Draft], texts: Mapping[str, str], exchange: object, customers_dir: Path
) -> list[Draft]:
    """The drafts that the model accepts together with the existing files, and with each other."""
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / customers_dir.resolve().name
        shutil.copytree(customers_dir, trial)
        accepted = []
        for draft in candidates:
            if "/" in draft.name or "\0" in draft.name or len(os.fsencode(draft.name)) > 200:
                draft.refuse(draft.origin(""), "is not a name for a file.", "Write a shorter name, without '/'.")
            # A draft with refused cells is checked too, so that one run names everything
            elif draft.name in texts:
                (trial / f"{draft.name}.yml").write_text(texts[draft.name], encoding="utf-8")
                accepted.append(draft)
        while accepted:
            problems = _problems(exchange, trial)
            if not problems and not any(draft.refusals for draft in accepted):
                break
            _assign(problems, {f"{trial.name}/{draft.name}.yml": draft for draft in accepted})
            if not any(draft.refusals for draft in accepted):
                # A problem of no single draft: without this, the same check would run for ever
                raise ModelError(problems)
            for draft in accepted:
                if draft.refusals:
                    (trial / f"{draft.name}.yml").unlink()
            accepted = [draft for draft in accepted if not draft.refusals]
        return accepted


def _problems(exchange: object, customers_dir: Path) -> list[Problem]:
    try:
        check_model(exchange, customers_dir)
    except ModelError as error:
        return error.problems
    return []


def _assign(problems: Iterable[Problem], by_label: Mapping[str, Draft]) -> None:
    """Give each problem to the draft that it is about: its own, or the other of two that do not agree."""
    for problem in problems:
        draft = by_label.get(problem.file)
        if draft is not None:
            cell = draft.origin(problem.field)
            value = problem.value if problem.value is not None else shorten(cell.text) if cell.heading else ""
            field_ = problem.field.rpartition(".")[2] if problem.value is None or not cell.heading else ""
            message = f"{field_} {problem.message}".strip()
            draft.refusals.append(Refusal(cell.row, cell.heading, value, message, problem.remedy))
            continue
        for label, other in by_label.items():
            if label in problem.message:
                other.refusals.append(
                    Refusal(
                        other.rows[0],
                        "",
                        "",
                        f"does not go together with {problem.file}: {problem.field} = {problem.value} there "
                        f"{problem.message}",
                        problem.remedy,
                    )
                )


def _compare(draft: Draft, customers_dir: Path, result: Import) -> None:
    """A customer that has a file: nothing to do if it says the same, else somebody has to decide."""
    content = _existing(customers_dir, draft.name)
    differing = sorted(
        key for key in {*draft.content, *content} - {"state"} if draft.content.get(key) != content.get(key)
    )
    if not draft.refusals and content.get("state", "present") == draft.content["state"] and not differing:
        result.unchanged.append(draft.name)
        return
    what = f", and differs in {', '.join(differing)}" if differing else ""
    draft.refuse(
        Cell(draft.rows[0], draft.origin("").heading, draft.called),
        f"has a file already (customers/{draft.name}.yml){what}. Nothing is overwritten.",
        "Change that file by hand, or take the rows out of the table.",
    )


def _existing(customers_dir: Path, name: str) -> dict[str, Any]:
    for path in customers_dir.glob("*.yml"):
        if path.stem.casefold() == name.casefold():
            loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 (makes texts only)
            return _typed(loaded) if isinstance(loaded, dict) else {}
    return {}


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _typed(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_typed(entry) for entry in value]
    return {"true": True, "false": False}.get(value, value)


def _first_line(customers_dir: Path) -> str | None:
    """The line that names the schema for editors, as the neighbours have it."""
    for path in sorted(customers_dir.glob("*.yml"))[:20]:
        with path.open(encoding="utf-8", errors="replace") as file:
            line = file.readline().rstrip("\n")
        if line.startswith(_SCHEMA_LINE):
            return line
    return None


def _rows_of(rows: Sequence[int]) -> str:
    if len(rows) == 1:
        return f"row {rows[0]}"
    if len(rows) > 5:
        return f"{len(rows)} rows from row {rows[0]} on"
    return f"rows {', '.join(map(str, rows[:-1]))} and {rows[-1]}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _called(name: str | None) -> str:
    return f" ({shorten(name)})" if name else ""
