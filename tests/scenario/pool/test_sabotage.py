"""Faults of two edges and several servers that no customer notices until addresses move: the live checks see them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.exchange.lab import Lab
from tests.sabotage.faults import Fault
from tests.sabotage.judge import ask, caught, repaired, well
from tests.scenario.playbooks import Run

from .conftest import Edges, Servers

ROOT = "/srv/ftps-exchange"


def standby(edges: Edges, command: str) -> Callable[[Lab], None]:
    def put(_: Lab) -> None:
        edges.host(edges.other(edges.active())).sh(command)

    return put


def at_a_server(servers: Servers, command: str) -> Callable[[Lab], None]:
    def put(_: Lab) -> None:
        servers.host(list(servers.owned)[1]).sh(command)

    return put


@pytest.fixture(scope="module")
def faults(edges: Edges, servers: Servers) -> list[Fault]:
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
        Fault(
            "a-server-with-another-setting",
            "A customer finds another service, depending on which server it meets",
            at_a_server(servers, "sed -i 's/^MaxInstances.*/MaxInstances 7/' /etc/ftps-exchange/proftpd.conf"),
            "all_servers_have_the_same_configuration",
        ),
        Fault(
            "a-server-with-other-ids",
            "What a customer uploads through one server belongs to somebody else on another one",
            at_a_server(
                servers,
                "sed -i 's/\\(idmap config CORP : range = \\).*/\\13000000-3999999/' /etc/samba/smb.conf;"
                " systemctl restart winbind",
            ),
            "an_account_is_the_same_on_all_servers",
        ),
        Fault(
            "a-server-that-nobody-replaces",
            "The address of a server that dies does not move",
            at_a_server(servers, "systemctl disable --now keepalived"),
            "each_server_is_well_and_can_take_the_customers_of_another_one",
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


def test_a_server_with_other_files_is_caught_and_no_server_is_changed(
    lab: Lab, servers: Servers, tmp_path: Path
) -> None:
    """A copy of the root is mounted over it, with the markers: everything else looks well."""
    host = servers.host(list(servers.owned)[1])
    copy = "/var/tmp/other-files"
    check = "all_servers_have_the_same_files"
    host.sh(f"mkdir {copy}; cp -a {ROOT}/.ftps-exchange-servers {copy}/; mount --bind {copy} {ROOT}")
    try:
        verdict = ask(lab, [check], tmp_path / "put")[check]
        run = Run(lab, "playbooks/site.yml", succeeds=False)
    finally:
        host.sh(f"umount {ROOT}; rm -r {copy}")
    assert verdict.of("failed"), verdict.told()
    assert "see different files" in run.output
    well(ask(lab, [check], tmp_path / "repaired")[check])
