"""Checked model -> what directory, servers and edge are given, computed once in a run.

What modules read is text, because Ansible looks at each value of a structure for a template, wherever one goes from a
filter to a fact or from a fact to a module: with 10,000 customers that is five seconds for the directory, of which half
a second is work. A module takes the JSON text of a dictionary in place of the dictionary.
"""

from __future__ import annotations

import json
from typing import TypedDict

from .access import AccountAccess, exchange_access
from .directory import exchange_directory
from .edge import exchange_host_sets


class Desired(TypedDict):
    """Texts for modules, and what templates of roles look into."""

    directory: str
    """JSON of what exchange_directory gives."""
    customer_sets: str
    """JSON of what exchange_edge_sets gives."""
    host_sets: str
    """JSON of what exchange_host_sets gives."""
    customer_networks: str
    """The networks in those sets, separated by commas."""
    accounts: list[AccountAccess]
    """What exchange_access gives; empty unless asked for."""


def exchange_desired(model: object, accounts: bool = True) -> Desired:
    """Checked model -> arguments of modules, as texts; ``accounts`` only for servers that keep them in files."""
    sets = exchange_host_sets(model)
    return {
        "directory": _json(exchange_directory(model)),
        "customer_sets": _json({name: sets[name] for name in ("customers4", "customers6")}),
        "host_sets": _json(sets),
        "customer_networks": ",".join(entry["element"] for entry in [*sets["customers4"], *sets["customers6"]]),
        "accounts": exchange_access(model)["accounts"] if accounts else [],
    }


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
