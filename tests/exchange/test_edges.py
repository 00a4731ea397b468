"""Two edges: either may take the place of the other one at any moment. With one edge these do not apply."""

from __future__ import annotations

import json
import time
from collections.abc import Collection

import pytest

from ftps_exchange.verify.edges import connections, differences, rules

from .conftest import Connect
from .target import Customer, Target
from .vantage import Host

pytestmark = pytest.mark.inside

PATIENCE = 5
"""Seconds within which an edge knows what the other one knows: it takes a fraction of one."""


def addresses(host: Host) -> set[str]:
    shown = json.loads(host.sh("ip -json address show"))
    return {one["local"] for link in shown for one in link["addr_info"] if one["scope"] == "global"}


@pytest.mark.risk("unknown-hosts")
def test_both_edges_have_the_same_rules(target: Target) -> None:
    """A customer who was removed stays out when the addresses move, and one who was added gets in.

    Source: docs/edge.md (two edges).
    """
    first, second = target.edges
    # The addresses that stay: the rules of each edge name those of the other one
    search = "sed -n 's/^[[:space:]]*unicast_src_ip //p' /etc/keepalived/keepalived.conf"
    own = {edge.name: edge.sh(search).split() for edge in (first, second)}

    def seen(edge: Host, other: Collection[str]) -> list[str]:
        return rules(edge.sh("nft --json list table inet ftps_exchange_edge"), other)

    found = differences(seen(first, own[second.name]), seen(second, own[first.name]))
    assert not found, (
        f"{first.name} and {second.name} have {len(found)} different rules, such as {'; '.join(found[:3])}"
    )


@pytest.mark.risk("transfers")
def test_each_edge_knows_the_connections_of_the_other_one(target: Target, customer: Customer, secured: Connect) -> None:
    """A connection goes on when the addresses move: the other edge knows it, with its translation.

    Source: conntrackd(8); docs/edge.md (two edges).
    """
    edges = target.edges
    secured(customer.host)

    def look() -> dict[str, set[str]]:
        one = f"conntrack --dump --proto tcp --dport {target.explicit_port} 2> /dev/null"
        search = f"{one}; {one} --family ipv6"
        return {edge.name: connections(edge.sh(search)) for edge in edges}

    # Other customers come and go meanwhile: what counts is what lasts on one edge
    began = time.monotonic()
    before = look()
    while True:
        time.sleep(0.25)
        after = look()
        lasting = set().union(*(before[name] & after[name] for name in after))
        lacking = {name: sorted(lasting - known) for name, known in after.items() if lasting - known}
        if (lasting and not lacking) or time.monotonic() - began > PATIENCE:
            break
    assert lasting, "no edge knows a connection"
    assert not lacking, f"an edge does not know connections of the other one: {lacking}"


@pytest.mark.risk("transfers")
@pytest.mark.parametrize("name", ["keepalived", "conntrackd", "ftps-exchange-edge"])
def test_services_of_both_edges_run_and_come_back_after_a_reboot(target: Target, name: str) -> None:
    """Each edge can take over: what moves addresses, copies connections and filters packets runs, and is enabled.

    Source: docs/edge.md (two edges).
    """
    for edge in target.edges:
        service = edge.inspected().service(name)
        assert service.is_running, f"{name} does not run on {edge.name}"
        assert service.is_enabled, f"{name} does not start at boot on {edge.name}"


@pytest.mark.risk("transfers")
def test_one_edge_has_the_public_addresses(target: Target) -> None:
    """Exactly one edge answers for the addresses of the service, and it has those of both families.

    Source: RFC 9568 section 6; docs/edge.md (two edges).
    """
    public = {address for address in (target.public_ip, target.public_ip6) if address}
    held = {edge.name: public & addresses(edge) for edge in target.edges}
    holders = [name for name, own in held.items() if own]
    assert len(holders) == 1, f"the public addresses are on {holders or 'no edge'}"
    assert held[holders[0]] == public, f"{holders[0]} lacks {sorted(public - held[holders[0]])}"
