#!powershell

# A tree of folders with their NT access lists, whole, in one call. Documentation: win_folder_tree.yml beside this file.
#
# What is only here decides; what only Windows can do is in the four functions of FtpsExchangeFolderAccess. Windows
# PowerShell 5.1 and .NET Framework 4.8.

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ansible_collections.ftps.exchange.plugins.module_utils.FtpsExchangeFolderAccess
#AnsibleRequires -PowerShell ansible_collections.ftps.exchange.plugins.module_utils.FtpsExchangeText

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$script:LongestPath = 247  # of a folder, without the \\?\ that .NET Framework does not take everywhere
$script:MostNamesAsked = 50
$script:LongestShown = 200
$script:OwnSids = 'S-1-5-18', 'S-1-5-32-544'  # SYSTEM and Administrators: their rights everywhere are not content

# ---- What is wanted ----

function Get-RootProblem {
    # Why a text cannot be the root of the tree; nothing when it can
    param ([string] $Root, [char] $Separator)

    if ($Separator -eq '\') {
        if ($Root -notmatch '^[A-Za-z]:\\[^\\]') {
            return "root '$Root' must be a folder below a drive, such as D:\FTPS-Exchange"
        }
        $parts = $Root.Substring(3).Split($Separator)
    }
    else {
        if ($Root -notmatch '^/[^/]') { return "root '$Root' must be an absolute path below /" }
        $parts = $Root.Substring(1).Split($Separator)
    }
    foreach ($part in $parts) {
        $problem = Get-NameProblem -Name $part
        if ($problem) { return "root '$Root' $problem" }
    }
}

function Get-NameProblem {
    # Why Windows would not take a name, or would silently make another one of it; nothing when it is a good one
    param ([string] $Name)

    if ($Name -in '', '.', '..') { return "has an empty part, '.' or '..'" }
    if ($Name -match '[\x00-\x1f<>:"/\\|?*]') { return "has a character that Windows does not allow in a name ('$Name')" }
    if ($Name -match '[ .]$') { return "has a part that ends with a dot or a space, which Windows drops ('$Name')" }
    if ($Name -match '^(CON|PRN|AUX|NUL|CLOCK\$|(COM|LPT)[0-9\u00b9\u00b2\u00b3]) *(\.|$)') { return "is the name of a device ('$Name')" }
}

function Get-SidHex {
    # A SID's binary form (MS-DTYP 2.4.2.2) as hexadecimal text; nothing where the text is no SID
    param ([string] $Sid)

    if ($Sid -cnotmatch '^S-1-(0|[1-9][0-9]{0,14})((?:-(?:0|[1-9][0-9]{0,9})){1,15})$') { return $null }
    $authority = [System.Int64] $Matches[1]
    $parts = $Matches[2].Substring(1).Split('-')
    if ($authority -ge 281474976710656) { return $null }
    $hex = [System.Text.StringBuilder]::new()
    $null = $hex.AppendFormat('01-{0:X2}', $parts.Count)
    for ($shift = 40; $shift -ge 0; $shift -= 8) { $null = $hex.AppendFormat('-{0:X2}', ($authority -shr $shift) -band 0xff) }
    foreach ($part in $parts) {
        $number = [System.Int64] $part
        if ($number -gt [System.UInt32]::MaxValue) { return $null }
        $null = $hex.Append('-').Append([System.BitConverter]::ToString([System.BitConverter]::GetBytes([System.UInt32] $number)))
    }
    $hex.ToString()
}

