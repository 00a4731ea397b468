"""Firewalls that want named objects: Juniper SRX, Palo Alto, FortiGate."""

from __future__ import annotations

from ipaddress import ip_network

from ftps_exchange.packs.flows import REPLACE, UNTRIED, Flow, Job, commented, header, lines_if, port_text
from ftps_exchange.packs.text import identifier, plain


def _object(job: Job, network: str) -> str:
    """A name that tells the network, so that a network more renames nothing."""
    return identifier(f"{job.name}-{network.replace('/', '-').replace('.', '-').replace(':', '-')}", longest=60)


def _host(address: str) -> str:
    return str(ip_network(address))


def srx(job: Job) -> dict[str, str]:
    """Set commands for Junos on SRX."""
    name = job.name
    inner, outer = ("trust", "untrust") if job.side == "customer" else ("dmz", "untrust")
    zones = f"from-zone {inner} to-zone {outer}" if job.side == "customer" else f"from-zone {outer} to-zone {inner}"
    policies = f"security policies {zones} policy {name}"
    how = (
        "Load:  in configuration mode: load set terminal (paste, then Ctrl-D), show | compare,",
        "       commit confirmed 5, commit.",
        f"       Zones: replace {inner} and {outer} by yours.",
        "       New policies go to the end. Where one above denies everything, move them before it:",
        f"       insert {policies}-4 before policy NAME",
        "Undo:  the lines at the end of this file, then commit.",
        REPLACE,
        "FTP ALG: off for this service by 'application-protocol ignore', on for everybody else. The control channel is",
        "encrypted, so the ALG reads no port in it.",
        "Answers pass, because the SRX keeps state.",
        *lines_if(
            job.translated,
            "The public address must reach the SRX: routed to it, or announced by it (security nat proxy-arp).",
        ),
        UNTRIED,
    )
    book, lines, undo = "security address-book global", [], []
    undo_objects = []
    for flow in job.flows:
        group, service = f"{name}-CLIENTS{flow.family}", f"{name}-SERVICE{flow.family}"
        for source in flow.sources:
            lines.append(f"set {book} address {_object(job, source)} {source}")
            undo_objects.append(f"delete {book} address {_object(job, source)}")
        lines += [f"set {book} address-set {group} address {_object(job, source)}" for source in flow.sources]
        lines.append(f"set {book} address {service} {_host(flow.server)}")
        undo_objects = [f"delete {book} address-set {group}", *undo_objects, f"delete {book} address {service}"]
    for ports in job.service.ports:
        application = f"{name}-TCP-{port_text(ports)}"
        lines += [
            f"set applications application {application} protocol tcp",
            f"set applications application {application} destination-port {port_text(ports)}",
            f"set applications application {application} application-protocol ignore",
            f"set applications application-set {name} application {application}",
        ]
        undo_objects.append(f"delete applications application {application}")
    undo_objects.append(f"delete applications application-set {name}")
    for flow in job.flows:
        policy = f"{policies}-{flow.family}"
        lines += [
            f"set {policy} match source-address {name}-CLIENTS{flow.family}",
            f"set {policy} match destination-address {name}-SERVICE{flow.family}",
            f"set {policy} match application {name}",
            f"set {policy} then permit",
        ]
        undo.append(f"delete {policy}")
    for flow in job.translated:
        nat = f"security nat static rule-set {job.service_name}"
        rule = f"{nat} rule {job.service_name}-{flow.family}"
        lines += [
            f"set {nat} from zone {outer}",
            f"set {rule} match destination-address {_host(flow.service)}",
            f"set {rule} then static-nat prefix {_host(flow.server)}",
        ]
    stays = ["The static translation serves the other customers too: it stays."] if job.translated else []
    text = "\n".join(lines) + "\n\n" + commented(["Undo:", *undo, *undo_objects, *stays], "#")
    return {f"juniper_srx-{job.side}.txt": commented(header(job, how), "#") + "\n" + text}


