"""The declared elements, checked."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import (
    ADDRESS_BITS,
    Element,
    Elements,
    Table,
    TableError,
    parse_interval,
)

#: NFTNL_UDATA_COMMENT_MAXLEN; nft refuses more.
COMMENT_BYTES = 128
#: A mark has 32 bits.
HIGHEST_MARK = (1 << 32) - 1


def declared_elements(sets: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Elements]:
    """The option 'sets' -> elements by interval; reports every problem at once."""
    problems: list[str] = []
    declared: dict[str, Elements] = {}
    for name, items in sets.items():
        elements: Elements = {}
        for item in items:
            try:
                text, comment = str(item["element"]), str(item.get("comment") or "")
                _, interval = parse_interval(text)
                _check_comment(comment)
                value = _value(item.get("value"))
            except KeyError:
                problems.append(f"sets.{name}: {dict(item)} has no 'element'")
            except TableError as error:
                problems.append(f"sets.{name}: {error}")
            else:
                if interval in elements:
                    problems.append(f"sets.{name}: '{text}' is given twice")
                elements[interval] = Element(text, comment, value=value)
        ordered = sorted(elements)
        for before, after in itertools.pairwise(ordered):
            # nft refuses it too, but names neither owner.
            if after[0] <= before[1]:
                problems.append(f"sets.{name}: {elements[before].line()} and {elements[after].line()} overlap")
        declared[name] = {interval: elements[interval] for interval in ordered}
    if problems:
        raise TableError("; ".join(problems))
    return declared


def _value(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= HIGHEST_MARK):
        return value
    raise TableError(f"the value {value!r} is not a number from 0 to {HIGHEST_MARK}")


def _check_comment(comment: str) -> None:
    if len(comment.encode()) > COMMENT_BYTES:
        raise TableError(f"the comment '{comment}' is longer than the {COMMENT_BYTES} bytes that nft keeps")
    if not comment.isprintable() or '"' in comment or "\\" in comment:
        raise TableError(f"the comment {comment!r} contains a quote, a backslash or a control character")


def check_sets(table: Table, declared: Mapping[str, Elements]) -> None:
    """Refuse elements for a set that the definition lacks, or of the other address family."""
    for name, elements in declared.items():
        kind = table.set_types.get(name)
        if kind is None:
            raise TableError(f"sets.{name}: the definition declares no set of that name, and no map of it to marks")
        if kind not in ADDRESS_BITS:
            raise TableError(f"sets.{name}: a set of {kind}; only sets of ipv4_addr or ipv6_addr take elements here")
        is_map = table.header(name).startswith("map ")
        for element in elements.values():
            if (element.value is not None) != is_map:
                needed = "needs a value, because it is for a map" if is_map else "has a value, and a set keeps none"
                raise TableError(f"sets.{name}: '{element.text}' {needed}")
            if parse_interval(element.text)[0] != ADDRESS_BITS[kind]:
                raise TableError(f"sets.{name}: '{element.text}' is not an element for a set of {kind}")
