# Restarts the FTP service where that is due: win_iis_settings left a file that says since when. A service that started
# after that has read what changed. The file goes when all is done, so a run that ended before this is made up for.
# Without this Ansible would not run it in check mode
[CmdletBinding(SupportsShouldProcess = $true)]
param (
    # What is due is due to this run: in check mode nothing was stored, and there is no file
    [Parameter(Mandatory = $true)] [bool] $Changed
)

$pending = Join-Path $env:ProgramData 'ftps-exchange/restart-of-ftpsvc'
$due = $Changed -and $Ansible.CheckMode
if (Test-Path -LiteralPath $pending) {
    $since = [long]0
    $isTime = [long]::TryParse([System.IO.File]::ReadAllText($pending).Trim(), [ref]$since)
    $service = Get-CimInstance -ClassName Win32_Service -Filter "Name='ftpsvc'"
    $started = $null
    if ($service -and $service.ProcessId) { $started = (Get-Process -Id $service.ProcessId).StartTime.ToUniversalTime().Ticks }
    if (-not $isTime -or $null -eq $started -or $started -le $since) { $due = $true }
    if (-not $Ansible.CheckMode) {
        if ($due) { Restart-Service -Name ftpsvc -Force }
        Remove-Item -LiteralPath $pending
    }
}
$Ansible.Changed = $due