function ConvertFrom-SddlEntry {
    # One entry of a list in SDDL, '(A;OICI;0x1200a9;;;S-1-5-18)', and its binary form (MS-DTYP 2.4.4.2) as text
    param ([string] $Text)

    if ($Text -cnotmatch '^\(A;((?:OI|CI|NP|IO)*);0x([0-9a-fA-F]{1,8});;;([^;()]*)\)$') {
        throw "'$Text' is not an entry (A;flags;0xmask;;;SID) with a hexadecimal mask and the flags OI, CI, NP, IO"
    }
    $flagText, $maskText, $sid = $Matches[1], $Matches[2], $Matches[3]
    $sidHex = Get-SidHex -Sid $sid
    if (-not $sidHex) { throw "'$sid' is not a full SID" }
    $flags = 0
    for ($at = 0; $at -lt $flagText.Length; $at += 2) {
        switch ($flagText.Substring($at, 2)) { 'OI' { $flags = $flags -bor 1 } 'CI' { $flags = $flags -bor 2 } 'NP' { $flags = $flags -bor 4 } 'IO' { $flags = $flags -bor 8 } }
    }
    if ($flags -and -not ($flags -band 3)) { throw "'$Text' limits how it is inherited (NP, IO), but nothing inherits it (OI, CI)" }
    $mask = [System.Convert]::ToUInt32($maskText, 16)
    if (-not $mask -or ($mask -bor 0x1f01ff) -ne 0x1f01ff) { throw "'$Text' grants no right, or one that folders do not have (beyond 0x1f01ff)" }
    $size = 8 + $sidHex.Split('-').Count
    $head = [System.BitConverter]::ToString([byte[]] @(0, $flags, $size, 0))
    @{
        type = 0; flags = $flags; mask = $mask; sid = $sid
        hex = "$head-$([System.BitConverter]::ToString([System.BitConverter]::GetBytes($mask)))-$sidHex"
    }
}

function Get-DeclaredTree {
    # The list, checked as a whole, as folders with parents first
    param ([object[]] $Folder, [string] $Root, [char] $Separator)

    $problems = [System.Collections.Generic.List[string]]::new()
    $declared = [System.Collections.Generic.Dictionary[string, object]]::new([System.StringComparer]::OrdinalIgnoreCase)
    $goodNames = [System.Collections.Generic.HashSet[string]]::new()
    $known = [System.Collections.Hashtable]::new()  # case-sensitive, unlike @{}
    foreach ($item in $Folder) {
        if ($item -isnot [System.Collections.IDictionary] -or $item['path'] -isnot [string] -or $item['sddl'] -isnot [string]) {
            $problems.Add('each folder must be a dictionary with the strings path and sddl')
            continue
        }
        $path = $item['path']
        $full = if ($path) { "$Root$Separator$($path.Replace([char] '/', $Separator))" } else { $Root }
        $problem = $null
        if ($path) {
            foreach ($part in $path.Split([char] '/')) {
                if ($goodNames.Contains($part)) { continue }
                $problem = Get-NameProblem -Name $part
                if ($problem) { break }
                $null = $goodNames.Add($part)
            }
        }
        if (-not $problem -and $full.Length -gt $script:LongestPath) {
            $problem = "is $($full.Length) characters long including root; Windows allows $($script:LongestPath)"
        }
        if (-not $problem -and $declared.ContainsKey($path)) { $problem = 'is declared twice (Windows ignores case)' }
        $entries = [System.Collections.Generic.List[object]]::new()
        if (-not $problem) {
            if ($item['sddl'] -cmatch '^D:((?:P|AI|AR)*)((?:\([^()]*\))+)$' -and $Matches[1].Contains('P')) {
                foreach ($text in $Matches[2].Substring(1, $Matches[2].Length - 2) -split '\)\(') {
                    $entry = $known[$text]
                    if (-not $entry) {
                        try { $entry = $known[$text] = ConvertFrom-SddlEntry -Text "($text)" }
                        catch { $problem = "$_"; break }
                    }
                    $entries.Add($entry)
                }
            }
            else { $problem = "'$($item['sddl'])' is not just a protected access list 'D:P(…)' with at least one entry" }
        }
        if ($problem) { $problems.Add("folder '$path': $problem") }
        $hexes = [string[]] @(foreach ($entry in $entries) { $entry.hex })
        [System.Array]::Sort($hexes, [System.StringComparer]::Ordinal)
        $declared[$path] = @{
            path = $path; full = $full; sddl = $item['sddl']; entries = $entries; key = $hexes -join ' '
            # Where nothing is passed on to customers, only declared folders belong
            open = $false; inside = [System.Collections.Generic.List[object]]::new(); above = $null
        }
        foreach ($entry in $entries) {
            if (($entry.flags -band 3) -and $script:OwnSids -notcontains $entry.sid) { $declared[$path].open = $true }
        }
    }
    if ($problems.Count -eq 0 -and -not $declared.ContainsKey('')) { $problems.Add("the top folder itself (path '') is not declared") }
    foreach ($node in $declared.Values) {
        if (-not $node.path) { continue }
        $above = $node.path -replace '(^|/)[^/]*$'
        if ($declared.ContainsKey($above)) { $declared[$above].inside.Add($node) }
        elseif ($above -or $problems.Count -eq 0) { $problems.Add("folder '$($node.path)' is declared, but its parent '$above' is not") }
    }
    if ($problems.Count) { throw ($problems -join '; ') }

    # Parents first, in the order of the list
    $all = [System.Collections.Generic.List[object]]::new()
    $waiting = [System.Collections.Generic.Stack[object]]::new()
    $declared[''].above = Get-FolderAbove -Root $Root
    $waiting.Push($declared[''])
    while ($waiting.Count) {
        $node = $waiting.Pop()
        $all.Add($node)
        $above = $node.above + $node.full
        for ($at = $node.inside.Count - 1; $at -ge 0; $at--) {
            $node.inside[$at].above = $above
            $waiting.Push($node.inside[$at])
        }
    }
    , $all
}

