"""conntrack_revoke: exactly the connections of those who are no longer admitted."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest
from ansible_collections.ftps.exchange.plugins.modules import conntrack_revoke as module
from ansible_collections.ftps.exchange.plugins.modules.conntrack_revoke import Admitted, Connection, RevokeError
from hypothesis import given
from hypothesis import strategies as st

# Recorded with conntrack 1.4.8.
LISTING = """\
tcp      6 431999 ESTABLISHED src=198.51.100.20 dst=198.51.100.10 sport=40878 dport=21 src=10.77.10.11 \
dst=198.51.100.20 sport=21 dport=40878 [ASSURED] mark=0 use=1
tcp      6 117 SYN_SENT src=198.51.100.30 dst=198.51.100.10 sport=36410 dport=50007 [UNREPLIED] src=10.77.10.11 \
dst=198.51.100.30 sport=50007 dport=36410 mark=0 use=1
tcp      6 431999 ESTABLISHED src=198.51.100.30 dst=198.51.100.10 sport=5022 dport=22 src=198.51.100.10 \
dst=198.51.100.30 sport=22 dport=5022 [ASSURED] mark=0 secctx=null use=1
tcp      6 431999 ESTABLISHED src=198.51.100.30 dst=198.51.100.11 sport=5023 dport=21 src=198.51.100.11 \
dst=198.51.100.30 sport=21 dport=5023 [ASSURED] mark=0 use=1
udp      17 29 src=198.51.100.30 dst=198.51.100.10 sport=990 dport=990 [UNREPLIED] src=198.51.100.10 \
dst=198.51.100.30 sport=990 dport=990 mark=0 use=1
tcp      6 40 CLOSE_WAIT src=2001:db8:100::30 dst=2001:db8:100::10 sport=39458 dport=50000 src=fd77:10::11 \
dst=2001:db8:100::30 sport=50000 dport=39458 [ASSURED] mark=0 use=1
"""
SERVICE = ["198.51.100.10", "2001:0db8:100::10"]
PORTS = ["21", "990", "50000-50099"]


def revoked(*sources: str) -> list[str]:
    connections = module.read_connections(LISTING)
    found = module.to_revoke(connections, SERVICE, module.port_ranges(PORTS), Admitted(sources))
    return [str(connection) for connection in found]


def test_only_the_original_direction_counts() -> None:
    assert module.read_connections(LISTING)[0] == Connection("198.51.100.20", "198.51.100.10", 40878, 21)
    assert len(module.read_connections(LISTING)) == 5


def test_only_connections_to_the_service_from_others_end() -> None:
    assert revoked("198.51.100.20") == [
        "198.51.100.30:36410 -> 198.51.100.10:50007",
        "[2001:db8:100::30]:39458 -> [2001:db8:100::10]:50000",
    ]


@pytest.mark.parametrize(
    "sources",
    [
        ["198.51.100.0/24", "2001:db8:100::/64"],
        ["198.51.100.20-198.51.100.30", "2001:db8:100::30"],
        # One network within another must not hide the rest of the larger one.
        ["198.51.100.0/24", "198.51.100.8/30", "198.51.100.21", "2001:db8:100::/64", "2001:db8:100::1"],
    ],
)
def test_whoever_is_admitted_stays(sources: list[str]) -> None:
    assert revoked(*sources) == []


def test_nobody_admitted_ends_everything_at_the_service() -> None:
    assert len(revoked()) == 3


networks = st.lists(
    st.tuples(st.integers(0, 255), st.integers(22, 32)).map(
        lambda t: str(ipaddress.ip_network((f"10.0.0.{t[0]}", t[1]), strict=False))
    ),
    max_size=6,
)


@given(networks, st.integers(0, 1023))
def test_admission_is_membership_in_any_network(sources: list[str], offset: int) -> None:
    address = ipaddress.ip_address("10.0.0.0") + offset
    assert (str(address) in Admitted(sources)) == any(address in ipaddress.ip_network(source) for source in sources)


@pytest.mark.parametrize("source", ["198.51.100.20/24", "acme", "10.0.0.1-", ""])
def test_a_source_that_is_none_is_refused(source: str) -> None:
    with pytest.raises(RevokeError, match=r"^sets: "):
        Admitted([source])


@pytest.mark.parametrize("port", ["ftp", "21:22", "", "-1"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(RevokeError, match=r"^ports: "):
        module.port_ranges([port])


class Conntrack:
    def __init__(self, code: int = 0) -> None:
        self.calls: list[tuple[list[str], str]] = []
        self.code = code

    def __call__(self, command: Sequence[str], data: str) -> tuple[int, str, str]:
        self.calls.append((list(command), data))
        return self.code, LISTING, "conntrack v1.4.8: Operation failed: Operation not permitted"


def test_all_end_in_one_call() -> None:
    conntrack = Conntrack()
    connections = module.read_connections(LISTING)
    module.revoke(conntrack, [connections[0], connections[-1]])
    assert conntrack.calls == [
        (
            ["conntrack", "--load-file", "-"],
            "-D -f ipv4 -p tcp -s 198.51.100.20 -d 198.51.100.10 --sport 40878 --dport 21\n"
            "-D -f ipv6 -p tcp -s 2001:db8:100::30 -d 2001:db8:100::10 --sport 39458 --dport 50000\n",
        )
    ]


def test_each_address_is_listed_in_its_own_family() -> None:
    conntrack = Conntrack()
    module.list_connections(conntrack, SERVICE)
    assert [call[0][2:4] for call in conntrack.calls] == [["-f", "ipv4"], ["-f", "ipv6"]]


def test_what_conntrack_cannot_do_is_told() -> None:
    with pytest.raises(RevokeError, match="Operation not permitted"):
        module.list_connections(Conntrack(code=1), SERVICE)
    with pytest.raises(RevokeError, match="could not end 1 connections"):
        module.revoke(Conntrack(code=1), module.read_connections(LISTING)[:1])
