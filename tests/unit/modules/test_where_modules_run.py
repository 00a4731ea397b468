"""The first line of a module's description says on which machine it runs."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
MODULES = sorted({path.stem for path in (PLUGINS / "modules").iterdir() if path.suffix in (".py", ".ps1")})

OWN_PROCESS = "Runs on the control node, in Ansible's own process, for any host of the task."
WINDOWS = "Runs on a host with Windows."
OTHERS = {
    "Runs on a host with Linux.",
    "Runs on a customer's computer in the lab, a host with Linux.",
    "Runs on an FTPS server with Linux.",
    "Runs on the control node.",
    "Runs on the directory runner, the host that connects to the directory by LDAPS.",
    "Runs on the edge, a host with Linux.",
    "Runs on the lab's directory controller, a host with Linux.",
    "Runs on the machine that runs the lab.",
}


def documentation(name: str) -> dict[str, Any]:
    sidecar = PLUGINS / "modules" / f"{name}.yml"
    if sidecar.exists():
        found: dict[str, Any] = yaml.safe_load(sidecar.read_text(encoding="utf-8"))["DOCUMENTATION"]
        return found
    module = importlib.import_module(f"ansible_collections.ftps.exchange.plugins.modules.{name}")
    return dict(yaml.safe_load(module.DOCUMENTATION))


def does_the_work(action: Path) -> bool:
    """Whether an action does all the work itself: others only watch over a module that runs on the host."""
    return action.exists() and "_execute_module(" not in action.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MODULES)
def test_the_first_line_says_where_it_runs(name: str) -> None:
    module, action = PLUGINS / "modules" / name, PLUGINS / "action" / f"{name}.py"
    if module.with_suffix(".ps1").exists():
        expected = {WINDOWS}
    elif does_the_work(action):
        expected = {OWN_PROCESS}
    else:
        expected = OTHERS
    assert documentation(name)["description"][0] in expected


@pytest.mark.parametrize("name", MODULES)
def test_what_runs_in_ansible_s_own_process_contacts_no_host(name: str) -> None:
    """A module whose work an action does has no code of its own, and its action needs no connection."""
    if not does_the_work(PLUGINS / "action" / f"{name}.py") or (PLUGINS / "modules" / f"{name}.ps1").exists():
        return
    action = importlib.import_module(f"ansible_collections.ftps.exchange.plugins.action.{name}").ActionModule
    assert action._requires_connection is False
    module = importlib.import_module(f"ansible_collections.ftps.exchange.plugins.modules.{name}")
    assert not hasattr(module, "main")
