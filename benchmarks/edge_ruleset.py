#!/usr/bin/env python3
"""How the edge's rules cope with many customers: loading them, a run with nothing to do, one customer more.

Run as root, from the project's directory: `.venv/bin/python benchmarks/edge_ruleset.py [customers]`. Everything happens
in a network namespace of its own; the machine's own rules are not touched. It needs nft.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "collections")]

from ansible.template import trust_as_template  # noqa: E402
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.declared import declared_elements  # noqa: E402
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.kernel import Nft  # noqa: E402
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.plan import Plan, make_plan, transaction  # noqa: E402
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.text import boot_file  # noqa: E402

from tests.unit.roles.rendering import role_variables  # noqa: E402

TARGET_SECONDS = 0.5
REPETITIONS = 5


def definition() -> str:
    """The rules of the role edge, as the role writes them."""
    variables: dict[str, Any] = {
        "edge_public_addresses": ["198.51.100.10", "2001:db8:100::10"],
        "edge_servers": [{"name": "ftps1", "ip4": "10.77.10.11", "ip6": "fd77:10::11"}],
        "edge_customer_sets": {"customers4": [], "customers6": []},
        "nftables_table_management_networks": ["192.0.2.0/24"],
        "nftables_table_purpose": "benchmark",
    }
    roles = {"edge": "edge", "nftables_table": "common_chains"}
    templates = [
        (PROJECT / "roles" / role / "templates" / f"{name}.nft.j2").read_text() for role, name in roles.items()
    ]
    text = "".join(["#jinja2: trim_blocks: True\n", *templates])
    return str(role_variables("edge", variables, "nftables_table").template(trust_as_template(text)))


def customers(count: int) -> dict[str, list[dict[str, str]]]:
    """Two networks a customer, one of each address family."""
    names = [f"customer-{number:05d}" for number in range(count)]
    return {
        "customers4": [{"element": f"11.{n >> 8}.{n & 255}.0/25", "comment": name} for n, name in enumerate(names)],
        "customers6": [{"element": f"2001:db8:{n:x}::/48", "comment": name} for n, name in enumerate(names)],
    }


def run(command: Sequence[str], data: str) -> tuple[int, str, str]:
    done = subprocess.run(command, input=data, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def least_seconds(action: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Of several runs the one that other processes disturbed least."""
    times = []
    for _ in range(REPETITIONS):
        before()
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(nft: Nft, rules: str, sets: dict[str, list[dict[str, str]]]) -> tuple[int, float, float, float]:
    """Number of rules; seconds to load all, to add one customer, to find that nothing is to be done."""
    boot = boot_file(nft.family, nft.name, rules, declared_elements(sets))

    def plan(sets: dict[str, list[dict[str, str]]]) -> Plan:
        return make_plan(nft.live(), nft.parsed(rules), declared_elements(sets))

    loading = least_seconds(lambda: nft.load(boot), before=lambda: run(["nft", "flush", "ruleset"], ""))
    comparing = least_seconds(lambda: plan(sets))
    if plan(sets).changed:
        raise SystemExit("the table that was loaded differs from its declaration")

    newcomer = {"element": "192.0.2.1", "comment": "newcomer"}
    change = plan({**sets, "customers4": [*sets["customers4"], newcomer]})
    addition = transaction(nft.family, nft.name, rules, change)
    adding = least_seconds(lambda: nft.load(addition), before=lambda: nft.load(boot))

    listing = nft.run(["nft", "-j", "list", "table", nft.family, nft.name], "")[1]
    return listing.count('"rule": {'), loading, adding, comparing


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    if "FTPS_EXCHANGE_NAMESPACE" not in os.environ:
        os.environ["FTPS_EXCHANGE_NAMESPACE"] = "own"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])  # noqa: S606

    rules = definition()
    nft = Nft(run, "inet", "benchmark")
    rows = {number: measure(nft, rules, customers(number)) for number in (10, count)}
    print(f"{'customers':>10} {'rules':>6} {'load':>8} {'one more':>9} {'compare, nothing to do':>23}")
    for number, (rule_count, loading, adding, comparing) in rows.items():
        print(f"{number:>10} {rule_count:>6} {loading:>6.3f} s {adding:>7.3f} s {comparing:>21.3f} s")
    reached = rows[count][1] <= TARGET_SECONDS and len({row[0] for row in rows.values()}) == 1
    print(f"each figure is the best of {REPETITIONS}; a customer has one network of each address family")
    print(f"target: load in at most {TARGET_SECONDS} s, same number of rules: {'reached' if reached else 'missed'}")
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
