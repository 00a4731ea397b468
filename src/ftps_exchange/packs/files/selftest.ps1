<#
.SYNOPSIS
_: Tests the route from this machine to the service, step by step.

.DESCRIPTION
_: If a step fails, it stops there and says what is wrong and who must fix it. It only creates three small files in your
_: folder on the server, and removes them again. Run it when none of your transfers is running.

    Unblock-File selftest.ps1
    powershell -NoProfile -ExecutionPolicy RemoteSigned -File selftest.ps1

_: RemoteSigned applies to this one call and changes no setting of the computer; a group policy stays in force.

_: It trusts ca.pem for its own connections only, and writes nothing to a certificate store.

_: Needs Windows PowerShell 5.1 or PowerShell 7. Login and transfer are made with curl.exe, which Windows has since version
_: 1803. Exit codes:

@CODES@

.PARAMETER NoLogin
_: Only what needs no password: name, ports, TLS, certificate.
.PARAMETER Account
_: An account other than the first that may write.
.PARAMETER NoImplicit
_: Skip the port for implicit TLS.
.PARAMETER Ca
_: Another CA than the file ca.pem beside this script.
.PARAMETER PasswordStdin
_: Read the password from standard input instead of asking for it (for automatic tests).
#>
[CmdletBinding()]
param(
    [switch] $NoLogin,
    [string] $Account = '',
    [switch] $NoImplicit,
    [string] $Ca = '',
    [switch] $PasswordStdin
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

@FACTS@

$work = $null
$leftBehind = ''

function Write-Row([string] $Step, [string] $Result, [string] $Seen) {
    if ($steps.ContainsKey($Step)) { $Step = $steps[$Step] }
    [Console]::Out.WriteLine(('  {0,-14} {1,-5} {2}' -f $Step, $Result, $Seen))
}

# The verdict, and the end
function Stop-Here([int] $Code, [string] $Step, [string] $Seen) {
    Write-Row $Step 'FAIL' $Seen
    if ($leftBehind) {
        $leaving = $leftBehind
        $script:leftBehind = ''
        Remove-Three $leaving
    }
    $cause = $causes[$Code]
    [Console]::Out.WriteLine('')
    [Console]::Out.WriteLine(('{0,-17} {1}' -f _'What it means:', $cause[0]))
    [Console]::Out.WriteLine(('{0,-17} {1}' -f _'Who fixes it:', $cause[1]))
    [Console]::Out.WriteLine(('{0,-17} {1}' -f _'What to do:', $cause[2]))
    [Console]::Out.WriteLine(('{0,-17} {1}' -f _'Exit code:', $Code))
    if ($script:work) { Remove-Item -LiteralPath $script:work -Recurse -Force -ErrorAction SilentlyContinue }
    exit $Code
}

function Read-Authority([string] $Path) {
    $found = @()
    $text = [IO.File]::ReadAllText($Path)
    foreach ($match in [regex]::Matches($text, '-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----')) {
        $bytes = [Convert]::FromBase64String(($match.Groups[1].Value -replace '\s', ''))
        $found += New-Object Security.Cryptography.X509Certificates.X509Certificate2 (, $bytes)
    }
    return $found
}

$here = $PSScriptRoot
if (-not $Ca -and $hasCa) { $Ca = Join-Path $here 'ca.pem' }
$authority = @()
if ($Ca) {
    if (-not (Test-Path -LiteralPath $Ca)) { Stop-Here 3 'start' _'cannot read the CA file {ca}' }
    $authority = @(Read-Authority $Ca)
    if ($authority.Count -eq 0) { Stop-Here 3 'start' _'no certificate in {ca}' }
}
if ($NoImplicit) { $implicit = 0 }
if (-not $Account) { $Account = $firstAccount }

$now = [DateTime]::UtcNow.ToString('yyyy-MM-dd HH:mm')
[Console]::Out.WriteLine(_'Route from {customer} to {fqdn} ({now} UTC)')
[Console]::Out.WriteLine('')

# ---- name -----------------------------------------------------------------------------------------------------------
try { $seen = @([Net.Dns]::GetHostAddresses($fqdn) | ForEach-Object { $_.ToString() }) } catch { $seen = @() }
if ($seen.Count -eq 0) { Stop-Here 10 'name' _'no address for {fqdn}' }
$resolved = @($addresses | Where-Object { $seen -contains $_ })
$families = @($resolved | ForEach-Object { $_.Contains(':') })
if ($resolved.Count -eq 0) { $seen = $seen -join ' '; Stop-Here 11 'name' _'{fqdn} is {seen}' }
$seen = $resolved -join ' '
Write-Row 'name' 'ok' _'{fqdn} is {seen}'

# ---- ports ----------------------------------------------------------------------------------------------------------
# What TCP connections meet: open, refused, silent, unreachable, barred
function Test-Ports([string] $Address, [int[]] $Ports) {
    $ip = [Net.IPAddress]::Parse($Address)
    $tries = @(foreach ($number in $Ports) {
            $client = New-Object Net.Sockets.TcpClient ($ip.AddressFamily)
            try { $task = $client.ConnectAsync($ip, $number) } catch { $task = $null }
            , @($client, $task)
        })
    $until = [DateTime]::UtcNow.AddSeconds(4)
    $results = @(foreach ($try in $tries) {
            $task = $try[1]
            $state = 'barred'
            if ($null -ne $task) {
                $left = [int] [Math]::Max(0, ($until - [DateTime]::UtcNow).TotalMilliseconds)
                $failure = $null
                $ended = $false
                try { $ended = $task.Wait($left) } catch { $ended = $true; $failure = $_.Exception.GetBaseException() }
                if (-not $ended) { $state = 'silent' }
                elseif ($null -eq $failure) { $state = 'open' }
                elseif ($failure -is [Net.Sockets.SocketException]) {
                    switch ($failure.SocketErrorCode.ToString()) {
                        'ConnectionRefused' { $state = 'refused' }
                        'ConnectionReset' { $state = 'refused' }
                        'NetworkUnreachable' { $state = 'unreachable' }
                        'AddressNotAvailable' { $state = 'unreachable' }
                        'AddressFamilyNotSupported' { $state = 'unreachable' }
                        'TimedOut' { $state = 'silent' }
                    }
                }
            }
            $try[0].Close()
            $state
        })
    return , $results
}

$dataPorts = @()
foreach ($range in $ranges) {
    $first, $last = [int[]] $range.Split('-')
    $points = [Math]::Min(8, $last - $first)
    $dataPorts += $first
    for ($point = 1; $point -le $points; $point++) {
        $dataPorts += $first + [int] [Math]::Floor(($last - $first) * $point / $points)
    }
}

$tried = $dataPorts
$usable = @()
# While the service moves there are two addresses of a family
foreach ($address in $addresses | Where-Object { $families -contains $_.Contains(':') }) {
    $wanted = @($port)
    if ($implicit) { $wanted += $implicit }
    $wanted += $dataPorts
    $states = Test-Ports $address $wanted
    $control = $states[0]
    $second = ''
    if ($implicit) { $second = $states[1] }
    $data = @($states[($wanted.Count - $dataPorts.Count)..($wanted.Count - 1)])
    $answered = @($states | Where-Object { $_ -eq 'open' -or $_ -eq 'refused' }).Count
    $quiet = @(for ($i = 0; $i -lt $dataPorts.Count; $i++) {
            if ($data[$i] -ne 'open' -and $data[$i] -ne 'refused') { $dataPorts[$i] }
        })
    if ($control -eq 'unreachable' -and @($states | Where-Object { $_ -ne 'unreachable' }).Count -eq 0) {
        Write-Row $address '-' _'this machine has no route to the outside in this family'
        continue
    }
    $silent = @()
    if ((@('open', 'refused') -notcontains $control)) { $silent += $port }
    if ($implicit -and @('open', 'refused') -notcontains $second) { $silent += $implicit }
    if ($quiet.Count -lt $dataPorts.Count) { $silent += $quiet }
    if ($answered -gt 0 -and $silent.Count -gt 0) {
        # If they answer now, only some connections arrive: those from an address that the service knows
        $again = @($silent | Select-Object -First 2) * 4
        $now = Test-Ports $address $again
        if (@($now | Where-Object { $_ -eq 'open' -or $_ -eq 'refused' }).Count -gt 0) {
            $seen = $silent -join ' '
            Stop-Here 62 'ports' _'{address}: the same ports answer one time and not the next: {seen}'
        }
    }
    if ($control -ne 'open') {
        if ($answered -eq 0) {
            if (@($states | Where-Object { $_ -eq 'barred' }).Count -gt 0) {
                Stop-Here 20 'ports' _'{address}: a device near you refuses the connection'
            }
            $ports = $wanted -join ', '
            Stop-Here 20 'ports' _'{address}: nothing answers on TCP {ports}'
        }
        if ($control -eq 'refused' -and @($data | Where-Object { $_ -eq 'refused' }).Count -gt 0) {
            Stop-Here 22 "TCP $port" _'{address} refuses'
        }
        $result = $control
        Stop-Here 21 "TCP $port" _'{address}: {result}, while other ports answer (number: {answered})'
    }
    Write-Row "TCP $port" 'ok' $address
    if ($implicit) {
        if ($second -ne 'open') { Stop-Here 23 "TCP $implicit" "${address}: $second" }
        Write-Row "TCP $implicit" 'ok' $address
    }
    if ($quiet.Count -gt 0) {
        if ($quiet.Count -lt $dataPorts.Count) {
            Stop-Here 61 'data ports' _'{address}: no answer at {quiet}; the other tested ports answer'
        }
        if ($idlePortsAnswer) { Stop-Here 60 'data ports' _'{address}: none of {quiet} answers' }
        Write-Row 'data ports' '-' _'{address}: idle ports do not answer; tested with the login'
    }
    else { Write-Row 'data ports' 'ok' _'{address}: {ranges}, tested: {tried}' }
    # The login goes by the name, so not to an address that the name does not have yet, or no longer
    if ($resolved -contains $address) { $usable += $address }
}
if ($usable.Count -eq 0) { Stop-Here 20 'ports' _'this machine reaches no address of the service' }

# ---- TLS and certificate --------------------------------------------------------------------------------------------
function Read-Reply($Stream) {
    $line = ''
    while ($true) {
        $byte = $Stream.ReadByte()
        if ($byte -lt 0) { return $line }
        if ($byte -eq 10) {
            if ($line -match '^\d{3} ') { return $line }
            $line = ''
        }
        elseif ($byte -ne 13) { $line += [char] $byte }
    }
}

# The smallest message that begins TLS, with a cipher that nobody takes, and whether its answer (an alert) comes back.
# It begins like every other, so inspection holds it too; but no packet of it is large.
function Test-SmallTls([string] $Address) {
    $ip = [Net.IPAddress]::Parse($Address)
    $client = New-Object Net.Sockets.TcpClient ($ip.AddressFamily)
    try {
        $client.Connect($ip, $port)
        $client.ReceiveTimeout = 5000
        $stream = $client.GetStream()
        [void] (Read-Reply $stream)
        $command = [Text.Encoding]::ASCII.GetBytes("AUTH TLS`r`n")
        $stream.Write($command, 0, $command.Length)
        [void] (Read-Reply $stream)
        $hello = [byte[]] (@(22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3) + @(1..32) + @(0, 0, 2, 0, 0, 1, 0))
        $stream.Write($hello, 0, $hello.Length)
        return ($stream.ReadByte() -eq 21)
    }
    catch { return $false }
    finally { $client.Close() }
}

# Why TLS did not come about: an answer that says no, or silence
function Stop-Tls([string] $Address, [string] $Told) {
    $none = 'handshake.failure|no ciphers available|protocol version|unsupported protocol|no protocols available|' +
    'common algorithm|no cipher match|0x80090331'
    if ($Told -match $none) { Stop-Here 32 'TLS' "${Address}: $Told" }
    $silent = 'timed? ?out|did not properly respond|respond after a period|temporarily unavailable'
    if ($Told -notmatch $silent) { Stop-Here 30 'TLS' "${Address}: $Told" }
    if (Test-SmallTls $Address) { Stop-Here 31 'TLS' _'{address}: small packets come back, large ones do not' }
    Stop-Here 30 'TLS' _'{address}: no answer when TLS starts, even to small packets'
}

function Test-Certificate([string] $Address) {
    $ip = [Net.IPAddress]::Parse($Address)
    $client = New-Object Net.Sockets.TcpClient ($ip.AddressFamily)
    $script:flaws = [Net.Security.SslPolicyErrors]::None
    $script:sent = @()
    try {
        $client.Connect($ip, $port)
        $client.ReceiveTimeout = 15000
        $client.SendTimeout = 15000
        $stream = $client.GetStream()
        $greeting = Read-Reply $stream
        if ($greeting -notmatch '^220') { throw _'instead of a greeting: {greeting}' }
        $command = [Text.Encoding]::ASCII.GetBytes("AUTH TLS`r`n")
        $stream.Write($command, 0, $command.Length)
        $answer = Read-Reply $stream
        if ($answer -notmatch '^234') { throw _'AUTH TLS is answered by: {answer}' }
        $look = [Net.Security.RemoteCertificateValidationCallback] {
            param($from, $certificate, $chain, $problems)
            $script:flaws = $problems
            foreach ($one in $chain.ChainPolicy.ExtraStore) { $script:sent += $one }
            foreach ($one in $chain.ChainElements) { $script:sent += $one.Certificate }
            return $true
        }
        $tls = New-Object Net.Security.SslStream ($stream, $false, $look)
        $tls.AuthenticateAsClient($fqdn)
        $leaf = New-Object Security.Cryptography.X509Certificates.X509Certificate2 ($tls.RemoteCertificate)
        $tls.Close()
    }
    catch {
        $inner = $_.Exception.GetBaseException()
        $told = $inner.Message
        if ($inner -is [ComponentModel.Win32Exception]) { $told += ' (0x{0:X8})' -f $inner.NativeErrorCode }
        Stop-Tls $Address $told
    }
    finally { $client.Close() }

    $issuer = $leaf.Issuer
    if (($flaws -band [Net.Security.SslPolicyErrors]::RemoteCertificateNameMismatch) -ne 0) {
        $seen = $leaf.Subject
        Stop-Here 41 'certificate' _'{address} has one for {seen}'
    }
    $now = [DateTime]::Now
    if ($now -lt $leaf.NotBefore -or $now -gt $leaf.NotAfter) {
        $from, $until = $leaf.NotBefore, $leaf.NotAfter
        Stop-Here 42 'certificate' _'{address}: valid from {from} to {until}'
    }
    if ($authority.Count -eq 0) {
        if ($flaws -ne [Net.Security.SslPolicyErrors]::None) {
            Stop-Here 40 'certificate' _'{address}: signed by {issuer}'
        }
    }
    else {
        # The chain has to end in a CA of the pack, whatever this machine trusts besides
        $path = New-Object Security.Cryptography.X509Certificates.X509Chain
        $path.ChainPolicy.RevocationMode = [Security.Cryptography.X509Certificates.X509RevocationMode]::NoCheck
        $path.ChainPolicy.VerificationFlags =
        [Security.Cryptography.X509Certificates.X509VerificationFlags]::AllowUnknownCertificateAuthority
        foreach ($one in @($sent) + @($authority)) { [void] $path.ChainPolicy.ExtraStore.Add($one) }
        $whole = $path.Build($leaf)
        $ours = @($path.ChainElements | Where-Object {
                $element = $_.Certificate
                @($authority | Where-Object { $_.Thumbprint -eq $element.Thumbprint }).Count -gt 0
            })
        if (-not $whole -or $ours.Count -eq 0) { Stop-Here 40 'certificate' _'{address}: signed by {issuer}' }
    }
    Write-Row 'TLS' 'ok' _'{address}: certificate for {fqdn}, signed by {issuer}'
}

foreach ($address in $usable) { Test-Certificate $address }

if ($NoLogin) {
    [Console]::Out.WriteLine('')
    [Console]::Out.WriteLine(_'Name, ports and TLS work. Login and transfer were not tested.')
    exit 0
}

# ---- login ----------------------------------------------------------------------------------------------------------
$curl = @(Get-Command -Name 'curl.exe', 'curl' -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1)
if ($curl.Count -eq 0) { Stop-Here 3 'start' _'curl.exe is not installed' }
$curl = $curl[0].Path

if ($PasswordStdin) {
    $reader = New-Object IO.StreamReader ([Console]::OpenStandardInput(), (New-Object Text.UTF8Encoding $false))
    $password = $reader.ReadLine()
}
else {
    $secret = Read-Host -Prompt ('  ' + _'Password of {account}') -AsSecureString
    $pointer = [Runtime.InteropServices.Marshal]::SecureStringToBSTR($secret)
    try { $password = [Runtime.InteropServices.Marshal]::PtrToStringBSTR($pointer) }
    finally { [Runtime.InteropServices.Marshal]::ZeroFreeBSTR($pointer) }
}
if (-not $password) { Stop-Here 3 'login' _'no password' }

$work = Join-Path ([IO.Path]::GetTempPath()) ('ftps-selftest-' + [Guid]::NewGuid().ToString('N'))
[void] (New-Item -ItemType Directory -Path $work)

# One curl. The password goes in through its standard input, never as an argument.
function Invoke-Session([string[]] $Options) {
    $all = @('-q', '-s', '-S', '-v', '--fail-early', '--noproxy', '*', '--ssl-reqd', '--ssl-no-revoke', '--connect-timeout', '15',
        '--speed-time', '30', '--speed-limit', '1', '--max-time', '300', '-K', '-')
    if ($Ca) { $all += @('--cacert', $Ca) }
    if ($tlsMax) { $all += @('--tls-max', $tlsMax) }
    $all += $Options
    $start = New-Object Diagnostics.ProcessStartInfo
    $start.FileName = $curl
    $start.Arguments = ($all | ForEach-Object { '"' + ($_ -replace '(\\*)"', '$1$1\"' -replace '(\\+)$', '$1$1') + '"' }) -join ' '
    $start.UseShellExecute = $false
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $process = [Diagnostics.Process]::Start($start)
    $output = $process.StandardOutput.ReadToEndAsync()
    $errors = $process.StandardError.ReadToEndAsync()
    $quoted = ($Account + ':' + $password) -replace '(["\\])', '\$1'
    $bytes = [Text.Encoding]::UTF8.GetBytes("user = `"$quoted`"`n")
    $process.StandardInput.BaseStream.Write($bytes, 0, $bytes.Length)
    $process.StandardInput.Close()
    $process.WaitForExit()
    [void] $output.Result
    $script:code = $process.ExitCode
    $script:trace = @($errors.Result -split "`r?`n" | Where-Object { $_ -notlike '> PASS*' })
}

function Get-Reply([string] $Pattern) {
    $found = @($trace | Where-Object { $_ -match "^< $Pattern" })
    if ($found.Count -eq 0) { return '' }
    return $found[-1].Substring(2)
}

# A data connection was refused: whether the cause is that the service sees sessions of this computer come from several
# addresses, which its STAT shows
function Stop-SeveralExits {
    $seen = @()
    foreach ($number in 1..8) {
        Invoke-Session @($family, '--head', '-Q', 'STAT', $url)
        $shown = @($trace | Where-Object { $_ -match '^< .*Connected from .*\([0-9A-Fa-f.:]+\)' })
        if ($shown.Count -eq 0) { break }
        $seen += $shown[0] -replace '^.*\(([0-9A-Fa-f.:]+)\).*$', '$1'
    }
    $seen = @($seen | Select-Object -Unique)
    if ($seen.Count -gt 1) { $seen = $seen -join ' '; Stop-Here 62 'data ports' _'{address}: your sessions come from {seen}' }
}

# Why the last session failed
function Stop-Session([string] $Step, [int] $Otherwise) {
    $told = (@($trace | Where-Object { $_ -match '^curl: \(\d+\) ' }) + @(''))[0] -replace '^curl: \(\d+\) ', ''
    if ($code -eq 60) { Stop-Here 40 'certificate' $told }
    if ($code -eq 77) { Stop-Here 3 'certificate' $told }
    if ($code -eq 35 -or $code -eq 64) { Stop-Tls $address $told }
    if (Get-Reply '421') { Stop-Here 51 'login' (Get-Reply '421') }
    if ($code -eq 67) { Stop-Here 50 'login' "${Account}: $(Get-Reply '530')" }
    $refused = Get-Reply '425'
    if ($refused) { Stop-SeveralExits; Stop-Here 71 'data ports' $refused }
    if ((Get-Reply '22[79]') -and -not (Get-Reply '55[03]') -and (7, 13, 14, 28) -contains $code) {
        $opened = Get-Reply '226'
        Stop-SeveralExits
        if (-not $opened) { Stop-Here 60 'data ports' $told }
        Stop-Here $Otherwise $Step $told
    }
    if (-not (Get-Reply '230')) { Stop-Here 30 'TLS' $told }
    Stop-Here $Otherwise $Step "$(Get-Reply '[45]') $told"
}

# The ports and the address that the server announced
function Get-Announced([string] $Address) {
    $found = @()
    foreach ($line in $trace) {
        if ($line -match '^< 229.*\(\|\|\|(\d+)\|\)') { $found += [int] $Matches[1] }
        elseif ($line -match '^< 227[^0-9]*(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)') {
            $announced = ($Matches[1], $Matches[2], $Matches[3], $Matches[4]) -join '.'
            if ($announced -ne $Address) {
                $seen = $announced
                Stop-Here 70 'data ports' _'PASV announces {seen} instead of {address}'
            }
            $found += [int] $Matches[5] * 256 + [int] $Matches[6]
        }
    }
    foreach ($number in $found) {
        $seen = $number
        $inside = @($ranges | Where-Object { $number -ge [int] $_.Split('-')[0] -and $number -le [int] $_.Split('-')[1] })
        if ($inside.Count -eq 0) {
            Stop-Here 70 'data ports' _'{address} announces port {seen}'
        }
    }
    return , $found
}

$url = "ftp://${fqdn}:$port/"
$listing = Join-Path $work 'listing'
$loggedIn = $false
foreach ($address in $usable) {
    $family = if ($address.Contains(':')) { '-6' } else { '-4' }
    # Three times in one session: three data ports
    Invoke-Session @($family, '--list-only', '-o', $listing, $url, '-o', $listing, $url, '-o', $listing, $url)
    if ($code -ne 0) { Stop-Session 'login' 80 }
    if (-not $loggedIn) { Write-Row 'login' 'ok' $Account }
    $loggedIn = $true
    $used = Get-Announced $address
    Write-Row 'EPSV' 'ok' _'{address}: ports {used}'
    if ($family -eq '-4') {
        Invoke-Session @('-4', '--disable-epsv', '--list-only', '-o', $listing, $url)
        if ($code -ne 0) { Stop-Session 'data ports' 80 }
        $used = Get-Announced $address
        Write-Row 'PASV' 'ok' _'{address}: ports {used}'
    }
}

# ---- transfer -------------------------------------------------------------------------------------------------------
function Write-End([string] $Text) {
    [Console]::Out.WriteLine('')
    [Console]::Out.WriteLine($Text)
    Remove-Item -LiteralPath $work -Recurse -Force -ErrorAction SilentlyContinue
}

$access = ''
if ($accounts.ContainsKey($Account)) { $access = $accounts[$Account] }
if ($access -eq 'read') {
    Write-Row 'transfer' '-' _'{account} may only read: nothing was uploaded (run it again with an account that may write)'
    Write-End _'Everything that this account may do works.'
    exit 0
}
$mark = 'selftest-' + [DateTime]::UtcNow.ToString('yyyyMMddHHmmss') + '-' + $PID
$content = "Self-test of $customer, may be removed.`n" + ([Guid]::NewGuid().ToString() + "`n") * 400
# An empty file is where some clients stop; the third is larger than one packet of TLS
$sent = @($content, '', ($content * 4))
$sizes = @($sent | ForEach-Object { $_.Length })
foreach ($number in 0..2) { [IO.File]::WriteAllText((Join-Path $work "sent.$number"), $sent[$number]) }

# One call, as programs do it that send more than one file. Where TLS 1.3 is all that there is, curl can only send one.
function Send-Three([string] $Family) {
    $uploads = @(foreach ($number in 0..2) { '-T', (Join-Path $work "sent.$number"), "$url$mark.$number" })
    if ($tlsMax) { Invoke-Session (@($Family) + $uploads); return }
    foreach ($number in 0..2) {
        Invoke-Session (@($Family) + $uploads[(3 * $number)..(3 * $number + 2)])
        if ($code -ne 0) { return }
    }
}

function Remove-Three([string] $Family) {
    $removals = @(foreach ($number in 0..2) { '-Q', "-*DELE $mark.$number" })
    Invoke-Session (@($Family, '--list-only', '-o', $listing) + $removals + @($url))
}

foreach ($address in $usable) {
    $family = if ($address.Contains(':')) { '-6' } else { '-4' }
    $leftBehind = $family
    Send-Three $family
    if ($code -ne 0) { Stop-Session 'upload' 80 }
    # SIZE counts bytes only after TYPE I
    $options = @($family, '-Q', '*TYPE I') + @(foreach ($number in 0..2) { '-Q', "*SIZE $mark.$number" })
    foreach ($number in 0..2) { $options += @('-o', (Join-Path $work "got.$number"), "$url$mark.$number") }
    Invoke-Session $options
    $arrived = @($trace | Where-Object { $_ -match '^< 213 \d+' } | Select-Object -First 3 | ForEach-Object { [int] $_.Substring(6) })
    $asked = @($trace | Where-Object { $_ -like '> SIZE*' }).Count -gt 0
    if ($asked -and ($arrived -join ' ') -ne ($sizes -join ' ')) {
        Stop-Here 83 'upload' _'{address}: sent without an error, {sizes} bytes; arrived: {arrived}'
    }
    if ($code -ne 0) { Stop-Session 'download' 81 }
    foreach ($number in 0..2) {
        $got = Join-Path $work "got.$number"
        # curl makes no file for an empty one in some versions
        if (-not (Test-Path -LiteralPath $got)) { [IO.File]::WriteAllText($got, '') }
        if ((Get-FileHash -LiteralPath $got).Hash -ne (Get-FileHash -LiteralPath (Join-Path $work "sent.$number")).Hash) {
            Stop-Here 81 'download' _'{address}: the content differs from what was sent'
        }
        Remove-Item -LiteralPath $got
    }
    Remove-Three $family
    $leftBehind = ''
    if (@($trace | Where-Object { $_ -like '< 250*' }).Count -lt 3) {
        Stop-Here 82 'clean up' "$mark.0, $mark.1, $mark.2: $(Get-Reply '55')"
    }
    Write-Row 'transfer' 'ok' _'{address}: three files sent, sizes equal, fetched, content equal, removed ({sizes} bytes)'
}
Write-End _'Everything works.'
exit 0
