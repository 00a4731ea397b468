#!/usr/bin/env python3
"""What a deployment costs with many customers: first run, run with nothing to do, a login, an item-by-item reference.

Run through `make bench`, as root. The many are deployed onto the hosts of the Molecule scenario, under the folder
.lab/bench; the few are those of the running lab, so that logins can be compared in pairs while both are up.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from tests.exchange.ftps_client import FtpsClient  # noqa: E402
from tests.exchange.lab import Lab  # noqa: E402

SCENARIO = PROJECT / "molecule" / "default"
FOLDER = PROJECT / ".lab" / "bench"
LOGIN_PAIRS = 100
REFERENCE_CUSTOMERS = 20


@dataclass
class Measured:
    """One run of ansible-playbook."""

    seconds: float
    mebibytes: float


def play(inventory: str, playbook: str, *options: str) -> Measured:
    """Run a playbook that must succeed; its time, and the most memory that one of its processes took."""
    start = time.monotonic()
    command = ["/usr/bin/env", "python3", "-c", CHILD, "ansible-playbook", "--inventory", inventory, playbook, *options]
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env=os.environ | {"MOLECULE_EPHEMERAL_DIRECTORY": str(FOLDER)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{playbook} failed:\n{done.stdout[-6000:]}")
    peak = int(done.stdout.rsplit("peak KiB: ", 1)[1])
    return Measured(time.monotonic() - start, peak / 1024)


# The children's peak is that of the largest one: so each run has its own process.
CHILD = (
    "import resource, subprocess, sys\n"
    "code = subprocess.call(sys.argv[1:])\n"
    "print('peak KiB:', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    "sys.exit(code)\n"
)


def login_seconds(lab: Lab, customer: str) -> float:
    client = FtpsClient(lab, lab.customers[customer].host).start_tls()
    start = time.monotonic()
    client.login(lab.customers[customer].writer)
    seconds = time.monotonic() - start
    client.control.close()
    return seconds


def login_pair(few: Lab, many: Lab, *, swapped: bool) -> tuple[float, float]:
    """One login at each, one right after the other; which comes first changes from pair to pair."""
    if swapped:
        later = login_seconds(many, "globex")
        return login_seconds(few, "globex"), later
    return login_seconds(few, "globex"), login_seconds(many, "globex")


def login_ratio(few: Lab, many: Lab) -> tuple[float, float]:
    """How long a login at the second takes, and how many times as long as at the first: medians over all pairs."""
    for lab in (few, many):
        login_seconds(lab, "globex")
    pairs = [login_pair(few, many, swapped=bool(number % 2)) for number in range(LOGIN_PAIRS)]
    return statistics.median(b for _, b in pairs), statistics.median(b / a for a, b in pairs)


def row(what: str, value: str, target: str = "") -> None:
    print(f"| {what} | {value} | {target} |", flush=True)


def main(customers: int) -> None:
    """Deploy, measure, remove."""
    few, many = "inventories/lab", str(SCENARIO / "inventory")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(mode=0o700, parents=True)
    print("| what | measured | target |\n|---|---|---|")
    try:
        play(few, "playbooks/site.yml")
        reference = [play(few, "playbooks/site.yml") for _ in range(3)]
        median_few = statistics.median(run.seconds for run in reference)
        row("nothing to change, customers of the lab", f"{median_few:.1f} s", "25 s")

        # The same hosts with the lab's customers first: two sets of hosts are never quite equally fast.
        play(many, "molecule/default/destroy.yml")
        play(many, "molecule/default/create.yml")
        play(many, "playbooks/site.yml")
        play(many, "playbooks/lab_facts.yml")
        lab_few, lab_many = Lab(PROJECT / ".lab" / "lab.json"), FOLDER / "lab" / "lab.json"
        _, ratio_before = login_ratio(lab_few, Lab(lab_many))

        play(many, "molecule/default/destroy.yml")
        play(many, "molecule/default/create.yml")
        # The generated customers are nowhere, but the run looks for a way to them
        for family, network in (("-4", "198.18.0.0/15"), ("-6", "2001:2::/48")):
            subprocess.run(
                ["podman", "exec", "ftpsx-test-edge1", "ip", family, "route", "add", network, "dev", "internet"],
                check=True,
            )
        generate = [sys.executable, "-m", "benchmarks.generate", str(customers), str(FOLDER / "customers")]
        subprocess.run([*generate, "--share", "maps:read", "--share", "dropbox:write"], check=True, cwd=PROJECT)
        first = play(many, "playbooks/site.yml")
        row(
            f"first run, {customers:,} customers", f"{first.seconds:.0f} s, {first.mebibytes:.0f} MiB", "180 s, 400 MiB"
        )
        runs = [play(many, "playbooks/site.yml") for _ in range(3)]
        median_many = statistics.median(run.seconds for run in runs)
        peak = max(run.mebibytes for run in runs)
        row(
            f"nothing to change, {customers:,} customers",
            f"{median_many:.1f} s, {median_many / median_few:.2f} times the lab's, {peak:.0f} MiB",
            "2 times, 400 MiB",
        )

        looks = {
            "status": ("10 s", ["playbooks/status.yml"]),
            "diagnosis of a customer": ("5 s", ["playbooks/diagnose.yml", "--extra-vars", "diagnose_customer=globex"]),
            "notices, nothing due": ("", ["playbooks/notices.yml", "--extra-vars", f"notices_dir={FOLDER}/notices"]),
        }
        for what, (aim, command) in looks.items():
            command += ["--extra-vars", f"status_reports_dir={FOLDER}/reports"]
            seconds = statistics.median(play(many, *command).seconds for _ in range(3))
            row(f"{what}, {customers:,} customers", f"{seconds:.1f} s", aim)

        play(many, "playbooks/lab_facts.yml")
        median_login, ratio = login_ratio(lab_few, Lab(lab_many))
        row(
            f"login, {customers:,} customers",
            f"{median_login * 1000:.0f} ms, {ratio / ratio_before:.2f} times as long as on the same hosts with the "
            f"lab's customers ({LOGIN_PAIRS} pairs each)",
            "no more",
        )

        by_item = play(
            many, "benchmarks/item_by_item.yml", "--extra-vars", f"item_by_item_customers={REFERENCE_CUSTOMERS}"
        )
        each = by_item.seconds / REFERENCE_CUSTOMERS
        row(
            f"reference: two folders and their ACLs a customer, item by item, {REFERENCE_CUSTOMERS} customers",
            f"{by_item.seconds:.0f} s, {each:.2f} s each: {each * customers / 60:.0f} min for {customers:,}",
        )
    finally:
        play(many, "molecule/default/destroy.yml")
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
