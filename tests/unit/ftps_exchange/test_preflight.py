"""Each problem that keeps a role from starting is reported, alone and with others; good settings are silent."""

from __future__ import annotations

from typing import Any

import pytest

from ftps_exchange import preflight

EDGE: dict[str, Any] = {
    "edge_public_addresses": ["198.51.100.10", "2001:db8:100::10"],
    "edge_servers": [{"name": "ftps1", "ip4": "10.77.10.11", "ip6": "fd77:10::11"}],
    "edge_passive_ports": [50000, 50099],
    "edge_max_packet_size": 1280,
    "edge_directory_servers": [],
    "edge_receivers": [],
    "edge_outbound": [],
    "edge_management_networks": ["192.0.2.0/24"],
    "edge_management_by_network": True,
    "edge_rollback_seconds": 60,
    "edge_service_ports": [21, 990],
    "edge_also_passive_ports": [],
    "edge_translated_ports": [],
}
HOST: dict[str, Any] = {
    "host_firewall_passive_ports": [50000, 50099],
    "host_firewall_management_networks": ["192.0.2.0/24"],
    "host_firewall_management_by_network": True,
    "host_firewall_rollback_seconds": 60,
    "host_firewall_max_connections_per_customer": 0,
}
SERVER: dict[str, Any] = {
    "ftps_server_fqdn": "ftps.exchange.example",
    "ftps_server_public_ip4": "198.51.100.10",
    "ftps_server_public_ip6": None,
    "ftps_server_explicit_port": 21,
    "ftps_server_implicit_port": 990,
    "ftps_server_passive_ports": [50000, 50099],
    "ftps_server_more_ports": [],
    "ftps_server_tls_minimum_version": "1.2",
    "ftps_server_tls_maximum_version": "1.2",
    "ftps_server_max_sessions": 100,
    "ftps_server_accounts": [{"name": "acme-up", "networks": ["198.51.100.20/32"]}],
}


def account(name: str, *networks: str) -> dict[str, Any]:
    return {"ftps_server_accounts": [{"name": name, "networks": list(networks)}]}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"edge_public_addresses": []}, "edge_public_addresses is empty"),
        ({"edge_servers": []}, "has IPv4, so every one of edge_servers needs an ip4"),
        ({"edge_servers": [{"name": "a", "ip4": "10.0.0.1"}]}, "has IPv6, so every one of edge_servers needs an ip6"),
        ({"edge_servers": [{"name": "a", "ip4": "", "ip6": "fd00::1"}]}, "needs an ip4"),
        ({"edge_passive_ports": [50099, 50000]}, "edge_passive_ports [50099, 50000] is reversed"),
        ({"edge_passive_ports": ["50000"]}, "edge_passive_ports [50000] is not a list of two ports"),
        ({"edge_also_passive_ports": [[51099, 51000]]}, "edge_also_passive_ports [51099, 51000] is reversed"),
        (
            {"edge_translated_ports": [{"address": "198.51.100.99", "port": 21, "to": 1021}]},
            "port 21 of 198.51.100.99 is not one of edge_service_ports at one of edge_public_addresses",
        ),
        (
            {"edge_translated_ports": [{"address": "198.51.100.10", "port": 21, "to": 990}]},
            "edge_translated_ports: 990 is one of edge_service_ports",
        ),
        ({"edge_management_networks": []}, "nobody could manage the edge"),
        ({"edge_max_packet_size": 575}, "edge_max_packet_size 575 must be"),
        ({"edge_max_packet_size": 9001}, "edge_max_packet_size 9001 must be"),
        ({"edge_rollback_seconds": 19}, "edge_rollback_seconds must be"),
        ({"edge_rollback_seconds": -1}, "edge_rollback_seconds must be"),
    ],
)
def test_edge(given: dict[str, Any], problem: str) -> None:
    assert preflight.edge_problems(EDGE) == []
    assert any(problem in told for told in preflight.edge_problems(EDGE | given))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"host_firewall_passive_ports": [50099, 50000]}, "host_firewall_passive_ports [50099, 50000] is reversed"),
        ({"host_firewall_passive_ports": [3000, 3999]}, "contains 3389 (Remote Desktop)"),
        ({"host_firewall_also_passive_ports": [[3000, 3999]]}, "also_passive_ports [3000, 3999] contains 3389"),
        ({"host_firewall_management_networks": []}, "nobody could manage the server"),
        ({"host_firewall_rollback_seconds": 5}, "host_firewall_rollback_seconds must be"),
        ({"host_firewall_max_connections_per_customer": -1}, "max_connections_per_customer must be"),
    ],
)
def test_host_firewall(given: dict[str, Any], problem: str) -> None:
    assert preflight.host_firewall_problems(HOST) == []
    assert [problem in told for told in preflight.host_firewall_problems(HOST | given)] == [True]


