"""FortiGate: FortiOS 6.4 and later, where a policy has addresses of both families."""

from __future__ import annotations

from ftps_exchange.packs.flows import UNTRIED, Flow, Job, commented, header, lines_if, port_text, translation_note
from ftps_exchange.packs.service import network, texts
from ftps_exchange.packs.text import plain

from ._objects import host_network, object_name
from .format import Format


def render(job: Job) -> dict[str, str]:
    """A file for policies that translate, and where one translates, the form for central NAT beside it."""
    files = {f"fortigate-{job.side}.txt": _commands(job, central=False)}
    if job.translated or any(_hidden(job, flow) for flow in job.flows):
        files[f"fortigate-{job.side}-central-nat.txt"] = _commands(job, central=True)
    return files


def _commands(job: Job, *, central: bool) -> str:
    name = job.name
    source_interface, target_interface = ("internal", "wan1") if job.side == "customer" else ("wan1", "dmz")
    translates = job.translated or any(_hidden(job, flow) for flow in job.flows)
    how = (
        "Load:  paste into the CLI, or upload as a script.",
        *lines_if(
            central,
            "       For central NAT (config system settings: set central-nat enable), and for policy-based mode, where",
            "       policies have the same fields in config firewall security-policy.",
        ),
        *lines_if(
            translates and not central,
            "       Is central NAT on (config system settings: set central-nat enable), or policy-based mode? Then",
            "       take the file -central-nat.",
        ),
        "       VDOMs? Begin with  config vdom  and  edit NAME,  and close with one more  end.",
        f"       Interfaces: replace {source_interface} and {target_interface} with yours.",
        "       Policies get the next free number, so none of yours is overwritten.",
        "       Move the policies above what denies (move ID before ID).",
        "       To load a newer version of this file, leave out the policies whose names exist already: they stay",
        "       valid, because they name the objects, which are renewed. FortiOS refuses a name that exists.",
        "       The file -update, if the pack has one, leaves them out, and removes what is gone.",
        "Undo:  the lines at the end of this file, after the policies of these names are deleted.",
        *translation_note(job),
        "FTP session helper: off for this service by 'set helper disable', on for everybody else. The control channel",
        "is encrypted, so the helper reads no port in it. Leave SSL inspection off for these policies.",
        "Answers pass, because the FortiGate keeps state.",
        UNTRIED,
    )
    blocks: list[str] = []
    undo: list[str] = []
    for flow in job.flows:
        blocks += _addresses(job, flow, central)
        # What refers to the clients' addresses goes first
        undo = [*_undo(job, flow, central), *undo] if flow.also else [*undo, *_undo(job, flow, central)]
    ports = " ".join(port_text(ports) for ports in job.service.ports)
    blocks += _entry(
        "firewall service custom",
        name,
        # The default is TCP and its like; its name is another one since FortiOS 7.6.
        ["unset protocol", f"set tcp-portrange {ports}", "set helper disable"],
    )
    undo += ["config firewall service custom", f'    delete "{name}"', "end"]
    for flow in job.translated:
        blocks += _virtual_addresses(job, flow, source_interface)
    for flow in job.flows:
        six = "" if flow.family == 4 else "6"
        targets = " ".join(f'"{target}"' for target in _targets(job, flow, central))
        blocks += _entry(
            "firewall policy",
            "",
            [
                f'set name "{name}-{flow.label}"',
                f'set srcintf "{source_interface}"',
                f'set dstintf "{target_interface}"',
                f'set srcaddr{six} "{name}-CLIENTS{flow.label}"',
                f"set dstaddr{six} {targets}",
                f'set service "{name}"',
                'set schedule "always"',
                "set action accept",
                *lines_if(_hidden(job, flow) and not central, "set nat enable"),
            ],
        )
    if central:
        for flow in (flow for flow in job.flows if _hidden(job, flow)):
            blocks += _central_translation(job, flow, source_interface, target_interface)
    stays = ["The translation serves the other customers too: it stays."] if job.translated else []
    text = "\n".join(blocks) + "\n\n" + commented(["Undo:", *undo, *stays], "#")
    return commented(header(job, how), "#") + "\n" + text


def _virtual_addresses(job: Job, flow: Flow, interface: str) -> list[str]:
    """The whole address, where nothing else uses it; else the ports of the service and no other."""
    six = "" if flow.family == 4 else "6"
    mapped = f'set mappedip "{flow.server}"' if not six else f"set mappedip {flow.server}"
    outside = interface if job.service.public_address_use == "firewall" else "any"
    common = [f"set extip {flow.service}", *lines_if(not six, f'set extintf "{outside}"'), mapped]
    if job.service.public_address_use == "dedicated":
        (virtual,) = _virtual_names(job, flow)
        return _entry(f"firewall vip{six}", virtual, common)
    blocks = []
    for virtual, ports in zip(_virtual_names(job, flow), flow.ports, strict=True):
        text = port_text(ports)
        only = ["set portforward enable", "set protocol tcp", f"set extport {text}", f"set mappedport {text}"]
        blocks += _entry(f"firewall vip{six}", virtual, [*common, *only])
    return blocks


