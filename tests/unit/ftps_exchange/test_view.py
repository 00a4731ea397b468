"""The one view of the checked model: it is whole, in order and frozen, and refuses what no check has let through."""

from __future__ import annotations

import dataclasses
import json
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import pytest

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model import exchange as schema
from ftps_exchange.model import view
from ftps_exchange.model.view import read_model
from tests.unit.ftps_exchange.desired_state import Json, account, customer, golden, model, reordered
from tests.unit.ftps_exchange.model_inputs import Inventory

ACME = customer(
    "acme",
    sources4=["198.51.100.20/32"],
    sources6=["2001:db8:100::20/128"],
    inside_networks=["10.77.20.128/25", "10.77.20.0/25", "fd77:20::/64"],
    firewall="nftables",
    contact={"name": "Jo Doe", "email": "jo@acme.example", "phone": None},
    shares=[{"name": "maps", "access": "read"}],
)


def exchange(**changes: Any) -> Json:
    """A model whose service differs in these keys."""
    whole = model(ACME)
    whole["exchange"] = {**whole["exchange"], **changes}
    return whole


def names(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def test_it_has_every_key_that_the_check_gives(tmp_path: Path) -> None:
    checked = Inventory(tmp_path).check()
    assert names(view.Exchange) == set(checked["exchange"]) == set(schema.Exchange.model_fields)
    assert names(view.Directory) == set(checked["exchange"]["directory"])
    assert names(view.Share) == set(checked["exchange"]["shares"][0])
    (acme, *_others) = checked["customers"]
    assert names(view.Customer) - {"inside4", "inside6"} == set(acme) - {"inside_networks"}
    assert names(view.Contact) == set(acme["contact"])
    assert names(view.Account) == set(acme["accounts"][0])
    assert names(view.Grant) - {"description"} == set(acme["shares"][0])


def test_a_customer_is_read() -> None:
    (acme,) = read_model(model(ACME)).customers
    assert acme.clients(4) == (IPv4Network("10.77.20.0/24"),)
    assert acme.clients(6) == (IPv6Network("fd77:20::/64"),)
    assert acme.sources(4) == (IPv4Network("198.51.100.20/32"),)
    assert acme.contact == view.Contact("Jo Doe", "jo@acme.example")
    assert acme.shares == (view.Grant("maps", "read", "about maps"),)
    assert acme.shares[0].path == "/shared/maps"
    assert acme.clients(4) != acme.sources(4)
    assert read_model(model(customer("b", sources4=["198.51.100.20/32"]))).customers[0].clients(4) == acme.sources(4)


def test_text_dictionary_and_view_are_the_same() -> None:
    whole = golden("model")
    found = read_model(whole)
    assert read_model(json.dumps(whole)) == found
    assert read_model(found) is found
    assert found.exchange.public_ip4 == IPv4Address("198.51.100.10")


def test_order_changes_nothing() -> None:
    whole = model(ACME, {**ACME, "name": "globex", "accounts": [account("globex-up"), account("globex-read")]})
    mixed = {**whole, "customers": reordered(whole, 7)["customers"]}
    assert mixed != whole
    assert read_model(mixed) == read_model(whole)


def test_nothing_can_be_changed() -> None:
    found = read_model(model(ACME))
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.customers[0].name = "globex"  # type: ignore[misc]
    hash(found)


def test_who_is_admitted() -> None:
    whole = model(
        ACME,
        {**ACME, "name": "late", "accounts": [account("late-up", enabled=False)]},
        {**ACME, "name": "off", "state": "suspended"},
        {"name": "gone", "state": "absent"},
    )
    assert [one.name for one in read_model(whole).admitted] == ["acme"]
    assert [one.name for one in read_model(whole).kept] == ["acme", "late", "off"]


@pytest.mark.parametrize("network", ["0.0.0.0/0", "198.51.0.0/15", "::/0", "any", "", "198.51.100.1/24"])
@pytest.mark.parametrize("key", ["sources4", "sources6"])
def test_a_wide_or_broken_network_is_refused(key: str, network: str) -> None:
    with pytest.raises(ExchangeError, match=f"customer acme: {key} = .* is not an IPv{key[-1]} network of /"):
        read_model(model({**ACME, key: [network]}))


@pytest.mark.parametrize(
    ("network", "problem"), [("10.77.20.1/24", "has host bits set"), ("10.0.0.0/7", "too wide"), ("::/0", "too wide")]
)
def test_an_inside_network_that_is_none_is_refused(network: str, problem: str) -> None:
    with pytest.raises(ExchangeError, match=f"customer acme: inside_networks.*{problem}"):
        read_model(model({**ACME, "inside_networks": [network]}))


@pytest.mark.parametrize("name", ["", "a b", 'a"; permit any', "a\nb", "acme-", "../x", "a..b", "$(id)", "AcMe"])
def test_a_name_outside_the_alphabet_is_refused(name: str) -> None:
    for broken in (
        {**ACME, "name": name},
        {**ACME, "accounts": [account(name)]},
        {**ACME, "shares": [{"name": name, "access": "read"}]},
    ):
        with pytest.raises(ExchangeError, match="name"):
            read_model(model(broken))
    with pytest.raises(ExchangeError, match="name"):
        read_model(model(shares=(name,)))


def test_a_share_that_nobody_declared_is_refused() -> None:
    with pytest.raises(ExchangeError, match=r"customer acme: shares.name = 'plans': is a share .* Declare the share"):
        read_model(model({**ACME, "shares": [{"name": "plans", "access": "read"}]}))


@pytest.mark.parametrize(
    "change",
    [
        {"public_ip4": "0.0.0.0"},  # noqa: S104 - it must be refused
        {"public_ip4": "198.51.100.10/24"},
        {"public_ip6": "2001:DB8::1"},
        {"explicit_port": 0},
        {"explicit_port": 65536},
        {"implicit_port": True},
        {"passive_ports": [50099, 50000]},
        {"passive_ports": [1024, 2000]},
        {"public_address_use": "mine"},
        {"fqdn": "a b"},
        {"name": "lab;"},
        {"max_sessions": "50"},
    ],
)
def test_an_unsound_service_is_refused(change: Json) -> None:
    (key,) = change
    with pytest.raises(ExchangeError, match=f"exchange.{key}"):
        read_model(exchange(**change))


@pytest.mark.parametrize("key", ["fqdn", "passive_ports", "explicit_port", "directory", "removal_limit_percent"])
def test_a_model_that_is_not_whole_is_refused(key: str) -> None:
    whole = exchange()
    del whole["exchange"][key]
    with pytest.raises(ExchangeError, match=rf"exchange.*{key}.*Pass what the module exchange_model returned"):
        read_model(whole)


@pytest.mark.parametrize("whole", [None, [], "[]", {}, {"exchange": {}}, {"exchange": 5, "customers": []}])
def test_what_is_no_model_is_refused(whole: object) -> None:
    with pytest.raises(ExchangeError, match="Pass what the module exchange_model returned, unchanged"):
        read_model(whole)
