"""Renders the rules of one customer in one format, and lets nothing out that the checker has not read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ftps_exchange.errors import ExchangeError

from .flows import Job, jobs
from .formats import linux, table
from .model import PackCustomer, PackService

type Renderer = Callable[[Job], dict[str, str]]

_RENDERERS: Final[dict[str, Renderer]] = {
    "nftables": linux.nftables,
}

TABLE: Final = "table"
"""The vendor-neutral table, which every pack has."""

FORMATS: Final[tuple[str, ...]] = (*_RENDERERS, TABLE)


def render_rules(format: str, service: PackService, customer: PackCustomer) -> dict[str, str]:  # noqa: A002
    """The files of one format, by name: the customer's side, and the provider's for an edge that is not ours."""
    sides = jobs(service, customer)
    if format == TABLE:
        return table.render(*sides)
    renderer = _RENDERERS.get(format)
    if renderer is None:
        raise ExchangeError(
            "is no format of rules",
            customer=customer.name,
            field="firewall",
            value=format,
            remedy=f"Use one of {', '.join(FORMATS)}",
        )
    return {name: text for job in sides for name, text in renderer(job).items()}
