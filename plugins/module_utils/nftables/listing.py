"""What nft lists -> the table."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import (
    ADDRESS_BITS,
    Element,
    Elements,
    Table,
    parse_interval,
)


def _element_text(value: Any) -> str:
    """The value of an element in nft's JSON -> as nft writes it in text."""
    if isinstance(value, dict) and "prefix" in value:
        return f"{value['prefix']['addr']}/{value['prefix']['len']}"
    if isinstance(value, dict) and "range" in value:
        return f"{value['range'][0]}-{value['range'][1]}"
    return str(value)


def read_elements(listed: Sequence[Any]) -> Elements:
    """The elem list of a set or map of addresses in nft's JSON -> elements by interval."""
    elements: Elements = {}
    for item in listed:
        # Of a map: the element and its value
        key, value = item if isinstance(item, list) else (item, None)
        detail = key["elem"] if isinstance(key, dict) and "elem" in key else {"val": key}
        text = _element_text(detail["val"])
        counter = detail.get("counter") or {}
        elements[parse_interval(text)[1]] = Element(
            text, detail.get("comment", ""), counter.get("packets", 0), counter.get("bytes", 0), value
        )
    return elements


def split_blocks(listing: str) -> dict[str, str]:
    """The text of 'nft list table' -> header of each object -> its text.

    The order of objects does not matter: it is only the order of their creation.
    """
    blocks: dict[str, str] = {}
    header = ""
    for line in listing.splitlines()[1:-1]:
        if re.match(r"\t[^\t}]", line):
            header = line.strip().removesuffix(" {") if line.endswith("{") else "table"
        if line:
            blocks[header] = f"{blocks.get(header, '')}{line}\n"
    return blocks


def read_table(listing_json: str, listing_text: str) -> Table:
    """What 'nft -j list table' and 'nft -s -t list table' say -> the table."""
    table = Table(blocks=split_blocks(listing_text))
    for item in json.loads(listing_json)["nftables"]:
        for kind in ("set", "map"):
            if kind not in item:
                continue
            declared = item[kind]
            elements = declared.get("elem", [])
            header = f"{kind} {declared['name']}"
            numbers = kind == "set" or declared.get("map") == "mark"
            if numbers:
                table.set_types[declared["name"]] = str(declared["type"])
            # Elements of dynamic sets come from traffic. Only the text shows this flag: the JSON of nft 1.0.6 lacks it.
            if re.search(r"^\t\tflags .*\bdynamic\b", table.blocks[header], re.MULTILINE):
                continue
            if str(declared["type"]) in ADDRESS_BITS and numbers:
                table.elements[declared["name"]] = read_elements(elements)
            table.contents[header] = sorted(_without_counters(item) for item in elements)
    return table


def _without_counters(item: Any) -> str:
    if isinstance(item, list):
        return json.dumps([_without_counters(part) for part in item])
    if isinstance(item, dict) and "elem" in item:
        item = {"elem": {key: value for key, value in item["elem"].items() if key != "counter"}}
    return json.dumps(item, sort_keys=True)
