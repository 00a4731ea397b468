"""Every fault is put into the running lab, and must be caught by the check meant for it, explained, and repaired.

The next run of site.yml repairs it, and the check that failed passes. `make sabotage` runs this against the lab.
The Molecule scenario does the same faster, with some of the faults: tests/scenario/sabotage.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.exchange.lab import Lab
from tests.scenario.fixtures import lab
from tests.scenario.playbooks import Run

from .faults import FAULTS, Fault
from .judge import ask, caught, repaired, well

__all__ = ["lab"]


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS])
def test_the_fault_is_caught_and_repaired(lab: Lab, fault: Fault, tmp_path: Path) -> None:
    fault.put(lab)
    try:
        verdict = ask(lab, [fault.caught_by], tmp_path / "sabotaged")[fault.caught_by]
    finally:
        repaired(lab)
    caught(fault, verdict)
    well(ask(lab, [fault.caught_by], tmp_path / "repaired")[fault.caught_by])


def test_nothing_is_left_of_it(lab: Lab) -> None:
    """The last one: a further run finds everything as declared."""
    assert set(Run(lab, "playbooks/site.yml").changed.values()) == {0}
