"""From where which ports answer: customers meet the service and nothing else, a stranger meets silence."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from .conftest import Connect
from .outcomes import does_not_apply, not_tested
from .recorder import Evidence
from .target import Customer, Target
from .vantage import spans

Measure = Callable[[str, str, Any], None]

NEIGHBOURING = (20, 22, 23, 25, 80, 111, 135, 139, 443, 445, 636, 989, 1433, 3389, 5985, 5986, 8080)
"""Ports of what else runs on servers and firewalls: management, file sharing, directories, FTP's own active mode."""


def allowed_ports(target: Target) -> set[int]:
    data = {port for first, last in target.open_ranges for port in range(first, last + 1)}
    return data | {*target.ports(False), *target.ports(True)}


def told(answered: dict[int, str]) -> str:
    """`21 open, 50000-50099 refused`."""
    parts = []
    for state in ("open", "refused"):
        ports = [port for port, seen in answered.items() if seen == state]
        parts += [f"{first if first == last else f'{first}-{last}'} {state}" for first, last in spans(ports)]
    return ", ".join(parts) or "nothing answers"


@pytest.mark.quick
@pytest.mark.risk("transfers", decides=True)
@pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])
@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
def test_the_service_answers(
    target: Target, customer: Customer, connect: Connect, implicit: bool, ipv6: bool, measure: Measure
) -> None:
    """The service answers a customer with a greeting.

    Source: RFC 959 section 5.4 (220); RFC 4217 for explicit TLS.
    """
    target.address(ipv6)
    try:
        client = connect(customer.host, implicit=implicit, ipv6=ipv6)
    except (OSError, EOFError) as error:
        pytest.fail(
            f"{customer.host.name} gets no answer at {target.address(ipv6)} port {target.port(implicit)}: {error}"
        )
    assert client.greeting.code == 220, f"the greeting is {client.greeting}"
    measure("Replies", f"Greeting, {'implicit' if implicit else 'explicit'}", str(client.greeting))


@pytest.mark.quick
@pytest.mark.risk("several-addresses", decides=True)
def test_the_name_leads_to_the_service(target: Target, everybody: list[Customer], measure: Measure) -> None:
    """The service's name resolves to the declared addresses and to no other, wherever a customer asks.

    A forgotten address in the DNS sends some clients elsewhere, and both channels must meet the same server.

    Source: RFC 1123 section 4.1.2.6 (one server behind both channels); docs/edge.md.
    """
    for customer in everybody:
        done = customer.host.run("getent", "ahosts", target.fqdn)
        seen = {line.split()[0].split("%")[0] for line in done.stdout.decode().splitlines() if line}
        measure("Addresses", f"{target.fqdn} seen from {customer.host.name}", sorted(seen))
        assert seen, f"{customer.host.name} cannot resolve {target.fqdn}"
        # A resolver may hand out only the family that the host has
        others = seen - {*target.addresses, *target.also_addresses}
        assert not others, f"{target.fqdn} also resolves to {', '.join(sorted(others))}, which is not declared"


@pytest.fixture(scope="session")
def met_by_a_stranger(target: Target) -> dict[bool, Future[tuple[str, list[int], dict[int, str]]]]:
    """By family (IPv6 or not): address, ports asked for, which of them answered. Silence takes time: both at once."""

    def scan(ipv6: bool) -> tuple[str, list[int], dict[int, str]]:
        address = target.address(ipv6)
        passive = target.passive_ports or ()
        ports = sorted({target.explicit_port, target.implicit_port or target.explicit_port, *passive})
        return address, ports, target.stranger.scan(address, ports)

    with ThreadPoolExecutor(2) as pool:
        return {ipv6: pool.submit(scan, ipv6) for ipv6 in (False, True)}


@pytest.mark.quick
@pytest.mark.risk("unknown-hosts", decides=True)
@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
def test_a_stranger_meets_silence(
    target: Target,
    met_by_a_stranger: dict[bool, Future[tuple[str, list[int], dict[int, str]]]],
    evidence: Evidence,
    ipv6: bool,
) -> None:
    """A host that no customer is gets no answer on any port of the service, not even a refusal.

    Source: docs/verify.md, risks (allow-list at the edge, everything else dropped);
    RFC 2979 section 3.
    """
    address, ports, answered = met_by_a_stranger[ipv6].result()
    evidence(f"{target.stranger.name} -> {address}, ports {ports}: {told(answered)}")
    assert not answered, f"a stranger ({target.stranger.name}) meets at {address}: {told(answered)}"


@pytest.mark.risk("dynamic-ports")
@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
def test_ordinary_ports_are_closed(target: Target, everybody: list[Customer], evidence: Evidence, ipv6: bool) -> None:
    """No management port, no file sharing and nothing beside the range answers a customer at the public address.

    Source: RFC 2577 section 6 (nothing but what is needed); the whole scan is in only_the_service_answers.
    """
    address = target.address(ipv6)
    allowed = allowed_ports(target)
    beside = {port for first, last in target.open_ranges for port in (first - 1, last + 1)}
    asked = sorted({*NEIGHBOURING, *beside} - allowed)
    with ThreadPoolExecutor(len(everybody)) as pool:
        found = list(pool.map(lambda customer: customer.host.scan(address, asked), everybody))
    for customer, answered in zip(everybody, found, strict=True):
        evidence(f"{customer.host.name} -> {address}, ports {asked}: {told(answered)}")
        opened = {port: state for port, state in answered.items() if state == "open" or not _is_own(address)}
        assert not opened, f"{customer.host.name} meets at {address}: {told(opened)}"


