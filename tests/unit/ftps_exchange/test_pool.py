"""Several servers: whose addresses are whose, and every mistake named."""

from __future__ import annotations

from typing import Any

import pytest

from ftps_exchange.errors import ExchangeError
from ftps_exchange.pool import exchange_server_pool, pool_problems


def server(number: int) -> dict[str, dict[str, Any]]:
    return {
        "edge_server": {"name": f"ftps{number}", "ip4": f"10.20.30.2{number}", "ip6": f"fd20:30::2{number}"},
        "server_pool": {"interface": "dmz", "ip4": f"10.20.30.1{number}", "ip6": f"fd20:30::1{number}"},
    }


SERVERS = {name: server(number) for number, name in enumerate("abc", 1)}


def test_each_server_owns_an_address_and_the_next_ones_take_it() -> None:
    priorities = {
        host: {group["name"]: group["priority"] for group in exchange_server_pool(SERVERS, host)["groups"]}
        for host in SERVERS
    }
    assert priorities == {
        "a": {"ftps1": 200, "ftps2": 140, "ftps3": 150},
        "b": {"ftps1": 150, "ftps2": 200, "ftps3": 140},
        "c": {"ftps1": 140, "ftps2": 150, "ftps3": 200},
    }


def test_the_address_that_moves_is_never_chosen_for_what_the_host_opens() -> None:
    pool = exchange_server_pool(SERVERS, "b")
    first = pool["groups"][0]
    assert first["instances"] == [
        {
            "interface": "dmz",
            "addresses": ["10.20.30.21/32", "fd20:30::21/128"],
            "own": "10.20.30.12",
            "peers": ["10.20.30.11", "10.20.30.13"],
        }
    ]
    assert [group["number"] for group in pool["groups"]] == [1, 2, 3]
    assert [group["returns"] for group in pool["groups"]] == [False, True, False]
    assert pool["peers"] == ["10.20.30.11", "10.20.30.13"]
    assert pool["substitute"] == SERVERS["c"]["edge_server"]
    assert exchange_server_pool(SERVERS, "c")["substitute"] == SERVERS["a"]["edge_server"]


def test_the_edge_knows_the_addresses_that_stay() -> None:
    pool = exchange_server_pool(SERVERS, "an-edge")
    assert pool["groups"] == []
    assert pool["peers"] == []
    assert pool["own"][2] == {"name": "ftps3 itself", "ip4": "10.20.30.13", "ip6": "fd20:30::13"}


@pytest.mark.parametrize("servers", [{}, {"a": {"edge_server": {"name": "ftps1", "ip4": "10.20.30.21"}}}])
def test_a_single_server_has_nothing_to_know(servers: dict[str, Any]) -> None:
    assert exchange_server_pool(servers, "a") == {"groups": [], "peers": [], "own": [], "substitute": {}}


def changed(host: str, variable: str, **more: Any) -> dict[str, Any]:
    return {
        name: ({**one, variable: {**one[variable], **more}} if name == host else one) for name, one in SERVERS.items()
    }


@pytest.mark.parametrize(
    ("servers", "where", "message"),
    [
        ({"a": SERVERS["a"]}, ("a", "server_pool", ""), "there is only one server"),
        ({**SERVERS, "d": {"edge_server": {"ip4": "10.20.30.24"}}}, ("d", "server_pool", ""), "is missing, and a has"),
        (changed("b", "server_pool", interface=""), ("b", "server_pool", "interface"), "is missing"),
        (changed("b", "server_pool", ip4=None), ("b", "server_pool", "ip4"), "is missing"),
        (changed("b", "server_pool", ip4="fd20::1"), ("b", "server_pool", "ip4"), "not an IPv4 address"),
        (changed("b", "server_pool", ip6="10.20.30.9"), ("b", "server_pool", "ip6"), "not an IPv6 address"),
        (changed("b", "edge_server", ip4=None), ("b", "edge_server", "ip4"), "is missing"),
        (changed("b", "server_pool", ip4="10.20.30.22"), ("b", "server_pool", "ip4"), "edge_server.ip4 of b too"),
        (changed("c", "server_pool", ip4="10.20.30.11"), ("c", "server_pool", "ip4"), "server_pool.ip4 of a too"),
    ],
)  # fmt: skip
def test_each_mistake_names_host_variable_and_remedy(
    servers: dict[str, Any], where: tuple[str, str, str], message: str
) -> None:
    members = {name: (one.get("edge_server", {}), one.get("server_pool", {})) for name, one in servers.items()}
    [problem] = pool_problems(members)
    assert (problem.host, problem.name, problem.key) == where
    assert message in problem.message
    assert problem.remedy
    with pytest.raises(ExchangeError, match=r"docs/pool\.md"):
        exchange_server_pool(servers, "a")
