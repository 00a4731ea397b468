"""Palo Alto: set commands for PAN-OS."""

from __future__ import annotations

from ftps_exchange.packs.flows import REPLACE, UNTRIED, Job, commented, header, lines_if, port_text

from ._objects import host_network, object_name
from .format import Format


def render(job: Job) -> dict[str, str]:
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
        members = [object_name(job, source) for source in flow.sources]
        for member, source in zip(members, flow.sources, strict=True):
            lines.append(f"set address {member} ip-netmask {source}")
            undo.append(f"delete address {member}")
        # A line for each: set adds to a list, and a console ends lines that are too long somewhere.
        lines += [f"set address-group {group} static {member}" for member in members]
        lines.append(f"set address {service} ip-netmask {host_network(flow.service)}")
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
    again="the same; what an older version opened stays: take it back first",
    helper=(
        "no switch for one service is known here. The rules name ports and not the application `ftp`. If App-ID "
        "drops the connection: an application override for these addresses and ports. No decryption for them"
    ),
)
