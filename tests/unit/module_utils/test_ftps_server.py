"""ftps_server: when the last backup ended well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.ftps_server import read_backup


def settings(folder: Path, **values: object) -> Path:
    """As the role backup writes them."""
    path = folder / "backup.json"
    path.write_text(json.dumps({"state_dir": str(folder), **values}))
    return path


def test_a_server_without_backup_has_no_age(tmp_path: Path) -> None:
    assert read_backup(tmp_path / "missing.json") is None


def test_settings_of_an_earlier_version_have_no_age(tmp_path: Path) -> None:
    assert read_backup(settings(tmp_path)) is None


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        ({"result": "ok", "ended": 20.0, "last_success": 20.0}, 20.0),
        # The last one failed: the age is that of the last good one
        ({"result": "failed", "ended": 30.0, "last_success": 20.0}, 20.0),
        ({"result": "failed", "ended": 30.0, "last_success": None}, 0.0),
        (None, 0.0),
    ],
)
def test_the_last_good_one_counts(tmp_path: Path, status: object, ended: float) -> None:
    path = settings(tmp_path, max_age_hours=2)
    if status is not None:
        (tmp_path / "status.json").write_text(json.dumps(status))
    assert read_backup(path) == {"ended": ended, "max_age": 7200.0}
