"""Roles stand alone: nobody reaches into another role, and nobody says which Python runs where Ansible knows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[3]
ROLES = sorted(path.name for path in (PROJECT / "roles").iterdir() if path.is_dir())
PLACES = ("roles", "playbooks", "molecule", "inventories")
FILES = sorted(
    path
    for place in PLACES
    for path in (PROJECT / place).rglob("*")
    if path.suffix in (".yml", ".j2") and path.is_file()
)
# python-ldap is a package of the distribution, so the directory runner has a Python of its own
OWN_PYTHON = {"ansible_python_interpreter": "{{ directory_runner_python }}"}


def name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def private_variables(text: str, role: str) -> list[str]:
    """The private variables of a role that a text names. (``__certificate_x`` is none of ``windows_certificate``.)"""
    return re.findall(rf"(?<![\w]){re.escape(f'__{role}')}(?:_\w+)?\b", text)


def mappings(content: Any) -> Iterator[dict[str, Any]]:
    """Every dictionary in a file: plays, tasks, their variables."""
    if isinstance(content, dict):
        yield content
    for entry in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        yield from mappings(entry)


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def is_false(condition: object) -> bool:
    conditions = condition if isinstance(condition, list) else [condition]
    return any(str(one).strip().lower() in ("false", "no", "0") for one in conditions)


def dead_roles(content: Any) -> list[str]:
    """Roles that a file names and never runs."""
    return [
        str(task.get("name"))
        for task in mappings(content)
        if "when" in task
        and is_false(task["when"])
        and any(str(key).rpartition(".")[2] in ("import_role", "include_role", "role") for key in task)
    ]


def interpreters(content: Any) -> list[dict[str, Any]]:
    """Where a file says which Python to use."""
    found = [
        {key: value for key, value in mapping.items() if key == "ansible_python_interpreter"}
        for mapping in mappings(content)
    ]
    return [one for one in found if one]


def test_these_tests_see_what_they_look_for() -> None:
    assert private_variables("x: '{{ __certificate_made.csr }}'", "certificate") == ["__certificate_made"]
    assert private_variables("x: '{{ __certificate_made.csr }}'", "windows_certificate") == []
    assert private_variables("x: '{{ __windows_certificate_made }}'", "certificate") == []
    dead = "- hosts: all\n  tasks:\n    - name: x\n      import_role: {name: edge}\n      when: false\n"
    assert dead_roles(yaml.safe_load(dead)) == ["x"]
    assert dead_roles(yaml.safe_load(dead.replace("false", "[a, 'false']"))) == ["x"]
    assert dead_roles(yaml.safe_load(dead.replace("false", "edges | length > 0"))) == []
    assert interpreters(yaml.safe_load("- block: []\n  vars: {ansible_python_interpreter: x}\n"))


@pytest.mark.parametrize("role", ROLES)
def test_private_variables_stay_in_their_role(role: str) -> None:
    """Whoever needs something done from outside calls an entry point of the role: ``tasks_from``."""
    found = {
        name(path): names
        for path in FILES
        if not path.is_relative_to(PROJECT / "roles" / role)
        and (names := private_variables(path.read_text(encoding="utf-8"), role))
    }
    assert found == {}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_takes_nothing_of_another_for_granted(role: str) -> None:
    """What it reads of others' variables may be missing, and what it sets of them it passes on."""
    found = []
    for path in FILES:
        if not path.is_relative_to(PROJECT / "roles" / role) or path.parent.name not in ("defaults", "vars", "tasks"):
            continue
        calls = [task for task in mappings(loaded(path)) if "ansible.builtin.include_role" in task]
        passed = {key for task in calls for key in task.get("vars", {})}
        text = re.sub(r"^\s*#.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for other in ROLES:
            options = loaded(PROJECT / "roles" / other / "meta" / "argument_specs.yml")["argument_specs"]["main"]
            for option in options.get("options") or {}:
                if other == role or option in passed:
                    continue
                uses = re.findall(rf"(?<![\w.]){option}\b(?! \| default\()", text)
                found += [f"{name(path)}: {option}" for _use in uses]
    assert found == []


def test_no_role_is_imported_for_its_defaults() -> None:
    assert {name(path): dead for path in FILES if path.suffix == ".yml" and (dead := dead_roles(loaded(path)))} == {}


def test_nothing_says_which_python_runs_where_ansible_knows_it() -> None:
    """Work of the control node is an action, or is delegated to the implicit localhost, which has Ansible's Python."""
    found = {name(path): used for path in FILES if path.suffix == ".yml" and (used := interpreters(loaded(path)))}
    of_the_runner = {path: used for path, used in found.items() if path.startswith("roles/directory/tasks/")}
    assert all(one == OWN_PYTHON for used in of_the_runner.values() for one in used)
    containers = {"inventories/lab/group_vars/lab_containers/connection.yml"}
    assert found.keys() - of_the_runner.keys() - containers == set()


@pytest.mark.parametrize("role", ROLES)
def test_a_directory_is_an_active_directory(role: str) -> None:
    """A folder is ``_dir`` in a name, as in Ansible's own."""
    specs = loaded(PROJECT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]
    options = {option for entry in specs.values() for option in entry.get("options") or {}}
    assert {option for option in options if option.endswith("_directory")} == set()


def test_every_entry_point_of_a_role_has_its_arguments_described() -> None:
    called = {
        (str(call["name"]).rpartition(".")[2], call["tasks_from"].removesuffix(".yml"))
        for path in FILES
        if path.suffix == ".yml"
        for task in mappings(loaded(path))
        for key, call in task.items()
        if str(key).rpartition(".")[2] in ("import_role", "include_role") and "tasks_from" in call
    }
    assert ("windows_certificate", "preview") in called
    for role, entry in called:
        specs = loaded(PROJECT / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]
        assert entry in specs, f"{role}: {entry}"
