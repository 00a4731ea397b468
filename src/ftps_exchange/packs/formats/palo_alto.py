"""Palo Alto: set commands for PAN-OS."""

from __future__ import annotations

from ftps_exchange.packs.flows import REPLACE, UNTRIED, Job, commented, header, lines_if, not_translated, port_text

from ._objects import host_network, object_name
from .format import Format


def render(job: Job) -> dict[str, str]:
    """Set commands for PAN-OS."""
    name = job.name
    inner, outer = ("trust", "untrust") if job.side == "customer" else ("dmz", "untrust")
    source_zone, target_zone = (inner, outer) if job.side == "customer" else (outer, inner)
    # PAN-OS has no NAT66, and a rule for it would fail the commit of all the others
    translated = [flow for flow in job.translated if flow.family == 4]
    how = (
        "Load:  set cli scripting-mode on, configure, paste, then: commit. The console has no comments: leave out",
        "       the lines that begin with #.",
        f"       Zones: replace {inner} and {outer} with yours.",
        "       New rules go to the end, and the first that matches wins. Move them above what denies:",
        *(f"       move rulebase security rules {name}-{flow.label} top" for flow in job.flows),
        *lines_if(translated, "       and above other translations of this address:"),
        *(f"       move rulebase nat rules {name}-{flow.family} top" for flow in translated),
        "       Several virtual systems? Before configure:  set system setting target-vsys NAME",
        "       Panorama? After set and delete write  device-group NAME,  and for rulebase:  pre-rulebase",
        "Undo:  the lines at the end of this file, then commit.",
        REPLACE,
        "FTP ALG: we know no switch for this service alone. The rules name ports, not the application ftp: in an",
        "encrypted control channel no application can be recognised. If App-ID still drops connections, add an",
        "application override for these addresses and ports, and exclude them from decryption.",
        "Answers pass, because the firewall keeps state.",
        *not_translated(
            job,
            6,
            remedy="PAN-OS translates prefixes only (NPTv6, not NAT66).",
        ),
        *lines_if(
            any(flow.family == 6 for flow in job.translated),
            f"       If a device in front of this one translates it, put the server's address into {name}-SERVICE6.",
        ),
        *lines_if(
            translated, "The rules name the address before translation and the zone after it, as PAN-OS wants it."
        ),
        UNTRIED,
    )
    lines, undo_rules, undo = [], [], []
    ports = ",".join(port_text(ports) for ports in job.service.ports)
    lines.append(f"set service {name} protocol tcp port {ports}")
    for flow in job.flows:
        group, service = f"{name}-CLIENTS{flow.label}", f"{name}-SERVICE{flow.label}"
        members = [object_name(job, source) for source in flow.sources]
        # Flows of one family have the same clients
        for member, source in () if flow.also else zip(members, flow.sources, strict=True):
            lines.append(f"set address {member} ip-netmask {source}")
            undo.append(f"delete address {member}")
        # A line for each: set adds to a list, and a console ends lines that are too long somewhere.
        lines += [f"set address-group {group} static {member}" for member in members]
        lines.append(f"set address {service} ip-netmask {host_network(flow.service)}")
        undo = [f"delete address-group {group}", *undo, f"delete address {service}"]
        rule = f"rulebase security rules {name}-{flow.label}"
        lines.append(
            f"set {rule} from {source_zone} to {target_zone} source {group} destination {service} "
            f"application any service {name} action allow"
        )
        undo_rules.append(f"delete {rule}")
        if flow in translated:
            server, rule = f"{name}-SERVER{flow.family}", f"rulebase nat rules {name}-{flow.family}"
            lines += [
                f"set address {server} ip-netmask {host_network(flow.server)}",
                f"set {rule} from {outer} to {outer} source {group} destination {service} service {name} "
                f"destination-translation translated-address {server}",
            ]
            undo_rules.append(f"delete {rule}")
            undo.append(f"delete address {server}")
    undo.append(f"delete service {name}")
    text = "\n".join(lines) + "\n\n" + commented(["Undo:", *undo_rules, *undo], "#")
    return {f"palo_alto-{job.side}.txt": commented(header(job, how), "#") + "\n" + text}


FORMAT = Format(
    render=render,
    name="palo_alto",
    title="Palo Alto PAN-OS",
    files=("palo_alto-*.txt",),
    inspection="use the services of the rules file, not the application “ftp”, and exempt it from decryption",
    load="`set cli scripting-mode on`, paste, `commit`",
    undo="lines at the end of the file",
    update="lines",
    again="the same; what an older version opened stays: the file `-update` removes it",
    helper=(
        "we know no switch for one service. The rules name ports, not the application `ftp`. If App-ID "
        "drops the connection: an application override for these addresses and ports. No decryption for them"
    ),
    notes=(
        (
            "has no NAT66 (NPTv6 translates prefixes): with a NAT rule for IPv6 the whole commit would fail, "
            "so there is none, and the file says that another device must translate."
        ),
        (
            "security and NAT rules are first match, each in its own list: move both up. With Panorama and "
            "virtual systems the lines begin differently; the file says how."
        ),
    ),
)
