"""A small FTPS client that lets a test do every step of the protocol itself.

The standard library's ftplib cannot resume the control channel's TLS session on the data channel, which a server may
insist on (RFC 4217 section 10.2), and hides the replies that the tests are about.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Final, Self

from .target import Account, Target
from .vantage import Host


@dataclass(frozen=True)
class Reply:
    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


CLOSED = Reply(421, "(the server closed the connection without a reply)")
"""RFC 959 section 4.2.1 has 421 for a connection that is closed; several servers close it without a word."""


LONGEST_REPLY: Final = 1 << 20
"""Bytes; far more than any server sends at once, and little enough for this machine."""

PATIENT: Final = 2
IMPATIENT: Final = 2.0
_unanswered: dict[tuple[str, str, int], int] = {}
"""How often nothing answered, from which host, at which address and port; 0 once it did.

Later checks still try a server that did not answer at first, but wait less: a run against
a service that is down has to end, and to tell, before the timer that started it gives up.
"""


class RefusedError(AssertionError):
    """A step that the test needs was refused; the message is the transcript."""


class FtpsClient:
    """One control connection, and data connections on request."""

    def __init__(
        self,
        target: Target,
        host: Host,
        *,
        ipv6: bool = False,
        implicit: bool = False,
        tls: ssl.SSLContext | None = None,
        source: str | None = None,
        address: str | None = None,
        port: int | None = None,
        timeout: float = 20,
        transcript: list[str] | None = None,
    ) -> None:
        self.target = target
        self.host = host
        self.timeout = timeout
        self.address = address or target.address(ipv6)
        self.tls = tls or target.context()
        self.data_address: tuple[str, int] | None = None
        self.data_certificate: bytes | None = None
        self.data_resumed: bool | None = None
        self.data_session: ssl.SSLSession | None = None
        self._options = {"ipv6": ipv6, "implicit": implicit, "tls": self.tls, "source": source, "timeout": timeout}
        self._options |= {"address": address, "port": port}
        self._account: Account | None = None
        port = port or target.port(implicit)
        # The caller's own list, so that it also has connections that failed
        self.transcript = [] if transcript is None else transcript
        self.note(f"{host.name} -> {self.address} port {port}{' (implicit TLS)' * implicit}")
        self._received = b""
        self._length = 0
        self._until = 0.0
        key = (host.name, self.address, port)
        silent = _unanswered.get(key, 0)
        patience = min(timeout, IMPATIENT) if silent >= PATIENT else timeout
        try:
            self.greeting = self._begin(port, source, implicit, patience)
        except TimeoutError:
            if key not in _unanswered or silent:
                _unanswered[key] = silent + 1
            raise
        _unanswered[key] = 0
        self.control.settimeout(timeout)

    def _begin(self, port: int, source: str | None, implicit: bool, timeout: float) -> Reply:
        """Connect, and wait for the greeting."""
        try:
            self.control: socket.socket = self.host.connect(self.address, port, timeout, source)
        except OSError as error:
            self.note(f"no connection: {error}")
            raise
        if implicit:
            self._handshake()
        return self.reply()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.control.close()

    def note(self, text: str) -> None:
        """A line of the transcript that is neither a command nor a reply."""
        self.transcript.append(f"# {text}")

    # -- control channel ------------------------------------------------------------------------------------------
    def _handshake(self) -> None:
        try:
            self.control = self.tls.wrap_socket(self.control, server_hostname=self.target.fqdn)
        except OSError as error:
            self.note(f"TLS handshake failed: {error}")
            raise
        self.note(f"TLS: {self.secured.version()}, {(self.secured.cipher() or ('?',))[0]}")

    @property
    def secured(self) -> ssl.SSLSocket:
        """The control channel, which is in TLS by now."""
        assert isinstance(self.control, ssl.SSLSocket), "the control channel is not in TLS"
        return self.control

    def _line(self) -> str:
        while b"\n" not in self._received:
            chunk = self.control.recv(65536)
            if not chunk:
                raise EOFError("the server closed the control connection")
            self._received += chunk
            self._length += len(chunk)
            self._until = self._until or time.monotonic() + self.timeout
            if self._length > LONGEST_REPLY:
                self._received = b""
                raise RefusedError(f"a reply that does not end: {self._length} bytes so far")
            if time.monotonic() > self._until:
                raise TimeoutError(f"a reply that does not end within {self.timeout:g} s of its beginning")
        line, self._received = self._received.split(b"\n", 1)
        return line.decode("utf-8", "surrogateescape").rstrip("\r")

    def reply(self) -> Reply:
        """One reply, also over several lines (RFC 959 section 4.2)."""
        self._length, self._until = 0, 0.0
        try:
            line = self._line()
            text = [line[4:]]
            if line[3:4] == "-":
                while not (line[:3] == (last := self._line())[:3] and last[3:4] == " "):
                    text.append(last)
                text.append(last[4:])
        except (EOFError, OSError, RefusedError) as error:
            self.note(str(error) or type(error).__name__)
            raise
        if not line[:3].isdigit():
            raise RefusedError(f"no reply of FTP: {line[:80]!r}")
        reply = Reply(int(line[:3]), "\n".join(text))
        self.transcript.append(f"< {reply}")
        return reply

    def send(self, command: str | bytes) -> None:
        raw = command if isinstance(command, bytes) else command.encode("utf-8", "surrogateescape")
        shown = raw.decode("utf-8", "replace")
        self.transcript.append("> PASS ***" if shown.upper().startswith("PASS ") else f"> {shown}")
        self.control.sendall(raw + b"\r\n")

    def command(self, command: str | bytes) -> Reply:
        self.send(command)
        return self.reply()

    def answer(self, command: str | bytes) -> Reply:
        """Like command(), where closing the connection is an answer as well."""
        try:
            return self.command(command)
        except (EOFError, ConnectionError, ssl.SSLEOFError):
            return CLOSED

    def expect(self, command: str, *codes: int) -> Reply:
        reply = self.command(command)
        if reply.code not in codes:
            raise RefusedError(f"expected {codes}:\n" + "\n".join(self.transcript))
        return reply

    def start_tls(self) -> Self:
        self.expect("AUTH TLS", 234)
        self._handshake()
        return self

    def try_login(self, user: str, password: str) -> Reply:
        reply = self.answer(f"USER {user}")
        return self.answer(f"PASS {password}") if reply.code == 331 else reply

    def login(self, account: Account) -> Self:
        """Log in and protect the data channel (PBSZ and PROT, RFC 4217 section 9)."""
        reply = self.try_login(account.name, account.password)
        self._account = account
        if reply.code != 230:
            raise RefusedError("login refused:\n" + "\n".join(self.transcript))
        self.expect("PBSZ 0", 200)
        self.expect("PROT P", 200)
        self.expect("TYPE I", 200)
        return self

    def again(self) -> FtpsClient:
        """Another session of the same account."""
        client = FtpsClient(self.target, self.host, **self._options)  # type: ignore[arg-type]
        client = client if self._options["implicit"] else client.start_tls()
        return client.login(self._account) if self._account else client

    # -- data channel ---------------------------------------------------------------------------------------------
    def pasv(self) -> tuple[str, int]:
        reply = self.expect("PASV", 227)
        numbers = re.search(r"(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)", reply.text)
        assert numbers, reply
        octets = [int(number) for number in numbers.groups()]
        self.data_address = (".".join(map(str, octets[:4])), octets[4] * 256 + octets[5])
        return self.data_address

    def epsv(self) -> int:
        reply = self.expect("EPSV", 229)
        port = re.search(r"\((.)\1\1(\d+)\1\)", reply.text)
        assert port, reply
        self.data_address = (self.address, int(port.group(2)))
        return self.data_address[1]

    def passive(self) -> None:
        """EPSV, as RFC 4217 section 7 advises behind NAT, or PASV where the server knows no EPSV."""
        try:
            self.epsv()
        except RefusedError:
            self.data_address = (self.address, self.pasv()[1])

    def open_data(self, *, from_host: Host | None = None) -> socket.socket:
        """Connect the data channel to what PASV or EPSV announced; the handshake is done by secure_data()."""
        assert self.data_address
        return (from_host or self.host).connect(*self.data_address, self.timeout)

    def secure_data(
        self, data: socket.socket, *, reuse: bool = True, resume: ssl.SSLSession | None = None
    ) -> ssl.SSLSocket:
        """The handshake on a data channel: with the control channel's TLS session, a given one, or none."""
        session = resume or (self.secured.session if reuse else None)
        secured = self.tls.wrap_socket(data, server_hostname=self.target.fqdn, session=session)
        self.data_certificate = secured.getpeercert(binary_form=True)
        self.data_resumed = secured.session_reused
        return secured

    def transfer(
        self,
        command: str | bytes,
        content: bytes | None = None,
        *,
        reuse: bool = True,
        resume: ssl.SSLSession | None = None,
    ) -> tuple[Reply, bytes]:
        """One transfer over a fresh passive data channel: the final reply, and what was received."""
        self.passive()
        data = self.open_data()
        received = b""
        try:
            preliminary = self.command(command)
            if preliminary.code >= 200:
                return preliminary, b""
            try:
                secured = self.secure_data(data, reuse=reuse, resume=resume)
                self.data_session = secured.session
                if content is None:
                    while chunk := secured.recv(1 << 16):
                        received += chunk
                else:
                    secured.sendall(content)
                self.data_session = secured.session
                secured.unwrap().close()
            except (ssl.SSLError, OSError) as error:
                # The reply on the control channel says why the server cut the data channel.
                self.note(f"data channel: {error}")
                data.close()
            return self.reply(), received
        finally:
            data.close()

    def clear_transfer(self, command: str) -> tuple[Reply, bytes]:
        """One transfer without TLS on the data channel: the reply that counts, and what came in clear."""
        self.passive()
        received = b""
        with self.open_data() as data:
            reply = self.command(command)
            if reply.code >= 200:
                return reply, b""
            data.settimeout(4)
            try:
                while chunk := data.recv(1 << 16):
                    received += chunk
            except OSError as error:
                self.note(f"data channel in clear: {error}")
        return self.reply(), received

    def store(self, path: str, content: bytes) -> Reply:
        return self.transfer(f"STOR {path}", content)[0]

    def retrieve(self, path: str) -> tuple[Reply, bytes]:
        return self.transfer(f"RETR {path}")

    def rename(self, old: str, new: str) -> Reply:
        """The reply that counts: of RNFR when it is refused, else of RNTO."""
        reply = self.command(f"RNFR {old}")
        return self.command(f"RNTO {new}") if reply.code == 350 else reply

    def names(self, path: str = "") -> list[str]:
        """The names MLSD lists, without the folder itself and its parent."""
        reply, listing = self.transfer(f"MLSD {path}".rstrip())
        assert reply.code in (226, 250), "\n".join(self.transcript)
        facts = [line.partition(" ") for line in listing.decode("utf-8", "surrogateescape").splitlines()]
        return sorted(
            name for fact, _, name in facts if "type=cdir" not in fact.lower() and "type=pdir" not in fact.lower()
        )
