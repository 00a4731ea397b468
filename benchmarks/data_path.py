#!/usr/bin/env python3
"""How fast files cross the two firewalls: FTPS, TLS alone, and SFTP, side by side, in one run.

    .venv/bin/python benchmarks/data_path.py [MIBIBYTES] [LAB.JSON]

Run as root with the lab up. The client is the customer behind a firewall of its own; the second firewall is the edge.
TLS alone is a program of thirty lines over OpenSSL, SFTP is OpenSSH; both use passive ports of the same server. The
three take turns, so that a busy moment of the machine meets all of them; each figure is the median of three
rounds. A login is in none of them: only the transfer is measured.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from tests.exchange.lab import Lab  # noqa: E402

ROUNDS = 3
FILES = 1000
SMALL_KIB = 10
SPARE_GIB = 3
"""What is left free on the disk at least."""

# Of the client, and of the server
NEAR, FAR = "/var/tmp/data-path", "/srv/ftps-exchange/data-path"  # noqa: S108 (in the lab's own containers)
BOTH_WAYS = ("upload", "download")
CA = "/etc/ssl/ftps-exchange-lab-ca.pem"

# One connection, one direction, 128 KiB per call. Like the others, it writes uploads to a file. The client prints its
# seconds after the handshake.
TLS = """
import socket, ssl, sys, time
side, way, port, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if side == "server" else ssl.PROTOCOL_TLS_CLIENT)
context.maximum_version = ssl.TLSVersion.TLSv1_2
sending = (side == "client") == (way == "upload")
name, mode = ("big", "rb") if sending else ("received" if side == "server" else "/dev/null", "wb")
if side == "server":
    context.load_cert_chain("cert.pem", "key.pem")
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    connection = listener.accept()[0]
else:
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = socket.create_connection((sys.argv[5], port))
with context.wrap_socket(connection, server_side=side == "server") as secured, open(name, mode, 0) as file:
    began, left, buffer = time.monotonic(), size, memoryview(bytearray(1 << 17))
    while left:
        count = file.readinto(buffer[:left]) if sending else secured.recv_into(buffer)
        if sending:
            secured.sendall(buffer[:count])
        elif count:
            file.write(buffer[:count])
        else:
            sys.exit("the connection ended early")
        left -= count
    if way == "upload":
        secured.sendall(b".") if side == "server" else secured.recv(1)
    print(time.monotonic() - began)
