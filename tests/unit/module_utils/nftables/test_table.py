"""Addresses, networks and ranges as intervals."""

from __future__ import annotations

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import TableError, parse_interval


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("10.0.0.1", (32, (0x0A000001, 0x0A000001))),
        ("10.0.0.1/32", (32, (0x0A000001, 0x0A000001))),
        ("10.0.0.0/25", (32, (0x0A000000, 0x0A00007F))),
        ("10.0.0.0-10.0.0.127", (32, (0x0A000000, 0x0A00007F))),
        ("2001:db8::/127", (128, (0x20010DB8 << 96, (0x20010DB8 << 96) + 1))),
        ("2001:0DB8:0::1", (128, ((0x20010DB8 << 96) + 1,) * 2)),
    ],
)
def test_the_same_addresses_are_the_same_interval(text: str, interval: tuple[int, tuple[int, int]]) -> None:
    assert parse_interval(text) == interval


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.0.0.1/24", "'10.0.0.1/24' has host bits set"),
        ("10.0.0.9-10.0.0.1", "'10.0.0.9-10.0.0.1' ends before it begins"),
        ("10.0.0.0/33", "'10.0.0.0/33' is neither"),
        ("10.0.0.0/-1", "neither"),
        ("10.0.0.0-2001:db8::1", "neither"),
        ("example.org", "'example.org' is neither"),
        ("10.1", "neither"),
        ("1.2.3.4 } accept", "neither"),
        ("", "neither"),
    ],
)
def test_what_is_no_element_is_refused(text: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        parse_interval(text)
