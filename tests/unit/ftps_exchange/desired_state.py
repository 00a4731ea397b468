"""What the tests of the desired-state functions share: models, small and generated, and golden files."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from tests.unit.ftps_exchange.model_inputs import EXCHANGE

# How long one example takes says more about what else the machine is doing than about the code.
settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")

GOLDEN = Path(__file__).parents[1] / "golden" / "desired_state"

type Json = dict[str, Any]


def golden(name: str) -> Any:
    """A golden file: reviewed by eye when it changes. The lab's model is ``model``."""
    return json.loads((GOLDEN / f"{name}.json").read_text())


def assert_golden(name: str, actual: object) -> None:
    """The result is plain JSON data and equals the golden file; a mismatch leaves what came out beside it."""
    text = json.dumps(actual, indent=2) + "\n"
    if text != (GOLDEN / f"{name}.json").read_text():
        (GOLDEN / f"{name}.json.actual").write_text(text)
    assert json.loads(text) == golden(name), f"compare {GOLDEN.name}/{name}.json with {name}.json.actual"


def account(name: str, access: str = "write", *, enabled: bool = True, expires: str | None = None) -> Json:
    """An account of the checked model."""
    return {"name": name, "access": access, "expires": expires, "enabled": enabled, "disabled_because": None}


def customer(name: str, **changes: Any) -> Json:
    """A customer of the checked model: present, one writing account, no network."""
    return {
        "name": name,
        "state": "present",
        "sources4": [],
        "sources6": [],
        "shared_exit": True,
        "accounts": [account(f"{name}-up")],
        "shares": [],
        **changes,
    }


def model(*customers: Json, shares: tuple[str, ...] = ("maps", "dropbox"), **directory: str) -> Json:
    """A checked model."""
    return {
        "exchange": {
            **EXCHANGE,
            "directory": {**EXCHANGE["directory"], **directory},
            "shares": [{"name": name, "description": f"about {name}"} for name in shares],
        },
        "customers": list(customers),
        "notes": [],
    }


def without(whole: Mapping[str, Any], name: str) -> Json:
    """The model without one of its customers."""
    return {**whole, "customers": [one for one in whole["customers"] if one["name"] != name]}


def reordered(whole: Mapping[str, Any], seed: int) -> Json:
    """The same model with every list in another order, but for the range, which is a pair."""
    shuffle = random.Random(seed).sample  # noqa: S311 - an order, not a secret

    def mixed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: item if key == "passive_ports" else mixed(item) for key, item in value.items()}
        return [mixed(item) for item in shuffle(value, len(value))] if isinstance(value, list) else value

    result: Json = mixed(dict(whole))
    return result


def _networks(family: int) -> st.SearchStrategy[list[str]]:
    """Networks that often overlap, nest and touch: all in three small blocks, two at the ends of the address space."""
    bits = 32 if family == 4 else 128
    prefixes = (
        ["0.0.0.", "198.51.100.", "255.255.255."]
        if family == 4
        else ["::", "2001:db8::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff"]
    )

    def network(prefix: str, number: int, length: int) -> str:
        start = number >> length << length
        return str(ip_network(f"{prefix}{start if family == 4 else f'{start:02x}'}/{bits - length}"))

    return st.lists(
        st.builds(network, st.sampled_from(prefixes), st.integers(0, 255), st.integers(0, 8)), max_size=4, unique=True
    )


NAMES = ("0", "9z", "a", "a-read", "a-write", "a.b", "acme", "acme-up", "home-a", "maps", "shared", "x_y")
"""Customers whose groups, folders and sort order could be taken for one another's."""


@st.composite
def models(draw: st.DrawFn, max_customers: int = 5) -> Json:
    """Checked models of any shape: every state, any accounts and shares, overlapping and nested networks."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=max_customers))
    shares = ("maps", "dropbox", "plans")
    customers = []
    for number, name in enumerate(names):
        sources4, sources6 = draw(_networks(4)), draw(_networks(6))
        state = draw(st.sampled_from(["present", "present", "suspended", "absent"]))
        if state == "absent":
            customers.append({"name": name, "state": state})
            continue
        accounts = [
            account(f"u{number}-{index}", access, enabled=enabled and state == "present", expires=expires)
            for index, (access, enabled, expires) in enumerate(
                draw(
                    st.lists(
                        st.tuples(
                            st.sampled_from(["read", "write"]), st.booleans(), st.sampled_from([None, "2027-12-31"])
                        ),
                        max_size=3,
                    )
                )
            )
        ]
        granted = draw(st.lists(st.sampled_from(shares), unique=True))
        customers.append(
            customer(
                name,
                state=state,
                sources4=sources4 or ([] if sources6 else ["198.51.100.77/32"]),
                sources6=sources6,
                accounts=accounts,
                shares=[{"name": share, "access": draw(st.sampled_from(["read", "write"]))} for share in granted],
            )
        )
    return model(*customers, shares=shares)
