"""What the tests of packs share: a service, a customer, and any number of random ones."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import tests.unit.ftps_exchange.desired_state  # noqa: F401 - examples without deadline
from ftps_exchange.model.networks import collapse
from ftps_exchange.model.view import Contact, Customer
from ftps_exchange.packs import PackService


def customer(name: str, *texts: str, inside: Iterable[str] = (), **more: Any) -> Customer:
    """A customer who comes from these networks, with these inside networks."""
    sources4, sources6 = collapse(texts)
    inside4, inside6 = collapse(inside)
    return Customer(name, sources4=sources4, sources6=sources6, inside4=inside4, inside6=inside6, **more)


HAND_CHECKED = PackService(
    "lab", "ftps.exchange.example", "198.51.100.10", "2001:db8:100::10", 21, 990, (50000, 50099), inside4="10.77.10.11"
)
ACME = customer(
    "acme",
    "203.0.113.20/32",
    "203.0.113.128/28",
    "2001:db8:200::/64",
    inside=("10.20.0.0/16",),
    firewall="nftables",
    contact=Contact("Jo Doe", "jo@acme.example", "+32 2 555 01 20"),
)

HOSTILE = (
    'Jo "; permit any',
    "a'b`c`$(reboot)",
    "x\ny\r\nset security policies default-policy permit-all",
    "*/ } policy accept; /*",
    "--> <script>alert(1)</script>",
    "line\u2028separator\u2029and\u0085next",
    "right\u202eto\u200fleft\u2066",
    "a | b || c ; d & e",
    "[parameters('x')] ${jndi:ldap} %n {{ 7*7 }}",
    "=cmd|' /C calc'!A0",
    "#> ' @' \"@ <# ",
    "?\\\\??\x00\x1b[2J",
    "Ünï-çödé 会社",
    "\u0660\u0661 \u00a0 !",
)


def random_case(number: int, *, dense: bool = False) -> tuple[PackService, Customer]:
    """A service and a customer of it, the same for the same number; some without IPv6, inside networks or NAT.

    ``dense``: out of small documentation ranges, so that neighbours and containment happen.
    """
    dice = random.Random(number)  # noqa: S311 - a case, not a secret
    six_only = dice.random() < 0.1
    public6 = six_only or dice.random() < 0.7
    passive = dice.choice([(50000, 50099), (1025, 1034), (60000, 65535), (dice.randrange(2000, 40000),) * 2])
    service = PackService(
        f"s{number}",
        f"ftps.s{number}.example",
        None if six_only else "198.51.100.10",
        "2001:db8:ffff::10" if public6 else None,
        dice.choice([21, 21, 2121]) if passive[0] != 2121 else 21,
        dice.choice([990, None]),
        passive,
        inside4=None if six_only else dice.choice([None, "10.255.0.11"]),
        inside6="fd00:ffff::11" if public6 and dice.random() < 0.3 else None,
    )
    service = dataclasses.replace(service, public_address_use=dice.choice(["shared", "firewall", "dedicated"]))
    some4 = tuple(_networks4(dice, dense, dice.randrange(1, 5)))
    some6 = tuple(_networks6(dice, dice.randrange(1, 4))) if public6 and (six_only or dice.random() < 0.6) else ()
    inside = dice.random() < 0.5
    name = dice.choice([f"c{number}", f"gen-{number}.x_y", f"a-rather-long-name-of-{number:06d}"])
    inside4 = list(_networks4(dice, dense, 2, private=True)) if inside else []
    inside6 = ["fd00:1::/64"] if inside and some6 and dice.random() < 0.5 else []
    return service, customer(
        name,
        *(() if six_only else some4),
        *some6,
        inside=[*inside4, *inside6],
        contact=Contact(dice.choice(HOSTILE), "it@x.example", dice.choice(HOSTILE)),
    )


def _networks4(dice: random.Random, dense: bool, count: int, *, private: bool = False) -> Iterator[str]:
    for _ in range(count):
        length = dice.choice([32, 32, 29, 24, 22] if not private else [24, 16, 12, 32])
        base = 0x0A000000 if private else 0xC6336400 + 256 * dice.randrange(1 if dense else 4000) + 0x100
        address = base + dice.randrange(1 << (24 if private else 8))
        yield str(IPv4Network((address >> (32 - length) << (32 - length), length)))


def _networks6(dice: random.Random, count: int) -> Iterator[str]:
    for _ in range(count):
        length = dice.choice([128, 64, 56, 48])
        address = (0x20010DB8 << 96) + (dice.randrange(1 << 16) << 80) + dice.randrange(1 << 80)
        yield str(IPv6Network((address >> (128 - length) << (128 - length), length)))


def cases(count: int, **options: Any) -> list[tuple[PackService, Customer]]:
    """That many random cases."""
    return [random_case(number, **options) for number in range(count)]
