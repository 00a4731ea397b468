#!/usr/bin/env python3
"""What the packs of many customers cost: all formats at first, then nothing to change.

    benchmarks/customer_packs.py 1000
    benchmarks/customer_packs.py 1000 languages    a fifth of them in each language

Runs the playbook that `make packs` runs, on an inventory of generated customers. No host is contacted.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ftps_exchange.packs.language import NAMES

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from benchmarks.generate import write_customers  # noqa: E402

SHARES = [("maps", "read"), ("dropbox", "write")]

# A child of its own measures the largest of all processes of a run
CHILD = (
    "import resource, subprocess, sys\n"
    "code = subprocess.call(sys.argv[1:])\n"
    "print('peak KiB:', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    "sys.exit(code)\n"
)


def ca_certificate(folder: Path) -> Path:
    """A CA certificate like the lab's."""
    file = folder / "ca.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=Benchmark", "-keyout", "/dev/null", "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    return file


def run(variables: dict[str, object]) -> tuple[float, float]:
    """Seconds and the largest process in MiB of one run."""
    start = time.monotonic()
    command = ["ansible-playbook", "--inventory", "inventories/lab", "playbooks/customer_packs.yml"]
    command += ["--extra-vars", json.dumps(variables)]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *command],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(done.stdout[-4000:])
    return time.monotonic() - start, int(done.stdout.rsplit("peak KiB: ", 1)[1]) / 1024


def in_all_languages(customers: Path) -> None:
    """Another language for each customer in turn."""
    for number, file in enumerate(sorted(customers.glob("*.yml"))):
        language = list(NAMES)[number % len(NAMES)]
        file.write_text(f"{file.read_text(encoding='utf-8')}language: {language}\n", encoding="utf-8")


def main(customers: int, *, languages: bool) -> None:
    """Measure and print a table."""
    folder = Path(tempfile.mkdtemp(prefix="ftps-exchange-packs-"))
    try:
        write_customers(customers, folder / "customers", SHARES)
        if languages:
            in_all_languages(folder / "customers")
        variables: dict[str, object] = {
            "exchange_model_customers_dir": str(folder / "customers"),
            "customer_packs_dir": str(folder / "packs"),
            "customer_packs_ca_file": str(ca_certificate(folder)),
            "customer_packs_formats": ["all"],
            "customer_packs_provider_formats": ["all"],
        }
        print("| what | measured |\n|---|---|")
        for what in ("all formats, first run", "nothing to change", "nothing to change, again"):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds, mebibytes = run(variables)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(
                f"| {customers:,} packs, {what} | {seconds:.1f} s ({used:.1f} s of processor), {mebibytes:.0f} MiB |",
                flush=True,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, languages="languages" in sys.argv[2:])
