"""The customer's route as a drawing: wide for screens and paper, tall for phones, and in characters for Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .escape import html_text
from .subject import Subject, short

_INK, _MUTED, _LINE, _FILL = "#1b2733", "#5b6b7b", "#c9d3dd", "#f6f8fa"
_GOOD, _BAD, _YOURS, _OURS = "#1a7f4b", "#b3261e", "#0b5cad", "#6a3fa0"
_SANS: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_MONO: Final = "ui-monospace, Consolas, 'DejaVu Sans Mono', monospace"


@dataclass(frozen=True, slots=True)
class Station:
    """One thing on the way."""

    title: str
    lines: tuple[str, ...]
    colour: str
    icon: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One kind of connection: its ports, and what for."""

    ports: str
    what: str


def stations(subject: Subject) -> tuple[Station, ...]:
    """The way from the customer's computers to the server."""
    translated = subject.clients != subject.sources
    firewall = ("seen from outside as", *short(subject.sources)) if translated else ("no translation known",)
    return (
        Station("Your computers", short(subject.clients), _YOURS, "computer"),
        Station("Your firewall", firewall, _YOURS, "wall"),
        Station("Internet", ("everything encrypted",), _MUTED, "cloud"),
        Station("Our firewall", ("lets only you in, at", *subject.addresses), _OURS, "wall"),
        Station("FTPS server", (subject.fqdn, "never connects to you"), _OURS, "server"),
    )


def lanes(subject: Subject) -> tuple[Lane, ...]:
    """The connections that have to pass."""
    service = subject.service
    found = [Lane(f"TCP {service.explicit_port}", "control: TLS first, then the login")]
    if service.implicit_port is not None:
        found.append(Lane(f"TCP {service.implicit_port}", "the same, for clients with implicit TLS"))
    ports = str(subject.first) if subject.first == subject.last else subject.passive
    found.append(Lane(f"TCP {ports}", "data: lists and files, in TLS"))
    return tuple(found)


def drawings(subject: Subject) -> str:
    """Both drawings as HTML; the page's style shows the one that fits."""
    return f'<div class="wide">{wide(subject)}</div><div class="tall">{tall(subject)}</div>'


def _mono(x: float, y: float, text: str, room: float, anchor: str = "middle") -> str:
    """An address in fixed width, smaller when it is long."""
    size = min(12.0, room / (max(len(text), 1) * 0.61))
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:.1f}" font-family="{_MONO}" fill="{_INK}" '
        f'text-anchor="{anchor}">{html_text(text)}</text>'
    )


def _icon(kind: str, x: float, y: float, colour: str) -> str:
    """A small sign, 26 wide, centred at x, y."""
    style = f'fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round" stroke-linecap="round"'
    paths = {
        "computer": "M-12-9h24v15h-24z M-5 11h10 M0 6v5",
        "wall": "M-13-10h26v20h-26z M-13-3h26 M-13 4h26 M-4-10v7 M6-3v7 M-4 4v6",
        "cloud": "M-8 9h17a6 6 0 0 0 1-12a9 9 0 0 0-17-2a7 7 0 0 0-1 14z",
        "server": "M-11-11h22v9h-22z M-11 2h22v9h-22z M-6-6.500h.1 M-6 6.500h.1 M0-6.500h6 M0 6.500h6",
    }
    return f'<path transform="translate({x:g} {y:g})" d="{paths[kind]}" {style}/>'


def _svg(width: int, height: int, label: str, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{html_text(label)}" font-family="{_SANS}" fill="{_INK}">\n{body}\n</svg>'
    )


def _label(subject: Subject) -> str:
    ports = ", ".join(lane.ports for lane in lanes(subject))
    return f"From your computers through your firewall and ours to {subject.fqdn}: {ports}; everything else is closed."


