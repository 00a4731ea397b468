"""pf, as OpenBSD and FreeBSD have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .reading import NET, RANGE, Fact, UnsoundError, each, known_lines, lines_of, listed, match

_MATCH: Final = rf"inet6? proto tcp from \{{ ({NET}(?:, {NET})*) \}} to ({NET}) port \{{ ({RANGE}(?:, {RANGE})*) \}}"


def pf_openbsd(text: str) -> Iterator[Fact]:
    known = known_lines(rf"pass (in |out |)quick {_MATCH} flags S/SA keep state(?: rdr-to ({NET}))?")
    for line in lines_of(text, "#"):
        _, found = match(line, known)
        way, clients, ports = found[1].strip(), listed(found[2]), listed(found[4])
        for direction in (way,) if way else ("in", "out"):
            yield from each(direction, clients, found[3], ports)
        if found[5]:
            yield from each("translate", clients, found[3], ports, found[5])


def pf_freebsd(text: str) -> Iterator[Fact]:
    filtering = False
    known = known_lines(rf"rdr pass ()?{_MATCH} -> ({NET})", rf"pass (in |out |)quick {_MATCH} flags S/SA keep state")
    for line in lines_of(text, "#"):
        number, found = match(line, known)
        clients, ports = listed(found[2]), listed(found[4])
        if number == 0 and filtering:
            raise UnsoundError(f"a translation below a rule of the filter: {line!r}")
        filtering = number == 1
        if number == 0:
            yield from each("in", clients, found[3], ports)
            yield from each("translate", clients, found[3], ports, found[5])
        else:
            for direction in (found[1].strip(),) if found[1] else ("in", "out"):
                yield from each(direction, clients, found[3], ports)
