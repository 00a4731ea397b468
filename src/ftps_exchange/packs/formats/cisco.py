"""Cisco ASA (9.x, one list for both address families) and Cisco IOS / IOS XE (zone-based policy firewall)."""

from __future__ import annotations

from ipaddress import ip_network

from ftps_exchange.packs.flows import REPLACE, UNTRIED, Flow, Job, commented, header, lines_if
from ftps_exchange.packs.model import Ports


def asa(job: Job) -> dict[str, str]:
    """Lines of an access list; the list is one for all customers, since an interface has one."""
    inside, outside = ("inside", "outside") if job.side == "customer" else ("dmz", "outside")
    acl = f"{job.service_name}-{'OUT' if job.side == 'customer' else 'IN'}"
    on = inside if job.side == "customer" else outside
    how = (
        "Load:  paste in configuration mode, then write memory.",
        f"       The interface {on} has an access list already? Write its name instead of {acl}, and see to it",
        "       that the lines stand above what denies them. It has none? Then this list denies everything else that",
        f"       comes in there, once you bind it: access-group {acl} in interface {on}",
        *lines_if(job.translated, f"       Interface names: replace {inside} and {outside} by yours."),
        "Undo:  the lines at the end of this file.",
        REPLACE,
        "FTP inspection: must not look at this service. The control channel is encrypted, so inspect ftp reads no port",
        "in it, and with 'strict' it drops it. In policy-map global_policy, class inspection_default: no inspect ftp;",
        "or keep it for others and leave the address above out of the class by an access list.",
        "Answers pass, because the ASA keeps state.",
        UNTRIED,
    )
    rules = [f"access-list {acl} extended {ace}" for flow in job.flows for ace in _aces(flow, _with_mask)]
    lines = [*rules]
    undo = [f"no {rule}" for rule in rules]
    for flow in job.translated:
        name = f"{job.service_name}-SERVER{flow.family}"
        lines += [f"object network {name}", f" host {flow.server}", f" nat ({inside},{outside}) static {flow.service}"]
    text = "\n".join(lines) + "\n\n" + commented(["Undo:", *undo, *_nat_stays(job)], "!")
    return {f"cisco_asa-{job.side}.txt": commented(header(job, how), "!") + "\n" + text}


def ios(job: Job) -> dict[str, str]:
    """For each family an access list, and a class that inspects as TCP what it names."""
    way = "OUT" if job.side == "customer" else "IN"
    name, policy = f"{job.name}-{way}", f"{job.service_name}-{way}"
    zones = "inside to outside" if job.side == "customer" else "outside to the zone of the server"
    how = (
        "Load:  paste in configuration mode, then copy running-config startup-config.",
        f"       The zone pair from {zones} has a policy already? Write its name instead of",
        f"       policy-map type inspect {policy}, and see to it that these classes stand above what drops.",
        f"       It has none? Then bind this one: service-policy type inspect {policy}",
        "       (everything else of the zone pair is dropped).",
        "Undo:  the lines at the end of this file.",
        REPLACE,
        "FTP inspection: must not look at this service. The control channel is encrypted, so it reads no port in it,",
        "and may cut what it cannot read. A class that names an access list alone is inspected as FTP on port 21, and",
        "what FTP agrees on is opened besides the list. So each class asks for 'match protocol tcp' too, never ftp;",
        "and no class above may match this service by 'match protocol ftp' or by a list alone.",
        *lines_if(
            job.translated,
            "NAT: no-payload keeps the router from looking for addresses in what it translates.",
            "     The interfaces need ip nat outside and ip nat inside.",
        ),
        *(
            f"IPv6 is not translated here: see to it that {flow.service} leads to {flow.server}."
            for flow in job.translated
            if flow.family == 6
        ),
        "Answers pass, because 'inspect' keeps state.",
        UNTRIED,
    )
    lines, undo = [], []
    for flow in job.flows:
        kind = f"{'ip access-list extended' if flow.family == 4 else 'ipv6 access-list'} {name}{flow.family}"
        lines += [kind, *(f" {ace}" for ace in _aces(flow, _with_wildcard)), "exit"]
        undo.append(f"no {kind}")
    classes = [f"{name}{flow.family}" for flow in job.flows]
    for each in classes:
        lines += [f"class-map type inspect match-all {each}", " match protocol tcp", f" match access-group name {each}"]
        lines.append("exit")
    lines.append(f"policy-map type inspect {policy}")
    for each in classes:
        lines += [f" class type inspect {each}", "  inspect", " exit"]
    lines.append("exit")
    undo = [
        f"policy-map type inspect {policy}",
        *(f" no class type inspect {each}" for each in classes),
        "exit",
        *(f"no class-map type inspect match-all {each}" for each in classes),
        *undo,
    ]
    lines += [f"ip nat inside source static {flow.server} {flow.service} no-payload" for flow in _nat44(job)]
    text = "\n".join(lines) + "\n\n" + commented(["Undo:", *undo, *_nat_stays(job)], "!")
    return {f"cisco_ios-{job.side}.txt": commented(header(job, how), "!") + "\n" + text}


def _nat44(job: Job) -> list[Flow]:
    """IOS translates IPv4 this way; an IPv6 server has its public address itself or stands behind NPTv6."""
    return [flow for flow in job.translated if flow.family == 4]


def _nat_stays(job: Job) -> list[str]:
    return ["The static translation serves the other customers too: it stays."] if job.translated else []


def _aces(flow: Flow, network: object) -> list[str]:
    assert callable(network)  # noqa: S101
    host = f"host {flow.server}"
    return [f"permit tcp {network(source)} {host} {_ports(ports)}" for source in flow.sources for ports in flow.ports]


def _ports(ports: Ports) -> str:
    first, last = ports
    return f"eq {first}" if first == last else f"range {first} {last}"


def _with_mask(text: str) -> str:
    network = ip_network(text)
    if network.prefixlen == network.max_prefixlen:
        return f"host {network.network_address}"
    return f"{network.network_address} {network.netmask}" if network.version == 4 else text


def _with_wildcard(text: str) -> str:
    network = ip_network(text)
    if network.prefixlen == network.max_prefixlen:
        return f"host {network.network_address}"
    return f"{network.network_address} {network.hostmask}" if network.version == 4 else text
