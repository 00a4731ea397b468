"""Addresses and ports while the service moves: what each target gets."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from ftps_exchange.model.view import read_model
from ftps_exchange.service_ports import exchange_service_ports, passive_port_ranges
from tests.unit.ftps_exchange.model_inputs import Inventory

MOVING = {
    "also_public_ip4": {"address": "198.51.100.11", "until": "2026-06-20"},
    "also_public_ip6": {"address": "2001:db8:100::11", "until": "2026-06-20"},
    "also_explicit_port": {"port": 2121, "until": "2026-06-20"},
    "also_passive_ports": {"ports": [51000, 51099], "until": "2026-06-20"},
}


def inventory(path: Path) -> Inventory:
    made = Inventory(path)
    made.exchange |= MOVING
    return made


def test_a_service_that_does_not_move_has_nothing_besides(tmp_path: Path) -> None:
    assert exchange_service_ports(Inventory(tmp_path).check()) == {
        "public_addresses": ["198.51.100.10", "2001:db8:100::10"],
        "control": [21, 990],
        "inner": [],
        "passive": [[50000, 50099]],
        "announced": [50000, 50099],
        "more": [],
        "translated": [],
    }


def test_old_and_new_are_served_and_the_former_address_has_ports_of_its_own(tmp_path: Path) -> None:
    former = "198.51.100.11"
    assert exchange_service_ports(inventory(tmp_path).check()) == {
        "public_addresses": ["198.51.100.10", former, "2001:db8:100::10", "2001:db8:100::11"],
        "control": [21, 2121, 990],
        "inner": [1021, 1022],
        "passive": [[50000, 50099], [51000, 51099]],
        "announced": [51000, 51099],
        "more": [
            {"port": 2121, "implicit": False},
            {"port": 1021, "implicit": False, "public_ip4": former},
            {"port": 1022, "implicit": True, "public_ip4": former},
        ],
        "translated": [
            {"address": former, "port": 21, "to": 1021},
            {"address": former, "port": 2121, "to": 1021},
            {"address": former, "port": 990, "to": 1022},
        ],
    }


@pytest.mark.parametrize(
    ("day", "announced"),
    [("2026-06-19", [51000, 51099]), ("2026-06-20", [51000, 51099]), ("2026-06-21", [50000, 50099])],
)
def test_the_server_uses_the_former_range_up_to_its_last_day(tmp_path: Path, day: str, announced: list[int]) -> None:
    checked = inventory(tmp_path).check(today=datetime.date.fromisoformat(day))
    assert exchange_service_ports(checked)["announced"] == announced
    assert exchange_service_ports(checked)["passive"] == [[50000, 50099], [51000, 51099]]


def test_after_the_last_day_a_note_says_what_can_go(tmp_path: Path) -> None:
    before = inventory(tmp_path).check(today=datetime.date(2026, 6, 20))
    after = inventory(tmp_path).check(today=datetime.date(2026, 6, 21))
    assert before["notes"] == []
    assert len(after["notes"]) == 4
    assert (
        "exchange: also_passive_ports: 2026-06-20, the last day of 51000-51099, has passed. Servers use 50000-50099 "
        "now. Remove also_passive_ports when no customer uses the former value any more."
    ) in after["notes"]
    assert read_model(before).exchange.ended_changes == ()


@pytest.mark.parametrize(
    ("also", "ranges"),
    [
        ([], ["50000-50099"]),
        ([[51000, 51099]], ["50000-50099", "51000-51099"]),
        ([[50050, 50149], [50150, 50199]], ["50000-50199"]),
        ([[50000, 50099], [40000, 40000]], ["40000-40000", "50000-50099"]),
    ],
)
def test_ranges_neither_overlap_nor_touch(also: list[list[int]], ranges: list[str]) -> None:
    assert passive_port_ranges([50000, 50099], also) == ranges
