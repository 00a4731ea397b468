"""Searches whose answers are whole.

They come in pages (MaxPageSize is 1,000 on Microsoft's server) and long attributes in ranges (MaxValRange is 1,500:
``member;range=0-1499``, MS-ADTS 3.1.1.3.1.3.3); both are followed to the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, Protocol

from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import escape_filter, parent_dn
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import (
    DirectoryError,
    Entry,
    NoSuchObjectError,
)
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.values import parse_generalised_time

NAMES_PER_FILTER: Final = 200
"""Terms of one ``(|…)`` filter: long enough to need few searches, short enough for every server's limits."""


class Session(Protocol):
    """What the rest of the code needs of a connection; the tests have one that answers as Microsoft's server does."""

    def search_page(
        self, base: str, scope: str, text: str, attributes: Sequence[str], cookie: bytes
    ) -> tuple[list[tuple[str, dict[str, list[bytes]]]], bytes]:
        """One page of a search, and the cookie for the next (empty: this was the last). Raises NoSuchObject."""
        ...


def search(
    session: Session, base: str, scope: Literal["base", "subtree"], text: str, attributes: Sequence[str]
) -> list[Entry]:
    """Every entry of a search, each with the whole list of its values."""
    entries: list[Entry] = []
    cookie = b""
    while True:
        page, cookie = session.search_page(base, scope, text, attributes, cookie)
        entries += [Entry(dn, _all_values(session, dn, values)) for dn, values in page]
        if not cookie:
            return entries


def search_names(
    session: Session, base: str, keys: Mapping[str, Iterable[str]], attributes: Sequence[str]
) -> list[Entry]:
    """Entries that have one of the values, ``{"sAMAccountName": ["acme-up", …]}``: few searches for a long list."""
    terms = [f"({attribute}={escape_filter(value)})" for attribute, values in keys.items() for value in values]
    return [
        entry
        for start in range(0, len(terms), NAMES_PER_FILTER)
        for entry in search(
            session, base, "subtree", f"(|{''.join(terms[start : start + NAMES_PER_FILTER])})", attributes
        )
    ]


RANGED = re.compile(r"^(?P<name>[^;]+);range=(?P<first>\d+)-(?P<last>\d+|\*)$", re.IGNORECASE)


def _all_values(session: Session, dn: str, values: Mapping[str, list[bytes]]) -> dict[str, list[bytes]]:
    """Attribute names in lower case, and ranges followed to their end.

    A server that answers in ranges gives the plain name as well, with no value.
    """
    whole: dict[str, list[bytes]] = {}
    for key, found in values.items():
        ranged = RANGED.match(key)
        if ranged:
            whole[ranged["name"].lower()] = [*found, *_rest_of_range(session, dn, ranged["name"], ranged["last"])]
        else:
            whole.setdefault(key.lower(), []).extend(found)
    return whole


def _rest_of_range(session: Session, dn: str, name: str, last: str) -> Iterator[bytes]:
    while last != "*":
        first = int(last) + 1
        page, _cookie = session.search_page(dn, "base", "(objectClass=*)", [f"{name};range={first}-*"], b"")
        for key, found in page[0][1].items() if page else ():
            ranged = RANGED.match(key)
            if ranged and ranged["name"].lower() == name.lower() and int(ranged["first"]) == first:
                yield from found
                last = ranged["last"]
                break
        else:
            raise DirectoryError(
                f"{dn}: the server stopped in the middle of the values of {name}, at number {first}. Run again."
            )


def check_parent(session: Session, managed_ou: str) -> None:
    """Raise if the OU cannot be created, because there is no place for it."""
    parent = parent_dn(managed_ou)
    try:
        search(session, parent, "base", "(objectClass=*)", ["objectClass"])
    except NoSuchObjectError as error:
        raise DirectoryError(
            f"{managed_ou} cannot be created: {parent} does not exist. Create that, or correct "
            "exchange.directory.managed_ou."
        ) from error


def read_root(session: Session) -> tuple[str, datetime]:
    """The name of the domain, and the controller's own idea of the time."""
    (root,) = search(session, "", "base", "(objectClass=*)", ["defaultNamingContext", "currentTime"])
    if not root.text("defaultNamingContext"):
        raise DirectoryError(
            "The server is not an Active Directory controller: it names no domain (defaultNamingContext)."
        )
    return root.text("defaultNamingContext"), parse_generalised_time(root.text("currentTime"))
