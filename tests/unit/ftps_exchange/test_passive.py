"""A passive range that changes: what the firewalls open while servers change over."""

from __future__ import annotations

import pytest

from ftps_exchange.passive import exchange_ports_meanwhile
from tests.unit.roles.rendering import render


def rules(first: int, last: int) -> str:
    given = {
        "edge_public_addresses": ["198.51.100.10"],
        "edge_servers": [{"name": "a", "ip4": "10.0.0.2"}],
        "edge_customer_sets": {"customers4": [], "customers6": []},
        "edge_passive_ports": [first, last],
        # Of somebody else: no range of ours
        "edge_extra_forward_rules": ["tcp dport 1000-2000 accept"],
    }
    return render("edge", "edge.nft.j2", given)


@pytest.mark.parametrize(
    ("declared", "ports", "opens", "closes"),
    [
        ([50000, 50099], [50000, 50099], False, False),
        ([50000, 50199], [50000, 50199], True, False),
        ([50000, 50049], [50000, 50099], False, True),
        ([50050, 50149], [50000, 50149], True, True),
        ([40000, 40099], [40000, 50099], True, True),
    ],
)
def test_old_and_new_ports_are_open_together(declared: list[int], ports: list[int], opens: bool, closes: bool) -> None:
    assert exchange_ports_meanwhile(declared, rules(50000, 50099)) == {"ports": ports, "opens": opens, "closes": closes}


def test_the_rules_of_the_host_firewall_are_read_alike() -> None:
    for limit in (0, 40):
        text = render("host_firewall", "host_firewall.nft.j2", {"host_firewall_max_connections_per_customer": limit})
        assert exchange_ports_meanwhile([50000, 50199], text)["opens"]
        assert not exchange_ports_meanwhile([50000, 50099], text)["opens"]


def test_a_firewall_without_rules_opens_what_is_declared() -> None:
    assert exchange_ports_meanwhile([50000, 50099]) == {"ports": [50000, 50099], "opens": False, "closes": False}
