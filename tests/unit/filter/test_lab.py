"""The table at the end of `make lab`: its route is read from what firewalls tracked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.filter import lab

# As conntrack -L prints it: original direction, then the answers, from which translation shows
FIREWALL = """\
tcp      6 118 TIME_WAIT src=10.77.20.11 dst=198.51.100.10 sport=40112 dport=50012 src=198.51.100.10 dst=198.51.100.20 \
sport=50012 dport=40112 [ASSURED] mark=0 use=1
tcp      6 60 TIME_WAIT src=10.77.20.11 dst=198.51.100.10 sport=39000 dport=50012 src=198.51.100.10 dst=198.51.100.99 \
sport=50012 dport=39000 [ASSURED] mark=0 use=1
tcp      6 119 TIME_WAIT src=fd77:20::11 dst=2001:db8:100::10 sport=40114 dport=50013 src=2001:db8:100::10 \
dst=2001:0db8:0100:0000:0000:0000:0000:0020 sport=50013 dport=40114 [ASSURED] mark=0 use=1
udp      17 29 src=10.77.20.11 dst=10.77.20.1 sport=1 dport=50012 src=10.77.20.1 dst=10.77.20.11 sport=50012 dport=1
"""
EDGE = """\
tcp      6 117 TIME_WAIT src=198.51.100.20 dst=198.51.100.10 sport=40112 dport=50012 src=10.77.10.11 dst=198.51.100.20 \
sport=50012 dport=40112 [ASSURED] mark=0 use=1
tcp      6 431999 ESTABLISHED src=198.51.100.30 dst=198.51.100.10 sport=40112 dport=50012 src=10.77.10.12 \
dst=198.51.100.30 sport=50012 dport=40112 [ASSURED] mark=0 use=1
tcp      6 118 TIME_WAIT src=2001:db8:100::20 dst=2001:db8:100::10 sport=40114 dport=50013 src=fd77:10::11 \
dst=2001:db8:100::20 sport=50013 dport=40114 [ASSURED] mark=0 use=1
"""
NAMES = {
    "10.77.20.11": "acme",
    "198.51.100.20": "acme-fw",
    "198.51.100.10": "edge1",
    "10.77.10.11": "ftps1",
    "fd77:20::11": "acme",
}


def transfer(**changed: Any) -> dict[str, Any]:
    return {
        "direction": "upload",
        "family": "4",
        "account": "acme-up",
        "file": "hello.bin",
        "bytes": 8388608,
        "seconds": 0.6123,
        "local_address": "10.77.20.11",
        "remote_address": "198.51.100.10",
        "remote_port": 21,
        "passive_port": 50012,
        "passive_command": "EPSV",
        "tls": "TLSv1.3, TLS_AES_256_GCM_SHA384",
        "sha256": "ab" * 32,
        **changed,
    }


DOWNLOAD = transfer(
    direction="download",
    family="6",
    local_address="fd77:20::11",
    remote_address="2001:db8:100::10",
    passive_port=50013,
)


def test_names() -> None:
    hosts = {
        "acme": {"networks": {"acme": ["10.77.20.11", "FD77:20:0::11"]}},
        "edge1": {"networks": {"internet": ["198.51.100.10"], "dmz": ["10.77.10.1"]}},
        "bare": {},
    }
    assert lab.lab_host_names(hosts) == {
        "10.77.20.11": "acme",
        "fd77:20::11": "acme",
        "198.51.100.10": "edge1",
        "10.77.10.1": "edge1",
    }


def test_route_through_both_firewalls() -> None:
    assert lab.route(transfer(), {"acme-fw": FIREWALL}, {"edge1": EDGE}, NAMES) == [
        ("from", "acme 10.77.20.11"),
        ("source NAT", "acme-fw 198.51.100.20"),
        ("destination NAT", "edge1 198.51.100.10"),
        ("server", "ftps1 10.77.10.11"),
    ]


def test_route_over_ipv6() -> None:
    assert lab.route(DOWNLOAD, {"acme-fw": FIREWALL}, {"edge1": EDGE}, NAMES) == [
        ("from", "acme fd77:20::11"),
        ("source NAT", "2001:db8:100::20"),
        ("destination NAT", "2001:db8:100::10"),
        ("server", "fd77:10::11"),
    ]


def test_route_of_a_customer_without_a_firewall() -> None:
    seen = transfer(local_address="198.51.100.30")
    assert lab.route(seen, {"acme-fw": FIREWALL}, {"edge0": "", "edge1": EDGE}, NAMES) == [
        ("from", "198.51.100.30"),
        ("destination NAT", "edge1 198.51.100.10"),
        ("server", "10.77.10.12"),
    ]


def test_a_connection_that_no_edge_tracked_is_an_error() -> None:
    with pytest.raises(
        ValueError, match=r"No edge \(edge1\) has tracked .* 198\.51\.100\.20 to 198\.51\.100\.10 port 50012"
    ):
        lab.route(transfer(), {"acme-fw": FIREWALL}, {"edge1": FIREWALL}, NAMES)


def test_table() -> None:
    table = lab.lab_transfer_report([transfer(), DOWNLOAD], "acme", {"acme-fw": FIREWALL}, {"edge1": EDGE}, NAMES)
    assert table.splitlines() == [
        "+-----------------+---------------------------------+---------------------------------+",
        "| acme            | upload, IPv4                    | download, IPv6                  |",
        "+-----------------+---------------------------------+---------------------------------+",
        "| account         | acme-up                         | acme-up                         |",
        "| file            | hello.bin                       | hello.bin                       |",
        "| bytes           | 8,388,608 in 0.61 s             | 8,388,608 in 0.61 s             |",
        "| from            | acme 10.77.20.11                | acme fd77:20::11                |",
        "| source NAT      | acme-fw 198.51.100.20           | 2001:db8:100::20                |",
        "| destination NAT | edge1 198.51.100.10             | 2001:db8:100::10                |",
        "| server          | ftps1 10.77.10.11               | fd77:10::11                     |",
        "| TLS             | TLSv1.3, TLS_AES_256_GCM_SHA384 | TLSv1.3, TLS_AES_256_GCM_SHA384 |",
        "| passive port    | 50012 (EPSV)                    | 50013 (EPSV)                    |",
        "+-----------------+---------------------------------+---------------------------------+",
        f"  SHA-256 sent      {'ab' * 32}",
        f"  SHA-256 received  {'ab' * 32}  they match",
    ]


def test_different_files_are_not_said_to_match() -> None:
    changed = {**DOWNLOAD, "sha256": "cd" * 32}
    table = lab.lab_transfer_report([transfer(), changed], "acme", {"acme-fw": FIREWALL}, {"edge1": EDGE}, NAMES)
    assert table.endswith("THEY DIFFER")
