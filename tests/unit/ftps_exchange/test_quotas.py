"""quota: what the model accepts, and which limits follow from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ftps_exchange.iis.settings import exchange_iis_problems
from ftps_exchange.quotas import exchange_quotas
from tests.unit.ftps_exchange.model_inputs import Inventory

GIB = 1 << 30


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(tmp_path)


def limits(inventory: Inventory) -> dict[str, tuple[int | None, int | None]]:
    found = exchange_quotas(inventory.check())
    return {entry["path"]: (entry["bytes_limit"], entry["files_limit"]) for entry in found}


def test_nothing_is_limited_unless_somebody_says_so(inventory: Inventory) -> None:
    assert limits(inventory) == {}
    inventory.exchange["quota"] = {}
    assert limits(inventory) == {}


def test_each_part_comes_from_the_nearest_value(inventory: Inventory) -> None:
    inventory.exchange["quota"] = {"space": "10 GiB", "files": 1000}
    assert limits(inventory) == dict.fromkeys(
        ("homes/acme", "homes/globex", "shares/dropbox", "shares/maps"), (10 * GIB, 1000)
    )
    inventory.exchange["shares"][0]["quota"] = {"space": "unlimited"}
    inventory.exchange["shares"][1]["quota"] = {"space": "unlimited", "files": "unlimited"}
    inventory.acme["quota"] = {"space": "2 TiB"}
    inventory.globex["quota"] = {"files": 20}
    assert limits(inventory) == {
        "homes/acme": (2048 * GIB, 1000),
        "homes/globex": (10 * GIB, 20),
        "shares/maps": (None, 1000),
    }
    del inventory.exchange["quota"]
    assert limits(inventory) == {"homes/acme": (2048 * GIB, None), "homes/globex": (None, 20)}


@pytest.mark.parametrize(("state", "listed"), [("suspended", True), ("absent", False)])
def test_who_has_a_folder_has_its_limits(inventory: Inventory, state: str, listed: bool) -> None:
    inventory.exchange["quota"] = {"space": "1 GiB"}
    inventory.acme["state"] = state
    assert ("homes/acme" in limits(inventory)) == listed


@pytest.mark.parametrize(
    "value", [0, 10, "10", "10 GB", "10GiB", "0 GiB", "1.5 GiB", "-1 GiB", "ten GiB", "12345678 MiB", True]
)
def test_amounts_that_are_refused(inventory: Inventory, value: Any) -> None:
    inventory.acme["quota"] = {"space": value}
    problem = inventory.only_problem()
    assert problem.startswith("customers/acme.yml: quota.space = "), problem
    assert problem.endswith("Write a whole number and MiB, GiB or TiB, such as 10 GiB, or unlimited."), problem


@pytest.mark.parametrize("value", [0, 9, -1, "many", "100", 1.5, True, 4_000_000_001])
def test_numbers_of_files_that_are_refused(inventory: Inventory, value: Any) -> None:
    inventory.exchange["shares"][0]["quota"] = {"files": value}
    problem = inventory.only_problem()
    assert "shares[0].quota.files = " in problem, problem
    assert problem.endswith("Write a whole number (10 to 4000000000), or unlimited."), problem


def test_a_limit_that_windows_would_not_keep_is_a_problem(inventory: Inventory) -> None:
    inventory.acme["sources"] = ["198.51.100.20/32"]
    before = exchange_iis_problems(inventory.check())
    inventory.acme["quota"] = {"space": "1 GiB"}
    (told,) = set(exchange_iis_problems(inventory.check())) - set(before)
    assert told == (
        "quota: is not enforced on Windows (first for homes/acme). "
        "Remove quota everywhere, or set its values to unlimited."
    )
