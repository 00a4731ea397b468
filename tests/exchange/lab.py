"""The lab as the tests see it: who the customers are, where their hosts stand, how to open a connection from there."""

from __future__ import annotations

import functools
import json
import os
import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]


class Host:
    """A container of the lab: run a command in it, or open a socket in its network namespace.

    A socket made inside the namespace stays there, so the packets leave from the customer's own address and
    cross the real firewalls, while the test keeps full control of the protocol.
    """

    def __init__(self, container: str) -> None:
        self.container = container

    def run(
        self, *command: str, stdin: bytes | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        interactive = [] if stdin is None else ["-i"]
        return subprocess.run(
            ["podman", "exec", *interactive, self.container, *command],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout,
            check=False,
        )

    def sh(self, script: str, stdin: bytes | None = None, timeout: float = 120) -> str:
        """Run a shell script that must succeed and return what it printed."""
        done = self.run("sh", "-euc", script, stdin=stdin, timeout=timeout)
        assert done.returncode == 0, (
            f"{self.container}: {script!r} ended with {done.returncode}:\n"
            f"{done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}"
        )
        return done.stdout.decode()

    def write(self, path: str, content: bytes, mode: str = "0600") -> None:
        self.sh(f"umask 077; cat > {shlex.quote(path)}; chmod {mode} {shlex.quote(path)}", stdin=content)

    @functools.cached_property
    def _network_namespace(self) -> str:
        inspect = ["podman", "inspect", "--format", "{{.State.Pid}}", self.container]
        pid = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.strip()
        return f"/proc/{pid}/ns/net"

    @contextmanager
    def network(self) -> Iterator[None]:
        """Sockets opened inside this block belong to the container's network."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            there = os.open(self._network_namespace, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.setns(there, os.CLONE_NEWNET)
                yield
            finally:
                os.setns(home, os.CLONE_NEWNET)
                os.close(there)
        finally:
            os.close(home)

    def connect(self, address: str, port: int, timeout: float = 15, source: str | None = None) -> socket.socket:
        with self.network():
            return socket.create_connection((address, port), timeout, (source, 0) if source else None)

    def reaches(self, address: str, port: int, timeout: float = 1.5) -> str:
        """What a TCP connection attempt meets: 'open', 'refused' or 'silence'."""
        try:
            self.connect(address, port, timeout).close()
        except ConnectionRefusedError:
            return "refused"
        except OSError:
            return "silence"
        return "open"


@dataclass(frozen=True)
class Account:
    name: str
    password: str
    access: str


@dataclass(frozen=True)
class Customer:
    name: str
    host: Host
    accounts: tuple[Account, ...]
    shares: dict[str, str]

    @property
    def writer(self) -> Account:
        return next(account for account in self.accounts if account.access == "write")

    @property
    def reader(self) -> Account:
        return next(account for account in self.accounts if account.access == "read")


class Lab:
    """lab.json, the machine-readable truth about a running lab."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: dict[str, Any] = json.loads(path.read_text())
        self.fqdn: str = self.data["fqdn"]
        self.public_ip: str = self.data["public_ip"]
        self.public_ip6: str | None = self.data.get("public_ip6")
        self.explicit_port: int = self.data["explicit_port"]
        self.implicit_port: int | None = self.data.get("implicit_port")
        self.first_port, self.last_port = self.data["passive_ports"]
        self.ca_file: str = self.data["ca_file"]
        self.server = Host(self.data["server_container"])
        self.edge = Host(self.data["edge_container"])
        self.directory = Host(self.data["directory_container"])
        self.stranger = Host(self.data["stranger_container"])
        self.customers = {
            entry["name"]: Customer(
                name=entry["name"],
                host=Host(entry["container"]),
                accounts=tuple(
                    Account(account["name"], account["password"], account["access"]) for account in entry["accounts"]
                ),
                shares={share["path"]: share["access"] for share in entry["shares"]},
            )
            for entry in self.data["customers"]
        }

    def share(self, access: str, *names: str) -> str:
        """The path of a share to which all the named customers have this access."""
        paths = [
            path
            for path, granted in self.customers[names[0]].shares.items()
            if granted == access and all(self.customers[name].shares.get(path) == access for name in names)
        ]
        assert paths, f"the lab has no share that {names} all have for {access}"
        return paths[0]

    def share_only_of(self, name: str) -> str:
        others = [customer for customer in self.customers.values() if customer.name != name]
        return next(path for path in self.customers[name].shares if all(path not in other.shares for other in others))
