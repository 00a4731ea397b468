"""What may be declared as elements of sets."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.declared import check_sets, declared_elements
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import Table, TableError

from tests.unit.module_utils.nftables.listings import ACME, SIX


def test_all_problems_of_a_declaration_are_told_at_once() -> None:
    sets: dict[str, list[dict[str, Any]]] = {
        "customers4": [
            ACME,
            {"element": "198.51.100.0/24", "comment": "globex"},
            {"element": "10.0.0.1/8", "comment": "hooli"},
            {"comment": "nobody"},
            {"element": "192.0.2.1", "comment": 'a "quote"'},
            {"element": "192.0.2.2", "comment": "é" * 65},
            {"element": "192.0.2.3", "comment": "two\nlines"},
        ]
    }
    with pytest.raises(TableError) as error:
        declared_elements(sets)
    problems = str(error.value).split("; ")
    assert len(problems) == 6
    assert "sets.customers4: 198.51.100.0/24  globex and 198.51.100.20  acme overlap" in problems
    assert all(problem.startswith("sets.customers4: ") for problem in problems)


def test_the_same_element_twice_is_refused() -> None:
    with pytest.raises(TableError, match=r"'198\.51\.100\.20/32' is given twice"):
        declared_elements({"customers4": [ACME, {"element": "198.51.100.20/32", "comment": "globex"}]})


def test_ranges_that_share_one_address_overlap() -> None:
    sets = {"customers4": [{"element": "10.0.0.0-10.0.0.9"}, {"element": "10.0.0.9"}]}
    with pytest.raises(TableError, match=r"10\.0\.0\.0-10\.0\.0\.9 and 10\.0\.0\.9 overlap"):
        declared_elements(sets)


def test_a_comment_may_use_all_that_nft_keeps() -> None:
    declared = declared_elements({"s": [{"element": "192.0.2.1", "comment": "x" * 128}]})
    assert [element.comment for element in declared["s"].values()] == ["x" * 128]


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"customers5": []}, "declares no set of that name"),
        ({"customers6": [ACME]}, r"'198\.51\.100\.20' is no element for a set of ipv6_addr"),
        ({"customers4": SIX}, "is no element for a set of ipv4_addr"),
    ],
)
def test_elements_that_the_definition_has_no_place_for_are_refused(
    desired: Table, sets: dict[str, list[dict[str, str]]], message: str
) -> None:
    with pytest.raises(TableError, match=message):
        check_sets(desired, declared_elements(sets))


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"customers4": [ACME | {"value": 5}]}, "has a value, and a set keeps none"),
        ({"budgets4": [ACME]}, "needs a value, because it is for a map"),
    ],
)
def test_values_are_for_maps(desired: Table, sets: dict[str, list[dict[str, Any]]], message: str) -> None:
    blocks = {**desired.blocks, "map budgets4": ""}
    table = Table(blocks=blocks, set_types={**desired.set_types, "budgets4": "ipv4_addr"})
    with pytest.raises(TableError, match=message):
        check_sets(table, declared_elements(sets))


@pytest.mark.parametrize("value", [-1, 1 << 32, "5", True])
def test_a_value_is_a_mark(value: Any) -> None:
    with pytest.raises(TableError, match="is no number from 0"):
        declared_elements({"budgets4": [ACME | {"value": value}]})
