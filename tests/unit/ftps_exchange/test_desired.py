"""What a run computes once: the results of the filters for each target, as the texts that modules take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftps_exchange import desired as desired_module
from ftps_exchange.desired import (
    exchange_access,
    exchange_desired,
    exchange_desired_folders,
    exchange_desired_iis,
    exchange_desired_iis_problems,
)
from ftps_exchange.directory import exchange_directory
from ftps_exchange.edge import exchange_edge_sets, exchange_host_sets
from ftps_exchange.folders import exchange_folders
from ftps_exchange.iis.settings import exchange_iis_settings

GOLDEN = Path(__file__).parents[1] / "golden" / "desired_state"


@pytest.fixture
def model() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / "model.json").read_text())
    return found


@pytest.fixture
def sids() -> dict[str, str]:
    found: dict[str, str] = json.loads((GOLDEN / "sids.json").read_text())
    return found


def test_the_texts_are_what_the_filters_for_each_give(model: dict[str, Any]) -> None:
    desired = exchange_desired(model)
    assert json.loads(desired["directory"]) == exchange_directory(model)
    assert json.loads(desired["customer_sets"]) == exchange_edge_sets(model)
    assert json.loads(desired["host_sets"]) == exchange_host_sets(model)
    assert json.loads(desired["known_customers"]) == exchange_directory(model)["known_customers"]
    assert desired["accounts"] == exchange_access(model)["accounts"]
    assert desired["accounts"]


def test_servers_that_keep_no_accounts_get_none(model: dict[str, Any]) -> None:
    assert exchange_desired(model, accounts=False)["accounts"] == []


def test_folders_are_the_text_of_what_the_filter_gives(model: dict[str, Any], sids: dict[str, str]) -> None:
    for platform in ("posix", "windows"):
        assert json.loads(exchange_desired_folders(model, sids, platform)) == exchange_folders(model, sids, platform)


def test_settings_of_iis_are_computed_once_for_hosts_with_the_same_options(
    model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[object] = []

    def settings(model: object, options: object) -> object:
        computed.append(options)
        return exchange_iis_settings(model, options)

    monkeypatch.setattr(desired_module, "exchange_iis_settings", settings)
    here, there = {"root": "D:\\exchange"}, {"root": "E:\\exchange", "address": "192.0.2.1"}
    found = exchange_desired_iis(model, {"ftps1": here, "ftps2": there, "ftps3": dict(here)})
    assert {host: json.loads(text) for host, text in found.items()} == {
        host: exchange_iis_settings(model, options)
        for host, options in (("ftps1", here), ("ftps2", there), ("ftps3", here))
    }
    assert computed == [here, there]


def test_problems_of_iis_are_told_once_whatever_the_number_of_hosts(model: dict[str, Any]) -> None:
    options = {"ftps1": {"root": "/srv/a"}, "ftps2": {"root": "/srv/b"}, "ftps3": {"root": "/srv/a"}}
    found = exchange_desired_iis_problems(model, options)
    assert [problem.split(":")[0] for problem in found] == ["root = '/srv/a'", "root = '/srv/b'"]
    assert exchange_desired_iis_problems(model, {"ftps1": {"root": "D:\\exchange"}}) == []
