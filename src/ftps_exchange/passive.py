"""A passive range that changes, without a moment in which a server announces a port that a firewall keeps closed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from .model.rules import merged
from .model.view import plain

_TRANSLATION = re.compile(r"\btcp dport (\{[^{}\n]*\}|\S+) dnat ")
_RANGE = re.compile(r"\b(\d+)-(\d+)\b")
_TO_ANOTHER_PORT = re.compile(r"\bdaddr (\S+) tcp dport (\d+) dnat .* : (\d+)$", re.MULTILINE)


class PortsMeanwhile(TypedDict):
    """What a firewall opens while servers change over."""

    also: list[list[int]]
    """Ranges besides the declared one, as first and last port: all that are declared or open now."""
    opens: bool
    """Whether that is more than the firewall has open now."""
    closes: bool
    """Whether that is more than is declared, so that it has to be closed in the end."""
    translated: list[dict[str, Any]]
    """Of the declared translations to another port those that are loaded: servers may not listen at new ones yet."""


def exchange_ports_meanwhile(
    passive_ports: Sequence[int],
    rules: str = "",
    also: Sequence[Sequence[int]] | None = None,
    translated: Sequence[Mapping[str, Any]] | None = None,
) -> PortsMeanwhile:
    """The declared ports, and the rules of a firewall until now -> what it opens while servers change over.

    ``rules`` is the file from which the firewall loads its rules at boot, and empty where there is none yet.
    """
    first, last = (int(port) for port in passive_ports)
    more = [(int(low), int(high)) for low, high in also or ()]
    opened = [(int(low), int(high)) for ports in _TRANSLATION.findall(rules) for low, high in _RANGE.findall(ports)]
    loaded = _TO_ANOTHER_PORT.findall(rules)
    kept = [plain(one) for one in translated or () if (one["address"], str(one["port"]), str(one["to"])) in loaded]
    if not opened:
        return {"also": [list(one) for one in merged(more)], "opens": False, "closes": False, "translated": kept}
    declared, together = merged([(first, last), *more]), merged([(first, last), *more, *opened])
    return {
        "also": [list(one) for one in together],
        "opens": together != merged(opened),
        "closes": together != declared,
        "translated": kept,
    }
