"""The customer's route as a drawing: wide for screens and paper, tall for phones, and in characters for Markdown.

Colours are classes: the page's style says what they are in the light and in the dark.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .escape import html_text
from .language import N_, catalogue
from .subject import Subject, short

_SANS: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_MONO: Final = "ui-monospace, Consolas, 'DejaVu Sans Mono', monospace"


@dataclass(frozen=True, slots=True)
class Station:
    """One thing on the way: addresses, and a few words above or below them."""

    title: str
    colour: str
    icon: str
    above: str = ""
    addresses: tuple[str, ...] = ()
    below: str = ""

    @property
    def lines(self) -> tuple[tuple[str, bool], ...]:
        """Each line, and whether it is an address."""
        return (
            *(((self.above, False),) if self.above else ()),
            *((address, True) for address in self.addresses),
            *(((self.below, False),) if self.below else ()),
        )


@dataclass(frozen=True, slots=True)
class Lane:
    """One kind of connection: its ports, and what for, in a sentence and in a word."""

    ports: str
    what: str
    word: str


def stations(subject: Subject) -> tuple[Station, ...]:
    """The way from the customer's computers to the server."""
    say = catalogue(subject.language)
    firewall = say(N_("Your firewall"))
    return (
        Station(say(N_("Your computers")), "you", "computer", addresses=short(say, subject.clients)),
        Station(firewall, "you", "wall", say(N_("seen from outside as")), short(say, subject.sources))
        if subject.clients != subject.sources
        else Station(firewall, "you", "wall", say(N_("no translation known"))),
        Station(say(N_("Internet")), "muted", "cloud", say(N_("everything encrypted"))),
        Station(say(N_("Our firewall")), "we", "wall", say(N_("lets only you in, at")), subject.addresses),
        Station(say(N_("FTPS server")), "we", "server", "", (subject.fqdn,), say(N_("never connects to you"))),
    )


def lanes(subject: Subject) -> tuple[Lane, ...]:
    """The connections that have to pass."""
    service, say = subject.service, catalogue(subject.language)
    found = [Lane(_tcp(service.explicit_ports), say(N_("control: TLS first, then the login")), say(N_("control")))]
    if service.implicit_ports:
        found.append(
            Lane(
                _tcp(service.implicit_ports),
                say(N_("the same, for clients with implicit TLS")),
                say(N_("implicit TLS")),
            )
        )
    first, last = service.passive_ranges[0]
    ports = str(first) if first == last and len(service.passive_ranges) == 1 else subject.passive
    found.append(Lane(f"TCP {ports}", say(N_("data: lists and files, in TLS")), say(N_("data"))))
    return tuple(found)


def _tcp(ports: tuple[int, ...]) -> str:
    return f"TCP {', '.join(map(str, ports))}"


def drawings(subject: Subject) -> str:
    """Both drawings as HTML; the page's style shows the one that fits."""
    return f'<div class="wide">{wide(subject)}</div><div class="tall">{tall(subject)}</div>'


def _text(
    x: float, y: float, text: str, *, size: float, colour: str, room: float = 0, anchor: str = "middle", font: str = ""
) -> str:
    """One line, smaller where it is longer than its room."""
    wide = 0.61 if font == _MONO else 0.55
    fitting = min(size, room / (max(len(text), 1) * wide)) if room else size
    face = f' font-family="{font}"' if font else ""
    weight = ' font-weight="650"' if size >= 13 else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{fitting:.4g}"{face}{weight} class="{colour}" fill="currentColor" '
        f'text-anchor="{anchor}">{html_text(text)}</text>'
    )


