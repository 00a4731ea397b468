"""The actions of Windows modules: long lists are packed on their way, and nothing else of a call is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible_collections.ftps.exchange.plugins.action import win_folder_tree, win_iis_settings

from ftps_exchange.wire import LONGEST_PLAIN, PACKED
from tests.unit.actions import run_action

FOLDERS = [{"path": "", "sddl": "D:P"}]


@pytest.fixture(autouse=True)
def _sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would go to the host comes back."""
    monkeypatch.setattr(NormalAction, "run", lambda self, tmp=None, task_vars=None: {"sent": self._task.args})


def sent(plugin: Any, **arguments: Any) -> dict[str, Any]:
    result: dict[str, Any] = run_action(plugin.ActionModule, arguments)["sent"]
    return result


def test_structures_and_texts_arrive_as_the_same_text() -> None:
    for folders in (FOLDERS, json.dumps(FOLDERS, separators=(",", ":"))):
        assert sent(win_folder_tree, root="D:\\x", folders=folders, sids={"a": "S-1-1"}) == {
            "root": "D:\\x",
            "folders": '[{"path":"","sddl":"D:P"}]',
            "sids": '{"a":"S-1-1"}',
        }


def test_long_lists_are_packed_and_the_thumbprint_is_not() -> None:
    long, thumbprint = "x" * (LONGEST_PLAIN + 1), "0" * (LONGEST_PLAIN + 1)
    found = sent(win_iis_settings, settings=long, thumbprint=thumbprint)
    assert found["settings"].startswith(PACKED)
    assert found["thumbprint"] == thumbprint


def test_what_is_not_given_is_not_made_up() -> None:
    assert sent(win_folder_tree, root="D:\\x") == {"root": "D:\\x"}
