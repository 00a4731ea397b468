"""Every fault is put into the running lab, and must be caught by the check meant for it, explained, and repaired.

The next run of site.yml repairs it, and the check that failed passes. `make sabotage` runs all of them against the
lab, the Molecule scenario those that are marked for it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.lab import PROJECT, Lab
from tests.scenario.playbooks import Run

from .faults import FAULTS, Fault, port_open_at_the_edge_is_over

IN_SCENARIO = bool(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY"))


@dataclass
class Verdict:
    """What one check says, all its cases together."""

    results: list[dict[str, Any]]
    answers: dict[str, str]
    output: str

    def of(self, outcome: str) -> list[dict[str, Any]]:
        return [result for result in self.results if result["outcome"] == outcome]

    def told(self) -> str:
        return "; ".join(f"{result['name']}: {result['outcome']} {result['reason']}" for result in self.results)


def ask(lab: Lab, check: str, reports: Path) -> Verdict:
    """Run one check the way `make verify` does, in a process of its own, and read its report."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "tests/exchange",
            "-q",
            "--tb=no",
            f"--reports={reports}",
            "-k",
            f"test_{check}",
        ],
        cwd=PROJECT,
        env=os.environ | {"FTPS_EXCHANGE_LAB": str(lab.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    report = reports / "verify.json"
    assert report.exists(), done.stdout
    found = json.loads(report.read_text())
    results = [result for result in found["checks"] if result["check"] == check]
    assert results, f"there is no check {check}: {done.stdout}"
    return Verdict(results, {answer["risk"]: answer["answer"] for answer in found["answers"]}, done.stdout)


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab(Path(os.environ.get("FTPS_EXCHANGE_LAB", PROJECT / ".lab" / "lab.json")))


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, id=fault.name) for fault in FAULTS if fault.in_scenario or not IN_SCENARIO]
)
def test_the_fault_is_caught_and_repaired(lab: Lab, fault: Fault, tmp_path: Path) -> None:
    fault.put(lab)
    try:
        verdict = ask(lab, fault.caught_by, tmp_path / "sabotaged")
    finally:
        # Whatever happens, the next fault and the next user find a healthy lab
        port_open_at_the_edge_is_over(lab)
        repair = Run(lab, "playbooks/site.yml")
    assert verdict.of("failed"), f"{fault.caught_by} did not notice it: {verdict.told()}"
    explained = verdict.of("failed")[0]
    # A check that stumbled noticed nothing: an exception that it did not expect tells its name first
    assert re.match(r"(?!\w+(Error|Exception)\b)\S", explained["reason"]), f"it is not explained: {verdict.told()}"
    for risk in explained["decides"]:
        assert verdict.answers[risk] == "no", f"the report does not answer the risk {risk} with no"
    print(f"{fault.name}: {explained['name']}: {explained['reason'].splitlines()[0]}")

    assert sum(repair.changed.values()) > 0, "the run of site.yml changed nothing"
    after = ask(lab, fault.caught_by, tmp_path / "repaired")
    assert not after.of("failed"), after.told()
    assert after.of("passed"), f"after the repair the check could not look at all: {after.told()}"


def test_nothing_is_left_of_it(lab: Lab) -> None:
    """The last one: a further run finds everything as declared."""
    assert set(Run(lab, "playbooks/site.yml").changed.values()) == {0}
