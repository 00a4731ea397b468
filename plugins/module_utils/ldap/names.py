"""Distinguished names and search filters: comparison, containment, escaping."""

from __future__ import annotations

import re
from typing import Final


def normalise_dn(dn: str) -> str:
    """A form in which two spellings of one name are equal: case, blanks round separators, kind of escape (RFC 4514)."""
    parts = []
    for part in split_dn(dn):
        name, _equals, value = part.partition("=")
        value = _unescape_value(value) if "\\" in value else value.strip()
        parts.append(f"{name.strip()}={re.sub(ESCAPED, _as_hex, value)}")
    return ",".join(parts).casefold()


def split_dn(dn: str) -> list[str]:
    """The parts of a name, first one first; an escaped comma does not separate."""
    parts = re.findall(r"(?:\\.|[^,\\])+", dn, re.DOTALL) if "\\" in dn else dn.split(",")
    return [part for part in parts if part.strip()]


def parent_dn(dn: str) -> str:
    return ",".join(split_dn(dn)[1:])


def is_below(dn: str, ancestor: str) -> bool:
    """Whether ``dn`` lies in ``ancestor``, at any depth, and is not itself."""
    return normalise_dn(dn).endswith("," + normalise_dn(ancestor))


ESCAPED: Final = re.compile(r"[,\\]|^ | $")
"""Characters that must be escaped."""


def _as_hex(match: re.Match[str]) -> str:
    return f"\\{ord(match[0]):02x}"


def _unescape_value(value: str) -> str:
    trimmed = re.sub(r"(?<!\\)\s+$", "", value.lstrip())
    whole = re.sub(
        rb"\\([0-9a-fA-F]{2}|.)",
        lambda match: bytes.fromhex(match[1].decode()) if len(match[1]) == 2 else match[1],
        trimmed.encode(),
        flags=re.DOTALL,
    )
    return whole.decode("utf-8", "replace")


def escape_filter(value: str) -> str:
    """A value as it stands in a search filter (RFC 4515, section 3)."""
    return re.sub(r"[\\*()\0]", lambda match: f"\\{ord(match[0]):02x}", value)
