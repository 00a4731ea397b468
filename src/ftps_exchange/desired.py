"""Checked model -> what directory, servers and edge are given, computed once in a run.

What modules read is text, because Ansible looks at each value of a structure for a template, wherever one goes from a
filter to a fact or from a fact to a module: with 10,000 customers that is five seconds for the directory, of which half
a second is work. A module takes the JSON text of a dictionary in place of the dictionary.
"""

from __future__ import annotations

import json
from typing import TypedDict

from .directory import exchange_directory
from .edge import exchange_edge_sets, require_sources
from .model.view import read_model


class AccountAccess(TypedDict):
    """An account that may log in and the networks, IPv4 first, that it may do so from."""

    name: str
    customer: str
    networks: list[str]


class AccessList(TypedDict):
    """Every account that may log in, sorted by name."""

    accounts: list[AccountAccess]


def exchange_access(model: object) -> AccessList:
    """Checked model -> the enabled accounts of present customers with their networks; never one with none.

    This is the server's own check behind the edge's. The edge knows addresses, not accounts: to it, every customer's
    addresses are alike. Only the server can tell that an account is used from a place of its own customer.
    """
    accounts: list[AccountAccess] = []
    for customer in read_model(model).admitted:
        require_sources(customer)
        networks = [str(network) for network in (*customer.sources4, *customer.sources6)]
        accounts.extend(
            {"name": account.name, "customer": customer.name, "networks": networks} for account in customer.enabled
        )
    return {"accounts": sorted(accounts, key=lambda account: account["name"])}


class Desired(TypedDict):
    """Texts for modules, and what templates of roles look into."""

    directory: str
    """JSON of what exchange_directory gives."""
    customer_sets: str
    """JSON of what exchange_edge_sets gives."""
    customer_networks: str
    """The networks in those sets, separated by commas."""
    accounts: list[AccountAccess]
    """What exchange_access gives; empty unless asked for."""


def exchange_desired(model: object, accounts: bool = True) -> Desired:
    """Checked model -> arguments of modules, as texts; ``accounts`` only for servers that keep them in files."""
    model = read_model(model)
    sets = exchange_edge_sets(model)
    return {
        "directory": _json(exchange_directory(model)),
        "customer_sets": _json(sets),
        "customer_networks": ",".join(entry["element"] for entry in [*sets["customers4"], *sets["customers6"]]),
        "accounts": exchange_access(model)["accounts"] if accounts else [],
    }


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
