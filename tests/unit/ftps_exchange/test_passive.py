"""A passive range that changes: what the firewalls open while servers change over."""

from __future__ import annotations

from typing import Any

import pytest

from ftps_exchange.passive import exchange_ports_meanwhile
from tests.unit.roles.rendering import render

LOADED = {"address": "198.51.100.10", "port": 21, "to": 1021}


def rules(first: int, last: int, *also: list[int]) -> str:
    given = {
        "edge_public_addresses": ["198.51.100.10"],
        "edge_servers": [{"name": "a", "ip4": "10.0.0.2"}],
        "edge_customer_sets": {"customers4": [], "customers6": []},
        "edge_passive_ports": [first, last],
        "edge_also_passive_ports": list(also),
        "edge_translated_ports": [LOADED],
        # Of somebody else: no range of ours
        "edge_extra_forward_rules": ["tcp dport 1000-2000 accept"],
    }
    return render("edge", "edge.nft.j2", given)


@pytest.mark.parametrize(
    ("declared", "also", "opens", "closes"),
    [
        ([50000, 50099], [[50000, 50099]], False, False),
        ([50000, 50199], [[50000, 50199]], True, False),
        ([50000, 50049], [[50000, 50099]], False, True),
        ([50050, 50149], [[50000, 50149]], True, True),
        ([40000, 40099], [[40000, 40099], [50000, 50099]], True, True),
    ],
)
def test_old_and_new_ports_are_open_together(
    declared: list[int], also: list[list[int]], opens: bool, closes: bool
) -> None:
    assert exchange_ports_meanwhile(declared, rules(50000, 50099)) == {
        "also": also,
        "opens": opens,
        "closes": closes,
        "translated": [],
    }


def test_a_former_range_that_is_declared_is_not_closed() -> None:
    declared: dict[str, Any] = {"passive_ports": [40000, 40099], "also": [[50000, 50099]]}
    both = [[40000, 40099], [50000, 50099]]
    assert exchange_ports_meanwhile(**declared, rules=rules(50000, 50099)) == {
        "also": both,
        "opens": True,
        "closes": False,
        "translated": [],
    }
    opened = rules(40000, 40099, [50000, 50099])
    assert exchange_ports_meanwhile(**declared, rules=opened) == {
        "also": both,
        "opens": False,
        "closes": False,
        "translated": [],
    }
    assert exchange_ports_meanwhile([40000, 40099], rules=opened) == {
        "also": both,
        "opens": False,
        "closes": True,
        "translated": [],
    }


@pytest.mark.parametrize("servers", [1, 2])
def test_only_translations_that_are_loaded_stay_while_servers_change_over(servers: int) -> None:
    """Servers do not listen yet at the ports of new ones."""
    given = {
        "edge_public_addresses": ["198.51.100.10", "2001:db8:100::10"],
        "edge_servers": [
            {"name": f"s{number}", "ip4": f"10.0.0.{number}", "ip6": f"fd00::{number}"} for number in range(servers)
        ],
        "edge_customer_sets": {"customers4": [], "customers6": []},
        "edge_translated_ports": [LOADED],
    }
    declared = [{**LOADED, "to": 1022}, LOADED, {**LOADED, "port": 2121}, {**LOADED, "address": "198.51.100.11"}]
    text = render("edge", "edge.nft.j2", given)
    assert exchange_ports_meanwhile([50000, 50099], text, translated=declared)["translated"] == [LOADED]
    assert exchange_ports_meanwhile([50000, 50099], translated=declared)["translated"] == []


def test_the_rules_of_the_host_firewall_are_read_alike() -> None:
    for limit in (0, 40):
        given: dict[str, Any] = {
            "host_firewall_max_connections_per_customer": limit,
            "host_firewall_also_passive_ports": [[51000, 51099]],
        }
        text = render("host_firewall", "host_firewall.nft.j2", given)
        assert exchange_ports_meanwhile([50000, 50199], text)["opens"]
        assert exchange_ports_meanwhile([50000, 50099], text) == {
            "also": [[50000, 50099], [51000, 51099]],
            "opens": False,
            "closes": True,
            "translated": [],
        }


def test_a_firewall_without_rules_opens_what_is_declared() -> None:
    assert exchange_ports_meanwhile([50000, 50099]) == {
        "also": [],
        "opens": False,
        "closes": False,
        "translated": [],
    }
