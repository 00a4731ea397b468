"""A WinRM listener of the tests' own, on the loopback interface: HTTPS, NTLM bound to the TLS connection, certificates.

Ansible's real connection plugin speaks to it. It keeps every module call and hands it to whoever answers for the host.
It is no Windows: what it shows is what the control node sends, in which order, and what it makes of the answers.

Recordings hold the arguments in clear, secrets included. They live in the memory of the test and nowhere else.
"""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import spnego
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from spnego.channel_bindings import GssChannelBindings

from . import messages
from .calls import Call, Received, read_call

MUTUAL: Final = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
"""How a client says that it has shown a certificate instead of a password."""

_LONGEST_WAIT: Final = 15.0
"""A Receive gets a reply that makes it ask again before the client gives up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command wrote, and how it ended."""

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int = 0


class FarEnd:
    """Who answers for the host: overridden by what a test wants to happen there."""

    def module(self, call: Call) -> Answer:
        """Answer a module call."""
        raise AssertionError(f"nobody answers {call.full_name}")

    def other(self, received: Received) -> Answer:
        """Answer a command that is no module call, such as the transfer of a file."""
        raise AssertionError(f"nobody answers the command {received.script[:200]!r}")


@dataclass
class _Command:
    line: str
    parts: list[bytes] = field(default_factory=list)
    finished: threading.Event = field(default_factory=threading.Event)
    started: bool = False
    answer: Answer = field(default_factory=Answer)


@dataclass
class Recording:
    """What has arrived."""

    calls: list[Call] = field(default_factory=list)
    others: list[Received] = field(default_factory=list)
    requests: int = 0
    bytes_received: int = 0
    refused_logins: int = 0
    logins: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def modules(self) -> list[str]:
        """The names of the modules, in the order of the calls."""
        return [call.module for call in self.calls]

    def of(self, module: str) -> list[Call]:
        """The calls of one module."""
        return [call for call in self.calls if call.module == module]


class Endpoint(ThreadingHTTPServer):
    """The listener. ``recording`` is replaced by ``fresh()``, so that each run is looked at by itself."""

    daemon_threads = True

    def __init__(self, certificate: Path, key: Path, client_authority: Path | None, far_end: FarEnd) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if client_authority is not None:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(client_authority)
        # The handshake belongs to the thread of its connection: a client that refuses us must not hold up the others
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
        # RFC 5929: what the client proves its password for is bound to the certificate that it was shown
        self.bindings = GssChannelBindings(
            application_data=b"tls-server-end-point:" + hashlib.sha256(leaf.public_bytes(Encoding.DER)).digest()
        )
        self.far_end = far_end
        self.recording = Recording()
        self.commands: dict[str, _Command] = {}
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def fresh(self) -> Recording:
        """Begin a new recording and return it."""
        self.recording = Recording()
        return self.recording

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off because it does not trust us is what some tests want to see."""

    def start(self, command: _Command) -> None:
        """Run a command, once all that it reads is there."""
        received = Received(command.line, b"".join(command.parts))
        threading.Thread(target=self._run, args=(command, received), daemon=True).start()

    def _run(self, command: _Command, received: Received) -> None:
        try:
            call = read_call(received)
            with self.lock:
                if call is None:
                    self.recording.others.append(received)
                else:
                    self.recording.calls.append(call)
            command.answer = self.far_end.other(received) if call is None else self.far_end.module(call)
        except Exception as error:
            # Told to the test, and to Ansible as the failure of the command
            self.recording.problems.append(f"{type(error).__name__}: {error}")
            command.answer = Answer(stderr=str(error).encode(), exit_code=1)
        finally:
            command.finished.set()


class _Handler(BaseHTTPRequestHandler):
    """One connection: who it is, and then its requests."""

    server: Endpoint
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # A response leaves in one piece
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self._is_known = False
        self._login: Any = None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the base class's)
        """Say nothing: the recording has it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self.server.recording.requests += 1
            self.server.recording.bytes_received += len(body) + len(bytes(self.headers)) + len(self.requestline) + 2
        if not self._authenticated():
            return
        if not body:
            # The client logs in with an empty request first
            self._reply(200)
            return
        try:
            request = messages.read_request(body)
            status, answer = self._operation(request)
        except (KeyError, ValueError) as error:
            self.server.recording.problems.append(f"{type(error).__name__}: {error}")
            self._reply(400)
            return
        self._reply(status, messages.response(request, answer))

    def _operation(self, request: messages.Request) -> tuple[int, str]:
        commands = self.server.commands
        match request.operation:
            case "Create":
                return 200, messages.created(str(uuid.uuid4()).upper())
            case "Command":
                command_id = str(uuid.uuid4()).upper()
                commands[command_id] = _Command(request.command_line)
                return 200, messages.command_started(command_id)
            case "Send":
                command = commands[request.command_id]
                command.parts.append(request.standard_input)
                if request.is_last_input:
                    self._start(command)
                return 200, "<rsp:SendResponse/>"
            case "Receive":
                command = commands[request.command_id]
                # A command that reads nothing was started by Command already
                self._start(command)
                if not command.finished.wait(min(request.patience_seconds, _LONGEST_WAIT)):
                    return 500, messages.fault(messages.OPERATION_TIMED_OUT, "The command has nothing to tell yet.")
                answer = command.answer
                return 200, messages.command_done(request.command_id, answer.stdout, answer.stderr, answer.exit_code)
            case "Signal":
                commands.pop(request.command_id, None)
                return 200, "<rsp:SignalResponse/>"
            case "Delete":
                return 200, ""
            case unknown:
                raise ValueError(f"the operation {unknown!r} is unknown")

    def _start(self, command: _Command) -> None:
        with self.server.lock:
            if command.started:
                return
            command.started = True
        self.server.start(command)

    # Who is it?

    def _authenticated(self) -> bool:
        if self._is_known:
            return True
        authorization = self.headers.get("Authorization", "")
        if authorization == MUTUAL and isinstance(self.connection, ssl.SSLSocket):
            shown = self.connection.getpeercert(binary_form=True)
            if shown:
                subject = x509.load_der_x509_certificate(shown).subject
                return self._welcome(f"certificate {subject.rfc4514_string()}")
        found = re.fullmatch(r"(Negotiate|NTLM) (\S+)", authorization)
        if not found:
            return self._refuse(count=bool(authorization))
        try:
            if self._login is None:
                self._login = spnego.server(protocol="ntlm", channel_bindings=self.server.bindings)
            token = self._login.step(base64.b64decode(found[2]))
        except Exception:  # of many kinds, and all of them mean no
            self._login = None
            return self._refuse(count=True)
        if not self._login.complete:
            self._reply(401, headers={"WWW-Authenticate": f"{found[1]} {base64.b64encode(token or b'').decode()}"})
            return False
        return self._welcome(f"ntlm {self._login.client_principal}")

    def _welcome(self, who: str) -> bool:
        self._is_known = True
        self.server.recording.logins.append(who)
        return True

    def _refuse(self, *, count: bool) -> bool:
        if count:
            self.server.recording.refused_logins += 1
        self._reply(401, headers={"WWW-Authenticate": "Negotiate"})
        return False

    def _reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/soap+xml;charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def listening(endpoint: Endpoint) -> Iterator[Endpoint]:
    """Serve in the background for as long as the block runs."""
    thread = threading.Thread(target=endpoint.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.shutdown()
        endpoint.server_close()
        thread.join(timeout=5)
