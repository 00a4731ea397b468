#!powershell

# Which certificate this host's own FTPS ports serve, and by which ports data comes, waited for. Documentation:
# win_ftps_probe.yml beside this file.
#
# A look from outside the service: it connects as a client does and goes as far as the TLS handshake, and behind it asks
# for a data connection, for which most servers want a login.
# Windows PowerShell 5.1 and .NET Framework 4.8.

#AnsibleRequires -CSharpUtil Ansible.Basic

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

function Read-Reply {
    # One reply of an FTP server, which may have several lines (RFC 959, 4.2); read byte by byte, since TLS may follow
    param ([System.IO.Stream] $Stream)

    $code = ''
    for ($line = 0; $line -lt 100; $line++) {
        $text = New-Object -TypeName System.Text.StringBuilder
        while ($true) {
            $byte = $Stream.ReadByte()
            if ($byte -lt 0) { throw "the connection was closed after '$text'" }
            if ($byte -eq 10) { break }
            if ($byte -ne 13) { $null = $text.Append([char] $byte) }
            if ($text.Length -gt 1000) { throw 'a line of the reply has no end' }
        }
        $reply = $text.ToString()
        if (-not $code) {
            if ($reply -notmatch '^[1-5][0-9][0-9][ -]') { throw "'$reply' is not a reply of an FTP server" }
            $code = $reply.Substring(0, 3)
        }
        if ($reply.StartsWith("$code ")) { return $reply }
    }
    throw 'the reply has no end'
}

function Send-Command {
    # A command and the reply to it
    param ([System.IO.Stream] $Stream, [string] $Text)

    $command = [System.Text.Encoding]::UTF8.GetBytes("$Text`r`n")
    $Stream.Write($command, 0, $command.Length)
    return Read-Reply -Stream $Stream
}

function Get-DataPort {
    # The port at which the service waits for a data connection, which is tried. 0: without a login it names none.
    param ([System.IO.Stream] $Stream, [string] $Address)

    $user = $module.Params.user
    if ($user) {
        $reply = Send-Command -Stream $Stream -Text "USER $user"
        if ($reply.StartsWith('331')) { $reply = Send-Command -Stream $Stream -Text "PASS $($module.Params.password)" }
        if (-not $reply.StartsWith('230')) { throw "refuses the login of ${user}: '$reply'" }
        foreach ($command in 'PBSZ 0', 'PROT P') { $null = Send-Command -Stream $Stream -Text $command }
    }
    try { $reply = Send-Command -Stream $Stream -Text 'PASV' }
    catch {
        if ($user) { throw }
        return 0
    }
    if ($reply -notmatch '^227 [^(]*\((?:\d+,){4}(\d+),(\d+)\)') {
        if ($user) { throw "answers PASV with '$reply'" }
        return 0
    }
    $port = 256 * [int] $Matches[1] + [int] $Matches[2]
    $client = New-Object -TypeName System.Net.Sockets.TcpClient
    try { if (-not $client.ConnectAsync($Address, $port).Wait(5000)) { throw "the data port $port does not answer within 5 seconds" } }
    finally { $client.Dispose() }
    return $port
}

function Get-Served {
    # The thumbprint of the certificate that a port serves, and the port that it offers for data; what goes wrong is thrown
    param ([string] $Address, [int] $Port, [bool] $Implicit, [string] $HostName, [System.Security.Authentication.SslProtocols] $Protocols)

    $client = New-Object -TypeName System.Net.Sockets.TcpClient
    try {
        if (-not $client.ConnectAsync($Address, $Port).Wait(5000)) { throw 'does not answer within 5 seconds' }
        $client.ReceiveTimeout = 10000
        $client.SendTimeout = 10000
        $stream = $client.GetStream()
        if (-not $Implicit) {
            $greeting = Read-Reply -Stream $stream
            if (-not $greeting.StartsWith('220')) { throw "greets with '$greeting'" }
            $command = [System.Text.Encoding]::ASCII.GetBytes("AUTH TLS`r`n")
            $stream.Write($command, 0, $command.Length)
            $answer = Read-Reply -Stream $stream
            if (-not $answer.StartsWith('234')) { throw "answers AUTH TLS with '$answer'" }
        }
        # Any certificate is looked at here: nothing is said over this connection that anybody should trust
        $any = [System.Net.Security.RemoteCertificateValidationCallback] { $true }
        $tls = New-Object -TypeName System.Net.Security.SslStream -ArgumentList $stream, $false, $any
        try {
            $tls.AuthenticateAsClient($HostName, $null, $Protocols, $false)
            $served = @{ thumbprint = $tls.RemoteCertificate.GetCertHashString(); data_port = 0; problem = '' }
            if ($module.Params.data_ports) {
                try {
                    if ($Implicit) { $null = Read-Reply -Stream $tls }
                    $served.data_port = Get-DataPort -Stream $tls -Address $Address
                }
                catch { if ($module.Params.user) { $served.problem = Get-Cause -Exception $_.Exception } }
            }
            return $served
        }
        finally { $tls.Dispose() }
    }
    finally { $client.Dispose() }
}

