"""Parts of a document that are written by `make docs`: what stands between two marks of the same name is replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from .errors import ExchangeError

_MARKED: Final = re.compile(r"(<!-- (?P<name>[a-z]+): written by make docs -->\n).*?(<!-- /(?P=name) -->)", re.DOTALL)


def filled(text: str, parts: Mapping[str, str], document: str) -> str:
    """The document with these parts between its marks; each part has to have its place."""
    found = {match["name"] for match in _MARKED.finditer(text)}
    if found != set(parts):
        raise ExchangeError(
            "does not have each table once",
            field=document,
            value=sorted(found ^ set(parts)),
            remedy="Put the marks of each table back: <!-- name: written by make docs --> and <!-- /name -->",
        )
    return _MARKED.sub(lambda match: f"{match[1]}{parts[match['name']]}{match[3]}", text)
