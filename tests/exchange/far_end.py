"""What runs on a vantage point that is reached over SSH. Standard library only: it is sent along with the command.

    python3 -c '<this file>' connect ADDRESS PORT TIMEOUT SOURCE    a TCP connection on standard in- and output
    python3 -c '<this file>' scan ADDRESS FIRST-LAST,… TIMEOUT      which of the ports answer

A vantage point in a network namespace of this machine uses ``scan`` as a function.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import socket
import sys
import threading
import time
from collections.abc import Iterable

OPEN, REFUSED, SILENCE = "open", "refused", "silence"
AT_ONCE = 8000


def scan(address: str, ports: Iterable[int], timeout: float) -> dict[int, str]:
    """State of each port that answers at all: open or refused. What is not in it met silence.

    The kernel asks again after a second, so one lost packet makes no port closed when ``timeout`` is longer than that.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    answered: dict[int, str] = {}
    asked = list(ports)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # Several scans may be under way at the same time
    at_once = AT_ONCE if most == resource.RLIM_INFINITY else min(AT_ONCE, max(100, most // 8))
    for first in range(0, len(asked), at_once):
        _ask(family, address, asked[first : first + at_once], timeout, answered)
    return answered


def _ask(family: int, address: str, ports: list[int], timeout: float, answered: dict[int, str]) -> None:
    waiting: dict[int, tuple[socket.socket, int]] = {}
    poller = select.epoll()
    try:
        for port in ports:
            attempt = socket.socket(family, socket.SOCK_STREAM)
            attempt.setblocking(False)
            status = attempt.connect_ex((address, port))
            if status == errno.EINPROGRESS:
                waiting[attempt.fileno()] = (attempt, port)
                poller.register(attempt.fileno(), select.EPOLLOUT)
            else:
                _note(status, port, answered)
                attempt.close()
        end = time.monotonic() + timeout
        while waiting and (left := end - time.monotonic()) > 0:
            for number, _ in poller.poll(left):
                attempt, port = waiting.pop(number)
                poller.unregister(number)
                _note(attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), port, answered)
                attempt.close()
    finally:
        for attempt, _ in waiting.values():
            attempt.close()
        poller.close()


def _note(status: int, port: int, answered: dict[int, str]) -> None:
    if status == 0:
        answered[port] = OPEN
    elif status == errno.ECONNREFUSED:
        answered[port] = REFUSED


def connect(address: str, port: int, timeout: float, source: str) -> None:
    """One line about how the attempt ended, then the bytes of the connection, both ways."""
    try:
        peer = socket.create_connection((address, port), timeout, (source, 0) if source else None)
    except ConnectionRefusedError:
        print(REFUSED, flush=True)
        return
    except OSError as error:
        print(SILENCE, error.errno or 0, flush=True)
        return
    print(OPEN, *peer.getsockname()[:2], flush=True)
    peer.settimeout(None)

    def outwards() -> None:
        while chunk := os.read(0, 1 << 16):
            peer.sendall(chunk)
        with contextlib.suppress(OSError):
            peer.shutdown(socket.SHUT_WR)

    threading.Thread(target=outwards, daemon=True).start()
    with contextlib.suppress(OSError):
        while chunk := peer.recv(1 << 16):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()


def ports_of(text: str) -> list[int]:
    """`21,50000-50099` as numbers."""
    ports: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        ports.extend(range(int(first), int(last or first) + 1))
    return ports


def main(words: list[str]) -> None:
    if words[0] == "connect":
        connect(words[1], int(words[2]), float(words[3]), words[4] if len(words) > 4 else "")
    else:
        for port, state in sorted(scan(words[1], ports_of(words[2]), float(words[3])).items()):
            print(port, state)


if __name__ == "__main__":
    main(sys.argv[1:])
