"""What packs take of the checked model: who gets rules, from which addresses, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.view import read_model
from ftps_exchange.packs import FORMATS, pack_service, render_rules
from ftps_exchange.packs.run import Settings, make_packs
from tests.unit.ftps_exchange.desired_state import Json, account, customer
from tests.unit.ftps_exchange.model_inputs import EXCHANGE


def model(*customers: Json, **exchange: Any) -> Json:
    """A checked model of a service with one share."""
    one = {**EXCHANGE, "shares": [{"name": "maps", "description": "Base maps"}], **exchange}
    return {"exchange": one, "customers": list(customers), "notes": []}


def packs(whole: Json, folder: Path, servers: tuple[str, ...] = ()) -> list[str]:
    """The customers who get packs."""
    return make_packs(whole, Settings(str(folder), servers=servers)).names("created")


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
    assert [one.language for one in read_model(model(ACME)).customers] == ["en"]
    assert [one.language for one in read_model(model(ACME, language="fr")).customers] == ["fr"]
    assert [one.language for one in read_model(model(dutch, language="fr")).customers] == ["nl"]


def test_a_service_is_read() -> None:
    service = pack_service(read_model(model()).exchange, ["10.77.10.11"])
    assert service.ports == ((21, 21), (990, 990), (50000, 50099))
    assert service.public(4) == "198.51.100.10"
    assert service.inside(4) == "10.77.10.11"
    assert service.inside(6) is None


def test_only_a_customer_who_asked_needs_the_port_of_implicit_tls() -> None:
    whole = read_model(model(ACME, {**ACME, "name": "globex", "implicit_tls": True}))
    service = pack_service(whole.exchange)
    ports = {one.name: service.met_by(one).implicit_port for one in whole.customers}
    assert ports == {"acme": None, "globex": 990}


def test_only_who_may_log_in_gets_a_pack(tmp_path: Path) -> None:
    whole = model(
        ACME,
        {**ACME, "name": "late", "accounts": [account("late-up", enabled=False)]},
        {**ACME, "name": "off", "state": "suspended"},
        {"name": "gone", "state": "absent"},
    )
    assert packs(whole, tmp_path) == ["acme"]


@pytest.mark.parametrize(
    ("sources", "exchange"),
    [
        ({"sources4": [], "sources6": ["2001:db8:100::20/128"]}, {"public_ip6": None}),
        ({"sources4": ["198.51.100.20/32"], "sources6": []}, {"public_ip4": None}),
        ({"sources4": [], "sources6": []}, {}),
    ],
)
def test_without_a_shared_address_family_there_is_no_pack(tmp_path: Path, sources: Json, exchange: Json) -> None:
    with pytest.raises(ExchangeError, match=r"customer acme: sources = .* shares no address family"):
        packs(model({**ACME, **sources}, **exchange), tmp_path)


@pytest.mark.parametrize("server", ["ftps1", "", "any", "0.0.0.0", "::1", "224.0.0.1"])  # noqa: S104 - refused
def test_a_server_that_is_no_address_is_told(tmp_path: Path, server: str) -> None:
    with pytest.raises(ExchangeError, match=f"servers = '{server}': is not an address"):
        packs(model(ACME), tmp_path, (server,))


def test_two_servers_cannot_stand_behind_a_static_translation(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match="second IPv4 address"):
        packs(model(ACME), tmp_path, ("10.77.10.11", "10.77.10.12"))


def test_an_unknown_format_is_refused() -> None:
    whole = read_model(model(ACME))
    with pytest.raises(ExchangeError, match="Use one of nftables"):
        render_rules("checkpoint", pack_service(whole.exchange), whole.customers[0])


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_renders(name: str) -> None:
    whole = read_model(model(ACME))
    files = render_rules(name, pack_service(whole.exchange), whole.customers[0])
    assert files
    assert all(text for text in files.values())
