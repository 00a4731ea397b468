# Stands in for what only Windows can answer about the permissions of a folder. Folders are real ones on the disk that
# the tests run on; their access lists are in the file that FTPS_EXCHANGE_FOLDERS names, a line of JSON for each time one
# was set: {"path": ..., "sddl": ...}, with an SDDL of {"null": true} a list that is not there.
#
# Like NTFS it passes on: a folder has the entries of its own list and those it inherits, unless the list is protected.
# Like .NET it hands the list out as bytes, sorted by SID and with entries joined that can be joined. Unlike both it
# refuses what this project never means: SDDL with anything but an access section, a folder made without its parent.
#
# FTPS_EXCHANGE_FOLDERS_FAIL_AT=n  the nth change fails, as when the right to it was taken away meanwhile
# FTPS_EXCHANGE_FOLDERS_SWAP=n|path|target  at the nth change somebody puts a link in the place of this folder
# FTPS_EXCHANGE_FOLDERS_VANISH=path  somebody moves this folder away when its list was read
# FTPS_EXCHANGE_FOLDERS_FORGET=1   changes are taken and not kept, as by a file system without access lists
# FTPS_EXCHANGE_FOLDERS_DENY=path  the list of this folder may not be read
# FTPS_EXCHANGE_FOLDERS_STRANGER=sid  the domain of this SID cannot be asked

$ErrorActionPreference = 'Stop'
$file = $env:FTPS_EXCHANGE_FOLDERS
$lists = [Collections.Hashtable]::new()
$effective = [Collections.Hashtable]::new()
$counter = @{ changes = 0 }
$flagNames = @{ OI = 1; CI = 2; NP = 4; IO = 8; ID = 16 }

function Read-Sddl([string] $Sddl) {
    if ($Sddl -cnotmatch '^D:((?:P|AI|AR)*)((?:\([^()]*\))*)$') { throw "the stand-in takes an access section alone, not: $Sddl" }
    $control, $rest = $Matches[1], $Matches[2]
    $entries = foreach ($match in [regex]::Matches($rest, '\(([^;()]*);([A-Z]*);0x([0-9a-fA-F]+);;;(S-1-[0-9-]+)\)')) {
        $flags = 0
        foreach ($flag in [regex]::Matches($match.Groups[2].Value, '..')) { $flags = $flags -bor $flagNames[$flag.Value] }
        @{
            type = @{ A = 0; D = 1; XA = 9 }[$match.Groups[1].Value]; flags = $flags
            mask = [Convert]::ToUInt32($match.Groups[3].Value, 16); sid = $match.Groups[4].Value
        }
    }
    @{ protected = $control.Contains('P'); entries = @($entries) }
}

if ([IO.File]::Exists($file)) {
    foreach ($line in [IO.File]::ReadLines($file)) {
        $set = ConvertFrom-Json -InputObject $line
        $lists[$set.path] = $set.sddl
    }
}

function Get-Effective([string] $Path) {
    # The entries of a folder: its own ones, then what comes from above
    if ($effective.ContainsKey($Path)) { return $effective[$Path] }
    $sddl = $lists[$Path]
    if ($sddl -and $sddl -isnot [string]) { return ($effective[$Path] = @{ protected = $false; entries = $null }) }
    $own = if ($sddl) { Read-Sddl $sddl } else { @{ protected = $false; entries = @() } }
    $entries = @($own.entries)
    $above = [IO.Path]::GetDirectoryName($Path)
    if (-not $own.protected -and $above) {
        $entries += foreach ($entry in (Get-Effective $above).entries) {
            if (-not ($entry.flags -band 3)) { continue }
            $once = $entry.flags -band 4
            if ($entry.flags -band 2) { $flags = if ($once) { 16 } else { ($entry.flags -band 3) -bor 16 } }
            elseif ($once) { continue }
            else { $flags = 1 -bor 8 -bor 16 }
            @{ type = $entry.type; flags = $flags; mask = $entry.mask; sid = $entry.sid }
        }
    }
    elseif (-not $above) { $entries += @{ type = 0; flags = 3; mask = 0x1200a9; sid = 'S-1-5-32-545' } }
    ($effective[$Path] = @{ protected = $own.protected; entries = $entries })
}

# Which flags say what: of the folder, of folders and files in it, of those deeper
$flagsOf = @{}
function Get-Place([int] $Flags) {
    $below = if ($Flags -band 4) { 1 } else { 5 }
    $(if ($Flags -band 8) { 0 } else { 16 }) -bor $(if ($Flags -band 1) { $below }) -bor $(if ($Flags -band 2) { $below * 2 })
}
foreach ($flags in 0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15) { $flagsOf[(Get-Place $flags)] = $flags }

