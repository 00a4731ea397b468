"""A passive range that changes, without a moment in which a server announces a port that a firewall keeps closed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypedDict

_TRANSLATION = re.compile(r"\btcp dport \{?[^{}\n]*?\b(\d+)-(\d+)\b[^{}\n]*\}? dnat ")


class PortsMeanwhile(TypedDict):
    """What a firewall opens while servers change over."""

    ports: list[int]
    """First and last port, of the old and the new range together."""
    opens: bool
    """Whether that is more than the firewall has open now."""
    closes: bool
    """Whether that is more than is declared, so that it has to be closed in the end."""


def exchange_ports_meanwhile(passive_ports: Sequence[int], rules: str = "") -> PortsMeanwhile:
    """The declared passive range, and the rules of a firewall until now -> what it opens while servers change over.

    ``rules`` is the file from which the firewall loads its rules at boot, and empty where there is none yet. What lies
    between two ranges that do not touch is open for that time too; nobody listens there.
    """
    first, last = (int(port) for port in passive_ports)
    opened = [(int(low), int(high)) for low, high in _TRANSLATION.findall(rules)]
    if not opened:
        return {"ports": [first, last], "opens": False, "closes": False}
    was = [min(low for low, _ in opened), max(high for _, high in opened)]
    ports = [min(first, was[0]), max(last, was[1])]
    return {"ports": ports, "opens": ports != was, "closes": ports != [first, last]}
