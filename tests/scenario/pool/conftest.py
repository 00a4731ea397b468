"""Two edges, of which one has the addresses of both, and three servers with the same files, each with an address."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.exchange.lab import Container, Lab
from tests.scenario.fixtures import acme, connect, fresh, globex, lab

__all__ = ["acme", "connect", "fresh", "globex", "lab"]

PATIENCE = 20


@dataclass(frozen=True)
class Edges:
    """Both edges, and who is the active one."""

    names: tuple[str, ...]
    public: str

    def host(self, name: str) -> Container:
        return Container(name)

    def holders(self) -> list[str]:
        """Who has the public address."""
        running = podman("ps", "--format", "{{.Names}}").split()
        return [name for name in self.names if name in running and self.has_addresses(name)]

    def has_addresses(self, name: str) -> bool:
        shown = json.loads(self.host(name).sh("ip -json address show"))
        return any(one["local"] == self.public for link in shown for one in link["addr_info"])

    def active(self) -> str:
        """The one that has the addresses, and only one has them."""
        [name] = self.holders()
        return name

    def other(self, name: str) -> str:
        [other] = [one for one in self.names if one != name]
        return other

    def wait_for(self, name: str) -> float:
        """Wait until an edge has the addresses; seconds."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            if self.holders() == [name]:
                return time.monotonic() - began
            time.sleep(0.1)
        raise AssertionError(f"{name} does not have the addresses after {PATIENCE} s: {self.holders()}")

    def kill(self, name: str) -> None:
        podman("kill", "--signal", "KILL", name)

    def start(self, name: str) -> None:
        """Start it again, and wait until it knows what the other one knows."""
        podman("start", name)
        self.host(name).sh(
            "for n in $(seq 100); do systemctl is-active --quiet keepalived conntrackd ftps-exchange-edge && exit 0;"
            " sleep 0.2; done; exit 1"
        )
        time.sleep(3)


def podman(*arguments: str) -> str:
    return subprocess.run(["podman", *arguments], check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="session")
def edges(lab: Lab) -> Edges:
    first = lab.edge.name
    return Edges((first, first.replace("edge1", "edge2")), lab.public_ip)


@dataclass(frozen=True)
class Servers:
    """All servers, with the address that each of them owns."""

    owned: dict[str, str]

    def host(self, name: str) -> Container:
        return Container(name)

    def addresses(self, name: str) -> set[str]:
        """Those of ``owned`` that a server has now."""
        shown = json.loads(self.host(name).sh("ip -json address show dmz"))
        return {one["local"] for link in shown for one in link["addr_info"]} & set(self.owned.values())

    def holders(self, address: str) -> list[str]:
        running = podman("ps", "--format", "{{.Names}}").split()
        return [name for name in self.owned if name in running and address in self.addresses(name)]

    def wait_until(self, name: str, *, has: bool, patience: float = 90) -> float:
        """Wait until a server has its own address, or another one has it; seconds."""
        began = time.monotonic()
        while time.monotonic() - began < patience:
            holders = self.holders(self.owned[name])
            if holders == [name] if has else holders and name not in holders:
                return time.monotonic() - began
            time.sleep(0.2)
        raise AssertionError(f"{self.owned[name]} is on {self.holders(self.owned[name])} after {patience} s")

    def sources(self, name: str) -> set[str]:
        """Who has a session on a server."""
        found = self.host(name).sh("ss --no-header --numeric --tcp state established '( sport = :21 or sport = :990 )'")
        peers = [line.split()[3].rpartition(":")[0] for line in found.splitlines()]
        return {peer.strip("[]").removeprefix("::ffff:") for peer in peers}

    def all_well(self) -> None:
        for name in self.owned:
            self.wait_until(name, has=True)


@pytest.fixture(scope="session")
def servers(lab: Lab) -> Servers:
    names = lab.data["server_containers"]
    search = "sed -n '/vrrp_instance/,/^}/p' /etc/keepalived/keepalived.conf"
    owned = {}
    for name in names:
        for block in Container(name).sh(search).split("vrrp_instance")[1:]:
            if "priority 200" in block:
                owned[name] = block.partition("virtual_ipaddress {")[2].split()[0].partition("/")[0]
    made = Servers(owned)
    made.all_well()
    return made


