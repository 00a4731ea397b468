"""Renders the rules of one customer in one format, and lets nothing out that the checker has not read."""

from __future__ import annotations

from typing import Final

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.view import Customer

from .check import check_rules
from .flows import jobs
from .formats import REGISTRY, table
from .service import PackService

TABLE: Final = "table"
"""The vendor-neutral table, which every pack has."""

FORMATS: Final[tuple[str, ...]] = (*REGISTRY, TABLE)


def render_rules(format: str, service: PackService, customer: Customer) -> dict[str, str]:  # noqa: A002
    """The files of one format, by name: the customer's side, and the provider's for an edge that is not ours."""
    if format not in FORMATS:
        raise ExchangeError(
            "is not a format of rules",
            customer=customer.name,
            field="firewall",
            value=format,
            remedy=f"Use one of {', '.join(FORMATS)}",
        )
    sides = jobs(service, customer)
    if format == TABLE:
        files = table.render(*sides)
    else:
        files = {name: text for job in sides for name, text in REGISTRY[format].render(job).items()}
    check_rules(format, service, customer, files)
    return files
