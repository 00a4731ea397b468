"""The scripts of role windows_host, run by the PowerShell engine over stand-ins for Windows' own commands.

They show what the scripts ask for and what they do with the answers. Whether Windows answers so is not proven.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.windows.powershell import PowerShell, PowerShellError
from tests.windows.role_scripts import Windows

FILES = Path(__file__).resolve().parents[4] / "roles" / "windows_host" / "files"

FIREWALL = """
function Get-NetFirewallServiceFilter { param($Service, $AssociatedNetFirewallRule, $ErrorAction)
    if ($AssociatedNetFirewallRule) { return [pscustomobject] @{ Service = $AssociatedNetFirewallRule.service } }
    $state.rules | Where-Object { $_.service -eq $Service } | ForEach-Object { [pscustomobject] @{ of = $_.Name } } }
function Get-NetFirewallApplicationFilter { param($AssociatedNetFirewallRule)
    [pscustomobject] @{ Program = $AssociatedNetFirewallRule.program } }
function Get-NetFirewallAddressFilter { param($AssociatedNetFirewallRule)
    [pscustomobject] @{ RemoteAddress = $AssociatedNetFirewallRule.addresses } }
function Get-NetFirewallPortFilter { param($PolicyStore, $Protocol, $AssociatedNetFirewallRule)
    $of = $state.rules | Where-Object {
        -not $AssociatedNetFirewallRule -or $_.Name -eq $AssociatedNetFirewallRule.Name }
    $of | Where-Object { -not $Protocol -or $_.protocol -eq $Protocol } | ForEach-Object {
        [pscustomobject] @{ of = $_.Name; LocalPort = $_.ports; Protocol = $_.protocol } } }
function Get-NetFirewallRule {
    param($AssociatedNetFirewallServiceFilter, $AssociatedNetFirewallPortFilter, $PolicyStore, $DisplayName, $Enabled,
        $Direction, $Action, $ErrorAction)
    $filter = @($AssociatedNetFirewallServiceFilter, $AssociatedNetFirewallPortFilter) | Where-Object { $_ }
    if ($filter) { return $state.rules | Where-Object { $_.Name -eq $filter.of } }
    $state.rules | Where-Object { ($PolicyStore -ne 'ActiveStore' -or $_.active) -and
        (-not $DisplayName -or $_.DisplayName -eq $DisplayName) -and (-not $Enabled -or $_.Enabled -eq $Enabled) -and
        (-not $Direction -or $_.Direction -eq $Direction) -and (-not $Action -or $_.Action -eq $Action) } }
function Disable-NetFirewallRule { param($Name)
    $calls.Add("disable $Name")
    foreach ($one in $state.rules) { if ($one.Name -eq $Name) { $one.Enabled = 'False' } } }
function Get-NetFirewallProfile { param($PolicyStore) $state.profiles }
function Get-NetConnectionProfile { [pscustomobject] @{ NetworkCategory = $state.network } }
function Get-NetFirewallSetting { param($PolicyStore) [pscustomobject] @{ EnableStatefulFtp = $state.inspection } }
function Set-NetFirewallSetting { param($PolicyStore, $EnableStatefulFtp)
    $calls.Add("inspection $EnableStatefulFtp"); $state.inspection = $EnableStatefulFtp }
"""

PORTS = """
function netsh.exe {
    $global:LASTEXITCODE = 0
    $words = @($args)
    if ($words[0] -ne 'interface' -or $words[-1] -notmatch '^store=(persistent|active)$') { throw "unexpected: $words" }
    $family = $words[1]
    if ($words[2] -eq 'show') {
        ''; 'Portausschlussbereiche des Protokolls TCP'; ''; 'Startport    Endport'; '----------    --------'
        foreach ($one in $state.$family) { '{0,10}  {1,10}     *' -f $one[0], $one[1] }
        if ($words[-1] -eq 'store=active') { foreach ($one in $state.taken) { '{0,10}  {1,10}' -f $one[0], $one[1] } }
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
        "protocol": "TCP",
        "program": "Any",
        "addresses": ["Any"],
        "active": True,
        **changes,
    }


def profile(name: str, **changes: Any) -> dict[str, Any]:
    return {"Name": name, "Enabled": "True", "AllowLocalFirewallRules": "True", "AllowInboundRules": "True", **changes}


PROFILES = [profile("Domain"), profile("Private"), profile("Public", AllowLocalFirewallRules="False")]
"""CIS wants local rules not to count in the public profile, in which this server has no network."""


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
        rule("off", ["21"], Action="Block", Enabled="False"),
        rule("everything", ["Any"]),
        rule("names", ["RPC", "RPCEPMap"]),
    ]
    state = {"rules": rules, "inspection": "NotConfigured", "profiles": PROFILES, "network": "DomainAuthenticated"}
    return Windows(
        powershell,
        FILES / "firewall.ps1",
        FIREWALL,
        state,
        {"OwnRule": "FTPS exchange: customers", "Port": [21, 990], "DataPort": [50000, 50199]},
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
    firewall.state |= {"rules": [rule("web", ["80"])], "inspection": "False"}
    result = firewall.run()
    assert not result["changed"]
    assert result["result"] == {"others": [], "blocking": [], "ignoring": [], "in_force": True}


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("profiles", "ignoring"),
    [
        (PROFILES, []),
        ([profile("Domain", AllowLocalFirewallRules="NotConfigured")], []),
        (
            [profile("Domain", AllowLocalFirewallRules="False"), profile("Private", AllowLocalFirewallRules="False")],
            ["Domain: AllowLocalPolicyMerge = 0 (local rules are ignored)"],
        ),
        ([profile("Domain", AllowInboundRules="False")], ["Domain: DoNotAllowExceptions = 1 (all rules are ignored)"]),
        ([profile("Domain", AllowLocalFirewallRules="False", Enabled="False")], []),
    ],
)
def test_a_policy_under_which_the_own_rule_does_not_count_is_told(
    firewall: Windows, profiles: list[Any], ignoring: list[str], check: bool
) -> None:
    firewall.state["profiles"] = profiles
    assert firewall.run(check=check)["result"]["ignoring"] == ignoring


