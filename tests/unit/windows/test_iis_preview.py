"""The preview and the module agree: what a host's file says after the module ran is what the control node foretold."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ftps_exchange.errors import ExchangeError
from ftps_exchange.iis.render import exchange_iis_application_host
from ftps_exchange.iis.settings import exchange_iis_settings
from tests.unit.ftps_exchange.desired_state import Json, account, customer, model, models
from tests.unit.ftps_exchange.test_iis_settings import windows
from tests.windows.iis import CERTIFICATE, Iis

BASE = resources.files("ftps_exchange.iis").joinpath("base.config").read_text("utf-8")

ACME = customer("acme", sources4=["198.51.100.20/32", "203.0.113.0/24"], accounts=[account("acme-up", "write")])
GLOBEX = customer(
    "globex", sources4=["198.51.100.30/32"], accounts=[account("globex-up", "write"), account("globex-r", "read")]
)


def said(text: str) -> list[Any]:
    """A file as data: blanks aside, and whatever the order of attributes and of locations."""

    def read(tag: ElementTree.Element) -> Any:
        return tag.tag, sorted(tag.attrib.items()), (tag.text or "").strip(), [read(child) for child in tag]

    # It was written here
    root = ElementTree.fromstring(text.encode())  # noqa: S314
    parts = [read(child) for child in root]
    return [part for part in parts if part[0] != "location"] + sorted(part for part in parts if part[0] == "location")


def agree(iis: Iis, wanted: Json) -> None:
    foretold = exchange_iis_application_host(wanted, iis.text, CERTIFICATE)
    answer = iis.apply(wanted)
    assert "failed" not in answer, answer["msg"]
    assert said(iis.text) == said(foretold)
    again = iis.apply(wanted)
    assert (again["changed"], again["diff"]) == (False, {"before": "", "after": ""})


def listed(whole: Json, **exchange: Any) -> Json:
    return dict(exchange_iis_settings(windows(whole, **exchange)))


@pytest.mark.parametrize("implicit", [990, None])
def test_a_fresh_host_becomes_what_was_foretold(make_iis: Callable[..., Iis], implicit: int | None) -> None:
    iis = make_iis(BASE)
    agree(iis, listed(model(ACME, GLOBEX), implicit_port=implicit))
    assert said(iis.text) == said(
        exchange_iis_application_host(listed(model(ACME, GLOBEX), implicit_port=implicit), thumbprint=CERTIFICATE)
    )


def test_so_does_a_host_where_customers_and_a_site_go(make_iis: Callable[..., Iis]) -> None:
    iis = make_iis(BASE)
    agree(iis, listed(model(ACME, GLOBEX)))
    agree(iis, listed(model(GLOBEX)))
    agree(iis, listed(model(GLOBEX), implicit_port=None))
    agree(iis, listed(model(ACME, GLOBEX)))


def test_the_text_that_the_role_sends_is_the_same_list(make_iis: Callable[..., Iis]) -> None:
    iis = make_iis(BASE)
    wanted = listed(model(ACME))
    agree(iis, wanted)
    assert iis.apply(json.dumps(wanted, separators=(",", ":")))["changed"] is False


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=models(), second=models(), implicit=st.booleans())
def test_any_models(make_iis: Callable[..., Iis], first: Json, second: Json, implicit: bool) -> None:
    lists: list[Json] = []
    try:
        lists += [listed(first), listed(second, implicit_port=990 if implicit else None)]
    except ExchangeError:
        # Not every model of the other tests is one that IIS can serve
        assume(False)
    iis = make_iis(BASE)
    for wanted in lists:
        agree(iis, wanted)
