"""What the two dialects of pf share."""

from __future__ import annotations

from ftps_exchange.packs.flows import OPENS_ONLY, Flow, Job, commented, header, lines_if, port_text
from ftps_exchange.packs.service import texts

OUTER_ONLY = (
    "The rules for outgoing packets name the outer addresses only, so nothing leaves untranslated through them. If",
    "another device behind this firewall translates, write the networks of the rule 'pass in' there too.",
)


def file(job: Job, system: str, how: tuple[str, ...], undo: str, lines: list[str]) -> dict[str, str]:
    """The file of one dialect."""
    name = job.name
    hidden = any(translates(job, flow) for flow in job.flows)
    head = (
        f"For pf of {system}.",
        *how,
        f"       pfctl -a {name} -f FILE  (as often as you like: it replaces the anchor)",
        f'       At boot: load anchor "{name}" from "/etc/pf.{name}.conf"',
        f"Undo:  {undo}, and remove the lines again.",
        *lines_if(hidden, *OUTER_ONLY),
        OPENS_ONLY,
        "FTP proxy: ftp-proxy(8) must not get these connections. The control channel is encrypted, so it reads no",
        "port there.",
        "Answers pass, because 'keep state' keeps state. The rules match on both interfaces that a connection crosses.",
        "Tested: not on a real pf.",
    )
    return {f"pf_{system.lower()}-{job.side}.conf": commented(header(job, head), "#") + "\n" + "\n".join(lines) + "\n"}


def translates(job: Job, flow: Flow) -> bool:
    """Whether the customer's own firewall replaces its clients' addresses."""
    return job.side == "customer" and texts(job.customer.sources(flow.family)) != flow.sources


def match(flow: Flow, sources: tuple[str, ...], target: str) -> str:
    """What a rule of a filter or of a translation is about."""
    ports = "{ " + ", ".join(port_text(ports, ":") for ports in flow.ports) + " }"
    inet = "inet" if flow.family == 4 else "inet6"
    return f"{inet} proto tcp from {{ {', '.join(sources)} }} to {target} port {ports}"


def passing(direction: str, matched: str) -> str:
    """A rule of the filter."""
    return f"pass {direction}quick {matched} flags S/SA keep state"


def filters(job: Job, flow: Flow) -> list[str]:
    """The rules for a flow that the provider does not translate."""
    if not translates(job, flow):
        return [passing("", match(flow, flow.sources, flow.server))]
    # On the way out a packet has the address that the service knows: what has not got it yet must not leave
    outside = texts(job.customer.sources(flow.family))
    return [
        passing("in ", match(flow, flow.sources, flow.server)),
        passing("out ", match(flow, outside, flow.server)),
    ]
