"""The script that restarts the FTP service where that is due, run over stand-ins for Windows' own commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.windows.powershell import PowerShell
from tests.windows.role_scripts import Windows

SCRIPT = Path(__file__).resolve().parents[4] / "roles" / "iis_ftp_site" / "files" / "restart.ps1"

# started: ticks of the moment at which the service's process began; none: it does not run
SERVICE = """
function Get-CimInstance { param($ClassName, $Filter)
    if ("$ClassName $Filter" -ne "Win32_Service Name='ftpsvc'") { throw "unexpected: $ClassName $Filter" }
    [pscustomobject] @{ ProcessId = if ($state.started) { 4711 } else { 0 } } }
function Get-Process { param($Id)
    if ($Id -ne 4711) { throw "unexpected: $Id" }
    [pscustomobject] @{ StartTime = [DateTime]::new($state.started, 'Utc').ToLocalTime() } }
function Restart-Service { param($Name, [switch] $Force)
    $calls.Add("restart $Name"); $state.started = 9000000000000000000 }
"""
DUE = 638_000_000_000_000_000


@pytest.fixture
def service(powershell: PowerShell, tmp_path: Path) -> Windows:
    folder = tmp_path / "ftps-exchange"
    folder.mkdir()
    (folder / "restart-of-ftpsvc").write_text(str(DUE))
    environment = {"ProgramData": str(tmp_path)}
    return Windows(powershell, SCRIPT, SERVICE, {"started": DUE - 1}, {"Changed": False}, environment)


def pending(service: Windows) -> Path:
    return Path(service.environment["ProgramData"], "ftps-exchange", "restart-of-ftpsvc")


def test_a_restart_that_is_due_is_done_once(service: Windows) -> None:
    predicted = service.run(check=True)
    assert predicted["changed"]
    assert predicted["calls"] == []
    assert pending(service).exists()
    done = service.run()
    assert done["changed"]
    assert done["calls"] == ["restart ftpsvc"]
    assert not pending(service).exists()
    again = service.run()
    assert not again["changed"]
    assert again["calls"] == []


def test_a_service_that_started_since_is_left_alone(service: Windows) -> None:
    service.state = {"started": DUE + 1}
    assert not service.run(check=True)["changed"]
    done = service.run()
    assert not done["changed"]
    assert done["calls"] == []
    assert not pending(service).exists(), "what was due has come about"


@pytest.mark.parametrize("text", ["", "yesterday"])
def test_a_note_that_nobody_can_read_means_a_restart(service: Windows, text: str) -> None:
    service.state = {"started": DUE + 1}
    pending(service).write_text(text)
    assert service.run()["calls"] == ["restart ftpsvc"]


def test_a_service_that_does_not_run_is_started(service: Windows) -> None:
    service.state = {"started": 0}
    assert service.run()["calls"] == ["restart ftpsvc"]


def test_a_check_of_a_change_stored_nothing_and_tells_the_restart(service: Windows) -> None:
    pending(service).unlink()
    service.parameters = {"Changed": True}
    predicted = service.run(check=True)
    assert predicted["changed"]
    assert predicted["calls"] == []
