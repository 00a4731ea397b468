"""Checked model -> from which networks each account may log in: the server's own check behind the edge's.

The edge knows addresses, not accounts: to it, every customer's addresses are alike. Only the server can tell that an
account is used from a place of its own customer, so each account carries its customer's networks.
"""

from __future__ import annotations

from typing import TypedDict

from .checked import read_model
from .edge import require_sources


class AccountAccess(TypedDict):
    """An account that may log in and the networks, IPv4 first, that it may do so from."""

    name: str
    customer: str
    networks: list[str]


class AccessList(TypedDict):
    """Every account that may log in, sorted by name."""

    accounts: list[AccountAccess]


def exchange_access(model: object) -> AccessList:
    """Checked model -> the enabled accounts of present customers with their networks; never one with none."""
    accounts: list[AccountAccess] = []
    for customer in read_model(model).admitted:
        require_sources(customer)
        accounts.extend(
            {"name": account.name, "customer": customer.name, "networks": [*customer.sources4, *customer.sources6]}
            for account in customer.accounts
            if account.enabled
        )
    return {"accounts": sorted(accounts, key=lambda account: account["name"])}
