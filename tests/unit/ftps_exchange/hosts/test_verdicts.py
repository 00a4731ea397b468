"""What is wrong with a host for its part: each finding with the message that a person reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from ftps_exchange.hosts import Expected, Finding, edge_findings, server_findings

SERVER: dict[str, Any] = {
    "release": {"id": "debian", "version": "13", "name": "Debian GNU/Linux 13 (trixie)"},
    "python": "3.13.5",
    "root": True,
    "systemd": True,
    "free": {"/var": 9000, "/srv": 9000},
    "listeners": [{"port": 21, "program": "proftpd"}],
    "daemon_runs": True,
    "names": {"corp.example": ["10.1.0.2"], "ftps.exchange.example": ["198.51.100.10"]},
    "controllers": [{"address": "10.1.0.2", "closed": [], "seconds_ahead": 0.4}],
    "gateways": ["10.77.10.1"],
    "addresses": ["10.77.10.11/24", "fd77:10::11/64"],
    "routes": {"10.1.0.2": {"interface": "eth0", "gateway": "10.77.10.1"}},
    "packages": {"known": 2, "silent": []},
    "python_apt": True,
    "package_lists": True,
}
EDGE = SERVER | {"routes": {"203.0.113.20": {"interface": "wan0", "gateway": "198.51.100.1"}}}
EXPECTED = Expected(
    host="ftps1",
    domain="corp.example",
    fqdn="ftps.exchange.example",
    public_addresses=["198.51.100.10"],
    free_megabytes={"/var": 500, "/srv": 1000},
    edge_addresses=["10.77.10.1/24", "198.51.100.10/24"],
    directory_servers=["10.1.0.2"],
)


def only(findings: Sequence[Finding]) -> Finding:
    """The one finding that is not good."""
    (found,) = [finding for finding in findings if finding.state != "good"]
    assert found.remedy
    return found


def test_hosts_that_are_ready_have_nothing_but_good_findings() -> None:
    findings = [*server_findings(SERVER, EXPECTED), *edge_findings(EDGE, EXPECTED)]
    assert {finding.state for finding in findings} == {"good"}
    assert {finding.what for finding in findings} == {
        "system", "Python", "sudo", "disk", "DNS", "packages", "ports", "directory", "clock", "route",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("quotas", "found"),
    [
        ({"filesystem": "tmpfs", "problem": "it has no quotas for folders"}, "on tmpfs: it has no quotas for folders."),
        ({"filesystem": "ext4", "problem": "it does not count projects"}, "on ext4: it does not count projects."),
        ({"filesystem": "btrfs", "counts_files": False}, "on btrfs, which does not limit the number of files."),
    ],
)
def test_a_file_system_that_cannot_keep_the_quotas(quotas: dict[str, Any], found: str) -> None:
    look = facts(quotas={"counts_files": True, "problem": "", **quotas})
    finding = only(server_findings(look, replace(EXPECTED, limits_files=True)))
    assert (finding.what, finding.state) == ("quotas", "problem")
    assert found in finding.found


def test_a_file_system_that_can_is_good() -> None:
    look = facts(quotas={"filesystem": "btrfs", "counts_files": False, "problem": ""})
    assert [one.found for one in server_findings(look, EXPECTED) if one.what == "quotas"] == ["btrfs can limit folders"]


def facts(**changes: Any) -> dict[str, Any]:
    return deepcopy(SERVER) | changes


def system(name: str, version: str, shown: str) -> dict[str, Any]:
    return facts(release={"id": name, "version": version, "name": shown})


def controllers(**changes: Any) -> dict[str, Any]:
    return facts(controllers=[SERVER["controllers"][0] | changes])


@pytest.mark.parametrize(
    ("given", "what", "state", "found", "remedy"),
    [
        (
            system("ubuntu", "24.04", "Ubuntu 24.04 LTS"),
            "system",
            "problem",
            "Ubuntu 24.04 LTS: the roles have not run there.",
            "Use one of: Debian 12, Debian 13. To try it all the same: -e exchange_allow_unproven_os=true.",
        ),
        (system("", "", ""), "system", "problem", "an unknown system", "Debian 13"),
        (facts(python="3.9.2"), "Python", "problem", "3.9.2 is too old.", "Python 3.11 or newer"),
        (facts(root=False), "sudo", "problem", "does not become root", "ansible_become: true"),
        (facts(systemd=False), "system", "problem", "systemd does not run", "systemd"),
        (facts(free={"/var": 9000, "/srv": 12}), "disk", "problem", "/srv has 12 MB free, and 1000 MB", "mount"),
        (
            facts(listeners=[{"port": port, "program": "vsftpd"} for port in (21, 990)]),
            "ports",
            "problem",
            "ports 21, 990 are taken by vsftpd.",
            "systemctl disable --now",
        ),
        (
            facts(listeners=[{"port": 21, "program": ""}], daemon_runs=False),
            "ports",
            "problem",
            "port 21 is taken by another program.",
            "ss -ltnp sport = :21",
        ),
        (
            facts(names=SERVER["names"] | {"corp.example": []}, controllers=[]),
            "DNS",
            "problem",
            "the domain corp.example does not resolve.",
            "/etc/resolv.conf",
        ),
        (
            facts(names=SERVER["names"] | {"ftps.exchange.example": []}),
            "DNS",
            "note",
            "ftps.exchange.example does not resolve here.",
            "public DNS",
        ),
        (
            facts(names=SERVER["names"] | {"ftps.exchange.example": ["192.0.2.9"]}),
            "DNS",
            "note",
            "leads to 192.0.2.9 here, and the model says 198.51.100.10",
            "exchange.public_ip4",
        ),
        (controllers(closed=[88, 445]), "directory", "problem", "10.1.0.2 does not answer at port 88, 445.", "edge.md"),
        (controllers(seconds_ahead=-400.0), "clock", "problem", "is 400 s ahead of 10.1.0.2: Kerberos", "NTP="),
        (controllers(seconds_ahead=301.0), "clock", "problem", "the clock is 301 s behind 10.1.0.2", "timedatectl"),
        (controllers(seconds_ahead=None), "clock", "note", "10.1.0.2 did not say its time", "date -u"),
        (controllers(seconds_ahead=90.0), "clock", "note", "the clock is 90 s behind 10.1.0.2.", "timedatectl"),
        (facts(gateways=[]), "route", "problem", "there is no default route", "Set it to the edge: 10.77.10.1."),
        (
            facts(gateways=["10.77.10.254"]),
            "route",
            "problem",
            "leads to 10.77.10.254, which is not the edge: customers get no replies",
            "10.77.10.1",
        ),
        (
            facts(gateways=["10.99.0.1"], addresses=["10.99.0.11/24"]),
            "route",
            "note",
            "no edge is in this network",
            "through the edge",
        ),
        (
            facts(packages={"known": 1, "silent": ["deb.debian.org:80"]}),
            "packages",
            "problem",
            "no package source answers: deb.debian.org:80.",
            "edge_outbound",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_server(given: dict[str, Any], what: str, state: str, found: str, remedy: str) -> None:
    finding = only(server_findings(given, EXPECTED))
    assert (finding.what, finding.state) == (what, state)
    assert found in finding.found
    assert remedy in finding.remedy


@pytest.mark.parametrize(("preview", "state"), [(True, "problem"), (False, "note")])
@pytest.mark.parametrize(
    ("lacking", "remedy"), [("python_apt", "apt install python3-apt."), ("package_lists", "apt update.")]
)
def test_what_only_a_preview_needs_stops_only_a_preview(lacking: str, remedy: str, preview: bool, state: str) -> None:
    finding = only(edge_findings(EDGE | {lacking: False}, replace(EXPECTED, preview=preview)))
    assert (finding.what, finding.state) == ("packages", state)
    assert "--check needs" in finding.found
    assert finding.remedy.startswith(remedy)


def test_a_host_without_a_source_of_packages_needs_no_lists() -> None:
    given = EDGE | {"package_lists": False, "packages": None}
    assert all(finding.state == "good" for finding in edge_findings(given, replace(EXPECTED, preview=True)))


def test_roles_that_have_not_run_on_the_release_are_a_note_on_a_server_and_nothing_on_an_edge() -> None:
    given = {"release": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)"}}
    finding = only(server_findings(SERVER | given, EXPECTED))
    assert (finding.what, finding.state) == ("system", "note")
    assert "some roles have not run there: backup." in finding.found
    assert all(finding.state == "good" for finding in edge_findings(EDGE | given, EXPECTED))


def test_an_unproven_system_is_a_note_where_that_is_allowed() -> None:
    given = system("ubuntu", "24.04", "Ubuntu 24.04 LTS")
    assert only(server_findings(given, replace(EXPECTED, allow_unproven=True))).state == "note"


def test_a_directory_that_the_edge_will_cut_off_is_found_before() -> None:
    unnamed = replace(EXPECTED, directory_servers=[])
    finding = only(server_findings(SERVER, unnamed))
    assert finding.found == "10.1.0.2 is beyond the edge, which will drop packets to it."
    assert finding.remedy == "Add it to edge_directory_servers."
    for expected in (
        replace(unnamed, edge_drops=False),
        replace(unnamed, extra_rules=["ip daddr 10.1.0.2 accept"]),
        replace(unnamed, extra_rules=["ip daddr { 10.9.0.0/16, 10.1.0.0/24 } tcp dport 636 accept"]),
        replace(unnamed, edge_addresses=[]),
    ):
        assert not [finding for finding in server_findings(SERVER, expected) if finding.state == "problem"]


@pytest.mark.parametrize(
    "rule", ["ip daddr 10.1.0.20 accept", "ip daddr 110.1.0.2 accept", "ip daddr 10.2.0.0/16 accept"]
)
def test_a_rule_for_another_address_does_not_reach_the_directory(rule: str) -> None:
    finding = only(server_findings(SERVER, replace(EXPECTED, directory_servers=[], extra_rules=[rule])))
    assert (finding.state, finding.remedy) == ("problem", "Add it to edge_directory_servers.")


def test_an_address_of_ipv6_is_the_same_in_every_spelling() -> None:
    address = "fd00::2"
    given = facts(
        controllers=[{"address": address, "closed": [], "seconds_ahead": 0.0}],
        routes={address: SERVER["routes"]["10.1.0.2"]},
    )
    for named in (
        replace(EXPECTED, directory_servers=["FD00:0:0::2"]),
        replace(EXPECTED, directory_servers=[], extra_rules=["ip6 daddr fd00::/64 accept"]),
    ):
        assert not [finding for finding in server_findings(given, named) if finding.state == "problem"]
    other = replace(EXPECTED, directory_servers=["fd00::20"])
    assert only(server_findings(given, other)).found == f"{address} is beyond the edge, which will drop packets to it."


def test_one_controller_of_several_may_be_down() -> None:
    second = {"address": "10.1.0.3", "closed": [389], "seconds_ahead": None}
    finding = only(server_findings(facts(controllers=[*SERVER["controllers"], second]), EXPECTED))
    assert (finding.state, finding.found) == ("note", "10.1.0.3 does not answer at port 389.")


@pytest.mark.parametrize(
    ("change", "found", "remedy"),
    [
        (lambda: EDGE | {"routes": {"203.0.113.20": {}}}, "no route to customers: 203.0.113.20.", "default route"),
        (
            lambda: EDGE | {"routes": {"203.0.113.20": {"interface": "lan0"}}},
            "replies to customers leave elsewhere: 203.0.113.20 (lan0).",
            "edge_outside_interfaces",
        ),
    ],
)
def test_an_edge_needs_a_way_back_to_customers(change: Callable[[], dict[str, Any]], found: str, remedy: str) -> None:
    finding = only(edge_findings(change(), replace(EXPECTED, host="edge1", outside_interfaces=["wan0"])))
    assert (finding.host, finding.what, finding.state, finding.found) == ("edge1", "route", "problem", found)
    assert remedy in finding.remedy
