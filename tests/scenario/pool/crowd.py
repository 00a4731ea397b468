"""Twenty customers at one computer, who upload one file after the other. It runs on their computer.

Standard input: JSON with fqdn, ca, seconds, bytes, rate, family, attempts, pause, speed_time,
max_time, enough (a file that ends it earlier) and customers (name, password, address).
Standard output: JSON, a list of uploads with their attempts.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any


def upload(job: dict[str, Any], customer: dict[str, str], name: str, path: str) -> list[dict[str, Any]]:
    """Upload under another name and rename, as docs/packs.md says; every attempt."""
    attempts: list[dict[str, Any]] = []
    for _ in range(job["attempts"]):
        began = time.time()
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--config", "-", f"-{job['family']}",
             "--interface", customer["address"], "--ssl-reqd", "--tls-max", "1.2", "--cacert", job["ca"],
             "--connect-timeout", "30", "--speed-time", str(job["speed_time"]), "--speed-limit", "1",
             "--max-time", str(job["max_time"]), "--limit-rate", job["rate"], "--upload-file", path,
             "--quote", f"-RNFR {name}.part", "--quote", f"-RNTO {name}",
             f"ftp://{job['fqdn']}/{name}.part"],
            input=f'user = "{customer["name"]}:{customer["password"]}"\n', capture_output=True, text=True, check=False,
        )  # fmt: skip
        attempts.append(
            {"began": began, "ended": time.time(), "code": done.returncode, "error": done.stderr.strip()[-200:]}
        )
        if done.returncode == 0:
            break
        time.sleep(job["pause"])
    return attempts


def customer_loop(job: dict[str, Any], customer: dict[str, str], until: float, found: list[dict[str, Any]]) -> None:
    """One customer's uploads, until the time is over."""
    number = 0
    with tempfile.NamedTemporaryFile() as file:
        while time.time() < until and not os.path.exists(job["enough"]):
            number += 1
            name = f"crowd-{customer['name']}-{number}"
            content = os.urandom(4096) * (job["bytes"] // 4096)
            file.seek(0)
            file.write(content)
            file.flush()
            attempts = upload(job, customer, name, file.name)
            found.append(
                {
                    "customer": customer["name"],
                    "name": name,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "attempts": attempts,
                }
            )


def main() -> None:
    job = json.load(sys.stdin)
    found: list[dict[str, Any]] = []
    until = time.time() + job["seconds"]
    threads = [
        threading.Thread(target=customer_loop, args=(job, customer, until, found)) for customer in job["customers"]
    ]
    for thread in threads:
        thread.start()
        # They do not all begin at the same moment
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
