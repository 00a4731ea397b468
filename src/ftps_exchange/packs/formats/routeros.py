"""MikroTik RouterOS 7."""

from __future__ import annotations

from ftps_exchange.packs.flows import OPENS_ONLY, UNTRIED, Flow, Job, commented, header, lines_if, port_text

from .format import Format


def render(job: Job) -> dict[str, str]:
    """A script for RouterOS 7, which fills a chain of its own; a second import changes nothing."""
    name = job.name
    families = [("ip" if family == 4 else "ipv6", flows) for family, flows in job.by_family]
    how = (
        "Load:  upload, then: /import file-name=FILE  (as often as you like: it replaces this chain)",
        "       It puts a jump to this chain before the first rule of the chain forward, unless there is one already.",
        "       Rules that RouterOS makes itself (dynamic ones, such as FastTrack's) stay above it.",
        "Undo:",
        *(f"       /{ip} firewall filter remove [find jump-target={name}]" for ip, _ in families),
        *(f"       /{ip} firewall filter remove [find chain={name}]" for ip, _ in families),
        *(f"       /{ip} firewall nat remove [find comment={name}]" for ip, flows in families if flows[0].translated),
        OPENS_ONLY,
        "FTP helper: /ip firewall service-port disable ftp  (the control channel is encrypted, so it reads no port in",
        "it). It is one switch for the whole router, so this script leaves it alone.",
        *lines_if(
            any(flow.family == 6 for flow in job.translated),
            "Translation of IPv6 is for RouterOS 7.15 and later. On older ones, write to-addresses for to-address.",
        ),
        UNTRIED,
    )
    lines: list[str] = []
    for ip, flows in families:
        lines += [f"/{ip} firewall filter", f"remove [find chain={name}]"]
        for flow, source in [(each, source) for each in flows for source in each.sources]:
            lines += [
                f"add chain={name} action=accept protocol=tcp src-address={source} dst-address={flow.server} "
                f"dst-port={_ports(flow)} connection-state=new,established comment={name}",
                f"add chain={name} action=accept protocol=tcp src-address={flow.server} dst-address={source} "
                f"src-port={_ports(flow)} connection-state=established comment={name}",
            ]
        lines += _jump(ip, name)
        if job.side == "provider":
            lines += [f"/{ip} firewall nat", f"remove [find comment={name}]"]
        lines += [
            f"add chain=dstnat action=dst-nat protocol=tcp src-address={source} dst-address={flow.service} "
            f"dst-port={_ports(flow)} {_routeros_to(flow)} comment={name}"
            for flow in flows
            if flow.translated
            for source in flow.sources
        ]
    for family in job.missing:
        # An older version may have had rules of it
        ip = "ip" if family == 4 else "ipv6"
        lines += [f"/{ip} firewall filter", f"remove [find chain={name}]"]
        if job.side == "provider":
            lines += [f"/{ip} firewall nat", f"remove [find comment={name}]"]
    return {f"routeros-{job.side}.rsc": commented(header(job, how), "#") + "\n" + "\n".join(lines) + "\n"}


def _jump(ip: str, name: str) -> list[str]:
    """Item 0 may be a dynamic rule, before which nothing can be placed, and an empty table has no place at all."""
    table = f"/{ip} firewall filter"
    add = f"{table} add chain=forward action=jump jump-target={name} comment={name}"
    return [
        f":if ([:len [{table} find chain=forward jump-target={name}]] = 0) do={{",
        f"  :local others [{table} find chain=forward dynamic=no]",
        f"  :if ([:len $others] = 0) do={{ {add} }} else={{ {add} place-before=[:pick $others 0] }}",
        "}",
    ]


def _ports(flow: Flow) -> str:
    return ",".join(port_text(ports) for ports in flow.ports)


def _routeros_to(flow: Flow) -> str:
    """IPv6 translation takes a prefix."""
    return f"to-addresses={flow.server}" if flow.family == 4 else f"to-address={flow.server}/128"


FORMAT = Format(
    render=render,
    name="routeros",
    title="MikroTik RouterOS",
    files=("routeros-*.rsc",),
    inspection="“/ip firewall service-port” ftp must be disabled",
    load="`/import`",
    undo="remove the jump and the chain",
    again="the same: the chain is emptied and filled",
    helper="`/ip firewall service-port disable ftp`, one switch for the router, so not in the file",
    notes=(
        (
            "the script itself makes the jump, once, above the first rule of the chain `forward` that is not "
            "dynamic: nothing can be placed before those that RouterOS makes itself (FastTrack's counters)."
        ),
    ),
)
