#!/usr/bin/env python3
"""How the work of win_iis_settings grows with the customers, over the tests' stand-in of IIS.

    .venv/bin/python benchmarks/windows_engine.py [customers …]

The list is what the filter makes of generated customers (three accounts for two customers, two shares each, both
sites). Nothing may be removed from an empty host, and the calls of the library are counted: they grow with the
customers, and not with their square. It measures the module's own work and the stand-in's, and says nothing of how fast
IIS is. Needs a PowerShell engine: named in FTPS_EXCHANGE_PWSH, or pwsh on the PATH.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import yaml  # noqa: E402

from benchmarks import generate  # noqa: E402
from ftps_exchange.iis.settings import exchange_iis_settings  # noqa: E402
from ftps_exchange.model.check import check_model  # noqa: E402
from tests.windows import powershell  # noqa: E402
from tests.windows.iis import Iis  # noqa: E402

EXAMPLE = PROJECT / "inventories" / "example_windows" / "group_vars" / "all" / "exchange.yml"
SHARES = [("base-maps", "read"), ("survey-results", "write")]
LIMIT = 60


def listed(count: int) -> str:
    """The filter's list for so many customers more than the example has."""
    exchange = yaml.safe_load(EXAMPLE.read_text("utf-8"))["exchange"] | {"public_ip6": "2001:db8:113::10"}
    with tempfile.TemporaryDirectory() as folder:
        generate.write_customers(count, Path(folder), SHARES)
        model = check_model(exchange, folder)
    return json.dumps(exchange_iis_settings(model), separators=(",", ":"))


def measure(process: powershell.PowerShell, folder: Path, count: int) -> None:
    """Apply one number of customers to an empty host, then once more."""
    base = resources.files("ftps_exchange.iis").joinpath("base.config").read_text("utf-8")
    iis = Iis(process, folder / "applicationHost.config", base)
    settings = listed(count)
    for what, changed in (("applied", True), ("found unchanged", False)):
        start, busy = time.monotonic(), processor_time(process)
        answer = iis.apply(settings, diff=False, timeout=1200)
        seconds = time.monotonic() - start
        if answer["changed"] is not changed or answer["counts"]["removed"]:
            raise SystemExit(f"{count} customers, {what}: {answer}")
        target = f"{LIMIT} s" if count == 10000 else ""
        busy = processor_time(process) - busy
        load = os.getloadavg()[0]
        print(
            f"| settings of IIS, {count:,} customers {what} | {seconds:.1f} s ({busy:.1f} s of processor time,"
            f" load {load:.1f}), {iis.calls():,} calls | {target} |",
            flush=True,
        )


def processor_time(process: powershell.PowerShell) -> float:
    """Processor time of the engine so far, in seconds."""
    return float(process.script("[Diagnostics.Process]::GetCurrentProcess().TotalProcessorTime.TotalSeconds")[0])


def main(counts: list[int]) -> None:
    """Measure each number of customers."""
    program = powershell.find()
    if program is None:
        raise SystemExit(f"There is no PowerShell engine: set {powershell.VARIABLE}, or put pwsh on the PATH.")
    process = powershell.PowerShell(program)
    try:
        print("| what | measured | target |\n|---|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            # What the first call costs, the process and the compiler, belongs to none
            with contextlib.redirect_stdout(None):
                measure(process, Path(folder), 1)
            for count in counts:
                measure(process, Path(folder), count)
    finally:
        process.close()


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [100, 400, 1600, 10000])
