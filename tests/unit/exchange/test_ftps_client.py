"""The checks' own client, before servers that never answer or never end an answer."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.exchange.ftps_client import FtpsClient, RefusedError
from tests.exchange.target import Target
from tests.exchange.vantage import Host


def forever(connection: socket.socket, text: bytes, pause: float = 0) -> None:
    while True:
        connection.sendall(text)
        time.sleep(pause)


@pytest.fixture
def served() -> Iterator[Callable[[Callable[[socket.socket], object]], Target]]:
    """A server on 127.0.0.1 that does this with every connection."""
    listeners = []

    def _served(what: Callable[[socket.socket], object]) -> Target:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def one(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):
                what(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        port = listener.getsockname()[1]
        return Target(
            {"name": "t", "fqdn": "localhost", "public_ip": "127.0.0.1", "explicit_port": port, "customers": []}
        )

    yield _served
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize("text", [b"A" * 65536, b"220-more\r\n" * 1000])
def test_a_reply_without_end_is_cut(served: Callable[..., Target], text: bytes) -> None:
    target = served(lambda connection: forever(connection, text))
    transcript: list[str] = []
    with pytest.raises(RefusedError, match="does not end"):
        FtpsClient(target, Host("here"), transcript=transcript)
    assert sum(map(len, transcript)) < 1000


def test_a_reply_that_drips_is_not_waited_for(served: Callable[..., Target]) -> None:
    target = served(lambda connection: forever(connection, b"2", 0.1))
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="does not end"):
        FtpsClient(target, Host("here"), timeout=0.5)
    assert time.monotonic() - began < 3


def test_who_never_answered_is_not_waited_for_long(
    served: Callable[..., Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run against a service that is down must end before the timer that started it loses patience."""
    monkeypatch.setattr("tests.exchange.ftps_client.IMPATIENT", 0.1)
    target = served(lambda connection: connection.recv(1000))
    took = []
    for _ in range(4):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            FtpsClient(target, Host("here"), timeout=1)
        took.append(time.monotonic() - began)
    assert min(took[:2]) >= 1
    assert max(took[2:]) < 0.8


def test_who_answered_once_is_given_its_time(served: Callable[..., Target], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.exchange.ftps_client.IMPATIENT", 0.1)
    silent = [False]

    def what(connection: socket.socket) -> None:
        if not silent[0]:
            connection.sendall(b"220 here\r\n")
        connection.recv(1000)

    target = served(what)
    FtpsClient(target, Host("here"), timeout=1).control.close()
    silent[0] = True
    for _ in range(4):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            FtpsClient(target, Host("here"), timeout=0.4)
        assert time.monotonic() - began >= 0.4
