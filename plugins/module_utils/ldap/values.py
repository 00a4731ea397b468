"""The forms in which a directory holds SIDs, times and an account's state."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Final

ACCOUNT_DISABLED: Final = 0x2
LOCKED_OUT: Final = 0x10
PASSWORD_NOT_REQUIRED: Final = 0x20
NORMAL_ACCOUNT: Final = 0x200
PASSWORD_NEVER_EXPIRES: Final = 0x10000
SENSITIVE_NOT_DELEGATED: Final = 0x100000
PASSWORD_EXPIRED: Final = 0x800000
"""Bits of userAccountControl (MS-ADTS 2.2.16)."""

FILETIME_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
NEVER: Final = frozenset({0, 2**63 - 1})
"""Both values of accountExpires that mean never."""


def decode_sid(packed: bytes) -> str:
    """objectSid -> ``S-1-5-21-…`` (MS-DTYP 2.4.2.2)."""
    count = packed[1]
    authority = int.from_bytes(packed[2:8], "big")
    return "-".join(
        [
            "S",
            str(packed[0]),
            str(authority),
            *(str(part) for part in struct.unpack(f"<{count}I", packed[8 : 8 + 4 * count])),
        ]
    )


def encode_password(password: str) -> bytes:
    """A password as unicodePwd takes it: UTF-16LE and in quotation marks (MS-ADTS 3.1.1.3.1.5.1)."""
    return f'"{password}"'.encode("utf-16-le")


def filetime_to_datetime(value: int) -> datetime:
    """A FILETIME (units of 100 ns since 1601, UTC). The last moments of the calendar stand for everything later."""
    try:
        return FILETIME_EPOCH + timedelta(microseconds=value // 10)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def parse_generalised_time(text: str) -> datetime:
    """``20261123161252.0Z`` (RFC 4517, 3.3.13, as Active Directory writes it)."""
    return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