def _virtual_names(job: Job, flow: Flow) -> tuple[str, ...]:
    name = f"{job.service_name}-VIP{flow.family}"
    if job.service.public_address_use == "dedicated":
        return (name,)
    return tuple(f"{name}-{first}" for first, _ in flow.ports)


def _central_translation(job: Job, flow: Flow, source_interface: str, target_interface: str) -> list[str]:
    """What "set nat enable" is in a policy otherwise."""
    six = "" if flow.family == 4 else "6"
    return _entry(
        "firewall central-snat-map",
        "",
        [
            *lines_if(six, "set type ipv6"),
            f'set srcintf "{source_interface}"',
            f'set dstintf "{target_interface}"',
            f'set orig-addr{six} "{job.name}-CLIENTS{flow.label}"',
            f'set dst-addr{six} "{job.name}-SERVICE{flow.label}"',
            "set protocol 6",
            "set nat enable",
        ],
    )


def _entry(section: str, name: str, settings: list[str]) -> list[str]:
    """One entry of a table; without a name, under the next free number."""
    return [
        f"config {section}",
        f'    edit "{name}"' if name else "    edit 0",
        *(f"        {setting}" for setting in settings),
        "    next",
        "end",
    ]


def _hidden(job: Job, flow: Flow) -> bool:
    """Whether the customer's firewall replaces its clients' addresses, which FortiOS does in the policy itself."""
    return job.side == "customer" and flow.sources != texts(job.customer.sources(flow.family))


def _targets(job: Job, flow: Flow, central: bool) -> tuple[str, ...]:
    """What a policy names: the virtual addresses, or with central NAT the server behind them."""
    if flow.translated and not central:
        return _virtual_names(job, flow)
    return (f"{job.name}-SERVICE{flow.label}",)


def _own_objects(job: Job, flow: Flow, central: bool) -> list[tuple[str, str]]:
    # Flows of one family have the same clients
    objects = [] if flow.also else [(object_name(job, source), source) for source in flow.sources]
    if central or not flow.translated:
        objects += [(name, host_network(flow.server)) for name in _targets(job, flow, central)]
    return objects


def _addresses(job: Job, flow: Flow, central: bool) -> list[str]:
    comment = f'set comment "{plain(f"FTPS {job.service.name}, customer {job.customer.name}")}"'
    six = "" if flow.family == 4 else "6"
    blocks = []
    for name, text in _own_objects(job, flow, central):
        parsed = network(text)
        setting = f"set subnet {parsed.network_address} {parsed.netmask}" if not six else f"set ip6 {parsed}"
        blocks += _entry(f"firewall address{six}", name, [setting, comment])
    # The first replaces what the group had, the others join it: one line with all would become too long.
    members = [
        f'{"append" if number else "set"} member "{object_name(job, source)}"'
        for number, source in enumerate(flow.sources)
    ]
    return blocks + _entry(f"firewall addrgrp{six}", f"{job.name}-CLIENTS{flow.label}", [*members, comment])


def _undo(job: Job, flow: Flow, central: bool) -> list[str]:
    six = "" if flow.family == 4 else "6"
    return [
        f"config firewall addrgrp{six}",
        f'    delete "{job.name}-CLIENTS{flow.label}"',
        "end",
        f"config firewall address{six}",
        *(f'    delete "{name}"' for name, _network in _own_objects(job, flow, central)),
        "end",
    ]


FORMAT = Format(
    render=render,
    name="fortigate",
    title="FortiGate",
    files=("fortigate-*.txt", "fortigate-*-central-nat.txt"),
    inspection="no session helper “ftp” on port 21 for this policy, and no SSL inspection but certificate-only",
    load="paste into the CLI",
    undo="lines at the end of the file, after the policies",
    update="entries",
    again="objects are renewed; existing policies are refused: the file `-update` leaves them out",
    helper="`set helper disable`, in the file, for this service only. No SSL inspection in these policies",
    notes=(
        (
            "policies take the next free number (`edit 0`), so none of yours is overwritten. FortiOS 6.4 or later. "
            "A customer's policy has `set nat enable` in each family whose inside networks differ from what the "
            "service sees."
        ),
        (
            "where something is translated there is a second file, `-central-nat`: with central NAT and in "
            "policy-based mode, policies name the inner address, and sources are translated by a map. VDOMs need "
            "`config vdom` around it."
        ),
    ),
)