function Get-Cause {
    # The innermost message, which is the useful one
    param ([System.Exception] $Exception)

    while ($Exception.InnerException) { $Exception = $Exception.InnerException }
    return $Exception.Message
}

function Get-PortState {
    # What a port serves, or why nothing could be seen
    param ([string] $Address, [int] $Port, [bool] $Implicit, [string] $HostName)

    $state = @{ port = $Port; thumbprint = ''; data_port = 0; problem = '' }
    # None lets the system choose, so also TLS 1.3 where there is one. Old .NET Frameworks refuse it.
    foreach ($protocols in @([System.Security.Authentication.SslProtocols]::None, [System.Security.Authentication.SslProtocols]::Tls12)) {
        try {
            $served = Get-Served -Address $Address -Port $Port -Implicit $Implicit -HostName $HostName -Protocols $protocols
            $state.thumbprint = $served.thumbprint
            $state.data_port = $served.data_port
            $state.problem = $served.problem
            break
        }
        catch { $state.problem = Get-Cause -Exception $_.Exception }
    }
    return $state
}

$spec = @{
    options = @{
        address = @{ type = 'str'; default = '127.0.0.1' }
        host_name = @{ type = 'str'; required = $true }
        ports = @{
            type = 'list'
            elements = 'dict'
            required = $true
            options = @{
                port = @{ type = 'int'; required = $true }
                implicit = @{ type = 'bool'; default = $false }
            }
        }
        thumbprint = @{ type = 'str'; required = $true }
        data_ports = @{ type = 'list'; elements = 'int'; default = @() }
        user = @{ type = 'str'; default = '' }
        password = @{ type = 'str'; default = ''; no_log = $true }
        wait_seconds = @{ type = 'int'; default = 30 }
    }
    supports_check_mode = $true
}

$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

$wanted = $module.Params.thumbprint.ToUpperInvariant()
if ($wanted -notmatch '^[0-9A-F]{40}$') {
    $module.FailJson("thumbprint '$($module.Params.thumbprint)' must be 40 hexadecimal digits")
}
if (@($module.Params.ports).Count -eq 0) { $module.FailJson('ports must name at least one port') }
$dataPorts = @($module.Params.data_ports)
if ($dataPorts.Count -ne 0 -and $dataPorts.Count -ne 2) { $module.FailJson('data_ports must be the first and the last port, or empty') }

$deadline = [System.DateTime]::UtcNow.AddSeconds($module.Params.wait_seconds)
while ($true) {
    $states = @(foreach ($one in $module.Params.ports) {
        Get-PortState -Address $module.Params.address -Port $one.port -Implicit $one.implicit -HostName $module.Params.host_name
    })
    $problems = @(foreach ($seen in $states) {
        if ($seen.problem) { "port $($seen.port): $($seen.problem)" }
        elseif ($seen.thumbprint -ne $wanted) { "port $($seen.port) serves the certificate $($seen.thumbprint), not $wanted" }
        elseif ($seen.data_port -and ($seen.data_port -lt $dataPorts[0] -or $seen.data_port -gt $dataPorts[1])) {
            "port $($seen.port) offers the data port $($seen.data_port), which is not in $($dataPorts -join '-'): the service reads the range when it starts"
        }
    })
    # A check looks once: what is not there yet cannot be waited for
    if ($problems.Count -eq 0 -or $module.CheckMode -or [System.DateTime]::UtcNow -ge $deadline) { break }
    Start-Sleep -Seconds 1
}

$module.Result.changed = $false
$module.Result.served = $states
$module.Result.problems = $problems
if ($problems.Count -gt 0 -and -not $module.CheckMode) {
    $module.FailJson("This host's FTPS service, checked at $($module.Params.address): $($problems -join '; ')")
}
$module.ExitJson()
