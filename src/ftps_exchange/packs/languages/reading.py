"""Code that the readers of all languages share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network
from itertools import product
from typing import Any, Final

from ftps_exchange.model.view import Family

type Fact = tuple[str, str, str, str, str]
"""What a rule does, its source, its destination, its ports, and where a translation leads; "" is not said."""

NET: Final = r"[0-9a-f:.]+(?:/[0-9]{1,3})?"
NAME: Final = r"[A-Za-z0-9_-]+"
RANGE: Final = r"[0-9]{1,5}(?:[-:][0-9]{1,5})?"


@dataclass(frozen=True, slots=True)
class Language:
    """The reader of a format, and what its rules must contain besides what passes."""

    read: Callable[[str], Iterator[Fact]]
    variants: tuple[str, ...] = ()
    """Suffixes of files with the same rules for different devices: each must contain all of them."""
    asked_before: bool = False
    """Rules apply before the translation, so they name the public address."""
    answers: bool = False
    """Replies have their own rules."""
    translates: tuple[Family, ...] = ()
    """The families of which it translates these clients' connections to these ports."""
    translates_for_all: tuple[Family, ...] = ()
    """The families of which it translates the service's ports, or its whole address, whoever comes."""


class UnsoundError(Exception):
    """An unknown line, or one that opens more than it names."""


@lru_cache(maxsize=4096)
def net(text: str) -> str:
    """A network in its canonical form, and never every address."""
    network = ip_network(text)
    if network.prefixlen == 0:
        raise UnsoundError(f"{text} is every address")
    return str(network)


@lru_cache(maxsize=4096)
def ports_of(text: str) -> str:
    """A port or a range, as first and last."""
    first, _, last = text.replace(":", "-").partition("-")
    if not 1 <= int(first) <= int(last or first) <= 65535:
        raise UnsoundError(f"{text} is not a port")
    return f"{int(first)}-{int(last or first)}"


def each(kind: str, sources: Iterable[str], destination: str, ports: Iterable[str], to: str = "") -> Iterator[Fact]:
    """One fact for each source and port; a rule without either is refused, and so is one without a destination."""
    pairs = list(product(sources, ports))
    if not pairs:
        raise UnsoundError(f"a rule ({kind}) to {destination} names no source or no port")
    for source, port in pairs:
        yield (kind, net(source), net(destination), ports_of(port), net(to) if to else "")


def joined(ranges: Iterable[tuple[int, int]]) -> list[str]:
    """The same ports in as few ranges as possible: some languages name each port."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return [f"{first}-{last}" for first, last in found]


def translated(ports: Mapping[tuple[str, str], Iterable[tuple[int, int]]]) -> Iterator[Fact]:
    """Public address and server -> the ports that are translated."""
    for (public, server), ranges in ports.items():
        yield from (("translate", "", public, port, server) for port in joined(ranges))


_VISIBLE: Final = re.compile(r"[\t\n\x20-\x7e]*")


def lines_of(text: str, comment: str) -> Iterator[str]:
    """The lines without comments; all printable ASCII, so that none hides another."""
    if not _VISIBLE.fullmatch(text):
        hidden = next(line for line in text.split("\n") if not _VISIBLE.fullmatch(line))
        raise UnsoundError(f"a character that hides something, in {hidden!r}")
    lines = [line.strip() for line in text.split("\n") if not line.startswith(comment)]
    yield from (line for line in lines if line and not line.startswith(comment))


@lru_cache(maxsize=64)
def known_lines(*patterns: str) -> tuple[re.Pattern[str], ...]:
    """The lines that a file may contain, compiled once."""
    return tuple(map(re.compile, patterns))


def match(line: str, known: Iterable[re.Pattern[str]]) -> tuple[int, re.Match[str]]:
    """Return the pattern that matches the whole line."""
    for number, pattern in enumerate(known):
        found = pattern.fullmatch(line)
        if found:
            return number, found
    raise UnsoundError(f"an unknown line: {line!r}")


def pair(text: str) -> tuple[int, int]:
    """A checked port or range as numbers."""
    first, _, last = ports_of(text).partition("-")
    return int(first), int(last)


def listed(text: str, separator: str = r"[\s,{}]+") -> list[str]:
    return [part for part in re.split(separator, text) if part]


def once[T](settings: dict[str, T], key: str, value: T) -> None:
    """A second value for the same key might add to the first, or win over it: neither is meant."""
    if key in settings:
        raise UnsoundError(f"{key} twice: {value}")
    settings[key] = value


class Objects:
    """Named addresses, groups and services that the file has defined so far."""

    def __init__(self) -> None:
        self.members: dict[str, list[str]] = {}

    def add(self, name: str, *values: str) -> None:
        self.members.setdefault(name, []).extend(values)

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value

    def all(self, name: str) -> list[str]:
        values = self.members.get(name, [])
        if not values:
            raise UnsoundError(f"the object {name} is empty or not defined in the file")
        return values


def only(content: Mapping[str, Any], *keys: str) -> None:
    if content.keys() != set(keys):
        raise UnsoundError(f"the keys {sorted(content)} instead of {sorted(keys)}")
