"""Networks of the kernel's own, for tests that send packets: nothing in them is reachable from outside.

A namespace lives as long as the object that holds it open; it has no name and leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("nft", "iptables-restore", "ip6tables-restore", "ip", "nsenter")


def absent() -> str | None:
    """Which programs this machine lacks, or None."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


def refused() -> str | None:
    """Why this process cannot have a network of its own, or None."""
    try:
        _in_thread(lambda: os.unshare(os.CLONE_NEWNET))
    except PermissionError:
        return "no right to make a network namespace (root has it)"
    return None


class Namespace:
    """A network namespace with loopback up."""

    def __init__(self) -> None:
        def unshare() -> int:
            os.unshare(os.CLONE_NEWNET)
            return os.open("/proc/thread-self/ns/net", os.O_RDONLY)

        self.fd = _in_thread(unshare)
        self.run("ip", "link", "set", "lo", "up")

    @property
    def path(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    def close(self) -> None:
        os.close(self.fd)

    def inside[T](self, function: Callable[[], T]) -> T:
        """Call a function in the namespace: sockets that it makes stay there."""

        def entered() -> T:
            os.setns(self.fd, os.CLONE_NEWNET)
            return function()

        return _in_thread(entered)

    def run(self, *command: str, text: str | None = None) -> str:
        """Run a program in the namespace; one that fails is an error with what it said."""
        done = subprocess.run(
            ["nsenter", f"--net={self.path}", "--", *command],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL if text is None else None,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-2000:]}"
        return done.stdout

    def addresses(self, interface: str, *addresses: str) -> None:
        """Give an interface addresses (with their prefix lengths) and switch it on."""
        for address in addresses:
            self.run("ip", "address", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))
        self.run("ip", "link", "set", interface, "up")

    def forward(self) -> None:
        """Make a router of it."""
        self.inside(lambda: Path("/proc/sys/net/ipv4/ip_forward").write_text("1"))
        self.inside(lambda: Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1"))

    def listen(self, port: int) -> list[socket.socket]:
        """Listen on every address of both families; the kernel completes connections by itself."""
        sockets = []
        for family in (socket.AF_INET, socket.AF_INET6):
            listener = self.inside(lambda family=family: socket.socket(family, socket.SOCK_STREAM))  # type: ignore[misc]
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(("", port))
            listener.listen(512)
            sockets.append(listener)
        return sockets

    def connects(self, source: str, target: str, port: int, *, timeout: float, source_port: int = 0) -> bool:
        """Whether a TCP connection from one address to another succeeds."""
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        with self.inside(lambda: socket.socket(family, socket.SOCK_STREAM)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind((source, source_port))
            client.settimeout(timeout)
            return client.connect_ex((target, port)) == 0


def connect(one: Namespace, other: Namespace, interface: str, other_interface: str) -> None:
    """Lay a cable between two namespaces."""
    one.run("ip", "link", "add", interface, "type", "veth", "peer", "name", other_interface, "netns", other.path)


def _in_thread[T](function: Callable[[], T]) -> T:
    """A thread has a network namespace of its own and takes it along when it ends."""
    results: list[T] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
