"""Renders the rules of one customer in one format, and lets nothing out that the checker has not read."""

from __future__ import annotations

from typing import Final

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.view import Customer

from .check import check_rules
from .flows import Job, jobs
from .formats import REGISTRY, table
from .service import PackService

TABLE: Final = "table"
"""The vendor-neutral table, which every pack has."""

FORMATS: Final[tuple[str, ...]] = (*REGISTRY, TABLE)


def render_rules(
    format: str,  # noqa: A002
    service: PackService,
    customer: Customer,
    sides: tuple[Job, Job] | None = None,
) -> dict[str, str]:
    """The files of one format, by name: the customer's side, and the provider's for an edge that is not ours.

    ``sides`` are the jobs of this customer, where somebody has them already.
    """
    if format not in FORMATS:
        raise ExchangeError(
            "is not a format of rules",
            customer=customer.name,
            field="firewall",
            value=format,
            remedy=f"Use one of {', '.join(FORMATS)}",
        )
    sides = sides or jobs(service, customer)
    if format == TABLE:
        files = table.render(*sides)
    else:
        files = {name: text for job in sides for name, text in REGISTRY[format].render(job).items()}
    check_rules(format, service, customer, files)
    return files
