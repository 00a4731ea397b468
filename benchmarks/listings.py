#!/usr/bin/env python3
"""What a customer's login costs while another customer lists a folder of 200,000 files in a loop.

    .venv/bin/python benchmarks/listings.py [FILES] [LAB.JSON]

Run as root with the lab up. The states take turns (nobody lists, one session, three sessions), so that a busy moment
of the machine meets all of them. The listing clients run on the same processors as the server, which makes it worse
than with clients elsewhere. The folder is removed at the end.
"""

from __future__ import annotations

import contextlib
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from tests.exchange.ftps_client import FtpsClient  # noqa: E402
from tests.exchange.lab import Lab  # noqa: E402

ROUNDS = 4
LOGINS = 15
PAUSE = 0.15
LONGEST = 60
"""Seconds after which a listing client ends by itself."""
SPARE_INODES = 500_000
FOLDER = "/srv/ftps-exchange/homes/acme/many-files"
CA = "/etc/ssl/ftps-exchange-lab-ca.pem"
STATES = (("", 0), ("MLSD", 1), ("MLSD", 3), ("LIST", 3))

FILL = """
import os, sys
count, folder = int(sys.argv[1]), sys.argv[2]
free = os.statvfs(os.path.dirname(folder))
# btrfs has no fixed number of inodes, and reports 0
if (free.f_files and free.f_favail < count + int(sys.argv[3])) or free.f_bavail * free.f_frsize < (2 << 30):
    sys.exit("too few free inodes, or too little disk space")
os.makedirs(folder)
for number in range(count):
    os.close(os.open(f"{folder}/delivery-2026-{number:06}.xml", os.O_CREAT | os.O_WRONLY, 0o640))
"""


class Listings:
    """A folder with many files, and sessions that list it."""

    def __init__(self, lab: Lab, files: int) -> None:
        self.lab, self.files = lab, files
        self.lister, self.other = lab.customers["acme"], lab.customers["globex"]
        self.peak = dict.fromkeys(("MLSD", "LIST"), 0)
        self.done = dict.fromkeys(STATES, 0)

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """The folder, removed at the end."""
        try:
            self.lab.server.sh(f"python3 -c {shlex.quote(FILL)} {self.files} {FOLDER} {SPARE_INODES}", timeout=600)
            yield
        finally:
            self.lab.server.sh(f"rm -rf {FOLDER}", timeout=600)

    @contextlib.contextmanager
    def listing(self, kind: str, sessions: int) -> Iterator[None]:
        """So many sessions list in a loop meanwhile."""
        account = self.lister.writer
        script = (
            f"exec timeout {LONGEST} sh -c 'umask 077; cat > /run/listing-$$; while :; do "
            f"curl -s -S --config /run/listing-$$ --ssl-reqd --cacert {CA} -X {kind} -o /dev/null "
            f"ftp://{self.lab.fqdn}/many-files/ && echo done; done'"
        )
        config = f'user = "{account.name}:{account.password}"\n'.encode()
        clients = []
        for _ in range(sessions):
            client = subprocess.Popen(
                self.lister.host.command(True, ("sh", "-c", script)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            if client.stdin:
                client.stdin.write(config)
                client.stdin.close()
            clients.append(client)
        try:
            if clients:
                time.sleep(2)
            yield
            if clients:
                self.peak[kind] = max(self.peak[kind], self.largest_session())
        finally:
            if clients:
                self.lister.host.run("pkill", "-f", f"timeout {LONGEST} sh")
            for client in clients:
                self.done[kind, sessions] += client.stdout.read().count(b"done") if client.stdout else 0
                client.wait()
            self.lister.host.run("sh", "-c", "rm -f /run/listing-*")

    def largest_session(self) -> int:
        """The most memory that a session has had, in KiB."""
        text = self.lab.server.sh(
            "cat /proc/[0-9]*/status 2> /dev/null | grep -A 60 '^Name:.proftpd' | grep VmHWM || :"
        )
        return max((int(line.split()[1]) for line in text.splitlines()), default=0)

    def logins(self) -> list[float]:
        """Seconds from the connection to 230, for another customer."""
        seconds = []
        for _ in range(LOGINS):
            began = time.monotonic()
            client = FtpsClient(self.lab, self.other.host, timeout=60).start_tls()
            client.login(self.other.writer)
            seconds.append(time.monotonic() - began)
            client.control.close()
            time.sleep(PAUSE)
        return seconds


def main(files: int, description: Path) -> None:
    """Measure in turns, print the table."""
    listings = Listings(Lab(description), files)
    found: dict[tuple[str, int], list[float]] = {state: [] for state in STATES}
    with listings.ready():
        for _ in range(ROUNDS):
            for state in STATES:
                with listings.listing(*state):
                    found[state] += listings.logins()
    alone = percentiles(found[STATES[0]])
    print(f"| {files:,} files; logins of another customer | p50 | p95 | times as long, p50, p95 | listings done |")
    print("|---|---|---|---|---|")
    for state in STATES:
        kind, sessions = state
        p50, p95 = percentiles(found[state])
        what = f"{sessions} sessions with {kind}" if sessions else "nobody lists"
        print(
            f"| {what} | {p50 * 1000:.0f} ms | {p95 * 1000:.0f} ms | {p50 / alone[0]:.2f}, {p95 / alone[1]:.2f} |"
            f" {listings.done[state]} |"
        )
    for kind, kib in listings.peak.items():
        print(f"Largest session with {kind}: {kib / 1024:.0f} MiB resident")


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """The median, and what 95 of 100 stay below."""
    return statistics.median(seconds), statistics.quantiles(seconds, n=20)[18]


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 200_000,
        Path(sys.argv[2]) if len(sys.argv) > 2 else PROJECT / ".lab" / "lab.json",
    )
