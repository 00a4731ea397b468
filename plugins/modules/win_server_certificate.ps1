#!powershell

# The certificates of a Windows host: what is there, a new key with its request, an answer to it. Documentation:
# win_server_certificate.yml beside this file.
#
# What only Windows can do is in the four functions of FtpsExchangeCertificateStore; what is good and what to do is decided
# by windows_certificate_choice.py on the control node. Windows PowerShell 5.1 and .NET Framework 4.8.

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ansible_collections.ftps.exchange.plugins.module_utils.FtpsExchangeCertificateStore

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

function Get-Requested {
    # The request that waits for its answer; nothing where there is none
    param ([string] $Path)

    if ([System.IO.File]::Exists($Path)) { [System.IO.File]::ReadAllText($Path) } else { '' }
}

function Save-Request {
    # A new key and its request. The request takes the place of an older one when it is whole.
    param ([string] $Inf, [string] $Path, [string] $Folder)

    $infFile = [System.IO.Path]::Combine($Folder, 'request.inf')
    $made = [System.IO.Path]::Combine($Folder, 'request.csr')
    [System.IO.File]::WriteAllText($infFile, $Inf, [System.Text.Encoding]::ASCII)
    foreach ($old in $made) { if ([System.IO.File]::Exists($old)) { [System.IO.File]::Delete($old) } }
    New-CertificateRequest -InfFile $infFile -RequestFile $made
    $text = [System.IO.File]::ReadAllText($made)
    $null = [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($Path))
    [System.IO.File]::WriteAllText($Path, $text)
}

function Invoke-ServerCertificate {
    # Acts as asked, then reports what is there
    param ([System.Collections.IDictionary] $Result, [System.Collections.IDictionary] $Option, [bool] $CheckMode, [string] $Folder)

    $Result.changed = $false
    if ($Option.request) {
        $Result.changed = $true
        if (-not $CheckMode) { Save-Request -Inf $Option.request -Path $Option.request_file -Folder $Folder }
    }
    if ($Option.answer) {
        $Result.changed = $true
        if (-not $CheckMode) {
            Complete-CertificateRequest -Certificate $Option.answer
            if ([System.IO.File]::Exists($Option.request_file)) { [System.IO.File]::Delete($Option.request_file) }
        }
    }
    $personal = @(Get-StoreCertificate -Store My)
    if ($Option.thumbprint -and -not $CheckMode) {
        $found = @($personal | Where-Object { $_.thumbprint -eq $Option.thumbprint })
        if (-not $found.Count) { throw "there is no certificate $($Option.thumbprint) in the computer's personal store" }
        if (-not $found[0].has_private_key) { throw "the computer holds no private key for the certificate $($Option.thumbprint)" }
        if ($Option.friendly_name -and $found[0].friendly_name -cne $Option.friendly_name) {
            Set-CertificateName -Thumbprint $Option.thumbprint -Name $Option.friendly_name
            $Result.changed = $true
            $personal = @(Get-StoreCertificate -Store My)
        }
    }
    $Result.certificates = @(
        foreach ($one in $personal) {
            @{ certificate = $one.certificate; has_private_key = $one.has_private_key; friendly_name = $one.friendly_name }
        }
    )
    $Result.intermediates = @(foreach ($one in Get-StoreCertificate -Store CA) { $one.certificate })
    $Result.request_keys = @(foreach ($one in Get-StoreCertificate -Store REQUEST) { if ($one.has_private_key) { $one.certificate } })
    $Result.request = Get-Requested -Path $Option.request_file
}

$module = [Ansible.Basic.AnsibleModule]::Create($args, @{
        options = @{
            request_file = @{ type = 'str'; required = $true }
            request = @{ type = 'str' }
            answer = @{ type = 'str' }
            thumbprint = @{ type = 'str' }
            friendly_name = @{ type = 'str' }
        }
        mutually_exclusive = @(, @('request', 'answer'))
        supports_check_mode = $true
    })
try {
    Invoke-ServerCertificate -Result $module.Result -Option $module.Params -CheckMode $module.CheckMode -Folder $module.Tmpdir
}
catch {
    $module.FailJson("$($_.Exception.GetBaseException().Message)")
}
$module.ExitJson()
