"""lab.json: what tools outside read."""

from __future__ import annotations

from typing import Any

import pytest

from ftps_exchange.model.view import read_model
from ftps_exchange.verify import lab
from tests.unit.ftps_exchange.desired_state import account, customer, model

ACME = customer(
    "acme",
    accounts=[account("acme-read", "read"), account("acme-old", enabled=False), account("acme-up")],
    shares=[{"name": "maps", "access": "read"}],
)
MODEL: dict[str, Any] = model(
    ACME,
    {"name": "hooli", "state": "absent"},
    customer("initech", state="suspended", accounts=[account("initech-up", enabled=False)]),
    customer("umbrella"),
)
MODEL["exchange"] |= {"public_ip6": None, "tls_maximum_version": "1.3"}
PASSWORDS = {"acme-read": "one", "acme-up": "two"}


def test_description() -> None:
    found, left_out = lab.describe_lab(read_model(MODEL), PASSWORDS, {"acme": "lab-acme"}, {"ca_file": "/ca.pem"})
    assert found == {
        "fqdn": "ftps.exchange.example",
        "public_ip": "198.51.100.10",
        "public_ip6": None,
        "explicit_port": 21,
        "implicit_port": 990,
        "passive_ports": [50000, 50099],
        "tls_minimum_version": "1.2",
        "tls_maximum_version": "1.3",
        "quotas": [],
        "ca_file": "/ca.pem",
        "customers": [
            {
                "name": "acme",
                "container": "lab-acme",
                "accounts": [
                    {"name": "acme-up", "password": "two", "home": "/", "access": "write"},
                    {"name": "acme-read", "password": "one", "home": "/", "access": "read"},
                ],
                "shares": [{"path": "/shared/maps", "access": "read"}],
            }
        ],
    }
    assert left_out == ["umbrella"]


def test_a_missing_password_names_the_account_and_the_remedy() -> None:
    with pytest.raises(lab.DescriptionError, match=r"of acme-up\. .*rotate_password\.yml -e account=acme-up"):
        lab.describe_lab(read_model(MODEL), {"acme-read": "one"}, {"acme": "lab-acme"}, {})


def handover(**passwords: str) -> str:
    lines = [f'  "{name}": {{"customer": "acme", "password": "{word}"}}\n' for name, word in passwords.items()]
    return "---\nexchange: lab\naccounts:\n" + "".join(lines)


def test_the_newest_hand_over_file_counts_also_within_a_second() -> None:
    files = [
        ("2026-01-02T000000Z-02.yml", handover(a="third")),
        ("2026-01-02T000000Z.yml", handover(a="second", b="second")),
        ("2026-01-01T000000Z.yml", handover(a="first", b="first", c="first")),
    ]
    assert lab.read_passwords(files) == {"a": "third", "b": "second", "c": "first"}


@pytest.mark.parametrize("text", ["accounts: [", "- a\n", "accounts:\n  a: {}\n", ""])
def test_a_broken_hand_over_file_is_named_without_what_is_in_it(text: str) -> None:
    with pytest.raises(lab.DescriptionError, match=r"hand-over file x\.yml cannot be read"):
        lab.read_passwords([("x.yml", text)])


def test_an_encrypted_hand_over_file_is_named() -> None:
    with pytest.raises(lab.DescriptionError, match=r"x\.yml is encrypted"):
        lab.read_passwords([("x.yml", "$ANSIBLE_VAULT;1.2;AES256;lab\n00")])
