# Accounts and groups of the exchange as local ones, for a server without a domain. Adds what is missing, and removes
# nothing: the server of the scenario is thrown away.
[CmdletBinding(SupportsShouldProcess = $true)]
param (
    [Parameter(Mandatory = $true)] [string] $Directory,
    [Parameter(Mandatory = $true)] [securestring] $Password
)

$ErrorActionPreference = 'Stop'
$Ansible.Changed = $false
$wanted = ConvertFrom-Json -InputObject $Directory
$sids = @{}

foreach ($user in $wanted.users) {
    if (Get-LocalUser -Name $user.name -ErrorAction SilentlyContinue) { continue }
    $Ansible.Changed = $true
    if ($PSCmdlet.ShouldProcess($user.name, 'make the account')) {
        $null = New-LocalUser -Name $user.name -Password $Password -PasswordNeverExpires -UserMayNotChangePassword -Disabled:(-not $user.enabled)
    }
}

foreach ($group in $wanted.groups) {
    if (-not (Get-LocalGroup -Name $group.name -ErrorAction SilentlyContinue)) {
        $Ansible.Changed = $true
        if (-not $PSCmdlet.ShouldProcess($group.name, 'make the group')) { continue }
        $null = New-LocalGroup -Name $group.name
    }
    $sids[$group.name] = (Get-LocalGroup -Name $group.name).SID.Value
    $present = @(Get-LocalGroupMember -Group $group.name | ForEach-Object { $_.Name.Split('\')[-1] })
    foreach ($member in $group.members) {
        if ($present -contains $member) { continue }
        $Ansible.Changed = $true
        if ($PSCmdlet.ShouldProcess("$member in $($group.name)", 'add')) { Add-LocalGroupMember -Group $group.name -Member $member }
    }
}

$Ansible.Result = @{ sids = $sids }
