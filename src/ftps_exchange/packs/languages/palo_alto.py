"""Palo Alto."""

from __future__ import annotations

from collections.abc import Iterator

from .reading import NAME, NET, RANGE, Fact, Objects, each, known_lines, lines_of, listed, match


def palo_alto(text: str) -> Iterator[Fact]:
    objects, services = Objects(), Objects()
    known = known_lines(
        rf"set address ({NAME}) ip-netmask ({NET})",
        rf"set address-group ({NAME}) static ({NAME})",
        rf"set service ({NAME}) protocol tcp port ({RANGE}(?:,{RANGE})*)",
        rf"set rulebase security rules {NAME} from {NAME} to {NAME} source ({NAME}) destination ({NAME}) "
        rf"application any service ({NAME}) action allow",
        rf"set rulebase nat rules {NAME} from {NAME} to {NAME} source ({NAME}) destination ({NAME}) "
        rf"service ({NAME}) destination-translation translated-address ({NAME})",
    )
    for line in lines_of(text, "#"):
        number, found = match(line, known)
        if number == 0:
            objects.add(found[1], found[2])
        elif number == 1:
            objects.add(found[1], objects.one(found[2]))
        elif number == 2:
            services.add(found[1], *listed(found[2]))
        else:
            to = objects.one(found[4]) if number == 4 else ""
            kind = "translate" if to else "pass"
            yield from each(kind, objects.all(found[1]), objects.one(found[2]), services.all(found[3]), to)
