"""Checked model -> the elements of the firewalls' sets of known sources, each with its customers as the comment.

nftables refuses overlapping elements in an interval set, and ``auto-merge`` would lose the comments and counters.
Customers behind one exit may overlap, so the address space is cut where the set of owners changes (one sweep over the
ends of all networks), and each piece is written in CIDR blocks. The result depends on who owns which address and on
nothing else: not on the order of the input, nor on how a customer cut its own networks.

The servers' firewall also counts connections, of a customer and not of an address: each piece has a mark, the same for
all pieces with the same owners in both families. It comes from the owners' names, so a mark stays when other customers
come and go.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypedDict

from .errors import ExchangeError
from .model.view import Customer, Family, read_model

LONGEST_COMMENT: Final = 128
"""NFTNL_UDATA_COMMENT_MAXLEN: nft refuses a longer comment. Names are ASCII, so characters are bytes."""

HIGHEST_MARK: Final = (1 << 32) - 2
"""Marks have 32 bits. 0 means that a packet has none, and the highest one that a customer has no connection left."""

_ADDRESS_BITS: Final[dict[Family, int]] = {4: 32, 6: 128}
_SEPARATOR: Final = ", "
_MOST_NAMES: Final = LONGEST_COMMENT // (1 + len(_SEPARATOR)) + 1
"""More names than this never fit, so a comment need not look at more."""


class Element(TypedDict):
    """An element of an nft set: an address or a CIDR block, and the names of the customers who own it."""

    element: str
    comment: str


class Budget(Element):
    """The same as an element of an nft map, with the mark for which connections are counted."""

    value: int


class EdgeSets(TypedDict):
    """The sets by address family, each sorted by address."""

    customers4: list[Element]
    customers6: list[Element]


class HostSets(EdgeSets):
    """What a server's own firewall holds: the same sets, and a map of the same pieces to marks for each family."""

    budgets4: list[Budget]
    budgets6: list[Budget]


@dataclass(frozen=True, slots=True)
class _Block:
    """The addresses from ``first`` to ``last`` (inclusive), owned by a customer."""

    first: int
    last: int
    owner: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """A range of addresses with one and the same set of owners."""

    first: int
    last: int
    comment: str
    owners: int
    """A fingerprint of the set of owners."""


def exchange_edge_sets(model: object) -> EdgeSets:
    """Checked model -> what may reach the service, of customers who are present and have an enabled account."""
    customers = _admitted(model)
    return {"customers4": _elements(_pieces(customers, 4), 4), "customers6": _elements(_pieces(customers, 6), 6)}


def exchange_host_sets(model: object) -> HostSets:
    """Checked model -> the same sets, and the marks by which a server counts the connections of a customer."""
    customers = _admitted(model)
    pieces4, pieces6 = _pieces(customers, 4), _pieces(customers, 6)
    marks = _marks({piece.owners for piece in (*pieces4, *pieces6)})
    budgets4, budgets6 = _budgets(pieces4, 4, marks), _budgets(pieces6, 6, marks)
    return {
        "customers4": _without_marks(budgets4),
        "customers6": _without_marks(budgets6),
        "budgets4": budgets4,
        "budgets6": budgets6,
    }


def _admitted(model: object) -> list[Customer]:
    customers = list(read_model(model).admitted)
    for customer in customers:
        require_sources(customer)
    return customers


def require_sources(customer: Customer) -> None:
    """Reject accounts without sources: an empty list must never mean "from anywhere"."""
    if not customer.sources4 and not customer.sources6:
        raise ExchangeError(
            "may log in but has no source address, and an empty list never means 'from anywhere'",
            customer=customer.name,
            field="sources",
            value=[],
            remedy="Give the networks that it comes from, as the service sees them, or set state: suspended",
        )


def _pieces(customers: Iterable[Customer], family: Family) -> list[_Piece]:
    blocks = [
        _Block(int(network.network_address), int(network.broadcast_address), customer.name)
        for customer in customers
        for network in customer.sources(family)
    ]
    return list(_owned_ranges(blocks))