function Join-Entry([object[]] $Entry) {
    # What .NET makes of a list: in the order of SIDs, and two entries in one where they can be
    $joined = [Collections.Generic.List[object]]::new()
    foreach ($one in $Entry | Sort-Object { $_.flags -band 16 }, { -$_.type }, { $_.sid }, { $_.flags } -Stable) {
        $last = if ($joined.Count) { $joined[$joined.Count - 1] }
        $same = $last -and $last.sid -eq $one.sid -and $last.type -eq $one.type -and ($last.flags -band 16) -eq ($one.flags -band 16)
        $both = if ($same) { $flagsOf[((Get-Place $last.flags) -bor (Get-Place $one.flags))] }
        if ($same -and $last.flags -eq $one.flags) { $last.mask = $last.mask -bor $one.mask }
        elseif ($same -and $last.mask -eq $one.mask -and $null -ne $both) { $last.flags = $both -bor ($last.flags -band 16) }
        else { $joined.Add(@{ type = $one.type; flags = $one.flags; mask = $one.mask; sid = $one.sid }) }
    }
    , $joined
}

function Get-FolderDescriptor([string] $Path) {
    if ($env:FTPS_EXCHANGE_FOLDERS_DENY -eq $Path) { throw [UnauthorizedAccessException]::new('Attempted to perform an unauthorized operation.') }
    if (-not [IO.Directory]::Exists($Path)) { throw [IO.DirectoryNotFoundException]::new("The stand-in knows no folder $Path") }
    $has = Get-Effective $Path
    $stream = [IO.MemoryStream]::new()
    $writer = [IO.BinaryWriter]::new($stream)
    $control = 0x8000
    if ($null -ne $has.entries) { $control = $control -bor 4 }
    if ($has.protected) { $control = $control -bor 0x1000 }
    $writer.Write([byte[]] (1, 0))
    $writer.Write([uint16] $control)
    foreach ($offset in 0, 0, 0, $(if ($null -ne $has.entries) { 20 } else { 0 })) { $writer.Write([uint32] $offset) }
    if ($null -ne $has.entries) {
        $joined = Join-Entry $has.entries
        $bodies = @(
            foreach ($entry in $joined) {
                $parts = $entry.sid.Split('-')
                $body = [IO.MemoryStream]::new()
                $inner = [IO.BinaryWriter]::new($body)
                $inner.Write([byte[]] ($entry.type, $entry.flags))
                $inner.Write([uint16] (8 + 8 + 4 * ($parts.Count - 3)))
                $inner.Write([uint32] $entry.mask)
                $inner.Write([byte[]] (1, ($parts.Count - 3)))
                foreach ($shift in 40, 32, 24, 16, 8, 0) { $inner.Write([byte] (([long] $parts[2] -shr $shift) -band 255)) }
                foreach ($part in $parts[3..15]) { $inner.Write([uint32] $part) }
                , $body.ToArray()
            }
        )
        $writer.Write([byte[]] (2, 0))
        $writer.Write([uint16] (8 + ($bodies | Measure-Object -Property Length -Sum).Sum))
        $writer.Write([uint16] $bodies.Count)
        $writer.Write([uint16] 0)
        foreach ($body in $bodies) { $writer.Write([byte[]] $body) }
    }
    if ($env:FTPS_EXCHANGE_FOLDERS_VANISH -eq $Path) { [IO.Directory]::Move($Path, "$Path-away") }
    , $stream.ToArray()
}

function Save-List([string] $Path, [string] $Sddl) {
    $null = Read-Sddl $Sddl
    if ($env:FTPS_EXCHANGE_FOLDERS_FORGET) { return }
    $lists[$Path] = $Sddl
    $effective.Clear()
    [IO.File]::AppendAllText($file, "$(ConvertTo-Json -Compress -InputObject @{ path = $Path; sddl = $Sddl })`n")
}

function Step-Change {
    $counter.changes++
    if ("$($counter.changes)" -eq $env:FTPS_EXCHANGE_FOLDERS_FAIL_AT) {
        throw [UnauthorizedAccessException]::new('Attempted to perform an unauthorized operation.')
    }
    $number, $path, $target = "$env:FTPS_EXCHANGE_FOLDERS_SWAP".Split('|')
    if ("$($counter.changes)" -eq $number) {
        [IO.Directory]::Move($path, "$path-away")
        $null = [IO.Directory]::CreateSymbolicLink($path, $target)
    }
}

function New-FolderWithDescriptor([string] $Path, [string] $Sddl) {
    Step-Change
    if (-not [IO.Directory]::Exists([IO.Path]::GetDirectoryName($Path))) { throw "the stand-in makes no parents, so not $Path" }
    if ([IO.Directory]::Exists($Path)) { return }
    $null = [IO.Directory]::CreateDirectory($Path)
    Save-List $Path $Sddl
}

function Set-FolderDescriptor([string] $Path, [string] $Sddl) {
    Step-Change
    if (-not [IO.Directory]::Exists($Path)) { throw [IO.DirectoryNotFoundException]::new("The stand-in knows no folder $Path") }
    Save-List $Path $Sddl
}

function Get-SidName([string] $Sid) {
    if ($env:FTPS_EXCHANGE_FOLDERS_STRANGER -eq $Sid) { throw [SystemException]::new('The trust relationship failed.') }
    @{ 'S-1-1-0' = 'Everyone'; 'S-1-5-11' = 'NT AUTHORITY\Authenticated Users'; 'S-1-5-32-545' = 'BUILTIN\Users' }[$Sid]
}

Export-ModuleMember -Function Get-FolderDescriptor, New-FolderWithDescriptor, Set-FolderDescriptor, Get-SidName
