"""Long lists arrive packed (ftps_exchange.wire), and are to the modules what the plain ones are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftps_exchange.folders import exchange_folders
from ftps_exchange.iis.settings import exchange_iis_settings
from ftps_exchange.wire import PACKED, wire_text
from tests.windows.iis import Iis
from tests.windows.powershell import PROJECT, PowerShell

GOLDEN = PROJECT / "tests" / "unit" / "golden" / "desired_state"
ACCESS = "ansible_collections.ftps.exchange.plugins.module_utils.FtpsExchangeFolderAccess"
STAND_IN = PROJECT / "tests" / "windows" / "stand_ins" / "folder_access" / "FtpsExchangeFolderAccess.psm1"


def golden(name: str) -> Any:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def settings() -> Any:
    return exchange_iis_settings(golden("model"), {"root": "D:\\ftps-exchange"})


def test_settings(make_iis: Callable[..., Iis], settings: Any) -> None:
    plain, packed = make_iis(), make_iis()
    text = wire_text(settings, 0)
    assert text.startswith(PACKED)
    assert plain.apply(wire_text(settings))["changed"]
    assert packed.apply(text)["changed"]
    assert packed.text == plain.text
    assert not plain.apply(text)["changed"], "the other form is no other list"


def test_damaged_settings_change_nothing(iis: Iis, settings: Any) -> None:
    before = iis.text
    result = iis.apply(wire_text(settings, 0)[:-12])
    assert result["failed"]
    assert "The packed text cannot be unpacked" in result["msg"]
    assert iis.text == before


def test_folders(powershell: PowerShell, tmp_path: Path) -> None:
    folders = exchange_folders(golden("model"), golden("sids"), "windows")

    def apply(folders: str) -> dict[str, Any]:
        return powershell.module(
            PROJECT / "plugins" / "modules" / "win_folder_tree.ps1",
            {"root": str(tmp_path / "data"), "folders": folders, "sids": wire_text(golden("sids"), 0)},
            utils={ACCESS: STAND_IN},
            environment={"FTPS_EXCHANGE_FOLDERS": str(tmp_path / "lists")},
        )

    first = apply(wire_text(folders, 0))
    assert first["changed"], first
    assert (tmp_path / "data" / "homes" / "acme").is_dir()
    assert "ftpsx-home-acme" in first["diff"]["after"], "names from the packed list"
    assert not apply(json.dumps(folders))["changed"], "the other form is no other list"
    damaged = apply(wire_text(folders, 0)[:-12])
    assert "The packed text cannot be unpacked" in damaged["msg"]
