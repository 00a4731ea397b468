"""The report of a run that did not come to its end: what was not run is never taken for a pass."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[3]

CHECKS = '''
import pytest


@pytest.mark.risk("traces", decides=True)
def test_first(evidence):
    """The first."""


@pytest.mark.risk("nat", decides=True)
def test_second(evidence):
    """The second."""
    {second}


@pytest.mark.risk("traces", decides=True)
def test_third(evidence):
    """The third."""
'''

CONFTEST = """
from pathlib import Path

import pytest

from tests.exchange.conftest import MARKERS
from tests.exchange.recorder import Evidence, Recorder
from tests.exchange.target import Target


def pytest_configure(config):
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    description = {"name": "t", "fqdn": "t.example", "public_ip": "127.0.0.1", "explicit_port": 21, "customers": []}
    config.pluginmanager.register(Recorder(Target(description), "full", Path(__file__).parent / "reports"))


@pytest.fixture
def evidence():
    return Evidence()
"""


def report(folder: Path, second: str, *options: str) -> dict[str, Any]:
    """What verify.json says after a run of three checks, of which the second does this."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_three.py").write_text(CHECKS.replace("{second}", second))
    subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(folder), *options, str(folder)],
        env=os.environ | {"PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'collections'}"},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    found: dict[str, Any] = json.loads((folder / "reports" / "verify.json").read_text())
    return found


def outcomes(found: dict[str, Any]) -> dict[str, str]:
    return {check["check"]: check["outcome"] for check in found["checks"]}


def answers(found: dict[str, Any]) -> dict[str, str]:
    return {answer["risk"]: answer["answer"] for answer in found["answers"] if answer["risk"] in ("nat", "traces")}


def test_a_run_to_the_end(tmp_path: Path) -> None:
    found = report(tmp_path, "pass")
    assert outcomes(found) == {"first": "passed", "second": "passed", "third": "passed"}
    assert answers(found) == {"nat": "yes", "traces": "yes"}


@pytest.mark.parametrize(
    ("second", "outcome", "answer"),
    [("assert False, 'wrong'", "failed", "no"), ("raise KeyboardInterrupt", "left out", "NOT TESTED")],
)
def test_what_came_after_the_stop_is_left_out(tmp_path: Path, second: str, outcome: str, answer: str) -> None:
    """FAIL_FAST, and somebody's Ctrl-C in the middle of a check."""
    found = report(tmp_path, second, "--maxfail=1")
    assert outcomes(found) == {"first": "passed", "second": outcome, "third": "left out"}
    assert answers(found) == {"nat": answer, "traces": "NOT TESTED"}
    assert "ended" in next(check["reason"] for check in found["checks"] if check["check"] == "third")


def test_what_was_left_out_by_a_stop_is_no_change(tmp_path: Path) -> None:
    report(tmp_path, "pass")
    found = report(tmp_path, "raise KeyboardInterrupt")
    assert found["changes"] == []
