"""pf of FreeBSD before 15, pfSense and OPNsense, where translations are rules of their own and come first."""

from __future__ import annotations

from ftps_exchange.packs.flows import Flow, Job, lines_if

from ._pf import file, filters, match, passing
from .format import Format


def render(job: Job) -> dict[str, str]:
    """An anchor; a second load changes nothing."""
    how = (
        f'Load:  add the line  anchor "{job.name}"  to /etc/pf.conf above the rules that block,',
        *lines_if(
            job.translated,
            f'       and the line  rdr-anchor "{job.name}"  above other rdr rules (translations come before filters),',
        ),
        "       then:",
    )
    translations = [f"rdr pass {match(flow, flow.sources, flow.service)} -> {flow.server}" for flow in job.translated]
    lines = [*translations, *(line for flow in job.flows for line in _filters(job, flow))]
    undo = [f"pfctl -a {job.name} -F {what}" for what in (["nat", "rules"] if job.translated else ["rules"])]
    return file(job, "FreeBSD", how, "; ".join(undo), lines)


def _filters(job: Job, flow: Flow) -> list[str]:
    if not flow.translated:
        return filters(job, flow)
    # "rdr pass" lets it in; here it leaves towards the server
    return [passing("out ", match(flow, flow.sources, flow.server))]


FORMAT = Format(
    render=render,
    name="pf_freebsd",
    title="pf of FreeBSD (pfSense, OPNsense)",
    files=("pf_freebsd-*.conf",),
    inspection="no ftp-proxy anchor for this traffic",
    load="`pfctl -a NAME -f`, and once the anchor (translated: the rdr-anchor too) in pf.conf",
    undo="`pfctl -a NAME -F nat`, `-F rules`",
    again="the same: the anchor is replaced",
    helper="`ftp-proxy(8)` must not get these connections",
    notes=(
        "`rdr pass … -> …` is understood by every FreeBSD, `rdr-to` only since 15. A customer behind its own "
        "translation gets two rules, because on the way out a packet has the outer address.",
        "pfSense and OPNsense keep pf.conf themselves; enter the rows of the table in their web interface.",
    ),
)
