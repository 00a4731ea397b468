#!/usr/bin/env python3
"""Events: 100 complete files per second through the real program to a real HTTP receiver, counted; and its limit.

Needs neither root nor a lab: the transfer log is written here, as ftps-exchange-transfer-log writes it.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import http.server
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import ClassVar

PROGRAM = Path(__file__).resolve().parents[1] / "roles" / "events" / "files" / "ftps-exchange-events"
CUSTOMERS = 20


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes everything, and notes when."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[Counter[str]] = Counter()
    waits: ClassVar[list[float]] = []
    batches: ClassVar[set[str]] = set()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        now = time.time()
        files = body["data"]["files"]
        # Twice what comes twice, with or without the same id
        self.batches.add(self.headers["webhook-id"])
        self.seen.update(file["id"] for file in files)
        self.waits.extend(now - datetime.datetime.fromisoformat(file["time"]).timestamp() for file in files)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def records(first: int, count: int) -> str:
    """Records of renames, as they are in the transfer log."""
    lines = []
    for number in range(first, first + count):
        moment = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        customer = f"customer-{number % CUSTOMERS}"
        record = {"id": f"awRqMApjATL9AACZAAAEaA0S-{number}", "time": moment, "account": f"{customer}-up"}
        record |= {"customer": customer, "source": "198.51.100.20", "operation": "rename", "outcome": "ok"}
        record |= {"file": f"/in/delivery-{number}.gpkg", "path": f"homes/{customer}/in/delivery-{number}.gpkg"}
        record |= {"renamed_from": f"/in/delivery-{number}.gpkg.part", "tls": "TLSv1.2", "session": "awRqMApjATL9"}
        lines.append(json.dumps(record) + "\n")
    return "".join(lines)


def main(arguments: list[str]) -> int:
    """Measure, and fail if anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=100, help="complete files per second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--backlog", type=int, default=20_000, help="files that wait when the receiver comes back")
    asked = parser.parse_args(arguments)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        return measure(asked, Path(folder), server.server_port)


def measure(asked: argparse.Namespace, folder: Path, port: int) -> int:
    """Run the program on a log of our own."""
    log, configuration, state = folder / "transfer.log", folder / "configuration", folder / "state"
    configuration.mkdir()
    (state / "bench").mkdir(parents=True)
    log.touch()
    (configuration / "bench.json").write_text(
        json.dumps(
            {
                "name": "bench",
                "exchange": "bench",
                "kind": "webhook",
                "url": f"http://127.0.0.1:{port}/",
                "addresses": ["127.0.0.1"],
                "complete": "renamed",
                "quiet_seconds": 60,
                "temporary_names": ["*.part"],
                "homes": True,
                "batch_files": 50,
                "batch_seconds": 1,
                "retry_seconds": 300,
                "queue_megabytes": 100,
                "log": str(log),
            }
        )
    )
    program = subprocess.Popen(
        [sys.executable, PROGRAM, "--run", "bench", "--configuration", configuration, "--state", state],
        stdin=subprocess.PIPE,
    )
    assert program.stdin is not None  # noqa: S101  for the type checker
    program.stdin.write(b"whsec_" + base64.b64encode(os.urandom(32)))
    program.stdin.close()
    time.sleep(1.5)
    written = 0
    with log.open("a") as file:
        began = time.monotonic()
        while (passed := time.monotonic() - began) < asked.seconds:
            due = int(passed * asked.rate) - written
            if due > 0:
                file.write(records(written, due))
                file.flush()
                written += due
            time.sleep(0.05)
        wait_for(written)
        waits = sorted(Receiver.waits)
        began = time.monotonic()
        file.write(records(written, asked.backlog))
        file.flush()
        written += asked.backlog
        wait_for(written)
        backlog = time.monotonic() - began
    program.terminate()
    program.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    doubled = sum(times > 1 for times in Receiver.seen.values())
    print(
        f"{asked.rate} files/s for {asked.seconds} s: median {waits[len(waits) // 2]:.2f} s, longest {waits[-1]:.2f} s"
    )
    print(f"{asked.backlog} files at once: {backlog:.1f} s, {asked.backlog / backlog:.0f} files/s")
    print(f"processor {used.ru_utime + used.ru_stime:.1f} s, memory {used.ru_maxrss / 1024:.0f} MiB")
    print(f"written {written}, received {len(Receiver.seen)}, doubled {doubled}, batches {len(Receiver.batches)}")
    return 0 if len(Receiver.seen) == written and not doubled else 1


def wait_for(count: int) -> None:
    """Until the receiver has so many, or nothing has come for a minute."""
    last, since = 0, time.monotonic()
    while len(Receiver.seen) < count and time.monotonic() - since < 60:
        if len(Receiver.seen) != last:
            last, since = len(Receiver.seen), time.monotonic()
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