def palo_alto(job: Job) -> dict[str, str]:
    """Set commands for PAN-OS."""
    name = job.name
    inner, outer = ("trust", "untrust") if job.side == "customer" else ("dmz", "untrust")
    source_zone, target_zone = (inner, outer) if job.side == "customer" else (outer, inner)
    how = (
        "Load:  set cli scripting-mode on, configure, paste, then: commit. The console knows no comments: leave out",
        "       the lines that begin with #.",
        f"       Zones: replace {inner} and {outer} by yours.",
        f"       New rules go to the end. Move them above what denies: move rulebase security rules {name}-4 top",
        "Undo:  the lines at the end of this file, then commit.",
        REPLACE,
        "FTP ALG: no switch for this service alone is known. The rules name ports, not the application ftp: once the",
        "control channel is encrypted, no application can be told. If App-ID still drops connections, add an",
        "application override for these addresses and ports, and leave them out of decryption.",
        "Answers pass, because the firewall keeps state.",
        *lines_if(
            job.translated, "The rules name the address before translation and the zone after it, as PAN-OS wants it."
        ),
        UNTRIED,
    )
    lines, undo_rules, undo = [], [], []
    ports = ",".join(port_text(ports) for ports in job.service.ports)
    lines.append(f"set service {name} protocol tcp port {ports}")
    for flow in job.flows:
        group, service = f"{name}-CLIENTS{flow.family}", f"{name}-SERVICE{flow.family}"
        members = [_object(job, source) for source in flow.sources]
        for member, source in zip(members, flow.sources, strict=True):
            lines.append(f"set address {member} ip-netmask {source}")
            undo.append(f"delete address {member}")
        # A line for each: set adds to a list, and a console ends lines that are too long somewhere.
        lines += [f"set address-group {group} static {member}" for member in members]
        lines.append(f"set address {service} ip-netmask {_host(flow.service)}")
        undo = [f"delete address-group {group}", *undo, f"delete address {service}"]
        rule = f"rulebase security rules {name}-{flow.family}"
        lines.append(
            f"set {rule} from {source_zone} to {target_zone} source {group} destination {service} "
            f"application any service {name} action allow"
        )
        undo_rules.append(f"delete {rule}")
        if flow.translated:
            server, rule = f"{name}-SERVER{flow.family}", f"rulebase nat rules {name}-{flow.family}"
            lines += [
                f"set address {server} ip-netmask {_host(flow.server)}",
                f"set {rule} from {outer} to {outer} source {group} destination {service} service {name} "
                f"destination-translation translated-address {server}",
            ]
            undo_rules.append(f"delete {rule}")
            undo.append(f"delete address {server}")
    undo.append(f"delete service {name}")
    text = "\n".join(lines) + "\n\n" + commented(["Undo:", *undo_rules, *undo], "#")
    return {f"palo_alto-{job.side}.txt": commented(header(job, how), "#") + "\n" + text}