def wide(subject: Subject) -> str:
    """Stations side by side, connections as lanes below them."""
    widths = (196, 176, 132, 196, 204)
    gap, box_height = 24, max(128, 80 + 16 * max(len(station.lines) for station in stations(subject)))
    parts = []
    centres = []
    x = 2.0
    for station, width in zip(stations(subject), widths, strict=True):
        centre = x + width / 2
        centres.append((centre, x, x + width))
        if station.icon == "cloud":
            parts.append(_icon("cloud", centre, 30, station.colour))
        else:
            parts.append(
                f'<rect x="{x:g}" y="2" width="{width}" height="{box_height}" rx="10" fill="{_FILL}" '
                f'stroke="{station.colour}" stroke-width="1.500"/>' + _icon(station.icon, centre, 30, station.colour)
            )
        parts.append(
            f'<text x="{centre:g}" y="64" font-size="15" font-weight="650" text-anchor="middle" '
            f'fill="{station.colour if station.icon != "cloud" else _INK}">{html_text(station.title)}</text>'
        )
        for number, line in enumerate(station.lines):
            y = 84 + number * 16
            if any(char.isdigit() for char in line) or "." in line:
                parts.append(_mono(centre, y, line, width - 16))
            else:
                parts.append(
                    f'<text x="{centre:g}" y="{y}" font-size="12" fill="{_MUTED}" '
                    f'text-anchor="middle">{html_text(line)}</text>'
                )
        x += width + gap
    total = int(x - gap + 2)
    found = lanes(subject)
    top, step = box_height + 34, 46
    bottom = top + step * len(found) + 8
    for centre, _, _ in centres:
        parts.insert(
            0,
            f'<path d="M{centre:g} {box_height + 2}V{bottom:g}" stroke="{_LINE}" stroke-width="1.500" '
            'stroke-dasharray="2 5"/>',
        )
    start, wall, edge, server = centres[0][0], centres[1][0], centres[3][0], centres[4][0]
    for number, lane in enumerate(found):
        y = top + number * step
        parts += [
            f'<path d="M{start:g} {y}H{server - 9:g}" stroke="{_GOOD}" stroke-width="2.500"/>',
            f'<path d="M{server:g} {y}l-11-6v12z" fill="{_GOOD}"/>',
            f'<circle cx="{start:g}" cy="{y}" r="4" fill="{_GOOD}"/>',
            _gate(wall, y, good=True),
            _gate(edge, y, good=True),
            _on_lane((wall + edge) / 2, y, lane),
        ]
    y = top + step * len(found)
    parts += [
        f'<path d="M{start:g} {y}H{wall - 14:g}" stroke="{_BAD}" stroke-width="2" stroke-dasharray="6 5"/>',
        f'<circle cx="{start:g}" cy="{y}" r="4" fill="{_BAD}"/>',
        _gate(wall, y, good=False),
        f'<text x="{(start + wall) / 2:g}" y="{y + 20}" font-size="12" fill="{_BAD}" '
        'text-anchor="middle">any other port</text>',
        f'<path d="M{server:g} {y}H{edge + 14:g}" stroke="{_BAD}" stroke-width="2" stroke-dasharray="6 5"/>',
        f'<circle cx="{server:g}" cy="{y}" r="4" fill="{_BAD}"/>',
        _gate(edge, y, good=False),
        f'<text x="{(server + edge) / 2:g}" y="{y + 20}" font-size="12" fill="{_BAD}" '
        'text-anchor="middle">any connection to you</text>',
    ]
    return _svg(total, int(bottom + 22), _label(subject), "\n".join(parts))


def _gate(x: float, y: float, *, good: bool) -> str:
    colour = _GOOD if good else _BAD
    mark = "M-5 0l3.500 4l6.500-8" if good else "M-4-4l8 8M4-4l-8 8"
    return (
        f'<g transform="translate({x:g} {y:g})"><circle r="11" fill="#fff" stroke="{colour}" stroke-width="2"/>'
        f'<path d="{mark}" fill="none" stroke="{colour}" stroke-width="2.200" stroke-linecap="round" '
        'stroke-linejoin="round"/></g>'
    )