# ---- What is there ----

function Get-PathKind {
    # 'missing', 'folder', 'file' or 'link'. A junction and a symbolic link are both reparse points and neither is followed.
    param ([string] $Path)

    $attributes = [System.IO.DirectoryInfo]::new($Path).Attributes
    # PowerShell swallows what a property throws; the method throws the same again, with its reason
    if ($null -eq $attributes) { $attributes = [System.IO.File]::GetAttributes($Path) }
    if ([int] $attributes -eq -1) { 'missing' }
    elseif ($attributes -band [System.IO.FileAttributes]::ReparsePoint) { 'link' }
    elseif ($attributes -band [System.IO.FileAttributes]::Directory) { 'folder' }
    else { 'file' }
}

function Assert-Folder {
    # Whether a folder is there; an error where something else has its name
    param ([string] $Path)

    $kind = Get-PathKind -Path $Path
    switch ($kind) {
        'link' { throw "$Path is a junction or symbolic link and is not followed: it must be a folder of its own. Move it away and run again" }
        'file' { throw "$Path is a file, but must be a folder: move it away and run again" }
    }
    $kind -eq 'folder'
}

function Get-FolderAbove {
    # What lies above the root, from the drive on
    param ([string] $Root)

    $above = [System.Collections.Generic.List[string]]::new()
    for ($path = [System.IO.Path]::GetDirectoryName($Root); $path; $path = [System.IO.Path]::GetDirectoryName($path)) { $above.Insert(0, $path) }
    , $above.ToArray()
}

function ConvertFrom-Descriptor {
    # A binary security descriptor (MS-DTYP 2.4.6): its protection, and each entry of its list as hexadecimal text
    param ([byte[]] $Bytes)

    $control = [System.BitConverter]::ToUInt16($Bytes, 2)
    $start = [System.BitConverter]::ToUInt32($Bytes, 16)
    $list = if (($control -band 4) -and $start) {
        $at = $start + 8
        for ($left = [System.BitConverter]::ToUInt16($Bytes, $start + 4); $left -gt 0; $left--) {
            $size = [System.BitConverter]::ToUInt16($Bytes, $at + 2)
            [System.BitConverter]::ToString($Bytes, $at, $size)
            $at += $size
        }
    }
    else { 'none' }
    $hexes = [string[]] @($list)
    [System.Array]::Sort($hexes, [System.StringComparer]::Ordinal)
    @{ protected = [bool] ($control -band 0x1000); hexes = $hexes }
}