def fortigate(job: Job) -> dict[str, str]:
    """FortiOS 6.4 and later, where a policy has addresses of both families."""
    name = job.name
    source_interface, target_interface = ("internal", "wan1") if job.side == "customer" else ("wan1", "dmz")
    how = (
        "Load:  paste into the CLI, or upload as a script.",
        f"       Interfaces: replace {source_interface} and {target_interface} by yours.",
        "       Policies get the next free number, so none of yours is overwritten.",
        "       Move the policies above what denies (move ID before ID).",
        "       To load a newer version of this file, leave out the policies whose names are there already: they stay",
        "       valid, for they name the objects, which are renewed. Loaded again, their names are refused as taken.",
        "Undo:  the lines at the end of this file, after the policies of these names are deleted.",
        "FTP session helper: off for this service by 'set helper disable', on for everybody else. The control channel",
        "is encrypted, so the helper reads no port in it. Leave SSL inspection off for these policies.",
        "Answers pass, because the FortiGate keeps state.",
        UNTRIED,
    )
    blocks: list[str] = []
    undo: list[str] = []
    for flow in job.flows:
        blocks += _forti_addresses(job, flow)
        undo += _forti_undo(job, flow)
    ports = " ".join(port_text(ports) for ports in job.service.ports)
    blocks += _forti(
        "firewall service custom",
        name,
        # The default is TCP and its like; its name is another one since FortiOS 7.6.
        ["unset protocol", f"set tcp-portrange {ports}", "set helper disable"],
    )
    undo += ["config firewall service custom", f'    delete "{name}"', "end"]
    for flow in job.translated:
        six = "" if flow.family == 4 else "6"
        interface = ['set extintf "any"'] if flow.family == 4 else []
        blocks += _forti(
            f"firewall vip{six}",
            _forti_target(job, flow),
            [
                f"set extip {flow.service}",
                *interface,
                f'set mappedip "{flow.server}"' if not six else f"set mappedip {flow.server}",
            ],
        )
    for flow in job.flows:
        six = "" if flow.family == 4 else "6"
        blocks += [
            "config firewall policy",
            "    edit 0",
            f'        set name "{name}-{flow.family}"',
            f'        set srcintf "{source_interface}"',
            f'        set dstintf "{target_interface}"',
            f'        set srcaddr{six} "{name}-CLIENTS{flow.family}"',
            f'        set dstaddr{six} "{_forti_target(job, flow)}"',
            f'        set service "{name}"',
            '        set schedule "always"',
            "        set action accept",
            *lines_if(_hidden(job, flow), "        set nat enable"),
            "    next",
            "end",
        ]
    stays = ["The static translation serves the other customers too: it stays."] if job.translated else []
    text = "\n".join(blocks) + "\n\n" + commented(["Undo:", *undo, *stays], "#")
    return {f"fortigate-{job.side}.txt": commented(header(job, how), "#") + "\n" + text}


def _forti(section: str, name: str, settings: list[str]) -> list[str]:
    return [
        f"config {section}",
        f'    edit "{name}"',
        *(f"        {setting}" for setting in settings),
        "    next",
        "end",
    ]


def _hidden(job: Job, flow: Flow) -> bool:
    """Whether the customer's firewall replaces its clients' addresses, which FortiOS does in the policy itself."""
    return job.side == "customer" and flow.family == 4 and flow.sources != job.customer.sources4


def _forti_target(job: Job, flow: Flow) -> str:
    return f"{job.service_name}-VIP{flow.family}" if flow.translated else f"{job.name}-SERVICE{flow.family}"


def _forti_addresses(job: Job, flow: Flow) -> list[str]:
    comment = f'set comment "{plain(f"FTPS {job.service.name}, customer {job.customer.name}")}"'
    six = "" if flow.family == 4 else "6"
    blocks = []
    entries = [(_object(job, source), source) for source in flow.sources]
    if not flow.translated:
        entries.append((_forti_target(job, flow), _host(flow.service)))
    for name, network in entries:
        parsed = ip_network(network)
        setting = f"set subnet {parsed.network_address} {parsed.netmask}" if not six else f"set ip6 {parsed}"
        blocks += _forti(f"firewall address{six}", name, [setting, comment])
    # The first replaces what the group had, the others join it: one line with all would become too long.
    members = [
        f'{"append" if number else "set"} member "{_object(job, source)}"' for number, source in enumerate(flow.sources)
    ]
    return blocks + _forti(f"firewall addrgrp{six}", f"{job.name}-CLIENTS{flow.family}", [*members, comment])


def _forti_undo(job: Job, flow: Flow) -> list[str]:
    six = "" if flow.family == 4 else "6"
    objects = [_object(job, source) for source in flow.sources]
    if not flow.translated:
        objects.append(_forti_target(job, flow))
    return [
        f"config firewall addrgrp{six}",
        f'    delete "{job.name}-CLIENTS{flow.family}"',
        "end",
        f"config firewall address{six}",
        *(f'    delete "{name}"' for name in objects),
        "end",
    ]
