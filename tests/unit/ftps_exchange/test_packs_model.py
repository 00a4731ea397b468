"""What packs read of the checked model: who gets rules, from which addresses, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from ftps_exchange.errors import ExchangeError
from ftps_exchange.packs import FORMATS, PackCustomer, PackService, read_packs, render_rules
from tests.unit.ftps_exchange.desired_state import Json, account, customer, golden, reordered


def model(*customers: Json, **exchange: Any) -> Json:
    """A checked model with all that packs read."""
    return {
        "exchange": {
            "name": "lab",
            "fqdn": "ftps.exchange.example",
            "public_ip4": "198.51.100.10",
            "public_ip6": "2001:db8:100::10",
            "explicit_port": 21,
            "implicit_port": 990,
            "passive_ports": [50000, 50099],
            "directory": {
                "domain": "corp.example",
                "managed_ou": "OU=FTPS Exchange,DC=corp,DC=example",
                "group_prefix": "ftpsx-",
            },
            "shares": [{"name": "maps", "description": "Base maps"}],
            **exchange,
        },
        "customers": list(customers),
        "notes": [],
    }


ACME = customer(
    "acme",
    sources4=["198.51.100.20/32"],
    sources6=["2001:db8:100::20/128"],
    inside_networks=["10.77.20.128/25", "10.77.20.0/25", "fd77:20::/64"],
    firewall="nftables",
    contact={"name": "Jo Doe", "email": "jo@acme.example", "phone": None},
    shares=[{"name": "maps", "access": "read"}],
)


def test_a_customer_s_language_comes_before_that_of_the_service() -> None:
    dutch = {**ACME, "language": "nl"}
    assert [one.language for one in read_packs(model(ACME)).customers] == ["en"]
    assert [one.language for one in read_packs(model(ACME, language="fr")).customers] == ["fr"]
    assert [one.language for one in read_packs(model(dutch, language="fr")).customers] == ["nl"]


def test_a_customer_is_read() -> None:
    packs = read_packs(model(ACME), ["10.77.10.11"])
    assert packs.service.ports == ((21, 21), (990, 990), (50000, 50099))
    assert packs.service.inside(4) == "10.77.10.11"
    assert packs.service.inside(6) is None
    (acme,) = packs.customers
    assert acme.clients(4) == ("10.77.20.0/24",)
    assert acme.clients(6) == ("fd77:20::/64",)
    assert acme.sources(4) == ("198.51.100.20/32",)
    assert acme.shares[0].description == "Base maps"
    assert acme.contact.email == "jo@acme.example"


@pytest.mark.parametrize("use", ["shared", "firewall", "dedicated"])
def test_what_else_uses_the_public_address_is_read(use: str) -> None:
    whole = model(ACME)
    whole["exchange"]["public_address_use"] = use
    assert read_packs(whole).service.public_address_use == use
    # A model that was checked before there was such a key
    del whole["exchange"]["public_address_use"]
    assert read_packs(whole).service.public_address_use == "shared"


def test_only_a_customer_who_asked_needs_the_port_of_implicit_tls() -> None:
    packs = read_packs(model(ACME, {**ACME, "name": "globex", "implicit_tls": True}))
    ports = {one.name: packs.service.met_by(one).implicit_port for one in packs.customers}
    assert ports == {"acme": None, "globex": 990}


def test_the_lab_is_read() -> None:
    whole = golden("model")
    assert [one.name for one in read_packs(whole).customers] == [
        one["name"] for one in whole["customers"] if one["state"] == "present"
    ]


def test_only_who_may_log_in_gets_rules() -> None:
    whole = model(
        ACME,
        {**ACME, "name": "late", "accounts": [account("late-up", enabled=False)]},
        {**ACME, "name": "off", "state": "suspended"},
        {"name": "gone", "state": "absent"},
    )
    assert [one.name for one in read_packs(whole).customers] == ["acme"]


def test_order_changes_nothing() -> None:
    whole = model(ACME, {**ACME, "name": "globex", "accounts": [account("globex-up")]})
    mixed = {**whole, "customers": reordered(whole, 7)["customers"]}
    assert mixed != whole
    assert read_packs(mixed) == read_packs(whole)


@pytest.mark.parametrize(
    ("sources", "exchange"),
    [
        ({"sources4": [], "sources6": ["2001:db8:100::20/128"]}, {"public_ip6": None}),
        ({"sources4": ["198.51.100.20/32"], "sources6": []}, {"public_ip4": None}),
        ({"sources4": [], "sources6": []}, {}),
    ],
)
def test_without_a_shared_address_family_there_is_no_pack(sources: Json, exchange: Json) -> None:
    with pytest.raises(ExchangeError, match=r"customer acme: sources = .* shares no address family"):
        read_packs(model({**ACME, **sources}, **exchange))


@pytest.mark.parametrize("network", ["0.0.0.0/0", "198.51.0.0/15", "::/0", "any", "", "198.51.100.1/24"])
def test_a_wide_or_broken_network_is_refused(network: str) -> None:
    with pytest.raises(ExchangeError, match="sources4"):
        PackCustomer("acme", sources4=(network,))


@pytest.mark.parametrize("name", ["", "a b", 'a"; permit any', "a\nb", "acme-", "../x", "$(id)", "AcMe"])
def test_a_name_outside_the_alphabet_is_refused(name: str) -> None:
    with pytest.raises(ExchangeError, match="name"):
        PackCustomer(name, sources4=("198.51.100.20/32",))


@pytest.mark.parametrize(
    "change",
    [
        {"public4": None, "public6": None},
        {"public4": "0.0.0.0"},  # noqa: S104 - it must be refused
        {"public4": "198.51.100.10/24"},
        {"public6": "2001:DB8::1"},
        {"inside4": "any"},
        {"explicit_port": 0},
        {"passive": (50099, 50000)},
        {"fqdn": "a b"},
        {"name": "lab;"},
    ],
)
def test_an_unsound_service_is_refused(change: dict[str, Any]) -> None:
    sound: dict[str, Any] = {
        "name": "lab",
        "fqdn": "ftps.exchange.example",
        "public4": "198.51.100.10",
        "public6": None,
        "explicit_port": 21,
        "implicit_port": None,
        "passive": (50000, 50099),
    }
    PackService(**sound)
    with pytest.raises(ExchangeError):
        PackService(**{**sound, **change})


@pytest.mark.parametrize("key", ["fqdn", "passive_ports", "explicit_port"])
def test_a_model_that_is_not_whole_is_told(key: str) -> None:
    whole = model(ACME)
    del whole["exchange"][key]
    with pytest.raises(ExchangeError, match=f"exchange: is not whole .*{key}"):
        read_packs(whole)


def test_a_server_that_is_no_address_is_told() -> None:
    with pytest.raises(ExchangeError, match="servers = 'ftps1': is no address"):
        read_packs(model(ACME), ["ftps1"])


def test_an_inside_network_that_is_none_is_told() -> None:
    with pytest.raises(ExchangeError, match="customer acme: inside_networks: has host bits set"):
        read_packs(model({**ACME, "inside_networks": ["10.77.20.1/24"]}))


def test_two_servers_cannot_stand_behind_a_static_translation() -> None:
    with pytest.raises(ExchangeError, match="second IPv4 address"):
        read_packs(model(ACME), ["10.77.10.11", "10.77.10.12"])


def test_an_unknown_format_is_refused() -> None:
    packs = read_packs(model(ACME))
    with pytest.raises(ExchangeError, match="Use one of nftables"):
        render_rules("checkpoint", packs.service, packs.customers[0])


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_renders(name: str) -> None:
    packs = read_packs(model(ACME))
    files = render_rules(name, packs.service, packs.customers[0])
    assert files
    assert all(text for text in files.values())
