"""What nftables and iptables share."""

from __future__ import annotations

from ftps_exchange.packs.flows import Flow

HELPER = (
    "FTP helper: none is needed. If one is bound to port 21 (ct helper, -j CT --helper ftp, or the old automatic",
    "assignment), exclude this service: the control channel is encrypted, so the helper reads no port there.",
)


def inet(flow: Flow) -> str:
    """The family as nft calls it."""
    return "ip" if flow.family == 4 else "ip6"
