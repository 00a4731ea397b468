"""`site.yml --tags ROLE` runs that role whole: nothing in it is left out in silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
PLAYBOOKS = ["directory.yml", "ftps_servers.yml", "iis_servers.yml", "edges.yml"]


def roles_of_the_exchange() -> list[str]:
    plays = [play for name in PLAYBOOKS for play in yaml.safe_load((PROJECT / "playbooks" / name).read_text())]
    named = [role["role"] for play in plays for role in play.get("roles", [])]
    imported = [
        task["ansible.builtin.import_role"]["name"]
        for play in plays
        for task in play.get("tasks", [])
        if "ansible.builtin.import_role" in task
    ]
    return list(dict.fromkeys([*named, *imported]))


def tasks_in(
    tasks: list[dict[str, Any]], tags: frozenset[str] = frozenset()
) -> Iterator[tuple[dict[str, Any], set[str]]]:
    for task in tasks:
        own = tags | set(task.get("tags", []))
        if "block" in task:
            for part in ("block", "rescue", "always"):
                yield from tasks_in(task.get(part, []), frozenset(own))
        else:
            yield task, set(own)


def includes() -> Iterator[tuple[str, dict[str, Any]]]:
    for role in [*roles_of_the_exchange(), "nftables_table"]:
        for file in sorted((PROJECT / "roles" / role / "tasks").glob("*.yml")):
            # Only what main.yml includes is chosen by tags; rotate.yml is an entry of its own
            if file.name == "rotate.yml":
                continue
            for task, _ in tasks_in(yaml.safe_load(file.read_text())):
                for action in ("ansible.builtin.include_tasks", "ansible.builtin.include_role"):
                    if action in task:
                        yield f"{role}/{file.name}: {task['name']}", task[action]


@pytest.mark.parametrize("role", roles_of_the_exchange())
def test_every_task_of_a_role_has_its_tag(role: str) -> None:
    tasks = yaml.safe_load((PROJECT / "roles" / role / "tasks" / "main.yml").read_text())
    without = [task["name"] for task, tags in tasks_in(tasks) if role not in tags]
    assert not without


def test_a_run_for_lists_of_windows_servers_comes_by_the_guard_of_the_directory() -> None:
    """Their modules have none of their own against mass removal."""
    (directory,) = yaml.safe_load((PROJECT / "playbooks" / "directory.yml").read_text())
    guarded = set(directory["roles"][0]["tags"])
    plays = yaml.safe_load((PROJECT / "playbooks" / "iis_servers.yml").read_text())
    for task in [task for play in plays for task in play["tasks"]]:
        role = task.get("ansible.builtin.import_role", {}).get("name")
        if role in ("windows_host", "windows_folder_tree", "iis_ftp_site"):
            assert set(task["tags"]) <= guarded, role


@pytest.mark.parametrize(("where", "included"), list(includes()))
def test_what_is_included_at_run_time_is_given_a_tag(where: str, included: dict[str, Any]) -> None:
    """Tags of an include choose the include alone, so without `apply` its tasks are skipped when a tag is asked for."""
    assert isinstance(included, dict), where
    assert included.get("apply", {}).get("tags"), where
