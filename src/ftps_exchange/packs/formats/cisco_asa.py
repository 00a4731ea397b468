"""Cisco ASA 9.x: lines of one access list for both address families."""

from __future__ import annotations

from ipaddress import ip_network

from ftps_exchange.packs.flows import REPLACE, UNTRIED, Job, commented, header, lines_if

from ._cisco import access_list_entries, nat_stays
from .format import Format


def render(job: Job) -> dict[str, str]:
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
    rules = [f"access-list {acl} extended {ace}" for flow in job.flows for ace in access_list_entries(flow, _with_mask)]
    lines = [*rules]
    undo = [f"no {rule}" for rule in rules]
    for flow in job.translated:
        name = f"{job.service_name}-SERVER{flow.family}"
        lines += [f"object network {name}", f" host {flow.server}", f" nat ({inside},{outside}) static {flow.service}"]
    text = "\n".join(lines) + "\n\n" + commented(["Undo:", *undo, *nat_stays(job)], "!")
    return {f"cisco_asa-{job.side}.txt": commented(header(job, how), "!") + "\n" + text}


def _with_mask(text: str) -> str:
    network = ip_network(text)
    if network.prefixlen == network.max_prefixlen:
        return f"host {network.network_address}"
    return f"{network.network_address} {network.netmask}" if network.version == 4 else text


FORMAT = Format(
    render=render,
    name="cisco_asa",
    title="Cisco ASA",
    files=("cisco_asa-*.txt",),
    inspection="“inspect ftp” must not match this traffic in the global policy map",
    load="paste in configuration mode",
    undo="lines at the end of the file",
    again="the same; what an older version opened stays: take it back first",
    helper=(
        "`no inspect ftp` in `policy-map global_policy`, `class inspection_default`; or leave the service's address "
        "out of the class by an access list. `inspect ftp strict` drops the connection"
    ),
    notes=(
        (
            "an interface has one access list, so all customers' lines go into one list. Bound to an interface that "
            "had none, it denies everything else there. Customers behind a shared exit share lines: taking one back "
            "closes the other."
        ),
    ),
)
