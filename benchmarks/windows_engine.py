#!/usr/bin/env python3
"""How the work of win_iis_settings grows with the customers, over the tests' stand-in of IIS.

    .venv/bin/python benchmarks/windows_engine.py [customers …]

Each has two accounts, three virtual directories an account and rules at a location for each account. It measures the
module's own work and the stand-in's, and says nothing of how fast IIS is. Needs a PowerShell engine: named in
FTPS_EXCHANGE_PWSH, or pwsh on the PATH.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from tests.windows import powershell  # noqa: E402
from tests.windows.iis import Iis  # noqa: E402
from tests.windows.iis_settings import generated  # noqa: E402

LIMIT = 60


def measure(process: powershell.PowerShell, folder: Path, count: int) -> None:
    """Apply one number of customers to an empty host, then once more."""
    base = resources.files("ftps_exchange.iis").joinpath("base.config").read_text("utf-8")
    iis = Iis(process, folder / "applicationHost.config", base)
    settings = json.dumps(generated(count), separators=(",", ":"))
    for what, changed in (("applied", True), ("found unchanged", False)):
        start = time.monotonic()
        answer = iis.apply(settings, diff=False, timeout=1200)
        seconds = time.monotonic() - start
        if answer["changed"] is not changed:
            raise SystemExit(f"{count} customers, {what}: {answer}")
        target = f"{LIMIT} s" if count == 10000 else ""
        print(f"| settings of IIS, {count:,} customers {what} | {seconds:.1f} s | {target} |", flush=True)


def main(counts: list[int]) -> None:
    """Measure each number of customers."""
    program = powershell.find()
    if program is None:
        raise SystemExit(f"There is no PowerShell engine: set {powershell.VARIABLE}, or put pwsh on the PATH.")
    process = powershell.PowerShell(program)
    try:
        print("| what | measured | target |\n|---|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            for count in counts:
                measure(process, Path(folder), count)
    finally:
        process.close()


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [100, 1000, 10000])
