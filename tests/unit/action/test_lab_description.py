"""lab_description: the file that it writes, and what it asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftps.exchange.plugins.action import lab_description
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file
from ansible_collections.ftps.exchange.plugins.modules import lab_description as documentation

from tests.unit.actions import run_action
from tests.unit.ftps_exchange.verify.test_lab import MODEL

CONTAINERS = {"acme": "lab-acme", "umbrella": "lab-umbrella", "initech": "lab-initech"}


def run(folder: Path, *, check_mode: bool = False, **arguments: Any) -> dict[str, Any]:
    asked = {
        "path": str(folder / "lab.json"),
        "model": json.dumps(MODEL),
        "handover_dir": str(folder / "handover"),
        "customer_containers": CONTAINERS,
        **arguments,
    }
    return run_action(lab_description.ActionModule, asked, check_mode=check_mode)


def test_the_file_is_written_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "handover").mkdir()
    names = ("acme-read", "acme-up", "umbrella-up")
    accounts = {name: {"password": f"word of {name}"} for name in names}
    (tmp_path / "handover" / "2026-01-01T000000Z.yml").write_text(json.dumps({"accounts": accounts}))
    path = tmp_path / "lab.json"
    assert run(tmp_path, check_mode=True)["changed"] is True
    assert not path.exists()
    assert run(tmp_path)["changed"] is True
    assert path.stat().st_mode & 0o777 == 0o600
    assert [customer["name"] for customer in json.loads(path.read_text())["customers"]] == ["acme", "umbrella"]
    assert run(tmp_path)["changed"] is False
    result = run(tmp_path, customer_containers={"acme": "lab-acme"})
    assert (result["changed"], result["customers"], result["left_out"]) == (True, ["acme"], ["umbrella"])


def test_all_lost_passwords_of_the_customers_in_the_lab_are_told_at_once(tmp_path: Path) -> None:
    """The folder with the hand-over files was removed while the containers live."""
    result = run(tmp_path, lost_allowed=True)
    assert result["lost"] == [
        {"name": "acme-read", "customer": "acme"},
        {"name": "acme-up", "customer": "acme"},
        {"name": "umbrella-up", "customer": "umbrella"},
    ]
    assert not result["changed"]
    assert list(tmp_path.iterdir()) == []
    assert "the password of acme-read, acme-up, umbrella-up" in run(tmp_path)["msg"]


@pytest.mark.parametrize("model", [{}, "{}", {"exchange": {}, "customers": []}])
def test_what_is_no_model_is_told(tmp_path: Path, model: object) -> None:
    assert "Pass what the module exchange_model returned" in run(tmp_path, model=model)["msg"]


def test_a_file_that_others_may_read_is_not_current(tmp_path: Path) -> None:
    path = tmp_path / "lab.json"
    replace_file(path, "{}\n")
    assert lab_description.is_current(path, "{}\n")
    assert not lab_description.is_current(path, "{ }\n")
    path.chmod(0o644)
    assert not lab_description.is_current(path, "{}\n")


def test_the_documentation_names_every_option() -> None:
    documented = yaml.safe_load(documentation.DOCUMENTATION)["options"]
    assert set(documented) == set(lab_description.ARGUMENTS)
    yaml.safe_load(documentation.EXAMPLES)
    yaml.safe_load(documentation.RETURN)
