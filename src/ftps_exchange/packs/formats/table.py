"""The vendor-neutral table: for people, and as CSV for their tools."""

from __future__ import annotations

from collections.abc import Iterator

from ftps_exchange.packs.flows import CHANGE, Job, port_text
from ftps_exchange.packs.text import csv_lines, markdown

COLUMNS = (
    "side",
    "direction",
    "action",
    "protocol",
    "source",
    "source port",
    "destination",
    "destination port",
    "state",
)


def rows(job: Job) -> Iterator[tuple[str, ...]]:
    """One row for each source and range of ports, in the order of COLUMNS."""
    direction = "out" if job.side == "customer" else "in"
    for flow in job.flows:
        for source in flow.sources:
            for ports in flow.ports:
                action = f"allow, translate to {flow.server}" if flow.translated else "allow"
                yield (
                    job.side, direction, action, "tcp", source, "any", flow.service, port_text(ports),
                    "new; answers pass as established",
                )  # fmt: skip


def render(customer_side: Job, provider_side: Job) -> dict[str, str]:
    """One table for both sides."""
    both = [row for job in (customer_side, provider_side) for row in rows(job)]
    lines = [
        f"# Firewall rules: {markdown(customer_side.customer.name)} to {markdown(customer_side.service.fqdn)}",
        "",
        f"For: {markdown(_who(customer_side))}. Everything is TCP. The customer opens all connections; the service",
        "never connects back. Everything that is not in the table stays closed. Ports are never translated.",
        "",
        CHANGE.replace("_", "."),
        "",
        "Enter the rows of your side. To undo: remove them. FTP inspection (ALG, helper, fixup) must be off for these",
        "rows: the control channel is encrypted, so a firewall reads no port in it, and some cut the connection.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
        *(f"| {' | '.join(row)} |" for row in both),
    ]
    return {"firewall.md": "\n".join(lines) + "\n", "firewall.csv": csv_lines([COLUMNS, *both])}


def _who(job: Job) -> str:
    contact = job.customer.contact
    return ", ".join(part for part in (job.customer.name, contact.name, contact.email, contact.phone) if part)
