"""What a firewall team that is not us should add and remove since the last request, with the reason for each."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ftps_exchange.edge import exchange_edge_sets
from ftps_exchange.model.view import Customer, Model

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Change:
    """One rule to add or to remove."""

    action: str
    network: str
    customers: str
    reason: str


def baseline(model: Model) -> dict[str, Any]:
    """What the edge should have, as it is kept until the next request."""
    sets = exchange_edge_sets(model)
    return {
        "format": FORMAT,
        "exchange": model.exchange.name,
        "elements": {one["element"]: one["comment"] for one in (*sets["customers4"], *sets["customers6"])},
        "states": {customer.name: _state(customer) for customer in model.customers},
        "ports": _ports(model),
        "addresses": " ".join(str(address) for address in model.exchange.public_addresses),
    }


def _state(customer: Customer) -> str:
    if customer.state == "present" and not customer.admitted:
        return "expired"
    return customer.state


def _ports(model: Model) -> str:
    exchange = model.exchange
    ports = [str(port) for port in (*exchange.explicit_ports, *exchange.implicit_ports)]
    return ", ".join([*ports, *(f"{first}-{last}" for first, last in exchange.passive_ranges)])


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[Change]:
    """The difference, removals first. Without an earlier request, everything is to be added."""
    old = before if before and before.get("format") == FORMAT and before.get("exchange") == after["exchange"] else {}
    was, now = dict(old.get("elements") or {}), dict(after["elements"])
    old_states, states = dict(old.get("states") or {}), dict(after["states"])
    found = [
        Change("remove", network, was[network], _why_removed(was[network], states))
        for network in was
        if network not in now
    ]
    found += [
        Change("add", network, now[network], _why_added(now[network], old_states) if old else "first request")
        for network in now
        if network not in was
    ]
    found += [
        Change("keep", network, now[network], f"now of {now[network]}, before of {was[network]}")
        for network in now
        if network in was and now[network] != was[network]
    ]
    if old and old.get("ports") != after["ports"]:
        found.append(Change("ports", "all", "all", f"TCP {after['ports']} instead of {old.get('ports')}"))
    was_at, now_at = old.get("addresses"), after["addresses"]
    if was_at and was_at != now_at:
        found.append(Change("addresses", "all", "all", f"{now_at} instead of {was_at}"))
    return found


def _why_removed(owners: str, states: Mapping[str, str]) -> str:
    words = {
        "suspended": "is suspended",
        "absent": "has ended",
        "expired": "has no account that may log in",
        None: "has ended",
        "present": "no longer uses it",
    }
    return "; ".join(f"{name} {words[states.get(name)]}" for name in owners.split(" and ")[0].split(", "))


def _why_added(owners: str, states: Mapping[str, str]) -> str:
    words = {
        "suspended": "is no longer suspended",
        "absent": "is a customer again",
        "expired": "has an account that may log in",
        None: "is a new customer",
        "present": "has a new network",
    }
    return "; ".join(f"{name} {words[states.get(name)]}" for name in owners.split(" and ")[0].split(", "))


def request_csv(found: list[Change], ports: str, destination: str) -> str:
    """The request as a table that a spreadsheet or a ticket takes."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(["action", "source", "destination", "service", "customers", "reason"])
    for one in found:
        writer.writerow([one.action, one.network, destination, f"TCP {ports}", one.customers, one.reason])
    return output.getvalue()
