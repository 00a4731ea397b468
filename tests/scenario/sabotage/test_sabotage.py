"""The checks can fail: some faults, put one on top of the other, are caught one by one, and one run repairs them all.

`make sabotage` puts in all faults, each alone, with a run of site.yml for each (tests/sabotage).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.exchange.lab import Lab
from tests.sabotage.faults import FAULTS, Fault
from tests.sabotage.judge import ask, caught, repaired, well
from tests.scenario.fixtures import lab
from tests.scenario.playbooks import Run

__all__ = ["lab"]

CHOSEN = [fault for fault in FAULTS if fault.in_scenario]


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in CHOSEN])
def test_the_fault_is_caught(lab: Lab, fault: Fault, tmp_path: Path) -> None:
    """Its own check fails. The next fault's check still passes, so that one will fail because of its own fault."""
    following = CHOSEN[CHOSEN.index(fault) + 1 :][:1]
    fault.put(lab)
    verdicts = ask(lab, [one.caught_by for one in (fault, *following)], tmp_path)
    caught(fault, verdicts[fault.caught_by])
    for one in following:
        well(verdicts[one.caught_by])


def test_one_run_repairs_them_all(lab: Lab, tmp_path: Path) -> None:
    repaired(lab)
    for verdict in ask(lab, [fault.caught_by for fault in CHOSEN], tmp_path).values():
        well(verdict)


def test_nothing_is_left_of_them(lab: Lab) -> None:
    """A further run finds everything as declared."""
    assert set(Run(lab, "playbooks/site.yml").changed.values()) == {0}
