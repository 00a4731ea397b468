# Rules that let others than the known networks in to the FTP service: those that came with the service are turned off,
# others that name one of its ports are reported. So is what keeps the own rule from letting anybody in: a group policy under
# which local rules do not count, and rules that block, which come before all that allow. And the firewall's inspection of
# FTP is turned off: it reads the control channel to open data ports, and breaks what it cannot read.
# Without this Ansible would not run it in check mode
[CmdletBinding(SupportsShouldProcess = $true)]
param (
    [Parameter(Mandatory = $true)] [string] $OwnRule,
    [Parameter(Mandatory = $true)] [int[]] $Port,
    # First and last port of the data channel
    [Parameter(Mandatory = $true)] [int[]] $DataPort
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

function Test-Port {
    # Whether the ports of a filter, numbers and ranges, have one of the service's, or one of its data ports
    param ([object[]] $LocalPort)

    foreach ($text in $LocalPort) {
        if ("$text" -eq 'Any') { return $true }
        if ("$text" -notmatch '^(\d+)(?:-(\d+))?$') { continue }
        $low = [int] $Matches[1]
        $high = if ($Matches[2]) { [int] $Matches[2] } else { $low }
        if ($low -le $DataPort[1] -and $high -ge $DataPort[0]) { return $true }
        foreach ($one in $Port) { if ($one -ge $low -and $one -le $high) { return $true } }
    }
    return $false
}

function Test-Other {
    # Whether a rule is about another program or service
    param ([object] $Rule)

    $service = "$((Get-NetFirewallServiceFilter -AssociatedNetFirewallRule $Rule).Service)"
    $program = "$((Get-NetFirewallApplicationFilter -AssociatedNetFirewallRule $Rule).Program)"
    if ($service -and $service -notin 'Any', '*', 'ftpsvc') { return $true }
    return $program -and $program -notin 'Any', 'System' -and $program -notmatch '\\svchost\.exe$'
}

# In force is what stands in the active store
$rules = @{ PolicyStore = 'ActiveStore'; Enabled = 'True'; Direction = 'Inbound'; Action = 'Block' }
$blocking = @(
    foreach ($rule in Get-NetFirewallRule @rules -ErrorAction SilentlyContinue) {
        $filter = Get-NetFirewallPortFilter -AssociatedNetFirewallRule $rule
        if ("$($filter.Protocol)" -notin 'TCP', '6', 'Any') { continue }
        if ("$($filter.Protocol)" -ne 'Any' -and -not (Test-Port -LocalPort $filter.LocalPort)) { continue }
        if (Test-Other -Rule $rule) { continue }
        $addresses = @((Get-NetFirewallAddressFilter -AssociatedNetFirewallRule $rule).RemoteAddress)
        @{ name = $rule.DisplayName; addresses = ($addresses -join ', '); everybody = $addresses -contains 'Any' }
    }
)
$stored = @(Get-NetFirewallRule -PolicyStore PersistentStore -DisplayName $OwnRule -ErrorAction SilentlyContinue)
$inForce = @(Get-NetFirewallRule -PolicyStore ActiveStore -DisplayName $OwnRule -ErrorAction SilentlyContinue)
$inUse = @(foreach ($network in Get-NetConnectionProfile) { "$($network.NetworkCategory)" -replace 'Authenticated$', '' })
$ignoring = @(
    foreach ($one in Get-NetFirewallProfile -PolicyStore ActiveStore) {
        if ("$($one.Enabled)" -ne 'True' -or $inUse -notcontains "$($one.Name)") { continue }
        if ("$($one.AllowLocalFirewallRules)" -eq 'False') { "$($one.Name): AllowLocalPolicyMerge = 0 (local rules are ignored)" }
        if ("$($one.AllowInboundRules)" -eq 'False') { "$($one.Name): DoNotAllowExceptions = 1 (all rules are ignored)" }
    }
)

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
$Ansible.Result = @{
    others = @($others | Sort-Object -Unique)
    blocking = $blocking
    ignoring = $ignoring
    in_force = $stored.Count -eq 0 -or $inForce.Count -gt 0
}
$Ansible.Diff = @{ before = ($before -join "`n"); after = ($after -join "`n") }
