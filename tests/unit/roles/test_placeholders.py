"""Placeholders stand for what does not exist before the first run. Only check mode and previews may use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ftps_exchange.folders import PREDICTED_DOMAIN_SID, exchange_predicted_sids
from tests.unit.roles.rendering import ROLES, trusted

MADE_UP = "0123456789ABCDEF0123456789ABCDEF01234567"
SIDS = {"FTPS acme": "S-1-5-21-1-2-3-1104"}


def fact(role: str, tasks: str, name: str, given: dict[str, Any]) -> Any:
    """What a task of a role sets a fact to."""
    content = yaml.safe_load((ROLES / role / "tasks" / tasks).read_text("utf-8"))
    (task,) = [
        one
        for entry in content
        for one in entry.get("block", [entry])
        if name in (one.get("ansible.builtin.set_fact") or {})
    ]
    variables = trusted(task.get("vars") or {}) | given
    templar = Templar(loader=DataLoader(), variables=variables)
    templar.environment.filters["ftps.exchange.exchange_predicted_sids"] = exchange_predicted_sids
    return templar.template(trusted(task["ansible.builtin.set_fact"][name]))


@pytest.mark.parametrize("check", [True, False])
def test_a_group_without_a_sid_has_a_placeholder_in_check_mode_only(check: bool) -> None:
    answer = {"waits": False, "missing_groups": ["FTPS globex"], "sids": SIDS}
    sids = fact("directory", "apply.yml", "directory_sids", {"__directory_result": answer, "ansible_check_mode": check})
    assert sids["FTPS acme"] == SIDS["FTPS acme"]
    assert str(sids.get("FTPS globex", "")).startswith(PREDICTED_DOMAIN_SID) is check
    assert len(sids) == (2 if check else 1)


@pytest.mark.parametrize(("check", "expected"), [(True, MADE_UP), (False, "")])
def test_a_missing_certificate_has_a_placeholder_in_check_mode_only(check: bool, expected: str) -> None:
    assert MADE_UP in Path(ROLES / "windows_certificate" / "vars" / "main.yml").read_text("utf-8")
    given = {
        "__windows_certificate": {"thumbprint": "", "superseded": []},
        "__windows_certificate_made_up": MADE_UP,
        "ansible_check_mode": check,
    }
    assert fact("windows_certificate", "main.yml", "windows_certificate_thumbprint", given) == expected


def test_no_other_place_gives_placeholders() -> None:
    """Every file outside the previews that names one, so that a new one is looked at."""
    names = ("exchange_predicted_sids", "__windows_certificate_made_up")
    folders = [ROLES, ROLES.parent / "playbooks"]
    found = {
        str(path.relative_to(ROLES.parent))
        for folder in folders
        for path in folder.rglob("*.yml")
        if any(name in path.read_text("utf-8") for name in names)
    }
    assert found == {
        "playbooks/windows_preview.yml",
        "roles/directory/tasks/apply.yml",
        "roles/windows_certificate/tasks/main.yml",
        "roles/windows_certificate/tasks/preview.yml",
        "roles/windows_certificate/vars/main.yml",
    }
