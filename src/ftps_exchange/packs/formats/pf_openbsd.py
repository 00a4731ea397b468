"""pf of OpenBSD, where a rule of the filter translates."""

from __future__ import annotations

from ftps_exchange.packs.flows import Flow, Job, lines_if

from ._pf import file, filters, match, passing, translates
from .format import Format


def render(job: Job) -> dict[str, str]:
    """An anchor; a second load changes nothing."""
    hidden = any(translates(job, flow) for flow in job.flows)
    how = (
        f'Load:  add the line  anchor "{job.name}"  to /etc/pf.conf above the rules that block,',
        *lines_if(
            hidden,
            "       and below  match out ... nat-to:  these rules end the evaluation, so a translation further down",
            "       would not be reached. A  pass out ... nat-to  lets the connection out by itself, at any place.",
        ),
        "       then:",
    )
    lines = [line for flow in job.flows for line in _rules(job, flow)]
    return file(job, "OpenBSD", how, f"pfctl -a {job.name} -F rules", lines)


def _rules(job: Job, flow: Flow) -> list[str]:
    if not flow.translated:
        return filters(job, flow)
    return [
        f"{passing('in ', match(flow, flow.sources, flow.service))} rdr-to {flow.server}",
        passing("out ", match(flow, flow.sources, flow.server)),
    ]


FORMAT = Format(
    render=render,
    name="pf_openbsd",
    title="pf of OpenBSD",
    files=("pf_openbsd-*.conf",),
    inspection="no ftp-proxy anchor for this traffic",
    load="`pfctl -a NAME -f`, and once the anchor in pf.conf",
    undo="`pfctl -a NAME -F rules`",
    again="the same: the anchor is replaced",
    helper="`ftp-proxy(8)` must not get these connections",
    notes=(
        "a customer behind its own translation gets two rules, because on the way out a packet has the outer address. "
        "The anchor stands below `match out … nat-to`: `quick` ends the evaluation. The rule for what leaves names the "
        "outer addresses only, so it never lets a private source out.",
    ),
)
