"""Whose elements a table holds: the names in their comments."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import Elements

#: What a comment ends with that has no room for all names
_AND_MORE = re.compile(r" and \d+ more$")


def owners(sets: Iterable[Elements]) -> set[str]:
    """The names in the comments of these sets' elements; an element without a comment is nobody's."""
    comments = {element.comment for elements in sets for element in elements.values() if element.comment}
    return {owner for comment in comments for owner in _AND_MORE.sub("", comment).split(", ")}
