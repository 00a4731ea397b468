"""Cisco ASA 9.x: lines of one access list for both address families."""

from __future__ import annotations

from ftps_exchange.model.rules import Ports
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
from ftps_exchange.packs.service import network

from ._cisco import access_list_entries, nat_stays, port_words
from .format import Format


def render(job: Job) -> dict[str, str]:
    """Lines of an access list; the list is one for all customers, since an interface has one."""
    inside, outside = ("inside", "outside") if job.side == "customer" else ("dmz", "outside")
    acl = f"{job.service_name}-{'OUT' if job.side == 'customer' else 'IN'}"
    on = inside if job.side == "customer" else outside
    how = (
        "Load:  paste in configuration mode, then write memory.",
        f"       Does the interface {on} have an access list already? Write its name instead of {acl}, and put",
        "       the lines above what denies them. If it has none, this list denies everything else that comes in",
        f"       there, once you bind it: access-group {acl} in interface {on}",
        *lines_if(job.translated, f"       Interface names: replace {inside} and {outside} by yours."),
        *lines_if(
            job.translated and job.service.public_address_use == "shared",
            f"       Is the public address the one of {outside} itself? Then set public_address_use: firewall in the",
            "       inventory: the ASA refuses an interface's address unless the nat line says interface.",
        ),
        "Undo:  the lines at the end of this file.",
        *translation_note(job),
        REPLACE,
        "       (Removing the last line of a list also removes its access-group. Check: show run access-group)",
        "FTP inspection must be off for this service. The control channel is encrypted, so inspect ftp reads no port",
        "in it, and with 'strict' it drops it. In policy-map global_policy, class inspection_default: no inspect ftp;",
        "or keep it for others and exclude the address above from the class with an access list.",
        "Answers pass, because the ASA keeps state.",
        UNTRIED,
    )
    rules = [f"access-list {acl} extended {ace}" for flow in job.flows for ace in access_list_entries(flow, _with_mask)]
    lines = [*rules]
    undo = [f"no {rule}" for rule in rules]
    if job.translated and job.service.public_address_use != "dedicated":
        for ports in job.service.ports:
            lines += [f"object service {_service(job, ports)}", f" service tcp source {port_words(ports)}"]
    for flow in job.translated:
        lines += _translation(job, flow, f"{inside},{outside}")
    text = "\n".join(lines) + "\n\n" + commented(["Undo:", *undo, *nat_stays(job)], "!")
    return {f"cisco_asa-{job.side}.txt": commented(header(job, how), "!") + "\n" + text}


def _translation(job: Job, flow: Flow, interfaces: str) -> list[str]:
    """The whole address, where nothing else uses it; else the ports of the service and no other."""
    server, public = f"{job.service_name}-SERVER{flow.family}", f"{job.service_name}-PUBLIC{flow.family}"
    if job.service.public_address_use == "dedicated":
        return [f"object network {server}", f" host {flow.server}", f" nat ({interfaces}) static {flow.service}"]
    lines = [f"object network {server}", f" host {flow.server}"]
    if job.service.public_address_use == "firewall":
        # The ASA refuses the address of an interface unless it is named so
        public = "interface" if flow.family == 4 else "interface ipv6"
    else:
        lines += [f"object network {public}", f" host {flow.service}"]
    services = (_service(job, ports) for ports in flow.ports)
    return lines + [f"nat ({interfaces}) source static {server} {public} service {each} {each}" for each in services]


def _service(job: Job, ports: Ports) -> str:
    return f"{job.service_name}-TCP-{port_text(ports)}"


def _with_mask(text: str) -> str:
    parsed = network(text)
    if parsed.prefixlen == parsed.max_prefixlen:
        return f"host {parsed.network_address}"
    return f"{parsed.network_address} {parsed.netmask}" if parsed.version == 4 else text


FORMAT = Format(
    render=render,
    name="cisco_asa",
    title="Cisco ASA",
    files=("cisco_asa-*.txt",),
    inspection="“inspect ftp” must not match this traffic in the global policy map",
    load="paste in configuration mode",
    undo="lines at the end of the file",
    update="lines",
    comment="!",
    again="the same; what an older version opened stays: the file `-update` removes it",
    helper=(
        "`no inspect ftp` in `policy-map global_policy`, `class inspection_default`; or exclude the service's address "
        "from the class with an access list. `inspect ftp strict` drops the connection"
    ),
    notes=(
        (
            "an interface has one access list, so all customers' lines go into one list. Bound to an interface that "
            "had none, it denies everything else there. Customers behind a shared exit share lines: removing one's "
            "closes the other's."
        ),
        (
            "removing the last line of a list also removes the list's `access-group`: then everything goes out at "
            "a customer, and nothing comes in at the provider. So new lines are added first; the update "
            "file keeps that order."
        ),
        (
            "the address of an interface is called `interface` in a NAT line; the ASA refuses it as an address. "
            "Set `public_address_use: firewall` for it."
        ),
    ),
)
