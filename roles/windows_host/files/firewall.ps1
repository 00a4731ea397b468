# Rules that let others than the known networks in to the FTP service: those that came with the service are turned off,
# others that name one of its ports are told. And the firewall's inspection of FTP is turned off: it reads the control
# channel to open data ports, and breaks what it cannot read.
# Without this Ansible would not run it in check mode
[CmdletBinding(SupportsShouldProcess = $true)]
param (
    [Parameter(Mandatory = $true)] [string] $OwnRule,
    [Parameter(Mandatory = $true)] [int[]] $Port
)

$before = [System.Collections.Generic.List[string]]::new()
$after = [System.Collections.Generic.List[string]]::new()

function Get-OpenRule {
    # Rules in force that let somebody in
    param ([object[]] $Rule)

    foreach ($one in $Rule) {
        if ("$($one.Enabled)" -eq 'True' -and "$($one.Direction)" -eq 'Inbound' -and "$($one.Action)" -eq 'Allow') {
            if ($one.DisplayName -ne $OwnRule) { $one }
        }
    }
}

# No such filter is an error for the cmdlet: before the service is installed, for example
$filters = @(Get-NetFirewallServiceFilter -Service ftpsvc -ErrorAction SilentlyContinue)
$ofService = @(foreach ($filter in $filters) { Get-OpenRule -Rule (Get-NetFirewallRule -AssociatedNetFirewallServiceFilter $filter) })
foreach ($rule in $ofService) {
    $before.Add("rule $($rule.DisplayName): enabled")
    $after.Add("rule $($rule.DisplayName): disabled")
    if (-not $Ansible.CheckMode) { Disable-NetFirewallRule -Name $rule.Name }
}

# Rules of the group policy are seen in the active store only
$known = @(foreach ($rule in $ofService) { $rule.Name })
$others = @(
    foreach ($filter in Get-NetFirewallPortFilter -PolicyStore ActiveStore -Protocol TCP) {
        $named = @(
            foreach ($text in @($filter.LocalPort)) {
                if ("$text" -notmatch '^(\d+)(?:-(\d+))?$') { continue }
                $low = [int] $Matches[1]
                $high = if ($Matches[2]) { [int] $Matches[2] } else { $low }
                foreach ($one in $Port) { if ($one -ge $low -and $one -le $high) { $one } }
            }
        )
        if (-not $named) { continue }
        foreach ($rule in Get-OpenRule -Rule (Get-NetFirewallRule -AssociatedNetFirewallPortFilter $filter)) {
            if ($known -notcontains $rule.Name) { $rule.DisplayName }
        }
    }
)

$inspection = "$((Get-NetFirewallSetting -PolicyStore PersistentStore).EnableStatefulFtp)"
if ($inspection -ne 'False') {
    $before.Add("inspection of FTP: $inspection")
    $after.Add('inspection of FTP: False')
    if (-not $Ansible.CheckMode) {
        Set-NetFirewallSetting -PolicyStore PersistentStore -EnableStatefulFtp False
    }
}

$Ansible.Changed = $after.Count -gt 0
$Ansible.Result = @{ others = @($others | Sort-Object -Unique) }
$Ansible.Diff = @{ before = ($before -join "`n"); after = ($after -join "`n") }
