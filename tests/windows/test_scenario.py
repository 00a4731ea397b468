"""molecule/windows and the workflow that runs it on a hosted Windows: never run here, so at least they fit together."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.generate import write_customers

PROJECT = Path(__file__).resolve().parents[2]
SCENARIO = PROJECT / "molecule" / "windows"
VARIABLE = re.compile(r"FTPS_EXCHANGE_WINDOWS_[A-Z]+")


def variables_in(*paths: Path) -> set[str]:
    files = [file for path in paths for file in (path.rglob("*.yml") if path.is_dir() else [path])]
    return {name for file in files for name in VARIABLE.findall(file.read_text())}


def workflow() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((PROJECT / ".github" / "workflows" / "windows.yml").read_text())
    return content


def playbook(where: Path, *arguments: str | Path) -> None:
    """Run ansible-playbook with the scenario's inventory; it has to succeed."""
    command = [Path(sys.executable).with_name("ansible-playbook"), "--inventory", SCENARIO / "inventory", *arguments]
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
        "ANSIBLE_LOCAL_TEMP": str(where),
        "MOLECULE_EPHEMERAL_DIRECTORY": str(where),
        **dict.fromkeys(variables_in(SCENARIO), "ftps1"),
    }
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["create", "prepare", "converge", "verify", "destroy"])
def test_syntax(name: str, tmp_path: Path) -> None:
    playbook(tmp_path, "--syntax-check", SCENARIO / f"{name}.yml")


def test_accounts_and_groups_are_handed_over_as_one_json_text(tmp_path: Path) -> None:
    """The script reads it with ConvertFrom-Json, once."""
    check_model, local = yaml.safe_load((SCENARIO / "directory.yml").read_text())
    expression = local["tasks"][0]["ansible.windows.win_powershell"]["parameters"]["Directory"].strip("{} ")
    play = {
        "hosts": "iis_servers",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.assert": {"that": f"({expression} | from_json).users | length > 0"}}],
    }
    write_customers(1, tmp_path / "customers", [])
    file = tmp_path / "look.yml"
    model = PROJECT / "playbooks" / Path(check_model["ansible.builtin.import_playbook"]).name
    file.write_text(yaml.safe_dump([{"import_playbook": str(model)}, play]))
    playbook(tmp_path, file)


def test_every_variable_of_the_environment_is_told_checked_and_set() -> None:
    used = variables_in(SCENARIO / "inventory", SCENARIO / "verify.yml", SCENARIO / "create.yml")
    assert used
    assert variables_in(SCENARIO / "molecule.yml") == used, "told at the head of molecule.yml"
    assert variables_in(SCENARIO / "create.yml") == used, "checked before anything is done"
    job = workflow()["jobs"]["scenario"]
    set_by_runner = set(VARIABLE.findall((PROJECT / ".ci" / "windows_runner.ps1").read_text()))
    assert set_by_runner | job["env"].keys() == used, "set by the workflow"
    (step,) = [step for step in job["steps"] if step.get("name") == "The scenario"]
    assert {name.partition("/")[0] for name in step["env"]["WSLENV"].split(":")} == used, "handed on to the Linux side"


def test_the_scenario_runs_twice_and_transfers() -> None:
    sequence: list[str] = yaml.safe_load((SCENARIO / "molecule.yml").read_text())["scenario"]["test_sequence"]
    assert [step for step in sequence if step in ("check", "converge", "idempotence", "verify")] == [
        "check",
        "converge",
        "idempotence",
        "verify",
    ]


def test_the_facts_are_compared_with_the_schema_of_this_project() -> None:
    """The script takes the text of it: no file of this project is on the server."""
    facts = yaml.safe_load((SCENARIO / "verify.yml").read_text())[0]["tasks"][0]["ansible.windows.win_powershell"]
    named = re.search(r"playbook_dir ~ '/([^']+)'", facts["parameters"]["Schema"])
    assert named is not None
    assert (SCENARIO / named[1]).resolve() == PROJECT / "src" / "ftps_exchange" / "iis" / "schema.json"
    assert "[string] $Schema," in (SCENARIO / facts["path"]).read_text()


def test_make_test_does_not_run_it() -> None:
    """It needs a Windows of somebody's own."""
    script = (PROJECT / "scripts" / "test").read_text()
    named = re.findall(r"molecule test --scenario-name ([^\s']+)", script)
    # $SCENARIO is what somebody asked for
    assert set(named) == {"default", "operations", '"$SCENARIO"'}
    assert len(named) == script.count("molecule test --")


def test_actions_are_pinned_to_what_was_looked_at() -> None:
    used = [step["uses"] for step in workflow()["jobs"]["scenario"]["steps"] if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action)] == []