@pytest.mark.parametrize("network", ["DomainAuthenticated", "Private", "Public"])
def test_the_profile_of_the_network_in_use_is_the_one_that_matters(firewall: Windows, network: str) -> None:
    firewall.state["network"] = network
    ignoring = firewall.run()["result"]["ignoring"]
    assert [one.split(":")[0] for one in ignoring] == (["Public"] if network == "Public" else [])


def test_a_rule_that_is_stored_and_not_in_force_is_told(firewall: Windows) -> None:
    assert firewall.run()["result"]["in_force"] is True
    for one in firewall.state["rules"]:
        one["active"] = one["Name"] != "own"
    assert firewall.run()["result"]["in_force"] is False
    # Before the first run, in a check, it is not stored either
    firewall.state["rules"] = [one for one in firewall.state["rules"] if one["Name"] != "own"]
    assert firewall.run(check=True)["result"]["in_force"] is True


@pytest.mark.parametrize(
    ("changes", "hits"),
    [
        ({"ports": ["21"]}, True),
        ({"ports": ["20-22"]}, True),
        ({"ports": ["50150"]}, True),
        ({"ports": ["50199-50300"]}, True),
        ({"ports": ["49000-50000"]}, True),
        ({"ports": ["80", "990"]}, True),
        ({"ports": ["Any"]}, True),
        ({"ports": ["Any"], "protocol": "Any"}, True),
        ({"ports": ["21"], "service": "ftpsvc"}, True),
        ({"ports": ["21"], "program": "%SystemRoot%\\System32\\svchost.exe"}, True),
        ({"ports": ["22-80", "RPC", "50200-51000", "40000-49999"]}, False),
        ({"ports": ["21"], "protocol": "UDP"}, False),
        ({"ports": ["21"], "service": "W3SVC"}, False),
        ({"ports": ["21"], "program": "C:\\Other\\server.exe"}, False),
        ({"ports": ["21"], "Direction": "Outbound"}, False),
        ({"ports": ["21"], "Enabled": "False"}, False),
        ({"ports": ["21"], "active": False}, False),
    ],
)
def test_a_rule_that_blocks_a_port_of_ours_is_told(firewall: Windows, changes: dict[str, Any], hits: bool) -> None:
    firewall.state["rules"].append(rule("block", **({"Action": "Block"} | changes)))
    expected = [{"name": "Rule block", "addresses": "Any", "everybody": True}] if hits else []
    assert firewall.run()["result"]["blocking"] == expected


def test_a_rule_that_blocks_some_addresses_is_told_with_them(firewall: Windows) -> None:
    firewall.state["rules"].append(rule("block", ["21"], Action="Block", addresses=["192.0.2.7", "198.51.100.0/24"]))
    assert firewall.run()["result"]["blocking"] == [
        {"name": "Rule block", "addresses": "192.0.2.7, 198.51.100.0/24", "everybody": False}
    ]


# The reserved ports


