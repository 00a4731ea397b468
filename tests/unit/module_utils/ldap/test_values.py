"""SIDs and times as a directory holds them."""

from __future__ import annotations

from datetime import UTC, datetime

from ansible_collections.ftps.exchange.plugins.module_utils.ldap.values import (
    decode_sid,
    filetime_to_datetime,
    parse_generalised_time,
)

from tests.unit.module_utils.fake_directory import packed_sid


def test_sid() -> None:
    assert decode_sid(packed_sid(21, 1004336348, 1177238915, 682003330, 1104)) == (
        "S-1-5-21-1004336348-1177238915-682003330-1104"
    )
    assert decode_sid(bytes.fromhex("010200000000000520000000 20020000")) == "S-1-5-32-544"


def test_times() -> None:
    assert filetime_to_datetime(116444736000000000) == datetime(1970, 1, 1, tzinfo=UTC)
    assert filetime_to_datetime(2**63 - 1).year == 9999
    assert parse_generalised_time("20261123161252.0Z") == datetime(2026, 11, 23, 16, 12, 52, tzinfo=UTC)
