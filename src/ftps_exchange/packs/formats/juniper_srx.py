"""Juniper SRX: set commands for Junos."""

from __future__ import annotations

from ftps_exchange.packs.flows import REPLACE, UNTRIED, Job, commented, header, lines_if, port_text

from ._objects import host_network, object_name
from .format import Format


def render(job: Job) -> dict[str, str]:
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
            lines.append(f"set {book} address {object_name(job, source)} {source}")
            undo_objects.append(f"delete {book} address {object_name(job, source)}")
        lines += [f"set {book} address-set {group} address {object_name(job, source)}" for source in flow.sources]
        lines.append(f"set {book} address {service} {host_network(flow.server)}")
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
            f"set {rule} match destination-address {host_network(flow.service)}",
            f"set {rule} then static-nat prefix {host_network(flow.server)}",
        ]
    stays = ["The static translation serves the other customers too: it stays."] if job.translated else []
    text = "\n".join(lines) + "\n\n" + commented(["Undo:", *undo, *undo_objects, *stays], "#")
    return {f"juniper_srx-{job.side}.txt": commented(header(job, how), "#") + "\n" + text}


FORMAT = Format(
    render=render,
    name="juniper_srx",
    title="Juniper SRX",
    files=("juniper_srx-*.txt",),
    inspection="“security alg ftp” must be disabled, or the application be one of your own without ALG",
    load="`load set terminal`, `commit confirmed`",
    undo="lines at the end of the file",
    again="the same; what an older version opened stays: take it back first",
    helper="`application-protocol ignore`, in the file, for this service only",
)
