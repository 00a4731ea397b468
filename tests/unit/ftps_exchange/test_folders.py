"""Folders and their access control lists."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftps_exchange.directory import exchange_group_names
from ftps_exchange.errors import ExchangeError
from ftps_exchange.folders import PREDICTED_DOMAIN_SID, exchange_folders, exchange_predicted_sids
from ftps_exchange.sddl import is_sid, parse
from tests.unit.ftps_exchange.desired_state import (
    Json,
    assert_golden,
    customer,
    golden,
    model,
    models,
    reordered,
    without,
)

SYSTEM = ("A", "OICI", 0x1F01FF, "S-1-5-18")
ADMINISTRATORS = ("A", "OICI", 0x1F01FF, "S-1-5-32-544")


def sids_of(whole: Json) -> dict[str, str]:
    return exchange_predicted_sids(exchange_group_names(whole))


@pytest.mark.parametrize("platform", ["posix", "windows"])
def test_the_lab(platform: str) -> None:
    assert_golden(f"folders_{platform}", exchange_folders(golden("model"), golden("sids"), platform))


def test_posix_is_the_platform_that_need_not_be_named() -> None:
    assert exchange_folders(golden("model"), golden("sids")) == golden("folders_posix")


def test_entries_of_every_kind_of_folder() -> None:
    whole = model(customer("acme"), shares=("maps",))
    sids = {
        name: f"S-1-5-21-1-2-3-{number}"
        for name, number in {
            "ftpsx-customers": 1,
            "ftpsx-home-acme-write": 2,
            "ftpsx-home-acme-read": 3,
            "ftpsx-share-maps-write": 4,
            "ftpsx-share-maps-read": 5,
        }.items()
    }
    walk_through = [("A", "", 0x1200A0, "S-1-5-21-1-2-3-1")]
    folders = {folder["path"]: list(parse(folder["sddl"]).aces) for folder in exchange_folders(whole, sids)}
    assert folders == {
        "": walk_through,
        "homes": walk_through,
        "homes/acme": [
            ("A", "", 0x1201BF, "S-1-5-21-1-2-3-2"),
            ("A", "OICIIO", 0x1301BF, "S-1-5-21-1-2-3-2"),
            ("A", "OICI", 0x1200A9, "S-1-5-21-1-2-3-3"),
        ],
        "homes/acme/shared": [("A", "", 0x1200A9, "S-1-5-21-1-2-3-2"), ("A", "", 0x1200A9, "S-1-5-21-1-2-3-3")],
        "shares": walk_through,
        "shares/maps": [
            ("A", "", 0x1201BF, "S-1-5-21-1-2-3-4"),
            ("A", "OICIIO", 0x1301BF, "S-1-5-21-1-2-3-4"),
            ("A", "OICI", 0x1200A9, "S-1-5-21-1-2-3-5"),
        ],
    }


@given(models())
def test_windows_is_posix_behind_full_control_for_the_administration(whole: Json) -> None:
    sids = sids_of(whole)
    on_posix, on_windows = exchange_folders(whole, sids), exchange_folders(whole, sids, "windows")
    assert [folder["path"] for folder in on_posix] == [folder["path"] for folder in on_windows]
    for posix, windows in zip(on_posix, on_windows, strict=True):
        assert parse(windows["sddl"]).aces == (SYSTEM, ADMINISTRATORS, *parse(posix["sddl"]).aces)


@given(models())
def test_every_list_is_protected_and_parents_come_first(whole: Json) -> None:
    seen: set[str] = set()
    for folder in exchange_folders(whole, sids_of(whole)):
        assert parse(folder["sddl"]).protected
        assert folder["path"] == "" or folder["path"].rpartition("/")[0] in seen
        assert folder["path"] not in seen
        seen.add(folder["path"])


@given(models(), st.integers())
def test_order_of_input_changes_nothing_and_the_input_stays(whole: Json, seed: int) -> None:
    before = copy.deepcopy(whole)
    assert exchange_folders(reordered(whole, seed), sids_of(whole)) == exchange_folders(whole, sids_of(whole))
    assert whole == before


@given(models(), st.data())
def test_removing_a_customer_removes_its_folders_and_nothing_else(whole: Json, data: st.DataObject) -> None:
    if not whole["customers"]:
        return
    leaving = data.draw(st.sampled_from(whole["customers"]))["name"]
    sids = sids_of(whole)
    home = f"homes/{leaving}"
    assert exchange_folders(without(whole, leaving), sids) == [
        folder
        for folder in exchange_folders(whole, sids)
        if folder["path"] != home and not folder["path"].startswith(f"{home}/")
    ]


def test_suspended_customers_keep_their_folders_and_absent_ones_have_none() -> None:
    whole = model(customer("acme", state="suspended"), {"name": "hooli", "state": "absent"}, shares=())
    paths = [folder["path"] for folder in exchange_folders(whole, sids_of(whole))]
    assert paths == ["", "homes", "homes/acme", "homes/acme/shared", "shares"]


@pytest.mark.parametrize(
    "group",
    [
        "ftpsx-customers",
        "ftpsx-home-acme-read",
        "ftpsx-home-acme-write",
        "ftpsx-share-maps-read",
        "ftpsx-share-maps-write",
    ],
)
def test_a_group_without_a_sid_is_named_with_the_step_that_makes_it(group: str) -> None:
    whole = model(customer("acme"))
    sids = sids_of(whole)
    del sids[group]
    with pytest.raises(
        ExchangeError, match=rf"group {group} has no SID\. The directory step makes the groups .*preview"
    ):
        exchange_folders(whole, sids)


@pytest.mark.parametrize("sid", ["", None, "S-1-5-21-x", "BA", "S-1-5-21-1-2-3-4)(A;;0x1f01ff;;;S-1-1-0", 5])
def test_what_is_no_sid_never_gets_into_a_list(sid: object) -> None:
    whole = model(customer("acme"))
    with pytest.raises(
        ExchangeError, match=r"customer acme: sids\.ftpsx-home-acme-read.*is not a SID of group|is not a SID of group"
    ):
        exchange_folders(whole, {**sids_of(whole), "ftpsx-home-acme-read": sid})


@pytest.mark.parametrize("sids", [None, [], "S-1-5-18"])
def test_sids_that_are_no_dictionary(sids: object) -> None:
    with pytest.raises(ExchangeError, match="not a dictionary of group name to SID"):
        exchange_folders(model(), sids)


def test_an_unknown_platform_is_an_error() -> None:
    with pytest.raises(ExchangeError, match=r"platform = 'linux': is not a platform\. Write posix or windows"):
        exchange_folders(model(), sids_of(model()), platform="linux")


# -- predicted SIDs ----------------------------------------------------------------------------------------------------


@given(st.lists(st.text(min_size=1)))
def test_predicted_sids_are_well_formed_distinct_and_recognisable(names: list[str]) -> None:
    sids = exchange_predicted_sids(names)
    assert set(sids) == set(names)
    assert len(set(sids.values())) == len(set(names))
    assert all(is_sid(sid) and sid.startswith(f"{PREDICTED_DOMAIN_SID}-") for sid in sids.values())
    assert exchange_predicted_sids(reversed(names)) == sids


def test_a_predicted_sid_does_not_depend_on_the_other_names() -> None:
    alone = exchange_predicted_sids(["ftpsx-customers"])
    assert exchange_predicted_sids(["a", "ftpsx-customers", "z"]).items() >= alone.items()


def test_a_clash_of_predicted_sids_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftps_exchange.folders._PREDICTED_RIDS", range(1000, 1003))
    assert sorted(exchange_predicted_sids(["a", "b", "c"]).values()) == [
        f"{PREDICTED_DOMAIN_SID}-{rid}" for rid in (1000, 1001, 1002)
    ]


@pytest.mark.parametrize("names", ["ftpsx-customers", None, 3])
def test_names_that_are_no_list(names: object) -> None:
    with pytest.raises(ExchangeError, match="not a list of group names"):
        exchange_predicted_sids(names)
