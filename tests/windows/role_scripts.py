"""Runs a PowerShell script of a role over stand-ins for Windows' own commands.

The stand-ins are functions of the same names, which show what a script asks for. Whether Windows answers so is not
proven.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .powershell import PowerShell

# $state is what Windows holds; it comes in and goes out as JSON. $Ansible is what win_powershell gives a script.
HEAD = """
param($file, $stateText, $parametersText, $check)
$ErrorActionPreference = 'Stop'
$global:state = ConvertFrom-Json -InputObject $stateText
$global:calls = [Collections.Generic.List[string]]::new()
$Ansible = [pscustomobject] @{ CheckMode = $check; Changed = $true; Result = $null; Diff = $null }
"""

TAIL = """
$parameters = @{}
(ConvertFrom-Json -InputObject $parametersText).PSObject.Properties | ForEach-Object { $parameters[$_.Name] = $_.Value }
& ([scriptblock]::Create([IO.File]::ReadAllText($file))) @parameters
ConvertTo-Json -Depth 6 -InputObject @{
    state = $state; calls = $calls; changed = $Ansible.Changed; result = $Ansible.Result; diff = $Ansible.Diff }
"""


@dataclass
class Windows:
    """What Windows holds, and a script run on it."""

    powershell: PowerShell
    script: Path
    stand_ins: str
    state: dict[str, Any]
    parameters: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *, check: bool = False) -> dict[str, Any]:
        said = self.powershell.script(
            HEAD + self.stand_ins + TAIL,
            str(self.script),
            json.dumps(self.state),
            json.dumps(self.parameters),
            check,
            environment=self.environment,
        )
        answer: dict[str, Any] = json.loads(said[-1])
        if not check:
            self.state = answer["state"]
        assert not check or answer["state"] == self.state, "a check changed something"
        return answer
