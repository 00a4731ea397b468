#!/usr/bin/env python3
"""What many customers cost the control node when the servers run Windows, and how much is sent to one.

    .venv/bin/python benchmarks/windows.py [customers …]

No host is needed. It says nothing of how fast IIS is.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import yaml  # noqa: E402

from benchmarks import generate  # noqa: E402
from ftps_exchange.directory import exchange_group_names  # noqa: E402
from ftps_exchange.folders import exchange_folders, exchange_predicted_sids  # noqa: E402
from ftps_exchange.iis.render import exchange_iis_application_host  # noqa: E402
from ftps_exchange.iis.settings import exchange_iis_settings  # noqa: E402
from ftps_exchange.model import check_model  # noqa: E402
from ftps_exchange.wire import wire_text  # noqa: E402

EXAMPLE = PROJECT / "inventories" / "example_windows" / "group_vars" / "all" / "exchange.yml"
SHARES = [("base-maps", "read"), ("survey-results", "write")]


def timed[T](what: Callable[[], T]) -> tuple[T, float]:
    """A result, and how long it took."""
    start = time.monotonic()
    result = what()
    return result, time.monotonic() - start


def measure(count: int) -> None:
    """One number of customers, one row a step."""
    exchange = yaml.safe_load(EXAMPLE.read_text())["exchange"] | {"public_ip6": "2001:db8:113::10"}
    with tempfile.TemporaryDirectory() as folder:
        generate.write_customers(count, Path(folder), SHARES)
        model, seconds = timed(lambda: check_model(exchange, folder))
    total = seconds
    row(count, "check of the model", f"{seconds:.1f} s")

    settings, seconds = timed(lambda: exchange_iis_settings(model))
    total += seconds
    plain = json.dumps(settings, separators=(",", ":"))
    row(count, "settings of IIS", f"{seconds:.1f} s, {len(plain) / 1e6:.2f} MB of JSON")

    sids = exchange_predicted_sids(exchange_group_names(model))
    folders, seconds = timed(lambda: exchange_folders(model, sids, platform="windows"))
    total += seconds
    row(count, "folders", f"{seconds:.1f} s, {len(json.dumps(folders, separators=(',', ':'))) / 1e6:.2f} MB of JSON")

    texts, seconds = timed(lambda: [wire_text(settings), wire_text(folders)])
    total += seconds
    row(count, "both as they are sent", f"{seconds:.1f} s, {sum(map(len, texts)) / 1e6:.2f} MB", "20 MB")
    row(count, "control side in all", f"{total:.1f} s", "30 s")

    text, seconds = timed(lambda: exchange_iis_application_host(settings))
    row(count, "preview of applicationHost.config", f"{seconds:.1f} s, {len(text) / 1e6:.1f} MB")


def row(count: int, what: str, value: str, target: str = "") -> None:
    print(f"| {what}, {count:,} customers | {value} | {target} |", flush=True)


def main(counts: list[int]) -> None:
    """Measure each number of customers."""
    print("| what | measured | target |\n|---|---|---|")
    for count in counts:
        measure(count)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [100, 1000, 10000])
