# Reserves the ports of the data channel, for IPv4 and for IPv6, so that Windows gives none of them to a program that asks
# for any port. What was reserved by an earlier run and is not wanted any more is given back; only a note in the registry
# can tell whose a reservation is.
# Without this Ansible would not run it in check mode
[CmdletBinding(SupportsShouldProcess = $true)]
param (
    [Parameter(Mandatory = $true)] [int] $First,
    [Parameter(Mandatory = $true)] [int] $Last
)

$note = 'HKLM:\SOFTWARE\ftps-exchange'
$before = [System.Collections.Generic.List[string]]::new()
$after = [System.Collections.Generic.List[string]]::new()

function Invoke-Netsh {
    # netsh, whose errors are an exit status and a text
    param ([string[]] $Argument)

    $said = & netsh.exe interface @Argument
    if ($LASTEXITCODE -ne 0) { throw "netsh interface $($Argument -join ' ') failed: $(($said -join ' ').Trim())" }
    $said
}

function Get-Reservation {
    # What is reserved: lines with two numbers. All words around them are in the language of the system.
    param ([string] $Family)

    foreach ($line in Invoke-Netsh -Argument $Family, show, excludedportrange, protocol=tcp, store=persistent) {
        if ($line -match '^\s*(\d+)\s+(\d+)\b') { @{ first = [int] $Matches[1]; last = [int] $Matches[2] } }
    }
}

$noted = $null
if (Test-Path -LiteralPath $note) { $noted = (Get-ItemProperty -LiteralPath $note).ReservedPorts }
foreach ($family in 'ipv4', 'ipv6') {
    $reserved = @(Get-Reservation -Family $family)
    $overlapping = @(
        foreach ($one in $reserved) {
            if ($one.first -le $First -and $one.last -ge $Last) { $one }
        }
    )
    if ($noted -and $noted -ne "$First-$Last") {
        $old = $noted.Split('-')
        foreach ($one in $reserved) {
            if ("$($one.first)-$($one.last)" -ne $noted) { continue }
            $before.Add("$family reserved: $noted")
            if (-not $Ansible.CheckMode) {
                $number = [int] $old[1] - [int] $old[0] + 1
                $null = Invoke-Netsh -Argument $family, delete, excludedportrange, protocol=tcp, "startport=$($old[0])", "numberofports=$number", store=persistent
            }
            $overlapping = @($overlapping | Where-Object { $_ -ne $one })
        }
    }
    if ($overlapping.Count) { continue }
    $after.Add("$family reserved: $First-$Last")
    if (-not $Ansible.CheckMode) {
        $null = Invoke-Netsh -Argument $family, add, excludedportrange, protocol=tcp, "startport=$First", "numberofports=$($Last - $First + 1)", store=persistent
    }
}
if ($noted -ne "$First-$Last" -and -not $Ansible.CheckMode) {
    if (-not (Test-Path -LiteralPath $note)) { $null = New-Item -Path $note }
    $null = New-ItemProperty -LiteralPath $note -Name ReservedPorts -Value "$First-$Last" -PropertyType String -Force
}

$Ansible.Changed = $before.Count + $after.Count -gt 0
$Ansible.Diff = @{ before = ($before -join "`n"); after = ($after -join "`n") }
