# What only Windows can do with certificates, as thin as it gets: nothing here decides anything. All else is in
# plugins/modules/win_server_certificate.ps1 and plugins/modules/windows_certificate_choice.py; the project's tests put a stand-in with the
# same functions in the place of this file.

function Get-StoreCertificate {
    # The certificates of one of the computer's stores, which may not exist: no request has ever been made, for example
    param ([string] $Store)

    $opened = [System.Security.Cryptography.X509Certificates.X509Store]::new($Store, 'LocalMachine')
    try {
        $opened.Open('ReadOnly')
        foreach ($certificate in $opened.Certificates) {
            @{
                certificate = [System.Convert]::ToBase64String($certificate.RawData)
                has_private_key = $certificate.HasPrivateKey
                friendly_name = "$($certificate.FriendlyName)"
                thumbprint = $certificate.Thumbprint
            }
        }
    }
    finally {
        $opened.Close()
    }
}

function New-CertificateRequest {
    # A key in the computer's store of keys, and a signing request for it in a file
    param ([string] $InfFile, [string] $RequestFile)

    $said = & certreq.exe -new -q -machine $InfFile $RequestFile
    if ($LASTEXITCODE -ne 0) { throw "certreq did not create a request: $(($said -join ' ').Trim())" }
}

function Complete-CertificateRequest {
    # Brings a certificate together with the key of its request. certreq -accept would refuse a CA that the computer
    # itself does not trust; the chain has been checked by then.
    param ([string] $Certificate)

    $allowUntrustedRoot = 4
    $base64WithHeader = 0
    $ofTheComputer = 2
    $enrollment = New-Object -ComObject X509Enrollment.CX509Enrollment
    $enrollment.Initialize($ofTheComputer)
    $enrollment.InstallResponse($allowUntrustedRoot, $Certificate, $base64WithHeader, '')
}

function Set-CertificateName {
    # The name that the computer's personal store shows for a certificate
    param ([string] $Thumbprint, [string] $Name)

    $opened = [System.Security.Cryptography.X509Certificates.X509Store]::new('My', 'LocalMachine')
    try {
        $opened.Open('ReadWrite')
        foreach ($certificate in $opened.Certificates) {
            if ($certificate.Thumbprint -eq $Thumbprint) { $certificate.FriendlyName = $Name }
        }
    }
    finally {
        $opened.Close()
    }
}

Export-ModuleMember -Function Get-StoreCertificate, New-CertificateRequest, Complete-CertificateRequest, Set-CertificateName
