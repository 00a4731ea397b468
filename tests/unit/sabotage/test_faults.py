"""docs/sabotage.md lists the faults, and each is meant for a check that exists."""

from __future__ import annotations

import re
from pathlib import Path

from tests.sabotage.faults import FAULTS

PROJECT = Path(__file__).parents[3]


def test_the_document_lists_the_faults_as_they_are() -> None:
    rows = [
        f"| `{fault.name}`{' *' if fault.in_scenario else ''} | {fault.title} | `{fault.caught_by}` |"
        for fault in FAULTS
    ]
    text = (PROJECT / "docs" / "sabotage.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("| `")] == rows


def test_every_fault_is_meant_for_a_check_that_there_is() -> None:
    checks = {
        name
        for file in (PROJECT / "tests" / "exchange").glob("test_*.py")
        for name in re.findall(r"^def test_(\w+)\(", file.read_text(), re.MULTILINE)
    }
    assert {fault.caught_by for fault in FAULTS} <= checks


def test_there_are_many_and_each_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 20
