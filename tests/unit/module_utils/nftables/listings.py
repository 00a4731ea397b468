"""A table as two versions of nft listed it, and the declaration that it is made from.

golden/nftables_table/ holds what nft printed for DEFINITION (-empty.json, .txt) and for the same table with elements in
its sets (-filled.json).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.nftables.declared import declared_elements
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.listing import read_table
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.plan import Plan, make_plan
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import Table

VERSIONS = ["1.0.6", "1.1.3"]
GOLDEN = Path(__file__).parents[2] / "golden" / "nftables_table"
DEFINITION = "chain forward { }"
ACME = {"element": "198.51.100.20", "comment": "acme"}
GLOBEX = {"element": "203.0.113.0/25", "comment": "globex, initech"}
HOOLI = {"element": "203.0.113.200-203.0.113.209", "comment": "hooli"}
SIX = [
    {"element": "2001:db8:100::20", "comment": "acme"},
    {"element": "2001:db8:2::/48", "comment": "globex, initech"},
]
SETS: dict[str, list[dict[str, str]]] = {"customers4": [ACME, GLOBEX, HOOLI], "customers6": SIX}


def listing(version: str, state: str) -> Table:
    return read_table((GOLDEN / f"{version}-{state}.json").read_text(), (GOLDEN / f"{version}.txt").read_text())


def plan(live: Table | None, desired: Table, sets: Mapping[str, Sequence[Mapping[str, Any]]]) -> Plan:
    return make_plan(live, desired, declared_elements(sets))
