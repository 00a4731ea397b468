"""The facts of a host -> what is wrong with it for its part in the exchange."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Any, Final

from ftps_exchange.hosts.findings import Finding
from ftps_exchange.hosts.platforms import PROVEN, UNTRIED, proven

OLDEST_PYTHON: Final = (3, 11)
LARGEST_CLOCK_SKEW: Final = 300
"""Kerberos refuses tickets beyond it (RFC 4120; Active Directory's default)."""
NOTABLE_CLOCK_SKEW: Final = 60
OUR_PROGRAMS: Final = frozenset({"proftpd", "systemd"})

type Facts = Mapping[str, Any]

_ADDRESS: Final = re.compile(r"(?<![\w.:])[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]+(?:/\d+)?")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a host is to be."""

    host: str
    domain: str = ""
    fqdn: str = ""
    public_addresses: Sequence[str] = ()
    free_megabytes: Mapping[str, int] | None = None
    """For each path that needs space how much."""
    allow_unproven: bool = False
    preview: bool = False
    """Whether the run is one with --check."""
    edge_addresses: Sequence[str] = ()
    """Every address of every edge, with the length of its prefix."""
    directory_servers: Sequence[str] = ()
    """The controllers to which the edge lets servers through."""
    edge_drops: bool = True
    """Whether the edge drops what it has no rule for."""
    extra_rules: Sequence[str] = ()
    outside_interfaces: Sequence[str] = ()
    limits_files: bool = False
    """Whether a quota limits the number of files."""


def server_findings(facts: Facts, expected: Expected) -> list[Finding]:
    """An FTPS server with Linux."""
    return [
        *_common(facts, expected),
        *_untried_roles(facts, expected),
        *_quotas(facts, expected),
        *_ports(facts, expected),
        *_domain(facts, expected),
        *_way_back(facts, expected),
    ]


def edge_findings(facts: Facts, expected: Expected) -> list[Finding]:
    """An edge."""
    return [*_common(facts, expected), *_way_to_customers(facts, expected)]


def _common(facts: Facts, expected: Expected) -> Iterator[Finding]:
    def finding(what: str, state: Any, found: str, remedy: str = "") -> Finding:
        return Finding(expected.host, what, state, found, remedy)

    release = facts["release"]
    name = release["name"] or "an unknown system"
    if (release["id"], release["version"]) in PROVEN:
        yield finding("system", "good", name)
    elif expected.allow_unproven:
        yield finding("system", "note", f"{name}: the roles have not run there.", "You allowed it.")
    else:
        yield finding(
            "system",
            "problem",
            f"{name}: the roles have not run there.",
            f"Use one of: {proven()}. To try it all the same: -e exchange_allow_unproven_os=true.",
        )
    python = tuple(int(part) for part in facts["python"].split(".")[:2])
    if python < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        yield finding("Python", "problem", f"{facts['python']} is too old.", f"Install Python {oldest} or newer.")
    else:
        yield finding("Python", "good", facts["python"])
    if facts["root"]:
        yield finding("sudo", "good", "the account becomes root")
    else:
        yield finding("sudo", "problem", "the account does not become root.", "Set ansible_become: true.")
    if not facts["systemd"]:
        yield finding("system", "problem", "systemd does not run there.", "Use a host that systemd started.")
    for path, needed in (expected.free_megabytes or {}).items():
        free = facts["free"].get(path, 0)
        if free < needed:
            yield finding(
                "disk",
                "problem",
                f"{path} has {free} MB free, and {needed} MB are needed.",
                "Make space, or mount a volume there.",
            )
        else:
            yield finding("disk", "good", f"{path} has {free} MB free")
    yield from _service_name(facts, expected)
    yield from _packages(facts, expected)


def _packages(facts: Facts, expected: Expected) -> Iterator[Finding]:
    """Whether packages can be installed, and whether --check can predict that."""

    def finding(state: Any, found: str, remedy: str = "") -> Finding:
        return Finding(expected.host, "packages", state, found, remedy)

    needed_by_check = []
    if not facts["python_apt"]:
        needed_by_check.append(("python3-apt is missing: --check needs it.", "apt install python3-apt"))
    # None without a source of packages (*_update_package_cache: false): all packages are there already
    packages = facts.get("packages")
    if packages and not facts["package_lists"]:
        needed_by_check.append(("apt has no lists of packages: --check needs them.", "apt update"))
    for found, remedy in needed_by_check:
        yield finding(
            "problem" if expected.preview else "note", found, f"{remedy}. A run without --check does so by itself."
        )
    if packages:
        silent, known = packages["silent"], packages["known"]
        if known and len(silent) == known:
            yield finding(
                "problem",
                f"no package source answers: {', '.join(silent[:3])}.",
                "Open the way to it (docs/edge.md: edge_outbound), set a proxy for apt, or, with all packages there, "
                "the roles' *_update_package_cache: false.",
            )
        elif silent:
            yield finding("note", f"some package sources do not answer: {', '.join(silent[:3])}.", "")
        else:
            yield finding("good", f"{known} package sources answer")


def _service_name(facts: Facts, expected: Expected) -> Iterator[Finding]:
    """How the host sees the name: customers may see it otherwise, so this stops nothing."""
    if not expected.fqdn or expected.fqdn not in facts["names"]:
        return
    seen = facts["names"][expected.fqdn]
    declared = set(expected.public_addresses)
    if not seen:
        yield Finding(
            expected.host,
            "DNS",
            "note",
            f"{expected.fqdn} does not resolve here.",
            "Customers need it: enter it in the public DNS.",
        )
    elif set(seen) - declared:
        yield Finding(
            expected.host,
            "DNS",
            "note",
            f"{expected.fqdn} leads to {', '.join(seen)} here, and the model says {', '.join(sorted(declared))}.",
            "Right for a split DNS. Otherwise correct exchange.public_ip4, public_ip6 or the DNS.",
        )
    else:
        yield Finding(expected.host, "DNS", "good", f"{expected.fqdn} leads to {', '.join(seen)}")


def _untried_roles(facts: Facts, expected: Expected) -> Iterator[Finding]:
    """What has not run on a system on which the rest has."""
    release = facts["release"]
    if roles := UNTRIED.get((release["id"], release["version"])):
        found = f"{release['name']}: some roles have not run there: {', '.join(roles)}."
        remedy = "The others have (docs/platforms.md). Try these on a test system first."
        yield Finding(expected.host, "system", "note", found, remedy)


_QUOTA_REMEDY: Final = (
    "Mount ext4 or XFS with prjquota there, or btrfs (docs/quotas.md), or remove quota from the inventory."
)


def _quotas(facts: Facts, expected: Expected) -> Iterator[Finding]:
    """Whether the file system of the data can keep the limits of the model; nothing if there are none."""
    quotas = facts.get("quotas")
    if not quotas:
        return
    name = quotas["filesystem"]
    if quotas["problem"]:
        found = f"the root folder is on {name}: {quotas['problem']}."
        yield Finding(expected.host, "quotas", "problem", found, _QUOTA_REMEDY)
    elif expected.limits_files and not quotas["counts_files"]:
        yield Finding(
            expected.host,
            "quotas",
            "problem",
            f"the root folder is on {name}, which does not limit the number of files.",
            "Remove files from each quota, or use ext4 or XFS.",
        )
    else:
        yield Finding(expected.host, "quotas", "good", f"{name} can limit folders")


def _ports(facts: Facts, expected: Expected) -> Iterator[Finding]:
    others: dict[str, list[int]] = {}
    for listener in facts["listeners"]:
        ours = listener["program"] in OUR_PROGRAMS or (not listener["program"] and facts["daemon_runs"])
        if not ours:
            others.setdefault(listener["program"], []).append(listener["port"])
    for program, ports in others.items():
        some = ", ".join(map(str, ports[:5])) + (", …" if len(ports) > 5 else "")
        plural = len(ports) > 1
        yield Finding(
            expected.host,
            "ports",
            "problem",
            f"port{'s' if plural else ''} {some} {'are' if plural else 'is'} taken by {program or 'another program'}.",
            (f"Stop {program}" if program else f"Find it (ss -ltnp sport = :{ports[0]}), stop it")
            + " (systemctl disable --now …), or choose other ports in exchange.yml.",
        )
    if not others:
        yield Finding(expected.host, "ports", "good", "the service's ports are free, or its own")


def _domain(facts: Facts, expected: Expected) -> Iterator[Finding]:
    def finding(what: str, state: Any, found: str, remedy: str = "") -> Finding:
        return Finding(expected.host, what, state, found, remedy)

    controllers = facts["controllers"]
    if not facts["names"].get(expected.domain):
        yield finding(
            "DNS",
            "problem",
            f"the domain {expected.domain} does not resolve.",
            "Use the domain controllers as name servers (/etc/resolv.conf), or correct exchange.directory.domain.",
        )
        return
    complete = [controller for controller in controllers if not controller["closed"]]
    for controller in controllers:
        closed = ", ".join(map(str, controller["closed"]))
        if closed:
            yield finding(
                "directory",
                "note" if complete else "problem",
                f"{controller['address']} does not answer at port {closed}.",
                "Open these on the firewalls between (docs/edge.md has the list), or start the controller.",
            )
    for controller in complete:
        yield finding("directory", "good", f"{controller['address']} answers at a member's ports")
        yield from _clock(controller, expected)
        yield from _way_to_directory(facts, controller["address"], expected)


def _clock(controller: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    ahead = controller["seconds_ahead"]
    if ahead is None:
        yield Finding(
            expected.host,
            "clock",
            "note",
            f"{controller['address']} did not say its time within two seconds.",
            "Run again, or compare by hand: date -u on both.",
        )
        return
    seconds = round(abs(ahead))
    direction = "behind" if ahead > 0 else "ahead of"
    found = f"the clock is {seconds} s {direction} {controller['address']}"
    if seconds > LARGEST_CLOCK_SKEW:
        state: Any = "problem"
        found += f": Kerberos refuses more than {LARGEST_CLOCK_SKEW} s."
    elif seconds > NOTABLE_CLOCK_SKEW:
        state = "note"
        found += "."
    else:
        yield Finding(expected.host, "clock", "good", f"agrees with {controller['address']}")
        return
    remedy = "Take the time from the directory: timedatectl set-ntp true, NTP= in /etc/systemd/timesyncd.conf."
    yield Finding(expected.host, "clock", state, found, remedy)


def _edges(expected: Expected) -> list[IPv4Interface | IPv6Interface]:
    return [ip_interface(address) for address in expected.edge_addresses]


def _is_edge(gateway: str, expected: Expected) -> bool:
    return any(str(edge.ip) == gateway for edge in _edges(expected))


def _names(text: str, address: str) -> bool:
    """Whether an address, or a rule of nft, names this address or a network around it."""
    wanted = ip_address(address)
    for word in _ADDRESS.findall(text):
        try:
            network = ip_interface(word).network
        except ValueError:
            continue
        if wanted.version == network.version and wanted in network:
            return True
    return False


def _way_to_directory(facts: Facts, address: str, expected: Expected) -> Iterator[Finding]:
    """What works now, and would not after the edge has its rules."""
    gateway = facts["routes"].get(address, {}).get("gateway", "")
    through_the_edge = _is_edge(gateway, expected)
    named = any(_names(text, address) for text in (*expected.directory_servers, *expected.extra_rules))
    if through_the_edge and expected.edge_drops and not named:
        yield Finding(
            expected.host,
            "directory",
            "problem",
            f"{address} is beyond the edge, which will drop packets to it.",
            "Add it to edge_directory_servers.",
        )


def _way_back(facts: Facts, expected: Expected) -> Iterator[Finding]:
    """Replies to customers must leave through the edge, which translates their addresses back."""
    edges = _edges(expected)
    if not edges:
        return
    gateways = facts["gateways"]
    own = [ip_interface(address) for address in facts["addresses"]]
    near = [edge for edge in edges if any(edge.ip in one.network for one in own if one.version == edge.version)]
    if not gateways:
        yield Finding(
            expected.host,
            "route",
            "problem",
            "there is no default route, so no reply reaches a customer.",
            f"Set it to the edge: {', '.join(str(edge.ip) for edge in near) or 'its address in this network'}.",
        )
    for gateway in gateways:
        beside = [str(edge.ip) for edge in near if (":" in gateway) == (edge.version == 6)]
        if _is_edge(gateway, expected):
            yield Finding(expected.host, "route", "good", f"the default route leads through the edge ({gateway})")
        elif beside and ":" not in gateway:
            yield Finding(
                expected.host,
                "route",
                "problem",
                f"the default route leads to {gateway}, which is not the edge: customers get no replies.",
                f"Set it to the edge: {', '.join(beside)}.",
            )
        else:
            yield Finding(
                expected.host,
                "route",
                "note",
                f"the default route leads to {gateway}, and no edge is in this network.",
                "Right if that router sends replies to customers through the edge.",
            )


def _way_to_customers(facts: Facts, expected: Expected) -> Iterator[Finding]:
    """Replies to customers that do not leave where they came in are dropped by the edge's check of the reverse path."""
    missing, elsewhere, good = [], [], 0
    for address, route in facts["routes"].items():
        if not route:
            missing.append(address)
        elif expected.outside_interfaces and route.get("interface") not in expected.outside_interfaces:
            elsewhere.append(f"{address} ({route.get('interface')})")
        else:
            good += 1
    if missing:
        yield Finding(
            expected.host,
            "route",
            "problem",
            f"no route to customers: {', '.join(missing[:5])}{', …' if len(missing) > 5 else ''}.",
            "Set the default route of the edge to the internet, for each family that the service has.",
        )
    if elsewhere:
        yield Finding(
            expected.host,
            "route",
            "problem",
            f"replies to customers leave elsewhere: {', '.join(elsewhere[:5])}.",
            "Correct the routes, or edge_outside_interfaces.",
        )
    if good and not missing and not elsewhere:
        yield Finding(expected.host, "route", "good", "there is a way back to customers")
