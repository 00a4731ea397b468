#!/usr/bin/env python3
"""What the firewall rules of customer packs cost: all formats for many customers, and the share of each format.

From the project's directory: `.venv/bin/python benchmarks/pack_rules.py [customers]`. Rules are rendered, read back by
the checker and thrown away, one customer after the other: writing files is not measured here. No root, no network.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.generate import write_customers  # noqa: E402
from ftps_exchange.model import check_model  # noqa: E402
from ftps_exchange.packs import FORMATS, PackCustomer, Packs, PackService, read_packs, render_rules  # noqa: E402
from tests.unit.ftps_exchange.model_inputs import EXCHANGE  # noqa: E402

TARGETS: Final = {1_000: "20 s for whole packs", 10_000: "150 s and 600 MiB for whole packs"}
SAMPLE: Final = 500
CHUNK: Final = 100


def packs(count: int) -> Packs:
    """The service of the tests behind a translation, and generated customers with one network of each family."""
    with tempfile.TemporaryDirectory() as folder:
        write_customers(count, Path(folder), [("maps", "read")])
        return read_packs(check_model(EXCHANGE, folder), ["10.77.10.11"])


def render(service: PackService, customers: tuple[PackCustomer, ...], formats: tuple[str, ...]) -> int:
    """Render and count characters: nothing is kept, as when files are written at once."""
    return sum(
        len(text)
        for customer in customers
        for name in formats
        for text in render_rules(name, service, customer).values()
    )


def chunks(everything: Packs) -> Iterator[tuple[PackCustomer, ...]]:
    for first in range(0, len(everything.customers), CHUNK):
        yield everything.customers[first : first + CHUNK]


def row(*cells: object) -> None:
    print(f"| {' | '.join(str(cell) for cell in cells)} |", flush=True)


def main(count: int) -> None:
    """Measure and print two tables."""
    start = time.perf_counter()
    everything = packs(count)
    checked = time.perf_counter() - start
    row("what", "measured")
    print("|---|---|")
    row(f"model of {count:,} customers, checked and read", f"{checked:.1f} s")

    start, used = time.perf_counter(), time.process_time()
    size = render(everything.service, everything.customers, FORMATS)
    alone, used = time.perf_counter() - start, time.process_time() - used
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row(
        f"{count:,} customers, all {len(FORMATS)} formats, one process",
        f"{alone:.1f} s ({used:.1f} s of processor), {size / 1e6:.0f} MB of text",
    )

    workers = min(2, os.cpu_count() or 1)
    start = time.perf_counter()
    with ProcessPoolExecutor(workers) as pool:
        parts = [pool.submit(render, everything.service, chunk, FORMATS) for chunk in chunks(everything)]
        assert sum(part.result() for part in parts) == size  # noqa: S101
    both = time.perf_counter() - start
    row(f"the same, {workers} processes", f"{both:.1f} s (target: {TARGETS.get(count, 'none')})")
    row("most memory of a process", f"{own:.0f} MiB, the checked model included")

    print("\n| format | one customer | share |\n|---|---|---|")
    sample = everything.customers[:SAMPLE]
    costs: dict[str, float] = {}
    for name in FORMATS:
        start = time.process_time()
        render(everything.service, sample, (name,))
        costs[name] = (time.process_time() - start) / len(sample)
    for name, cost in sorted(costs.items(), key=lambda pair: -pair[1]):
        row(name, f"{cost * 1000:.2f} ms", f"{cost / sum(costs.values()):.0%}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