def _elements(pieces: Iterable[_Piece], family: Family) -> list[Element]:
    return [
        {"element": element, "comment": piece.comment}
        for piece in pieces
        for element in _cidr_blocks(piece.first, piece.last, family)
    ]


def _budgets(pieces: Iterable[_Piece], family: Family, marks: Mapping[int, int]) -> list[Budget]:
    return [
        {"element": element, "comment": piece.comment, "value": marks[piece.owners]}
        for piece in pieces
        for element in _cidr_blocks(piece.first, piece.last, family)
    ]


def _without_marks(budgets: Iterable[Budget]) -> list[Element]:
    return [{"element": budget["element"], "comment": budget["comment"]} for budget in budgets]


# Asked for at the beginning and at the end of each network
@lru_cache(maxsize=65536)
def _fingerprint(owner: str) -> int:
    return int.from_bytes(hashlib.sha256(owner.encode()).digest()[:8], "big")


def _marks(fingerprints: Iterable[int]) -> dict[int, int]:
    """A mark for each set of owners, never the same for two."""
    marks: dict[int, int] = {}
    taken: set[int] = set()
    for fingerprint in sorted(fingerprints):
        mark = fingerprint % HIGHEST_MARK + 1
        while mark in taken:
            mark = mark % HIGHEST_MARK + 1
        taken.add(mark)
        marks[fingerprint] = mark
    return marks


def _owned_ranges(blocks: Sequence[_Block]) -> Iterator[_Piece]:
    """The ranges of addresses with one and the same set of owners, in order, each with the comment that names them."""
    changes_at: dict[int, dict[str, int]] = {}  # How many networks of an owner begin (+) or have ended (-) there.
    for block in blocks:
        for position, difference in ((block.first, 1), (block.last + 1, -1)):
            changes = changes_at.setdefault(position, {})
            changes[block.owner] = changes.get(block.owner, 0) + difference
    networks_of: dict[str, int] = {}  # A customer may have several networks over one address.
    owners: list[str] = []  # Those with at least one, sorted.
    start, fingerprint = 0, 0
    for position, changes in sorted(changes_at.items()):
        now = {owner: networks_of.get(owner, 0) + difference for owner, difference in changes.items()}
        changed = [owner for owner, networks in now.items() if bool(networks) != bool(networks_of.get(owner, 0))]
        networks_of.update(now)
        if not changed:
            continue
        if owners:
            yield _Piece(start, position - 1, _comment(owners), fingerprint)
        start = position
        for owner in changed:
            fingerprint ^= _fingerprint(owner)
            if networks_of[owner]:
                insort(owners, owner)
            else:
                del owners[bisect_left(owners, owner)]


def _comment(owners: Sequence[str]) -> str:
    """All names if they fit, otherwise the first ones and the number of others."""
    names = owners[:_MOST_NAMES]
    for kept in range(len(names), 0, -1):
        others = len(owners) - kept
        comment = _SEPARATOR.join(names[:kept]) + (f" and {others} more" if others else "")
        if len(comment) <= LONGEST_COMMENT:
            return comment
    raise ExchangeError(
        f"is too long for a comment of {LONGEST_COMMENT} bytes",
        customer=owners[0],
        field="name",
        value=owners[0],
        remedy="Shorten the name: a customer's has at most 32 characters",
    )


def _cidr_blocks(first: int, last: int, family: Family) -> Iterator[str]:
    """The fewest CIDR blocks that make up a range; a block of one address is written as nft lists it: the address."""
    bits = _ADDRESS_BITS[family]
    while first <= last:
        aligned = (first & -first).bit_length() - 1 if first else bits
        size = min(aligned, (last - first + 1).bit_length() - 1)
        address = str(IPv4Address(first) if family == 4 else IPv6Address(first))
        yield address if size == 0 else f"{address}/{bits - size}"
        first += 1 << size
