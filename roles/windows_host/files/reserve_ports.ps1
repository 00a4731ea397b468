# Reserves the ports of the data channel, for IPv4 and for IPv6, so that Windows gives none of them to a program that asks
# for any port. What an earlier run reserved and is no longer wanted is released; a note in the registry
# says which reservation is ours.
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
    # What is reserved: lines with two numbers. All words around them are in the language of the system. A star marks what
    # an administrator reserved: a program may still ask for one of these ports by its number.
    param ([string] $Family, [string] $Store)

    foreach ($line in Invoke-Netsh -Argument $Family, show, excludedportrange, protocol=tcp, "store=$Store") {
        if ($line -notmatch '^\s*(\d+)\s+(\d+)\b(.*)$') { continue }
        @{ first = [int] $Matches[1]; last = [int] $Matches[2]; administered = $Matches[3].Contains('*') }
    }
}

function Test-Overlap {
    param ([hashtable] $Range)

    $Range.first -le $Last -and $Range.last -ge $First
}

function Stop-Overlap {
    # The range, who may have it, and the remedy
    param ([string] $Family, [object[]] $Range, [string] $Remedy)

    $named = @(foreach ($one in $Range) { "$($one.first)-$($one.last)" }) -join ', '
    throw "The data ports $First-$Last overlap with ports that are already reserved ($Family): $named. $Remedy Or choose another exchange.passive_ports, for all servers, the edge and the customers' firewalls."
}

$noted = $null
if (Test-Path -LiteralPath $note) { $noted = (Get-ItemProperty -LiteralPath $note).ReservedPorts }
$wanted = @{}
foreach ($family in 'ipv4', 'ipv6') {
    $stored = @(Get-Reservation -Family $family -Store persistent)
    $own = @($stored | Where-Object { $noted -and "$($_.first)-$($_.last)" -eq $noted })
    $others = @($stored | Where-Object { $own -notcontains $_ -and (Test-Overlap -Range $_) })
    $covering = @($others | Where-Object { $_.first -le $First -and $_.last -ge $Last })
    # Hyper-V, WinNAT and containers take theirs when they start: these are nowhere stored, and nobody else can use them
    $taken = @(Get-Reservation -Family $family -Store active | Where-Object { -not $_.administered -and (Test-Overlap -Range $_) })
    if ($taken.Count) {
        Stop-Overlap -Family $family -Range $taken -Remedy 'A program uses them, such as Hyper-V, WinNAT or containers: stop it (net stop winnat), run this again, and start it (net start winnat); it then takes other ports.'
    }
    if ($others.Count -and -not $covering.Count) {
        Stop-Overlap -Family $family -Range $others -Remedy "An administrator reserved them: release them (netsh interface $family delete excludedportrange protocol=tcp startport=$($others[0].first) numberofports=$($others[0].last - $others[0].first + 1)) and run this again."
    }
    $keeps = $own.Count -and $noted -eq "$First-$Last"
    $wanted[$family] = @{ gone = $own.Count -and -not $keeps; new = -not $keeps -and -not $covering.Count }
}

# Nothing is touched before both families were looked at
foreach ($family in 'ipv4', 'ipv6') {
    if ($wanted[$family].gone) {
        $old = $noted.Split('-')
        $before.Add("$family reserved: $noted")
        if (-not $Ansible.CheckMode) {
            $number = [int] $old[1] - [int] $old[0] + 1
            $null = Invoke-Netsh -Argument $family, delete, excludedportrange, protocol=tcp, "startport=$($old[0])", "numberofports=$number", store=persistent
        }
    }
    if ($wanted[$family].new) {
        $after.Add("$family reserved: $First-$Last")
        if (-not $Ansible.CheckMode) {
            $null = Invoke-Netsh -Argument $family, add, excludedportrange, protocol=tcp, "startport=$First", "numberofports=$($Last - $First + 1)", store=persistent
        }
    }
}
if ($noted -ne "$First-$Last" -and -not $Ansible.CheckMode) {
    if (-not (Test-Path -LiteralPath $note)) { $null = New-Item -Path $note }
    $null = New-ItemProperty -LiteralPath $note -Name ReservedPorts -Value "$First-$Last" -PropertyType String -Force
}

$Ansible.Changed = $before.Count + $after.Count -gt 0
$Ansible.Diff = @{ before = ($before -join "`n"); after = ($after -join "`n") }
