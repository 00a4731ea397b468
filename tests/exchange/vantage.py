"""Vantage points: hosts from which a check looks at the service. Run a command there, open a socket from there.

On any host, a test gets an ordinary socket and keeps full control of the protocol, while the packets leave
from the host's own address and cross the real firewalls.
"""

from __future__ import annotations

import atexit
import base64
import functools
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import testinfra.host
from testinfra.backend.local import LocalBackend

from . import far_end
from .outcomes import not_tested

type Inspected = Any
"""testinfra's host, which comes without types."""


class Host:
    """One host: this machine itself, unless a subclass says otherwise."""

    network_is_here = True
    """Whether a socket opened within network() is in the host's own network."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    @property
    def where(self) -> str:
        """For the report."""
        return f"{self.name} (this machine)"

    def anew(self) -> Self:
        """The same host after it was created again, without anything remembered of the old one."""
        return type(self)(self.name)

    # -- commands -------------------------------------------------------------------------------------------------
    def command(self, interactive: bool, command: tuple[str, ...]) -> list[str]:
        """The command as it is started on this machine."""
        return list(command)

    def run(
        self, *command: str, stdin: bytes | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.command(stdin is not None, command),
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
            f"{self.name}: {script!r} ended with {done.returncode}:\n"
            f"{done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}"
        )
        return done.stdout.decode()

    def has(self, program: str) -> bool:
        return self.run("sh", "-c", f"command -v {shlex.quote(program)}").returncode == 0

    def write(self, path: str, content: bytes, mode: str = "0600") -> None:
        self.sh(f"umask 077; cat > {shlex.quote(path)}; chmod {mode} {shlex.quote(path)}", stdin=content)

    def inspected(self) -> Inspected:
        """The host as testinfra sees it."""
        return testinfra.host.Host(LocalBackend())

    # -- network --------------------------------------------------------------------------------------------------
    @contextmanager
    def network(self) -> Iterator[None]:
        """Sockets opened inside this block belong to the host's network."""
        yield

    def connect(self, address: str, port: int, timeout: float = 15, source: str | None = None) -> socket.socket:
        with self.network():
            return socket.create_connection((address, port), timeout, (source, 0) if source else None)

    def reaches(self, address: str, port: int, timeout: float = 1.5) -> str:
        """What a TCP connection attempt meets: 'open', 'refused' or 'silence'."""
        try:
            self.connect(address, port, timeout).close()
        except ConnectionRefusedError:
            return far_end.REFUSED
        except OSError:
            return far_end.SILENCE
        return far_end.OPEN

    def scan(self, address: str, ports: Iterable[int], timeout: float = 1.3) -> dict[int, str]:
        """The ports that answer, and how: 'open' or 'refused'."""
        with self.network():
            return far_end.scan(address, ports, timeout)

    @contextmanager
    def tunnel(self, address: str, port: int) -> Iterator[int]:
        """A port on 127.0.0.1 whose connections go on from this host: for programs that run on the control node."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=self._accept, args=(listener, address, port), daemon=True).start()
            yield int(listener.getsockname()[1])

    def _accept(self, listener: socket.socket, address: str, port: int) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = self.connect(address, port)
            except OSError:
                near.close()
                continue
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        source.settimeout(60)
        while chunk := source.recv(1 << 16):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        sink.close()


def inspected_by(host: Host) -> Inspected:
    """A host as testinfra sees it; its commands run as ours do, since it knows neither of these ways to a host."""
    backend = LocalBackend()
    run_local = backend.run_local
    backend.run_local = lambda command, *words: run_local(
        shlex.join(host.command(False, ("sh", "-c", backend.quote(command, *words) if words else command)))
    )
    found = testinfra.host.Host(backend)
    backend.set_host(found)
    return found


class Namespace(Host):
    """A network namespace of this machine, by name (`ip netns`): the files are those of this machine."""

    @property
    def where(self) -> str:
        return f"{self.name} (network namespace)"

    def _path(self) -> str:
        return f"/run/netns/{self.name}"

    def command(self, interactive: bool, command: tuple[str, ...]) -> list[str]:
        return ["nsenter", f"--net={self._path()}", *command]

    @contextmanager
    def network(self) -> Iterator[None]:
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            there = os.open(self._path(), os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.setns(there, os.CLONE_NEWNET)
                yield
            finally:
                os.setns(home, os.CLONE_NEWNET)
                os.close(there)
        finally:
            os.close(home)


ROOTS_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Container(Namespace):
    """A container of podman on this machine."""

    @property
    def where(self) -> str:
        return f"{self.name} (container)"

    def command(self, interactive: bool, command: tuple[str, ...]) -> list[str]:
        # Like `podman exec`, which takes a hundred times as long
        variables = ("container=podman", "HOME=/root", f"PATH={ROOTS_PATH}", "TERM=xterm")
        return ["nsenter", f"--target={self._pid}", "--all", "env", "--ignore-environment", *variables, *command]

    def inspected(self) -> Inspected:
        return inspected_by(self)

    @functools.cached_property
    def _pid(self) -> str:
        inspect = ["podman", "inspect", "--format", "{{.State.Pid}}", self.name]
        return subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.strip()

    def _path(self) -> str:
        return f"/proc/{self._pid}/ns/net"


SSH_FAILED = 255
"""What OpenSSH ends with when it is the connection that failed, not the command."""


@functools.cache
def control_folder() -> str:
    """Where connections to vantage points are shared: private, with a short path, and gone at the end."""
    folder = tempfile.mkdtemp(prefix="verify-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Ssh(Host):
    """A host that is reached with OpenSSH's client and its configuration; it needs python3 and nothing of ours."""

    network_is_here = False

    def __init__(
        self, name: str, address: str | None = None, options: tuple[str, ...] = (), sudo: bool = False
    ) -> None:
        super().__init__(name)
        self.address = address or name
        self.options = options
        self.sudo = sudo

    @property
    def where(self) -> str:
        return f"{self.name} (over SSH)"

    def anew(self) -> Ssh:
        return Ssh(self.name, self.address, self.options, self.sudo)

    def command(self, interactive: bool, command: tuple[str, ...]) -> list[str]:
        words = ("sudo", "-n", *command) if self.sudo else command
        shared = ["-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", f"ControlPath={control_folder()}/%C"]
        return ["ssh", "-o", "BatchMode=yes", *shared, *self.options, self.address, shlex.join(words)]

    def run(
        self, *command: str, stdin: bytes | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        done = super().run(*command, stdin=stdin, timeout=timeout)
        if done.returncode == SSH_FAILED:
            not_tested(f"{self.name} cannot be used as a vantage point: {done.stderr.decode(errors='replace').strip()}")
        return done

    def inspected(self) -> Inspected:
        return inspected_by(self)

    def _far_end(self, *words: str) -> list[str]:
        # One line without blanks or quotes survives every shell on the way
        code = base64.b64encode(Path(far_end.__file__).read_bytes()).decode()
        program = f"import base64;exec(compile(base64.b64decode('{code}'),'far_end','exec'))"
        return self.command(True, ("python3", "-c", program, *words))

    def connect(self, address: str, port: int, timeout: float = 15, source: str | None = None) -> socket.socket:
        near, far = socket.socketpair()
        with far:
            words = self._far_end("connect", address, str(port), str(timeout), source or "")
            process = subprocess.Popen(words, stdin=far.fileno(), stdout=far.fileno(), stderr=subprocess.PIPE)
        near.settimeout(timeout + 15)
        first = b""
        while not first.endswith(b"\n"):
            byte = near.recv(1)
            if not byte:
                assert process.stderr
                message = process.stderr.read().decode(errors="replace").strip()
                not_tested(f"{self.name} cannot be used as a vantage point: {message}")
            first += byte
        if first.startswith(far_end.OPEN.encode()):
            near.settimeout(timeout)
            return near
        near.close()
        if first.startswith(far_end.REFUSED.encode()):
            raise ConnectionRefusedError(address, port)
        raise TimeoutError(address, port)

    def scan(self, address: str, ports: Iterable[int], timeout: float = 1.3) -> dict[int, str]:
        listed = ",".join(f"{first}-{last}" for first, last in spans(ports))
        done = subprocess.run(
            self._far_end("scan", address, listed, str(timeout)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode != 0:
            not_tested(f"{self.name} cannot be used as a vantage point: {done.stderr.strip()}")
        return {int(port): state for port, state in (line.split() for line in done.stdout.splitlines())}


def spans(ports: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as ranges: 1 2 3 7 are 1-3 and 7-7."""
    found: list[tuple[int, int]] = []
    for port in sorted(set(ports)):
        if found and found[-1][1] == port - 1:
            found[-1] = (found[-1][0], port)
        else:
            found.append((port, port))
    return found


def _ssh(entry: Mapping[str, Any]) -> Host:
    return Ssh(entry["name"], entry.get("address"), tuple(entry.get("options", ())), bool(entry.get("sudo")))


KINDS: dict[str, Callable[[Mapping[str, Any]], Host]] = {
    "local": lambda entry: Host(entry["name"]),
    "namespace": lambda entry: Namespace(entry["name"]),
    "podman": lambda entry: Container(entry["name"]),
    "ssh": _ssh,
}


def host_of(entry: Mapping[str, Any]) -> Host:
    """A host as the target's description names it."""
    return KINDS[entry["connection"]](entry)
