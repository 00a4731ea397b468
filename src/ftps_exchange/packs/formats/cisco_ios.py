"""Cisco IOS and IOS XE: the zone-based policy firewall."""

from __future__ import annotations

from ftps_exchange.packs.flows import (
    REPLACE,
    UNTRIED,
    Flow,
    Job,
    commented,
    header,
    lines_if,
    not_translated,
    translation_note,
)
from ftps_exchange.packs.service import network

from ._cisco import access_list_entries, nat_stays
from .format import Format


def render(job: Job) -> dict[str, str]:
    """For each family an access list, and a class that inspects as TCP what it names."""
    way = "OUT" if job.side == "customer" else "IN"
    name, policy = f"{job.name}-{way}", f"{job.service_name}-{way}"
    zones = "inside to outside" if job.side == "customer" else "outside to the zone of the server"
    how = (
        "Load:  paste in configuration mode, then copy running-config startup-config.",
        f"       Does the zone pair from {zones} have a policy already? Write its name instead of",
        f"       policy-map type inspect {policy}, and put these classes above what drops.",
        f"       If it has none, bind this one: service-policy type inspect {policy}",
        "       (then everything else of the zone pair is dropped).",
        "Undo:  the lines at the end of this file.",
        *translation_note(job),
        REPLACE,
        "FTP inspection must be off for this service. The control channel is encrypted, so it reads no port in it, and",
        "may cut what it cannot read. A class with only an access list inspects port 21 as FTP, and also opens the",
        "ports that FTP negotiates. So each class also has 'match protocol tcp', never ftp; and no class above may",
        "match this service with 'match protocol ftp' or with a list alone.",
        *lines_if(
            job.translated,
            "NAT: no-payload keeps the router from looking for addresses in what it translates.",
            "     The interfaces need ip nat outside and ip nat inside.",
        ),
        *not_translated(job, 6, remedy="IOS translates prefixes only (NPTv6)."),
        "Answers pass, because 'inspect' keeps state.",
        UNTRIED,
    )
    lines, undo = [], []
    for flow in job.flows:
        kind = f"{'ip access-list extended' if flow.family == 4 else 'ipv6 access-list'} {name}{flow.label}"
        lines += [kind, *(f" {ace}" for ace in access_list_entries(flow, _with_wildcard)), "exit"]
        undo.append(f"no {kind}")
    classes = [f"{name}{flow.label}" for flow in job.flows]
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
    lines += [line for flow in job.translated if flow.family == 4 for line in _translation(job, flow)]
    text = "\n".join(lines) + "\n\n" + commented(["Undo:", *undo, *nat_stays(job)], "!")
    return {f"cisco_ios-{job.side}.txt": commented(header(job, how), "!") + "\n" + text}


def _translation(job: Job, flow: Flow) -> list[str]:
    """The whole address, where nothing else uses it; else port by port, since IOS translates no range."""
    static = "ip nat inside source static"
    if job.service.public_address_use == "dedicated":
        return [f"{static} {flow.server} {flow.service} no-payload"]
    return [
        f"{static} tcp {flow.server} {port} {flow.service} {port} no-payload"
        for first, last in flow.ports
        for port in range(first, last + 1)
    ]


def _with_wildcard(text: str) -> str:
    parsed = network(text)
    if parsed.prefixlen == parsed.max_prefixlen:
        return f"host {parsed.network_address}"
    return f"{parsed.network_address} {parsed.hostmask}" if parsed.version == 4 else text


FORMAT = Format(
    render=render,
    name="cisco_ios",
    title="Cisco IOS",
    files=("cisco_ios-*.txt",),
    inspection=(
        "“match protocol ftp”, a class with an access list alone, “ip nat service ftp” and “ip inspect … ftp” must "
        "not apply to this traffic"
    ),
    load="paste in configuration mode",
    undo="lines at the end of the file",
    update="lines",
    comment="!",
    again="the same; what an older version opened stays: the file `-update` removes it",
    helper=(
        "each class has `match protocol tcp` beside its access list, in the file: with a list alone, port 21 is "
        "inspected as FTP. Never `match protocol ftp`, nor a class above that matches the service. NAT: "
        "`no-payload`, in the file"
    ),
    notes=(
        (
            "for the zone-based policy firewall, IPv4 and IPv6. A router with plain access lists keeps no state; "
            "write the lists' lines into yours with `reflect`, or put a firewall there. IPv6 is not translated: "
            "IOS translates prefixes only (NPTv6)."
        ),
        ("translates no range of ports, so there is a line for each port unless the whole address is the service's."),
    ),
)
