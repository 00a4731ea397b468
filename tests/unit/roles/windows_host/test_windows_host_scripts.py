"""The scripts of role windows_host, run by the PowerShell engine over stand-ins for Windows' own commands.

They show what the scripts ask for and what they do with the answers. Whether Windows answers so is not proven.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.windows.powershell import PowerShell, PowerShellError

FILES = Path(__file__).resolve().parents[4] / "roles" / "windows_host" / "files"

# $state is what Windows holds; it comes in and goes out as JSON. $Ansible is what win_powershell gives a script.
HEAD = """
param($file, $stateText, $parametersText, $check)
$ErrorActionPreference = 'Stop'
$global:state = ConvertFrom-Json -InputObject $stateText
$global:calls = [Collections.Generic.List[string]]::new()
$Ansible = [pscustomobject] @{ CheckMode = $check; Changed = $true; Result = $null; Diff = $null }
"""

FIREWALL = """
function Get-NetFirewallServiceFilter { param($Service, $ErrorAction)
    $state.rules | Where-Object { $_.service -eq $Service } | ForEach-Object { [pscustomobject] @{ of = $_.Name } } }
function Get-NetFirewallPortFilter { param($PolicyStore, $Protocol)
    $state.rules | ForEach-Object { [pscustomobject] @{ of = $_.Name; LocalPort = $_.ports } } }
function Get-NetFirewallRule { param($AssociatedNetFirewallServiceFilter, $AssociatedNetFirewallPortFilter)
    $filter = @($AssociatedNetFirewallServiceFilter, $AssociatedNetFirewallPortFilter) | Where-Object { $_ }
    $state.rules | Where-Object { $_.Name -eq $filter.of } }
function Disable-NetFirewallRule { param($Name)
    $calls.Add("disable $Name")
    foreach ($one in $state.rules) { if ($one.Name -eq $Name) { $one.Enabled = 'False' } } }
function Get-NetFirewallSetting { param($PolicyStore) [pscustomobject] @{ EnableStatefulFtp = $state.inspection } }
function Set-NetFirewallSetting { param($PolicyStore, $EnableStatefulFtp)
    $calls.Add("inspection $EnableStatefulFtp"); $state.inspection = $EnableStatefulFtp }
"""

PORTS = """
function netsh.exe {
    $global:LASTEXITCODE = 0
    $words = @($args)
    if ($words[0] -ne 'interface' -or $words[-1] -ne 'store=persistent') { throw "unexpected: $words" }
    $family = $words[1]
    if ($words[2] -eq 'show') {
        ''; 'Portausschlussbereiche des Protokolls TCP'; ''; 'Startport    Endport'; '----------    --------'
        foreach ($one in $state.$family) { '{0,10}  {1,10}     *' -f $one[0], $one[1] }
        ''; '* - Verwaltete Portausschlussbereiche'
        return
    }
    $calls.Add("$($words[1..6])")
    $first = [int] "$($words[5])".Split('=')[1]
    $last = $first + [int] "$($words[6])".Split('=')[1] - 1
    if ($words[2] -eq 'add') {
        foreach ($one in $state.$family) {
            if ($one[0] -gt $last -or $one[1] -lt $first) { continue }
            $global:LASTEXITCODE = 1
            return 'The process cannot access the file because it is being used by another process.'
        }
        $state.$family = @($state.$family) + , @($first, $last)
    }
    else { $state.$family = @(foreach ($one in $state.$family) { if ($one[0] -ne $first) { , $one } }) }
}
function Test-Path { param($LiteralPath) $null -ne $state.note }
function Get-ItemProperty { param($LiteralPath) [pscustomobject] @{ ReservedPorts = $state.note } }
function New-Item { param($Path) $calls.Add("key $Path") }
function New-ItemProperty { param($LiteralPath, $Name, $Value, $PropertyType, [switch] $Force) $state.note = $Value }
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
    script: str
    stand_ins: str
    state: dict[str, Any]
    parameters: dict[str, Any] = field(default_factory=dict)

    def run(self, *, check: bool = False) -> dict[str, Any]:
        said = self.powershell.script(
            HEAD + self.stand_ins + TAIL,
            str(FILES / self.script),
            json.dumps(self.state),
            json.dumps(self.parameters),
            check,
        )
        answer: dict[str, Any] = json.loads(said[-1])
        if not check:
            self.state = answer["state"]
        assert not check or answer["state"] == self.state, "a check changed something"
        return answer


# The firewall


