"""Restarts of servers with Windows: all servers of a pool never restart at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).parents[3] / "roles"


def tasks(content: Any) -> Iterator[dict[str, Any]]:
    for task in content or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks(task.get(part))


def restarts(task: dict[str, Any]) -> bool:
    service, script = (task.get(f"ansible.windows.{name}") or {} for name in ("win_service", "win_powershell"))
    stops = service.get("state") in ("restarted", "stopped") or script.get("path", "").startswith("restart")
    return stops or "ansible.windows.win_reboot" in task


def test_restarts_wait_for_each_other() -> None:
    files = [path for role in ("windows_*", "iis_*") for path in ROLES.glob(f"{role}/tasks/*.yml")]
    found = [task for path in files for task in tasks(yaml.safe_load(path.read_text())) if restarts(task)]
    assert len(found) == 4
    assert [task["name"] for task in found if task.get("throttle") != 1] == []
