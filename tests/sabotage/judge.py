"""Asks checks about a lab with a fault in it, and judges what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.exchange.lab import PROJECT, Lab
from tests.scenario.playbooks import Run

from .faults import Fault, port_open_at_the_edge_is_over


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


def ask(lab: Lab, checks: Collection[str], reports: Path) -> dict[str, Verdict]:
    """Run checks the way `make verify` does, in a process of its own, and read the report."""
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
            " or ".join(f"test_{check}" for check in checks),
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
    answers = {answer["risk"]: answer["answer"] for answer in found["answers"]}
    verdicts = {}
    for check in checks:
        results = [result for result in found["checks"] if result["check"] == check]
        assert results, f"there is no check {check}: {done.stdout}"
        verdicts[check] = Verdict(results, answers, done.stdout)
    return verdicts


def caught(fault: Fault, verdict: Verdict) -> None:
    """The check noticed the fault, says what is wrong, and the report answers the risks with no."""
    assert verdict.of("failed"), f"{fault.caught_by} did not notice it: {verdict.told()}"
    explained = verdict.of("failed")[0]
    # A check that stumbled noticed nothing: an unexpected exception starts with its name
    assert re.match(r"(?!\w+(Error|Exception)\b)\S", explained["reason"]), f"it is not explained: {verdict.told()}"
    for risk in explained["decides"]:
        assert verdict.answers[risk] == "no", f"the report does not answer the risk {risk} with no"
    print(f"{fault.name}: {explained['name']}: {explained['reason'].splitlines()[0]}")


def well(verdict: Verdict) -> None:
    """The check passes."""
    assert not verdict.of("failed"), verdict.told()
    assert verdict.of("passed"), f"the check could not look at all: {verdict.told()}"


def repaired(lab: Lab) -> None:
    """Run site.yml. Whatever happened before, the next fault and the next user find a healthy lab."""
    port_open_at_the_edge_is_over(lab)
    assert sum(Run(lab, "playbooks/site.yml").changed.values()) > 0, "the run of site.yml changed nothing"
