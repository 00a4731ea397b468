"""What an independent reader of firewalls' configurations makes of the files: fwshift.

Each file is put into a device that has nothing else: interfaces or zones, and the one line that binds the list. Then
fwshift says which connections pass and what is translated, and that has to be the model, no more and no less.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import Final

import pytest
from fwshift.model import Action, Policy  # type: ignore[import-untyped]
from fwshift.parsers import asa, fortios, ios, junos, panos, routeros  # type: ignore[import-untyped]
from fwshift.report import Report  # type: ignore[import-untyped]

from ftps_exchange.model.view import Customer
from ftps_exchange.packs import PackService, render_rules
from ftps_exchange.packs.flows import Flow, Job, jobs
from tests.unit.ftps_exchange.packs_inputs import ACME, HAND_CHECKED, cases
from tests.unit.ftps_exchange.test_packs_rules import TRANSLATED

type Passing = set[tuple[str, str, tuple[tuple[int, int], ...]]]
"""Source, destination as the client names it, ports."""
type Translations = set[tuple[str, str, tuple[tuple[int, int], ...]]]
"""Public address, server, ports; without ports, the whole address."""

EVERY_PORT: Final = ((0, 65535),)

ASA: Final = """ASA Version 9.16
interface GigabitEthernet0/0
 nameif {0}
 security-level 0
 ip address {4} 255.255.255.0
 ipv6 address {5}/64
interface GigabitEthernet0/1
 nameif {1}
 security-level 50
 ip address 192.0.2.129 255.255.255.128
{2}
access-group {3} in interface {0}
"""
IOS: Final = """version 15.4
interface GigabitEthernet0/0
 ip address 192.0.2.1 255.255.255.0
 zone-member security {0}
 ip nat outside
interface GigabitEthernet0/1
 ip address 192.0.2.129 255.255.255.128
 zone-member security {1}
 ip nat inside
zone security {0}
zone security {1}
{2}
zone-pair security pair source {0} destination {1}
 service-policy type inspect {3}
"""


def device(name: str, job: Job, text: str) -> Policy:
    """The file on a device that has nothing else, as fwshift reads it."""
    way = "OUT" if job.side == "customer" else "IN"
    report = Report()
    if name == "cisco_asa":
        zones = ("inside", "outside") if job.side == "customer" else ("outside", "dmz")
        # What is translated from the interface's own address has to have it
        own = {flow.family: flow.service for flow in job.translated if job.service.public_address_use == "firewall"}
        addresses4_6 = own.get(4, "192.0.2.1"), own.get(6, "2001:db8:fff::1")
        policy = asa.parse(ASA.format(*zones, text, f"{job.service_name}-{way}", *addresses4_6).encode(), report)
    elif name == "cisco_ios":
        policy = ios.parse(IOS.format("source", "target", text, f"{job.service_name}-{way}").encode(), report)
    elif name == "routeros":
        policy = routeros.parse(exported(text).encode(), report)
    else:
        parser = {"juniper_srx": junos, "palo_alto": panos, "fortigate": fortios}[name]
        policy = parser.parse(text.encode(), report)
    said = [note.code for note in report.notes]
    # It reads no vip6; everything else that it did not understand would be named here
    unknown = set(said) - UNDERSTOOD - ({"TABLE_NOT_CONVERTED"} if "config firewall vip6" in text else set())
    assert not unknown, [str(note) for note in report.notes if note.code in unknown]
    return policy


UNDERSTOOD: Final = {
    "IOS_SOURCE", "IOS_ZBFW_NAT", "IOS_ZBFW_ROUTER", "JUNOS_FORMAT", "PANOS_SET_FORMAT", "FORWARD_POLICY_ACCEPT",
    "ZONE_NETWORKS", "ICMP_STATELESS", "IOS_COMPOSED", "ROUTEROS_NO_IPV6_RULES", "ROUTEROS_NO_IPV4_RULES",
}  # fmt: skip


def exported(text: str) -> str:
    """What a router prints after the script: its rules, and the jump before all others."""
    lines: list[str] = []
    for line in text.split("\n"):
        jump = re.search(r"/(ipv?6?) firewall filter (add chain=forward .*) \} else", line)
        if line.startswith(("/", "add")):
            lines.append(line)
        elif jump:
            lines.append(jump[2])
    return "\n".join(lines) + "\n"


# ------------------------------------------------------------------------------------------------ what fwshift says


def merged(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    result: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return tuple(result)


def addresses(policy: Policy, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if name in policy.address_groups:
            yield from addresses(policy, policy.address_groups[name].members)
        else:
            yield str(ip_network(policy.addresses[name].value if name in policy.addresses else name))


def ports_of(policy: Policy, names: Iterable[str]) -> Iterator[tuple[int, int]]:
    for name in names:
        if name == "any":
            yield from EVERY_PORT
        elif name in policy.service_groups:
            yield from ports_of(policy, policy.service_groups[name].members)
        else:
            for entry in policy.services[name].entries:
                assert entry.protocol.value == "tcp"
                assert not entry.src_ports
                for text in entry.dst_ports.split(","):
                    first, _, last = text.partition("-")
                    yield int(first), int(last or first)


UNREAD: Final = re.compile(r"-VIP6\b")
"""fwshift does not read FortiOS's vip6."""