function ConvertFrom-EntryHex {
    # An entry's hexadecimal text: type, flags, mask and SID, or only the text where it is of another kind
    param ([string] $Hex)

    if ($Hex -eq 'none') { return @{ type = -1; hex = $Hex } }
    $bytes = [byte[]] @(foreach ($part in $Hex.Split('-')) { [System.Convert]::ToByte($part, 16) })
    if ($bytes[0] -gt 1) { return @{ type = $bytes[0]; flags = $bytes[1]; hex = $Hex } }
    $authority = [System.Int64] 0
    for ($at = 10; $at -lt 16; $at++) { $authority = $authority * 256 + $bytes[$at] }
    $sid = "S-1-$authority"
    for ($part = 0; $part -lt $bytes[9]; $part++) { $sid += "-$([System.BitConverter]::ToUInt32($bytes, 16 + 4 * $part))" }
    @{ type = $bytes[0]; flags = $bytes[1]; mask = [System.BitConverter]::ToUInt32($bytes, 4); sid = $sid; hex = $Hex }
}

function Get-Meaning {
    # Entries -> who may do what where, as one text. .NET joins entries that mean the same in one (two masks of one SID
    # with equal flags; one mask for the folder and for what is below it), so lists are compared by what they say of
    # the folder, of what lies in it and of what lies deeper. The order of entries that all allow means nothing.
    param ([object[]] $Entry)

    $masks = @{}
    foreach ($one in $Entry) {
        # One that denies, or is of another kind, means nothing that is declared
        if ($one.type -ne 0) {
            $masks['other'] = ''
            continue
        }
        $places = @(
            if (-not ($one.flags -band 8)) { 'itself' }
            $kinds = @(if ($one.flags -band 1) { 'files' }; if ($one.flags -band 2) { 'folders' })
            $depths = if ($one.flags -band 4) { 'in it' } else { 'in it', 'deeper' }
            foreach ($kind in $kinds) { foreach ($depth in $depths) { "$kind $depth" } }
        )
        foreach ($place in $places) {
            # Inherited entries (0x10) are something else
            $key = "$place $($one.flags -band 0xf0) $($one.sid)"
            $masks[$key] = [System.UInt32] $masks[$key] -bor $one.mask
        }
    }
    ($masks.GetEnumerator() | ForEach-Object { "$($_.Key) $($_.Value)" } | Sort-Object) -join "`n"
}

function Test-FolderAsDeclared {
    # Whether a descriptor says what is declared. Most do so literally, which is found out without reading the entries.
    param ([hashtable] $Node, [hashtable] $Found)

    if (-not $Found.protected) { return $false }
    if (($Found.hexes -join ' ') -ceq $Node.key) { return $true }
    $entries = foreach ($hex in $Found.hexes) { ConvertFrom-EntryHex -Hex $hex }
    (Get-Meaning -Entry $entries) -ceq (Get-Meaning -Entry $Node.entries)
}

# ---- Messages ----

function Get-DescriptorLine {
    # Protection and entries for a person
    param ([bool] $Protected, [object[]] $Entry, [hashtable] $Name)

    if ($Protected) { "protected from the parent's entries" } else { "takes the parent's entries" }
    $lines = foreach ($one in $Entry) {
        if ($one.type -lt 0) { 'no access list at all: everybody may do everything'; continue }
        $flags = -join @(
            if ($one.flags -band 1) { 'OI' }; if ($one.flags -band 2) { 'CI' }; if ($one.flags -band 4) { 'NP' }
            if ($one.flags -band 8) { 'IO' }; if ($one.flags -band 16) { 'ID' }
        )
        if (-not $flags) { $flags = 'this folder' }
        if ($one.type -gt 1) { "entry of type $($one.type) $flags $($one.hex)"; continue }
        $who = if ($Name.ContainsKey($one.sid)) { $Name[$one.sid] } else { $one.sid }
        '{0} 0x{1:x} {2} {3}' -f @('allow', 'deny')[$one.type], $one.mask, $flags, $who
    }
    $lines | Sort-Object
}

