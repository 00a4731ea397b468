"""What the tests of the Windows modules share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.windows.iis import Iis
from tests.windows.powershell import PowerShell

FOREIGN = Path(__file__).parents[2] / "windows" / "stand_ins" / "foreign.config"


@pytest.fixture(scope="session")
def make_iis(powershell: PowerShell, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Iis]:
    """An IIS with the given configuration file, or with one that is full of other people's settings."""

    def make(text: str | None = None) -> Iis:
        config = tmp_path_factory.mktemp("config") / "applicationHost.config"
        return Iis(powershell, config, FOREIGN.read_text(encoding="utf-8") if text is None else text)

    return make


@pytest.fixture
def iis(make_iis: Callable[..., Iis]) -> Iis:
    return make_iis()
