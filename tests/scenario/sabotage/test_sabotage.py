"""The checks can fail: some faults, put one on top of the other, are caught one by one, and one run repairs them all.

Two runs that would repair them break off before: on a full disk, and with the death of the control node (tests/faults).

`make sabotage` puts in all faults, each alone, with a run of site.yml for each (tests/sabotage).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.exchange.lab import Lab
from tests.faults.breaking import break_a_run, hosts_of
from tests.faults.faults import FAULTS as FAULTS_OF_RUNS
from tests.sabotage.faults import FAULTS, Fault
from tests.sabotage.judge import ask, caught, repaired, well
from tests.scenario.fixtures import lab
from tests.scenario.playbooks import calls

__all__ = ["lab"]

# Of site.yml with nothing to change, one server and one edge
MOST_CALLS = 40

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


@pytest.mark.parametrize(
    ("name", "at"),
    [
        # The new certificate finds no room
        ("disk", "certificate : Check the installed certificate"),
        # The daemon's configuration is written, and it was not reloaded
        ("kill", "ftps_server : Reload ProFTPD"),
    ],
)
def test_runs_that_would_repair_them_break_off(lab: Lab, name: str, at: str, tmp_path: Path) -> None:
    """The part of `make faults` that runs here: the next test is its other half."""
    [fault] = [one for one in FAULTS_OF_RUNS if one.name == name]
    broken = break_a_run(lab, hosts_of(lab), replace(fault, at=at), tmp_path / "broken")
    assert broken.code != 0, broken.output


def test_one_run_repairs_them_all(lab: Lab, tmp_path: Path) -> None:
    repaired(lab)
    for verdict in ask(lab, [fault.caught_by for fault in CHOSEN], tmp_path).values():
        well(verdict)


def test_nothing_is_left_of_them_and_a_run_that_changes_nothing_stays_short(lab: Lab, tmp_path: Path) -> None:
    """A further run finds everything as declared. What it costs are its calls: half a second each, 60 of them once."""
    run, made = calls(lab, "playbooks/site.yml", tmp_path / "calls")
    assert set(run.changed.values()) == {0}
    assert len(made) <= MOST_CALLS, (
        f"a run with nothing to change makes {len(made)} calls to hosts, at most {MOST_CALLS} are allowed. Do more in "
        "a call that is there already (managed_files starts units, network_settings takes several files), or ask only "
        "where something is to be done; raise the limit where a new feature needs its own call. The calls: "
        + ", ".join(f"{task} ({number})" for task, number in Counter(made).items())
    )
