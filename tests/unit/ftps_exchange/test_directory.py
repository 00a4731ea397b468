"""Groups, memberships, users: what the managed OU shall hold."""

from __future__ import annotations

import copy
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftps_exchange.directory import (
    FILETIME_PER_DAY,
    Directory,
    account_expires,
    common_name_dn,
    escape_rdn_value,
    exchange_directory,
    exchange_group_names,
    split_first_rdn,
)
from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.view import Model, read_model
from tests.unit.ftps_exchange.desired_state import (
    Json,
    account,
    assert_golden,
    customer,
    golden,
    model,
    models,
    reordered,
    without,
)


def members(directory: Directory) -> dict[str, list[str]]:
    return {group["name"]: group["members"] for group in directory["groups"]}


def test_the_lab() -> None:
    assert_golden("directory", exchange_directory(golden("model")))


def test_an_account_that_reads_reads_in_shares_too() -> None:
    acme = customer(
        "acme",
        accounts=[account("acme-up"), account("acme-read", "read")],
        shares=[{"name": "dropbox", "access": "write"}, {"name": "maps", "access": "read"}],
    )
    assert members(exchange_directory(model(acme))) == {
        "ftpsx-customers": ["acme-read", "acme-up"],
        "ftpsx-home-acme-read": ["acme-read"],
        "ftpsx-home-acme-write": ["acme-up"],
        "ftpsx-share-dropbox-read": ["acme-read"],
        "ftpsx-share-dropbox-write": ["acme-up"],
        "ftpsx-share-maps-read": ["acme-read", "acme-up"],
        "ftpsx-share-maps-write": [],
    }


def test_a_suspended_customer_keeps_memberships_and_loses_the_right_to_log_in() -> None:
    acme = customer("acme", shares=[{"name": "maps", "access": "read"}])
    before = exchange_directory(model(acme))
    after = exchange_directory(model({**acme, "state": "suspended"}))
    assert members(before) == members(after)
    assert [user["enabled"] for user in before["users"]] == [True]
    assert [user["enabled"] for user in after["users"]] == [False]


def test_an_absent_customer_is_known_and_nothing_more() -> None:
    directory = exchange_directory(model({"name": "hooli", "state": "absent"}))
    assert directory["known_customers"] == ["hooli"]
    assert directory["users"] == []
    assert members(directory)["ftpsx-customers"] == []
    assert not [name for name in members(directory) if "hooli" in name]


def test_a_share_that_nobody_declared_is_an_error() -> None:
    with pytest.raises(
        ExchangeError, match=r"customer acme: shares\.name = 'nonesuch': is a share .* exchange\.shares"
    ):
        exchange_directory(model(customer("acme", shares=[{"name": "nonesuch", "access": "read"}])))


@given(models(), st.integers())
def test_order_of_input_changes_nothing(whole: Json, seed: int) -> None:
    assert exchange_directory(reordered(whole, seed)) == exchange_directory(whole)


@given(models())
def test_the_input_is_left_as_it_was(whole: Json) -> None:
    before = copy.deepcopy(whole)
    exchange_directory(whole)
    assert whole == before


@given(models(), st.data())
def test_removing_a_customer_removes_its_objects_and_nothing_else(whole: Json, data: st.DataObject) -> None:
    if not whole["customers"]:
        return
    leaving = data.draw(st.sampled_from(whole["customers"]))
    accounts = {one["name"] for one in leaving.get("accounts", [])}
    before, after = exchange_directory(whole), exchange_directory(without(whole, leaving["name"]))
    assert after["users"] == [user for user in before["users"] if user["customer"] != leaving["name"]]
    homes = {f"ftpsx-home-{leaving['name']}-{access}" for access in ("read", "write")}
    assert members(after) == {
        name: [member for member in group if member not in accounts]
        for name, group in members(before).items()
        if name not in homes
    }


@given(models())
def test_an_account_is_in_at_most_one_group_of_a_pair(whole: Json) -> None:
    groups = members(exchange_directory(whole))
    for name in groups:
        if name.endswith("-read"):
            assert not set(groups[name]) & set(groups[name.removesuffix("read") + "write"])


@given(models())
def test_every_list_is_sorted_by_name(whole: Json) -> None:
    directory = exchange_directory(whole)
    assert all(group["members"] == sorted(group["members"]) for group in directory["groups"])
    assert [group["name"] for group in directory["groups"]] == sorted(members(directory))
    assert [user["name"] for user in directory["users"]] == sorted(user["name"] for user in directory["users"])


@given(models())
def test_group_names_are_those_of_the_groups(whole: Json) -> None:
    assert exchange_group_names(whole) == [group["name"] for group in exchange_directory(whole)["groups"]]


