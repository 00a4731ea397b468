"""What a network between the customer and the service may do to packets, and files pass all the same."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .conftest import Connect, Scratch, last_line
from .ftps_client import FtpsClient
from .meddling import undone
from .outcomes import not_tested
from .recorder import Evidence
from .target import Customer, Target
from .vantage import Host

Measure = Callable[[str, str, Any], None]

SMALLEST = 1280
"""Bytes of a packet that every path of IPv6 carries (RFC 8200 section 5); VPNs and PPPoE carry a little more."""

NARROWER = 1200
SIZE = 3_000_000
HOLE = "ftpsx_black_hole"


@pytest.fixture
def behind_a_firewall(everybody: list[Customer]) -> Customer:
    """A customer whose own firewall may be changed."""
    for customer in everybody:
        if customer.firewall:
            return customer
    return not_tested("there is no customer's firewall that could be made to lose packets: only a lab has one")


def interface(firewall: Host, address: str) -> str:
    found = re.search(r"\bdev (\S+)", firewall.sh(f"ip route get {address}"))
    assert found, f"{firewall.name} has no route to {address}"
    return found.group(1)


@contextmanager
def without_icmp(firewall: Host, narrow: str, wide: str) -> Iterator[None]:
    """Run `narrow`, and let the firewall keep to itself that packets are too large; `wide` undoes it."""
    rules = (
        f"table inet {HOLE} {{ chain output {{ type filter hook output priority -400; policy accept;"
        " icmp type destination-unreachable drop; icmpv6 type packet-too-big drop; }; }"
    )
    with undone(firewall, HOLE, f"nft delete table inet {HOLE} 2> /dev/null; {wide}"):
        firewall.sh("exec nft -f -", stdin=rules.encode())
        firewall.sh(narrow)
        yield


class Passage:
    """One file there and back, and what was being done when it got stuck."""

    def __init__(self, customer: Customer, connect: Connect, target: Target, packet: int) -> None:
        self.customer = customer
        self.connect = connect
        self.target = target
        self.packet = packet

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, AssertionError) as error:
            pytest.fail(f"{what} does not pass where packets above {self.packet} bytes vanish: {last_line(error)}")

    def session(self, *, ipv6: bool) -> FtpsClient:
        with self.step("AUTH TLS"):
            client = self.connect(self.customer.host, ipv6=ipv6, tls=self.target.context()).start_tls()
        with self.step("the login"):
            return client.login(self.customer.writer)

    def upload(self, client: FtpsClient, path: str, content: bytes) -> float:
        began = time.monotonic()
        with self.step("an upload"):
            reply = client.store(path, content)
            assert reply.code in (226, 250), f"the server answered '{reply}'"
        return time.monotonic() - began

    def download(self, client: FtpsClient, path: str, content: bytes) -> float:
        began = time.monotonic()
        with self.step("a download"):
            reply, received = client.retrieve(path)
            assert received == content, f"{len(received)} of {len(content)} bytes came, and '{reply}'"
        return time.monotonic() - began


@pytest.mark.hard
@pytest.mark.risk("transfers", decides=True)
@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
def test_a_path_that_loses_icmp_loses_no_file(
    target: Target,
    behind_a_firewall: Customer,
    connect: Connect,
    scratch: Scratch,
    evidence: Evidence,
    measure: Measure,
    ipv6: bool,
) -> None:
    """Where packets above 1280 bytes vanish without a word, as in a badly set up VPN, files pass in both directions.

    Source: RFC 2923 section 2.1 (black holes); RFC 4821; docs/edge.md (edge_max_packet_size).
    """
    target.address(ipv6)
    customer = behind_a_firewall
    firewall = customer.firewall
    assert firewall
    outside = interface(firewall, target.address(ipv6))
    inside = interface(firewall, customer.host.sh("ip -o -4 address show scope global").split()[3].partition("/")[0])
    passage = Passage(customer, connect, target, SMALLEST)
    content = secrets.token_bytes(SIZE)

    def mtu(size: int) -> str:
        return f"ip link set dev {inside} mtu {size}; ip link set dev {outside} mtu {size}"

    evidence(f"{firewall.name}: {inside} and {outside} carry {SMALLEST} bytes, and ICMP about it is dropped")
    with without_icmp(firewall, mtu(SMALLEST), mtu(1500)):
        client = passage.session(ipv6=ipv6)
        path = scratch(client)
        sent = passage.upload(client, path, content)
        got = passage.download(client, path, content)
    family = "IPv6" if ipv6 else "IPv4"
    measure("Times", f"3 MB where packets above 1280 bytes vanish, {family}", f"{sent:.1f} s there, {got:.1f} s back")


@pytest.mark.hard
@pytest.mark.risk("transfers")
def test_a_download_finds_its_way_through_a_narrower_path(
    target: Target,
    behind_a_firewall: Customer,
    connect: Connect,
    scratch: Scratch,
    evidence: Evidence,
    measure: Measure,
) -> None:
    """Where even smaller packets vanish, the server tries smaller ones by itself. IPv6 has no such paths.

    Source: RFC 4821; Linux, ip-sysctl (tcp_mtu_probing); docs/ftps-server.md.
    """
    customer = behind_a_firewall
    firewall = customer.firewall
    assert firewall
    address = customer.host.sh("ip -o -4 address show scope global").split()[3].partition("/")[0]
    inside = interface(firewall, address)
    passage = Passage(customer, connect, target, NARROWER)
    content = secrets.token_bytes(SIZE)
    client = passage.session(ipv6=False)
    path = scratch(client)
    passage.upload(client, path, content)
    evidence(f"{firewall.name}: a route to {address} for packets of {NARROWER} bytes, and ICMP about it is dropped")
    route = f"{address}/32 dev {inside} mtu lock {NARROWER}"
    with without_icmp(firewall, f"ip route replace {route}", f"ip route del {route} 2> /dev/null"):
        got = passage.download(passage.session(ipv6=False), path, content)
    measure("Times", f"3 MB back where packets above {NARROWER} bytes vanish", f"{got:.1f} s")
