"""Two edges: what moves between them, and every mistake named."""

from __future__ import annotations

from typing import Any

import pytest

from ftps_exchange.errors import ExchangeError
from ftps_exchange.pair import exchange_edge_pair, pair_problems

MOVING: dict[str, Any] = {
    "internet": ["2001:db8::10/64", "198.51.100.10/24"],
    "dmz": ["10.20.30.1/24", "fd20:30::1/64"],
}
STAYING: dict[str, dict[str, Any]] = {
    "edge1": {"internet": "198.51.100.8", "dmz": "10.20.30.2"},
    "edge2": {"internet": "198.51.100.9", "dmz": "10.20.30.3"},
}


def test_each_edge_knows_itself_and_the_other_one() -> None:
    pair = exchange_edge_pair(MOVING, STAYING, "edge2", "dmz")
    [group] = pair["groups"]
    assert (group["priority"], group["returns"]) == (100, False)
    assert exchange_edge_pair(MOVING, STAYING, "edge1", "dmz")["groups"][0]["priority"] == 150
    assert group["instances"] == [
        {
            "interface": "internet",
            "addresses": ["198.51.100.10/24", "2001:db8::10/64"],
            "own": "198.51.100.9",
            "peers": ["198.51.100.8"],
        },
        {
            "interface": "dmz",
            "addresses": ["10.20.30.1/24", "fd20:30::1/64"],
            "own": "10.20.30.3",
            "peers": ["10.20.30.2"],
        },
    ]
    assert pair["own"] == ["198.51.100.9", "10.20.30.3"]
    assert pair["peers"] == ["198.51.100.8", "10.20.30.2"]
    assert (pair["sync_own"], pair["sync_peer"]) == ("10.20.30.3", "10.20.30.2")
    assert set(pair["addresses"]) >= {"198.51.100.10", "fd20:30::1", "10.20.30.2", "10.20.30.3"}


@pytest.mark.parametrize("edges", [{}, {"edge1": {}}, {"edge1": {}, "edge2": {}}])
def test_without_addresses_that_move_there_is_nothing_to_do(edges: dict[str, dict[str, str]]) -> None:
    nothing: object = {"groups": [], "own": [], "peers": [], "addresses": [], "sync_own": "", "sync_peer": ""}
    assert exchange_edge_pair({}, edges, "edge1") == nothing


def changed(**more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    moving, staying = dict(MOVING), {name: dict(own) for name, own in STAYING.items()}
    for key, value in more.items():
        if key in staying:
            staying[key] |= value
        else:
            moving[key] = value
    return moving, staying


@pytest.mark.parametrize(
    ("more", "where", "message"),
    [
        ({"edge2": {"dmz": None}}, ("edge2", "edge_pair", "dmz"), "is missing."),
        ({"edge2": {"dmz": "10.20.31.3"}}, ("edge2", "edge_pair", "dmz"), "which is not in 10.20.30.0/24."),
        ({"edge2": {"dmz": "10.20.30.1"}}, ("edge2", "edge_pair", "dmz"), "which is edge_virtual_addresses.dmz too."),
        ({"edge2": {"dmz": "10.20.30.2"}}, ("edge2", "edge_pair", "dmz"), "which is the address of edge1 too."),
        ({"edge2": {"dmz": "fd20:30::3"}}, ("edge2", "edge_pair", "dmz"), "not an IPv4 address."),
        ({"edge2": {"lan": "10.1.1.1"}}, ("edge2", "edge_pair", "lan"), "without addresses that move."),
        ({"dmz": ["10.20.30.1"]}, ("edge1", "edge_virtual_addresses", "dmz"), "no prefix length."),
        ({"dmz": "10.20.30.1/24"}, ("edge1", "edge_virtual_addresses", "dmz"), "is not a list of addresses."),
        ({"dmz": ["fd20:30::1/64"]}, ("edge1", "edge_virtual_addresses", "dmz"), "has no IPv4 address."),
    ],
)  # fmt: skip
def test_a_mistake_names_edge_variable_interface_and_remedy(
    more: dict[str, Any], where: tuple[str, str, str], message: str
) -> None:
    moving, staying = changed(**more)
    [problem] = pair_problems(moving, staying, "dmz")
    assert (problem.host, problem.name, problem.key) == where
    assert message in problem.message
    assert problem.remedy.endswith(".")
    with pytest.raises(ExchangeError, match=where[1]):
        exchange_edge_pair(moving, staying, "edge1", "dmz")


@pytest.mark.parametrize("edges", [{"edge1": STAYING["edge1"]}, STAYING | {"edge3": {}}])
def test_a_pair_has_two_edges(edges: dict[str, dict[str, str]]) -> None:
    [problem] = pair_problems(MOVING, edges, "dmz")
    assert "needs two edges" in problem.message


def test_own_addresses_alone_are_a_mistake() -> None:
    assert [one.host for one in pair_problems({}, STAYING, "")] == ["edge1", "edge2"]


@pytest.mark.parametrize(("interface", "message"), [("", "is missing."), ("lan", "is not an interface of")])
def test_the_interface_between_the_edges_is_one_with_addresses_that_move(interface: str, message: str) -> None:
    [problem] = pair_problems(MOVING, STAYING, interface)
    assert problem.name == "connection_sync_interface"
    assert message in problem.message
    assert "internet, dmz" in problem.remedy