function Get-TreeDiff {
    # Every entry of every changing folder on a line of its own, with the folder's name in it
    param ([System.Collections.Generic.List[object]] $Wanting, [System.Collections.IDictionary] $Sid)

    $names = @{}
    foreach ($name in $Sid.Keys) { $names["$($Sid[$name])"] = "$name" }
    $asked = 0
    $before = [System.Text.StringBuilder]::new()
    $after = [System.Text.StringBuilder]::new()
    foreach ($node in $Wanting) {
        if ($node.found) {
            $entries = @(foreach ($hex in $node.found.hexes) { ConvertFrom-EntryHex -Hex $hex })
            foreach ($entry in $entries) {
                if (-not $entry.ContainsKey('sid') -or $names.ContainsKey($entry.sid) -or $asked -ge $script:MostNamesAsked) { continue }
                $asked++
                # A name is only shown: without a domain to ask, the SID is shown instead, and no second question is asked
                try { $known = Get-SidName -Sid $entry.sid }
                catch { $known, $asked = $null, $script:MostNamesAsked }
                $names[$entry.sid] = if ($known) { $known } else { $entry.sid }
            }
            foreach ($line in Get-DescriptorLine -Protected $node.found.protected -Entry $entries -Name $names) {
                $null = $before.Append("$($node.full): $line`n")
            }
        }
        foreach ($line in Get-DescriptorLine -Protected $true -Entry $node.entries -Name $names) { $null = $after.Append("$($node.full): $line`n") }
    }
    @{
        before = $before.ToString(); after = $after.ToString()
        before_header = 'folders and their permissions'; after_header = 'folders and their permissions'
    }
}

function Get-Shown {
    # A name as text of bearable length
    param ([string] $Name)

    $text = $Name -replace '[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]', '?'
    if ($text.Length -gt $script:LongestShown) { "$($text.Substring(0, $script:LongestShown))..." } else { $text }
}

# ---- The tree ----

