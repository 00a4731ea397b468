"""run_record: the list of a host stays within its bound and loses the oldest runs first."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.ftps.exchange.plugins.modules import run_record


def add(path: Path, record: str, capsys: pytest.CaptureFixture[str], **options: Any) -> dict[str, Any]:
    with patch_module_args({"record": record, "path": str(path), **options}), pytest.raises(SystemExit):
        run_record.main()
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_runs_add_up_and_only_root_reads_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "runs" / "runs.jsonl"
    add(path, '{"n":1}', capsys)
    assert add(path, '{"n":2}', capsys)["runs"] == 2
    assert path.read_text() == '{"n":1}\n{"n":2}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_oldest_go_and_the_newest_always_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "runs.jsonl"
    for number in range(20):
        add(path, json.dumps({"n": number}), capsys, max_bytes=40)
    assert path.stat().st_size <= 40
    assert path.read_text().endswith('{"n": 19}\n')
    add(path, "x" * 100, capsys, max_bytes=40)
    assert path.read_text() == "x" * 100 + "\n"


def test_check_mode_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(tmp_path / "runs.jsonl", "{}", capsys, _ansible_check_mode=True)
    assert not (tmp_path / "runs.jsonl").exists()
