"""Small texts as Windows wants them: the addresses of a firewall rule, the thumbprint of a certificate."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any, Final

from .errors import ExchangeError

_HEX: Final = re.compile(r"[0-9A-F]{40}")


def exchange_firewall_addresses(customer_sets: object, extra_networks: Iterable[str] | None = None) -> str:
    """Sets of customers -> the address list of one rule of the Windows Firewall: as few as possible, IPv4 first.

    The sets are what ``exchange_edge_sets`` gives, or its JSON text. Where nobody may come in, the result is empty, and
    then there must be no rule: the Windows Firewall reads an empty list as "any", and so it reads ``0.0.0.0/0``.
    """
    networks = [*_elements(customer_sets), *(extra_networks or ())]
    four: list[IPv4Network] = []
    six: list[IPv6Network] = []
    for text in networks:
        network = _network(text)
        if isinstance(network, IPv4Network):
            four.append(network)
        else:
            six.append(network)
    joined: list[IPv4Network | IPv6Network] = [*collapse_addresses(four), *collapse_addresses(six)]
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
        return [entry["element"] for name in ("customers4", "customers6") for entry in sets[name]]
    except (KeyError, TypeError):
        raise ExchangeError(
            "has no customers4 and customers6, each a list of elements",
            field="customer_sets",
            remedy="Give what the filter exchange_edge_sets returns",
        ) from None


def _network(text: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(str(text))
    except ValueError as error:
        raise ExchangeError(
            f"is no network ({error})", field="networks", value=text, remedy="Write it as 192.0.2.0/24 or 2001:db8::/32"
        ) from None


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
