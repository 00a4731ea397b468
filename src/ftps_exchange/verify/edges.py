"""Two edges, and several servers: whether one may take the place of another one.

Pure: it reads what ``nft --json`` and ``conntrack`` said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

_COUNTED: Final = frozenset({"handle", "packets", "bytes"})
"""What differs between two loads of the same rules."""
_SOURCE: Final = re.compile(r"ESTABLISHED src=(\S+) dst=\S+ sport=(\d+)")

_TRANSLATED: Final = re.compile(
    r"ESTABLISHED src=(\S+) dst=\S+ sport=\d+ dport=(\d+) (?:packets=\d+ bytes=\d+ )?src=(\S+)"
)


def rules(listing: str, other: Collection[str]) -> list[str]:
    """A table as ``nft --json`` lists it -> its parts, one a line, equal for edges that do the same.

    Each edge names the other one's addresses; they become "another host". Elements that vanish by themselves are left
    out.
    """
    return sorted(
        json.dumps(_plain(part, other), sort_keys=True)
        for entry in json.loads(listing)["nftables"]
        for part in _parts(entry)
    )


def differences(first: list[str], second: list[str]) -> list[str]:
    """Parts that only one of two edges has."""
    return sorted({*first} ^ {*second})


def connections(listing: str) -> set[str]:
    """Lines of ``conntrack -L`` -> who is connected: address and port of each client."""
    return {f"{source} {port}" for source, port in _SOURCE.findall(listing)}


def servers_of_source(listing: str, port: int) -> set[str]:
    """Lines of ``conntrack -L`` -> all servers that the source of a connection to a port has connections to.

    Each line ends with the translated direction: its source is the server.
    """
    found = [(match[1], int(match[2]), match[3]) for match in _TRANSLATED.finditer(listing)]
    sources = {source for source, destination_port, _ in found if destination_port == port}
    return {server for source, _, server in found if source in sources}


def _parts(entry: Mapping[str, Any]) -> Iterator[Any]:
    """A set's elements are parts of their own, so that a difference names one of them."""
    for kind in ("set", "map"):
        if kind in entry:
            declared = dict(entry[kind])
            elements = declared.pop("elem", ())
            yield {kind: declared}
            if "dynamic" in declared.get("flags", ()):
                # What the packets themselves leave there
                return
            for element in elements:
                inner = element.get("elem", element) if isinstance(element, dict) else element
                if not (isinstance(inner, dict) and "expires" in inner):
                    yield {declared["name"]: element}
            return
    if "metainfo" not in entry:
        yield entry


def _plain(value: Any, other: Collection[str]) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner, other) for key, inner in value.items() if key not in _COUNTED}
    if isinstance(value, list):
        return [_plain(inner, other) for inner in value]
    return "another host" if value in other else value
