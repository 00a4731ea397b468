"""The sweep that finds overlapping networks, against the obvious way of comparing all with all."""

from __future__ import annotations

import time
from ipaddress import IPv4Network, IPv6Network, ip_network

from hypothesis import given
from hypothesis import strategies as st

from ftps_exchange.model.networks import Claim, collapse, overlaps


def _networks() -> st.SearchStrategy[IPv4Network | IPv6Network]:
    four = st.builds(
        lambda host, length: IPv4Network((0xC0000200 + host, length), strict=False),
        st.integers(0, 31),
        st.integers(26, 32),
    )
    six = st.builds(
        lambda host, length: IPv6Network(((0x20010DB8 << 96) + host, length), strict=False),
        st.integers(0, 31),
        st.integers(122, 128),
    )
    return st.one_of(four, six)


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), _networks()), max_size=14, unique=True),
    st.sets(st.sampled_from("abcde")),
)
def test_the_sweep_finds_every_network_in_conflict(
    pairs: list[tuple[str, IPv4Network | IPv6Network]], sharing: set[str]
) -> None:
    claims = [Claim(network, file, index, file in sharing) for index, (file, network) in enumerate(pairs)]
    conflicts = {
        frozenset((one.index, other.index))
        for one in claims
        for other in claims
        if one.file != other.file
        and one.network.version == other.network.version
        and one.network.overlaps(other.network)
        and not (one.shared_exit and other.shared_exit)
    }
    found = {frozenset((one.index, other.index)) for one, other in overlaps(claims, shown=len(claims) + 1)}
    assert found == conflicts
    # With fewer shown each, every network that contains no other of its conflicts is still named.
    shown = {frozenset((one.index, other.index)) for one, other in overlaps(claims, shown=1)}
    assert shown <= conflicts
    assert bool(shown) == bool(conflicts)


def test_ten_thousand_customers_at_one_shared_exit_stay_cheap() -> None:
    network = ip_network("192.0.2.1/32")
    claims = [Claim(network, f"c{number}", 0, True) for number in range(10_000)]
    started = time.process_time()
    assert list(overlaps(claims)) == []
    assert len(list(overlaps([*claims, Claim(network, "z", 0, False)]))) == 3
    # Comparing all with all takes minutes; this is far from any honest machine's noise.
    assert time.process_time() - started < 10


def test_collapse_separates_families_and_sorts() -> None:
    assert collapse(["192.0.2.9", "2001:db8::2", "192.0.2.8", "2001:db8::/127"]) == (
        (IPv4Network("192.0.2.8/31"),),
        (IPv6Network("2001:db8::/127"), IPv6Network("2001:db8::2/128")),
    )
