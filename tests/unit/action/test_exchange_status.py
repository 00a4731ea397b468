"""exchange_status: the files, the request that is remembered, and nothing in check mode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.ftps.exchange.plugins.action import exchange_status

from tests.unit.actions import run_action
from tests.unit.ftps_exchange.model_inputs import TODAY, Inventory
from tests.unit.ftps_exchange.test_status import results


def run(folder: Path, inventory: Inventory, check_mode: bool = False, **arguments: Any) -> dict[str, Any]:
    wanted = {
        "model": json.dumps(inventory.check(TODAY)),
        "results": results(),
        "reports_dir": str(folder / "reports"),
        "packs_dir": str(folder / "packs"),
        **arguments,
    }
    return run_action(exchange_status.ActionModule, wanted, check_mode=check_mode)


def test_files_are_written_for_owner_and_group_and_not_in_check_mode(tmp_path: Path) -> None:
    inventory = Inventory(tmp_path)
    assert run(tmp_path, inventory, check_mode=True)["report"][0].startswith("lab (ftps.exchange.example): 2 customers")
    assert not (tmp_path / "reports").exists()
    for name, exchange in (("acme", "lab"), ("globex", "other")):
        (tmp_path / "packs" / name).mkdir(parents=True)
        pack = {"exchange": exchange, "version": "abc", "date": "2026-11-01"}
        (tmp_path / "packs" / name / "pack.json").write_text(json.dumps(pack))
    result = run(tmp_path, inventory)
    written = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "reports").iterdir()}
    assert written == dict.fromkeys(("status.html", "status.csv", "status.json", "status.prom"), 0o640)
    kept = json.loads((tmp_path / "reports" / "status.json").read_text())
    assert kept == result["status"]
    assert [row["pack_version"] for row in kept["customers"]] == ["abc", None], "a pack of another exchange is none"


def test_a_request_is_made_once(tmp_path: Path) -> None:
    inventory = Inventory(tmp_path)
    reports = tmp_path / "reports"
    assert len(run(tmp_path, inventory)["changes"]) == 3
    assert not list(reports.glob("edge-*")), "a look is no request"
    assert run(tmp_path, inventory, new_request=True)["report"][-1].startswith("New request for the firewall team: ")
    (request,) = reports.glob("edge-request-*.csv")
    assert "first request" in request.read_text()
    assert run(tmp_path, inventory)["changes"] == []
    inventory.acme["state"] = "suspended"
    assert {one["reason"] for one in run(tmp_path, inventory)["changes"]} == {"acme is suspended"}
    (reports / "edge-requested-lab.json").write_text("{")
    assert "is damaged. Remove it" in run(tmp_path, inventory)["msg"]


def test_a_query_gives_its_result_and_a_wrong_one_its_reason(tmp_path: Path) -> None:
    inventory = Inventory(tmp_path)
    assert run(tmp_path, inventory, query="customers[].name")["report"] == ["acme", "globex"]
    assert "QUERY = '[': is no JMESPath expression" in run(tmp_path, inventory, query="[")["msg"]
