"""The beginning of a TLS handshake, byte by byte: what a server accepts, independent of this machine's TLS library.

A library that is up to date refuses to offer SSL 3.0, TLS 1.0 or ciphers that were broken long ago, so it cannot show
that a server does (RFC 5246 section 7.4.1.2, RFC 8446 section 4.1.2).
"""

from __future__ import annotations

import secrets
import socket
import struct
from dataclasses import dataclass
from typing import Final

VERSIONS: Final = {"SSLv3": 0x0300, "TLSv1.0": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303}

WEAK_CIPHERS: Final = {
    "no encryption": [0x0001, 0x0002, 0x003B, 0xC001, 0xC006, 0xC00B, 0xC010],
    "no server certificate": [0x0018, 0x0034, 0x003A, 0x006C, 0x006D, 0x00A6, 0x00A7, 0xC015, 0xC016, 0xC018, 0xC019],
    "export": [0x0003, 0x0006, 0x0008, 0x000B, 0x000E, 0x0011, 0x0014, 0x0017, 0x0019],
    "RC4": [0x0004, 0x0005, 0xC002, 0xC007, 0xC00C, 0xC011],
    "DES and 3DES": [0x0009, 0x000A, 0x000C, 0x000D, 0x0012, 0x0013, 0x0015, 0x0016, 0xC003, 0xC008, 0xC00D, 0xC012],
}
"""Numbers from IANA's registry of TLS cipher suites."""

NO_FORWARD_SECRECY: Final = [0x002F, 0x0035, 0x003C, 0x003D, 0x009C, 0x009D, 0x0041, 0x0084]
"""The session key is sent under the certificate's own key: who gets that key later reads everything recorded."""

_MODERN: Final = [0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9, 0xC009, 0xC00A, 0xC013, 0xC014, 0x0033, 0x0039]
ORDINARY: Final = _MODERN + NO_FORWARD_SECRECY + WEAK_CIPHERS["DES and 3DES"] + WEAK_CIPHERS["RC4"]

_ALERT, _HANDSHAKE, _SERVER_HELLO = 0x15, 0x16, 2


@dataclass(frozen=True)
class Answer:
    """What the server made of the offer."""

    accepted: bool
    text: str


def client_hello(name: str, version: int, ciphers: list[int]) -> bytes:
    """The first message of a client that knows nothing newer than this version."""

    def extension(number: int, content: bytes) -> bytes:
        return struct.pack("!HH", number, len(content)) + content

    host = name.encode("idna")
    extensions = b"".join(
        (
            extension(0, struct.pack("!HBH", len(host) + 3, 0, len(host)) + host),
            # Groups: x25519, P-256, P-384, P-521; formats of points: uncompressed; signatures: RSA and ECDSA
            extension(10, struct.pack("!H4H", 8, 29, 23, 24, 25)),
            extension(11, b"\x01\x00"),
            extension(
                13, struct.pack("!H9H", 18, 0x0403, 0x0503, 0x0603, 0x0804, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201)
            ),
        )
    )
    body = struct.pack("!H", version) + secrets.token_bytes(32) + b"\0"
    body += struct.pack(f"!H{len(ciphers)}H", 2 * len(ciphers), *ciphers) + b"\x01\x00"
    if version > VERSIONS["SSLv3"]:
        body += struct.pack("!H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return struct.pack("!BHH", _HANDSHAKE, min(version, 0x0301), len(message)) + message


def offer(connection: socket.socket, name: str, version: int, ciphers: list[int]) -> Answer:
    """Offer exactly this over a connection on which TLS is about to begin, and see."""
    try:
        connection.sendall(client_hello(name, version, ciphers))
        head = _exactly(connection, 5)
        kind, _, length = struct.unpack("!BHH", head)
        body = _exactly(connection, min(length, 16384))
    except OSError as error:
        return Answer(False, f"connection closed ({error})")
    if kind == _ALERT and len(body) >= 2:
        return Answer(False, f"alert {body[1]}")
    if kind == _HANDSHAKE and len(body) > 39 and body[0] == _SERVER_HELLO:
        chosen = struct.unpack("!H", body[4:6])[0]
        skip = 39 + body[38]
        cipher = struct.unpack("!H", body[skip : skip + 2])[0]
        return Answer(chosen <= version, f"accepted: version 0x{chosen:04x}, cipher 0x{cipher:04x}")
    # A server that does not speak TLS here at all
    return Answer(False, f"no TLS in the answer ({(head + body)[:30]!r})")


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        chunk = connection.recv(size - len(content))
        if not chunk:
            raise ConnectionAbortedError("end of the connection")
        content += chunk
    return content