@pytest.mark.slow
@pytest.mark.risk("dynamic-ports", decides=True)
@pytest.mark.risk("unknown-hosts", decides=True)
def test_only_the_service_answers(target: Target, customer: Customer, evidence: Evidence, measure: Measure) -> None:
    """Of all 65,535 TCP ports only those of the service answer a customer, and none a stranger.

    In the range a port answers only while a transfer waits for it; a refusal there shows that the edge lets it pass.

    Source: docs/verify.md, risks (one small range, nothing outside it ever answers).
    """
    allowed = allowed_ports(target)
    points = list(target.vantage_points())
    if len(points) == 1 and _is_own(target.addresses[0]):
        not_tested("the service is on this machine's own address: what other hosts would meet there cannot be seen")
    jobs = [(name, host, address) for name, host in points for address in target.addresses]
    with ThreadPoolExecutor(len(jobs)) as pool:
        found = list(pool.map(lambda job: job[1].scan(job[2], range(1, 65536)), jobs))
    problems = []
    for (name, host, address), answered in zip(jobs, found, strict=True):
        evidence(f"{host.name} (as {name}) -> {address}, all 65,535 ports: {told(answered)}")
        measure("Ports", f"seen by {name} ({host.name}) at {address}", told(answered))
        wrong = {port: state for port, state in answered.items() if name == "stranger" or port not in allowed}
        if wrong:
            problems.append(f"{name} ({host.name}) at {address}: {told(wrong)}")
    assert not problems, "; ".join(problems)
    if "stranger" not in [name for name, _ in points]:
        not_tested("a customer meets only the service; there is no vantage point of a stranger")


@pytest.mark.quick
@pytest.mark.risk("dynamic-ports", decides=True)
@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
def test_the_whole_range_passes(target: Target, everybody: list[Customer], evidence: Evidence, ipv6: bool) -> None:
    """Every port of the range passes all firewalls on the way: the server itself refuses it while no transfer waits.

    An edge whose range is smaller than the server's breaks some transfers and not others.

    Source: RFC 959 section 3.2 (PASV); docs/edge.md.
    """
    address = target.address(ipv6)
    ports = {port for first, last in target.open_ranges for port in range(first, last + 1)}
    asked = ", ".join(f"{first}-{last}" for first, last in target.open_ranges)
    for customer in everybody:
        answered = customer.host.scan(address, sorted(ports))
        # Once more, with more time: a slow host is not a firewall
        unanswered = ports - set(answered)
        if 0 < len(unanswered) < len(ports):
            answered |= customer.host.scan(address, sorted(unanswered), timeout=4)
        silent = sorted(ports - set(answered))
        evidence(f"{customer.host.name} -> {address}, ports {asked}: {told(answered)}")
        if len(silent) == len(ports) and not target.complete:
            not_tested("the server or a firewall drops packets to ports where nobody listens, so nothing is visible")
        assert not silent, f"{customer.host.name} meets silence on {len(silent)} ports, such as {silent[0]}"


@pytest.mark.quick
@pytest.mark.risk("dynamic-ports", decides=True)
def test_the_range_is_small_and_high(target: Target, measure: Measure) -> None:
    """The range of passive ports is narrow enough to be opened in a firewall, and has no privileged port.

    Source: RFC 2577 section 3 (no ports below 1024); IIS: valid are 1025 to 65535 (system.ftpServer/firewallSupport).
    """
    first, last = target.range
    measure("Ports", "declared range of passive ports", f"{first}-{last} ({last - first + 1} ports)")
    assert first >= 1024, f"the range begins at {first}"
    assert last - first < 5000, f"{last - first + 1} ports are not a small range"


def _is_own(address: str) -> bool:
    """Whether the address never leaves this machine, so that no firewall is in between."""
    return ipaddress.ip_address(address).is_loopback


@pytest.mark.risk("unknown-hosts")
def test_a_customers_own_firewall_is_no_obstacle(target: Target, everybody: list[Customer], evidence: Evidence) -> None:
    """Each customer's network lets the service's control ports out.

    Source: the customer packs (docs/), which open exactly these ports.
    """
    if all(_is_own(address) for address in target.addresses):
        does_not_apply("the service is on this machine's own address")
    for customer in everybody:
        for port in (target.explicit_port, target.implicit_port or target.explicit_port):
            state = customer.host.reaches(target.addresses[0], port, timeout=3)
            evidence(f"{customer.host.name} -> {target.addresses[0]} port {port}: {state}")
            assert state == "open", f"{customer.host.name} meets {state} on port {port}"
