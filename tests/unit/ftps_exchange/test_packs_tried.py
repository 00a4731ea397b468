"""The guide's table of clients is that of the last run of the matrix."""

from __future__ import annotations

import re
from typing import Final

import pytest

from ftps_exchange.packs import tried
from tests.installed import PROJECT
from tests.unit.ftps_exchange.packs_folder import subject, texts

DOCUMENT: Final = (PROJECT / "docs/clients.md").read_text(encoding="utf-8")
SECTIONS: Final = {
    "TLS 1.2": "### TLS 1.2 at most (the service as shipped)",
    "TLS 1.2, tickets": "### TLS 1.2 at most, with tickets",
    "TLS 1.3": "### TLS 1.3 at most",
}
VERDICTS: Final = {
    "works": tried.WORKS,
    "works in part": tried.PARTLY,
    "does not work, and reports it": tried.NOT,
    "does not work: it hangs": tried.HANGS,
    "**loses**": tried.LOSES,
}


def verdicts(section: str) -> dict[str, str]:
    """The last column of a table, by client."""
    text = DOCUMENT.partition(SECTIONS[section])[2].partition("\n###")[0]
    rows = [line.strip("| ").split(" | ") for line in text.split("\n") if re.match(r"\| (?!client|---)", line)]
    return {row[0]: VERDICTS[row[-1]] for row in rows}


@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_said_of_a_client_is_what_the_matrix_found(section: str) -> None:
    found = {**verdicts("TLS 1.2"), **verdicts(section)} if "tickets" in section else verdicts(section)
    assert tried.TRIED[section] == {name: found[row] for name, row in tried.ROWS.items()}


def test_the_guide_has_the_table_of_its_own_versions() -> None:
    guide = texts(subject())["guide.md"]
    assert "| rclone | does not work, and reports it |" in guide
    newer = texts(subject(service={"tls_maximum_version": "1.3"}))["guide.md"]
    assert "| rclone | works |" in newer
    assert "| PHP ftp\\_ssl\\_connect | works in part |" in newer
