<#
.SYNOPSIS
_: Sends and fetches files over FTP with TLS.

.DESCRIPTION
    Unblock-File transfer.ps1
    powershell -NoProfile -ExecutionPolicy RemoteSigned -File transfer.ps1 -Upload C:\out\report.csv
    powershell -NoProfile -ExecutionPolicy RemoteSigned -File transfer.ps1 -Download report.csv -To C:\in
    powershell -NoProfile -ExecutionPolicy RemoteSigned -File transfer.ps1 -Upload C:\out\report.csv -Resume
    powershell -NoProfile -ExecutionPolicy RemoteSigned -File transfer.ps1 -List

_: RemoteSigned applies to this one call and changes no setting of the computer; a group policy stays in force.

_: Sends a file as FILE.part and renames it when it is complete: a broken upload replaces nothing. -Resume continues an
_: interrupted upload; use it only if the file has not changed. Stops at the first file that fails.

_: Asks for the password; for scheduled runs pass it on standard input with -PasswordStdin, from wherever you keep your
_: secrets. It is never an argument, so no process list shows it. Transfers are made with curl.exe, which Windows has since
_: version 1803. The exit code is curl's: 0 for success, 67 for a refused login, 28 for a time-out.

.PARAMETER Folder
_: Folder on the server, such as / or /shared/maps.
#>
[CmdletBinding()]
param(
    [string[]] $Upload = @(),
    [string[]] $Download = @(),
    [switch] $Resume,
    [switch] $List,
    [string] $Folder = '/',
    [string] $To = '.',
    [string] $Account = '',
    [switch] $PasswordStdin
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

@FACTS@

if (-not $Account) { $Account = $firstAccount }
$here = $PSScriptRoot
$curl = @(Get-Command -Name 'curl.exe', 'curl' -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1)
if ($curl.Count -eq 0) { throw _'curl.exe is not installed' }

if ($PasswordStdin) {
    $reader = New-Object IO.StreamReader ([Console]::OpenStandardInput(), (New-Object Text.UTF8Encoding $false))
    $password = $reader.ReadLine()
}
else {
    $secret = Read-Host -Prompt _'Password of {account}' -AsSecureString
    $pointer = [Runtime.InteropServices.Marshal]::SecureStringToBSTR($secret)
    try { $password = [Runtime.InteropServices.Marshal]::PtrToStringBSTR($pointer) }
    finally { [Runtime.InteropServices.Marshal]::ZeroFreeBSTR($pointer) }
}

function Invoke-Curl([string[]] $Options) {
    # TLS or nothing; no revocation lists, which a CA of its own usually has none of
    $all = @('-q', '-s', '-S', '--noproxy', '*', '--ssl-reqd', '--ssl-no-revoke', '--connect-timeout', '15', '-K', '-')
    if ($tlsMax) { $all += @('--tls-max', $tlsMax) }
    if ($hasCa) { $all += @('--cacert', (Join-Path (Split-Path -Parent $here) 'ca.pem')) }
    $all += $Options
    $start = New-Object Diagnostics.ProcessStartInfo
    $start.FileName = $curl[0].Path
    $start.Arguments = ($all | ForEach-Object { '"' + ($_ -replace '(\\*)"', '$1$1\"' -replace '(\\+)$', '$1$1') + '"' }) -join ' '
    $start.UseShellExecute = $false
    $start.RedirectStandardInput = $true
    $process = [Diagnostics.Process]::Start($start)
    $quoted = ($Account + ':' + $password) -replace '(["\\])', '\$1'
    $bytes = [Text.Encoding]::UTF8.GetBytes("user = `"$quoted`"`n")
    $process.StandardInput.BaseStream.Write($bytes, 0, $bytes.Length)
    $process.StandardInput.Close()
    $process.WaitForExit()
    if ($process.ExitCode -ne 0) { exit $process.ExitCode }
}

# A name in a URL: everything that means something there is escaped
function Get-Url([string] $Name) {
    $parts = @($Folder.Split('/') | Where-Object { $_ }) + @($Name)
    return "ftp://${fqdn}:$port/" + (@($parts | ForEach-Object { [Uri]::EscapeDataString($_) }) -join '/')
}

foreach ($file in $Upload) {
    # Under another name until it is complete: a broken upload replaces nothing, and nobody fetches half a file
    $path = (Resolve-Path -LiteralPath $file).Path
    $name = Split-Path -Leaf $path
    $options = @('-T', $path, '-Q', "-RNFR $name.part", '-Q', "-RNTO $name", (Get-Url "$name.part"))
    if ($Resume) { $options += @('-C', '-') }
    Invoke-Curl $options
    [Console]::Out.WriteLine(_'sent: {name}')
}
foreach ($name in $Download) {
    $path = Join-Path (Resolve-Path -LiteralPath $To).Path $name
    Invoke-Curl @('-o', "$path.part", (Get-Url $name))
    # curl makes no file for an empty one in some versions
    if (-not (Test-Path -LiteralPath "$path.part")) { [IO.File]::WriteAllText("$path.part", '') }
    Move-Item -LiteralPath "$path.part" -Destination $path -Force
    [Console]::Out.WriteLine(_'fetched: {name}')
}
if ($List) { Invoke-Curl @('--list-only', ((Get-Url '') -replace '/*$', '/')) }
