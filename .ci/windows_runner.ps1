# Makes a hosted Windows runner a host that molecule/windows can reach: a WinRM listener with HTTPS, whose certificate is
# signed by a CA that exists for this purpose only, and a local administrator with a secret password.
# What the scenario needs to know goes into the environment of the steps that follow.
param (
    [Parameter(Mandatory = $true)] [string] $User,
    [Parameter(Mandatory = $true)] [string] $CaFile
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$bytes = [byte[]]::new(24)
$random = [System.Security.Cryptography.RandomNumberGenerator]::Create()
$random.GetBytes($bytes)
$password = 'Ci-1' + [System.Convert]::ToBase64String($bytes)
Write-Output "::add-mask::$password"
$secure = ConvertTo-SecureString -String $password -AsPlainText -Force
$null = New-LocalUser -Name $User -Password $secure
Add-LocalGroupMember -SID 'S-1-5-32-544' -Member $User
# Without this, Windows takes the rights of an administrator away from a local account that comes over the network
$policy = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
$null = New-ItemProperty -Path $policy -Name LocalAccountTokenFilterPolicy -Value 1 -PropertyType DWord -Force

$store = 'Cert:\LocalMachine\My'
$ca = New-SelfSignedCertificate -Type Custom -Subject 'CN=ftps-exchange test CA' -CertStoreLocation $store `
    -KeyUsage CertSign, CRLSign -KeyExportPolicy NonExportable -TextExtension @('2.5.29.19={critical}{text}CA=true')
$listener = New-SelfSignedCertificate -DnsName 'localhost', $env:COMPUTERNAME -CertStoreLocation $store -Signer $ca
$pem = [System.Convert]::ToBase64String($ca.RawData, [System.Base64FormattingOptions]::InsertLineBreaks)
Set-Content -Path $CaFile -Encoding ascii -Value @('-----BEGIN CERTIFICATE-----', $pem, '-----END CERTIFICATE-----')

Set-Service -Name WinRM -StartupType Automatic
Start-Service -Name WinRM
Get-ChildItem -Path WSMan:\localhost\Listener | Where-Object { $_.Keys -contains 'Transport=HTTPS' } | Remove-Item -Recurse -Force
$null = New-Item -Path WSMan:\localhost\Listener -Transport HTTPS -Address * -CertificateThumbPrint $listener.Thumbprint -Force

# Customers are known by IPv4 networks, and 127.0.0.1 is nobody's: so the transfers go by the runner's own address
$address = (Get-NetIPConfiguration | Where-Object { $_.IPv4DefaultGateway } | Select-Object -First 1).IPv4Address.IPAddress
Add-Content -Path $env:GITHUB_ENV -Encoding ascii -Value @(
    "FTPS_EXCHANGE_WINDOWS_PASSWORD=$password"
    "FTPS_EXCHANGE_WINDOWS_COMPUTER=$env:COMPUTERNAME"
    'FTPS_EXCHANGE_WINDOWS_HOST=localhost'
    "FTPS_EXCHANGE_WINDOWS_ADDRESS=$address"
    "FTPS_EXCHANGE_WINDOWS_CLIENT=$address"
    "FTPS_EXCHANGE_WINDOWS_CA=$CaFile"
)
