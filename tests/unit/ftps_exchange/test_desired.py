"""What a run computes once: the results of the filters for each target, as the texts that modules take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftps_exchange.desired import exchange_access, exchange_desired
from ftps_exchange.directory import exchange_directory
from ftps_exchange.edge import exchange_edge_sets

GOLDEN = Path(__file__).parents[1] / "golden" / "desired_state"


@pytest.fixture
def model() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / "model.json").read_text())
    return found


def test_the_texts_are_what_the_filters_for_each_give(model: dict[str, Any]) -> None:
    desired = exchange_desired(model)
    assert json.loads(desired["directory"]) == exchange_directory(model)
    assert json.loads(desired["customer_sets"]) == exchange_edge_sets(model)
    assert desired["accounts"] == exchange_access(model)["accounts"]
    assert desired["accounts"]


def test_the_networks_are_those_of_both_sets(model: dict[str, Any]) -> None:
    sets = exchange_edge_sets(model)
    networks = exchange_desired(model)["customer_networks"].split(",")
    assert networks == [entry["element"] for family in ("customers4", "customers6") for entry in sets[family]]
    assert any(":" in network for network in networks)
    assert any("." in network for network in networks)


def test_without_customers_there_is_no_network(model: dict[str, Any]) -> None:
    assert exchange_desired({**model, "customers": []})["customer_networks"] == ""


def test_servers_that_keep_no_accounts_get_none(model: dict[str, Any]) -> None:
    assert exchange_desired(model, accounts=False)["accounts"] == []
