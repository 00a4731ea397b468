"""Writes the tables of docs/iis.md from the settings themselves: each value, IIS's own default, and the reason.

python -m ftps_exchange.iis.reference docs/iis.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from ..marked import filled
from .render import written_value
from .schema import Element, sections
from .values import (
    DENIED_COMMANDS,
    HIDDEN_SEGMENTS,
    HOME_SETTINGS,
    SERVER_SETTINGS,
    SITE_SETTINGS,
    SITES,
    TOP_SETTINGS,
    Setting,
)

_HEAD: Final = "| setting | value | IIS's default | why |\n|---|---|---|---|\n"


def tables() -> dict[str, str]:
    """Every table by the name of its marks."""
    sites = sections()[SITES].collection
    assert sites is not None  # noqa: S101 - the schema data says so
    return {
        "server": _HEAD + "".join(_of_sections(SERVER_SETTINGS)),
        "site": _HEAD + "".join(_rows(SITE_SETTINGS, sites.item.elements["ftpServer"], "")),
        "top": _HEAD + "".join(_of_sections(TOP_SETTINGS)),
        "home": _HEAD + "".join(_of_sections(HOME_SETTINGS)),
        "commands": "| command | why it is refused |\n|---|---|\n" + "".join(_named(DENIED_COMMANDS)),
        "segments": "| name | why it is hidden |\n|---|---|\n" + "".join(_named(HIDDEN_SEGMENTS)),
    }


def with_tables(text: str) -> str:
    """A document with its tables as the settings have them now."""
    return filled(text, tables(), "docs/iis.md")


def _of_sections(settings: Mapping[str, Iterable[Setting]]) -> Iterator[str]:
    for section, choices in settings.items():
        yield from _rows(choices, sections()[section], section.removeprefix("system.ftpServer/"))


def _rows(choices: Iterable[Setting], schema: Element, below: str) -> Iterator[str]:
    for choice in choices:
        element = schema
        for name in filter(None, choice.element.split("/")):
            element = element.elements[name]
        path = "/".join(filter(None, (below, choice.element, choice.attribute)))
        value = choice.source or _code("" if callable(choice.value) else written_value(choice.value))
        default = _code(written_value(element.attributes[choice.attribute].unset))
        yield f"| `{path}` | {value} | {default} | {choice.reason} |\n"


def _named(reasons: Mapping[str, str]) -> Iterator[str]:
    return (f"| `{name}` | {reason} |\n" for name, reason in sorted(reasons.items()))


def _code(text: str) -> str:
    return f"`{text}`" if text else "none"


def main(arguments: list[str]) -> int:
    """Write the tables into the document that is named."""
    if len(arguments) != 1:
        print("usage: python -m ftps_exchange.iis.reference DOCUMENT", file=sys.stderr)
        return 2
    document = Path(arguments[0])
    document.write_text(with_tables(document.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
