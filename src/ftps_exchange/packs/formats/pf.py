"""pf of OpenBSD."""

from __future__ import annotations

from ftps_exchange.packs.flows import OPENS_ONLY, Flow, Job, commented, header, port_text

from .format import Format


def render(job: Job) -> dict[str, str]:
    """An anchor for pf of OpenBSD; a second load changes nothing."""
    name = job.name
    how = (
        f'Load:  add the line  anchor "{name}"  to /etc/pf.conf where it is reached before what blocks, then:',
        f"       pfctl -a {name} -f FILE  (again and again, if you like: it replaces the anchor)",
        f'       At boot: load anchor "{name}" from "/etc/pf.{name}.conf"',
        f"Undo:  pfctl -a {name} -F rules, and take the line out again.",
        OPENS_ONLY,
        "pfSense, OPNsense: enter the rows of the neutral table in the web interface (they keep pf.conf themselves).",
        "FTP proxy: ftp-proxy(8) must not get these connections. The control channel is encrypted, so it reads no",
        "port there.",
        "Answers pass, because 'keep state' keeps state. The rules match on both interfaces that a connection crosses.",
        "Tried: on no real pf.",
    )
    lines = []
    for flow in job.flows:
        lines += _pf_rules(job, flow)
    return {f"pf-{job.side}.conf": commented(header(job, how), "#") + "\n" + "\n".join(lines) + "\n"}


def _pf_rules(job: Job, flow: Flow) -> list[str]:
    ports = "{ " + ", ".join(port_text(ports, ":") for ports in flow.ports) + " }"
    inet = "inet" if flow.family == 4 else "inet6"

    def rule(direction: str, sources: tuple[str, ...], target: str, then: str = "") -> str:
        clients = "{ " + ", ".join(sources) + " }"
        match = f"{inet} proto tcp from {clients} to {target} port {ports}"
        return f"pass {direction}quick {match} flags S/SA keep state{then}"

    if flow.translated:
        return [
            rule("in ", flow.sources, flow.service, f" rdr-to {flow.server}"),
            rule("out ", flow.sources, flow.server),
        ]
    outside = job.customer.sources(flow.family)
    if outside == flow.sources:
        return [rule("", flow.sources, flow.server)]
    # Behind the customer's own translation: on the way out a packet has the address that the service knows.
    return [rule("in ", flow.sources, flow.server), rule("out ", (*flow.sources, *outside), flow.server)]


FORMAT = Format(
    render=render,
    name="pf",
    title="pf (OpenBSD, pfSense, OPNsense)",
    files=("pf-*.conf",),
    inspection="no ftp-proxy anchor for this traffic",
    load="`pfctl -a NAME -f`, and once the anchor in pf.conf",
    undo="`pfctl -a NAME -F rules`",
    again="the same: the anchor is replaced",
    helper="`ftp-proxy(8)` must not get these connections",
    notes=(
        (
            "a customer behind its own translation gets a second rule, because on the way out a packet has the "
            "outer address."
        ),
        "pfSense and OPNsense keep pf.conf themselves; enter the rows of the table in their web interface.",
    ),
)
