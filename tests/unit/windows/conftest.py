"""What the tests of the Windows modules share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.windows.iis import Iis, compile_stand_in
from tests.windows.powershell import PowerShell

FOREIGN = Path(__file__).parents[2] / "windows" / "stand_ins" / "foreign.config"


@pytest.fixture(scope="session")
def stand_in_root(powershell: PowerShell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What takes the place of C:\\Windows, with the stand-in of IIS in it."""
    root = tmp_path_factory.mktemp("Windows")
    compile_stand_in(powershell, root)
    return root


@pytest.fixture(scope="session")
def make_iis(
    powershell: PowerShell, stand_in_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Iis]:
    """An IIS with the given configuration file, or with one that is full of other people's settings."""

    def make(text: str | None = None) -> Iis:
        config = tmp_path_factory.mktemp("config") / "applicationHost.config"
        return Iis(powershell, stand_in_root, config, FOREIGN.read_text(encoding="utf-8") if text is None else text)

    return make


@pytest.fixture
def iis(make_iis: Callable[..., Iis]) -> Iis:
    return make_iis()
