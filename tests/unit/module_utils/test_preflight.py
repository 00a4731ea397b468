"""host_preflight: what it reads from a host, and from a directory over the wire."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.preflight import directory, host, ldap_wire
from ansible_collections.ftps.exchange.plugins.module_utils.preflight.ldap_wire import element, number, text


def answer(message: int, tag: int, code: int, diagnostic: str = "") -> bytes:
    return element(0x30, number(message), element(tag, number(code, 0x0A), text(""), text(diagnostic)))


def entry(message: int, **attributes: list[str]) -> bytes:
    listed = [element(0x30, text(name), element(0x31, *map(text, values))) for name, values in attributes.items()]
    return element(0x30, number(message), element(ldap_wire.SEARCH_ENTRY, text(""), element(0x30, *listed)))


@contextmanager
def server(*replies: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server for one connection: for each request the next reply, in pieces; its port, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                for reply in replies:
                    asked.append(connection.recv(65536))
                    for start in range(0, len(reply), 50):
                        connection.sendall(reply[start : start + 50])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], asked
        thread.join(5)


def test_a_bind_and_a_search_over_the_wire() -> None:
    classes = [f"class{index}" for index in range(60)]
    search = entry(2, allowedChildClassesEffective=classes) + answer(2, ldap_wire.SEARCH_DONE, 0)
    with (
        server(answer(1, ldap_wire.BIND_RESPONSE, 0), search) as (port, asked),
        ldap_wire.Connection("127.0.0.1", port, 5) as connection,
    ):
        assert connection.bind("svc@corp.example", "secret").code == 0
        found = connection.read("OU=Exchange,DC=corp,DC=example", ["allowedChildClassesEffective"])
    assert found.attributes == {"allowedchildclasseseffective": classes}
    # RFC 4511 section 4.2: version 3, name, simple password
    assert asked[0] == b'0"\x02\x01\x01`\x1d\x02\x01\x03\x04\x10svc@corp.example\x80\x06secret'
    assert b"OU=Exchange,DC=corp,DC=example" in asked[1]


def test_a_refused_bind_says_why() -> None:
    refused = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 532, v1db1"
    with (
        server(answer(1, ldap_wire.BIND_RESPONSE, 49, refused)) as (port, _),
        ldap_wire.Connection("127.0.0.1", port, 5) as connection,
    ):
        found = directory._bound(connection.bind("svc", "x"))
    assert found == {"code": 49, "reason": "its password has expired"}


@pytest.mark.parametrize("reply", [b"220 mail.example ESMTP\r\n", b"", element(0x30, number(1), element(0x04, b"x"))])
def test_another_service_is_no_directory(reply: bytes) -> None:
    with (
        server(reply) as (port, _),
        pytest.raises((ldap_wire.LdapError, OSError)),
        ldap_wire.Connection("127.0.0.1", port, 2) as connection,
    ):
        connection.bind("svc", "x")


def test_the_clock_of_a_controller_is_read() -> None:
    assert host.seconds_of("20261130231200.0Z") == 1796080320
    assert host.seconds_of("20261130231200Z") == 1796080320


def test_who_listens_at_the_services_ports() -> None:
    listing = (
        'LISTEN 0 128 0.0.0.0:21 0.0.0.0:* users:(("vsftpd",pid=7,fd=3))\n'
        'LISTEN 0 128 [::]:21 [::]:* users:(("vsftpd",pid=7,fd=4))\n'
        "LISTEN 0 128 *:50001 *:*\n"
        'LISTEN 0 128 127.0.0.1:990 0.0.0.0:* users:(("stunnel",pid=8,fd=3))\n'
        'LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=9,fd=3))\n'
    )
    assert host.listeners(listing, host.port_ranges(["21", "990", "50000-50099"])) == [
        {"port": 21, "program": "vsftpd"},
        {"port": 50001, "program": ""},
    ]


def test_the_release_and_the_space_where_a_folder_will_be(tmp_path: Path) -> None:
    text_ = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n'
    assert host.release(text_) == {"id": "debian", "version": "13", "name": "Debian GNU/Linux 13 (trixie)"}
    assert host.release("") == {"id": "", "version": "", "name": ""}
    assert host.free_space([f"{tmp_path}/not/yet"])[f"{tmp_path}/not/yet"] > 0


def test_the_servers_of_packages(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("# deb http://old.example/ x main\ndeb http://deb.example/debian x main\n")
    (tmp_path / "sources.list.d" / "more.sources").write_text("URIs: https://mirror.example:8443/debian\n")
    (tmp_path / "sources.list.d" / "other.txt").write_text("deb http://no.example/ x main\n")
    assert host.package_servers(tmp_path) == [("deb.example", 80), ("mirror.example", 8443)]


def run_of(outputs: dict[str, tuple[int, str]]) -> host.Run:
    def run(command: Sequence[str]) -> tuple[int, str, str]:
        return (*outputs.get(" ".join(command), (1, "")), "")

    return run


def test_routes_and_addresses() -> None:
    run = run_of(
        {
            "ip -j route get 10.1.0.2": (
                0,
                '[{"dst":"10.1.0.2","gateway":"10.0.0.1","dev":"eth0"}]',
            ),
            "ip -j route get 10.9.0.1": (0, '[{"type":"unreachable","dst":"10.9.0.1","dev":"lo"}]'),
            "ip -4 -j route show default": (0, '[{"dst":"default","gateway":"10.0.0.1","dev":"eth0"}]'),
            "ip -6 -j route show default": (0, ""),
            "ip -j address show": (
                0,
                '[{"addr_info":[{"local":"127.0.0.1","prefixlen":8,"scope":"host"}]},'
                '{"addr_info":[{"local":"10.0.0.9","prefixlen":24,"scope":"global"}]}]',
            ),
        }
    )
    assert host.route_to(run, "10.1.0.2") == {"interface": "eth0", "gateway": "10.0.0.1"}
    assert host.route_to(run, "10.9.0.1") == host.route_to(run, "192.0.2.1") == {}
    assert host.default_gateways(run) == ["10.0.0.1"]
    assert host.own_addresses(run) == ["10.0.0.9/24"]


def test_the_daemon_of_the_service_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "comm").write_text("proftpd\n")
    (tmp_path / "pid").write_text("7\n")
    assert host.daemon_runs(tmp_path / "pid", tmp_path)
    (tmp_path / "7" / "comm").write_text("nginx\n")
    assert not host.daemon_runs(tmp_path / "pid", tmp_path)
    assert not host.daemon_runs(tmp_path / "none", tmp_path)


def test_a_resolver_without_an_answer_holds_up_neither_the_look_nor_the_end_of_the_module() -> None:
    program = """
import socket, time
from ansible_collections.ftps.exchange.plugins.module_utils.preflight import host
socket.getaddrinfo = lambda *_, **__: time.sleep(60)
host.SECONDS = 0.2
assert host.resolved(["a.example", "b.example"]) == {"a.example": [], "b.example": []}
"""
    # The paths of pyproject.toml
    program = f"import sys; sys.path[:] = {sys.path!r}\n" + program
    done = subprocess.run([sys.executable, "-c", program], timeout=20, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
