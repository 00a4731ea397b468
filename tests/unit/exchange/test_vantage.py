"""Vantage points: sockets and scans from this machine, and from a host behind SSH.

SSH is played by a program of that name that runs the command on this machine, as a remote shell would: what is tried is
what travels, its quoting and the far end, not OpenSSH.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange.vantage import Host, Ssh, host_of, spans

SHIM = """#!/bin/sh
# The last argument is the command, which the remote side gives to a shell
for word; do last=$word; done
printf '%s\\n' "$@" >> "$SSH_WORDS"
exec sh -c "$last"
"""


@pytest.fixture
def behind_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ssh:
    program = tmp_path / "ssh"
    program.write_text(SHIM)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("SSH_WORDS", str(tmp_path / "words"))
    return Ssh("pc1", "pc1.example", ("-p", "2222"))


@pytest.fixture
def echo() -> Iterator[int]:
    """A port of 127.0.0.1 that sends back what it gets, in upper case, until the other side ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    while chunk := peer.recv(65536):
                        peer.sendall(chunk.upper())

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


@pytest.fixture
def closed() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def silent() -> Iterator[int]:
    """A port whose queue is full: Linux drops further attempts without a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(3)]
        for attempt in waiting:
            attempt.setblocking(False)
            attempt.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for attempt in waiting:
            attempt.close()


@pytest.fixture(params=["here", "ssh"])
def host(request: pytest.FixtureRequest, behind_ssh: Ssh) -> Host:
    return Host("localhost") if request.param == "here" else behind_ssh


def test_a_socket_carries_bytes_both_ways(host: Host, echo: int) -> None:
    content = bytes(range(256)) * 4000
    with host.connect("127.0.0.1", echo) as connection:
        threading.Thread(target=connection.sendall, args=(content,), daemon=True).start()
        received = b""
        while len(received) < len(content):
            received += connection.recv(65536)
    assert received == content.upper()


def test_what_a_connection_meets_is_told_apart(host: Host, echo: int, closed: int, silent: int) -> None:
    assert host.reaches("127.0.0.1", echo) == "open"
    assert host.reaches("127.0.0.1", closed) == "refused"
    assert host.reaches("127.0.0.1", silent, timeout=0.5) == "silence"
    with pytest.raises(ConnectionRefusedError):
        host.connect("127.0.0.1", closed)


def test_a_scan_tells_open_from_refused(host: Host, echo: int, closed: int) -> None:
    assert host.scan("127.0.0.1", [echo, closed], timeout=1) == {echo: "open", closed: "refused"}


def test_a_tunnel_leads_on_from_the_host(host: Host, echo: int) -> None:
    with host.tunnel("127.0.0.1", echo) as port, socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(b"through")
        assert connection.recv(100) == b"THROUGH"


def test_commands_arrive_as_they_are(host: Host, tmp_path: Path) -> None:
    awkward = "a 'quoted' \"word\" $HOME `id` \\ *"
    assert host.run("printf", "%s", awkward).stdout.decode() == awkward
    host.write(str(tmp_path / "file"), awkward.encode())
    assert (tmp_path / "file").read_text() == awkward
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    with pytest.raises(AssertionError, match="ended with 3"):
        host.sh("exit 3")
    assert host.has("sh")
    assert not host.has("no-such-program-here")


def test_ssh_gets_the_options_and_never_asks(behind_ssh: Ssh, tmp_path: Path) -> None:
    behind_ssh.run("true")
    words = (tmp_path / "words").read_text().split("\n")
    assert "BatchMode=yes" in words
    assert words[-4:-1] == ["2222", "pc1.example", "true"]


def test_testinfra_sees_the_host(behind_ssh: Ssh, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("x")
    inspected = behind_ssh.inspected()
    assert inspected.file(str(tmp_path / "a file")).exists
    assert inspected.check_output("echo %s", "a 'b'") == "a 'b'"


def test_a_host_without_a_far_end_is_told(behind_ssh: Ssh, tmp_path: Path) -> None:
    (tmp_path / "ssh").write_text("#!/bin/sh\necho 'Permission denied (publickey).' >&2\nexit 255\n")
    for attempt in (
        lambda: behind_ssh.connect("127.0.0.1", 9),
        lambda: behind_ssh.scan("127.0.0.1", [9]),
        lambda: behind_ssh.sh("true"),
    ):
        with pytest.raises(pytest.skip.Exception, match=r"NOT TESTED: pc1 cannot be used .*: Permission denied"):
            attempt()


def test_hosts_are_made_from_their_description() -> None:
    host = host_of({"name": "x", "connection": "ssh", "address": "y", "options": ["-4"], "sudo": True})
    assert isinstance(host, Ssh)
    assert (host.address, host.options, host.sudo) == ("y", ("-4",), True)
    assert host.command(False, ("id",))[-1] == "sudo -n id"
    assert type(host.anew()) is Ssh


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([], []), ([3, 1, 2, 7], [(1, 3), (7, 7)]), ([5, 5], [(5, 5)])],
)
def test_numbers_become_ranges(numbers: list[int], expected: list[tuple[int, int]]) -> None:
    assert spans(numbers) == expected