function Read-Tree {
    # What is there of each folder, before anything is changed, with every obstacle in one message. Returns what lies
    # where only declared folders belong.
    param ([System.Collections.Generic.List[object]] $Node, [string] $Root)

    $problems = [System.Collections.Generic.List[string]]::new()
    $undeclared = [System.Collections.Generic.List[string]]::new()
    foreach ($one in $Node) { $one.found = $null }
    $drive = [System.IO.Path]::GetPathRoot($Root)
    foreach ($path in $Node[0].above) {
        if (-not (Assert-Folder -Path $path) -and $path -eq $drive) { throw "this host has no drive $drive, which $Root needs" }
    }
    $waiting = [System.Collections.Generic.Stack[object]]::new()
    $waiting.Push($Node[0])
    while ($waiting.Count) {
        $one = $waiting.Pop()
        try {
            if (-not (Assert-Folder -Path $one.full)) { continue }
            $one.found = ConvertFrom-Descriptor -Bytes (Get-FolderDescriptor -Path $one.full)
            if (-not $one.open) {
                $own = [System.Collections.Generic.HashSet[string]]::new([System.StringComparer]::OrdinalIgnoreCase)
                foreach ($inner in $one.inside) { $null = $own.Add($inner.full) }
                $strays = [string[]] @(foreach ($entry in [System.IO.Directory]::GetFileSystemEntries($one.full)) { if (-not $own.Contains($entry)) { $entry } })
                [System.Array]::Sort($strays, [System.StringComparer]::OrdinalIgnoreCase)
                foreach ($stray in $strays) { $undeclared.Add((Get-Shown -Name $stray.Substring($Root.Length + 1).Replace('\', '/'))) }
            }
        }
        catch {
            $text = "$($_.Exception.GetBaseException().Message)"
            $problems.Add($(if ($text.Contains($one.full)) { $text } else { "$($one.full): $text" }))
            continue
        }
        foreach ($inner in $one.inside) { $waiting.Push($inner) }
    }
    if ($problems.Count) { throw ($problems -join '; ') }
    , $undeclared
}

function Set-Folder {
    # Make or repair one folder, and look at the result
    param ([hashtable] $Node)

    # As close before the change as it gets. Nobody but the administration may exchange one of these folders.
    foreach ($path in $Node.above) {
        if (-not (Assert-Folder -Path $path)) { throw "$path disappeared during the run" }
    }
    if (-not (Assert-Folder -Path $Node.full)) { New-FolderWithDescriptor -Path $Node.full -Sddl $Node.sddl }
    $found = ConvertFrom-Descriptor -Bytes (Get-FolderDescriptor -Path $Node.full)
    if (Test-FolderAsDeclared -Node $Node -Found $found) { return }
    Set-FolderDescriptor -Path $Node.full -Sddl $Node.sddl
    $found = ConvertFrom-Descriptor -Bytes (Get-FolderDescriptor -Path $Node.full)
    if (-not (Test-FolderAsDeclared -Node $Node -Found $found)) {
        $entries = foreach ($hex in $found.hexes) { ConvertFrom-EntryHex -Hex $hex }
        $lines = Get-DescriptorLine -Protected $found.protected -Entry $entries -Name @{}
        throw "Windows did not store what was requested ($($Node.sddl)). Found: $($lines -join '; ')"
    }
}

function Invoke-FolderTree {
    # Read, compare, apply. $Result is filled as things are done, so that it is true after a failure too.
    param ([System.Collections.IDictionary] $Result, [string] $Root, [object[]] $Folder, [bool] $CheckMode)

    $separator = [System.IO.Path]::DirectorySeparatorChar
    $Result.created = [System.Collections.Generic.List[string]]::new()
    $Result.repaired = [System.Collections.Generic.List[string]]::new()
    $Result.undeclared = @()
    $wanting = [System.Collections.Generic.List[object]]::new()
    $Root = $Root.TrimEnd($separator)
    $problem = Get-RootProblem -Root $Root -Separator $separator
    if ($problem) { throw $problem }
    $nodes = Get-DeclaredTree -Folder $Folder -Root $Root -Separator $separator
    $Result.undeclared = (Read-Tree -Node $nodes -Root $Root).ToArray()
    foreach ($node in $nodes) {
        if (-not $node.found -or -not (Test-FolderAsDeclared -Node $node -Found $node.found)) { $wanting.Add($node) }
    }
    $Result.changed = $wanting.Count -gt 0
    $current = $Root
    try {
        if ($wanting.Count -and -not $CheckMode) {
            foreach ($path in $nodes[0].above) {
                if (-not (Assert-Folder -Path $path)) { $null = [System.IO.Directory]::CreateDirectory($path) }
            }
        }
        foreach ($node in $wanting) {
            $current = $node.full
            if (-not $CheckMode) { Set-Folder -Node $node }
            if ($node.found) { $Result.repaired.Add($node.path) } else { $Result.created.Add($node.path) }
        }
    }
    catch {
        $text = "$($_.Exception.GetBaseException().Message)"
        if (-not $text.Contains($current)) { $text = "${current}: $text" }
        $open = $wanting.Count - $Result.created.Count - $Result.repaired.Count
        throw "$text. Before that, $($Result.created.Count) folders were created and $($Result.repaired.Count) repaired; $open are not as declared yet. Fix this and run again: finished changes stay"
    }
    , $wanting
}

# ---- The module ----

$module = [Ansible.Basic.AnsibleModule]::Create($args, @{
        options = @{
            root = @{ type = 'str'; required = $true }
            folders = @{ type = 'json'; required = $true }
            sids = @{ type = 'json'; default = '{}' }
        }
        supports_check_mode = $true
    })
try {
    $folders = [Ansible.Basic.AnsibleModule]::FromJson((Expand-FtpsExchangeText -Text $module.Params.folders))
    if ($folders -isnot [System.Collections.IList]) { throw 'folders is not a list' }
    $sids = [Ansible.Basic.AnsibleModule]::FromJson((Expand-FtpsExchangeText -Text $module.Params.sids))
    if ($sids -isnot [System.Collections.IDictionary]) { throw 'sids is not a dictionary' }
    $wanting = Invoke-FolderTree -Result $module.Result -Root $module.Params.root -Folder $folders -CheckMode $module.CheckMode
    if ($module.DiffMode -and $wanting.Count) {
        $module.Result.diff = Get-TreeDiff -Wanting $wanting -Sid $sids
    }
    if ($module.Result.undeclared) {
        $some = @($module.Result.undeclared | Select-Object -First 10) -join ', '
        $rest = $module.Result.undeclared.Count - 10
        if ($rest -gt 0) { $some += " and $rest more" }
        $module.Warn("Undeclared content below $($module.Params.root), not touched: $some")
    }
}
catch {
    $module.FailJson("$($_.Exception.Message)")
}
$module.ExitJson()
