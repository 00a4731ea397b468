# What only Windows can answer about the permissions of a folder, as thin as it gets: nothing here decides anything.
# All else is in plugins/modules/win_folder_tree.ps1 and runs wherever a PowerShell does; the project's tests put a stand-in with
# the same four functions in the place of this file.
#
# Only the access section is read and written. An owner or an audit list would need privileges that setting permissions
# does not (SeRestorePrivilege, SeSecurityPrivilege). A folder is given its list by name, so Windows itself passes what is
# inheritable on to what is already in the folder.

function Get-FolderDescriptor {
    # The folder's security descriptor in its binary form (MS-DTYP 2.4.6), with the access section alone
    param ([string] $Path)

    $security = [System.Security.AccessControl.DirectorySecurity]::new($Path, 'Access')
    # The comma keeps the bytes together
    , $security.GetSecurityDescriptorBinaryForm()
}

function New-FolderWithDescriptor {
    # A folder that has its access list from its first moment; does nothing where there is one already
    param ([string] $Path, [string] $Sddl)

    $null = [System.IO.Directory]::CreateDirectory($Path, (New-AccessSection -Sddl $Sddl))
}

function Set-FolderDescriptor {
    # A new access list in the place of the old one
    param ([string] $Path, [string] $Sddl)

    [System.IO.Directory]::SetAccessControl($Path, (New-AccessSection -Sddl $Sddl))
}

function Get-SidName {
    # Who a SID is, as DOMAIN\name; nothing where nobody knows
    param ([string] $Sid)

    try {
        $known = [System.Security.Principal.SecurityIdentifier]::new($Sid)
        $known.Translate([System.Security.Principal.NTAccount]).Value
    }
    catch [System.Security.Principal.IdentityNotMappedException] {
        $null
    }
}

function New-AccessSection {
    param ([string] $Sddl)

    $security = [System.Security.AccessControl.DirectorySecurity]::new()
    $security.SetSecurityDescriptorSddlForm($Sddl, [System.Security.AccessControl.AccessControlSections]::Access)
    $security
}

Export-ModuleMember -Function Get-FolderDescriptor, New-FolderWithDescriptor, Set-FolderDescriptor, Get-SidName
