"""Juniper SRX: set commands for Junos."""

from __future__ import annotations

from ftps_exchange.packs.flows import (
    REPLACE,
    UNTRIED,
    Flow,
    Job,
    commented,
    header,
    lines_if,
    port_text,
    translation_note,
)

from ._objects import host_network, object_name
from .format import Format


def render(job: Job) -> dict[str, str]:
    """Set commands for Junos, once for a global address book and once for the books of the zones."""
    return {
        f"juniper_srx-{job.side}.txt": _commands(job, zone_books=False),
        f"juniper_srx-{job.side}-zone-books.txt": _commands(job, zone_books=True),
    }


def _zones(job: Job) -> tuple[str, str]:
    """From where to where connections are opened."""
    return ("trust", "untrust") if job.side == "customer" else ("untrust", "dmz")


def _commands(job: Job, *, zone_books: bool) -> str:
    name = job.name
    source_zone, target_zone = _zones(job)
    policies = f"security policies from-zone {source_zone} to-zone {target_zone} policy {name}"
    how = (
        "Load:  in configuration mode: load set terminal (paste, then Ctrl-D), show | compare,",
        "       commit confirmed 5, commit.",
        *(
            ("       For address books of the zones. For a global book take the other file.",)
            if zone_books
            else (
                "       For the global address book. Do your zones have their own (security zones ... address-book)?",
                "       A commit with both kinds fails: take the file -zone-books.",
            )
        ),
        f"       Zones: replace {source_zone} and {target_zone} with yours.",
        "       New policies go to the end. If one above denies everything, move them before it:",
        *(f"       insert {policies}-{flow.label} before policy NAME" for flow in job.flows),
        "Undo:  the lines at the end of this file, then commit.",
        *translation_note(job),
        REPLACE,
        "FTP ALG: off for this service by 'application-protocol ignore', on for everybody else. The control channel is",
        "encrypted, so the ALG reads no port in it.",
        "Answers pass, because the SRX keeps state.",
        *lines_if(
            job.translated,
            "The public address must reach the SRX: routed to it, or announced by it where it is in the network of",
            "an interface without being the interface's own:",
        ),
        *(
            f"       set security nat proxy-{'arp' if flow.family == 4 else 'ndp'} interface NAME address "
            f"{host_network(flow.service)}"
            for flow in job.translated
        ),
        *lines_if(
            job.translated,
            f"Is there a rule set from zone {source_zone} already? Use its name: a commit with two of one zone fails.",
        ),
        UNTRIED,
    )
    lines, undo = [], []
    undo_objects = []
    clients_book, service_book = (
        (f"security zones security-zone {zone} address-book" for zone in (source_zone, target_zone))
        if zone_books
        else ("security address-book global",) * 2
    )
    for flow in job.flows:
        group, service = f"{name}-CLIENTS{flow.label}", f"{name}-SERVICE{flow.label}"
        # Flows of one family have the same clients
        for source in () if flow.also else flow.sources:
            lines.append(f"set {clients_book} address {object_name(job, source)} {source}")
            undo_objects.append(f"delete {clients_book} address {object_name(job, source)}")
        lines += [
            f"set {clients_book} address-set {group} address {object_name(job, source)}" for source in flow.sources
        ]
        lines.append(f"set {service_book} address {service} {host_network(flow.server)}")
        undo_objects = [
            f"delete {clients_book} address-set {group}",
            *undo_objects,
            f"delete {service_book} address {service}",
        ]
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
        policy = f"{policies}-{flow.label}"
        lines += [
            f"set {policy} match source-address {name}-CLIENTS{flow.label}",
            f"set {policy} match destination-address {name}-SERVICE{flow.label}",
            f"set {policy} match application {name}",
            f"set {policy} then permit",
        ]
        undo.append(f"delete {policy}")
    for flow in job.translated:
        lines += _translation(job, flow, source_zone)
    stays = ["The translation serves the other customers too: it stays."] if job.translated else []
    text = "\n".join(lines) + "\n\n" + commented(["Undo:", *undo, *undo_objects, *stays], "#")
    return commented(header(job, how), "#") + "\n" + text


def _translation(job: Job, flow: Flow, zone: str) -> list[str]:
    """The whole address, where nothing else uses it; else the ports of the service and no other."""
    public, server = host_network(flow.service), host_network(flow.server)
    name = f"{job.service_name}-{flow.family}"
    if job.service.public_address_use == "dedicated":
        rules = f"security nat static rule-set {job.service_name}"
        return [
            f"set {rules} from zone {zone}",
            f"set {rules} rule {name} match destination-address {public}",
            f"set {rules} rule {name} then static-nat prefix {server}",
        ]
    rules = f"security nat destination rule-set {job.service_name}"
    lines = [f"set security nat destination pool {name} address {server}", f"set {rules} from zone {zone}"]
    for first, last in flow.ports:
        rule = f"{rules} rule {name}-{first}"
        lines += [
            f"set {rule} match destination-address {public}",
            f"set {rule} match destination-port {first}{f' to {last}' if last != first else ''}",
            f"set {rule} match protocol tcp",
            f"set {rule} then destination-nat pool {name}",
        ]
    return lines


FORMAT = Format(
    render=render,
    name="juniper_srx",
    title="Juniper SRX",
    files=("juniper_srx-*.txt", "juniper_srx-*-zone-books.txt"),
    inspection="“security alg ftp” must be disabled, or the application be one of your own without ALG",
    load="`load set terminal`, `commit confirmed`",
    undo="lines at the end of the file",
    update="lines",
    again="the same; what an older version opened stays: the file `-update` removes it",
    helper="`application-protocol ignore`, in the file, for this service only",
    notes=(
        (
            "two files that open the same, one for a global address book and one for books of the zones (common on "
            "older devices): a commit with both kinds fails."
        ),
        (
            "a commit with two NAT rule sets from one zone fails: use the name of the existing one. An address "
            "that no interface has needs `proxy-arp`, IPv6 `proxy-ndp`."
        ),
    ),
)
