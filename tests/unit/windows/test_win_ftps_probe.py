"""win_ftps_probe, run by the PowerShell engine against small FTPS servers of the tests' own."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.windows.powershell import PowerShell
from tests.windows.wire.authority import Authority, Pair

MODULE = Path(__file__).resolve().parents[3] / "plugins" / "modules" / "win_ftps_probe.ps1"
OTHER = "0" * 40


def thumbprint(pair: Pair) -> str:
    certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    return certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 (Windows names certificates so)


class Server:
    """Gives the scripted replies and shows its certificate; several connections one after the other."""

    def __init__(
        self,
        pair: Pair,
        *,
        greeting: bytes = b"220-Welcome\r\n220-220 is no end\r\n220 Ready\r\n",
        answer: bytes = b"234 Go on\r\n",
        implicit: bool = False,
        data: int = 0,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.pair = pair
        self.greeting = greeting
        self.answer = answer
        self.implicit = implicit
        self.data = data
        """The port that is offered for data; 0 offers none."""
        self.login = login
        """The account that must log in before it gets a data port; None: no login needed."""
        self.said: list[str] = []
        self.received: list[bytes] = []
        self.names: list[str | None] = []
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    @contextmanager
    def running(self) -> Iterator[Server]:
        thread = threading.Thread(target=self._serve, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            # close() alone would leave accept() waiting
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            thread.join(timeout=5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(5)
                try:
                    self._speak(connection)
                except OSError:
                    continue

    def _speak(self, connection: socket.socket) -> None:
        if not self.implicit:
            connection.sendall(self.greeting)
            self.received.append(connection.recv(100))
            connection.sendall(self.answer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pair.certificate, self.pair.key)
        context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        with context.wrap_socket(connection, server_side=True) as tls:
            if self.implicit:
                tls.sendall(self.greeting)
            user, known = "", self.login is None
            for line in tls.makefile("r", encoding="utf-8", newline="\r\n"):
                command, _, value = line.strip().partition(" ")
                self.said.append(command)
                match command:
                    case "USER":
                        user, answer = value, "331 Password required"
                    case "PASS":
                        known = (user, value) == self.login
                        answer = "230 Welcome" if known else "530 User cannot log in."
                    case "PASV" if known and self.data:
                        answer = f"227 Entering Passive Mode (203,0,113,10,{self.data // 256},{self.data % 256})."
                    case "PBSZ" | "PROT":
                        answer = "200 Fine"
                    case _:
                        answer = "530 Please login with USER and PASS."
                tls.sendall(f"{answer}\r\n".encode())


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Authority(tmp_path, "authority").host("ftps.example.com")


def probe(powershell: PowerShell, servers: list[Server], wanted: str, **more: Any) -> dict[str, Any]:
    check = more.pop("check", False)
    arguments = {
        "host_name": "ftps.example.com",
        "ports": [{"port": server.port, "implicit": server.implicit} for server in servers],
        "thumbprint": wanted,
        "wait_seconds": 0,
    }
    return powershell.module(MODULE, arguments | more, check=check)


def test_explicit_and_implicit(powershell: PowerShell, pair: Pair) -> None:
    with Server(pair).running() as explicit, Server(pair, implicit=True).running() as implicit:
        result = probe(powershell, [explicit, implicit], thumbprint(pair).lower())
    assert not result.get("failed"), result
    assert result["changed"] is False
    assert result["problems"] == []
    assert result["served"] == [
        {"port": explicit.port, "thumbprint": thumbprint(pair), "data_port": 0, "problem": ""},
        {"port": implicit.port, "thumbprint": thumbprint(pair), "data_port": 0, "problem": ""},
    ]
    assert explicit.received == [b"AUTH TLS\r\n"], "nothing else is said before TLS, and nothing twice"
    assert [*explicit.names, *implicit.names] == ["ftps.example.com"] * 2


@pytest.fixture
def data_port() -> Iterator[int]:
    """A port on which somebody waits for a data connection."""
    with socket.create_server(("127.0.0.1", 0)) as waiting:
        yield waiting.getsockname()[1]


USER, PASSWORD = "probe", "pässword"


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("login", [None, (USER, PASSWORD)])
def test_a_data_connection_is_asked_for(
    powershell: PowerShell, pair: Pair, data_port: int, implicit: bool, login: tuple[str, str] | None
) -> None:
    account = {"user": USER, "password": PASSWORD} if login else {}
    with Server(pair, implicit=implicit, data=data_port, login=login).running() as server:
        good = probe(powershell, [server], thumbprint(pair), data_ports=[data_port, data_port], **account)
        before = probe(powershell, [server], thumbprint(pair), data_ports=[data_port + 1, 65535], **account)
        behind = probe(powershell, [server], thumbprint(pair), data_ports=[1, data_port - 1], **account)
    assert not good.get("failed"), good
    assert [one["data_port"] for one in good["served"]] == [data_port]
    assert PASSWORD not in str(good)
    for wrong in (before, behind):
        assert wrong["failed"]
        assert f"offers the data port {data_port}, which is not in " in wrong["msg"]


def test_a_data_port_where_nobody_waits(powershell: PowerShell, pair: Pair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Server(pair, data=port, login=(USER, PASSWORD)).running() as server:
        account = {"user": USER, "password": PASSWORD}
        result = probe(powershell, [server], thumbprint(pair), data_ports=[port, port], **account)
    assert result["failed"]
    assert f"port {server.port}: Connection refused" in result["msg"]


def test_without_a_login_no_data_port_is_no_problem(powershell: PowerShell, pair: Pair) -> None:
    with Server(pair, login=(USER, PASSWORD), data=50000).running() as server:
        result = probe(powershell, [server], thumbprint(pair), data_ports=[50000, 50099])
    assert not result.get("failed"), result
    assert result["served"][0]["data_port"] == 0
    assert server.said == ["PASV"], "nobody is logged in"


def test_a_login_that_is_refused_is_told(powershell: PowerShell, pair: Pair) -> None:
    with Server(pair, login=(USER, PASSWORD), data=50000).running() as server:
        account = {"user": USER, "password": "wrong"}
        result = probe(powershell, [server], thumbprint(pair), data_ports=[50000, 50099], **account)
    assert result["failed"]
    assert f"refuses the login of {USER}: '530 User cannot log in.'" in result["msg"]


def test_nothing_is_said_after_the_handshake_unless_it_is_asked_for(powershell: PowerShell, pair: Pair) -> None:
    with Server(pair, data=50000).running() as server:
        assert not probe(powershell, [server], thumbprint(pair)).get("failed")
    assert server.said == []


def test_another_certificate_is_told(powershell: PowerShell, pair: Pair, tmp_path: Path) -> None:
    with Server(pair).running() as server:
        result = probe(powershell, [server], OTHER)
    assert result["failed"]
    assert f"port {server.port} serves the certificate {thumbprint(pair)}, not {OTHER}" in result["msg"]


def test_one_of_two_ports_is_enough_to_fail(powershell: PowerShell, pair: Pair) -> None:
    with Server(pair).running() as good, Server(pair, answer=b"500 What?\r\n").running() as bad:
        result = probe(powershell, [good, bad], thumbprint(pair))
    assert result["failed"]
    assert f"port {bad.port}: answers AUTH TLS with '500 What?'" in result["msg"]
    assert f"port {good.port}" not in result["msg"]


@pytest.mark.parametrize(
    ("greeting", "told"),
    [
        (b"421 Too many\r\n", "greets with '421 Too many'"),
        (b"530-No\r\n530 User cannot log in, IP address denied.\r\n", "greets with '530 User cannot log in"),
        (b"HTTP/1.1 400 Bad Request\r\n", "is not a reply of an FTP server"),
        (b"220-never ends\r\n" * 200, "the reply has no end"),
        (b"2" * 2000, "a line of the reply has no end"),
    ],
)
def test_a_strange_greeting_is_told(powershell: PowerShell, pair: Pair, greeting: bytes, told: str) -> None:
    with Server(pair, greeting=greeting).running() as server:
        result = probe(powershell, [server], thumbprint(pair))
    assert result["failed"]
    assert told in result["msg"]


def test_a_port_that_nobody_listens_on(powershell: PowerShell, pair: Pair) -> None:
    server = Server(pair)
    server._socket.close()
    result = probe(powershell, [server], thumbprint(pair))
    assert result["failed"]
    assert f"port {server.port}: Connection refused" in result["msg"]


def test_it_waits_for_the_new_certificate(powershell: PowerShell, pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    new = Authority(tmp_path / "new", "authority").host("ftps.example.com")
    with Server(pair).running() as server:
        timer = threading.Timer(1.5, lambda: setattr(server, "pair", new))
        timer.start()
        result = probe(powershell, [server], thumbprint(new), wait_seconds=20)
        timer.join()
    assert not result.get("failed"), result
    assert server.connections > 1


def test_a_check_looks_once_and_does_not_fail(powershell: PowerShell, pair: Pair) -> None:
    with Server(pair).running() as server:
        result = probe(powershell, [server], OTHER, check=True, wait_seconds=60)
    assert not result.get("failed")
    assert result["changed"] is False
    assert len(result["problems"]) == 1
    assert server.connections == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"thumbprint": "\u200e" + OTHER}, "must be 40 hexadecimal digits"),
        ({"thumbprint": OTHER[1:]}, "must be 40 hexadecimal digits"),
        ({"ports": []}, "ports must name at least one port"),
        ({"data_ports": [50000]}, "data_ports must be the first and the last port, or empty"),
    ],
)
def test_bad_arguments(powershell: PowerShell, arguments: dict[str, Any], told: str) -> None:
    result = probe(powershell, [], OTHER, **({"ports": [{"port": 21}]} | arguments))
    assert result["failed"]
    assert told in result["msg"]
