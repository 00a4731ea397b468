"""Reads rules back, with one reader per format; none shares code with the renderers."""

from __future__ import annotations

from typing import Final

from ftps_exchange.model.view import FAMILIES

from .cisco import cisco_asa, cisco_ios
from .cloud import aws, azure
from .fortigate import fortigate
from .juniper_srx import juniper_srx
from .netfilter import iptables, nftables, routeros
from .palo_alto import palo_alto
from .pf import pf_freebsd, pf_openbsd
from .reading import Language
from .table import table
from .windows import windows

LANGUAGES: Final[dict[str, Language]] = {
    "nftables": Language(nftables, answers=True, translates=FAMILIES),
    "iptables": Language(iptables, answers=True, translates=FAMILIES),
    "cisco_asa": Language(cisco_asa, translates_for_all=FAMILIES),
    # Prefixes only, of IPv6
    "cisco_ios": Language(cisco_ios, translates_for_all=(4,)),
    "juniper_srx": Language(juniper_srx, variants=("", "-zone-books"), translates_for_all=FAMILIES),
    # The same: PAN-OS supports NPTv6 but not NAT66
    "palo_alto": Language(palo_alto, asked_before=True, translates=(4,)),
    "fortigate": Language(fortigate, variants=("", "-central-nat"), asked_before=True, translates_for_all=FAMILIES),
    "windows": Language(windows),
    "pf_openbsd": Language(pf_openbsd, translates=FAMILIES),
    "pf_freebsd": Language(pf_freebsd, translates=FAMILIES),
    "routeros": Language(routeros, answers=True, translates=FAMILIES),
    "aws": Language(aws),
    "azure": Language(azure),
    "table": Language(table, asked_before=True, translates=FAMILIES),
}
