"""FortiGate: FortiOS 6.4 and later, where a policy has addresses of both families."""

from __future__ import annotations

from ipaddress import ip_network

from ftps_exchange.packs.flows import UNTRIED, Flow, Job, commented, header, lines_if, port_text
from ftps_exchange.packs.text import plain

from ._objects import host_network, object_name
from .format import Format


def render(job: Job) -> dict[str, str]:
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
    entries = [(object_name(job, source), source) for source in flow.sources]
    if not flow.translated:
        entries.append((_forti_target(job, flow), host_network(flow.service)))
    for name, network in entries:
        parsed = ip_network(network)
        setting = f"set subnet {parsed.network_address} {parsed.netmask}" if not six else f"set ip6 {parsed}"
        blocks += _forti(f"firewall address{six}", name, [setting, comment])
    # The first replaces what the group had, the others join it: one line with all would become too long.
    members = [
        f'{"append" if number else "set"} member "{object_name(job, source)}"'
        for number, source in enumerate(flow.sources)
    ]
    return blocks + _forti(f"firewall addrgrp{six}", f"{job.name}-CLIENTS{flow.family}", [*members, comment])


def _forti_undo(job: Job, flow: Flow) -> list[str]:
    six = "" if flow.family == 4 else "6"
    objects = [object_name(job, source) for source in flow.sources]
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


FORMAT = Format(
    render=render,
    name="fortigate",
    title="FortiGate",
    files=("fortigate-*.txt",),
    inspection="no session helper “ftp” on port 21 for this policy, and no SSL inspection but certificate-only",
    load="paste into the CLI",
    undo="lines at the end of the file, after the policies",
    again="objects are renewed; leave out the policies, whose names are refused as taken",
    helper="`set helper disable`, in the file, for this service only. No SSL inspection in these policies",
    notes=(
        (
            "policies take the next free number (`edit 0`), so none of yours is overwritten. FortiOS 6.4 or later. "
            "A customer's policy has `set nat enable` when its inside networks differ from what the service sees."
        ),
    ),
)