def _icon(kind: str, x: float, y: float, colour: str) -> str:
    """A small sign, 26 wide, centred at x, y."""
    style = 'fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" stroke-linecap="round"'
    paths = {
        "computer": "M-12-9h24v15h-24z M-5 11h10 M0 6v5",
        "wall": "M-13-10h26v20h-26z M-13-3h26 M-13 4h26 M-4-10v7 M6-3v7 M-4 4v6",
        "cloud": "M-8 9h17a6 6 0 0 0 1-12a9 9 0 0 0-17-2a7 7 0 0 0-1 14z",
        "server": "M-11-11h22v9h-22z M-11 2h22v9h-22z M-6-6.500h.1 M-6 6.500h.1 M0-6.500h6 M0 6.500h6",
    }
    return f'<path transform="translate({x:g} {y:g})" d="{paths[kind]}" class="{colour}" {style}/>'


def _line(path: str, colour: str, width: float, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path d="{path}" class="{colour}" stroke="currentColor" stroke-width="{width:g}"{dashed} fill="none"/>'


def _solid(path: str, colour: str) -> str:
    return f'<path d="{path}" class="{colour}" fill="currentColor"/>'


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="4" class="{colour}" fill="currentColor"/>'


def _svg(width: int, height: int, label: str, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{html_text(label)}" font-family="{_SANS}">\n{body}\n</svg>'
    )


def _label(subject: Subject) -> str:
    ports = ", ".join(lane.ports for lane in lanes(subject))
    return catalogue(subject.language).filled(
        N_("From your computers through your firewall and ours to {fqdn}: {ports}; everything else is closed."),
        fqdn=subject.fqdn,
        ports=ports,
    )


def wide(subject: Subject) -> str:
    """Stations side by side, connections as lanes below them."""
    widths = (196, 176, 132, 196, 204)
    gap, say, way = 24, catalogue(subject.language), stations(subject)
    box_height = max(128, 80 + 16 * max(len(station.lines) for station in way))
    parts: list[str] = []
    centres = []
    x = 2.0
    for station, width in zip(way, widths, strict=True):
        centre = x + width / 2
        centres.append(centre)
        parts += _box(station, x, width, box_height)
        x += width + gap
    total = int(x - gap + 2)
    found = lanes(subject)
    top, step = box_height + 34, 46
    bottom = top + step * len(found) + 8
    parts = [_line(f"M{centre:g} {box_height + 2}V{bottom:g}", "line", 1.5, "2 5") for centre in centres] + parts
    start, wall, edge, server = centres[0], centres[1], centres[3], centres[4]
    for number, lane in enumerate(found):
        y = top + number * step
        parts += [
            _line(f"M{start:g} {y}H{server - 9:g}", "good", 2.5),
            _solid(f"M{server:g} {y}l-11-6v12z", "good"),
            _dot(start, y, "good"),
            _gate(wall, y, good=True),
            _gate(edge, y, good=True),
            *_on_lane((wall + edge) / 2, y, lane),
        ]
    y = top + step * len(found)
    for near, far, text in (
        (start, wall - 14, say(N_("any other port"))),
        (server, edge + 14, say(N_("any connection to you"))),
    ):
        gate = wall if near == start else edge
        parts += [
            _line(f"M{near:g} {y}H{far:g}", "bad", 2, "6 5"),
            _dot(near, y, "bad"),
            _gate(gate, y, good=False),
            _text((near + gate) / 2, y + 20, text, size=12, colour="bad", room=190),
        ]
    return _svg(total, int(bottom + 22), _label(subject), "\n".join(parts))


def _box(station: Station, x: float, width: float, height: float) -> Iterator[str]:
    centre, cloud = x + width / 2, station.icon == "cloud"
    if not cloud:
        yield (
            f'<rect x="{x:g}" y="2" width="{width:g}" height="{height:g}" rx="10" class="box {station.colour}" '
            'stroke="currentColor" stroke-width="1.5"/>'
        )
    yield _icon(station.icon, centre, 30, station.colour)
    yield _text(centre, 64, station.title, size=15, colour="ink" if cloud else station.colour, room=width - 12)
    for number, (line, address) in enumerate(station.lines):
        y = 84 + number * 16
        if address:
            yield _text(centre, y, line, size=12, colour="ink", room=width - 16, font=_MONO)
        else:
            yield _text(centre, y, line, size=12, colour="muted", room=width - (0 if cloud else 12))


def _gate(x: float, y: float, *, good: bool) -> str:
    colour = "good" if good else "bad"
    mark = "M-5 0l3.5 4l6.5-8" if good else "M-4-4l8 8M4-4l-8 8"
    return (
        f'<g transform="translate({x:g} {y:g})" class="{colour}"><circle r="11" class="page" stroke="currentColor" '
        f'stroke-width="2"/><path d="{mark}" fill="none" stroke="currentColor" stroke-width="2.2" '
        'stroke-linecap="round" stroke-linejoin="round"/></g>'
    )


def _on_lane(x: float, y: float, lane: Lane) -> Iterator[str]:
    """Ports above the line, the purpose below it."""
    room = 20 + len(lane.ports) * 8.6
    yield (
        f'<rect x="{x - room / 2:g}" y="{y - 11:g}" width="{room:g}" height="22" rx="11" class="good" '
        'fill="currentColor"/>'
    )
    yield _text(x, y + 4.5, lane.ports, size=13, colour="on-good")
    yield _text(x, y + 24, lane.what, size=11, colour="muted", room=300)


def tall(subject: Subject) -> str:
    """The same from top to bottom, for a narrow screen."""
    width, y, say = 340, 2.0, catalogue(subject.language)
    parts = []
    found = lanes(subject)
    way = stations(subject)
    for number, station in enumerate(way):
        cloud = station.icon == "cloud"
        height = 50 + 17 * len(station.lines)
        parts.append(
            f'<rect x="2" y="{y:g}" width="{width - 4}" height="{height}" rx="10" '
            f'class="{"page" if cloud else "box"} {station.colour}" stroke="currentColor" stroke-width="1.5"'
            f"{' stroke-dasharray="4 4"' if cloud else ''}/>" + _icon(station.icon, 34, y + height / 2, station.colour)
        )
        colour = "ink" if cloud else station.colour
        parts.append(_text(66, y + 28, station.title, size=16, colour=colour, anchor="start"))
        for index, (line, address) in enumerate(station.lines):
            at = y + 48 + index * 17
            if address:
                parts.append(_text(66, at, line, size=12, colour="ink", room=width - 80, anchor="start", font=_MONO))
            else:
                parts.append(_text(66, at, line, size=12.9, colour="muted", room=width - 80, anchor="start"))
        y += height
        if number == len(way) - 1:
            break
        ports = number in (0, 2)
        gap = 22 + 20 * len(found) if ports else 26
        parts += [
            _line(f"M34 {y:g}V{y + gap - 8:g}", "good", 2.5),
            _solid(f"M34 {y + gap:g}l-6-11h12z", "good"),
        ]
        if ports:
            for index, lane in enumerate(found):
                at, beside = y + 24 + index * 20, 76 + len(lane.ports) * 8.8
                parts += [
                    _text(66, at, lane.ports, size=13, colour="good", anchor="start"),
                    _text(beside, at, lane.word, size=11, colour="muted", room=width - beside, anchor="start"),
                ]
        y += gap
    y += 26
    closed = say(N_("everything else is closed, in both directions"))
    parts += [_gate(16, y - 5, good=False), _text(36, y, closed, size=12.9, colour="bad", room=300, anchor="start")]
    return _svg(width, int(y + 14), _label(subject), "\n".join(parts))


def characters(subject: Subject) -> str:
    """The same for a text."""
    lines = []
    way = stations(subject)
    for number, station in enumerate(way):
        addresses = ", ".join(station.addresses)
        lines.append(f"[ {station.title} ]  " + " ".join(filter(None, (station.above, addresses))))
        if station.below:
            lines[-1] += f", {station.below}"
        if number in (0, 2):
            lines += [f"    |  {lane.ports:<16} {lane.what}" for lane in lanes(subject)]
            lines.append("    v")
        elif number < len(way) - 1:
            lines.append("    |" if number == 1 else "    v")
    lines.append(catalogue(subject.language)(N_("Everything else is closed, in both directions.")))
    return "\n".join(lines)
