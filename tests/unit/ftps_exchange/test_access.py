"""From where an account may log in."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftps_exchange.desired import exchange_access
from ftps_exchange.edge import exchange_edge_sets
from ftps_exchange.errors import ExchangeError
from tests.unit.ftps_exchange.desired_state import (
    Json,
    account,
    assert_golden,
    customer,
    golden,
    model,
    models,
    reordered,
    without,
)


def test_the_lab() -> None:
    assert_golden("access", exchange_access(golden("model")))


@given(models())
def test_an_account_is_listed_when_it_may_log_in_and_never_without_a_network(whole: Json) -> None:
    accounts = exchange_access(whole)["accounts"]
    assert {one["name"] for one in accounts} == {
        account["name"]
        for one in whole["customers"]
        if one["state"] == "present"
        for account in one["accounts"]
        if account["enabled"]
    }
    assert all(one["networks"] for one in accounts)


@given(models())
def test_networks_are_those_of_the_account_s_own_customer(whole: Json) -> None:
    customers = {one["name"]: one for one in whole["customers"]}
    for one in exchange_access(whole)["accounts"]:
        assert one["networks"] == [*customers[one["customer"]]["sources4"], *customers[one["customer"]]["sources6"]]


@given(models())
def test_the_edge_lets_in_whom_the_server_does(whole: Json) -> None:
    sets = exchange_edge_sets(whole)
    assert bool(exchange_access(whole)["accounts"]) == bool(sets["customers4"] or sets["customers6"])


@given(models(), st.integers())
def test_order_of_customers_changes_nothing_and_the_input_stays(whole: Json, seed: int) -> None:
    before = copy.deepcopy(whole)

    def by_account(any_model: Json) -> dict[str, set[str]]:
        return {one["name"]: set(one["networks"]) for one in exchange_access(any_model)["accounts"]}

    assert by_account(reordered(whole, seed)) == by_account(whole)
    assert whole == before


@given(models(), st.data())
def test_removing_a_customer_removes_its_accounts_and_nothing_else(whole: Json, data: st.DataObject) -> None:
    if not whole["customers"]:
        return
    leaving = data.draw(st.sampled_from(whole["customers"]))["name"]
    assert exchange_access(without(whole, leaving))["accounts"] == [
        one for one in exchange_access(whole)["accounts"] if one["customer"] != leaving
    ]


def test_an_empty_list_is_an_error_and_never_anybody() -> None:
    with pytest.raises(
        ExchangeError, match=r"customer acme: sources = \[\]: .* never means 'from anywhere'.*suspended"
    ):
        exchange_access(model(customer("acme")))


def test_a_disabled_account_needs_no_network() -> None:
    assert exchange_access(model(customer("acme", accounts=[account("acme-up", enabled=False)]))) == {"accounts": []}
