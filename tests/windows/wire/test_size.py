"""What a run costs with 2, 100 and 10,000 customers: calls to the host, bytes on the wire, time of the control node.

All answers are scripted, those of this project's modules too: how long these take with such lists is measured where
they are run (tests/unit/windows). It says nothing of how fast Windows is.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import dataclass

import pytest

from .authority import Authority
from .conftest import Deploy, Listener
from .deployment import Run, generate_customers
from .endpoint import Recording
from .play import as_json, certificate_in_store, run_play, scripted

MOST_BYTES = 20_000_000
MOST_SECONDS = 25
# About a second on the machine that the limit is from. Beside other work, such as the scenario, a processor does less in a
# second, so this is measured before and after
YARDSTICK = """
import json, re
text = json.dumps([{"name": f"customer-{n}", "networks": [f"10.{n % 250}.{n % 199}.0/24"]} for n in range(2000)])
for _ in range(240):
    for one in json.loads(text):
        re.fullmatch(r"[a-z]+-([0-9]+)", one["name"])
        sorted(one.items())
        ".".join(one["networks"][0].split("."))
"""
SIZES = [2, 100, 10_000]


@dataclass(frozen=True)
class Cost:
    """A run with so many customers; ``seconds`` of a processor that needs one for the yardstick."""

    run: Run
    recording: Recording
    seconds: float


def children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def yardstick() -> float:
    before = children_seconds()
    subprocess.run([sys.executable, "-c", YARDSTICK], check=True)
    return children_seconds() - before


@pytest.fixture(scope="module")
def costs(listener: Listener, deployment: Deploy, authority: Authority) -> dict[int, Cost]:
    found = {}
    for count in SIZES:
        endpoint = listener(scripted(authority))
        where = deployment(endpoint)
        generate_customers(where, count)
        where.set(**certificate_in_store(authority))
        first = yardstick()
        before = children_seconds()
        run = run_play(where)
        used = children_seconds() - before
        found[count] = Cost(run, endpoint.recording, 2 * used / (first + yardstick()))
    return found


@pytest.mark.parametrize("count", SIZES)
def test_the_run_succeeds(costs: dict[int, Cost], count: int) -> None:
    assert costs[count].run.exit_code == 0, costs[count].run.output[-4000:]
    assert costs[count].recording.problems == []


def test_the_calls_do_not_depend_on_the_number_of_customers(costs: dict[int, Cost]) -> None:
    modules = {count: cost.recording.modules for count, cost in costs.items()}
    assert modules[2] == modules[100] == modules[10_000]
    assert modules[2].count("win_iis_settings") == modules[2].count("win_folder_tree") == 1


def test_every_customer_is_in_the_lists(costs: dict[int, Cost]) -> None:
    (folders,) = costs[10_000].recording.of("win_folder_tree")
    homes = [folder for folder in as_json(folders.arguments["folders"]) if folder["path"].count("/") == 1]
    assert len([folder for folder in homes if folder["path"].startswith("homes/")]) == 10_000
    (settings,) = costs[10_000].recording.of("win_iis_settings")
    directories = as_json(settings.arguments["settings"])["rows"]["directories"]
    assert len([path for path, _ in directories if path.count("/") == 2]) == 15_000, "an account or two for each"


def test_no_call_is_longer_than_windows_powershell_may_read(costs: dict[int, Cost]) -> None:
    longest = max(costs[10_000].recording.calls, key=lambda call: len(call.received.standard_input))
    assert len(longest.received.standard_input) < 2_097_152, longest.module


def test_bytes(costs: dict[int, Cost]) -> None:
    assert costs[10_000].recording.bytes_received < MOST_BYTES


def test_what_the_run_costs_the_control_node(costs: dict[int, Cost]) -> None:
    assert costs[10_000].seconds < MOST_SECONDS
