"""exchange_model: the model as a module result, and every problem as one failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftps.exchange.plugins.action import exchange_model
from ansible_collections.ftps.exchange.plugins.modules import exchange_model as documentation

from tests.unit.actions import run_action
from tests.unit.ftps_exchange.model_inputs import EXCHANGE, Inventory


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    inventory = Inventory(tmp_path)
    inventory.check()
    return inventory


def run(check_mode: bool = False, **arguments: Any) -> dict[str, Any]:
    return run_action(exchange_model.ActionModule, arguments, check_mode=check_mode)


@pytest.mark.parametrize("check_mode", [True, False])
def test_it_returns_the_model_and_changes_nothing(inventory: Inventory, check_mode: bool) -> None:
    before = {path: path.read_bytes() for path in inventory.directory.rglob("*.yml")}
    result = run(exchange=EXCHANGE, customers_dir=str(inventory.customers), check_mode=check_mode)
    assert result["changed"] is False
    model = inventory.check()
    assert json.loads(result["model"]) == model
    assert (result["exchange"], result["notes"]) == (model["exchange"], model["notes"])
    assert {path: path.read_bytes() for path in inventory.directory.rglob("*.yml")} == before


def test_all_problems_are_one_failure(inventory: Inventory) -> None:
    inventory.write("broken.yml", "state: [")
    result = run(exchange={**EXCHANGE, "fqdn": "x"}, customers_dir=str(inventory.customers))
    assert result["failed"] is True
    assert result["msg"].startswith("The model has 2 problems in 2 files; no host has been touched.\n")
    assert result["problems"][0] == {
        "file": "group_vars/all/exchange.yml",
        "line": None,
        "field": "exchange.fqdn",
        "value": "'x'",
        "message": "is not fully qualified.",
        "remedy": "Write it like ftps.example.com: lower case, at least two labels.",
    }
    assert result["problems"][1]["file"] == "customers/broken.yml"


def test_lines_of_the_service(inventory: Inventory) -> None:
    file = inventory.directory / "exchange.yml"
    file.write_text(yaml.safe_dump({"exchange": {**EXCHANGE, "fqdn": "x"}}))
    result = run(
        exchange={**EXCHANGE, "fqdn": "x"},
        customers_dir=str(inventory.customers),
        exchange_file=str(file),
    )
    (problem,) = result["problems"]
    assert problem["file"] == "exchange.yml"
    assert file.read_text().splitlines()[problem["line"] - 1] == "  fqdn: x"


def test_today_decides_what_has_expired(inventory: Inventory) -> None:
    inventory.acme["accounts"][0]["expires"] = "2026-06-15"
    inventory.check()
    for today, enabled in (("2026-06-15", True), ("2026-06-16", False)):
        result = run(exchange=EXCHANGE, customers_dir=str(inventory.customers), today=today)
        assert json.loads(result["model"])["customers"][0]["accounts"][0]["enabled"] is enabled
    result = run(exchange=EXCHANGE, customers_dir=str(inventory.customers), today="soon")
    assert result["msg"] == "today is 'soon': write a day as YYYY-MM-DD."


@pytest.mark.parametrize("exchange", ["", "text", [], 5, {}, {"exchange": EXCHANGE}])
def test_a_service_that_is_none(inventory: Inventory, exchange: Any) -> None:
    result = run(exchange=exchange, customers_dir=str(inventory.customers))
    assert result["failed"] is True
    assert "group_vars/all/exchange.yml" in result["msg"]


def test_the_documentation_names_every_option() -> None:
    documented = yaml.safe_load(documentation.DOCUMENTATION)["options"]
    assert set(documented) == set(exchange_model.ARGUMENTS)
    yaml.safe_load(documentation.EXAMPLES)
    yaml.safe_load(documentation.RETURN)