"""


class DataPath:
    """The client, the server, and what runs on them for the comparison."""

    def __init__(self, lab: Lab, mebibytes: int) -> None:
        self.lab, self.size = lab, mebibytes << 20
        self.client, self.server = lab.customers["acme"].host, lab.server
        self.account = lab.customers["acme"].writer
        first = lab.passive_ports[0]
        self.tls_port, self.ssh_port = first + 40, first + 41
        self.login = 0.0

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """Files on both sides, the two other servers, and one SSH connection; all of it removed at the end."""
        self.server.sh(
            f"mkdir -p {FAR}; cd {FAR}; truncate -s {self.size} big; mkdir -p /run/sshd\n"
            f"avail=$(df --output=avail -k {FAR} | tail -1)\n"
            f"[ $avail -gt {(self.size >> 10) + (SPARE_GIB << 20)} ] || {{ echo too little disk space >&2; exit 1; }}\n"
            f"ssh-keygen -q -t ed25519 -N '' -f host < /dev/null\n"
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=raw"
            " -keyout key.pem -out cert.pem 2> /dev/null"
        )
        self.client.sh(
            f"mkdir -p {NEAR}/small; cd {NEAR}; truncate -s {self.size} big\n"
            "ssh-keygen -q -t ed25519 -N '' -f id < /dev/null\n"
            f"for n in $(seq {FILES}); do head -c {SMALL_KIB << 10} /dev/urandom > small/f$n; done"
        )
        key = self.client.sh(f"cat {NEAR}/id.pub")
        self.server.sh(f"cat > {FAR}/keys; chown -R root: {FAR}; chmod 700 {FAR}", stdin=key.encode())
        self.server.sh(
            f"/usr/sbin/sshd -f /dev/null -p {self.ssh_port} -h {FAR}/host -o StrictModes=no -o PidFile={FAR}/sshd.pid"
            f" -o AuthorizedKeysFile={FAR}/keys -o UsePAM=no -o PermitRootLogin=yes -o Subsystem='sftp internal-sftp'"
        )
        options = f"-p {self.ssh_port} -i {NEAR}/id -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        try:
            self.client.sh(
                f"ssh -f -N -M -S {NEAR}/ssh {options} -o LogLevel=ERROR root@{self.lab.public_ip} > /dev/null 2>&1"
            )
            yield
        finally:
            self.client.run("ssh", "-S", f"{NEAR}/ssh", "-O", "exit", "x")
            self.server.sh(f"kill $(cat {FAR}/sshd.pid); rm -r {FAR}")
            self.ftps(f"-Q '-DELE /big' ftp://{self.lab.fqdn}/ --list-only -o /dev/null", check=False)
            self.client.sh(f"rm -rf {NEAR}")

    def ftps(self, arguments: str, *, check: bool = True) -> list[float]:
        """Run curl; seconds of each of its transfers without the login."""
        config = f'user = "{self.account.name}:{self.account.password}"\n'
        script = (
            f"cd {NEAR}; exec curl -s -S --config - --ssl-reqd --tls-max 1.2 --cacert {CA}"
            f" --write-out '%{{stderr}}%{{time_pretransfer}} %{{time_total}}\\n' {arguments}"
        )
        done = self.client.run("sh", "-c", script, stdin=config.encode(), timeout=900)
        if check and done.returncode:
            raise SystemExit(f"curl ended with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
        times = [
            [float(word) for word in pair] for pair in re.findall(rb"^([\d.]+) ([\d.]+)$", done.stderr, re.MULTILINE)
        ]
        self.login = times[0][0] if times else 0.0
        return [total - before for before, total in times]

    def ftps_big(self, way: str) -> float:
        """One large file over FTPS."""
        url = f"ftp://{self.lab.fqdn}/big"
        return self.ftps(f"-T big {url}" if way == "upload" else f"-o /dev/null {url}")[0]

    def ftps_small(self, way: str) -> float:
        """Many small files over FTPS, one session."""
        url = f"ftp://{self.lab.fqdn}/small/"
        began = time.monotonic()
        if way == "upload":
            times = self.ftps(f"--ftp-create-dirs -T 'small/f[1-{FILES}]' {url}")
        else:
            times = self.ftps(f"-o back '{url}f[1-{FILES}]'")
        if len(times) != FILES:
            raise SystemExit(f"{len(times)} of {FILES} files were transferred")
        return time.monotonic() - began - self.login

    def tls_big(self, way: str) -> float:
        """The same bytes through TLS and nothing else."""
        words = f"{way} {self.tls_port} {self.size}"
        self.server.sh(
            f"cd {FAR}; python3 -c {shlex.quote(TLS)} server {words} > /dev/null 2>&1 &"
            f" for n in $(seq 100); do ss -Hltn sport = {self.tls_port} | grep -q . && exit 0; sleep 0.02; done; exit 1"
        )
        return float(
            self.client.sh(
                f"cd {NEAR}; exec python3 -c {shlex.quote(TLS)} client {words} {self.lab.public_ip}", timeout=900
            )
        )

    def sftp(self, batch: str) -> float:
        """Run sftp over the connection that is there."""
        command = f"cd {NEAR}; printf '%b' {shlex.quote(batch)} | sftp -q -b - -o ControlPath={NEAR}/ssh x > /dev/null"
        return self.timed(command)

    def sftp_big(self, way: str) -> float:
        """One large file over SFTP."""
        put = f"put {NEAR}/big {FAR}/sent\\n"
        return self.sftp(put if way == "upload" else f"get {FAR}/big /dev/null\\n")

    def sftp_small(self, way: str) -> float:
        """Many small files over SFTP, one session."""
        put, get = f"put -r {NEAR}/small {FAR}/\\n", f"get -r {FAR}/small {NEAR}/back-sftp\\n"
        return self.sftp(put if way == "upload" else get)

    def timed(self, script: str) -> float:
        """Run a script on the client; its seconds there."""
        began, ended = self.client.sh(f"date +%s.%N; {script}; date +%s.%N", timeout=900).split()
        return float(ended) - float(began)


def main(mebibytes: int, description: Path) -> None:
    """Measure in turns, print the table."""
    path = DataPath(Lab(description), mebibytes)
    big: dict[str, Callable[[str], float]] = {
        "FTPS": path.ftps_big, "TLS alone": path.tls_big, "SFTP": path.sftp_big,
    }  # fmt: skip
    small: dict[str, Callable[[str], float]] = {"FTPS": path.ftps_small, "SFTP": path.sftp_small}
    with path.ready():
        rates = {way: rounds(big, way, lambda seconds: path.size / seconds / 1e6) for way in BOTH_WAYS}
        files = {way: rounds(small, way, lambda seconds: FILES / seconds) for way in BOTH_WAYS}
    print("| what | FTPS | TLS alone | SFTP | FTPS : TLS | FTPS : SFTP |\n|---|---|---|---|---|---|")
    for way in BOTH_WAYS:
        rate = rates[way]
        ratios = f"{rate['FTPS'] / rate['TLS alone']:.2f} | {rate['FTPS'] / rate['SFTP']:.2f}"
        print(f"| {way}, {mebibytes} MiB, MB/s | " + " | ".join(f"{rate[name]:.0f}" for name in big) + f" | {ratios} |")
    for way in BOTH_WAYS:
        rate = files[way]
        print(
            f"| {way}, {FILES:,} files of {SMALL_KIB} KiB, files/s | {rate['FTPS']:.0f} | | {rate['SFTP']:.0f} | |"
            f" {rate['FTPS'] / rate['SFTP']:.2f} |"
        )


def rounds(methods: dict[str, Callable[[str], float]], way: str, rate: Callable[[float], float]) -> dict[str, float]:
    """Each method's median rate; they take turns."""
    seen: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(ROUNDS):
        for name, transfer in methods.items():
            seen[name].append(rate(transfer(way)))
            time.sleep(0.2)
    return {name: statistics.median(values) for name, values in seen.items()}


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 1024,
        Path(sys.argv[2]) if len(sys.argv) > 2 else PROJECT / ".lab" / "lab.json",
    )
