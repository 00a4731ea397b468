"""The table of docs/clients.md: written from the results of a run, never by hand.

python -m tests.clients.table        write docs/clients.md from the committed results
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .clients import CLIENTS, MODES, ONCE, TICKETS, VERSIONS, Client
from .outcome import Cell, Outcome

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENT = PROJECT / "docs" / "clients.md"
RESULTS = Path(__file__).with_name("results.json")
BEGIN = "<!-- Written by make clients, from here on -->"
END = "<!-- until here -->"

HEADINGS = {
    "1.2": "1.2 at most",
    TICKETS: "1.2 at most, with tickets (`tls_session_tickets: true`), for programs written in Go",
    "1.3": "1.3 at most",
}

type Cells = dict[str, Cell]


def cells_of(results: Mapping[str, Any], client: str, version: str, mode: str) -> Cells:
    """What one client did in one mode."""
    found = results["clients"].get(client, {}).get("cells", {}).get(version, {}).get(mode, {})
    return {action: Cell.from_dict(cell) for action, cell in found.items()}


def text_of(cell: Cell | None) -> str:
    """One cell of the table."""
    if cell is None:
        return "-"
    if cell.outcome is Outcome.WHOLE:
        return "intact"
    text = f"{cell.outcome} {cell.whole}/{cell.files}"
    return f"**{text}**" if cell.outcome is Outcome.LOST else text


def verdict(all_cells: list[Cell]) -> str:
    """Of everything that one client did with one version."""
    if not all_cells:
        return "not run"
    outcomes = {cell.outcome for cell in all_cells}
    if outcomes == {Outcome.WHOLE}:
        return "works"
    if Outcome.LOST in outcomes:
        return "**loses**"
    if Outcome.WHOLE in outcomes:
        return "works in part"
    return "does not work: it hangs" if Outcome.HANGS in outcomes else "does not work, and reports it"


def row(results: Mapping[str, Any], client: Client, version: str) -> str:
    known = results["clients"].get(client.id, {})
    columns = [client.name]
    everything: list[Cell] = []
    for mode in MODES:
        cells = cells_of(results, client.id, version, mode)
        everything += cells.values()
        texts = [text_of(cells.get(action)) for action in ("put", "get", "list")]
        columns.append(texts[0] if len(set(texts)) == 1 else " · ".join(texts))
    first = cells_of(results, client.id, version, next(iter(MODES)))
    columns += [text_of(first.get(action)) for action in ONCE]
    columns.append(known.get("not_run") or verdict(everything))
    return f"| {' | '.join(columns)} |"


def table(results: Mapping[str, Any]) -> str:
    """Everything between the two marks."""
    lines = ["", "| client | versions | advice to users |", "| --- | --- | --- |"]
    for client in CLIENTS:
        versions = results["clients"].get(client.id, {}).get("versions", "not run")
        told = f"**{client.loses_anyway}**; {client.advice}" if client.loses_anyway else client.advice or "-"
        lines.append(f"| {client.name} | {versions} | {told} |")
    for version in VERSIONS:
        shipped = " (the service as shipped)" if version == results["shipped"] else ""
        tried = [client for client in CLIENTS if version in client.versions]
        lines += [
            "",
            f"### TLS {HEADINGS[version]}{shipped}",
            "",
            f"| client | {' | '.join(MODES.values())} | empty file | resumed upload | resumed download | verdict |",
            f"| --- |{' --- |' * (len(MODES) + 4)}",
            *(row(results, client, version) for client in tried),
        ]
    if "many" in results:
        lines += ["", "### Many at once, with the service as it is", ""]
        lines += [f"- {what}: {told}" for what, told in sorted(results["many"].items())]
    return "\n".join([*lines, ""])


def with_table(document: str, results: Mapping[str, Any]) -> str:
    """The document with the table of these results."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT.name} lacks '{BEGIN}' or '{END}'")
    return f"{head}{BEGIN}\n{table(results)}\n{END}{tail}"


def lasting(results: Mapping[str, Any]) -> dict[str, Any]:
    """Of the results what is committed: nothing that differs from run to run for no reason."""
    kept = json.loads(json.dumps(results))
    for client in kept["clients"].values():
        for modes in client.get("cells", {}).values():
            for cells in modes.values():
                for cell in cells.values():
                    cell.pop("seconds", None)
                    cell.pop("said", None)
    return dict(kept)


def write(results: Mapping[str, Any]) -> None:
    RESULTS.write_text(json.dumps(lasting(results), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8"), results), encoding="utf-8")


if __name__ == "__main__":
    write(json.loads(RESULTS.read_text(encoding="utf-8")))
