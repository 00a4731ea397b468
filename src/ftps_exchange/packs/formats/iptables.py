"""iptables and ip6tables: a chain of its own, which the administrator's FORWARD chain jumps to."""

from __future__ import annotations

from ftps_exchange.model.view import Family
from ftps_exchange.packs.flows import OPENS_ONLY, Flow, Job, commented, header, lines_if, port_text

from ._netfilter import HELPER
from .format import Format


def render(job: Job) -> dict[str, str]:
    """One file for each address family, loaded by ``iptables-restore --noflush``; a second load changes nothing."""
    return {
        f"{'iptables' if family == 4 else 'ip6tables'}-{job.side}.rules": _iptables(job, family, flows)
        for family, flows in job.by_family
    }


def _iptables(job: Job, family: Family, flows: tuple[Flow, ...]) -> str:
    tool = "iptables" if family == 4 else "ip6tables"
    translated = [flow for flow in flows if flow.translated]
    name = job.name
    how = (
        f"Load:  {tool}-restore --noflush FILE  (as often as you like: it empties this chain and no other)",
        f"       and once, as root:  {tool} -I FORWARD -j {name}",
        "       If the firewall itself is the client, put the jump into OUTPUT and INPUT instead.",
        *lines_if(translated, f"       and:  {tool} -t nat -I PREROUTING -j {name}"),
        "       At boot: save with the tool of your distribution (netfilter-persistent save, service iptables save).",
        f"Undo:  {tool} -D FORWARD -j {name}; {tool} -F {name}; {tool} -X {name}",
        *lines_if(
            translated,
            f"       {tool} -t nat -D PREROUTING -j {name}; {tool} -t nat -F {name}; {tool} -t nat -X {name}",
        ),
        *(
            f"Did an older version have IPv{missing} too? Undo that with: "
            f"{other} -D FORWARD -j {name}; {other} -F {name}; {other} -X {name}"
            for missing in job.missing
            for other in ["iptables" if missing == 4 else "ip6tables"]
        ),
        OPENS_ONLY,
        *HELPER,
        "Tested: a kernel loaded rules of this form, and connections passed through them.",
    )
    bits = 32 if family == 4 else 128
    lines = ["*filter", f":{name} - [0:0]"]
    for flow, source in [(each, source) for each in flows for source in each.sources]:
        lines += [
            f"-A {name} -s {source} -d {flow.server}/{bits} -p tcp -m multiport --dports {_ports(flow)} "
            "-m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
            f"-A {name} -s {flow.server}/{bits} -d {source} -p tcp -m multiport --sports {_ports(flow)} "
            "-m conntrack --ctstate ESTABLISHED -j ACCEPT",
        ]
    lines.append("COMMIT")
    if translated:
        lines += ["*nat", f":{name} - [0:0]"]
        lines += [
            f"-A {name} -s {source} -d {flow.service}/{bits} -p tcp -m multiport --dports {_ports(flow)} "
            f"-j DNAT --to-destination {flow.server}"
            for flow in translated
            for source in flow.sources
        ]
        lines.append("COMMIT")
    return commented(header(job, how), "#") + "\n" + "\n".join(lines) + "\n"


def _ports(flow: Flow) -> str:
    return ",".join(port_text(ports, ":") for ports in flow.ports)


FORMAT = Format(
    render=render,
    name="iptables",
    title="iptables",
    files=(
        "iptables-*.rules",
        "ip6tables-*.rules",
    ),
    inspection="the module nf_conntrack_ftp must not be assigned to port 21 (iptables -t raw -L shows CT helper)",
    load="`iptables-restore --noflush`, and once a jump from FORWARD",
    undo="delete the jump and the chain",
    again="the same",
    helper=(
        "bind no helper to port 21 for this service (`-j CT --helper ftp`). Old kernels did it by themselves: "
        "`net.netfilter.nf_conntrack_helper=0`"
    ),
)
