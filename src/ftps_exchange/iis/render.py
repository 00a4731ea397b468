"""Settings -> the applicationHost.config that results from them on a fresh server: a preview, made of nothing but data.

It begins with ``base.config``, what a server with the FTP service and nothing else has in the sections that matter
(with one web site, to show that others stay as they are), and does to it what ``win_iis_settings`` does on a host, by
the same rules:

* within an item that is made, every attribute that the list names is written, equal to a default or not;
* elsewhere an element that is not there yet gets all its attributes when one of them differs from what holds, and one
  that is there only those that differ;
* a collection with ``clear`` that differs from what holds is written again, behind a ``<clear />``;
* new sites stand behind those that are there and get the next numbers, new locations stand at the end.

The defaults that a host may have set for all its sites (``siteDefaults``) and what else it holds, no preview can know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from ..windows import exchange_thumbprint
from .schema import (
    CERTIFICATE,
    EVERY_SITE,
    GIVEN_BY_IIS,
    THUMBPRINT,
    Collection,
    Element,
    Value,
    check_settings,
    expand,
    row_attributes,
    sections,
)

type Xml = ElementTree.Element

_INDENT: Final = "    "


def exchange_iis_application_host(
    settings: Mapping[str, Any] | str, base: str | None = None, thumbprint: str | None = None
) -> str:
    """Settings, or their JSON text -> the text of the applicationHost.config that they make of the base.

    ``thumbprint`` names the certificate of the host; without it the settings' mark for it stays.
    """
    wanted: Mapping[str, Any] = json.loads(settings) if isinstance(settings, str) else settings
    check_settings(wanted)
    if base is None:
        base = resources.files(__package__).joinpath("base.config").read_text("utf-8")
    # What is parsed is the file beside this module, or what this function returned before
    root = ElementTree.fromstring(base.encode())  # noqa: S314
    preview = _Preview(wanted, root)
    preview.apply()
    preview.purge()
    if thumbprint is not None:
        for element in root.iter("ssl"):
            if element.get(CERTIFICATE) == THUMBPRINT:
                element.set(CERTIFICATE, exchange_thumbprint(thumbprint))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + "".join(_written(root, ""))


class _Preview:
    """One list of settings, done to one configuration."""

    def __init__(self, settings: Mapping[str, Any], root: Xml) -> None:
        self._settings = settings
        self._root = root
        self._locations: dict[str, Xml] = {where.get("path", ""): where for where in root.findall("location")}
        self._kept: set[tuple[str, str]] = set()
        self._known_levels: dict[Xml, _Level] = {}

    def apply(self) -> None:
        """Every section of the list, at every place that it names."""
        for entry in self._settings["sections"]:
            names = entry["section"].split("/")
            for location in expand(entry["location"], self._settings["sites"]):
                self._kept.add((entry["section"], location))
                place = self._locations.get(location) if location else self._root
                stored = None if place is None else _find(place, names)
                section = ElementTree.Element(names[-1]) if stored is None else stored
                above = list(self._above(names, location))
                self._known_levels.pop(section, None)
                if self._node(section, entry, sections()[entry["section"]], above, stored=stored is not None):
                    self._put(section, names, location)

    def purge(self) -> None:
        """A location of our sites that the list does not name goes; one that it names loses other sections of ours."""
        listed = {location for _, location in self._kept}
        for entry in self._settings["purge"]:
            sites = self._settings["sites"] if entry["below"] == EVERY_SITE else [entry["below"]]
            for location, place in list(self._locations.items()):
                if location.split("/")[0] not in sites or (entry["section"], location) in self._kept:
                    continue
                if location in listed:
                    _remove(place, entry["section"].split("/"))
                else:
                    self._root.remove(place)
                    del self._locations[location]

    def _above(self, names: Sequence[str], location: str) -> Iterator[Xml]:
        """The same section at the levels that a location inherits from, the nearest first."""
        parts = location.split("/")
        for length in range(len(parts) - 1, 0, -1):
            place = self._locations.get("/".join(parts[:length]))
            section = None if place is None else _find(place, names)
            if section is not None:
                yield section
        section = _find(self._root, names) if location else None
        if section is not None:
            yield section

    def _put(self, section: Xml, names: Sequence[str], location: str) -> None:
        """Hang a new section where it belongs, and nothing when it hangs there already."""
        place = self._root
        if location:
            if location not in self._locations:
                self._locations[location] = ElementTree.SubElement(self._root, "location", {"path": location})
            place = self._locations[location]
        for name in names[:-1]:
            below = place.find(name)
            place = ElementTree.SubElement(place, name) if below is None else below
        if not any(child is section for child in place):
            place.append(section)

    def _levels(self, above: Sequence[Xml], collection: Collection) -> list[_Level]:
        """What the levels above say of a collection; each is looked at once, however many places inherit from it."""
        for element in above:
            if element not in self._known_levels:
                self._known_levels[element] = _Level.of(list(element), collection)
        return [self._known_levels[element] for element in above]

    def _node(
        self,
        element: Xml,
        node: Mapping[str, Any],
        schema: Element,
        above: Sequence[Xml],
        *,
        stored: bool,
        made: bool = False,
    ) -> bool:
        """Bring an element to what the list says; whether there was anything to write."""
        wanted: dict[str, Value] = node.get("attributes", {})
        differing = [
            name for name, value in wanted.items() if _holds(element, above, schema, name) != written_value(value)
        ]
        changed = bool(differing)
        if "collection" in node and schema.collection is not None:
            changed |= self._collection(element, node["collection"], schema.collection, above)
        for name in wanted if made or (changed and not stored) else differing:
            element.set(name, written_value(wanted[name]))
        for name, below in node.get("elements", {}).items():
            child = element.find(name)
            found = child is not None
            if child is None:
                child = ElementTree.Element(name)
            inherited = [one for one in (level.find(name) for level in above) if one is not None]
            if self._node(child, below, schema.elements[name], inherited, stored=found, made=made):
                changed = True
                if not found:
                    element.append(child)
        return changed or (made and bool(wanted))

    def _collection(self, element: Xml, node: Mapping[str, Any], collection: Collection, above: Sequence[Xml]) -> bool:
        form = self._settings["forms"][node["form"]]
        rows = node.get("rows", ())
        items = [
            *node.get("items", ()),
            *(
                {"attributes": row_attributes(form, row)}
                for row in (self._settings["rows"][rows] if isinstance(rows, str) else rows)
            ),
        ]
        if form["clear"]:
            return _replace(
                element, [item["attributes"] for item in items], collection, self._levels(above, collection)
            )
        return self._merge(element, items, form, node.get("absent", ()), collection, above)

    def _merge(
        self,
        element: Xml,
        items: Sequence[Mapping[str, Any]],
        form: Mapping[str, Any],
        absent: Sequence[Sequence[Value]],
        collection: Collection,
        above: Sequence[Xml],
    ) -> bool:
        """Make the items that are missing, change those that differ, and take away what the form purges."""
        known = collection.item.attributes
        keys: list[str] = form["keys"]

        def key(values: Mapping[str, str]) -> tuple[str, ...]:
            return tuple(values.get(name, written_value(known[name].unset)).lower() for name in keys)

        present = {key(child.attrib): child for child in element.findall(collection.add)}
        own = _Level.of(list(element), collection)
        levels = [_Level([], own.removed, own.cleared), *self._levels(above, collection)]
        inherited = {key(child.attrib) for child in _effective(levels) or ()}
        changed = False
        wanted = set()
        tags = (collection.add, collection.remove, collection.clear)
        position = max((index + 1 for index, child in enumerate(element) if child.tag in tags), default=0)
        for item in items:
            values = {name: written_value(value) for name, value in item.get("attributes", {}).items()}
            wanted.add(key(values))
            child = present.get(key(values))
            if child is None and key(values) in inherited:
                continue
            if child is None:
                child = ElementTree.Element(collection.add)
                self._node(child, _in_order(item, collection.item), collection.item, [], stored=False, made=True)
                if GIVEN_BY_IIS in known and GIVEN_BY_IIS not in values:
                    _number(child, present.values())
                present[key(values)] = child
                element.insert(position, child)
                position += 1
                changed = True
                continue
            changed |= self._node(child, item, collection.item, [], stored=True)
            if form["purge"]:
                for name in set(child.attrib) - set(values):
                    if child.attrib[name] != written_value(known[name].unset):
                        del child.attrib[name]
                        changed = True
        gone = {tuple(written_value(value).lower() for value in row) for row in absent}
        for found, child in present.items():
            if found in gone or (form["purge"] and found not in wanted):
                element.remove(child)
                changed = True
        return changed


@dataclass(frozen=True, slots=True)
class _Level:
    """What one level says of a collection: its items, which inherited ones it removes, or that it inherits nothing."""

    added: Sequence[Xml]
    removed: Sequence[Xml]
    cleared: bool

    @classmethod
    def of(cls, children: Sequence[Xml], collection: Collection) -> _Level:
        cleared = [index for index, child in enumerate(children) if child.tag == collection.clear]
        rest = children[cleared[-1] + 1 :] if cleared else children
        return cls(
            added=[child for child in rest if child.tag == collection.add],
            removed=[child for child in rest if child.tag == collection.remove],
            cleared=bool(cleared),
        )


def _effective(levels: Iterable[_Level], at_most: int | None = None) -> list[Xml] | None:
    """The items that hold at a place, from its own level outwards, up to one that inherits nothing.

    None when there are more than ``at_most``: a home inherits the list of all customers' networks until it has one of
    its own, and to look at that list at every home would never end.
    """
    holding: list[Xml] = []
    removed: list[Xml] = []
    for level in levels:
        if not removed and at_most is not None and len(holding) + len(level.added) > at_most:
            return None
        holding += [
            child
            for child in level.added
            if not any(all(child.get(name) == one.get(name) for name in one.attrib) for one in removed)
        ]
        removed += level.removed
        if level.cleared:
            break
    return holding


def _replace(
    element: Xml, items: Sequence[Mapping[str, Value]], collection: Collection, above: Iterable[_Level]
) -> bool:
    """Write a collection again, behind a ``<clear />``, when what holds is not what is wanted."""
    own = [child for child in element if child.tag in (collection.add, collection.remove, collection.clear)]
    known = collection.item.attributes

    def whole(values: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(values.get(name, written_value(attribute.unset)) for name, attribute in known.items())

    wanted = [{name: written_value(values[name]) for name in known if name in values} for values in items]
    holding = _effective([_Level.of(own, collection), *above], at_most=len(wanted))
    if holding is not None and sorted(map(whole, wanted)) == sorted(whole(child.attrib) for child in holding):
        return False
    for child in own:
        element.remove(child)
    new = [ElementTree.Element(collection.clear or ""), *(ElementTree.Element(collection.add, one) for one in wanted)]
    for index, child in enumerate(new):
        element.insert(index, child)
    return True


def _holds(element: Xml, above: Sequence[Xml], schema: Element, name: str) -> str:
    """The value that an attribute has where it stands: its own, else that of a level above, else the default."""
    for level in (element, *above):
        if name in level.attrib:
            return level.attrib[name]
    return written_value(schema.attributes[name].unset)


def _in_order(node: Mapping[str, Any], schema: Element) -> Mapping[str, Any]:
    """An item with its attributes in the order of the schema, however the list came by them."""
    attributes = node.get("attributes", {})
    return {**node, "attributes": {name: attributes[name] for name in schema.attributes if name in attributes}}


def _number(site: Xml, others: Any) -> None:
    """A new site's number: one more than the highest, and after the name, where IIS writes it."""
    highest = max((int(other.get(GIVEN_BY_IIS, 0)) for other in others), default=0)
    rest = dict(site.attrib)
    site.attrib.clear()
    site.attrib.update({"name": rest.pop("name"), GIVEN_BY_IIS: str(highest + 1), **rest})


def _find(place: Xml, names: Sequence[str]) -> Xml | None:
    found: Xml | None = place
    for name in names:
        found = None if found is None else found.find(name)
    return found


def _remove(place: Xml, names: Sequence[str]) -> None:
    """Take a section away, and the groups round it that are empty then."""
    below = place.find(names[0])
    if below is None:
        return
    if len(names) > 1:
        _remove(below, names[1:])
    if len(names) == 1 or not (len(below) or below.attrib):
        place.remove(below)


def written_value(value: Value | None) -> str:
    """A value as IIS writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _written(element: Xml, indent: str) -> Iterator[str]:
    attributes = "".join(f' {name}="{escape(value, _IN_ATTRIBUTES)}"' for name, value in element.attrib.items())
    if not len(element):
        yield f"{indent}<{element.tag}{attributes} />\n"
        return
    yield f"{indent}<{element.tag}{attributes}>\n"
    for child in element:
        yield from _written(child, indent + _INDENT)
    yield f"{indent}</{element.tag}>\n"


_IN_ATTRIBUTES: Final = {'"': "&quot;"}