def passing(policy: Policy, job: Job) -> Passing:
    """What is let through between the zones of the file; destinations as they are before any translation."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    behind = {str(ip_network(flow.server)) for flow in job.translated}
    named = {str(ip_network(flow.service)) for flow in job.translated}
    for rule in policy.rules:
        if UNREAD.search(" ".join(rule.destinations)):
            continue
        if rule.action is not Action.ALLOW or "any" in (*rule.sources, *rule.destinations):
            # The device's own: fwshift writes out what a list that ends, or an interface without one, means
            assert rule.action is not Action.ALLOW or rule.name.startswith(
                ("implicit", "outside", "source", "target", "dmz")
            )
            continue
        assert (rule.applications, rule.enabled) == (["any"], True)
        said = {text for text in rule.unsupported if "is not in the configuration" not in text}
        if said == {"match on connection state established without new"}:
            continue  # an answer
        assert not said
        for source in addresses(policy, rule.sources):
            for target in addresses(policy, rule.destinations):
                found.setdefault((source, target), []).extend(ports_of(policy, rule.services))
    # A rule after the translation names the server; fwshift adds what the client named, if something translates it
    pairs = {pair: merged(ranges) for pair, ranges in found.items()}
    return {
        (source, target, ranges)
        for (source, target), ranges in pairs.items()
        if not (target in behind and any((source, public) in pairs for public in named))
    }


def translations(policy: Policy) -> Translations:
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for rule in policy.nat_rules:
        # It reads the rule and says that it can write none such for another firewall
        assert rule.unsupported in ([], ["IPv6 NAT"])
        source, target = rule.source_translation, rule.destination_translation
        ports = list(ports_of(policy, [rule.service]))
        if target is not None:
            assert not target.port or merged(ports) == merged(ports_in(target.port))
            (server,) = addresses(policy, [target.address])
            for public in addresses(policy, rule.destinations):
                found.setdefault((public, server), []).extend(ports)
        elif source.bidirectional:
            for public in addresses(policy, source.addresses):
                for server in addresses(policy, rule.sources):
                    found.setdefault((public, server), []).extend(ports)
    return {(public, server, merged(ranges)) for (public, server), ranges in found.items()}


def ports_in(text: str) -> Iterator[tuple[int, int]]:
    first, _, last = text.partition("-")
    yield int(first), int(last or first)


# ------------------------------------------------------------------------------------------------ what the model says

# IOS and PAN-OS translate prefixes of IPv6 only; fwshift does not read FortiOS's vip6.
NOT_TRANSLATED: Final = {"cisco_ios": (6,), "palo_alto": (6,), "fortigate": (6,)}
BY_SOURCE: Final = ("palo_alto", "routeros")


def meant(name: str, file: str, job: Job) -> tuple[Passing, Translations]:
    passes: Passing = set()
    translates: Translations = set()
    for flow in judged(name, file, job):
        translated = flow.translated and flow.family not in NOT_TRANSLATED.get(name, ())
        target = flow.service if translated or name == "palo_alto" else flow.server
        passes |= {(source, str(ip_network(target)), merged(flow.ports)) for source in flow.sources}
        if translated:
            whole = job.service.public_address_use == "dedicated" and name not in BY_SOURCE
            pair = str(ip_network(flow.service)), str(ip_network(flow.server))
            translates.add((*pair, EVERY_PORT if whole else merged(flow.ports)))
    return passes, translates


def judged(name: str, file: str, job: Job) -> list[Flow]:
    unread = name == "fortigate" and "central" not in file
    return [flow for flow in job.flows if not (unread and flow.translated and flow.family == 6)]


def differences(name: str, service: PackService, customer: Customer) -> Iterator[str]:
    if name == "cisco_asa" and service.inside6 and service.public_address_use == "firewall":
        # "interface ipv6" is known to the ASA, and not to fwshift
        service = dataclasses.replace(service, public_address_use="shared")
    files = render_rules(name, service, customer)
    for job in jobs(service, customer):
        for file, text in files.items():
            if f"-{job.side}" not in file:
                continue
            policy = device(name, job, text)
            passes, translates = meant(name, file, job)
            found = passing(policy, job)
            if found != passes:
                yield f"{file}: passes {sorted(found - passes)}, lacks {sorted(passes - found)}"
            if translations(policy) != translates:
                yield f"{file}: translates {translations(policy)}, not {translates}"


JUDGED: Final = ("cisco_asa", "cisco_ios", "juniper_srx", "palo_alto", "fortigate", "routeros")
RANDOM: Final = [one for one in cases(260) if one[0].passive[1] - one[0].passive[0] < 200][:200]


def judged_cases(name: str) -> Iterator[tuple[PackService, Customer]]:
    yield from [(HAND_CHECKED, ACME), TRANSLATED]
    for number, (service, customer) in enumerate(RANDOM):
        if name == "cisco_ios" and number > 20 and service.passive[1] - service.passive[0] > 20:
            # fwshift multiplies each of a hundred translated ports with each rule
            service = dataclasses.replace(service, public_address_use="dedicated")
        yield service, customer


@pytest.mark.parametrize("name", JUDGED)
def test_an_independent_reader_finds_what_the_model_says(name: str) -> None:
    for service, customer in judged_cases(name):
        assert list(differences(name, service, customer)) == [], (service, customer)


# One change of each file that lets through or translates something else.
WRONG: Final = {
    "cisco_asa": ("cisco_asa-provider.txt", "host 203.0.113.20", "203.0.113.0 255.255.255.0"),
    "cisco_ios": ("cisco_ios-provider.txt", "range 50000 50099", "range 50000 50199"),
    "juniper_srx": (
        "juniper_srx-provider-zone-books.txt",
        "match destination-port 21\n",
        "match destination-port 22\n",
    ),
    "palo_alto": ("palo_alto-provider.txt", "203.0.113.128/28", "203.0.113.128/27"),
    "fortigate": ("fortigate-provider.txt", "        set portforward enable\n", ""),
    "routeros": ("routeros-provider.rsc", "to-addresses=10.77.10.11", "to-addresses=10.77.10.12"),
}


@pytest.mark.parametrize("name", JUDGED)
def test_the_reader_would_notice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file, old, new = WRONG[name]
    files = render_rules(name, HAND_CHECKED, ACME)
    assert old in files[file]
    monkeypatch.setattr(f"{__name__}.render_rules", lambda *_: {**files, file: files[file].replace(old, new)})
    assert {told.partition(":")[0] for told in differences(name, HAND_CHECKED, ACME)} == {file}
