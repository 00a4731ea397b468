"""Juniper SRX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .reading import (
    NAME,
    NET,
    RANGE,
    Fact,
    Objects,
    UnsoundError,
    each,
    known_lines,
    lines_of,
    match,
    net,
    once,
    only,
    pair,
    translated,
)


def juniper_srx(text: str) -> Iterator[Fact]:
    books: dict[str, Objects] = {}
    applications = Objects()
    rules: dict[tuple[str, str, str], dict[str, str]] = {}
    translations: dict[tuple[str, str], dict[str, str]] = {}
    pools: dict[str, str] = {}
    book = rf"set security (?:address-book (global)|zones security-zone ({NAME}) address-book)"
    nat = rf"set security nat (static|destination) rule-set {NAME} rule ({NAME})"
    known = known_lines(
        rf"{book} address ({NAME}) ({NET})",
        rf"{book} address-set ({NAME}) address ({NAME})",
        rf"set applications application ({NAME}) destination-port ({RANGE})",
        rf"set applications application-set ({NAME}) application ({NAME})",
        rf"set security policies from-zone ({NAME}) to-zone ({NAME}) policy ({NAME}) "
        rf"(?:match )?(source-address|destination-address|application|then) ({NAME})",
        rf"{nat} match (destination-address|destination-port|protocol) ({NET}|[0-9]+ to [0-9]+|tcp)",
        rf"{nat} then (static-nat prefix|destination-nat pool) ({NET}|{NAME})",
        rf"set security nat destination pool ({NAME}) address ({NET})",
        rf"set applications application {NAME} (?:protocol tcp|application-protocol ignore)",
        rf"set security nat (?:static|destination) rule-set {NAME} from zone {NAME}",
    )
    for line in lines_of(text, "#"):
        number, found = match(line, known)
        if number == 0:
            books.setdefault(found[1] or found[2], Objects()).add(found[3], found[4])
        elif number == 1:
            objects = books.setdefault(found[1] or found[2], Objects())
            objects.add(found[3], *objects.all(found[4]))
        elif number == 2:
            applications.add(found[1], found[2])
        elif number == 3:
            applications.add(found[1], *applications.all(found[2]))
        elif number == 4:
            once(rules.setdefault((found[1], found[2], found[3]), {}), found[4], found[5])
        elif number in (5, 6):
            once(translations.setdefault((found[1], found[2]), {}), found[3], found[4])
        elif number == 7:
            once(pools, found[1], found[2])
    if "global" in books and len(books) > 1:
        raise UnsoundError("a global address book beside those of zones, which no device takes")
    for (source_zone, target_zone, _name), rule in rules.items():
        if rule["then"] != "permit":
            raise UnsoundError(f"a policy that does not permit: {rule}")
        yield from each(
            "pass",
            books["global" if "global" in books else source_zone].all(rule["source-address"]),
            books["global" if "global" in books else target_zone].one(rule["destination-address"]),
            applications.all(rule["application"]),
        )
    yield from _translations(translations, pools)


def _translations(
    translations: Mapping[tuple[str, str], Mapping[str, str]], pools: Mapping[str, str]
) -> Iterator[Fact]:
    ports: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for (kind, _name), rule in translations.items():
        public = net(rule["destination-address"])
        if kind == "static":
            only(rule, "destination-address", "static-nat prefix")
            yield ("translate", "", public, "", net(rule["static-nat prefix"]))
        else:
            only(rule, "destination-address", "destination-port", "protocol", "destination-nat pool")
            key = (public, net(pools[rule["destination-nat pool"]]))
            ports.setdefault(key, []).append(pair(rule["destination-port"].replace(" to ", "-")))
    yield from translated(ports)
