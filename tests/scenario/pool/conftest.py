"""Two edges, of which one has the addresses of both."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass

import pytest

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