@pytest.mark.parametrize(
    "given",
    [
        {"edge_rollback_seconds": 0},
        {"edge_max_packet_size": 0},
        {"edge_max_packet_size": "1400"},
        {"edge_rollback_seconds": "60"},
        {"edge_management_networks": [], "edge_management_by_network": False},
        {"edge_public_addresses": ["198.51.100.10"], "edge_servers": [{"name": "a", "ip4": "10.0.0.1"}]},
    ],
)
def test_what_an_edge_may_be(given: dict[str, Any]) -> None:
    assert preflight.edge_problems(EDGE | given) == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"ftps_server_fqdn": ""}, "set ftps_server_fqdn"),
        ({"ftps_server_public_ip4": None}, "ftps_server_public_ip4 is missing, and so is public_ip6"),
        ({"ftps_server_passive_ports": [50099, 50000]}, "ftps_server_passive_ports [50099, 50000] is reversed"),
        ({"ftps_server_passive_ports": [1024, 50000]}, "begins below 1025"),
        ({"ftps_server_passive_ports": ["50000", "65536"]}, "ends above 65535"),
        ({"ftps_server_passive_ports": [50000]}, "is not a list of two ports"),
        ({"ftps_server_max_sessions": 101}, "has 100 ports for 101 sessions (max_sessions)"),
        ({"ftps_server_implicit_port": 50050}, "contains implicit_port 50050"),
        ({"ftps_server_explicit_port": 0}, "ftps_server_explicit_port 0 is not from 1 to 65535"),
        ({"ftps_server_explicit_port": "22"}, "ftps_server_explicit_port 22 is the port of SSH"),
        ({"ftps_server_implicit_port": 21}, "ftps_server_implicit_port 21 is also the explicit port"),
        ({"ftps_server_more_ports": [{"port": 990}]}, "ftps_server_more_ports 990 is in use"),
        (
            {"ftps_server_tls_minimum_version": "1.3"},
            "ftps_server_tls_minimum_version 1.3 is newer than tls_maximum_version",
        ),
        (account("All", "198.51.100.20/32"), "pam_access takes for its own words: All"),
        (account("a b", "198.51.100.20/32"), "invalid account names: a b"),
        (account("acme\n", "198.51.100.20/32"), "invalid account names"),
        (account("acme-up"), "log in from nowhere: acme-up"),
        (
            account("acme-up", "198.51.100.20/32", "ALL"),
            "neither addresses nor networks without host bits: ALL (acme-up)",
        ),
        (account("acme-up", "office.acme.example"), "host bits: office.acme.example (acme-up)"),
        (account("acme-up", "198.51.100.20/24"), "host bits: 198.51.100.20/24 (acme-up)"),
    ],
)
def test_ftps_server(given: dict[str, Any], problem: str) -> None:
    assert preflight.ftps_server_problems(SERVER) == []
    assert any(problem in told for told in preflight.ftps_server_problems(SERVER | given))


def test_all_problems_are_told_at_once_and_a_long_list_is_cut() -> None:
    accounts = {"ftps_server_accounts": [{"name": f"a{n}", "networks": []} for n in range(1000)]}
    told = preflight.ftps_server_problems(SERVER | {"ftps_server_fqdn": "", "ftps_server_max_sessions": 101} | accounts)
    assert len(told) == 3
    assert "a9 and 990 more: give them one or drop them" in told[2]


ACME: dict[str, Any] = {
    "acme_certificate_url": "https://acme.example.com/directory",
    "acme_certificate_terms_agreed": True,
    "acme_certificate_edges": ["edge1"],
}
DNS: dict[str, Any] = {"acme_certificate_challenge": "dns-01", "acme_certificate_dns_tasks": "dns.yml"}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"acme_certificate_url": ""}, "acme_certificate_url is missing"),
        ({"acme_certificate_url": "http://acme.example.com/directory"}, "acme_certificate_url is not an https URL"),
        ({"acme_certificate_url": "https:///directory"}, "acme_certificate_url is not an https URL"),
        ({"acme_certificate_terms_agreed": False}, "acme_certificate_terms_agreed is not true"),
        ({"acme_certificate_terms_agreed": "no"}, "acme_certificate_terms_agreed is not true"),
        ({"acme_certificate_external_account_id": "x"}, "acme_certificate_external_account_key is missing"),
        ({"acme_certificate_external_account_key": "x"}, "acme_certificate_external_account_id is missing"),
        ({"acme_certificate_edges": []}, "no host of the group edges can open port 80: use dns-01"),
        (DNS | {"acme_certificate_dns_tasks": ""}, "acme_certificate_dns_tasks is missing"),
        (DNS | {"certificate_ip_addresses": ["198.51.100.10"]}, "certificate_ip_addresses has addresses"),
    ],
)
def test_acme(given: dict[str, Any], problem: str) -> None:
    assert preflight.acme_certificate_problems(ACME) == []
    assert preflight.acme_certificate_problems(ACME | DNS | {"acme_certificate_edges": []}) == []
    (told,) = preflight.acme_certificate_problems(ACME | given)
    assert problem in told


def test_implicit_tls_is_optional() -> None:
    assert preflight.ftps_server_problems(SERVER | {"ftps_server_implicit_port": None}) == []
