"""keep_days: what the model accepts, and which folders follow from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ftps_exchange.iis.settings import exchange_iis_problems
from ftps_exchange.retention import exchange_retention
from tests.unit.ftps_exchange.model_inputs import Inventory


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(tmp_path)


def kept(inventory: Inventory) -> dict[str, int]:
    return {entry["path"]: entry["keep_days"] for entry in exchange_retention(inventory.check())}


def test_nothing_is_removed_unless_somebody_says_so(inventory: Inventory) -> None:
    assert kept(inventory) == {}


def test_the_nearest_value_counts(inventory: Inventory) -> None:
    inventory.exchange["keep_days"] = 30
    assert kept(inventory) == {"homes/acme": 30, "homes/globex": 30, "shares/dropbox": 30, "shares/maps": 30}
    inventory.exchange["shares"][0]["keep_days"] = "forever"
    inventory.exchange["shares"][1]["keep_days"] = 7
    inventory.acme["keep_days"] = 90
    inventory.globex["keep_days"] = "forever"
    assert kept(inventory) == {"homes/acme": 90, "shares/dropbox": 7}
    del inventory.exchange["keep_days"]
    assert kept(inventory) == {"homes/acme": 90, "shares/dropbox": 7}


@pytest.mark.parametrize("state", ["suspended", "absent"])
def test_who_cannot_fetch_files_keeps_them(inventory: Inventory, state: str) -> None:
    inventory.exchange["keep_days"] = 30
    inventory.acme["state"] = state
    assert "homes/acme" not in kept(inventory)


@pytest.mark.parametrize("value", [0, -1, 3651, "30", "never", True, 1.5, [30]])
def test_values_that_are_refused(inventory: Inventory, value: Any) -> None:
    inventory.acme["keep_days"] = value
    problem = inventory.only_problem()
    assert problem.startswith("customers/acme.yml: keep_days = "), problem
    assert problem.endswith("Write a whole number of days (1 to 3650), or forever."), problem


def test_a_promise_that_windows_would_not_keep_is_a_problem(inventory: Inventory) -> None:
    inventory.acme["sources"] = ["198.51.100.20/32"]
    checked = inventory.check()
    before = exchange_iis_problems(checked)
    inventory.acme["keep_days"] = 30
    (told,) = set(exchange_iis_problems(inventory.check())) - set(before)
    assert told == (
        "keep_days = 30: is not enforced on Windows (first for homes/acme). "
        "Remove keep_days everywhere, or set it to forever."
    )