@pytest.fixture
def ports(powershell: PowerShell) -> Windows:
    state: dict[str, Any] = {"ipv4": [[5357, 5357], [50300, 50399]], "ipv6": [], "note": None, "taken": []}
    return Windows(powershell, FILES / "reserve_ports.ps1", PORTS, state, {"First": 50000, "Last": 50199})


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


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("reserved", [[50150, 50160], [49900, 50000], [50199, 50200]])
def test_ports_that_are_reserved_in_part_are_told_with_the_way_out(
    ports: Windows, reserved: list[int], check: bool
) -> None:
    ports.state["ipv6"] = [reserved]
    first, last = reserved
    with pytest.raises(PowerShellError) as told:
        ports.run(check=check)
    assert f"The data ports 50000-50199 overlap with ports that are already reserved (ipv6): {first}-{last}." in str(
        told.value
    )
    assert f"netsh interface ipv6 delete excludedportrange protocol=tcp startport={first}" in str(told.value)
    assert f"numberofports={last - first + 1})" in str(told.value)
    assert "exchange.passive_ports" in str(told.value)
    assert "reserved: 50000-50199" not in str(told.value), "and nothing was reserved for the other family"


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("reserved", [[50000, 50059], [49900, 50300]])
def test_ports_that_a_program_took_are_told_with_the_way_out(ports: Windows, reserved: list[int], check: bool) -> None:
    """Hyper-V, WinNAT and containers: only the active store has them, and no other program can listen there."""
    ports.state["taken"] = [reserved]
    with pytest.raises(
        PowerShellError, match=rf"already reserved \(ipv4\): {reserved[0]}-{reserved[1]}\..*net stop winnat"
    ):
        ports.run(check=check)


def test_a_range_of_a_program_beside_ours_does_no_harm(ports: Windows) -> None:
    ports.state["taken"] = [[49000, 49999], [50200, 50299]]
    assert ports.run()["changed"]


# The versions of TLS

TLS = """
function Find { param($Key) $state.registry | Where-Object { $_.key -eq $Key } }
function Test-Path { param($LiteralPath) [bool] @(Find $LiteralPath).Count }
function Get-Item { param($LiteralPath)
    $key = [pscustomobject] @{ of = $LiteralPath }
    $key | Add-Member -MemberType ScriptMethod -Name GetValue -Value { param($Name)
        $text = (Find $this.of | Where-Object { $_.name -eq $Name }).data
        if ($text -is [string] -or $null -eq $text) { $text } else { [int] $text } }
    $key }
function New-Item { param($Path, [switch] $Force) $calls.Add("key $Path") }
function New-ItemProperty { param($LiteralPath, $Name, $Value, $PropertyType, [switch] $Force)
    $calls.Add("$Name $PropertyType")
    $rest = @($state.registry | Where-Object { $_.key -ne $LiteralPath -or $_.name -ne $Name })
    $state.registry = $rest + [pscustomobject] @{ key = $LiteralPath; name = $Name; data = $Value } }
function Get-CimInstance { param($ClassName)
    if ($ClassName -ne 'Win32_OperatingSystem') { throw "unexpected: $ClassName" }
    [pscustomobject] @{ LastBootUpTime = [DateTime]::new($state.booted, 'Utc').ToLocalTime() } }
"""
LONG_AGO, FAR_AHEAD = 600_000_000_000_000_000, 900_000_000_000_000_000


@pytest.fixture
def tls(powershell: PowerShell) -> Windows:
    values = [
        {"version": "TLS 1.0", "name": "Enabled", "data": 0},
        {"version": "TLS 1.2", "name": "Enabled", "data": 1},
    ]
    registry = [{"key": "HKLM:\\P\\TLS 1.0\\Server", "name": "Enabled", "data": 1}]
    state = {"registry": registry, "booted": LONG_AGO}
    return Windows(powershell, FILES / "tls.ps1", TLS, state, {"Path": "HKLM:\\P", "Value": values})


def test_the_versions_are_set_once_and_a_restart_is_due_until_there_was_one(tls: Windows) -> None:
    predicted = tls.run(check=True)
    assert predicted["calls"] == []
    done = tls.run()
    for key in ("changed", "diff", "result"):
        assert predicted[key] == done[key]
    assert done["changed"] is True
    assert done["result"] == {"restart_pending": True}
    assert done["diff"] == {"before": "TLS 1.0 Enabled: 1", "after": "TLS 1.0 Enabled: 0\nTLS 1.2 Enabled: 1"}
    assert done["calls"][:2] == ["key HKLM:\\SOFTWARE\\ftps-exchange", "TlsChanged String"], "the note comes first"
    # The run ended here, or nobody allowed a restart
    for check in (True, False):
        again = tls.run(check=check)
        assert (again["changed"], again["result"], again["calls"]) == (False, {"restart_pending": True}, [])
    tls.state["booted"] = FAR_AHEAD
    assert tls.run()["result"] == {"restart_pending": False}


def test_what_was_set_before_the_first_run_wants_no_restart(tls: Windows) -> None:
    key = "HKLM:\\P\\TLS 1.{}\\Server"
    tls.state["registry"] = [
        {"key": key.format(0), "name": "Enabled", "data": 0},
        {"key": key.format(2), "name": "Enabled", "data": 1},
    ]
    done = tls.run()
    assert (done["changed"], done["result"]) == (False, {"restart_pending": False})


def test_a_value_of_another_type_is_none(tls: Windows) -> None:
    tls.run()
    for one in tls.state["registry"]:
        if one["name"] == "Enabled":
            one["data"] = str(one["data"])
    assert tls.run()["changed"]
