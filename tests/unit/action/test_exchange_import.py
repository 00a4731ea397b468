"""exchange_import: files in one call, nothing in check mode, and every refusal in the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.action import exchange_import

from tests.unit.actions import run_action
from tests.unit.ftps_exchange.model_inputs import EXCHANGE, Inventory

TABLE = "customer,sources,account,access\nbeta,203.0.113.5,beta-up,write\ngamma,any,gamma-up,write\n"


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    inventory = Inventory(tmp_path)
    inventory.check()
    (tmp_path / "t.csv").write_text(TABLE)
    return inventory


def run(inventory: Inventory, check_mode: bool = False, **arguments: Any) -> dict[str, Any]:
    wanted = {
        "csv": str(inventory.directory / "t.csv"),
        "exchange": EXCHANGE,
        "customers_dir": str(inventory.customers),
        **arguments,
    }
    return run_action(exchange_import.ActionModule, wanted, check_mode=check_mode, diff=True)


def test_it_writes_what_the_model_accepts_and_returns_the_rest(inventory: Inventory) -> None:
    preview = run(inventory, check_mode=True)
    assert not (inventory.customers / "beta.yml").exists()
    result = run(inventory)
    assert (result["changed"], result["created"]) == (True, ["beta"])
    assert (inventory.customers / "beta.yml").read_text() == result["diff"][0]["after"] == preview["diff"][0]["after"]
    assert [(one["customer"], one["rows"]) for one in result["refused"]] == [("gamma", [3])]
    assert result["refused"][0]["reasons"][0]["column"] == "sources"
    assert result["report"][0] == "t.csv: 1 customer file written."
    again = run(inventory)
    assert (again["changed"], again["created"], again["unchanged"]) == (False, [], ["beta"])


def test_a_missing_table_is_one_clear_message(inventory: Inventory) -> None:
    result = run(inventory, csv="/nonexistent.csv")
    assert result["failed"] is True
    assert "CSV = '/nonexistent.csv': cannot be read: No such file or directory." in result["msg"]
