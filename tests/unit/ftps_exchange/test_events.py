"""event_receivers: what the model accepts, what the role gets, and what the edge opens."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from ftps_exchange.events import exchange_event_flows, exchange_event_receivers
from ftps_exchange.iis.settings import exchange_iis_problems
from ftps_exchange.preflight import events_problems
from tests.unit.ftps_exchange.model_inputs import Inventory

WEBHOOK = {"url": "https://gis.example.com/hooks", "addresses": ["203.0.113.5", "2001:db8:113::5"]}
COMMAND = {"run": ["/usr/local/bin/import", "--fast"]}
MAIL = {
    "to": ["desk@example.com"],
    "sender": "ftps@example.com",
    "relay": "smtp.example.com",
    "addresses": ["203.0.113.6"],
}
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    inventory = Inventory(tmp_path)
    inventory.exchange["event_receivers"] = [{"name": "gis", "webhook": dict(WEBHOOK)}]
    return inventory


def receiver(inventory: Inventory) -> dict[str, Any]:
    found: dict[str, Any] = inventory.exchange["event_receivers"][0]
    return found


def test_a_receiver_gets_everything_unless_it_says_less(inventory: Inventory) -> None:
    (found,) = exchange_event_receivers(inventory.check())
    assert found == {
        "name": "gis",
        "kind": "webhook",
        "complete": "renamed",
        "quiet_seconds": 60,
        "temporary_names": ["*.part", "*.filepart", "*.tmp", ".in.*"],
        "customers": None,
        "accounts": None,
        "homes": True,
        "shares": None,
        "batch_files": 50,
        "batch_seconds": 5,
        "ca_file": None,
        **WEBHOOK,
    }


def test_a_receiver_with_a_choice(inventory: Inventory) -> None:
    choice = {"customers": ["acme"], "accounts": ["acme-up"], "homes": False, "shares": ["maps"]}
    receiver(inventory).update(choice)
    (found,) = exchange_event_receivers(inventory.check())
    assert {key: found[key] for key in choice} == choice


def test_the_edge_opens_the_addresses_and_the_port_of_each_receiver(inventory: Inventory) -> None:
    inventory.exchange["event_receivers"] += [
        {"name": "ports", "webhook": {"url": "https://x.example.com:8443/", "addresses": ["203.0.113.7"]}},
        {"name": "local", "webhook": {"url": "http://127.0.0.1:8080/", "addresses": ["127.0.0.1"]}},
        {"name": "mail", "mail": MAIL},
        {"name": "run", "command": COMMAND},
    ]
    assert exchange_event_flows(inventory.check()) == [
        {"purpose": "events for gis", "to": WEBHOOK["addresses"], "protocol": "tcp", "ports": ["443"]},
        {"purpose": "events for mail", "to": ["203.0.113.6"], "protocol": "tcp", "ports": ["587"]},
        {"purpose": "events for ports", "to": ["203.0.113.7"], "protocol": "tcp", "ports": ["8443"]},
    ]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"webhook": None}, "event_receivers[0] = None: has no way to be reached. Give exactly one of"),
        ({"command": COMMAND}, "has webhook and command. Give exactly one of"),
        ({"name": "GIS"}, "event_receivers[0].name = 'GIS': is not usable as a short id."),
        (
            {"customers": ["acmee"]},
            "customers[0] = 'acmee': is not a customer. Add its file, or correct it. Did you mean",
        ),
        ({"accounts": ["nobody-up"]}, "accounts[0] = 'nobody-up': is not a customer's account."),
        ({"shares": ["map"]}, "shares[0] = 'map': is not a share of the service. Declare it in exchange.shares"),
        ({"webhook": WEBHOOK | {"url": "http://gis.example.com/"}}, "sends the names of files without TLS."),
        ({"webhook": WEBHOOK | {"url": "https://u:p@gis.example.com/"}}, "has a user or a fragment."),
        ({"webhook": WEBHOOK | {"url": "ftp://gis.example.com/"}}, "is not a URL."),
        ({"webhook": WEBHOOK | {"url": "https://gis.example.com:99999/"}}, "is not a URL."),
        ({"webhook": WEBHOOK | {"url": "https://gis.example.com/a b"}}, "has a character that a URL does not have."),
        ({"webhook": WEBHOOK | {"addresses": ["gis.example.com"]}}, "is not an address. Write an address,"),
        ({"webhook": WEBHOOK | {"addresses": ["2001:DB8::1"]}}, "is not in its usual form. Write '2001:db8::1'."),
        ({"webhook": WEBHOOK | {"addresses": ["224.0.0.1"]}}, "is not the address of a host."),
        ({"webhook": WEBHOOK | {"addresses": []}}, "webhook.addresses = []"),
        (
            {"webhook": WEBHOOK | {"url": "https://203.0.113.9/"}},
            "does not contain 203.0.113.9, the address in the URL",
        ),
        ({"webhook": None, "command": {"run": ["import"]}}, "command.run[0] = 'import': is not an absolute path."),
        ({"webhook": None, "command": COMMAND | {"user": "root"}}, "user = 'root': is not an unprivileged account."),
        (
            {"webhook": None, "command": COMMAND | {"writes": ["/srv/a b"]}},
            "is not a path that systemd accepts as it is.",
        ),
        ({"webhook": None, "command": COMMAND | {"writes": ["/srv/../etc"]}}, "is not a path that systemd accepts"),
        ({"webhook": None, "mail": MAIL | {"to": ["desk"]}}, "is not an e-mail address."),
        (
            {"webhook": None, "mail": MAIL | {"security": "none", "username": "u"}},
            "would send the password of username in clear.",
        ),
        ({"quiet_seconds": 0}, "quiet_seconds = 0: is below 1."),
        ({"temporary_names": ["a/b"]}, "is not a pattern for a name."),
        ({"complete": "closed"}, "complete = 'closed': is not one of the choices."),
    ],
)
def test_values_that_are_refused(inventory: Inventory, given: dict[str, Any], problem: str) -> None:
    receiver(inventory).update(given)
    assert problem in inventory.only_problem()


def test_each_name_once(inventory: Inventory) -> None:
    inventory.exchange["event_receivers"] *= 2
    assert "is also the name of event_receivers[0]." in inventory.only_problem()


def test_a_promise_that_windows_would_not_keep_is_a_problem(inventory: Inventory) -> None:
    inventory.acme["sources"] = ["198.51.100.20/32"]
    told = exchange_iis_problems(inventory.check())
    assert any("event_receivers = 'gis': gets no events from servers with Windows" in one for one in told), told


def problems(secrets: dict[str, str], **given: Any) -> list[str]:
    role = {"name": "gis", "kind": "webhook", **WEBHOOK, **given}
    return events_problems({"events_receivers": [role], "events_secrets": secrets})


def test_a_secret_that_signs_is_needed_and_never_shown() -> None:
    assert problems({"gis": SECRET}) == []
    assert problems({"gis": f"{SECRET} {SECRET}"}) == []
    (missing,) = problems({})
    assert missing.startswith("events_secrets, gis: is missing, and this webhook needs it: put it into the vault")
    for secret in ("hunter2-hunter2-hunter2", "whsec_####", "whsec_aHVudGVyMg==", f"{SECRET} hunter2", SECRET[6:]):
        (wrong,) = problems({"gis": secret})
        assert "is not whsec_ and 24 to 64 bytes in base64" in wrong
        assert not any(word in wrong for word in secret.split())
    (unknown,) = problems({"gis": SECRET, "old": SECRET})
    assert unknown == "events_secrets has entries of no receiver: old: remove them"


def test_only_a_mail_with_an_account_needs_a_password() -> None:
    mail = {"kind": "mail", "port": 587, "security": "starttls", **MAIL}
    assert problems({}, **mail) == []
    assert problems({"gis": "password"}, **mail, username="ftps") == []
    (missing,) = problems({}, **mail, username="ftps")
    assert "this mail needs it" in missing
    assert problems({}, kind="command", run=["/x"], timeout_seconds=5) == []


def test_a_receiver_of_the_role_has_what_its_kind_needs() -> None:
    (missing,) = problems({"gis": SECRET}, url=None)
    assert missing == "events_receivers, gis: webhook without url: add it"
    (name,) = [one for one in problems({"../x": SECRET}, name="../x") if "valid name" in one]
    assert name.startswith("events_receivers: '../x' is not a valid name")
