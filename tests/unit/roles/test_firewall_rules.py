"""The rules that the roles edge and host_firewall write, rendered by Ansible as a play would."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible.template import trust_as_template
from ansible_collections.ftps.exchange.plugins.modules import http_challenge

from tests.unit.roles.rendering import render, role_variables

PORTS = "{ 21, 990, 50000-50099 }"
DUAL_STACK: dict[str, Any] = {
    "edge_public_addresses": ["198.51.100.10", "2001:db8:100::10"],
    "edge_servers": [{"name": "ftps1", "ip4": "10.77.10.11", "ip6": "fd77:10::11"}],
    "edge_customer_sets": {"customers4": [], "customers6": []},
    "edge_management_networks": ["192.0.2.0/24"],
}
SECOND = {"name": "ftps0", "ip4": "10.77.10.10", "ip6": "fd77:10::10"}


def edge(**given: Any) -> str:
    return render("edge", "edge.nft.j2", DUAL_STACK | given)


def chain(rules: str, name: str) -> list[str]:
    """The rules of one chain, without comments."""
    body = rules.partition(f"chain {name} {{\n")[2].partition("\n}")[0]
    return [line.strip() for line in body.splitlines() if line.strip() and not line.strip().startswith("#")]


def problems(role: str, **given: Any) -> list[str]:
    return list(role_variables(role, given).template(trust_as_template(f"{{{{ __{role}_problems }}}}")))


def test_exactly_the_services_ports_are_translated() -> None:
    assert chain(edge(), "translate")[:3] == [
        "type nat hook prerouting priority dstnat; policy accept;",
        f"ip daddr {{ 198.51.100.10 }} tcp dport {PORTS} dnat ip to 10.77.10.11",
        f"ip6 daddr {{ 2001:db8:100::10 }} tcp dport {PORTS} dnat ip6 to fd77:10::11",
    ]


def test_port_80_is_closed_until_a_challenge_adds_it_to_the_set() -> None:
    rules = edge()
    assert chain(rules, "translate")[3:] == [
        f"ip daddr {{ 198.51.100.10 }} tcp dport @http_challenge redirect to :{http_challenge.PORT}",
        f"ip6 daddr {{ 2001:db8:100::10 }} tcp dport @http_challenge redirect to :{http_challenge.PORT}",
    ]
    assert f"tcp dport {http_challenge.PORT} ct status dnat accept" in chain(rules, "input")
    assert chain(rules, "input")[-1] == "jump refuse"
    declared = rules.partition("set http_challenge {\n")[2].partition("\n}")[0]
    assert "elements" not in declared
    assert "flags timeout" in declared


def test_both_sides_of_a_connection_are_told_how_large_a_segment_may_be() -> None:
    assert chain(edge(), "segment_size") == [
        "type filter hook forward priority mangle; policy accept;",
        f"ip daddr {{ 10.77.10.11 }} tcp dport {PORTS} tcp flags syn tcp option maxseg size set 1240",
        f"ip saddr {{ 10.77.10.11 }} tcp sport {PORTS} tcp flags syn tcp option maxseg size set 1240",
        f"ip6 daddr {{ fd77:10::11 }} tcp dport {PORTS} tcp flags syn tcp option maxseg size set 1220",
        f"ip6 saddr {{ fd77:10::11 }} tcp sport {PORTS} tcp flags syn tcp option maxseg size set 1220",
    ]
    assert "size set 1360" in edge(edge_max_packet_size="1400")
    assert "segment_size" not in edge(edge_max_packet_size=0)


# What make diagnose reads; it accepts nothing
_UPDATE = "tcp dport { 50000-50099 } limit rate 100/second update"
REFUSED_DATA = (
    f"ip daddr {{ 10.77.10.11 }} {_UPDATE} @refused_data4 {{ ip saddr . tcp dport }}",
    f"ip6 daddr {{ fd77:10::11 }} {_UPDATE} @refused_data6 {{ ip6 saddr . tcp dport }}",
)


def test_only_customers_are_forwarded_and_only_replies_come_back() -> None:
    translated = "ct status dnat ct direction original"
    assert chain(edge(), "forward") == [
        "type filter hook forward priority filter; policy drop;",
        f"{translated} ip daddr {{ 10.77.10.11 }} tcp dport {PORTS} ip saddr @customers4 accept",
        f"{translated} ip6 daddr {{ fd77:10::11 }} tcp dport {PORTS} ip6 saddr @customers6 accept",
        "ct state established ct direction reply accept",
        "ct state related meta l4proto { icmp, icmpv6 } accept",
        *(f"ct state new ct status dnat {remembered}" for remembered in REFUSED_DATA),
        "jump refuse",
    ]


def test_the_rules_do_not_depend_on_the_customers() -> None:
    many = {"customers4": [{"element": f"10.0.0.{n}", "comment": "x"} for n in range(250)], "customers6": []}
    assert edge(edge_customer_sets=many) == edge()


def test_an_address_family_that_is_not_public_has_no_rule() -> None:
    rules = edge(edge_public_addresses=["198.51.100.10"], edge_servers=[{"name": "ftps1", "ip4": "10.77.10.11"}])
    assert "ip6 daddr" not in rules
    assert len(chain(rules, "translate")) == 3


def test_a_server_without_clients_may_only_open_connections() -> None:
    """The one that a move leads to."""
    flow = {"to": ["10.0.0.9"], "ports": [22], "protocol": "tcp", "purpose": "backup"}
    rules = edge(edge_outbound=[flow], edge_other_servers=[{"name": "new", "ip4": "10.77.10.99"}])
    assert [line for line in rules.splitlines() if "10.77.10.99" in line] == [
        line for line in rules.splitlines() if 'comment "backup"' in line
    ]
    assert "10.77.10.99" in rules


def test_several_servers_share_the_clients_by_source_address_always_alike() -> None:
    rules = edge(edge_servers=[*DUAL_STACK["edge_servers"], SECOND])
    choice = "mod 2 seed 0x46545053 map { 0 : 10.77.10.10, 1 : 10.77.10.11 }"
    assert chain(rules, "translate")[1].endswith(f"dnat ip to jhash ip saddr {choice}")
    assert "jhash ip6 saddr mod 2 seed 0x46545053 map { 0 : fd77:10::10, 1 : fd77:10::11 }" in rules
    assert "ip daddr { 10.77.10.10, 10.77.10.11 }" in rules
    assert rules == edge(edge_servers=[SECOND, *DUAL_STACK["edge_servers"]])


def test_a_machine_that_is_more_than_an_edge_still_keeps_the_service_closed() -> None:
    forward = chain(edge(edge_forward_policy="accept"), "forward")
    assert forward[0].endswith("policy accept;")
    assert forward[-2:] == [
        f"ct status dnat ct direction original ip daddr {{ 10.77.10.11 }} tcp dport {PORTS} jump refuse",
        f"ct status dnat ct direction original ip6 daddr {{ fd77:10::11 }} tcp dport {PORTS} jump refuse",
    ]


def test_interfaces_and_the_check_of_sources_are_optional() -> None:
    assert "iifname" not in edge()
    assert chain(edge(edge_outside_interfaces=["wan0"]), "translate")[1].startswith("iifname { wan0 } ip daddr")
    assert "fib saddr . iif oif missing goto refuse" in edge()
    assert "verify_source" not in edge(edge_reverse_path_check=False)


def test_extra_rules_come_before_those_of_the_service() -> None:
    rule = "ip saddr 10.77.10.11 tcp dport 636 accept"
    assert chain(edge(edge_extra_forward_rules=[rule]), "forward")[1] == rule


def test_servers_reach_the_directory_at_the_ports_of_a_member_and_nothing_else() -> None:
    rules = [rule for rule in chain(edge(edge_directory_servers=["10.1.0.2", "fd01::2"]), "forward") if "daddr" in rule]
    outwards = [rule for rule in rules if "counter accept comment" in rule]
    assert {re.sub(r" (tcp|udp) dport .*", "", rule) for rule in outwards} == {
        "ip saddr { 10.77.10.11 } ip daddr { 10.1.0.2 }",
        "ip6 saddr { fd77:10::11 } ip6 daddr { fd01::2 }",
    }
    ports = {
        family: re.findall(rf"^{family} .*(tcp|udp) dport {{ (\S+) }}", "\n".join(outwards), re.M)
        for family in ("ip", "ip6")
    }
    assert ports["ip"] == ports["ip6"]
    assert sorted(ports["ip"]) == [
        *(("tcp", port) for port in ("135", "389", "445", "464", "49152-65535", "53", "636", "88")),
        *(("udp", port) for port in ("123", "389", "464", "53", "88")),
    ]


def test_nothing_else_goes_out_but_what_the_inventory_names() -> None:
    mirror = {"purpose": "packages", "to": ["192.0.2.80", "192.0.2.96/28"], "ports": ["80", "443"]}
    assert [rule for rule in chain(edge(edge_outbound=[mirror]), "forward") if "saddr {" in rule] == [
        "ip saddr { 10.77.10.11 } ip daddr { 192.0.2.80, 192.0.2.96/28 } tcp dport { 80, 443 } counter accept "
        'comment "packages"'
    ]
    assert not [rule for rule in chain(edge(), "forward") if "saddr {" in rule]


def test_receivers_of_events_are_reached_at_their_addresses() -> None:
    flow = {"purpose": "events for gis", "to": ["192.0.2.5", "2001:db8::5"], "protocol": "tcp", "ports": ["443"]}
    assert [rule for rule in chain(edge(edge_receivers=[flow]), "forward") if "saddr {" in rule] == [
        'ip saddr { 10.77.10.11 } ip daddr { 192.0.2.5 } tcp dport { 443 } counter accept comment "events for gis"',
        'ip6 saddr { fd77:10::11 } ip6 daddr { 2001:db8::5 } tcp dport { 443 } counter accept comment "events for gis"',
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"edge_directory_servers": ["dc1.corp.example"]},
            "'dc1.corp.example' is not an address",
        ),
        (
            {"edge_outbound": [{"purpose": "mail", "to": ["10.0.0.9/8"], "ports": ["25"]}]},
            "edge_outbound, mail: '10.0.0.9/8'",
        ),
        (
            {"edge_outbound": [{"purpose": "mail", "to": ["10.0.0.9"], "ports": ["smtp"]}]},
            "edge_outbound, mail: 'smtp' is neither a port",
        ),
        (
            {"edge_outbound": [{"purpose": "mail", "to": ["10.0.0.9"], "ports": ["90-80"]}]},
            "edge_outbound, mail: '90-80' is neither a port",
        ),
        ({"edge_outbound": [{"purpose": 'a"b', "to": ["10.0.0.9"], "ports": ["25"]}]}, "has a quote"),
        ({"edge_outbound": [{"purpose": "mail", "to": [], "ports": ["25"]}]}, "edge_outbound, mail: names no address"),
        ({"edge_receivers": [{"purpose": "gis", "to": ["gis"], "ports": ["443"]}]}, "edge_receivers, gis: 'gis'"),
    ],
)
def test_what_goes_out_is_addresses_and_ports(given: dict[str, Any], expected: str) -> None:
    (problem,) = problems("edge", **DUAL_STACK | given)
    assert expected in problem


@pytest.mark.parametrize("role", ["edge", "host_firewall"])
def test_nothing_follows_connections_by_a_helper_and_input_is_closed(role: str) -> None:
    rules = edge() if role == "edge" else render("host_firewall", "host_firewall.nft.j2", {})
    assert "helper" not in rules
    assert chain(rules, "input")[0] == "type filter hook input priority filter; policy drop;"
    assert chain(rules, "input")[-1] == "jump refuse"


def test_the_server_admits_customers_at_its_ports_before_any_established_flow() -> None:
    rules = render(
        "host_firewall", "host_firewall.nft.j2", {"host_firewall_extra_input_rules": ["tcp dport 9100 accept"]}
    )
    assert chain(rules, "input")[1:] == [
        'iifname "lo" accept',
        "ct state invalid drop",
        "tcp dport 9100 accept",
        f"ct direction original tcp dport {PORTS} goto service",
        "jump essentials",
        "jump refuse",
    ]
    assert chain(rules, "service") == ["ip saddr @customers4 accept", "ip6 saddr @customers6 accept", "goto refuse"]


OWN4 = "dnat ip to ip saddr | 240.0.0.0"
OWN6 = "dnat ip6 to ip6 saddr & fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff | e000::"


def test_each_source_has_an_address_of_its_own_on_the_server() -> None:
    rules = render("host_firewall", "host_firewall.nft.j2", {})
    assert chain(rules, "own_address")[1:] == [
        f"ip saddr @customers4 tcp dport {PORTS} {OWN4}",
        f"ip6 saddr @customers6 tcp dport {PORTS} {OWN6}",
    ]


def test_the_server_counts_the_control_connections_of_a_customer_after_the_handshake() -> None:
    rules = render("host_firewall", "host_firewall.nft.j2", {"host_firewall_max_connections_per_customer": 40})
    syn = "tcp flags & (fin | syn | rst | ack) == syn"
    assert chain(rules, "unproven")[1:] == [
        f'iifname != "lo" ip saddr @customers4 tcp dport {{ 21, 990 }} {syn} notrack',
        f'iifname != "lo" ip6 saddr @customers6 tcp dport {{ 21, 990 }} {syn} notrack',
    ]
    # Output, not input: what the kernel begins for a client that has proved its address
    assert chain(rules, "proven") == [
        "type filter hook output priority mangle; policy accept;",
        "ct state new tcp dport { 21, 990 } ct mark set ip saddr map @budgets4 goto budget",
        "ct state new tcp dport { 21, 990 } ct mark set ip6 saddr map @budgets6 goto budget",
    ]
    assert chain(rules, "budget") == ["add @connections { ct mark ct count over 40 } goto crowded"]
    assert chain(rules, "crowded")[-1] == "counter ct mark set 0xffffffff"
    assert chain(rules, "own_address_proven")[1:3] == [
        "tcp dport { 21, 990 } ct mark 0xffffffff dnat ip to 240.0.0.1:1",
        "tcp dport { 21, 990 } ct mark 0xffffffff dnat ip6 to [e000::1]:1",
    ]
    # The connection to the daemon comes by the loopback interface, and has its address then already
    assert chain(rules, "own_address")[1] == f"ip saddr @customers4 tcp dport {{ 50000-50099 }} {OWN4}"
    assert chain(rules, "input")[2].startswith("ip saddr @customers4 tcp dport { 21, 990 } ct state { new, invalid")
    # A set that is filled by packets keeps an old limit in its elements: it has to be another one when the limit is
    assert 'comment "at most 40 per customer"' in rules


def test_a_limit_of_nothing_is_refused() -> None:
    given = {"host_firewall_management_networks": ["192.0.2.0/24"], "host_firewall_max_connections_per_customer": -1}
    assert any("max_connections_per_customer must be" in text for text in problems("host_firewall", **given))


def test_management_networks_of_each_family_and_nothing_without() -> None:
    given = {
        "nftables_table_management_networks": ["192.0.2.0/24", "2001:db8:1::/48"],
        "nftables_table_purpose": "edge",
    }
    essentials = chain(render("nftables_table", "common_chains.nft.j2", given), "essentials")
    assert "ip saddr { 192.0.2.0/24 } tcp dport { 22 } accept" in essentials
    assert "ip6 saddr { 2001:db8:1::/48 } tcp dport { 22 } accept" in essentials
    without = render("nftables_table", "common_chains.nft.j2", {"nftables_table_purpose": "edge"})
    assert "nd-router-advert" not in without
    # An empty list must never come to mean "from anywhere".
    assert "dport { 22 }" not in without


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"edge_management_networks": []}, "edge_management_networks is empty"),
        ({"edge_servers": [{"name": "ftps1", "ip4": "10.77.10.11"}]}, "every one of edge_servers needs an ip6"),
        ({"edge_servers": []}, "every one of edge_servers needs an ip4"),
        ({"edge_public_addresses": []}, "edge_public_addresses is empty"),
        ({"edge_passive_ports": [50099, 50000]}, "edge_passive_ports [50099, 50000] is reversed"),
        ({"edge_passive_ports": [50099]}, "edge_passive_ports [50099] is not a list of two ports"),
        ({"edge_rollback_seconds": 10}, "edge_rollback_seconds must be"),
    ],
)
def test_what_the_edge_refuses_to_start_with(given: dict[str, Any], problem: str) -> None:
    assert any(problem in text for text in problems("edge", **DUAL_STACK | given))


def test_what_the_edge_accepts() -> None:
    assert problems("edge", **DUAL_STACK) == []
    assert problems("edge", **DUAL_STACK, edge_rollback_seconds=0) == []
    by_console = DUAL_STACK | {"edge_management_networks": [], "edge_management_by_network": False}
    assert problems("edge", **by_console) == []


def test_what_the_host_firewall_refuses_and_accepts() -> None:
    assert any("management_networks is empty" in text for text in problems("host_firewall"))
    assert problems("host_firewall", host_firewall_management_networks=["192.0.2.0/24"]) == []


def test_the_edge_forwards_only_the_families_it_serves() -> None:
    def parameters(**given: Any) -> Any:
        return role_variables("edge", DUAL_STACK | given).template(trust_as_template("{{ __edge_kernel_parameters }}"))

    assert parameters() == {
        "net.ipv4.ip_forward": 1,
        "net.ipv6.conf.all.forwarding": 1,
        "net.netfilter.nf_conntrack_helper": 0,
    }
    assert "net.ipv6.conf.all.forwarding" not in parameters(edge_public_addresses=["198.51.100.10"])


def test_a_handshake_that_nobody_completes_is_forgotten_soon() -> None:
    assert "policy = { syn_sent : 10, syn_recv : 10 }" in edge()
    assert chain(edge(), "short_handshake")[1:] == [
        f'ct state new ip daddr {{ 198.51.100.10 }} tcp dport {PORTS} ct timeout set "handshake"',
        f'ct state new ip6 daddr {{ 2001:db8:100::10 }} tcp dport {PORTS} ct timeout set "handshake"',
    ]


def test_routes_come_from_a_router_only_where_that_is_meant() -> None:
    def parameters(announcements: bool) -> Any:
        given = {"nftables_table_router_advertisements": announcements, "nftables_table_purpose": "edge"}
        accepted = "icmpv6 type nd-router-advert accept" in render("nftables_table", "common_chains.nft.j2", given)
        assert accepted == announcements
        variables = role_variables("nftables_table", given)
        return variables.template(trust_as_template("{{ __nftables_table_kernel_parameters }}"))

    assert parameters(announcements=False)["net.ipv6.conf.*.accept_ra"] == 0
    assert "net.ipv6.conf.*.accept_ra" not in parameters(announcements=True)
    assert parameters(announcements=True)["net.ipv4.conf.*.accept_redirects"] == 0


FORMER_ADDRESS: dict[str, Any] = {
    "edge_public_addresses": ["198.51.100.10", "198.51.100.11", "2001:db8:100::10"],
    "edge_also_passive_ports": [[50050, 50149], [51000, 51099]],
    "edge_translated_ports": [{"address": "198.51.100.11", "port": 21, "to": 1021}],
}


def test_a_former_address_leads_to_a_port_of_its_own_before_the_general_rule() -> None:
    rules = edge(**FORMER_ADDRESS)
    outside = "{ 21, 990, 50000-50149, 51000-51099 }"
    assert [rule for rule in chain(rules, "translate") if " dnat " in rule] == [
        "ip daddr 198.51.100.11 tcp dport 21 dnat ip to 10.77.10.11 : 1021",
        f"ip daddr {{ 198.51.100.10, 198.51.100.11 }} tcp dport {outside} dnat ip to 10.77.10.11",
        f"ip6 daddr {{ 2001:db8:100::10 }} tcp dport {outside} dnat ip6 to fd77:10::11",
    ]
    inside = "{ 21, 990, 50000-50149, 51000-51099, 1021 }"
    assert f"ip daddr {{ 10.77.10.11 }} tcp dport {inside} ip saddr @customers4 accept" in rules
    assert all(inside in rule for rule in chain(rules, "segment_size")[1:])
    assert "1021" not in "".join(chain(rules, "short_handshake") + chain(rules, "verify_source"))


def test_a_former_address_with_several_servers_keeps_the_server_of_a_client() -> None:
    rules = edge(**FORMER_ADDRESS, edge_servers=[*DUAL_STACK["edge_servers"], SECOND])
    first, second = (
        rule.partition(" dnat ip to ")[2]
        for rule in chain(rules, "translate")
        if "ip daddr" in rule and " dnat " in rule
    )
    assert first == f"{second} : 1021"
    assert "jhash ip saddr mod 2" in second


def test_the_host_firewall_opens_all_ranges() -> None:
    given = {"host_firewall_also_passive_ports": [[50050, 50149]], "host_firewall_service_ports": [21, 1021]}
    rules = render("host_firewall", "host_firewall.nft.j2", given)
    assert "tcp dport { 21, 1021, 50000-50149 } goto service" in rules


def test_only_the_other_edge_may_announce_itself_and_send_connections() -> None:
    rules = role_variables("edge", DUAL_STACK | {"edge_peers": ["10.20.30.3"], "connection_sync_port": 3999})
    assert rules.template(trust_as_template("{{ __edge_peer_rules }}")) == [
        "ip saddr { 10.20.30.3 } ip protocol 112 ip ttl 255 accept",
        "ip saddr { 10.20.30.3 } udp dport 3999 accept",
    ]
    alone = role_variables("edge", DUAL_STACK)
    assert alone.template(trust_as_template("{{ __edge_peer_rules }}")) == []
    assert "net.netfilter.nf_conntrack_tcp_be_liberal" not in alone.template(
        trust_as_template("{{ __edge_kernel_parameters }}")
    )


def test_an_edge_whose_rules_failed_gets_no_addresses() -> None:
    given = {
        "virtual_addresses_after": ["rules.service", "b.service"],
        "virtual_addresses_not_without": ["rules.service"],
    }
    unit = render("virtual_addresses", "keepalived.drop-in.j2", given)
    assert "After=rules.service b.service" in unit
    assert unit.count("ExecStartPre=") == 1
    assert "is-failed --quiet rules.service" in unit


def test_a_server_resets_the_sessions_of_another_one_whose_address_it_took() -> None:
    given = {
        "host_firewall_service_ports": [21, 990],
        "host_firewall_greeting_ports": [21],
        "host_firewall_max_connections_per_customer": 40,
    }
    alone = chain(render("host_firewall", "host_firewall.nft.j2", given), "input")
    assert not any("reset" in rule or "112" in rule for rule in alone)
    rules = chain(
        render("host_firewall", "host_firewall.nft.j2", given | {"host_firewall_peers": ["10.0.0.2"]}), "input"
    )
    reset = "tcp dport { 21 } ct state new tcp flags & (syn | fin | rst | psh) == psh reject with tcp reset"
    position = rules.index(f"ip saddr @customers4 {reset}")
    assert position < next(number for number, rule in enumerate(rules) if "synproxy" in rule)
    assert f"ip6 saddr @customers6 {reset}" in rules
    assert "ip saddr { 10.0.0.2 } ip protocol 112 ip ttl 255 accept" in rules
