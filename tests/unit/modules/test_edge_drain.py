"""A server of a pool is taken out of service at the edge, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.modules import edge_drain

OWN = {"ip4": "10.20.30.2", "ip6": "fd20:30::2"}
OTHER = {"ip4": "10.20.30.3", "ip6": "fd20:30::3"}
# As nft prints it
HASH = "jhash {family} saddr mod 2 seed 0x46545053 map {{ 0 : {own}, 1 : {other} }}"
HASH4 = HASH.format(family="ip", own=OWN["ip4"], other=OTHER["ip4"])
HASH6 = HASH.format(family="ip6", own=OWN["ip6"], other=OTHER["ip6"])
CHAIN = f"""\
table inet ftps_exchange_edge {{
	chain translate {{
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr 198.51.100.10 tcp dport 2121 dnat ip to {HASH4}:1021
		ip daddr 198.51.100.10 tcp dport {{ 21, 990, 50000-50099 }} dnat ip to {HASH4}
		ip6 daddr 2001:db8::10 tcp dport {{ 21, 990 }} dnat ip6 to {HASH6}
		ip daddr 198.51.100.10 tcp dport @http_challenge redirect to :8402
	}}
}}
"""
SESSION = (
    "tcp      6 431999 ESTABLISHED src={source} dst=198.51.100.10 sport=4711 dport={port} "
    "src=10.20.30.2 dst={source} sport={port} dport=4711 [ASSURED] mark=0 use=1\n"
)


class FakeEdge:
    """nft and conntrack: what they print, and what was loaded."""

    def __init__(self, *listings: str, present: bool = False, chain: str = CHAIN) -> None:
        self.listings, self.present, self.chain = list(listings), present, chain
        self.loaded: list[str] = []
        self.asked: list[Sequence[str]] = []

    def __call__(self, command: Sequence[str], data: str = "") -> tuple[int, str, str]:
        if command[0] == "conntrack":
            self.asked.append(command)
            # One look at the connections asks for each family
            if "ipv6" in command:
                return 0, "", ""
            listing = self.listings.pop(0) if len(self.listings) > 1 else self.listings[0]
            return (0, listing, "") if listing else (1, "", "0 flow entries")
        if command[:2] == ("nft", "-f"):
            self.loaded.append(data)
        if command == ("nft", "list", "tables"):
            return 0, "table inet ftps_exchange_drain\n" if self.present else "", ""
        if command[:3] == ("nft", "list", "chain"):
            return 0, self.chain, ""
        return 0, "", ""


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_drain, "PAUSE", 0.0)


def redirect(edge: FakeEdge, **more: Any) -> dict[str, Any]:
    options = {"state": "drained", "own": OWN, "substitute": OTHER, "ports": [21, 990], "wait_seconds": 0} | more
    return edge_drain.redirect(edge_drain.Edge(edge), options, check_mode=False)


def test_sources_of_the_server_go_to_the_substitute_with_all_ports_and_families() -> None:
    rules = list(edge_drain.redirections(CHAIN, OWN, OTHER))
    mark = "ct mark set 0x64726169"
    assert rules == [
        (
            "ip",
            f"ip daddr 198.51.100.10 tcp dport 2121 jhash ip saddr mod 2 seed 0x46545053 0 {mark}"
            " dnat ip to 10.20.30.3:1021",
        ),
        (
            "ip",
            "ip daddr 198.51.100.10 tcp dport { 21, 990, 50000-50099 } jhash ip saddr mod 2 seed 0x46545053 0"
            f" {mark} dnat ip to 10.20.30.3",
        ),
        (
            "ip6",
            f"ip6 daddr 2001:db8::10 tcp dport {{ 21, 990 }} jhash ip6 saddr mod 2 seed 0x46545053 0 {mark}"
            " dnat ip6 to fd20:30::3",
        ),
    ]


def test_who_has_a_session_stays_until_it_ends() -> None:
    edge = FakeEdge(SESSION.format(source="192.0.2.7", port=21), "")
    outcome = redirect(edge, wait_seconds=10)
    assert outcome["remaining"] == []
    first, last = edge.loaded
    assert "elements = { 192.0.2.7 }" in first
    assert "ip saddr != @sources4 ip daddr" in first
    assert "elements" not in last


def test_when_the_time_is_over_the_next_session_is_at_the_substitute() -> None:
    edge = FakeEdge(SESSION.format(source="192.0.2.7", port=990))
    outcome = redirect(edge, wait_seconds=0.01)
    assert outcome["remaining"] == ["192.0.2.7"]
    assert "elements" not in edge.loaded[-1]


def test_data_connections_and_ended_sessions_keep_nobody() -> None:
    listing = SESSION.format(source="192.0.2.7", port=50003) + SESSION.format(source="192.0.2.8", port=21).replace(
        "ESTABLISHED", "TIME_WAIT"
    )
    assert edge_drain.sources_of(listing, [21, 990]) == []


def test_on_the_way_back_only_those_with_a_session_stay_at_the_substitute() -> None:
    edge = FakeEdge(SESSION.format(source="192.0.2.7", port=21), present=True)
    redirect(edge, state="returning")
    [loaded] = edge.loaded
    assert "ip saddr @sources4 ip daddr" in loaded
    assert tuple(edge.asked[0][-3:]) == ("10.20.30.3", "--mark", edge_drain.MARK)


def test_without_a_drain_nothing_returns() -> None:
    edge = FakeEdge("")
    assert redirect(edge, state="returning")["changed"] is False
    assert edge.loaded == []


def test_an_edge_that_does_not_know_the_server_is_an_error() -> None:
    with pytest.raises(edge_drain.DrainError, match=r"sends nobody to 10\.20\.30\.2"):
        redirect(FakeEdge("", chain="chain translate {\n}\n"))