# -- accountExpires ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last_day", "filetime"),
    [
        (None, 0),
        ("1601-01-01", 864_000_000_000),  # the earliest: the second day of the era
        ("1969-12-31", 116_444_736_000_000_000),  # the start of Unix time, a number that everybody can look up
        ("2024-02-28", 133_536_384_000_000_000),  # 2024-02-29 exists
        ("2024-02-29", 133_537_248_000_000_000),
        ("2027-12-31", 134_747_712_000_000_000),
        ("9999-12-31", 2_650_467_744_000_000_000),  # the day after is no Python date
    ],
)
def test_the_first_moment_at_which_the_account_is_no_longer_valid(last_day: str | None, filetime: int) -> None:
    assert account_expires(last_day) == filetime
    assert filetime < 2**63 - 1


@given(st.dates(min_value=datetime(1601, 1, 1, tzinfo=UTC).date(), max_value=datetime(9999, 12, 30, tzinfo=UTC).date()))
def test_filetime_is_100_nanosecond_units_since_1601_in_utc(day: object) -> None:
    valid_until = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=account_expires(str(day)) // 10)
    assert valid_until - timedelta(days=1) == datetime.fromisoformat(f"{day}T00:00:00+00:00")
    assert account_expires(str(day)) % FILETIME_PER_DAY == 0


@pytest.mark.parametrize(
    "day", ["", "tomorrow", "2027-02-29", "1600-12-31", "0001-01-01", "20271231", "2027-W01-1", "10000-01-01"]
)
def test_a_day_that_the_directory_cannot_hold_never_means_never(day: str) -> None:
    whole = model(customer("acme", accounts=[account("acme-up", expires=day)]))
    with pytest.raises(ExchangeError, match=r"customer acme: accounts\.expires = .* YYYY-MM-DD"):
        exchange_directory(whole)


# -- distinguished names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("FTPS Exchange", "FTPS Exchange"),
        ("Sales, EMEA", "Sales\\, EMEA"),
        ('a"b+c;d<e>f\\g', 'a\\"b\\+c\\;d\\<e\\>f\\\\g'),
        ("#1", "\\#1"),
        (" both ", "\\ both\\ "),
        (" ", "\\ "),
        ("a=b", "a=b"),
        ("nul\0", "nul\\00"),
        ("Käse", "Käse"),
    ],
)
def test_escaping_follows_rfc_4514(value: str, escaped: str) -> None:
    assert escape_rdn_value(value) == escaped


@given(st.text(min_size=1))
def test_a_name_survives_its_distinguished_name(name: str) -> None:
    if len(name) <= 64:
        assert split_first_rdn(common_name_dn(name, "OU=x,DC=y")) == ("CN", name, "OU=x,DC=y")


def test_the_managed_ou_may_have_an_awkward_name_and_lie_deep() -> None:
    directory = exchange_directory(model(managed_ou="ou = Partners\\2c EMEA ,OU=IT,DC=corp,DC=example"))
    assert [ou["name"] for ou in directory["ous"]] == ["Partners, EMEA", "Accounts", "Groups"]


@pytest.mark.parametrize(
    "dn",
    ["", "corp.example", "OU=,DC=corp", "OU=a+CN=b,DC=corp", 'OU="a",DC=corp', "OU=a\\x,DC=corp", "CN=Users,DC=corp"],
)
def test_a_managed_ou_that_is_none_is_an_error(dn: str) -> None:
    with pytest.raises(ExchangeError, match="managed_ou"):
        exchange_directory(model(managed_ou=dn))


def with_prefix(prefix: str, whole: Model) -> Model:
    """A prefix that the check of the model refuses."""
    directory = dataclasses.replace(whole.exchange.directory, group_prefix=prefix)
    return dataclasses.replace(whole, exchange=dataclasses.replace(whole.exchange, directory=directory))


def test_a_prefix_that_makes_names_too_long_is_an_error() -> None:
    with pytest.raises(ExchangeError, match=r"64 characters .*group_prefix"):
        exchange_directory(with_prefix("p" * 30, read_model(model(customer("a" * 32)))))


# -- what did not come from the check of the model ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("whole", "complaint"),
    [
        (None, "exchange_model"),
        ([], "exchange_model"),
        ({}, "'exchange'"),
        ({"exchange": {"name": "lab"}, "customers": []}, "'directory'"),
        ({**model(), "customers": "acme"}, "customers = 'acme': is not a list"),
        (model({"name": "acme"}), "customer acme: state: is not one of present, suspended, absent"),
        (model(customer("Acme; drop")), r"customers\.name = 'Acme; drop': contains a character"),
        (model(customer("../etc")), r"customers\.name"),
        (model(customer("acme", accounts=[{"name": "a", "access": "all", "enabled": True}])), "access = 'all'"),
        (model(customer("acme", accounts=[{"name": "a", "access": "read", "enabled": "no"}])), "neither enabled nor"),
    ],
)
def test_a_model_that_was_not_checked_is_refused_with_where_and_what(whole: object, complaint: str) -> None:
    with pytest.raises(ExchangeError, match=complaint) as raised:
        exchange_directory(whole)
    assert "exchange_model" in str(raised.value)
    assert "\n" not in str(raised.value)
