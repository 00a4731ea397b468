"""Which addresses and networks are acceptable, and which customers' networks overlap.

The special ranges are listed here one by one with their RFC, instead of asking Python whether an address "is
private": that answer changes with the version of Python and includes the documentation ranges, which the lab uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network

from ftps_exchange.model.problems import RefusedError, printable

Network = IPv4Network | IPv6Network
_NETWORK_EXAMPLE = "Write it like 198.51.100.0/24 or '2001:db8::/48'."
Address = IPv4Address | IPv6Address

# A customer's sources are a few addresses. A wider network is more than one organisation: a typing
# mistake, or a whole provider. If more is really needed, list several networks.
WIDEST_SOURCE = {4: 16, 6: 32}
# Inside networks only describe the customer's own side (its firewall pack), so 10.0.0.0/8 is fine there.
WIDEST_INSIDE = {4: 8, 6: 8}

_NEVER_A_SOURCE = (
    ("0.0.0.0/8", "'this network' (RFC 1122)"),
    ("127.0.0.0/8", "loopback (RFC 1122)"),
    ("169.254.0.0/16", "link-local (RFC 3927)"),
    ("192.0.0.0/24", "reserved for protocols (RFC 6890)"),
    ("192.88.99.0/24", "the abandoned 6to4 relay (RFC 7526)"),
    ("224.0.0.0/4", "multicast (RFC 5771)"),
    ("240.0.0.0/4", "reserved (RFC 1112) or broadcast (RFC 919)"),
    ("::/128", "the unspecified address (RFC 4291)"),
    ("::1/128", "loopback (RFC 4291)"),
    ("::ffff:0:0/96", "an IPv4 address in IPv6 form (RFC 4291); write the IPv4 network"),
    ("::/96", "an IPv4 address in a form that is abandoned (RFC 4291)"),
    ("64:ff9b::/96", "a translated IPv4 address (RFC 6052); write the IPv4 network"),
    ("64:ff9b:1::/48", "a translated IPv4 address (RFC 8215); write the IPv4 network"),
    ("100::/64", "for discarding (RFC 6666)"),
    ("fe80::/10", "link-local (RFC 4291)"),
    ("fec0::/10", "site-local, which is abandoned (RFC 3879)"),
    ("ff00::/8", "multicast (RFC 4291)"),
    ("2001::/32", "a Teredo tunnel (RFC 4380), whose addresses anybody can have; write the IPv4 network"),
    ("2002::/16", "a 6to4 tunnel (RFC 3056), whose addresses are IPv4 ones; write the IPv4 network"),
    ("2001:10::/28", "an identifier that is abandoned (RFC 4843)"),
    ("2001:20::/28", "an identifier, not an address (RFC 7343)"),
)
_PRIVATE = (
    ("10.0.0.0/8", "private (RFC 1918)"),
    ("172.16.0.0/12", "private (RFC 1918)"),
    ("192.168.0.0/16", "private (RFC 1918)"),
    ("100.64.0.0/10", "shared behind a provider's NAT (RFC 6598)"),
    ("fc00::/7", "unique local, that is private (RFC 4193)"),
)
_NEVER_PUBLIC = (
    *_PRIVATE,
    *_NEVER_A_SOURCE,
    ("198.18.0.0/15", "for benchmarks (RFC 2544)"),
    ("2001:2::/48", "for benchmarks (RFC 5180)"),
)
_GLOBAL_UNICAST_IP6 = IPv6Network("2000::/3")

_Range = tuple[int, int, int, str, str]


def _ranges(table: Sequence[tuple[str, str]]) -> tuple[_Range, ...]:
    networks = ((ip_network(text), text, meaning) for text, meaning in table)
    return tuple(
        (n.version, int(n.network_address), int(n.broadcast_address), text, meaning) for n, text, meaning in networks
    )


_NEVER_A_SOURCE_RANGES = _ranges(_NEVER_A_SOURCE)
_PRIVATE_RANGES = _ranges(_PRIVATE)
_NEVER_PUBLIC_RANGES = _ranges(_NEVER_PUBLIC)


def _within(network: Network, ranges: Iterable[_Range]) -> tuple[str, str] | None:
    """Return the first of the ranges that the network touches, as (range, meaning)."""
    first, last = int(network.network_address), int(network.broadcast_address)
    for version, low, high, text, meaning in ranges:
        if version == network.version and first <= high and last >= low:
            return text, meaning
    return None


@lru_cache(maxsize=65536)
def parse_network(text: str) -> Network:
    """Return one network in CIDR form; a bare address is a network of one."""
    shown = printable(text)[:60]
    if not re.fullmatch(r"[0-9a-fA-F:.]+(/[0-9]{1,3})?", text):
        if re.fullmatch(r"[0-9.]+/[0-9.]+", text):
            raise RefusedError("has a network mask.", "Write the prefix length instead, as in 198.51.100.0/24.")
        if re.fullmatch(r"[0-9.]+ ?- ?[0-9.]+", text):
            raise RefusedError("is a range.", "Write it as networks, each with its prefix length.")
        if re.fullmatch(r"[A-Za-z0-9.-]*[A-Za-z][A-Za-z0-9.-]*", text):
            raise RefusedError("is a name.", "Write addresses: a name can change unnoticed.")
        raise RefusedError("is not a network.", _NETWORK_EXAMPLE)
    if re.search(r"(?:^|\.)0[0-9]+(?=\.|/|$)|/0[0-9]", text) and ":" not in text.partition("/")[0]:
        raise RefusedError("has leading zeros.", "Write it without them: some programs take such numbers for octal.")
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        right = ip_network(text, strict=False)
    except ValueError as error:
        reason = printable(str(error)).removeprefix(f"{shown!r} ")
        raise RefusedError(f"is not a network: {reason[:120]}.", _NETWORK_EXAMPLE) from None
    address = text.partition("/")[0]
    raise RefusedError(
        "has host bits set.",
        f"Write '{right}' for the whole network, or '{ip_address(address)}/{right.max_prefixlen}' for this address.",
    )


@lru_cache(maxsize=65536)
def check_source(text: str) -> str:
    """Return a source network in canonical form."""
    network = parse_network(text)
    _check_width(network, WIDEST_SOURCE)
    _check_not_special(network)
    return str(network)


def check_inside_network(text: str) -> str:
    """Return a network behind the customer's firewall in canonical form."""
    network = parse_network(text)
    _check_width(network, WIDEST_INSIDE)
    _check_not_special(network)
    return str(network)


