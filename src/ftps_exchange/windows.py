"""Small texts as Windows wants them: the addresses of a firewall rule, the thumbprint of a certificate."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from .errors import ExchangeError
from .model.networks import Network, collapse
from .model.problems import RefusedError

_HEX: Final = re.compile(r"[0-9A-F]{40}")


def exchange_firewall_addresses(networks: object) -> str:
    """Networks -> the address list of one rule of the Windows Firewall: as few as say the same, sorted, IPv4 first.

    They come as a list, or as a text with commas between them.
    The list is never empty. The Windows Firewall reads an empty one as "any", and so it reads ``0.0.0.0/0``.
    """
    if isinstance(networks, str):
        networks = [network.strip() for network in networks.split(",")] if networks.strip() else []
    if not isinstance(networks, Iterable):
        raise ExchangeError(
            "is no list of networks",
            field="networks",
            value=networks,
            remedy="Give the customers' networks as a list, or as a text with commas between them",
        )
    try:
        four, six = collapse(map(str, networks))
    except RefusedError as refused:
        raise ExchangeError(
            f"has what is no network: one {refused.message}", field="networks", value=networks, remedy=refused.remedy
        ) from None
    if not four and not six:
        raise ExchangeError(
            "an empty list would let everybody in",
            field="networks",
            value=[],
            remedy="Remove the rule where there is no network",
        )
    joined: list[Network] = [*four, *six]
    everybody = [str(network) for network in joined if network.prefixlen == 0]
    if everybody:
        raise ExchangeError(
            f"is everybody ({everybody[0]})",
            field="networks",
            value=networks,
            remedy="Name the networks that may reach the service",
        )
    # A host by itself is written without a length
    return ",".join(str(network.network_address) if network.num_addresses == 1 else str(network) for network in joined)


def exchange_thumbprint(thumbprint: object) -> str:
    """The thumbprint of a certificate as it was copied from somewhere -> 40 hexadecimal digits in capitals.

    What Windows' dialogs show is copied with blanks, and with a character nobody sees in front of it (U+200E, the
    left-to-right mark). IIS takes such a text and then finds no certificate.
    """
    text = str(thumbprint)
    kept = "".join(
        letter
        for letter in text
        # Cf: marks that are never seen, Cc: line ends and the like, Z…: blanks of every width
        if unicodedata.category(letter) not in ("Cf", "Cc", "Zs", "Zl", "Zp") and letter not in ":-"
    ).upper()
    if not _HEX.fullmatch(kept):
        raise ExchangeError(
            f"is no thumbprint of 40 hexadecimal digits (without blanks and marks it has {len(kept)} characters)",
            field="thumbprint",
            value=text,
            remedy="Copy it from `Get-ChildItem Cert:\\LocalMachine\\My`; a SHA-256 fingerprint is something else",
        )
    return kept
