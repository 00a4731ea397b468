"""Stops a change that would end the access of many customers at once: more likely a lost folder than an intention.

Every module that owns a list of customers asks here, with the customers that are in its list now.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.messages import few

SETTING = "-e directory_removal_confirmed=true"

#: The option of a module, see the documentation fragment "removal"
REMOVAL_SPEC: dict[str, Any] = {
    "type": "dict",
    "options": {
        "known": {"type": "json", "default": "[]"},
        "limit_percent": {"type": "int", "default": 50},
        "confirmed": {"type": "bool", "default": False},
        "setting": {"type": "str", "default": SETTING},
    },
}


@dataclass(frozen=True)
class Removal:
    """Who may go, and how many others at once."""

    known: frozenset[str]
    """Customers that have a file, whatever their state is, in lower case."""
    limit_percent: int = 50
    confirmed: bool = False
    setting: str = SETTING
    """How a user confirms it."""


def read_removal(option: Mapping[str, Any] | None) -> Removal | None:
    """Read the module's option; None where it is not given, and nothing is guarded."""
    if option is None:
        return None
    known = json.loads(option["known"]) if isinstance(option["known"], str) else option["known"]
    if not isinstance(known, list):
        raise ValueError("removal.known must be a list of names, or its JSON text")
    return Removal(
        frozenset(str(name).casefold() for name in known),
        option["limit_percent"],
        option["confirmed"],
        option["setting"],
    )


def refusal(there: Iterable[str], declared: Iterable[str], removal: Removal | None, what: str) -> str | None:
    """Say why the run must stop, or None.

    ``there`` are the customers in the list, ``declared`` those of its new content, ``what`` says what they are.
    """
    if removal is None or removal.confirmed:
        return None
    customers = {name.casefold(): name for name in there}
    known = removal.known | {name.casefold() for name in declared}
    vanished = sorted(name for key, name in customers.items() if key not in known)
    if len(vanished) * 100 <= removal.limit_percent * len(customers):
        return None
    share = round(len(vanished) * 100 / len(customers))
    return (
        f"{len(vanished)} of the {len(customers)} {what} have no file any more ({share} %, the limit is "
        f"{removal.limit_percent} %): {few(vanished)}. Nothing was changed. If files were lost, bring them back. "
        f"If it is meant, write `state: absent` into the files, or run once with {removal.setting}."
    )
