"""Checked model -> from which networks each account may log in, and what it may use there.

The edge knows addresses, not accounts: to it, every customer's addresses are alike. Only the server can tell that an
account is used from a place of its own customer, so each account carries its customer's networks. What it may use
follows from the directory's groups at each login; it stands here so that open sessions with more can be ended.
"""

from __future__ import annotations

from typing import TypedDict

from .checked import Access, effective_access, read_model
from .edge import require_sources


class AccountAccess(TypedDict):
    """An account that may log in, the networks, IPv4 first, that it may do so from, and its rights."""

    name: str
    customer: str
    networks: list[str]
    home: Access
    shares: dict[str, Access]


class AccessList(TypedDict):
    """Every account that may log in, sorted by name."""

    accounts: list[AccountAccess]


def exchange_access(model: object) -> AccessList:
    """Checked model -> the enabled accounts of present customers with their networks; never one with none."""
    accounts: list[AccountAccess] = []
    for customer in read_model(model).admitted:
        require_sources(customer)
        accounts.extend(
            {
                "name": account.name,
                "customer": customer.name,
                "networks": [*customer.sources4, *customer.sources6],
                "home": account.access,
                "shares": {grant.share: effective_access(account, grant) for grant in customer.grants},
            }
            for account in customer.accounts
            if account.enabled
        )
    return {"accounts": sorted(accounts, key=lambda account: account["name"])}
