"""Faults of two edges that no customer notices until the addresses move: the live checks see them before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.exchange.lab import Lab
from tests.sabotage.faults import Fault
from tests.sabotage.judge import ask, caught, repaired, well

from .conftest import Edges


def standby(edges: Edges, command: str) -> Callable[[Lab], None]:
    def put(_: Lab) -> None:
        edges.host(edges.other(edges.active())).sh(command)

    return put


@pytest.fixture(scope="module")
def faults(edges: Edges) -> list[Fault]:
    return [
        Fault(
            "connections-not-copied",
            "The other edge knows no connection, so transfers end when the addresses move",
            standby(edges, "systemctl stop conntrackd; conntrack -F"),
            "each_edge_knows_the_connections_of_the_other_one",
        ),
        Fault(
            "a-customer-at-one-edge-only",
            "A customer is locked out when the addresses move",
            standby(
                edges,
                "nft flush set inet ftps_exchange_edge customers6",
            ),
            "both_edges_have_the_same_rules",
        ),
        Fault(
            "a-stranger-at-one-edge",
            "A stranger is admitted when the addresses move",
            # Without the fault before
            standby(
                edges,
                "systemctl reload ftps-exchange-edge;"
                " nft insert rule inet ftps_exchange_edge forward tcp dport 21 accept",
            ),
            "both_edges_have_the_same_rules",
        ),
    ]


def test_each_fault_is_caught_and_one_run_repairs_them(lab: Lab, faults: list[Fault], tmp_path: Path) -> None:
    checks = {fault.caught_by for fault in faults}
    try:
        for verdict in ask(lab, checks, tmp_path / "before").values():
            well(verdict)
        for fault in faults:
            fault.put(lab)
            caught(fault, ask(lab, [fault.caught_by], tmp_path / fault.name)[fault.caught_by])
    finally:
        repaired(lab)
    for verdict in ask(lab, checks, tmp_path / "repaired").values():
        well(verdict)
