"""A plan as --diff shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.ftps.exchange.plugins.module_utils.nftables.plan import Plan, SetChange
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import Table


def make_diff(title: str, live: Table | None, desired: Table, plan: Plan) -> list[dict[str, str]]:
    """For --diff: the rules, and only those elements that come, go or change."""
    diff = []
    now = live or Table()
    if plan.rules_changed or plan.table_missing:
        order = [*desired.blocks, *(header for header in now.blocks if header not in desired.blocks)]
        before, after = (_rules_text(table, order, plan.sets) for table in (now, desired))
        diff.append(diff_of(f"{title}, rules", before, after))
    for name, change in plan.sets.items():
        if change:
            live_elements = now.elements.get(name, {})
            gone = change.removed | {key: live_elements[key] for key in change.updated}
            come = change.added | change.updated
            before, after = ("".join(f"{some[key].line()}\n" for key in sorted(some)) for some in (gone, come))
            diff.append(diff_of(f"{title}, elements of {name}", before, after))
    return diff


def diff_of(header: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": header, "after_header": header, "before": before, "after": after}


def _rules_text(table: Table, order: Sequence[str], managed: Mapping[str, SetChange]) -> str:
    """The rules, and the elements of those sets that the definition itself fills."""
    text = ""
    for header in order:
        text += table.blocks.get(header, "")
        if header.removeprefix("set ").removeprefix("map ") not in managed:
            text += "".join(f"{header}: {element}\n" for element in table.contents.get(header, []))
    return text
