"""The difference between a table as it is and as it is wanted, and the transaction that makes them equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import Element, Elements, Table
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.text import definition_text, elements_text

#: Above this a set is flushed and filled again in the transaction, with the counters that were read. Deleting many
#: elements one by one fails: nft 1.1.3 cuts a long list in the middle of an interval, and the kernel then misses its
#: other half ("No such file or directory"); many short lists take 17 s for 20,000 elements (1.0.6: 40 s).
MOST_DELETIONS = 100


@dataclass(frozen=True)
class SetChange:
    added: Elements
    removed: Elements
    #: same element, other comment or value: as it is to be, with the counter it has
    updated: Elements
    #: what stays as it is, with the counter it has
    kept: Elements

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.updated)


@dataclass(frozen=True)
class Plan:
    table_missing: bool
    rules_changed: bool
    #: the table itself has another flag or comment, which cannot be changed together with its chains
    replace_table: bool
    #: headers of what must go before the definition is read again, chains first
    stale: list[str]
    sets: dict[str, SetChange]
    #: name of each of those -> "set NAME" or "map NAME"
    headers: dict[str, str]

    @property
    def changed(self) -> bool:
        return self.table_missing or self.rules_changed or any(self.sets.values())

    def count(self, kind: str) -> int:
        return sum(len(getattr(change, kind)) for change in self.sets.values())


def make_plan(live: Table | None, desired: Table, declared: Mapping[str, Elements]) -> Plan:
    """What must happen for the live table to become the desired one with the declared elements."""
    now = live or Table()
    replace_table = live is not None and now.blocks.get("table") != desired.blocks.get("table")
    managed = {desired.header(name) for name in declared}
    stale = [
        header
        for header, text in now.blocks.items()
        if header != "table"
        and not header.startswith("chain ")
        and (
            desired.blocks.get(header) != text
            or (header not in managed and desired.contents.get(header) != now.contents.get(header))
        )
    ]
    rules_changed = bool(stale) or now.blocks != desired.blocks
    if rules_changed:
        # Chains first: they hold the references to the rest.
        stale = [header for header in now.blocks if header.startswith("chain ")] + stale
    sets = {
        name: _set_change(
            now.elements.get(name, {}),
            elements,
            survives=desired.header(name) not in stale and not replace_table,
            counts="\tcounter\n" in desired.blocks[desired.header(name)],
        )
        for name, elements in declared.items()
    }
    headers = {name: desired.header(name) for name in declared}
    return Plan(live is None, rules_changed, replace_table, stale, sets, headers)


def _set_change(live: Elements, wanted: Elements, survives: bool, counts: bool) -> SetChange:
    """A set that has to be made anew gets its elements back with the counters they had."""
    change = SetChange({}, {interval: old for interval, old in live.items() if interval not in wanted}, {}, {})
    for interval, element in wanted.items():
        old = live.get(interval)
        if old is None:
            change.added[interval] = element
            continue
        counter = {"packets": old.packets, "bytes": old.bytes} if counts else {}
        same = (old.comment, old.value) == (element.comment, element.value) and survives
        now = Element(element.text, element.comment, **counter, value=element.value)
        (change.kept if same else change.updated)[interval] = now
    return change


def transaction(family: str, name: str, definition: str, plan: Plan) -> str:
    """The one transaction that carries out a plan."""
    lines = []
    if plan.replace_table:
        lines.append(f"delete table {family} {name}\n")
    elif plan.rules_changed and not plan.table_missing:
        lines.append(f"flush table {family} {name}\n")
        for header in plan.stale:
            kind, _, item = header.rpartition(" ")
            lines.append(f"delete {kind} {family} {name} {item}\n")
    if plan.rules_changed or plan.table_missing:
        lines.append(definition_text(family, name, definition))
    for set_name, change in plan.sets.items():
        deleted, added = change.removed | change.updated, change.updated | change.added
        header = plan.headers[set_name]
        if header in plan.stale or plan.replace_table:
            pass  # gone already, elements and all
        elif len(deleted) > MOST_DELETIONS:
            lines.append(f"flush {header.partition(' ')[0]} {family} {name} {set_name}\n")
            added |= change.kept
        else:
            lines.append(elements_text("delete", family, name, set_name, deleted))
        lines.append(elements_text("add", family, name, set_name, added))
    return "".join(lines)
