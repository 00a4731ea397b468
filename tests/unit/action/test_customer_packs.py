"""customer_packs: all packs of an inventory in one call of the module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible_collections.ftps.exchange.plugins.action import customer_packs

from tests.unit.actions import run_action
from tests.unit.ftps_exchange.model_inputs import EXCHANGE, Inventory
from tests.unit.ftps_exchange.test_packs_run import certificate


class Runner:
    """Calls the module as Ansible does."""

    def __init__(self, folder: Path) -> None:
        self.warnings: list[str] = []
        self.inventory = Inventory(folder)
        self.inventory.check()
        self.packs = folder / "packs"
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(certificate("Example Root CA")[0])

    def __call__(self, check_mode: bool = False, diff: bool = False, **arguments: Any) -> dict[str, Any]:
        given = {
            "exchange": EXCHANGE,
            "customers_dir": str(self.inventory.customers),
            "packs_dir": str(self.packs),
            "ca_file": str(self.ca),
            "today": "2026-06-15",
            **arguments,
        }
        result = run_action(customer_packs.ActionModule, given, check_mode=check_mode, diff=diff)
        self.warnings += result.get("warnings", [])
        return result


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_made_then_unchanged(run: Runner) -> None:
    told = run(check_mode=True, diff=True)
    assert (told["changed"], told["created"]) == (True, ["acme", "globex"])
    assert "guide.html" in told["diff"][0]["after"]
    assert not run.packs.exists()
    assert run()["created"] == ["acme", "globex"]
    again = run()
    assert (again["changed"], again["unchanged"], again["created"], again["diff"]) == (False, 2, [], [])


def test_a_change_without_a_day_is_warned_of(run: Runner) -> None:
    run()
    told = run(exchange={**EXCHANGE, "passive_ports": [50000, 50199]})
    assert told["new_changes"] == ["acme", "globex"]
    assert "CHANGES.md has no date for acme, globex" in str(run.warnings)
    told = run(exchange={**EXCHANGE, "passive_ports": [50000, 50199]}, change_deadline="2027-01-31")
    assert customer_packs.warnings_of(told, "2027-01-31", {"name": "Exchange desk"}) == []
    assert "by 2027-01-31" in (run.packs / "acme/CHANGES.md").read_text()


@pytest.mark.parametrize("contact", [{}, {"name": "", "email": None, "phone": None}])
def test_guides_that_name_nobody_to_ask_are_warned_of(run: Runner, contact: dict[str, Any]) -> None:
    told = run(contact=contact)
    assert "customer_packs_contact" in str(run.warnings)
    assert not told.get("failed")
    run.warnings.clear()
    run(contact={**contact, "email": "exchange@example.com"})
    assert run.warnings == []
    assert r"exchange\@example\.com" in (run.packs / "acme/guide.md").read_text()


def test_another_language_is_a_change_that_is_reported(run: Runner) -> None:
    run()
    told = run(exchange={**EXCHANGE, "language": "nl"})
    assert (told["updated"], told["new_changes"]) == (["acme", "globex"], [])
    assert "names no day" not in str(run.warnings), "nobody has to do anything for it"
    assert "| Taal van dit pakket | English | Nederlands |" in (run.packs / "acme/CHANGES.md").read_text()
    again = run(exchange={**EXCHANGE, "language": "nl"}, change_deadline="2027-01-31")
    assert (again["changed"], again["unchanged"]) == (False, 2)


def test_what_somebody_changed_by_hand_is_warned_of(run: Runner) -> None:
    run()
    (run.packs / "acme/selftest.sh").write_text("exit 0")
    told = run()
    assert told["edited"] == ["acme/selftest.sh"]
    assert "Changed by hand, and restored: acme/selftest.sh." in str(run.warnings)


def test_what_was_changed_by_hand_and_is_gone_is_not_called_written_anew(run: Runner) -> None:
    run()
    (run.packs / "acme/guide.md").write_text("mine")
    (run.packs / "old").mkdir()
    (run.packs / "old/pack.json").write_text("{")
    run.inventory.acme = {"state": "absent"}
    run.inventory.check()
    told = run()
    assert (told["edited"], told["edited_and_removed"]) == ([], ["acme/guide.md"])
    assert told["unreadable"] == ["old"]
    warnings = " ".join(run.warnings)
    assert "restored" not in warnings
    assert "removed with the pack of a former customer: acme/guide.md." in warnings
    assert "with an unreadable pack.json: old." in warnings


def test_every_pack_that_cannot_be_made_is_told_and_the_others_are_made(run: Runner) -> None:
    (run.packs / "acme").mkdir(parents=True)
    (run.packs / "acme/theirs").touch()
    told = run()
    assert told["failed"]
    assert told["created"] == ["globex"]
    assert told["msg"].startswith("customer acme: pack = ")
    assert len(told["problems"]) == 1


def test_problems_of_the_model_come_first_and_nothing_is_written(run: Runner) -> None:
    run.inventory.write("broken.yml", "state: [")
    told = run()
    assert told["failed"]
    assert "customers/broken.yml" in told["msg"]
    assert not run.packs.exists()


@pytest.mark.parametrize(
    "arguments", [{"today": "soon"}, {"change_deadline": "soon"}, {"formats": ["x"]}, {"customer": "x"}]
)
def test_what_is_asked_wrongly_is_told_in_one_line(run: Runner, arguments: dict[str, Any]) -> None:
    told = run(**arguments)
    assert told["failed"]
    assert next(iter(arguments)) in told["msg"]
    assert len(told["msg"].splitlines()) == 1


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        ({}, ""),
        ({"certificate_ca_file": ""}, ""),
        ({"certificate_ca_file": "root.pem"}, "root.pem"),
        # A Windows deployment with its own CA: its packs must not name a public one
        ({"windows_certificate_ca_file": "root.pem"}, "root.pem"),
    ],
)
def test_the_authority_is_that_of_the_certificate_wherever_it_is_served(known: dict[str, str], wanted: str) -> None:
    file = Path(__file__).parents[3] / "roles/customer_packs/defaults/main.yml"
    default = yaml.safe_load(file.read_text(encoding="utf-8"))["customer_packs_ca_file"]
    assert jinja2.Environment(autoescape=False).from_string(default).render(known) == wanted  # noqa: S701 - a path


def test_two_inventories_with_one_name_do_not_share_a_folder(run: Runner) -> None:
    mine, copy = str(run.inventory.directory / "mine"), str(run.inventory.directory / "copy")
    run(inventory_dir=mine, check_mode=True)
    assert not run.packs.exists()
    assert run(inventory_dir=mine)["created"] == ["acme", "globex"]
    assert run(inventory_dir=mine)["changed"] is False
    refused = run(inventory_dir=copy)
    assert refused["failed"] is True
    # A long path is shortened
    assert refused["msg"].startswith("packs = '")
    assert ": contains the packs of another inventory with the same exchange.name, mine:" in refused["msg"]
    assert "customer_packs_dir" in refused["msg"]
    # Another service may have its packs beside them, as before
    other = run(inventory_dir=copy, exchange={**EXCHANGE, "name": "other"}, packs_dir=str(run.packs))
    assert "another inventory" not in other.get("msg", "")
