"""What nft lists is read as the table that it is."""

from __future__ import annotations

from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.nftables.listing import read_table, split_blocks
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.plan import transaction
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import Element, Table

from tests.unit.module_utils.nftables.listings import GOLDEN, plan


def test_what_the_traffic_puts_into_a_set_is_nobodys_drift(version: str) -> None:
    """Both versions' own output; 1.0.6 does not tell in JSON that the set is dynamic."""
    quiet, busy = (
        read_table(
            (GOLDEN / f"{version}-dynamic-{state}.json").read_text(), (GOLDEN / f"{version}-dynamic.txt").read_text()
        )
        for state in ("empty", "filled")
    )
    assert not plan(busy, quiet, {}).changed
    assert "set connections4" in plan(busy, Table(), {}).stale


def test_a_listing_gives_elements_with_comments_and_counters(live: Table) -> None:
    assert live.set_types == {"customers4": "ipv4_addr", "customers6": "ipv6_addr", "offices": "ipv4_addr"}
    assert list(live.elements["customers4"].values()) == [
        Element("198.51.100.20", "acme", packets=7, bytes=420),
        Element("203.0.113.0/25", "globex, initech"),
        Element("203.0.113.200-203.0.113.209", "hooli"),
    ]
    assert {element.comment for element in live.elements["customers6"].values()} == {"acme", "globex, initech"}
    assert set(live.blocks) == {"set customers4", "set customers6", "set offices", "chain forward", "chain refuse"}


def test_the_order_in_which_things_were_made_is_no_difference() -> None:
    one = "table inet x {\n\tset a {\n\t\ttype ipv4_addr\n\t}\n\n\tchain b {\n\t\taccept\n\t}\n}\n"
    other = "table inet x {\n\tchain b {\n\t\taccept\n\t}\n\n\tset a {\n\t\ttype ipv4_addr\n\t}\n}\n"
    assert split_blocks(one) == split_blocks(other)


def test_a_map_to_marks_is_read_with_its_values(version: str) -> None:
    live = read_table((GOLDEN / f"{version}-map.json").read_text(), (GOLDEN / f"{version}-map.txt").read_text())
    assert [(element.text, element.comment, element.value) for element in live.elements["budgets4"].values()] == [
        ("10.0.0.0/24", "acme, globex", 5),
        ("10.0.1.1", "hooli", 7),
    ]
    declared: dict[str, list[dict[str, Any]]] = {
        "budgets4": [
            {"element": "10.0.0.0/24", "comment": "acme, globex", "value": 5},
            {"element": "10.0.1.1", "comment": "hooli", "value": 8},
        ]
    }
    change = plan(live, live, declared)
    assert (change.rules_changed, [element.text for element in change.sets["budgets4"].updated.values()]) == (
        False,
        ["10.0.1.1"],
    )
    text = transaction("inet", "t", "", change)
    assert 'add element inet t budgets4 {\n\t10.0.1.1 comment "hooli" : 8\n}' in text
