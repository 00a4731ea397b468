"""Small texts as Windows wants them: the addresses of a firewall rule, the thumbprint of a certificate."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

from .errors import ExchangeError
from .model.networks import Network, collapse, parse_network
from .model.problems import RefusedError

_HEX: Final = re.compile(r"[0-9A-F]{40}")


def exchange_firewall_addresses(customer_sets: object, extra_networks: Iterable[str] | None = None) -> str:
    """Sets of customers -> the address list of one rule of the Windows Firewall: as few as possible, IPv4 first.

    The sets are what ``exchange_edge_sets`` gives, or its JSON text. Where nobody may come in, the result is empty, and
    then there must be no rule: the Windows Firewall reads an empty list as "any", and so it reads ``0.0.0.0/0``.
    """
    networks = [*_elements(customer_sets), *map(str, extra_networks or ())]
    for text in networks:
        _require_network(text)
    four, six = collapse(networks)
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


def _elements(customer_sets: object) -> list[str]:
    sets: Any = json.loads(customer_sets) if isinstance(customer_sets, str) else customer_sets
    try:
        return [str(entry["element"]) for name in ("customers4", "customers6") for entry in sets[name]]
    except (KeyError, TypeError):
        raise ExchangeError(
            "has no customers4 and customers6, each a list of elements",
            field="customer_sets",
            remedy="Give what the filter exchange_edge_sets returns",
        ) from None


def _require_network(text: str) -> None:
    try:
        parse_network(text)
    except RefusedError as refused:
        raise ExchangeError(refused.message, field="networks", value=text, remedy=refused.remedy) from None


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
            f"is not a thumbprint of 40 hexadecimal digits (without blanks and marks it has {len(kept)} characters)",
            field="thumbprint",
            value=text,
            remedy="Copy it from `Get-ChildItem Cert:\\LocalMachine\\My`; a SHA-256 fingerprint is something else",
        )
    return kept
