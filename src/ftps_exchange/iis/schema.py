"""The schema of IIS's configuration, as data (``schema.json``), and the check of a whole list of settings against it.

IIS refuses an attribute that it does not know when the configuration is committed, on the host, with a number for a
reason. Here the same mistake is told on the control node, by its path and with the name that was probably meant.

The form of the settings (``settings.py`` makes them, the module ``win_iis_settings`` applies them)::

    {"sites":    [the names of our sites],
     "forms":    {name: {"element", "keys", "purge", "clear", "ordered", "columns", "constants", "stored"}},
     "rows":     {name: [[value, ...], ...]},
     "sections": [{"section": path, "location": where, "attributes", "elements", "collection"}, ...],
     "purge":    [{"section": path, "below": site}, ...]}

What is true of every collection of a kind is said once, in its form, and what both sites have is said once, in a
named list of rows: with 10,000 customers the rest is a few bytes a setting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import Any, Final

from ..errors import ExchangeError

type Value = bool | int | str

EVERY_SITE: Final = "*"
"""In a location: each of our sites."""

_INTEGERS: Final[Mapping[str, tuple[int, int]]] = {
    "int": (-(2**31), 2**31 - 1),
    "uint": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
_TIME_SPAN: Final = re.compile(r"([0-9]+\.)?([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_FLAGS_APART: Final = ", "
_FORM: Final = ("element", "keys", "purge", "clear", "ordered")
_FORM_OPTIONAL: Final = ("columns", "constants", "stored")
_CORRECT: Final = "Correct it in src/ftps_exchange/iis/settings.py"


CERTIFICATE: Final = "serverCertHash"
"""The attribute by which a site names its certificate."""

THUMBPRINT: Final = "<thumbprint>"
"""What stands there in the list: each host has a certificate of its own, and win_iis_settings knows its thumbprint."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: what it may be, and what it is when nobody says."""

    name: str
    type: str
    default: Value | None
    required: bool
    values: Mapping[str, int]
    range: tuple[int, int] | None
    pattern: re.Pattern[str] | None
    read_only: bool
    since: str | None

    @property
    def unset(self) -> Value | None:
        """What a key is taken for when it is not named: two entries without one are the same entry."""
        return "" if self.default is None and self.type in ("string", "flags") else self.default

    def problem(self, value: object) -> str | None:
        """What is wrong with a value, or nothing."""
        if self.read_only:
            return "is told by IIS and cannot be set"
        if self.type == "bool":
            return None if isinstance(value, bool) else "is neither true nor false"
        if self.type in _INTEGERS:
            return self._integer_problem(value)
        if not isinstance(value, str):
            return f"is no text, and the type is {self.type}"
        return self._text_problem(value)

    def _integer_problem(self, value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return f"is no whole number, and the type is {self.type}"
        for lowest, highest in filter(None, (_INTEGERS[self.type], self.range)):
            if not lowest <= value <= highest:
                return f"is not between {lowest} and {highest}"
        return None

    def _text_problem(self, value: str) -> str | None:
        if self.type == "enum":
            return None if value in self.values else f"is none of {', '.join(self.values)}{nearest(value, self.values)}"
        if self.type == "flags":
            return self._flags_problem(value)
        if self.type == "timeSpan":
            return None if _TIME_SPAN.fullmatch(value) else "is no time span (hh:mm:ss)"
        if _CONTROL.search(value):
            return "holds a control character"
        if value == THUMBPRINT and self.name == CERTIFICATE:
            return None
        if self.pattern is not None and not self.pattern.fullmatch(value):
            return f"is not of the form {self.pattern.pattern}"
        return None

    def _flags_problem(self, value: str) -> str | None:
        flags = value.split(_FLAGS_APART) if value else []
        for flag in flags:
            if flag not in self.values:
                return f"holds {flag!r}, which is none of {', '.join(self.values)}{nearest(flag, self.values)}"
        numbers = [self.values[flag] for flag in flags]
        if sorted(set(numbers)) != numbers:
            return "does not name each flag once, in the order of their numbers, as IIS writes them"
        return None


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection: the element it consists of, and which attributes tell two of them apart."""

    add: str
    remove: str | None
    clear: str | None
    keys: tuple[tuple[str, ...], ...]
    defaults: str | None
    item: Element


@dataclass(frozen=True, slots=True)
class Element:
    """An element: a section, what stands in one, or an item of a collection."""

    attributes: Mapping[str, Attribute]
    elements: Mapping[str, Element]
    collection: Collection | None
    server_only: bool = False


def nearest(name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    """`` (did you mean x?)`` when there is a known name that looks like it, else nothing."""
    lower = {other.lower(): other for other in known}
    close = get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    return f" (did you mean {lower[close[0]]}?)" if close else ""


@cache
def sections() -> Mapping[str, Element]:
    """Every section of ``schema.json`` by its path."""
    text = resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    return {path: _element(content) for path, content in json.loads(text)["sections"].items()}


def _element(content: Mapping[str, Any]) -> Element:
    collection = content.get("collection")
    return Element(
        attributes={name: _attribute(name, one) for name, one in content.get("attributes", {}).items()},
        elements={name: _element(one) for name, one in content.get("elements", {}).items()},
        collection=None
        if collection is None
        else Collection(
            add=collection["add"],
            remove=collection.get("remove"),
            clear=collection.get("clear"),
            keys=tuple(tuple(names) for names in collection["keys"]),
            defaults=collection.get("defaults"),
            item=_element(collection["item"]),
        ),
        server_only=content.get("scope") == "server",
    )


def _attribute(name: str, content: Mapping[str, Any]) -> Attribute:
    limits = content.get("range")
    return Attribute(
        name=name,
        type=content["type"],
        default=content.get("default"),
        required=content.get("required", False),
        values=content.get("values", {}),
        range=None if limits is None else (limits[0], limits[1]),
        pattern=re.compile(content["pattern"]) if "pattern" in content else None,
        read_only=content.get("read_only", False),
        since=content.get("since"),
    )


def check_settings(settings: Mapping[str, Any]) -> None:
    """Stop at the first thing that IIS would refuse, or that a reader of the list could take for something else."""
    _Check(settings).run()


class _Check:
    """One look over a whole list of settings."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        _only(settings, ("sites", "forms", "rows", "sections", "purge"), "settings")
        self._settings = settings
        self._sites: Sequence[str] = settings["sites"]
        self._forms: Mapping[str, Mapping[str, Any]] = settings["forms"]
        self._checkers: dict[tuple[str, int], Callable[[Sequence[Any], str], None]] = {}

    def run(self) -> None:
        for name, form in self._forms.items():
            where = f"forms.{name}"
            _only(form, (*_FORM, *_FORM_OPTIONAL), where, optional=_FORM_OPTIONAL)
            for name, needed in (("ordered", "clear"), ("clear", "purge")):
                if form[name] and not form[needed]:
                    raise _error(f"is true, which needs {needed}", f"{where}: {name}", True)
            for key in form["keys"]:
                if key not in form.get("columns", form["keys"]):
                    raise _error("is a key and no column", f"{where}: columns", key)
        seen: set[tuple[str, str]] = set()
        for entry in self._settings["sections"]:
            path = entry.get("section")
            element = self._section(path)
            locations = list(expand(entry.get("location"), self._sites))
            where = f"{path} at {locations[0] or 'the server'}" if locations else str(path)
            for location in locations:
                self._location(path, element, location)
                if (path, location) in seen:
                    raise _error("stands in the list twice", f"{path} at {location or 'the server'}")
                seen.add((path, location))
            node = {key: value for key, value in entry.items() if key not in ("section", "location")}
            self._node(node, element, where)
        for entry in self._settings["purge"]:
            _only(entry, ("section", "below"), "purge")
            if not entry["below"]:
                raise _error("names no site: nothing is purged everywhere", "purge.below", entry["section"])
            if self._section(entry["section"]).server_only:
                raise _error("is a section of the server, which has no locations", "purge.section", entry["section"])

    def _section(self, path: object) -> Element:
        known = sections()
        if not isinstance(path, str) or path not in known:
            raise _error(f"is no known section{nearest(str(path), known)}", "section", path)
        return known[path]

    def _location(self, path: str, element: Element, location: str) -> None:
        if element.server_only and location:
            raise _error("is a section of the server and cannot stand in a location", path, location)
        if location and (location.split("/")[0] not in self._sites or "//" in location or location.endswith("/")):
            raise _error("lies in none of our sites, or is no path below one", f"{path}: location", location)

    def _node(self, node: Mapping[str, Any], element: Element, where: str) -> None:
        _only(node, ("attributes", "elements", "collection"), where, optional=("attributes", "elements", "collection"))
        for name, value in node.get("attributes", {}).items():
            problem = _known(name, element.attributes, "attribute", where).problem(value)
            if problem:
                raise _error(problem, f"{where}: {name}", value)
        for name, child in node.get("elements", {}).items():
            self._node(child, _known(name, element.elements, "element", where), f"{where}/{name}")
        if "collection" in node:
            if element.collection is None:
                raise _error("is no collection", where)
            self._collection(node["collection"], element.collection, where)

    def _collection(self, node: Mapping[str, Any], collection: Collection, where: str) -> None:
        _only(node, ("form", "items", "rows", "absent"), where, optional=("items", "rows", "absent"))
        form = _known(node["form"], self._forms, "form", where)
        self._form(form, collection, f"{where}: form {node['form']}")
        where = f"{where}/{collection.add}"
        keys = {names: set[tuple[Any, ...]]() for names in collection.keys}
        for index, item in enumerate(node.get("items", ())):
            self._node(item, collection.item, f"{where}[{index}]")
            self._item(item.get("attributes", {}), collection, keys, f"{where}[{index}]")
        rows = node.get("rows", ())
        if isinstance(rows, str):
            rows = _known(rows, self._settings["rows"], "list of rows", where)
        check = self._row_checker(node["form"], form, collection) if rows else None
        for index, row in enumerate(rows):
            if check is not None:
                check(row, f"{where}[{index}]")
            self._item(row_attributes(form, row), collection, keys, f"{where}[{index}]")
        listed = {
            tuple(_folded(one.get(name)) for name in form["keys"])
            for one in (
                *(item.get("attributes", {}) for item in node.get("items", ())),
                *(row_attributes(form, row) for row in rows if "absent" in node),
            )
        }
        for row in node.get("absent", ()):
            if len(row) != len(form["keys"]):
                raise _error("does not have a value for each key", f"{where}: absent", row)
            if tuple(map(_folded, row)) in listed:
                raise _error("is listed and to be absent", f"{where}: absent", row)

    def _form(self, form: Mapping[str, Any], collection: Collection, where: str) -> None:
        if form["element"] != collection.add:
            raise _error(f"is not {collection.add}, what is collected here", f"{where}: element", form["element"])
        if form["clear"] and collection.clear is None:
            raise _error("is true, and this collection knows no <clear/>", f"{where}: clear", True)
        for name in (*form["keys"], *form.get("columns", ()), *form.get("stored", ())):
            _known(name, collection.item.attributes, "attribute", where)
        for name, value in form.get("constants", {}).items():
            problem = _known(name, collection.item.attributes, "attribute", where).problem(value)
            if problem:
                raise _error(problem, f"{where}: {name}", value)

    def _row_checker(
        self, name: str, form: Mapping[str, Any], collection: Collection
    ) -> Callable[[Sequence[Any], str], None]:
        """The check of one row, made once for a form: there are tens of thousands of rows."""
        found = self._checkers.get((name, id(collection)))
        if found is not None:
            return found
        if "columns" not in form:
            raise _error("has rows and no columns", f"forms.{name}")
        columns = [collection.item.attributes[column] for column in form["columns"]]

        def check(row: Sequence[Any], where: str) -> None:
            if len(row) != len(columns):
                raise _error(f"does not have a value for each of {', '.join(form['columns'])}", where, row)
            for attribute, value in zip(columns, row, strict=True):
                problem = None if value is None else attribute.problem(value)
                if problem:
                    raise _error(problem, f"{where}: {attribute.name}", value)

        self._checkers[name, id(collection)] = check
        return check

    def _item(
        self,
        attributes: Mapping[str, Value],
        collection: Collection,
        keys: Mapping[tuple[str, ...], set[tuple[Any, ...]]],
        where: str,
    ) -> None:
        known = collection.item.attributes
        for attribute in known.values():
            if attribute.required and attribute.name not in attributes and attribute.name != GIVEN_BY_IIS:
                raise _error(f"lacks the attribute {attribute.name}", where)
        for names, seen in keys.items():
            if GIVEN_BY_IIS in names and GIVEN_BY_IIS not in attributes:
                continue
            key = tuple(_folded(attributes.get(name, known[name].unset)) for name in names)
            if key in seen:
                raise _error(f"has the same {' and '.join(names)} as another", where, _told(attributes, names))
            seen.add(key)


GIVEN_BY_IIS: Final = "id"
"""A site's number: the host gives it when the site is made, so that it collides with none that is there."""


def expand(location: object, sites: Sequence[str]) -> Iterator[str]:
    """Every location that is meant by one, or by a list of them: ``*`` stands for each of our sites."""
    for one in location if isinstance(location, list | tuple) else [location]:
        if not isinstance(one, str):
            raise _error("is no location", "location", one)
        if one == EVERY_SITE or one.startswith(f"{EVERY_SITE}/"):
            yield from (f"{site}{one[1:]}" for site in sites)
        else:
            yield str(one)


def row_attributes(form: Mapping[str, Any], row: Sequence[Value | None]) -> dict[str, Value]:
    """The attributes that a row of a form stands for: those of its columns that are named, and the form's constants."""
    attributes = {name: value for name, value in zip(form["columns"], row, strict=True) if value is not None}
    return {**attributes, **form.get("constants", {})}


def _folded(value: Value | None) -> Value | None:
    """IIS takes keys for equal that differ in case."""
    return value.lower() if isinstance(value, str) else value


def _told(attributes: Mapping[str, Value], names: Sequence[str]) -> str:
    return ", ".join(f"{name}={attributes[name]}" for name in names if name in attributes)


def _known[T](name: object, known: Mapping[str, T], kind: str, where: str) -> T:
    if not isinstance(name, str) or name not in known:
        raise _error(f"is no known {kind}{nearest(str(name), known)}", f"{where}: {kind}", name)
    return known[name]


def _only(mapping: object, keys: Sequence[str], where: str, optional: Sequence[str] = ()) -> None:
    """The keys that a part of the list may have, and those that it must have."""
    if not isinstance(mapping, Mapping):
        raise _error("is no dictionary", where, mapping)
    for key in mapping:
        if key not in keys:
            raise _error(f"is no key of this part{nearest(str(key), keys)}", where, key)
    for key in keys:
        if key not in mapping and key not in optional:
            raise _error(f"lacks the key {key}", where)


def _error(problem: str, field: str, value: object = None) -> ExchangeError:
    return ExchangeError(problem, field=field, value=value, remedy=_CORRECT)
