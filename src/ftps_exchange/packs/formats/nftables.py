"""nftables: a chain of its own, which the administrator's forward chain jumps to."""

from __future__ import annotations

import re

from ftps_exchange.packs.flows import OPENS_ONLY, Flow, Job, commented, header, port_text

from ._netfilter import HELPER, inet
from .format import Format


def _chain(name: str) -> str:
    """A name for nft, which knows no dash; a dash stands for nothing else, so names stay different."""
    return re.sub("-", "_", name.lower())


def _set(texts: tuple[str, ...]) -> str:
    return texts[0] if len(texts) == 1 else f"{{ {', '.join(texts)} }}"


def render(job: Job) -> dict[str, str]:
    """One file, loaded by ``nft -f``; a second load changes nothing."""
    name = _chain(job.name)
    how = (
        "Load:  nft -f FILE  (as often as you like: the chain is emptied first, in the same transaction)",
        f"       and once, as root:  nft insert rule inet filter forward jump {name}",
        "       At boot: include the file above your tables, and write the jump into your forward chain.",
        "       Does your table have another name? Replace 'inet filter' in this file. If the firewall itself is",
        "       the client, put the jump into output and input instead.",
        f"Undo:  delete the jump (nft -a list chain inet filter forward), then: nft delete chain inet filter {name}",
        *(f"       and: nft delete table {inet(flow)} {name}" for flow in job.translated),
        OPENS_ONLY,
        *HELPER,
        "Tested: a kernel loaded rules of this form, and connections passed through them.",
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
    if job.side == "provider":
        # An older version may have translated what this one does not
        lines += [line for ip in ("ip", "ip6") for line in (f"table {ip} {name} {{", "}", f"delete table {ip} {name}")]
    for flow in job.translated:
        ip = inet(flow)
        lines += [
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
    ip = inet(flow)
    clients, ports = _set(flow.sources), _nft_ports(flow)
    return (
        f"{ip} saddr {clients} {ip} daddr {flow.server} tcp dport {ports} ct state new,established accept",
        f"{ip} saddr {flow.server} {ip} daddr {clients} tcp sport {ports} ct state established accept",
    )


FORMAT = Format(
    render=render,
    name="nftables",
    title="nftables",
    files=("nftables-*.nft",),
    inspection="no conntrack helper “ftp” may be assigned to port 21 (nft list ruleset shows “ct helper set”)",
    load="`nft -f`, and once a jump from the forward chain",
    undo="delete the jump and the chain",
    again="the same: the chain is emptied and filled in one transaction",
    helper=(
        "bind no helper to port 21 for this service (`ct helper`). Old kernels did it by themselves: "
        "`net.netfilter.nf_conntrack_helper=0`"
    ),
    notes=(
        (
            "an `accept` in one table does not overrule a `drop` in another. So the rules are a chain in *your* "
            "table (`inet filter` in the file; replace the name if yours has another), to which your forward chain "
            "jumps. The provider's translation is a table of its own."
        ),
    ),
)
