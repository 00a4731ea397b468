"""A whole pack, in memory, for the tests of its guide, profiles, scripts and changes."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

from ftps_exchange.model.view import Account, Contact, Customer, Grant
from ftps_exchange.packs.build import MARKER, Choice, Pack, build_pack
from ftps_exchange.packs.subject import Authorities, Authority, Offer, Subject
from tests.unit.ftps_exchange.packs_inputs import ACME, HAND_CHECKED

AUTHORITIES = Authorities(
    pem="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    certificates=(Authority("CN=Example Root CA", "AA:BB:CC", "2036-11-22"),),
)
OFFER = Offer(AUTHORITIES, Contact("Exchange desk", "exchange@example.com", "+32 2 555 01 00"))


def customer(**changes: Any) -> Customer:
    """The customer of the rules' tests, with accounts and a share."""
    given: dict[str, Any] = {
        "accounts": (Account("acme-read", "read", "2031-12-31", True), Account("acme-up", "write", None, True)),
        "shares": (Grant("maps", "read", "Base maps"),),
        **changes,
    }
    return dataclasses.replace(ACME, **given)


def subject(offer: Offer = OFFER, *, service: dict[str, Any] | None = None, **changes: Any) -> Subject:
    """The hand-checked case, with what a test changes."""
    return Subject(dataclasses.replace(HAND_CHECKED, **(service or {})), customer(**changes), offer)


def pack(
    one: Subject,
    *,
    previous: Pack | None = None,
    deadline: str | None = None,
    choice: Choice | None = None,
    today: datetime.date = datetime.date(2026, 11, 30),
) -> Pack:
    """The pack of a subject, after another."""
    before = None if previous is None else json.loads(previous.files[MARKER])
    return build_pack(one, choice or Choice((), ()), "inputs", before, deadline, None, today)


def texts(one: Subject) -> dict[str, str]:
    """The files as text."""
    return {path: data.decode() for path, data in pack(one).files.items()}
