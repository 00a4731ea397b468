"""An inventory that changes, run after run: what is left is what a first run would have made of a fresh server.

The lists come from the filter, the runs are the module's, over the stand-in of IIS in each of its readings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree import ElementTree

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftps_exchange.iis.settings import exchange_iis_settings
from tests.unit.ftps_exchange.desired_state import Json, account, customer, model
from tests.unit.ftps_exchange.test_iis_settings import windows
from tests.windows.iis import READINGS, Iis

CUSTOMERS = ("acme", "birch", "cedar")
ACCOUNTS = ("up", "down")
SHARES = ("maps", "dropbox")
SITE_NAMES = ("FTPS Exchange", "Files", "FTPS")
PORTS = ((50000, 50099), (51000, 51099))


@dataclass(frozen=True)
class Inventory:
    """What may come and go."""

    customers: frozenset[str] = frozenset()
    accounts: frozenset[tuple[str, str]] = frozenset()
    grants: frozenset[tuple[str, str]] = frozenset()
    implicit: bool = True
    site_name: str = SITE_NAMES[0]
    former: frozenset[str] = field(default=frozenset())
    ports: tuple[int, int] = PORTS[0]

    def changed(self, what: tuple[Any, ...]) -> Inventory:
        """One thing comes, or goes when it is there."""
        match what:
            case ("customer", name):
                return replace(self, customers=self.customers ^ {name})
            case ("account", *key):
                return replace(self, accounts=self.accounts ^ {tuple(key)})
            case ("share", *key):
                return replace(self, grants=self.grants ^ {tuple(key)})
            case ("site", name):
                return replace(self, site_name=name, former=(self.former | {self.site_name}) - {name})
            case ("ports", ports):
                return replace(self, ports=ports)
            case _:
                return replace(self, implicit=not self.implicit)

    def settings(self) -> str:
        """The list that the filter makes of it."""
        customers: list[Json] = []
        for number, name in enumerate(CUSTOMERS):
            if name in self.customers:
                customers.append(
                    customer(
                        name,
                        sources4=[f"198.51.100.{16 * number}/28"],
                        accounts=[account(f"{name}-{one}") for one in ACCOUNTS if (name, one) not in self.accounts],
                        shares=[{"name": share, "access": "read"} for share in SHARES if (name, share) in self.grants],
                    )
                )
        whole = windows(model(*customers), implicit_port=990 if self.implicit else None, passive_ports=list(self.ports))
        options = {"site_name": self.site_name, "former_site_names": sorted(self.former)}
        return json.dumps(exchange_iis_settings(whole, options))


CHANGES = st.one_of(
    st.tuples(st.just("customer"), st.sampled_from(CUSTOMERS)),
    st.tuples(st.just("account"), st.sampled_from(CUSTOMERS), st.sampled_from(ACCOUNTS)),
    st.tuples(st.just("share"), st.sampled_from(CUSTOMERS), st.sampled_from(SHARES)),
    st.just(("implicit",)),
    st.tuples(st.just("site"), st.sampled_from(SITE_NAMES)),
    st.tuples(st.just("ports"), st.sampled_from(PORTS)),
)


def said(text: str) -> list[str]:
    """All that a file says, whatever the order of its parts, but for the numbers of sites: none is given twice."""
    lines: list[str] = []

    def read(tag: ElementTree.Element, where: str) -> None:
        known = {name: value for name, value in tag.attrib.items() if (tag.tag, name) != ("site", "id")}
        where = f"{where}/{tag.tag} {sorted(known.items())}"
        lines.append(where)
        for child in tag:
            read(child, where)

    read(ElementTree.fromstring(text.encode()), "")  # noqa: S314 - written by the stand-in
    return sorted(lines)


def foreign(text: str) -> list[str]:
    """What belongs to others, byte by byte: their sites, their locations, and sections of other programs."""
    parts = re.findall(
        r"<site\b.*?</site>|<location\b.*?</location>|<system.webServer>.*?</system.webServer>", text, re.S
    )
    names = {name for base in SITE_NAMES for name in (base, f"{base} implicit")}

    def owner(part: str) -> str:
        found = re.search(r'<location path="([^"/]*)|<site [^>]*?name="([^"]*)"', part)
        return (found[1] or found[2]) if found else ""

    return [part for part in parts if owner(part) not in names]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGES, min_size=3, max_size=5), reading=st.sampled_from(READINGS), seed=st.integers(0, 7))
def test_after_any_change_the_file_is_what_a_first_run_would_have_made(
    make_iis: Callable[..., Iis], changes: list[tuple[Any, ...]], reading: Any, seed: int
) -> None:
    host = make_iis()
    host.reading = reading
    others = foreign(host.text)
    assert len(others) > 5
    inventory = Inventory(customers=frozenset(name for bit, name in enumerate(CUSTOMERS) if seed >> bit & 1))
    for change in (None, *changes):
        if change is not None:
            inventory = inventory.changed(change)
        wanted = inventory.settings()
        before = host.text
        predicted = host.apply(wanted, check=True)
        assert host.text == before
        answer = host.apply(wanted)
        assert "failed" not in answer, answer["msg"]
        assert answer == predicted
        again = host.apply(wanted)
        assert (again["changed"], again["diff"]) == (False, {"before": "", "after": ""}), again
        fresh = make_iis()
        fresh.reading = reading
        first = fresh.apply(wanted)
        assert first["counts"]["removed"] == 0
        assert said(host.text) == said(fresh.text), change
        assert foreign(host.text) == others
