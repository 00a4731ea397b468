"""The few requests of LDAP that look at a directory before anything is installed: bind, and one search (RFC 4511).

python-ldap comes with the first run, so these bytes are made here.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

BIND_REQUEST, BIND_RESPONSE = 0x60, 0x61
SEARCH_REQUEST, SEARCH_ENTRY, SEARCH_DONE, SEARCH_REFERENCE = 0x63, 0x64, 0x65, 0x73
MOST_BYTES = 1 << 20


class LdapError(Exception):
    """What came back instead of an answer."""


@dataclass(frozen=True)
class Answer:
    """Result code, what the server says about it, and the attributes of the entry that was found."""

    code: int
    diagnostic: str
    attributes: dict[str, list[str]] = field(default_factory=dict)


def element(tag: int, *contents: bytes) -> bytes:
    """One element of BER with its length."""
    body = b"".join(contents)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def number(value: int, tag: int = 0x02) -> bytes:
    return element(tag, bytes([value]))


def text(value: str, tag: int = 0x04) -> bytes:
    return element(tag, value.encode())


def bind_request(message: int, name: str, password: str) -> bytes:
    return element(0x30, number(message), element(BIND_REQUEST, number(3), text(name), text(password, 0x80)))


def base_search(message: int, base: str, attributes: Sequence[str]) -> bytes:
    """Search one object, with a time limit of ten seconds."""
    body = (text(base), number(0, 0x0A), number(0, 0x0A), number(2), number(10), element(0x01, b"\0"))
    wanted = element(0x30, *map(text, attributes))
    return element(0x30, number(message), element(SEARCH_REQUEST, *body, text("objectClass", 0x87), wanted))


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements that stand one after the other in these bytes."""
    position = 0
    while position < len(data):
        tag, start, end = _header(data, position)
        if end > len(data):
            raise LdapError("an answer that ends too early")
        yield tag, data[start:end]
        position = end


def _header(data: bytes, position: int) -> tuple[int, int, int]:
    """Tag, beginning and end of the element at this position; the end may lie behind the data."""
    try:
        tag, length = data[position], data[position + 1]
        start = position + 2
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4 or start + count > len(data):
                raise IndexError
            length = int.from_bytes(data[start : start + count], "big")
            start += count
    except IndexError:
        raise LdapError("an answer that is not LDAP") from None
    return tag, start, start + length


def result(body: bytes) -> tuple[int, str]:
    parts = [content for _, content in elements(body)]
    if len(parts) < 3:
        raise LdapError("an answer that is not LDAP")
    return int.from_bytes(parts[0], "big"), parts[2].decode(errors="replace")


def attributes_of(body: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    parts = [content for _, content in elements(body)]
    for _, attribute in elements(parts[1] if len(parts) > 1 else b""):
        pair = [content for _, content in elements(attribute)]
        if len(pair) < 2:
            raise LdapError("an answer that is not LDAP")
        name, values = pair[:2]
        found[name.decode().lower()] = [value.decode(errors="replace") for _, value in elements(values)]
    return found


class Connection:
    """A connection to a directory, with TLS or without; every step has a time limit."""

    def __init__(self, host: str, port: int, timeout: float, ca: str | None = None) -> None:
        self.raw = socket.create_connection((host, port), timeout)
        self.message = 0
        self.data = b""
        if ca is not None:
            context = ssl.create_default_context(cadata=ca)
            try:
                self.raw = context.wrap_socket(self.raw, server_hostname=host)
            except BaseException:
                self.raw.close()
                raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_details: object) -> None:
        self.raw.close()

    def bind(self, name: str, password: str) -> Answer:
        self.message += 1
        return self._ask(bind_request(self.message, name, password), BIND_RESPONSE)

    def read(self, base: str, attributes: Sequence[str]) -> Answer:
        self.message += 1
        return self._ask(base_search(self.message, base, attributes), SEARCH_DONE)

    def _ask(self, request: bytes, last: int) -> Answer:
        self.raw.sendall(request)
        attributes: dict[str, list[str]] = {}
        while True:
            parts = list(elements(self._message()))
            if len(parts) < 2:
                raise LdapError("an answer that is not LDAP")
            tag, body = parts[1]
            if tag == SEARCH_ENTRY:
                attributes = attributes_of(body)
            elif tag == last:
                return Answer(*result(body), attributes)
            elif tag != SEARCH_REFERENCE:
                raise LdapError("an answer to another question")

    def _message(self) -> bytes:
        """The next message; more than one may come in at once."""
        while True:
            # The header of a message that is still on its way may be incomplete
            with contextlib.suppress(LdapError):
                _, start, end = _header(self.data, 0)
                if len(self.data) >= end:
                    message, self.data = self.data[start:end], self.data[end:]
                    return message
            got = self.raw.recv(65536)
            if not got:
                raise LdapError("the connection was closed")
            self.data += got
            if len(self.data) > MOST_BYTES:
                raise LdapError("an answer that is too long")


def windows_code(diagnostic: str) -> str:
    """The code behind "data" in Active Directory's refusal of a bind."""
    found = re.search(r"data ([0-9a-f]+)", diagnostic)
    return found[1] if found else ""
