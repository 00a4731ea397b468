"""Which columns a table may have, by the headings that people give them."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

type Column = Literal[
    "customer",
    "state",
    "contact",
    "email",
    "phone",
    "sources",
    "inside_networks",
    "shared_exit",
    "implicit_tls",
    "firewall",
    "language",
    "account",
    "access",
    "expires",
    "shares",
    "shares_read",
    "shares_write",
]

HEADINGS: Final[dict[Column, tuple[str, ...]]] = {
    "customer": (
        "customer",
        "customer name",
        "name",
        "company",
        "organisation",
        "organization",
        "kunde",
        "firma",
        "client",
    ),
    "state": ("state", "status", "zustand"),
    "contact": ("contact", "contact name", "contact person", "ansprechpartner", "kontakt"),
    "email": ("email", "e mail", "mail", "contact email", "contact e mail"),
    "phone": ("phone", "telephone", "tel", "contact phone", "telefon", "telephone number", "phone number"),
    "sources": (
        *("sources", "source", "source ip", "source ips", "source address", "source addresses", "source networks"),
        *("ip", "ips", "ip address", "ip addresses", "public ip", "public ips", "address", "addresses", "network"),
        *("networks", "ip adresse", "ip adressen", "adresse ip"),
    ),
    "inside_networks": ("inside networks", "inside network", "inside", "internal networks", "lan", "internal ip"),
    "shared_exit": ("shared exit",),
    "implicit_tls": ("implicit tls", "implicit"),
    "firewall": ("firewall", "firewall type"),
    "language": ("language", "sprache", "langue", "taal", "idioma"),
    "account": (
        *("account", "accounts", "login", "logins", "user", "users", "username", "user name", "account name"),
        *("benutzer", "konto", "konten"),
    ),
    "access": ("access", "right", "rights", "permission", "permissions", "zugriff", "recht"),
    "expires": ("expires", "expiry", "expiry date", "expiration", "valid until", "end date", "gueltig bis", "ablauf"),
    "shares": ("shares", "share", "folders", "freigaben", "freigabe"),
    "shares_read": ("shares read", "read shares", "read only shares"),
    "shares_write": ("shares write", "write shares"),
}

LISTS: Final[frozenset[Column]] = frozenset(
    {"sources", "inside_networks", "account", "shares", "shares_read", "shares_write"}
)
"""Columns whose cells hold several values, and which a table may have several times."""

_BY_HEADING: Final[dict[str, Column]] = {heading: column for column, all_ in HEADINGS.items() for heading in all_}
_LETTERS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def plain_letters(text: str) -> str:
    """The text in lower case, with ASCII in place of accented letters."""
    lowered = text.lower().translate(_LETTERS)
    return unicodedata.normalize("NFKD", lowered).encode("ascii", "ignore").decode("ascii")


def column_of(heading: str) -> Column | None:
    """What a heading stands for, in any case of letters: "Source-IP 2" is one of the sources."""
    words = " ".join(re.findall(r"[a-z0-9]+", plain_letters(heading)))
    found = _BY_HEADING.get(words)
    if found is None:
        numbered = _BY_HEADING.get(re.sub(r" ?[0-9]{1,2}$", "", words))
        found = numbered if numbered in LISTS else None
    return found
