"""nftables and iptables: a chain of its own, which the administrator's forward chain jumps to."""

from __future__ import annotations

import re

from ftps_exchange.packs.flows import OPENS_ONLY, Flow, Job, commented, header, lines_if, port_text

_HELPER = (
    "FTP helper: none is needed. Where one is bound to port 21 (ct helper, -j CT --helper ftp, or the old automatic",
    "assignment), leave this service out of it: the control channel is encrypted, so it can read no port there.",
)


def _chain(name: str) -> str:
    """A name for nft, which knows no dash; a dash stands for nothing else, so names stay different."""
    return re.sub("-", "_", name.lower())


def _ip(flow: Flow) -> str:
    return "ip" if flow.family == 4 else "ip6"


def _set(texts: tuple[str, ...]) -> str:
    return texts[0] if len(texts) == 1 else f"{{ {', '.join(texts)} }}"


def nftables(job: Job) -> dict[str, str]:
    """One file, loaded by ``nft -f``; a second load changes nothing."""
    name = _chain(job.name)
    how = (
        "Load:  nft -f FILE  (again and again, if you like: the chain is emptied first, in the same transaction)",
        f"       and once, as root:  nft insert rule inet filter forward jump {name}",
        "       At boot: include the file above your tables, and write the jump into your forward chain.",
        "       Your table or chain has another name? Replace 'inet filter' in this file. A client that is the",
        "       firewall itself needs the jump in output and input instead.",
        f"Undo:  delete the jump (nft -a list chain inet filter forward), then: nft delete chain inet filter {name}",
        *(f"       and: nft delete table {_ip(flow)} {name}" for flow in job.translated),
        OPENS_ONLY,
        *_HELPER,
        "Tried: rules of this form were loaded by a kernel, and connections went through them.",
    )
    lines = [
        "table inet filter {",
        f"\tchain {name} {{",
        "\t}",
        "}",
        f"flush chain inet filter {name}",
        "table inet filter {",
        f"\tchain {name} {{",
        *(f"\t\t{rule}" for flow in job.flows for rule in _nft_filter(flow)),
        "\t}",
        "}",
    ]
    for flow in job.translated:
        ip = _ip(flow)
        lines += [
            f"table {ip} {name} {{",
            "}",
            f"delete table {ip} {name}",
            f"table {ip} {name} {{",
            "\tchain translate {",
            "\t\ttype nat hook prerouting priority dstnat; policy accept;",
            f"\t\t{ip} saddr {_set(flow.sources)} {ip} daddr {flow.service} tcp dport {_nft_ports(flow)} "
            f"dnat to {flow.server}",
            "\t}",
            "}",
        ]
    text = commented(header(job, how), "#") + "\n" + "\n".join(lines) + "\n"
    return {f"nftables-{job.side}.nft": text}


def _nft_ports(flow: Flow) -> str:
    return _set(tuple(port_text(ports) for ports in flow.ports))


def _nft_filter(flow: Flow) -> tuple[str, str]:
    ip = _ip(flow)
    clients, ports = _set(flow.sources), _nft_ports(flow)
    return (
        f"{ip} saddr {clients} {ip} daddr {flow.server} tcp dport {ports} ct state new,established accept",
        f"{ip} saddr {flow.server} {ip} daddr {clients} tcp sport {ports} ct state established accept",
    )


def iptables(job: Job) -> dict[str, str]:
    """One file for each address family, loaded by ``iptables-restore --noflush``; a second load changes nothing."""
    return {
        f"{'iptables' if flow.family == 4 else 'ip6tables'}-{job.side}.rules": _iptables(job, flow)
        for flow in job.flows
    }


def _iptables(job: Job, flow: Flow) -> str:
    tool = "iptables" if flow.family == 4 else "ip6tables"
    name = job.name
    how = (
        f"Load:  {tool}-restore --noflush FILE  (again and again, if you like: it empties this chain and no other)",
        f"       and once, as root:  {tool} -I FORWARD -j {name}",
        "       A client that is the firewall itself needs the jump in OUTPUT and INPUT instead.",
        *lines_if(flow.translated, f"       and:  {tool} -t nat -I PREROUTING -j {name}"),
        "       At boot: save with the tool of your distribution (netfilter-persistent save, service iptables save).",
        f"Undo:  {tool} -D FORWARD -j {name}; {tool} -F {name}; {tool} -X {name}",
        *lines_if(
            flow.translated,
            f"       {tool} -t nat -D PREROUTING -j {name}; {tool} -t nat -F {name}; {tool} -t nat -X {name}",
        ),
        OPENS_ONLY,
        *_HELPER,
        "Tried: rules of this form were loaded by a kernel, and connections went through them.",
    )
    ports = ",".join(port_text(ports, ":") for ports in flow.ports)
    bits = 32 if flow.family == 4 else 128
    lines = ["*filter", f":{name} - [0:0]"]
    for source in flow.sources:
        lines += [
            f"-A {name} -s {source} -d {flow.server}/{bits} -p tcp -m multiport --dports {ports} "
            "-m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
            f"-A {name} -s {flow.server}/{bits} -d {source} -p tcp -m multiport --sports {ports} "
            "-m conntrack --ctstate ESTABLISHED -j ACCEPT",
        ]
    lines.append("COMMIT")
    if flow.translated:
        lines += ["*nat", f":{name} - [0:0]"]
        lines += [
            f"-A {name} -s {source} -d {flow.service}/{bits} -p tcp -m multiport --dports {ports} "
            f"-j DNAT --to-destination {flow.server}"
            for source in flow.sources
        ]
        lines.append("COMMIT")
    return commented(header(job, how), "#") + "\n" + "\n".join(lines) + "\n"
