"""Whether two edges do the same, from what nft and conntrack say."""

from __future__ import annotations

import json
from typing import Any

from ftps_exchange.verify.edges import connections, differences, rules


def table(*elements: Any, peer: str = "10.0.0.3", packets: int = 0, handle: int = 1) -> str:
    match = {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"set": [peer]}}
    return json.dumps(
        {
            "nftables": [
                {"metainfo": {"version": "1.1.3"}},
                {"set": {"name": "customers4", "table": "t", "handle": handle, "elem": list(elements)}},
                {"rule": {"chain": "input", "handle": handle, "expr": [{"match": match}, {"accept": None}]}},
                {"rule": {"chain": "input", "handle": handle, "expr": [{"counter": {"packets": packets, "bytes": 2}}]}},
            ]
        }
    )


def customer(address: str, packets: int = 0) -> dict[str, Any]:
    return {"elem": {"val": address, "comment": "acme", "counter": {"packets": packets, "bytes": packets}}}


def test_counters_handles_and_the_name_of_the_other_edge_do_not_count() -> None:
    first = rules(table(customer("192.0.2.1", 5), packets=7), {"10.0.0.3"})
    second = rules(table(customer("192.0.2.1"), peer="10.0.0.2", handle=9), {"10.0.0.2"})
    assert differences(first, second) == []


def test_one_more_customer_is_the_only_difference() -> None:
    first = rules(table(customer("192.0.2.1"), customer("192.0.2.2")), ())
    [found] = differences(first, rules(table(customer("192.0.2.1")), ()))
    assert "192.0.2.2" in found
    assert "192.0.2.1" not in found


def test_a_stranger_who_is_believed_is_a_difference() -> None:
    first = rules(table(), {"10.0.0.3"})
    assert len(differences(first, rules(table(peer="10.0.0.66"), {"10.0.0.2"}))) == 2


def test_an_element_that_vanishes_by_itself_is_none() -> None:
    challenge = {"elem": {"val": 80, "timeout": 60, "expires": 30}}
    assert differences(rules(table(challenge), ()), rules(table(), ())) == []


def test_who_is_connected() -> None:
    listing = (
        "tcp      6 431999 ESTABLISHED src=192.0.2.1 dst=198.51.100.10 sport=4711 dport=21 src=10.0.0.11 dst=192.0.2.1"
        " sport=21 dport=4711 [ASSURED] mark=0 use=1\n"
        "tcp      6 59 TIME_WAIT src=192.0.2.2 dst=198.51.100.10 sport=4712 dport=21 src=10.0.0.11 dst=192.0.2.2"
        " sport=21 dport=4712 [ASSURED] mark=0 use=1\n"
    )
    assert connections(listing) == {"192.0.2.1 4711"}
