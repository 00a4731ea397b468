"""A table as text that nft reads."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import Element, Elements, Interval


def definition_text(family: str, name: str, definition: str) -> str:
    return f"table {family} {name} {{\n{textwrap.indent(definition.strip(), chr(9))}\n}}\n"


def elements_text(verb: str, family: str, name: str, set_name: str, elements: Mapping[Interval, Element]) -> str:
    """One nft command for all elements of one set, or nothing."""
    if not elements:
        return ""
    items = [e.declaration() if verb == "add" else e.deletion() for e in elements.values()]
    return f"{verb} element {family} {name} {set_name} {{\n\t" + ",\n\t".join(items) + "\n}\n"


def replacing(family: str, name: str, text: str) -> str:
    """A transaction that puts a table in the place of one that may or may not exist."""
    return f"table {family} {name} {{}}\ndelete table {family} {name}\n{text}"


def boot_file(family: str, name: str, definition: str, declared: Mapping[str, Elements]) -> str:
    elements = "".join(elements_text("add", family, name, set_name, declared[set_name]) for set_name in declared)
    header = "#!/usr/sbin/nft -f\n# Managed by Ansible: the table as it was last confirmed, loaded at boot.\n"
    return header + replacing(family, name, definition_text(family, name, definition) + elements)
