"""The module win_iis_settings on a stand-in of IIS: one applicationHost.config, and what was done to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .powershell import PROJECT, PowerShell

MODULE = PROJECT / "plugins" / "modules" / "win_iis_settings.ps1"
SOURCE = Path(__file__).parent / "stand_ins" / "web_administration.cs"
SCHEMA = PROJECT / "src" / "ftps_exchange" / "iis" / "schema.json"
CERTIFICATE = "3B7E0F6C1D2A49587766554433221100FFEEDDCC"
QUESTIONS = ("LOCALITY", "NOWHERE", "UNCOMMITTED", "NEW_SITES")
READINGS = (
    ("deepest", "throws", "visible", "known"),
    ("file", "throws", "visible", "known"),
    ("deepest", "empty", "hidden", "known"),
    ("file", "throws", "hidden", "unknown"),
    ("deepest", "throws", "visible", "unknown"),
)
"""What the stand-in may believe (web_administration.cs says what of): the module has to be right under each."""

LIBRARY = Path("System32", "inetsrv", "Microsoft.Web.Administration.dll")

_COMPILE = """param($source, $target)
Add-Type -TypeDefinition ([IO.File]::ReadAllText($source)) -OutputAssembly $target
"""


def stand_in_root(powershell: PowerShell) -> Path:
    """What is SystemRoot to the module: a folder with the stand-in where the module looks for the library.

    A process compiles it once: for a text that it has compiled already Add-Type writes no file.
    """
    root = powershell.folder / "Windows"
    target = root / LIBRARY
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        powershell.script(_COMPILE, str(SOURCE), str(target))
    return root


class Iis:
    """A configuration file, and the module that is run on it."""

    def __init__(self, powershell: PowerShell, config: Path, text: str) -> None:
        self.powershell = powershell
        self.root = stand_in_root(powershell)
        self.config = config
        self.text = text
        self._runs = 0
        self.reading = READINGS[0]
        """What the stand-in believes where sources differ."""
        self.schema = SCHEMA
        self.missing = "throws"
        """What the stand-in does when something does not exist: it "throws", or gives "nothing"."""

    @property
    def text(self) -> str:
        return self.config.read_bytes().decode()

    @text.setter
    def text(self, value: str) -> None:
        self.config.write_bytes(value.encode())

    @property
    def pending(self) -> Path:
        """The file that says that a restart is due."""
        return self.config.parent / "ProgramData" / "ftps-exchange" / "restart-of-ftpsvc"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SystemRoot": str(self.root),
            "ProgramData": str(self.config.parent / "ProgramData"),
            "FTPS_EXCHANGE_IIS_CONFIG": str(self.config),
            "FTPS_EXCHANGE_IIS_SCHEMA": str(self.schema),
            "FTPS_EXCHANGE_IIS_MISSING": self.missing,
            **{
                f"FTPS_EXCHANGE_IIS_{question}": answer
                for question, answer in zip(QUESTIONS, self.reading, strict=True)
            },
        }

    def apply(
        self,
        settings: Mapping[str, Any] | str,
        *,
        thumbprint: str | None = CERTIFICATE,
        check: bool = False,
        diff: bool = True,
        fail_at: int = 0,
        timeout: float = 120,
    ) -> dict[str, Any]:
        """Run the module; ``fail_at`` is the number of the call of the API that fails."""
        self._runs += 1
        return self.powershell.module(
            MODULE,
            {
                "settings": settings if isinstance(settings, str) else json.dumps(settings),
                **({} if thumbprint is None else {"thumbprint": thumbprint}),
            },
            check=check,
            diff=diff,
            environment=self.environment
            | {"FTPS_EXCHANGE_IIS_FAIL_AT": str(fail_at), "FTPS_EXCHANGE_IIS_RUN": f"{self.config} {self._runs}"},
            timeout=timeout,
        )

    def left_open(self) -> int:
        """How many of its managers the last run did not dispose of."""
        value: int = self.powershell.script("[Microsoft.Web.Administration.StandIn]::Open")[0]
        return value

    def calls(self) -> int:
        """How often the last run called the API."""
        value: int = self.powershell.script("[Microsoft.Web.Administration.StandIn]::Calls")[0]
        return value
