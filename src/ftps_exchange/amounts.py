"""Amounts for people."""

from __future__ import annotations


def size(number: object) -> str:
    """A number of bytes."""
    if not isinstance(number, int | float):
        return "unknown size"
    value = float(number)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
