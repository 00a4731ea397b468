"""The tests' own way to run PowerShell: what it answers, and that nothing is left out silently."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.windows import powershell as windows

MODULE = """#!powershell
#AnsibleRequires -CSharpUtil Ansible.Basic
$module = [Ansible.Basic.AnsibleModule]::Create($args, @{
    options = @{ text = @{ type = 'str'; required = $true } }
    supports_check_mode = $true
})
if ($module.Params.text -eq 'fail') { $module.FailJson('told to fail') }
$null = 'x'.NoSuchMethodIsHere
if ($module.Params.text -eq 'crash') { throw 'not caught' }
$module.Result.said = "$($module.Params.text) $($env:FTPS_EXCHANGE_TEST)"
$module.Result.changed = -not $module.CheckMode
$module.Diff.before = 'a'
$module.ExitJson()
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("library") / "a_module.ps1"
    file.write_text(MODULE, encoding="utf-8")
    return file


def test_one_process_runs_a_module_many_times(powershell: windows.PowerShell, module: Path) -> None:
    for text in ("one", "zwei £"):
        answer = powershell.module(module, {"text": text}, environment={"FTPS_EXCHANGE_TEST": "here"})
        assert answer["said"] == f"{text} here"
        assert answer["changed"] is True
        assert answer["diff"] == {"before": "a"}
    assert powershell.module(module, {"text": "three"}, check=True)["changed"] is False
    assert powershell.module(module, {"text": "three"})["said"] == "three "


def test_a_module_meets_nothing_that_one_before_it_kept(powershell: windows.PowerShell, module: Path) -> None:
    kept = MODULE.replace("$null = 'x'", "$script:Kept = 'kept'; $null = 'x'")
    seen = MODULE.replace(
        "ExitJson", 'Warn("$(Get-Variable -Name Kept -ValueOnly -ErrorAction Ignore)"); $module.ExitJson'
    )
    powershell.module(module, {"text": "x"}, text=kept)
    assert powershell.module(module, {"text": "x"}, text=seen)["warnings"] == [""]


def test_a_failure_is_told_apart_from_a_crash(powershell: windows.PowerShell, module: Path) -> None:
    failed = powershell.module(module, {"text": "fail"})
    assert (failed["failed"], failed["msg"]) == (True, "told to fail")
    assert "crashed" not in failed
    crashed = powershell.module(module, {"text": "crash"})
    assert (crashed["failed"], crashed["crashed"], crashed["msg"]) == (True, True, "not caught")
    unknown = powershell.module(module, {"text": "x", "other": 1})
    assert "Unsupported parameters" in unknown["msg"]


def test_a_script_puts_out_values_and_errors(powershell: windows.PowerShell) -> None:
    assert powershell.script("param($a, $b) $a; $b['c']", 1, {"c": [2, 3]}) == [1, 2, 3]
    with pytest.raises(windows.PowerShellError, match="no good"):
        powershell.script("throw 'no good'")
    with pytest.raises(windows.PowerShellError, match="does not parse"):
        powershell.script("if (")


def test_a_process_that_does_not_answer_is_ended_and_replaced(pwsh: Path) -> None:
    process = windows.PowerShell(pwsh)
    try:
        with pytest.raises(windows.PowerShellError, match="did not answer within 4 s"):
            process.script("while ($true) { Start-Sleep 1 }", timeout=4)
        assert process.script("'again'") == ["again"]
    finally:
        process.close()


def test_without_an_engine_checks_are_left_out_and_counted_and_fail_in_continuous_integration(tmp_path: Path) -> None:
    check = "tests/unit/windows/test_powershell.py::test_a_script_puts_out_values_and_errors"
    python = Path(sys.executable)
    # The PATH holds Python alone
    (tmp_path / "python").symlink_to(python)
    alone = {"PATH": str(tmp_path), "HOME": str(tmp_path), "VIRTUAL_ENV": os.environ.get("VIRTUAL_ENV", "")}
    command: list[str | Path] = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", check]
    for variables, code, text in (
        ({}, 0, "1 checks of the PowerShell modules were left out"),
        ({"CI": "true"}, 1, "no check may be left out"),
    ):
        done = subprocess.run(command, env=alone | variables, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert text in done.stdout


def test_a_variable_that_names_no_program_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(windows.VARIABLE, str(tmp_path / "pwsh"))
    with pytest.raises(RuntimeError, match="which is no program"):
        windows.find()
