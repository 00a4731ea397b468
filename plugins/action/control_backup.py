"""Saves and restores the control node's files with restic, in Ansible's own process on the control node."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftps.exchange.plugins.module_utils.backup import BackupError, Restic
from ansible_collections.ftps.exchange.plugins.plugin_utils.plain import plain

from ftps_exchange.control_archive import ArchiveError, Restored, existing, read_archive, write_archive

ARGUMENTS: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["saved", "restored"], "required": True},
    "exchange": {"type": "str", "required": True},
    "parts": {"type": "dict", "required": True},
    "repository": {"type": "str", "required": True, "no_log": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "ca_file": {"type": "str", "default": ""},
    "create": {"type": "bool", "default": False},
    "snapshot": {"type": "str", "default": "latest"},
    "keep": {"type": "dict", "default": {}},
}


class ActionModule(ActionBase):
    """The action ``control_backup``; what it takes and returns is in plugins/modules/control_backup.py."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Save or restore."""
        super().run(tmp, task_vars)
        _, asked = self.validate_argument_spec(copy.deepcopy(ARGUMENTS))
        return back_up(plain(asked), check_mode=self._task.check_mode)


def back_up(asked: dict[str, Any], *, check_mode: bool) -> dict[str, Any]:
    """Run the action and return its result."""
    for name in ("repository", "password"):
        if not asked[name]:
            raise AnsibleActionFail(
                f"backup_control_{name} is empty, so the control node's own files (hand-over files, the CA's key, "
                "packs) have no backup. Write it into the inventory, with the password in a vault (docs/backup.md)."
            )
    parts = {name: Path(path).expanduser() for name, path in asked["parts"].items() if path}
    if check_mode:
        return {"changed": True, "report": ["In check mode nothing is saved or put back."]}
    try:
        with _restic(asked) as restic:
            if asked["create"]:
                restic.create()
            restic.require()
            return (_save if asked["state"] == "saved" else _restore)(restic, asked, parts)
    except (ArchiveError, BackupError, OSError) as error:
        raise AnsibleActionFail(str(error)) from None


@contextmanager
def _restic(asked: dict[str, Any]) -> Iterator[Restic]:
    """Restic with its secrets in files that only this user can read."""
    with tempfile.TemporaryDirectory(prefix="ftps-exchange-") as folder:
        files = {name: Path(folder) / name for name in ("repository", "password")}
        for name, file in files.items():
            file.touch(mode=0o600)
            file.write_text(f"{asked[name]}\n", encoding="utf-8")
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ftps-exchange-backup"
        yield Restic(files["repository"], files["password"], cache, asked["ca_file"])


def _save(restic: Restic, asked: dict[str, Any], parts: dict[str, Path]) -> dict[str, Any]:
    there = existing(parts)
    snapshot = restic.save_stream(asked["exchange"], "control.tar", lambda stream: write_archive(there, stream))
    restic.forget(asked["exchange"], asked["keep"])
    left_out = sorted(parts.keys() - there.keys())
    report = [f"{asked['exchange']}: the control node's files are saved as {snapshot[:8]}: {', '.join(there)}"]
    report += [f"There is no {name} ({parts[name]})" for name in left_out]
    return {"changed": True, "report": report, "snapshot": snapshot}


def _restore(restic: Restic, asked: dict[str, Any], parts: dict[str, Path]) -> dict[str, Any]:
    snapshot = restic.newest(asked["exchange"], asked["snapshot"])
    found = Restored()
    restic.read_stream(snapshot, "control.tar", lambda stream: read_archive(stream, parts, found))
    report = [f"{asked['exchange']}: {len(found.written)} files of the control node put back from {snapshot[:8]}"]
    report += [f"Differs from the backup and stays as it is: {name}" for name in found.differing]
    report += [f"Not put back, because it has no place here: {name}" for name in found.unknown]
    return {
        "changed": bool(found.written),
        "report": report,
        "snapshot": snapshot,
        "restored": found.written,
        "differing": found.differing,
    }