def rule(name: str, ports: list[str], **changes: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "DisplayName": f"Rule {name}",
        "Enabled": "True",
        "Direction": "Inbound",
        "Action": "Allow",
        "service": "Any",
        "ports": ports,
        **changes,
    }


@pytest.fixture
def firewall(powershell: PowerShell) -> Windows:
    rules = [
        rule("FTP-21", ["21"], service="ftpsvc"),
        rule("FTP-passive", ["1024-65535"], service="ftpsvc"),
        rule("FTP-out", ["Any"], service="ftpsvc", Direction="Outbound"),
        rule("FTP-off", ["990"], service="ftpsvc", Enabled="False"),
        rule("own", ["21", "990", "50000-50199"], DisplayName="FTPS exchange: customers"),
        rule("web", ["80", "443"]),
        rule("monitoring", ["20-25"]),
        rule("blocks", ["21"], Action="Block"),
        rule("everything", ["Any"]),
        rule("names", ["RPC", "RPCEPMap"]),
    ]
    state = {"rules": rules, "inspection": "NotConfigured"}
    return Windows(
        powershell, "firewall.ps1", FIREWALL, state, {"OwnRule": "FTPS exchange: customers", "Port": [21, 990]}
    )


def test_what_came_with_the_service_is_closed_and_the_rest_told(firewall: Windows) -> None:
    predicted = firewall.run(check=True)
    done = firewall.run()
    assert predicted["calls"] == []
    assert sorted(done["calls"]) == ["disable FTP-21", "disable FTP-passive", "inspection False"]
    assert done["changed"]
    for key in ("changed", "diff", "result"):
        assert predicted[key] == done[key]
    assert done["result"]["others"] == ["Rule monitoring"]
    assert done["diff"]["before"].splitlines() == [
        "rule Rule FTP-21: enabled",
        "rule Rule FTP-passive: enabled",
        "inspection of FTP: NotConfigured",
    ]
    again = firewall.run()
    assert not again["changed"]
    assert again["calls"] == []
    assert again["diff"] == {"before": "", "after": ""}
    assert again["result"]["others"] == ["Rule monitoring"]


def test_the_firewall_before_the_service_is_there(firewall: Windows) -> None:
    firewall.state = {"rules": [rule("web", ["80"])], "inspection": "False"}
    result = firewall.run()
    assert not result["changed"]
    assert result["result"]["others"] == []


# The reserved ports


@pytest.fixture
def ports(powershell: PowerShell) -> Windows:
    state: dict[str, Any] = {"ipv4": [[5357, 5357], [50300, 50399]], "ipv6": [], "note": None}
    return Windows(powershell, "reserve_ports.ps1", PORTS, state, {"First": 50000, "Last": 50199})


def test_the_data_ports_are_reserved_once(ports: Windows) -> None:
    predicted = ports.run(check=True)
    assert predicted["calls"] == []
    done = ports.run()
    assert predicted["changed"]
    assert predicted["diff"] == done["diff"]
    assert done["state"]["ipv4"] == [[5357, 5357], [50300, 50399], [50000, 50199]]
    assert done["state"]["ipv6"] == [[50000, 50199]]
    assert done["state"]["note"] == "50000-50199"
    assert done["diff"]["after"].splitlines() == ["ipv4 reserved: 50000-50199", "ipv6 reserved: 50000-50199"]
    again = ports.run()
    assert not again["changed"]
    assert again["calls"] == []


def test_a_range_that_is_reserved_as_part_of_a_larger_one(ports: Windows) -> None:
    ports.state["ipv4"] = [[49152, 51000]]
    assert ports.run()["state"]["ipv4"] == [[49152, 51000]]


def test_another_range_takes_the_place_of_the_one_reserved_before(ports: Windows) -> None:
    ports.run()
    ports.parameters = {"First": 50100, "Last": 50299}
    predicted = ports.run(check=True)
    done = ports.run()
    assert predicted["diff"] == done["diff"]
    assert done["state"]["ipv4"] == [[5357, 5357], [50300, 50399], [50100, 50299]], "what others reserved stays"
    assert done["state"]["ipv6"] == [[50100, 50299]]
    assert "ipv4 reserved: 50000-50199" in done["diff"]["before"]
    assert not ports.run()["changed"]


def test_ports_that_somebody_uses_are_told(ports: Windows) -> None:
    ports.state["ipv4"] = [[50150, 50160]]
    with pytest.raises(PowerShellError, match=r"ipv4 add excludedportrange .*being used by another process"):
        ports.run()
