# Stands in for the computer's certificate stores, certreq and the enrolment of Windows. The stores are in the JSON file
# that FTPS_EXCHANGE_CERTIFICATES names: {"My": [...], "CA": [...], "REQUEST": [...]}, each entry with certificate (DER in
# base64), has_private_key and friendly_name. Private keys are made, used for the request, and forgotten: nobody asks for them.
#
# FTPS_EXCHANGE_CERTIFICATES_FAIL=New-CertificateRequest  this function fails, as when Windows refuses

$ErrorActionPreference = 'Stop'
$file = $env:FTPS_EXCHANGE_CERTIFICATES

function Read-Store {
    $stores = @{ My = @(); CA = @(); REQUEST = @() }
    if ([IO.File]::Exists($file)) {
        $read = ConvertFrom-Json -InputObject ([IO.File]::ReadAllText($file))
        foreach ($name in 'My', 'CA', 'REQUEST') { $stores[$name] = @($read.$name | Where-Object { $_ }) }
    }
    $stores
}

function Write-Store($Stores) { [IO.File]::WriteAllText($file, (ConvertTo-Json -Depth 5 -InputObject $Stores)) }

function Read-Certificate([string] $Text) {
    [Security.Cryptography.X509Certificates.X509CertificateLoader]::LoadCertificate([Convert]::FromBase64String($Text))
}

function Step-Call([string] $Name) {
    if ($env:FTPS_EXCHANGE_CERTIFICATES_FAIL -eq $Name) { throw [UnauthorizedAccessException]::new('Access is denied.') }
}

function Get-StoreCertificate([string] $Store) {
    $stores = Read-Store
    foreach ($one in $stores[$Store]) {
        @{
            certificate = $one.certificate; has_private_key = $one.has_private_key; friendly_name = "$($one.friendly_name)"
            thumbprint = (Read-Certificate $one.certificate).Thumbprint
        }
    }
}

function New-CertificateRequest([string] $InfFile, [string] $RequestFile) {
    Step-Call 'New-CertificateRequest'
    if ([IO.File]::Exists($RequestFile)) { throw 'certreq asks before it overwrites a file, and -q forbids to ask' }
    $inf = [IO.File]::ReadAllText($InfFile)
    $subject = [regex]::Match($inf, '(?m)^Subject = "([^"]*)"').Groups[1].Value
    $sha256 = [Security.Cryptography.HashAlgorithmName]::SHA256
    $length = [int] [regex]::Match($inf, '(?m)^KeyLength = (\d+)').Groups[1].Value
    foreach ($needed in 'MachineKeySet = TRUE', 'Exportable = FALSE', 'RequestType = PKCS10', 'Silent = TRUE') {
        if (-not $inf.Contains("$needed`r`n")) { throw "the INF file does not say $needed" }
    }
    switch ([regex]::Match($inf, '(?m)^KeyAlgorithm = (\w+)').Groups[1].Value) {
        'RSA' {
            $key = [Security.Cryptography.RSA]::Create($length)
            $padding = [Security.Cryptography.RSASignaturePadding]::Pkcs1
            $request = [Security.Cryptography.X509Certificates.CertificateRequest]::new($subject, $key, $sha256, $padding)
        }
        { $_ -in 'ECDSA_P256', 'ECDSA_P384' } {
            $curve = [Security.Cryptography.ECCurve]::CreateFromFriendlyName("nistP$length")
            $key = [Security.Cryptography.ECDsa]::Create($curve)
            $request = [Security.Cryptography.X509Certificates.CertificateRequest]::new($subject, $key, $sha256)
        }
        default { throw "certreq knows no algorithm $_" }
    }
    $names = [Security.Cryptography.X509Certificates.SubjectAlternativeNameBuilder]::new()
    foreach ($match in [regex]::Matches($inf, '(?m)^_continue_ = "(dns|ipaddress)=([^"&]+)&"')) {
        if ($match.Groups[1].Value -eq 'dns') { $names.AddDnsName($match.Groups[2].Value) }
        else { $names.AddIpAddress([Net.IPAddress]::Parse($match.Groups[2].Value)) }
    }
    $request.CertificateExtensions.Add($names.Build())
    [IO.File]::WriteAllText($RequestFile, $request.CreateSigningRequestPem())
    $stands = $request.CreateSelfSigned([DateTimeOffset]::UtcNow, [DateTimeOffset]::UtcNow.AddYears(1))
    $stores = Read-Store
    $name = [regex]::Match($inf, '(?m)^FriendlyName = "([^"]*)"').Groups[1].Value
    $stores.REQUEST += @{ certificate = [Convert]::ToBase64String($stands.RawData); has_private_key = $true; friendly_name = $name }
    Write-Store $stores
}

function Complete-CertificateRequest([string] $Certificate) {
    Step-Call 'Complete-CertificateRequest'
    $found = [Security.Cryptography.X509Certificates.X509Certificate2]::CreateFromPem($Certificate)
    $stores = Read-Store
    $key = [Convert]::ToBase64String($found.PublicKey.ExportSubjectPublicKeyInfo())
    $answered = @(
        $stores.REQUEST | Where-Object { [Convert]::ToBase64String((Read-Certificate $_.certificate).PublicKey.ExportSubjectPublicKeyInfo()) -eq $key }
    )
    $again = @(
        $stores.My | Where-Object { $_.has_private_key -and [Convert]::ToBase64String((Read-Certificate $_.certificate).PublicKey.ExportSubjectPublicKeyInfo()) -eq $key }
    )
    if (-not $answered -and -not $again) { throw 'Cannot find the certificate request that is associated with this certificate file.' }
    $stores.REQUEST = @($stores.REQUEST | Where-Object { $answered -notcontains $_ })
    # Windows takes the name over from the request; the stand-in does not, so that the module must
    $stores.My += @{ certificate = [Convert]::ToBase64String($found.RawData); has_private_key = $true; friendly_name = '' }
    Write-Store $stores
}

function Set-CertificateName([string] $Thumbprint, [string] $Name) {
    Step-Call 'Set-CertificateName'
    $stores = Read-Store
    foreach ($one in $stores.My) { if ((Read-Certificate $one.certificate).Thumbprint -eq $Thumbprint) { $one.friendly_name = $Name } }
    Write-Store $stores
}

Export-ModuleMember -Function Get-StoreCertificate, New-CertificateRequest, Complete-CertificateRequest, Set-CertificateName
