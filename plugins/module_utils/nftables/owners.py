"""Whose elements a table holds: the names in their comments."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import Element, Elements

#: What a comment ends with that has no room for all names
_AND_MORE = re.compile(r" and \d+ more$")


def owners_of(element: Element) -> list[str]:
    """The names in an element's comment; an element without a comment is nobody's."""
    return _AND_MORE.sub("", element.comment).split(", ") if element.comment else []


def owners(sets: Iterable[Elements]) -> set[str]:
    """The names in the comments of these sets' elements."""
    return {owner for elements in sets for element in elements.values() for owner in owners_of(element)}