def _on_lane(x: float, y: float, lane: Lane) -> str:
    """Ports above the line, the purpose below it."""
    room = 20 + len(lane.ports) * 8.6
    return (
        f'<rect x="{x - room / 2:g}" y="{y - 11:g}" width="{room:g}" height="22" rx="11" fill="{_GOOD}"/>'
        f'<text x="{x:g}" y="{y + 4.5:g}" font-size="13" font-weight="650" fill="#fff" text-anchor="middle">'
        f"{html_text(lane.ports)}</text>"
        f'<text x="{x:g}" y="{y + 24:g}" font-size="11" fill="{_MUTED}" text-anchor="middle">'
        f"{html_text(lane.what)}</text>"
    )


def tall(subject: Subject) -> str:
    """The same from top to bottom, for a narrow screen."""
    width, y = 340, 2.0
    parts = []
    found = lanes(subject)
    way = stations(subject)
    for number, station in enumerate(way):
        height = 50 + 17 * len(station.lines)
        parts.append(
            f'<rect x="2" y="{y:g}" width="{width - 4}" height="{height}" rx="10" '
            f'fill="{"#fff" if station.icon == "cloud" else _FILL}" stroke="{station.colour}" stroke-width="1.500"'
            f"{' stroke-dasharray="4 4"' if station.icon == 'cloud' else ''}/>"
            + _icon(station.icon, 34, y + height / 2, station.colour)
        )
        parts.append(
            f'<text x="66" y="{y + 28:g}" font-size="16" font-weight="650" '
            f'fill="{station.colour if station.icon != "cloud" else _INK}">{html_text(station.title)}</text>'
        )
        for index, line in enumerate(station.lines):
            at = y + 48 + index * 17
            if any(char.isdigit() for char in line) or "." in line:
                parts.append(_mono(66, at, line, width - 80, "start"))
            else:
                parts.append(f'<text x="66" y="{at:g}" font-size="13" fill="{_MUTED}">{html_text(line)}</text>')
        y += height
        if number == len(way) - 1:
            break
        ports = number in (0, 2)
        gap = 22 + 20 * len(found) if ports else 26
        parts.append(f'<path d="M34 {y:g}V{y + gap - 8:g}" stroke="{_GOOD}" stroke-width="2.500"/>')
        parts.append(f'<path d="M34 {y + gap:g}l-6-11h12z" fill="{_GOOD}"/>')
        if ports:
            for index, lane in enumerate(found):
                parts.append(
                    f'<text x="66" y="{y + 24 + index * 20:g}" font-size="13" font-weight="650" fill="{_GOOD}">'
                    f"{html_text(lane.ports)}</text>"
                    f'<text x="{76 + len(lane.ports) * 8.8:g}" y="{y + 24 + index * 20:g}" font-size="11" '
                    f'fill="{_MUTED}">{html_text(lane.what.split(":")[0].split(",")[0])}</text>'
                )
        y += gap
    y += 26
    parts += [
        _gate(16, y - 5, good=False),
        f'<text x="36" y="{y:g}" font-size="13" fill="{_BAD}">everything else is closed, in both directions</text>',
    ]
    return _svg(width, int(y + 14), _label(subject), "\n".join(parts))


def characters(subject: Subject) -> str:
    """The same for a text."""
    lines = []
    way = stations(subject)
    for number, station in enumerate(way):
        told = ", ".join(station.lines).replace(" as, ", " as ").replace(" at, ", " at ")
        lines.append(f"[ {station.title} ]  {told}")
        if number in (0, 2):
            lines += [f"    |  {lane.ports:<16} {lane.what}" for lane in lanes(subject)]
            lines.append("    v")
        elif number < len(way) - 1:
            lines.append("    |" if number == 1 else "    v")
    lines.append("Everything else is closed, in both directions.")
    return "\n".join(lines)