@dataclass(frozen=True)
class Upload:
    """A file that a customer of the crowd sent, and each attempt."""

    customer: str
    name: str
    sha256: str
    attempts: list[dict[str, Any]]

    @property
    def failures(self) -> list[dict[str, Any]]:
        return [one for one in self.attempts if one["code"] != 0]

    @property
    def arrived(self) -> bool:
        return bool(self.attempts[-1]["code"] == 0)


class Crowd:
    """Twenty customers at one computer, each with an address of its own."""

    FREE = 12 << 30
    """Bytes that the disk must have: far more than they can send."""

    ENOUGH = "/var/tmp/crowd-has-sent-enough"

    def __init__(self, lab: Lab, servers: Servers) -> None:
        self.lab, self.servers = lab, servers
        self.computer = Container(lab.data["server_containers"][0].replace("ftps1", "crowd"))
        passwords: dict[str, str] = {}
        for file in sorted((Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "lab/handover").glob("*.yml")):
            passwords |= {name: one["password"] for name, one in yaml.safe_load(file.read_text())["accounts"].items()}
        network, _, _ = lab.public_ip.rpartition(".")
        self.customers = [
            {"name": f"crowd{n:02}-up", "password": passwords[f"crowd{n:02}-up"], "address": f"{network}.{100 + n}"}
            for n in range(1, 21)
        ]
        self.address = {one["name"]: one["address"] for one in self.customers}
        self.program = (Path(__file__).parent / "crowd.py").read_text()

    @contextmanager
    def uploading(self, seconds: int, **more: Any) -> Iterator[Future[list[Upload]]]:
        """They upload meanwhile. The result is what they sent."""
        free = int(self.servers.host(next(iter(self.servers.owned))).sh("df --output=avail -B1 /srv | tail -1"))
        assert free > self.FREE, "too little disk space"
        self.computer.sh(f"rm -f {self.ENOUGH}")
        job = {
            "fqdn": self.lab.fqdn, "ca": "/etc/ssl/ftps-exchange-lab-ca.pem", "seconds": seconds, "bytes": 1 << 20,
            "rate": "300K", "family": 4, "attempts": 2, "pause": 1, "speed_time": 30,
            "max_time": 90, "enough": self.ENOUGH,
            "customers": self.customers,
        } | more  # fmt: skip

        # The first logins after a start wait for the directory. What is asked here begins afterwards
        for one in self.customers:
            self.login_again(str(one["name"]))

        def run() -> list[Upload]:
            done = self.computer.run(
                "python3", "-c", self.program, stdin=json.dumps(job).encode(), timeout=seconds + 300
            )
            assert done.returncode == 0, done.stderr.decode(errors="replace")
            return [Upload(**one) for one in json.loads(done.stdout)]

        with ThreadPoolExecutor(1) as pool:
            try:
                yield pool.submit(run)
            finally:
                pool.shutdown()

    def enough(self) -> None:
        """They finish the file that they are sending."""
        self.computer.sh(f"touch {self.ENOUGH}")

    def login_again(self, name: str) -> float:
        """Try to log in as one of them until it works; seconds."""
        [customer] = [one for one in self.customers if one["name"] == name]
        began = time.monotonic()
        while time.monotonic() - began < 60:
            done = self.computer.run(
                "sh", "-c",
                f"curl -sS -4 --config - --interface {customer['address']} --ssl-reqd --tls-max 1.2 --max-time 4"
                f" --cacert /etc/ssl/ftps-exchange-lab-ca.pem -o /dev/null ftp://{self.lab.fqdn}/",
                stdin=f'user = "{name}:{customer["password"]}"\n'.encode(),
            )  # fmt: skip
            if done.returncode == 0:
                return time.monotonic() - began
        raise AssertionError(f"{name} cannot log in: {done.stderr.decode(errors='replace')}")

    def stored(self, host: Container, root: str) -> dict[str, str]:
        """SHA-256 of each of their files, by name."""
        found = host.sh(f"cd {root}/homes && find crowd* -name 'crowd-*' -type f -exec sha256sum {{}} +", timeout=240)
        return {line.split()[1].rpartition("/")[2]: line.split()[0] for line in found.splitlines()}

    def remove(self, names: list[str]) -> None:
        host = self.servers.host(names[0])
        host.sh("cd /srv/ftps-exchange/homes && find crowd* -name 'crowd-*' -type f -delete")


@pytest.fixture
def crowd(lab: Lab, servers: Servers) -> Iterator[Crowd]:
    made = Crowd(lab, servers)
    yield made
    made.remove(list(servers.owned))
