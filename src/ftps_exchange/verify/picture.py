"""The deployment's picture: who looked from where, what they met, and what lies behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from .results import Run

_ROW = 104
_WIDTH = 1000


def picture(run: Run) -> str:
    """An SVG with the vantage points on the left, the public address in the middle, the server on the right."""
    points = run.vantage_points
    height = max(210, 60 + _ROW * len(points))
    middle = height / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'aria-label="From where the service was looked at, and what answered" class="picture">',
        '<defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" d="M0 0L10 5L0 10z"/></marker></defs>',
    ]
    for number, point in enumerate(points):
        y = (height - _ROW * len(points)) / 2 + _ROW * number + 10
        stranger = point["as"] == "stranger"
        parts += _box(10, y, 262, 84, point["as"], [point["host"], met(run, point)], "bad" if stranger else "box")
        dashed = ' stroke-dasharray="6 5"' if stranger else ""
        parts.append(
            f'<path class="line"{dashed} marker-end="url(#a)" '
            f'd="M272 {y + 42}C330 {y + 42} 320 {middle} 382 {middle}"/>'
        )
    if not points:
        parts.append(f'<text x="10" y="{middle}" class="small">No vantage point: nothing was looked at.</text>')
    target = run.target
    addresses = [address for address in (target.get("public_ip"), target.get("public_ip6")) if address]
    edge = target.get("edge")
    parts += _box(
        384,
        middle - 62,
        240,
        124,
        "public address",
        [*addresses, f"edge: {edge['name']}" if edge else "edge: not entered"],
        "edge",
    )
    ports = [f"{target['explicit_port']} explicit TLS"]
    if target.get("implicit_port"):
        ports.append(f"{target['implicit_port']} implicit TLS")
    if target.get("passive_ports"):
        ports.append("{}\N{EN DASH}{} passive".format(*target["passive_ports"]))
    parts.append(f'<path class="line" marker-end="url(#a)" d="M624 {middle}H724"/>')
    server = target.get("server")
    lines = [*ports, f"host: {server['name']}" if server else "host: not entered"]
    parts += _box(726, middle - 70, 264, 140, target["fqdn"], lines, "core")
    parts.append("</svg>")
    return "".join(parts)


def met(run: Run, point: Mapping[str, str]) -> str:
    """What a scan of all ports met from there, if there was one."""
    for name, value in run.facts.get("Ports", {}).items():
        if name.startswith(f"seen by {point['as']} "):
            return str(value)
    return "ports: not scanned"


def _box(x: float, y: float, width: float, height: float, title: str, lines: list[str], kind: str) -> Iterator[str]:
    yield f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>'
    yield f'<text class="name" x="{x + 14}" y="{y + 26}">{escape(_cut(title, width, 9.2))}</text>'
    for number, line in enumerate(lines):
        yield f'<text class="small" x="{x + 14}" y="{y + 48 + 20 * number}">{escape(_cut(line, width, 7.6))}</text>'


def _cut(text: str, width: float, letter: float) -> str:
    """As much as fits; SVG does not break lines."""
    room = int((width - 24) / letter)
    return text if len(text) <= room else text[: room - 1] + "…"
