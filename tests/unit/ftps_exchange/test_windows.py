"""Texts for Windows: a firewall rule's addresses, a certificate's thumbprint."""

from __future__ import annotations

import json
from ipaddress import IPv4Network, collapse_addresses, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftps_exchange.errors import ExchangeError
from ftps_exchange.windows import exchange_firewall_addresses, exchange_thumbprint

THUMBPRINT = "A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4"


def sets(*networks: str) -> dict[str, list[dict[str, str]]]:
    """The networks as those of customers."""
    elements = [{"element": network, "comment": "acme"} for network in networks]
    return {
        "customers4": [one for one in elements if ":" not in one["element"]],
        "customers6": [one for one in elements if ":" in one["element"]],
    }


def test_networks_are_joined_and_sorted_with_ipv4_first() -> None:
    networks = [
        "2001:db8:7::/48",
        "198.51.100.128/25",
        "192.0.2.7",
        "198.51.100.0/25",
        "2001:db8:7:1::/64",
        "192.0.2.7/32",
    ]
    wanted = "192.0.2.7,198.51.100.0/24,2001:db8:7::/48"
    assert exchange_firewall_addresses(sets(*networks)) == wanted
    assert exchange_firewall_addresses(json.dumps(sets(*networks[:3])), networks[3:]) == wanted


@given(
    st.lists(
        st.builds(
            lambda number, length: IPv4Network((number >> (32 - length) << (32 - length), length)),
            st.integers(0, 2**32 - 1),
            st.integers(6, 32),
        ),
        min_size=1,
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_the_list_says_what_was_given_in_any_order(networks: list[IPv4Network], shuffled: object) -> None:
    texts = [str(network) for network in networks]
    found = exchange_firewall_addresses(sets(*texts))
    shuffled.shuffle(texts)  # type: ignore[attr-defined]
    assert exchange_firewall_addresses(sets(*texts)) == found
    assert exchange_firewall_addresses(sets(), texts) == found
    assert [ip_network(text) for text in found.split(",")] == list(collapse_addresses(networks))


def test_where_nobody_may_come_in_there_is_no_address() -> None:
    assert exchange_firewall_addresses(sets()) == ""


@pytest.mark.parametrize(
    ("networks", "told"),
    [
        (["0.0.0.0/0"], "is everybody"),
        (["::/0", "192.0.2.1"], "is everybody"),
        (["0.0.0.0/1", "128.0.0.0/1"], "is everybody"),
        (["any"], "is no network"),
        (["192.0.2.1/24"], "has host bits set"),
        ([""], "is no network"),
    ],
)
def test_what_would_let_in_somebody_else_is_refused(networks: list[str], told: str) -> None:
    with pytest.raises(ExchangeError, match=told):
        exchange_firewall_addresses(sets(*networks))
    with pytest.raises(ExchangeError, match=told):
        exchange_firewall_addresses(sets(), networks)


@pytest.mark.parametrize("given", [None, 24, [], {}, "[]", {"customers4": []}, {"customers4": [1], "customers6": []}])
def test_what_holds_no_sets_is_refused(given: object) -> None:
    with pytest.raises(ExchangeError, match="has no customers4 and customers6"):
        exchange_firewall_addresses(given)


@pytest.mark.parametrize(
    "copied",
    [
        THUMBPRINT,
        THUMBPRINT.lower(),
        "\u200ea1 b2 c3 d4 e5 f6 07 18 29 3a 4b 5c 6d 7e 8f 90 a1 b2 c3 d4",
        "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4\r\n",
        ":".join(THUMBPRINT[at : at + 2] for at in range(0, 40, 2)),
        f"\ufeff\u202a{THUMBPRINT}\u202c\u00a0\u2009",
    ],
)
def test_a_copied_thumbprint_becomes_forty_digits(copied: str) -> None:
    assert exchange_thumbprint(copied) == THUMBPRINT


@pytest.mark.parametrize(
    "copied", ["", THUMBPRINT[:-1], THUMBPRINT + "0", "G" + THUMBPRINT[1:], "0" * 64, None, "\u0661" + THUMBPRINT[1:]]
)
def test_what_is_no_thumbprint_is_refused(copied: object) -> None:
    with pytest.raises(ExchangeError, match="is no thumbprint of 40 hexadecimal digits"):
        exchange_thumbprint(copied)
