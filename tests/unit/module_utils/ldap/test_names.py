"""Names in a directory: which are the same, what lies in what, what is escaped."""

from __future__ import annotations

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import (
    escape_filter,
    is_below,
    normalise_dn,
    parent_dn,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=a,DC=x", "cn=A, dc=X"),
        ("CN = a , DC=x", "CN=a,DC=x"),
        (r"CN=a\, b,DC=x", r"CN=a\2c b,DC=x"),
        (r"CN=a\+b,DC=x", "CN=a+b,DC=x"),
        (r"CN=M\C3\BCller,DC=x", "CN=Müller,DC=x"),
        (r"CN=a\ ,DC=x", r"CN=a\20,DC=x"),
    ],
)
def test_names_that_are_the_same(one: str, other: str) -> None:
    assert normalise_dn(one) == normalise_dn(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"CN=a\,DC=x", "CN=a,DC=x"),
        ("CN=a b,DC=x", "CN=ab,DC=x"),
        (r"CN=a\\,DC=x", "CN=a,DC=x"),
        (r"CN=a\ ,DC=x", "CN=a,DC=x"),
    ],
)
def test_names_that_are_not_the_same(one: str, other: str) -> None:
    assert normalise_dn(one) != normalise_dn(other)


@given(st.text(min_size=1, max_size=12).filter(lambda text: text.strip() == text and "\0" not in text))
def test_an_escaped_name_is_found_again_whatever_is_in_it(value: str) -> None:
    hexadecimal = "".join(f"\\{byte:02x}" for byte in value.encode())
    short = "".join(f"\\{char}" if char in ',+"\\<>;=#' else char for char in value)
    assert normalise_dn(f"CN={hexadecimal},DC=x") == normalise_dn(f"CN={short},DC=x")
    assert is_below(f"CN={short},OU=a,DC=x", "ou=A, dc=X")


def test_an_ou_is_not_below_one_whose_name_ends_alike() -> None:
    assert not is_below("CN=a,OU=Not FTPS,DC=x", "OU=FTPS,DC=x")
    assert not is_below("OU=FTPS,DC=x", "OU=FTPS,DC=x")
    assert not is_below(r"CN=a\,OU=FTPS,DC=x", "OU=FTPS,DC=x")


def test_parent_of_a_name_with_a_comma_in_it() -> None:
    assert parent_dn(r"CN=a\, b,OU=c,DC=x") == "OU=c,DC=x"


def test_filter_values_are_escaped() -> None:
    assert escape_filter("a*(b)\\\0") == r"a\2a\28b\29\5c\00"
