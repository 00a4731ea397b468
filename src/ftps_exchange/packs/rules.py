"""Renders the rules of one customer in one format, and lets nothing out that the checker has not read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ftps_exchange.errors import ExchangeError

from .check import check_rules
from .flows import Job, jobs
from .formats import cisco, cloud, hosts, linux, objects, table
from .model import PackCustomer, PackService

type Renderer = Callable[[Job], dict[str, str]]

_RENDERERS: Final[dict[str, Renderer]] = {
    "nftables": linux.nftables,
    "iptables": linux.iptables,
    "cisco_asa": cisco.asa,
    "cisco_ios": cisco.ios,
    "juniper_srx": objects.srx,
    "palo_alto": objects.palo_alto,
    "fortigate": objects.fortigate,
    "windows": hosts.windows,
    "pf": hosts.pf,
    "routeros": hosts.routeros,
    "aws": cloud.aws,
    "azure": cloud.azure,
}

TABLE: Final = "table"
"""The vendor-neutral table, which every pack has."""

FORMATS: Final[tuple[str, ...]] = (*_RENDERERS, TABLE)


def render_rules(format: str, service: PackService, customer: PackCustomer) -> dict[str, str]:  # noqa: A002
    """The files of one format, by name: the customer's side, and the provider's for an edge that is not ours."""
    renderer = _RENDERERS.get(format)
    if renderer is None and format != TABLE:
        raise ExchangeError(
            "is no format of rules",
            customer=customer.name,
            field="firewall",
            value=format,
            remedy=f"Use one of {', '.join(FORMATS)}",
        )
    sides = jobs(service, customer)
    if renderer is None:
        files = table.render(*sides)
    else:
        files = {name: text for job in sides for name, text in renderer(job).items()}
    check_rules(format, service, customer, files)
    return files
