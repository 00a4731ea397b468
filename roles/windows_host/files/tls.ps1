# Sets the versions of TLS that the server accepts. They hold when the server has restarted: a note in the registry says
# when they were changed, so that a run that ended before the restart is made up for.
# Without this Ansible would not run it in check mode
[CmdletBinding(SupportsShouldProcess = $true)]
param (
    [Parameter(Mandatory = $true)] [string] $Path,
    # Each with version, name and data
    [Parameter(Mandatory = $true)] [object[]] $Value
)

$note = 'HKLM:\SOFTWARE\ftps-exchange'
$before = [System.Collections.Generic.List[string]]::new()
$after = [System.Collections.Generic.List[string]]::new()

function Get-Registered {
    # A value of the registry, or nothing
    param ([string] $Key, [string] $Name)

    if (Test-Path -LiteralPath $Key) { (Get-Item -LiteralPath $Key).GetValue($Name) }
}

function Set-Registered {
    param ([string] $Key, [string] $Name, [object] $Data, [string] $Type)

    if (-not (Test-Path -LiteralPath $Key)) { $null = New-Item -Path $Key -Force }
    $null = New-ItemProperty -LiteralPath $Key -Name $Name -Value $Data -PropertyType $Type -Force
}

$differing = @(
    foreach ($one in $Value) {
        $key = "$Path\$($one.version)\Server"
        $present = Get-Registered -Key $key -Name $one.name
        if ($present -is [int] -and $present -eq [int] $one.data) { continue }
        if ($null -ne $present) { $before.Add("$($one.version) $($one.name): $present") }
        $after.Add("$($one.version) $($one.name): $($one.data)")
        @{ key = $key; name = $one.name; data = [int] $one.data }
    }
)
if ($differing.Count -and -not $Ansible.CheckMode) {
    # First, or it could be lost
    Set-Registered -Key $note -Name TlsChanged -Data "$([DateTime]::UtcNow.Ticks)" -Type String
    foreach ($one in $differing) { Set-Registered -Key $one.key -Name $one.name -Data $one.data -Type DWord }
}

$changed = [long]0
$null = [long]::TryParse((Get-Registered -Key $note -Name TlsChanged), [ref]$changed)
$started = (Get-CimInstance -ClassName Win32_OperatingSystem).LastBootUpTime.ToUniversalTime().Ticks
$Ansible.Changed = $differing.Count -gt 0
$Ansible.Result = @{ restart_pending = $differing.Count -gt 0 -or $changed -gt $started }
$Ansible.Diff = @{ before = ($before -join "`n"); after = ($after -join "`n") }
