"""The firewall formats, a file each, and the one registry that everything else finds them in.

A new format is a file here with a ``FORMAT``, its name in the registry below, a reader in ``check.py``, which shares no
code with it, and golden files. `make docs` then brings docs/packs.md and the JSON Schema up to date.
"""

from __future__ import annotations

from typing import Final

from . import (
    aws,
    azure,
    cisco_asa,
    cisco_ios,
    fortigate,
    iptables,
    juniper_srx,
    nftables,
    palo_alto,
    pf_freebsd,
    pf_openbsd,
    routeros,
    windows,
)
from .format import Format

_ALL: Final[tuple[Format, ...]] = (
    nftables.FORMAT,
    iptables.FORMAT,
    cisco_asa.FORMAT,
    cisco_ios.FORMAT,
    juniper_srx.FORMAT,
    palo_alto.FORMAT,
    fortigate.FORMAT,
    windows.FORMAT,
    pf_openbsd.FORMAT,
    pf_freebsd.FORMAT,
    routeros.FORMAT,
    aws.FORMAT,
    azure.FORMAT,
)

REGISTRY: Final[dict[str, Format]] = {one.name: one for one in _ALL}

GONE: Final[dict[str, str]] = {
    "pf": "Write pf_openbsd, or pf_freebsd (FreeBSD, pfSense, OPNsense): their languages differ."
}
"""Names that were formats once, and what to write instead."""

__all__ = ["GONE", "REGISTRY", "Format"]