def _check_width(network: Network, widest: dict[int, int]) -> None:
    limit = widest[network.version]
    if network.prefixlen == 0:
        raise RefusedError(
            "contains all addresses.", "List the customer's own networks: the service is for known hosts."
        )
    if network.prefixlen < limit:
        raise RefusedError(
            f"is too wide: /{network.prefixlen}.",
            f"An IPv{network.version} network here is /{limit} or narrower; list the networks that are really used.",
        )


def _check_not_special(network: Network) -> None:
    special = _within(network, _NEVER_A_SOURCE_RANGES)
    if special:
        raise RefusedError(f"lies in {special[0]}, which is {special[1]}.", "Write where the customer comes from.")
    if isinstance(network, IPv6Network) and not network.subnet_of(_GLOBAL_UNICAST_IP6) and not private_meaning(network):
        raise RefusedError(
            "is outside 2000::/3, the global unicast space (RFC 4291).", "Write where the customer comes from."
        )


def private_meaning(network: Network) -> str | None:
    """Return what kind of private network this is, or None for one that the Internet routes."""
    found = _within(network, _PRIVATE_RANGES)
    return found[1] if found else None


def check_public_address(text: str, version: int) -> str:
    """Return the public address of the service in canonical form."""
    example = "Write only the address, like 198.51.100.10." if version == 4 else "Write it like '2001:db8:100::10'."
    if "/" in text:
        raise RefusedError("has a prefix length.", example)
    if "%" in text:
        raise RefusedError("has a zone.", example)
    try:
        address = ip_address(text)
    except ValueError:
        raise RefusedError("is not an address.", example) from None
    if address.version != version:
        raise RefusedError(
            f"is an IPv{address.version} address.",
            f"Move it to public_ip{address.version}, or write an IPv{version} one.",
        )
    special = _within(ip_network(address), _NEVER_PUBLIC_RANGES)
    if special:
        raise RefusedError(
            f"lies in {special[0]}, which is {special[1]}.",
            "Give the address that customers reach from the Internet, in front of any NAT of your own.",
        )
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST_IP6:
        raise RefusedError("is outside 2000::/3, the global unicast space (RFC 4291).", example)
    return str(address)


def collapse(networks: Iterable[str]) -> tuple[tuple[IPv4Network, ...], tuple[IPv6Network, ...]]:
    """Return the networks as (IPv4, IPv6), sorted, contained and adjacent ones merged."""
    four: list[IPv4Network] = []
    six: list[IPv6Network] = []
    for text in networks:
        network = parse_network(text)
        if isinstance(network, IPv4Network):
            four.append(network)
        else:
            six.append(network)
    return tuple(collapse_addresses(four)), tuple(collapse_addresses(six))


@dataclass(frozen=True, slots=True)
class Claim:
    """A source network as one customer claims it."""

    network: Network
    file: str
    index: int
    shared_exit: bool


def overlaps(claims: Iterable[Claim], shown: int = 3) -> Iterator[tuple[Claim, Claim]]:
    """Yield pairs of claims of different customers that overlap without both being a shared exit.

    Networks either nest or are disjoint, so one sweep over the sorted claims with a stack of those that contain the
    present one finds all of it in n log n. A network that conflicts with many is reported with ``shown`` of them.
    """
    ordered = sorted(
        claims, key=lambda c: (c.network.version, int(c.network.network_address), c.network.prefixlen, c.file)
    )
    # Containing claims, innermost last; all of them, and those that are not a shared exit.
    around: list[tuple[int, Claim]] = []
    exclusive: list[tuple[int, Claim]] = []
    version = 0
    for claim in ordered:
        if claim.network.version != version:
            version = claim.network.version
            around.clear()
            exclusive.clear()
        start, end = int(claim.network.network_address), int(claim.network.broadcast_address)
        for stack in (around, exclusive):
            while stack and stack[-1][0] < start:
                stack.pop()
        told = 0
        for _, other in reversed(exclusive if claim.shared_exit else around):
            if other.file != claim.file:
                yield claim, other
                told += 1
                if told == shown:
                    break
        around.append((end, claim))
        if not claim.shared_exit:
            exclusive.append((end, claim))
