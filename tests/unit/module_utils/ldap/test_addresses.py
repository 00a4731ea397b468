"""Several controllers: one that is dead costs a bounded time, then the next one is used.

With the real python-ldap of the system, because the time limits are libldap's. The controllers are sockets of this
test.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[4]
SYSTEM_PYTHON = "/usr/bin/python3"
PROGRAM = """
import json, sys, types
sys.path.insert(0, sys.argv[1])
for name in ("ansible_collections", "ansible_collections.ftps", "ansible_collections.ftps.exchange"):
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = [sys.argv[1] + "/" + name.replace(".", "/")]
from ansible_collections.ftps.exchange.plugins.module_utils.ldap import connection
connection.SECONDS_TO_CONNECT = 1
try:
    connection.LdapsSession(sys.argv[2], "svc", "s3cret", open(sys.argv[3]).read())
except connection.DirectoryError as error:
    print(json.dumps(str(error)))
"""


def has_ldap() -> bool:
    done = subprocess.run([SYSTEM_PYTHON, "-c", "import ldap"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(tmp_path / "key.pem"), "-out", str(path), "-subj", "/CN=test", "-days", "2"]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture
def silent() -> Iterator[int]:
    """Accepts, and never says a word: a controller whose process hangs."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


class Second:
    """Counts who comes to it, and closes."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.visits = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.visits += 1
            connection.close()  # ends the handshake


@pytest.fixture
def second() -> Iterator[Second]:
    server = Second()
    yield server
    server.server.close()


def connect(addresses: str, ca: Path) -> tuple[str, float]:
    """The error, and the seconds that it took."""
    start = time.monotonic()
    command = [SYSTEM_PYTHON, "-c", PROGRAM, str(PROJECT / "collections"), addresses, str(ca)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    error: str = json.loads(done.stdout)
    return error, time.monotonic() - start


def test_a_controller_that_hangs_costs_a_bounded_time(silent: int, second: Second, ca: Path) -> None:
    assert has_ldap(), "install python3-ldap (scripts/bootstrap --lab)"
    error, seconds = connect(f"ldaps://127.0.0.1:{silent} ldaps://127.0.0.1:{second.port}", ca)
    assert second.visits >= 1
    assert seconds < 30
    # Both are named, so nobody looks at the wrong one
    assert f":{silent}: cannot connect" in error
    assert f":{second.port}: cannot connect" in error


def test_a_controller_that_refuses_costs_nothing(second: Second, ca: Path) -> None:
    assert has_ldap(), "install python3-ldap (scripts/bootstrap --lab)"
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        closed = server.getsockname()[1]
    connect(f"ldaps://127.0.0.1:{closed} ldaps://127.0.0.1:{second.port}", ca)
    assert second.visits >= 1
