"""A table and the elements of its sets, as data."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

ADDRESS_BITS = {"ipv4_addr": 32, "ipv6_addr": 128}

Interval = tuple[int, int]


class TableError(Exception):
    """An error for the user: what, where, remedy."""


@dataclass(frozen=True)
class Element:
    """One element of a named set or map; the counter only where it was read from a kernel."""

    text: str
    comment: str = ""
    packets: int = 0
    bytes: int = 0
    #: its value in a map, a number; None in a set
    value: int | None = None

    def declaration(self) -> str:
        counter = f" counter packets {self.packets} bytes {self.bytes}" if self.packets else ""
        comment = f' comment "{self.comment}"' if self.comment else ""
        return f"{self.text}{counter}{comment}{self._value()}"

    def deletion(self) -> str:
        return f"{self.text}{self._value()}"

    def _value(self) -> str:
        return "" if self.value is None else f" : {self.value}"

    def line(self) -> str:
        return f"{self.deletion()}  {self.comment}".rstrip()


Elements = dict[Interval, Element]


@dataclass(frozen=True)
class Table:
    """A table as a kernel shows it."""

    #: header ("chain forward", "set customers4") -> its text, without counters and elements
    blocks: dict[str, str] = field(default_factory=dict)
    #: name of a set or map -> type of its elements, such as ipv4_addr
    set_types: dict[str, str] = field(default_factory=dict)
    #: name of a set or map of addresses -> its elements
    elements: dict[str, Elements] = field(default_factory=dict)
    #: "set x" or "map x" -> every element in a comparable form
    contents: dict[str, list[str]] = field(default_factory=dict)

    def header(self, name: str) -> str:
        """The header of a named set or map."""
        return f"map {name}" if f"map {name}" in self.blocks else f"set {name}"


def parse_interval(text: str) -> tuple[int, Interval]:
    """'10.0.0.0/25', '10.0.0.1' or '10.0.0.1-10.0.0.9' -> number of address bits, first and last address."""
    first, separator, last = text.partition("-")
    first, slash, length = first.partition("/")
    family, bits = (socket.AF_INET6, 128) if ":" in first else (socket.AF_INET, 32)
    try:
        start = int.from_bytes(socket.inet_pton(family, first), "big")
        if separator:
            end = int.from_bytes(socket.inet_pton(family, last), "big")
        else:
            host_bits = bits - int(length) if slash else 0
            if not 0 <= host_bits <= bits:
                raise ValueError
            end = start | ((1 << host_bits) - 1)
            if start & ((1 << host_bits) - 1):
                raise TableError(f"'{text}' has host bits set: give the network's own address")
    except (OSError, ValueError):
        raise TableError(f"'{text}' is neither an address, nor a network in CIDR notation, nor a range") from None
    if end < start:
        raise TableError(f"'{text}' ends before it begins")
    return bits, (start, end)
