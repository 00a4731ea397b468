#!powershell
#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ansible_collections.ftps.exchange.plugins.module_utils.FtpsExchangeText

# Makes sections of the IIS configuration equal to a list, in one commit. win_iis_settings.yml describes the list;
# docs/windows.md says what is written in which case.
#
# Windows PowerShell 5.1 is the language. Two of its habits shape the code: what a property of .NET throws becomes
# $null, so properties of IIS are read by their methods, get_X(); and what a function puts out is enumerated, so a
# collection is never the output of a function. And a call of a function costs a hundred times what a statement does: what
# is done for each item, attribute or location calls none where it can be helped.

Set-StrictMode -Version 3.0

$module = [Ansible.Basic.AnsibleModule]::Create($args, @{
        options = @{
            settings = @{ type = 'json'; required = $true }
            thumbprint = @{ type = 'str' }
        }
        supports_check_mode = $true
        # An entry of the event log takes 31 KB; the list has megabytes
        no_log = $true
    })

$SITES_PATH = 'system.applicationHost/sites'
# The path of the server level; a location's is this, a stroke and the location
$SERVER = 'MACHINE/WEBROOT/APPHOST'
# Sections that the FTP service reads when it starts, and not again
$READ_AT_START = @('system.ftpServer/firewallSupport')
# The mark in the list for the certificate of this host
$CERTIFICATE = '"<thumbprint>"'
# Here a restart that is due waits until it is done: a run may end between the commit and the restart
$PENDING = Join-Path $env:ProgramData 'ftps-exchange/restart-of-ftpsvc'
# The error of a question that has no answer here: ERROR_NOT_SUPPORTED as an HRESULT
$NOT_SUPPORTED = -2147024846

# Where the run is, for the message of an error
$here = @{
    Section = ''
    Location = ''
    Where = ''
    Item = $null
    Attribute = ''
    Value = $null
    Remedy = ''
    Stored = 'Nothing was stored.'
}
# What it has done
$done = @{
    Added = 0
    Changed = 0
    Removed = 0
    Restart = $false
    SitesAdded = [Collections.Generic.List[string]]::new()
    # New sites that have no locations yet
    Waiting = [Collections.Generic.List[string]]::new()
}
# What --diff shows of it
$diff = @{
    Wanted = $module.DiffMode
    Before = [Collections.Generic.List[string]]::new()
    After = [Collections.Generic.List[string]]::new()
}
# What the schema says of attributes, by the place of the element and the name; all names, by the place; and what the
# collections of the list shall hold (Get-Plan)
$cache = @{ Kinds = @{}; Names = @{}; Plans = @{} }
# The list (Read-List)
$wishes = @{
    Sites = $null
    Forms = $null
    Rows = $null
    Jobs = [Collections.Generic.SortedDictionary[int,object]]::new()
    Listed = [Collections.Generic.HashSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
    Places = [Collections.Generic.HashSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
    Collections = [Collections.Generic.HashSet[string]]::new()
    First = @{}
    Purges = [Collections.Generic.Dictionary[string,object]]::new([StringComparer]::OrdinalIgnoreCase)
}

# What is done next concerns an element, not one of its attributes
function Set-Place($where, $item) {
    $here.Where = $where
    $here.Item = $item
    $here.Attribute = ''
}

function Stop-Run($problem, $remedy) {
    $here.Remedy = $remedy
    throw $problem
}

# The list


# The control node has checked the list against the schema of IIS. What is looked at here is what would do harm.
#   Jobs         what has to hold in which section of which location, by depth: what holds further up shows further down
#   Listed       each section with each of its locations; Places: the locations; First: the first of both below each site
#   Collections  sections that are known to have one
#   Purges       by site: the sections of which it loses what nobody listed
function Read-List($text) {
    # Where a site names its certificate, the list has this mark: it is the same for all hosts, the certificate is not
    if ($text.Contains($CERTIFICATE)) {
        if ($module.Params.thumbprint -notmatch '^[0-9A-Fa-f]{40}\z') {
            Stop-Run "thumbprint '$($module.Params.thumbprint)' is not 40 hexadecimal digits" 'Name the certificate that the sites serve.'
        }
        $text = $text.Replace($CERTIFICATE, "`"$($module.Params.thumbprint.ToUpperInvariant())`"")
    }
    try { $list = [Ansible.Basic.AnsibleModule]::FromJson($text) }
    catch { Stop-Run "settings is not valid JSON: $($_.Exception.GetBaseException().Message)" 'Write it with the filter to_json.' }
    foreach ($name in 'sites', 'forms', 'rows', 'sections', 'purge') {
        if ($list -isnot [Collections.IDictionary] -or -not $list.ContainsKey($name)) {
            Stop-Run "settings lacks '$name'" 'The filter exchange_iis_settings makes the list.'
        }
    }
    $wishes.Sites = $list['sites']
    $wishes.Forms = $list['forms']
    $wishes.Rows = $list['rows']
    foreach ($section in $list['sections']) {
        $name = $section['section']
        if ($section.ContainsKey('collection')) { $null = $wishes.Collections.Add($name) }
        foreach ($location in Expand-Location $section['location']) {
            if (-not $wishes.Listed.Add("$name`n$location")) {
                Stop-Run "$name is listed twice for the location '$location'" 'Keep one.'
            }
            $null = $wishes.Places.Add($location)
            $depth = 0
            if ($location -ne '') {
                $parts = $location.Split('/')
                $depth = $parts.Count
                if (-not $wishes.First.ContainsKey($parts[0])) { $wishes.First[$parts[0]] = @($name, $location) }
            }
            if (-not $wishes.Jobs.ContainsKey($depth)) { $wishes.Jobs[$depth] = [Collections.Generic.List[object]]::new() }
            $wishes.Jobs[$depth].Add(@{ Section = $name; Location = $location; Node = $section })
        }
    }
    foreach ($purge in $list['purge']) {
        foreach ($site in Expand-Location $purge['below']) {
            if ($site -eq '') { Stop-Run "purge of $($purge['section']) names no site" "Name one in 'below': nothing is purged everywhere." }
            if (-not $wishes.Purges.ContainsKey($site)) { $wishes.Purges[$site] = [Collections.Generic.List[string]]::new() }
            $wishes.Purges[$site].Add($purge['section'])
        }
    }
}

function Expand-Location($location) {
    foreach ($one in $location) {
        if ($one -eq '*') { $wishes.Sites }
        elseif ($one.StartsWith('*/')) { foreach ($site in $wishes.Sites) { $site + $one.Substring(1) } }
        else { $one }
    }
}

# Values


# What the schema says of an attribute. It is asked once for a kind of element.
function Get-Kind($element, $path, $name) {
    $place = "$path $name"
    if (-not $cache.Kinds.ContainsKey($place)) {
        $here.Attribute = $name
        $here.Value = $null
        $schema = $element.GetAttribute($name).get_Schema()
        $type = $schema.get_Type()
        $kind = @{
            Type = $type
            Plain = $type -eq 'string'
            Hidden = $schema.get_IsEncrypted()
            Values = $null
            Default = $null
            Texts = @{}
        }
        if ($type -eq 'enum' -or $type -eq 'flags') {
            $kind.Values = [Collections.Generic.Dictionary[string,long]]::new([StringComparer]::OrdinalIgnoreCase)
            foreach ($value in $schema.GetEnumValues()) { $kind.Values[$value.get_Name()] = $value.get_Value() }
        }
        $kind.Default = ConvertTo-Text $schema.get_DefaultValue() $kind
        $cache.Kinds[$place] = $kind
    }
    $cache.Kinds[$place]
}

# A value as text that is equal where IIS means the same: an enumeration as its number, a time span in one form
function ConvertTo-Text($value, $kind) {
    if ($value -is [string] -and $kind.Plain) { return $value }
    if ($null -eq $value) { return '' }
    # Few values are not strings
    if (-not $kind.Texts.ContainsKey($value)) { $kind.Texts[$value] = ConvertTo-NewText $value $kind }
    $kind.Texts[$value]
}

function ConvertTo-NewText($value, $kind) {
    if ($null -ne $kind.Values) {
        $number = [long]0
        # The list has names; the API gives the number
        foreach ($name in "$value".Split(',')) {
            $name = $name.Trim()
            $one = [long]0
            if ($name -ne '' -and -not $kind.Values.TryGetValue($name, [ref]$one) -and -not [long]::TryParse($name, [ref]$one)) {
                Stop-Run "'$name' is not one of its values" "It may be: $($kind.Values.Keys -join ', ')."
            }
            $number = $number -bor $one
        }
        return $number.ToString([Globalization.CultureInfo]::InvariantCulture)
    }
    if ($kind.Type -eq 'timeSpan') {
        $span = ConvertTo-Given $value
        # The schema's default is the raw number: ticks
        if ($span -isnot [TimeSpan]) { $span = [TimeSpan]::FromTicks($span) }
        return $span.ToString()
    }
    $text = [Convert]::ToString($value, [Globalization.CultureInfo]::InvariantCulture)
    if ($kind.Type -eq 'bool') { return $text.ToLowerInvariant() }
    $text
}

# What a person reads
function Format-Value($text, $kind) {
    if ($kind.Hidden) { return '(hidden)' }
    if ($null -eq $kind.Values) { return $text }
    $number = [long]$text
    $names = foreach ($pair in $kind.Values.GetEnumerator()) {
        $contained = $kind.Type -eq 'flags' -and $pair.Value -ne 0 -and ($number -band $pair.Value) -eq $pair.Value
        if ($contained -or $pair.Value -eq $number) { $pair.Key }
    }
    if ($null -eq $names) { return $text }
    $names -join ', '
}

function Set-Value($element, $path, $name, $value) {
    $kind = $cache.Kinds["$path $name"]
    if ($null -eq $kind) { $kind = Get-Kind $element $path $name }
    if ($kind.Type -eq 'timeSpan') { $value = ConvertTo-Given $value }
    $here.Attribute = $name
    $here.Value = $value
    $element.SetAttributeValue($name, $value)
}

# What the API takes for a time span of the list
function ConvertTo-Given($value) {
    if ($value -is [string]) { return [TimeSpan]::Parse($value, [Globalization.CultureInfo]::InvariantCulture) }
    $value
}

function Get-Text($element, $path, $name) {
    $here.Attribute = $name
    $here.Value = $null
    $value = $element.GetAttributeValue($name)
    ConvertTo-Text $value (Get-Kind $element $path $name)
}

function Get-WantedText($element, $path, $name, $value) {
    $kind = Get-Kind $element $path $name
    $here.Attribute = $name
    $here.Value = $value
    ConvertTo-Text $value $kind
}

# Output for --diff


function Add-Line($list, $where, $text) {
    if (-not $diff.Wanted) { return }
    if ($here.Location -eq '') { $list.Add("$where $text") }
    else { $list.Add("[$($here.Location)] $where $text") }
}

function Format-Present($element, $path, $names) {
    $parts = foreach ($name in $names) { "$name='$(Format-Value (Get-Text $element $path $name) (Get-Kind $element $path $name))'" }
    $parts -join ' '
}

# If there is no element yet, only the wanted value can be shown
function Format-Wanted($element, $path, $attributes) {
    $parts = foreach ($name in $attributes.Keys) {
        $text = [string]$attributes[$name]
        if ($attributes[$name] -is [bool]) { $text = $text.ToLowerInvariant() }
        if ($null -ne $element) {
            $text = Format-Value (Get-WantedText $element $path $name $attributes[$name]) (Get-Kind $element $path $name)
        }
        "$name='$text'"
    }
    $parts -join ' '
}

# A value of an item; what shows which item it is are its keys
function Add-ItemChange($item, $path, $where, $keys, $name, $old, $new) {
    if ($diff.Wanted) { $where = "$where[$(Format-Present $item $path $keys)]" }
    Add-Change $item $path $where $name $old $new
}

function Add-Change($element, $path, $where, $name, $old, $new) {
    $done.Changed += 1
    if ($READ_AT_START -contains $here.Section) { $done.Restart = $true }
    $kind = @{ Hidden = $false; Values = $null }
    if ($null -ne $element) { $kind = Get-Kind $element $path $name }
    if ($null -ne $old) { Add-Line $diff.Before $where "$name='$(Format-Value $old $kind)'" }
    Add-Line $diff.After $where "$name='$(Format-Value $new $kind)'"
}

# Elements


# Attributes, child elements and the collection of one element. $null for the element: there is no such place yet.
# $fresh: it is part of an item that is made now, which says all that is wanted, whatever the defaults are. $stored: the
# file has it at this place, and not only further up.
function Sync-Node($element, $node, $path, $where, $fresh, $stored) {
    $here.Where, $here.Item, $here.Attribute = $where, $null, ''
    $attributes = @{}
    if ($node.ContainsKey('attributes')) { $attributes = $node['attributes'] }
    if ($null -eq $element) {
        foreach ($name in $attributes.Keys) { Add-Change $null $path $where $name $null $attributes[$name] }
    }
    elseif ($fresh) {
        foreach ($name in $attributes.Keys) {
            Add-Change $element $path $where $name $null (Get-WantedText $element $path $name $attributes[$name])
        }
        $differing = @($attributes.Keys)
    }
    else {
        $differing = @(foreach ($name in $attributes.Keys) {
                $kind = $cache.Kinds["$path $name"]
                if ($null -eq $kind) { $kind = Get-Kind $element $path $name }
                $value = $attributes[$name]
                $here.Attribute = $name
                $here.Value = $value
                $present = $element.GetAttributeValue($name)
                # Nearly always, and then there is nothing to convert
                if ([object]::Equals($present, $value)) { continue }
                $new = ConvertTo-Text $value $kind
                $old = ConvertTo-Text $present $kind
                if (-not [string]::Equals($old, $new)) {
                    Add-Change $element $path $where $name $old $new
                    $name
                }
            })
    }
    $refilled = $false
    if ($node.ContainsKey('collection')) { $refilled = Sync-Collection $element $node['collection'] $path $where $stored }
    $here.Where, $here.Item, $here.Attribute = $where, $null, ''
    if ($null -ne $element) {
        # So does an element that appears only now
        if (-not $stored -and ($differing.Count -gt 0 -or $refilled)) { $differing = @($attributes.Keys) }
        foreach ($name in $differing) { Set-Value $element $path $name $attributes[$name] }
    }
    if ($node.ContainsKey('elements')) {
        foreach ($name in $node['elements'].Keys) {
            $child = $null
            if ($null -ne $element) {
                Set-Place $where $null
                $child = $element.GetChildElement($name)
                if ($null -eq $child) { Stop-Run "there is no element '$name' here" 'Is the name right, and known to this version of IIS?' }
            }
            # Of an element that is not a section this says whether there is one, even if further up
            Sync-Node $child $node['elements'][$name] "$path/$name" "$where/$name" $fresh ($stored -and $child.get_IsLocallyStored())
        }
    }
}

# The items that a collection shall hold, as @{ Attributes; Node }, where Node may have elements and a collection of its own
function Get-Wanted($collection, $form) {
    if ($collection.ContainsKey('items')) {
        foreach ($item in $collection['items']) {
            $attributes = [ordered]@{}
            foreach ($name in $item['attributes'].Keys) { $attributes[$name] = $item['attributes'][$name] }
            @{ Attributes = $attributes; Node = $item }
        }
    }
    elseif ($collection.ContainsKey('rows')) {
        $rows = $collection['rows']
        if ($rows -is [string]) { $rows = $wishes.Rows[$rows] }
        $columns = $form['columns']
        $width = $columns.Count
        $constants = @{}
        if ($form.ContainsKey('constants')) { $constants = $form['constants'] }
        foreach ($row in $rows) {
            $attributes = [ordered]@{}
            for ($i = 0; $i -lt $width; $i += 1) {
                if ($null -ne $row[$i]) { $attributes[$columns[$i]] = $row[$i] }
            }
            foreach ($name in $constants.Keys) { $attributes[$name] = $constants[$name] }
            @{ Attributes = $attributes; Node = $null }
        }
    }
}

# What a collection shall hold, in the terms of IIS: worked out once, at however many locations it shall hold that.
#   Names, Kinds    the attributes that are read of each item, and what the schema says of them
#   KeyAt           where among them those stand by which an item is known
#   Wanted          the items: Attributes and Node as above; Names and Values as the API takes them; Key; and Texts: what
#                   each attribute that is read should say, $null for any
# $sample: any element of that kind.
function Get-Plan($sample, $collection, $form, $path) {
    $wanted = @(Get-Wanted $collection $form)
    $names = @($form['keys'])
    if ($form['purge']) {
        if (-not $cache.Names.ContainsKey($path)) {
            $cache.Names[$path] = @(foreach ($attribute in $sample.get_Attributes()) { $attribute.get_Name() })
        }
        $names = $cache.Names[$path]
        # Others are answered by an extension, which knows nothing of FTP
        if ($form.ContainsKey('stored')) { $names = @($names | Where-Object { $form['stored'] -contains $_ }) }
    }
    else {
        foreach ($item in $wanted) {
            foreach ($name in $item.Attributes.Keys) { if ($names -notcontains $name) { $names += $name } }
        }
    }
    $kinds = @(foreach ($name in $names) {
            $kind = $cache.Kinds["$path $name"]
            if ($null -eq $kind) { $kind = Get-Kind $sample $path $name }
            $kind
        })
    $keyAt = @(foreach ($key in $form['keys']) { for ($i = 0; $i -lt $names.Count; $i += 1) { if ($names[$i] -eq $key) { $i } } })
    $at = @{}
    $unnamed = [object[]]::new($names.Count)
    for ($i = 0; $i -lt $names.Count; $i += 1) {
        $at[$names[$i]] = $i
        if ($form['purge']) { $unnamed[$i] = $kinds[$i].Default }
    }
    $seen = [Collections.Generic.HashSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
    foreach ($item in $wanted) {
        $attributes = $item.Attributes
        $here.Item = $attributes
        $item.Names = [Collections.Generic.List[string]]::new()
        $item.Values = [Collections.Generic.List[object]]::new()
        $texts = $unnamed.Clone()
        foreach ($name in $attributes.Keys) {
            $kind = $cache.Kinds["$path $name"]
            if ($null -eq $kind) { $kind = Get-Kind $sample $path $name }
            $value = $attributes[$name]
            $here.Attribute = $name
            $here.Value = $value
            # As ConvertTo-Text does, without a call
            if ($kind.Plain) { $texts[$at[$name]] = $value }
            elseif ($kind.Texts.ContainsKey($value)) { $texts[$at[$name]] = $kind.Texts[$value] }
            else { $texts[$at[$name]] = ConvertTo-Text $value $kind }
            if ($kind.Type -eq 'timeSpan') { $value = ConvertTo-Given $value }
            $item.Names.Add($name)
            $item.Values.Add($value)
        }
        $item.Key = $texts[$keyAt] -join "`n"
        # It is enough that an item is found by it: case does not matter
        foreach ($i in $keyAt) { $texts[$i] = $null }
        $item.Texts = $texts
        if (-not $seen.Add($item.Key)) {
            $here.Attribute = ''
            Stop-Run 'IIS treats two items of the list as one' 'Keep one.'
        }
    }
    $here.Item = $null
    $here.Attribute = ''
    @{ Names = $names; Kinds = $kinds; KeyAt = $keyAt; Wanted = $wanted; IsWanted = $seen }
}

# Puts out whether anything was added, changed or removed in an element. $stored: as for Sync-Node
function Sync-Collection($element, $collection, $path, $where, $stored) {
    $form = $wishes.Forms[$collection['form']]
    $tag = $form['element']
    $path = "$path/$tag"
    $keys = @($form['keys'])
    $where = "$where/$tag"
    $counted = $done.Added + $done.Changed + $done.Removed

    if ($null -eq $element) {
        Add-Item $null @(Get-Wanted $collection $form) $path $where $tag $keys $true $false
        return
    }
    $here.Where, $here.Item, $here.Attribute = $where, $null, ''
    $items = $element.GetCollection()
    if ($null -eq $items) { Stop-Run 'this element has no collection' 'Is the name of the element right?' }
    if (-not $cache.Plans.ContainsKey($collection)) {
        $cache.Plans[$collection] = Get-Plan $items.CreateElement($tag) $collection $form $path
    }
    $plan = $cache.Plans[$collection]
    # What only the levels above hold is not looked through where it is another number of items: a site may have ten
    # thousand of them, and tens of thousands of locations
    if ($form['clear'] -and -not $stored -and $items.get_Count() -ne $plan.Wanted.Count) {
        Add-Item $items $plan.Wanted $path $where $tag $keys $true $true
        return $true
    }
    $present = Read-Collection $items $plan
    $changes = Compare-Collection $present $plan $collection $form
    if ($form['clear']) {
        if ($changes.New.Count + $changes.Gone.Count + $changes.Differing.Count + $changes.Misplaced.Count -eq 0) { return $false }
        if ($present.Order.Count -eq 0 -or -not $stored) {
            # Nothing of ours goes: there was none, or it was that of the levels above
            Add-Item $items $plan.Wanted $path $where $tag $keys $true $true
            return $true
        }
    }
    Add-Gone $changes $plan $form $path $where $keys
    if ($form['clear']) { Write-Again $items $present $changes $plan $path $where $tag $keys }
    else { Write-Changes $items $present $changes $plan $path $where $tag $keys }
    $done.Added + $done.Changed + $done.Removed -ne $counted
}

# The items that are there: Items and, in the order of the plan's names, their Texts by key; the keys in their Order; and
# Others, which have the key of an earlier one
function Read-Collection($items, $plan) {
    $found = [Collections.Generic.Dictionary[string,object]]::new([StringComparer]::OrdinalIgnoreCase)
    $said = [Collections.Generic.Dictionary[string,object]]::new([StringComparer]::OrdinalIgnoreCase)
    $order = [Collections.Generic.List[string]]::new()
    $others = [Collections.Generic.List[object]]::new()
    $names = $plan.Names
    $kinds = $plan.Kinds
    $keyAt = $plan.KeyAt
    $width = $names.Count
    $here.Value = $null
    foreach ($item in $items) {
        $texts = [object[]]::new($width)
        for ($i = 0; $i -lt $width; $i += 1) {
            $here.Attribute = $names[$i]
            $value = $item.GetAttributeValue($names[$i])
            $kind = $kinds[$i]
            # As ConvertTo-Text does, without a call
            if ($kind.Plain) { $texts[$i] = [string]$value }
            elseif ($null -ne $value -and $kind.Texts.ContainsKey($value)) { $texts[$i] = $kind.Texts[$value] }
            else { $texts[$i] = ConvertTo-Text $value $kind }
        }
        $key = $texts[$keyAt] -join "`n"
        if ($found.ContainsKey($key)) {
            $others.Add($item)
            continue
        }
        $found[$key] = $item
        $said[$key] = $texts
        $order.Add($key)
    }
    $here.Attribute = ''
    @{ Items = $found; Texts = $said; Order = $order; Others = $others }
}

# What is to be done: New (items of the plan), Gone (items that are there), Differing (values of items that stay), and
# Misplaced (places at which another one stands)
function Compare-Collection($present, $plan, $collection, $form) {
    $new = [Collections.Generic.List[object]]::new()
    $gone = [Collections.Generic.List[object]]::new()
    $differing = [Collections.Generic.List[object]]::new()
    $misplaced = @()
    if ($form['purge']) {
        # IIS knows an item by more than the list does, perhaps: what is there beside the first one is nobody's
        foreach ($item in $present.Others) { $gone.Add($item) }
        foreach ($key in $present.Order) { if (-not $plan.IsWanted.Contains($key)) { $gone.Add($present.Items[$key]) } }
    }
    if ($collection.ContainsKey('absent')) {
        foreach ($values in $collection['absent']) {
            $key = @(for ($i = 0; $i -lt $values.Count; $i += 1) { ConvertTo-Text $values[$i] $plan.Kinds[$plan.KeyAt[$i]] }) -join "`n"
            if ($present.Items.ContainsKey($key)) { $gone.Add($present.Items[$key]) }
        }
    }
    foreach ($item in $plan.Wanted) {
        if (-not $present.Items.ContainsKey($item.Key)) {
            $new.Add($item)
            continue
        }
        $texts = $item.Texts
        $old = $present.Texts[$item.Key]
        for ($i = 0; $i -lt $texts.Count; $i += 1) {
            if ($null -ne $texts[$i] -and -not [string]::Equals($old[$i], $texts[$i])) {
                $differing.Add(@{ Item = $item; At = $i; Old = $old[$i]; New = $texts[$i] })
            }
        }
    }
    if ($form['ordered'] -and $new.Count -eq 0 -and $gone.Count -eq 0) {
        $order = $present.Order
        $misplaced = @(for ($i = 0; $i -lt $order.Count; $i += 1) { if ($order[$i] -ne $plan.Wanted[$i].Key) { $i } })
    }
    @{ New = $new; Gone = $gone; Differing = $differing; Misplaced = $misplaced }
}

# Counts what goes, and shows it
function Add-Gone($changes, $plan, $form, $path, $where, $keys) {
    foreach ($item in $changes.Gone) {
        $done.Removed += 1
        Set-Place $where $null
        if (-not $diff.Wanted) { continue }
        # Of what is not owned item by item, such as a site, the keys say enough: other attributes may have no answer
        $shown = $keys
        if ($form['purge']) { $shown = Get-Shown $item $keys $plan.Names }
        Add-Line $diff.Before $where (Format-Present $item $path $shown)
    }
}

# A collection that stands alone: all of it is written again
function Write-Again($items, $present, $changes, $plan, $path, $where, $tag, $keys) {
    foreach ($change in $changes.Differing) {
        $item = $present.Items[$change.Item.Key]
        $here.Item = $change.Item.Attributes
        Add-ItemChange $item $path $where $keys $plan.Names[$change.At] $change.Old $change.New
    }
    foreach ($i in $changes.Misplaced) {
        $done.Changed += 1
        Add-Line $diff.Before $where "at position $($i + 1): $(Format-Present $present.Items[$present.Order[$i]] $path $keys)"
        Add-Line $diff.After $where "at position $($i + 1): $(Format-Present $present.Items[$plan.Wanted[$i].Key] $path $keys)"
    }
    $done.Added += $changes.New.Count
    if ($diff.Wanted) {
        $sample = $present.Items[$present.Order[0]]
        foreach ($item in $changes.New) { Add-Line $diff.After $where (Format-Wanted $sample $path $item.Attributes) }
    }
    Set-Place $where $null
    $items.Clear()
    Add-Item $items $plan.Wanted $path $where $tag $keys $false $false
}

# A collection beside what others have in it: only what differs is written
function Write-Changes($items, $present, $changes, $plan, $path, $where, $tag, $keys) {
    $named = [Collections.Generic.List[object]]::new()
    foreach ($change in $changes.Differing) {
        $item = $present.Items[$change.Item.Key]
        $name = $plan.Names[$change.At]
        $here.Item = $change.Item.Attributes
        # Where it may come from defaults that the configuration itself sets, only leaving it out shows what holds
        # without it; what is left out stays out
        if ($change.Item.Attributes.Contains($name)) { $named.Add($change) }
        else {
            $here.Attribute = $name
            $item.GetAttribute($name).Delete()
            $change.New = Get-Text $item $path $name
            if ([string]::Equals($change.Old, $change.New)) { continue }
        }
        Add-ItemChange $item $path $where $keys $name $change.Old $change.New
    }
    Set-Place $where $null
    foreach ($item in $changes.Gone) { $items.Remove($item) }
    foreach ($change in $named) {
        $name = $plan.Names[$change.At]
        Set-Value $present.Items[$change.Item.Key] $path $name $change.Item.Attributes[$name]
    }
    Add-Item $items $changes.New $path $where $tag $keys $true $false
    foreach ($item in $plan.Wanted) {
        if ($null -ne $item.Node -and $present.Items.ContainsKey($item.Key)) {
            Sync-Inside $present.Items[$item.Key] $item $path $where $keys $false
        }
    }
}

# What to show of what goes: its keys and whatever else is set, of the names given ($null: of all)
function Get-Shown($item, $keys, $names) {
    $keys
    foreach ($attribute in $item.get_Attributes()) {
        $name = $attribute.get_Name()
        if ($keys -contains $name -or ($null -ne $names -and $names -notcontains $name)) { continue }
        if (-not $attribute.get_IsInheritedFromDefaultValue()) { $name }
    }
}

# Above all others: under the number of a site that is gone lie that site's logs
function Get-FreeId($sites, $path) {
    $highest = [long]0
    $here.Attribute = ''
    foreach ($site in $sites) { $highest = [Math]::Max($highest, [long](Get-Text $site $path 'id')) }
    $highest + 1
}

# New items at the end of a collection. $null for the collection: there is no IIS yet. $alone: what is declared here stands
# alone, whatever the levels above hold, now or later. What they hold is not ours: it is not removed, it only stops to reach
# this place.
function Add-Item($items, $wanted, $path, $where, $tag, $keys, $counts, $alone) {
    if ($alone) {
        if ($wanted.Count -eq 0) {
            $done.Changed += 1
            Add-Line $diff.After $where 'nothing from the levels above'
        }
        $items.Clear()
    }
    $isSite = $here.Section -eq $SITES_PATH -and $tag -eq 'site'
    foreach ($item in $wanted) {
        $new = $null
        if ($null -ne $items) {
            $here.Where = $where
            $here.Item = $item.Attributes
            $here.Attribute = ''
            $new = $items.CreateElement($tag)
            for ($i = 0; $i -lt $item.Names.Count; $i += 1) {
                $here.Attribute = $item.Names[$i]
                $here.Value = $item.Values[$i]
                $new.SetAttributeValue($item.Names[$i], $item.Values[$i])
            }
            if ($isSite -and -not $item.Attributes.Contains('id')) { Set-Value $new $path 'id' (Get-FreeId $items $path) }
            $here.Attribute = ''
            $null = $items.Add($new)
        }
        if ($counts) {
            $done.Added += 1
            if ($diff.Wanted) { Add-Line $diff.After $where (Format-Wanted $new $path $item.Attributes) }
        }
        if ($isSite) { $done.SitesAdded.Add($item.Attributes['name']) }
        if ($null -ne $item.Node) { Sync-Inside $new $item $path $where $keys $true }
    }
}

# Child elements and the collection of an item, whose own attributes are as they should be
function Sync-Inside($element, $item, $path, $where, $keys, $fresh) {
    $inside = @{}
    foreach ($name in 'elements', 'collection') {
        if ($item.Node.ContainsKey($name)) { $inside[$name] = $item.Node[$name] }
    }
    $label = foreach ($key in $keys) { "$key='$($item.Attributes[$key])'" }
    Sync-Node $element $inside $path "$where[$($label -join ' ')]" $fresh (-not $fresh)
}

# Locations


# An API may give nothing, where another one throws
function Stop-NoSection() {
    Stop-Run 'there is no such section' 'Is the FTP service of IIS installed (feature Web-Ftp-Server)?'
}

# Whether a section is stored at this very place. IsLocallyStored does not say so: it is about the whole file, in one
# reading, and about the server level, in another. $paths: the locations that the file has.
function Test-Stored($section, $location, $paths) {
    $path = $SERVER
    if ($location -ne '') {
        if (-not $paths.Contains($location)) { return $false }
        $path = "$SERVER/$location"
    }
    try { $deepest = $section.GetMetadata('deepestPathSet') }
    catch {
        # It is set nowhere
        if ($_.Exception.GetBaseException().HResult -eq $NOT_SUPPORTED) { return $false }
        throw
    }
    [string]::Equals($deepest, $path, [StringComparison]::OrdinalIgnoreCase)
}

# What stands at locations of our sites that nobody listed. A location without any section of the list goes as a whole;
# one with some loses the others of those that are purged.
function Clear-Strays($configuration, $paths, $sites) {
    foreach ($site in $wishes.Purges.Keys) {
        # The sections of a site that is gone, or not known yet, cannot be asked for
        $names = @(if ($sites -contains $site) { $wishes.Purges[$site] })
        foreach ($path in $paths) {
            if (-not "$path/".StartsWith("$site/", [StringComparison]::OrdinalIgnoreCase)) { continue }
            $here.Location = $path
            $isListed = $wishes.Places.Contains($path)
            $removed = 0
            foreach ($name in $names) {
                if ($wishes.Listed.Contains("$name`n$path")) { continue }
                Set-Place $name $null
                $section = $configuration.GetSection($name, $path)
                if ($null -eq $section) { Stop-NoSection }
                if (-not (Test-Stored $section $path $paths)) { continue }
                $removed += 1
                if ($diff.Wanted) { Add-StrayLine $section $name }
                Set-Place $name $null
                if ($isListed) { $section.RevertToParent() }
            }
            if (-not $isListed) {
                Set-Place 'removal' $null
                $configuration.RemoveLocationPath($path)
                if ($removed -eq 0) {
                    $removed = 1
                    Add-Line $diff.Before 'removed' 'with everything stored in it'
                }
            }
            $done.Removed += $removed
        }
    }
}

# What a section that goes says, and what it lets through or not. Inherited items are listed with its own: which are which,
# IIS does not say. Of many, the first.
function Add-StrayLine($section, $name) {
    $text = Format-Present $section $name @(Get-Shown $section @() $null)
    Add-Line $diff.Before $name "stored here $text".TrimEnd()
    if (-not $wishes.Collections.Contains($name)) { return }
    Set-Place $name $null
    $number = 0
    foreach ($item in $section.GetCollection()) {
        $number += 1
        if ($number -gt 20) {
            Add-Line $diff.Before "$name/" 'and more'
            break
        }
        Set-Place $name $null
        Add-Line $diff.Before "$name/" (Format-Present $item "$name/" @(Get-Shown $item @() $null))
    }
}

# Sites


# All sites there are, as @{ Name; Starts; Bindings; Ports }, where ports are those of FTP
function Read-Site($configuration) {
    $here.Section = $SITES_PATH
    $here.Location = ''
    $here.Value = $null
    Set-Place $SITES_PATH $null
    $sites = $configuration.GetSection($SITES_PATH).GetCollection()
    foreach ($site in $sites) {
        Set-Place "$SITES_PATH/site" $null
        $ftp = $site.GetChildElement('ftpServer')
        $bindings = $site.GetChildElement('bindings').GetCollection()
        $here.Attribute = 'name'
        $name = $site.GetAttributeValue('name')
        $here.Attribute = 'serverAutoStart'
        $starts = $ftp.GetAttributeValue('serverAutoStart')
        Set-Place "$SITES_PATH/site/bindings" $null
        $ports = @(foreach ($binding in $bindings) {
                Set-Place "$SITES_PATH/site/bindings/binding" $null
                $here.Attribute = 'protocol'
                if ($binding.GetAttributeValue('protocol') -ne 'ftp') { continue }
                $here.Attribute = 'bindingInformation'
                $binding.GetAttributeValue('bindingInformation')
            })
        @{ Name = $name; Starts = $starts; Bindings = $bindings; Ports = $ports }
    }
    Set-Place $SITES_PATH $null
}

# Of two sites with one port the service starts one, and the other stays silent
function Assert-FreePort($sites) {
    $taken = @{}
    foreach ($site in $sites) {
        if ($wishes.Sites -contains $site.Name -or -not $site.Starts) { continue }
        foreach ($port in $site.Ports) { $taken[$port] = $site.Name }
    }
    foreach ($site in $sites) {
        if ($wishes.Sites -notcontains $site.Name) { continue }
        foreach ($port in $site.Ports) {
            if (-not $taken.ContainsKey($port)) { continue }
            Stop-Run "the site '$($taken[$port])' already uses $port, the port of '$($site.Name)'" (
                'Remove that site or give it another port; if it is this service under a former name, list it in ' +
                'iis_options.former_site_names.')
        }
    }
}

# A new site has to wait if IIS knows its locations only once the site is stored
function Add-Waiting($configuration, $site) {
    if (-not $wishes.First.ContainsKey($site)) { return }
    $name, $location = $wishes.First[$site]
    $here.Location = $location
    Set-Place $name $null
    try { $null = $configuration.GetSection($name, $location) }
    catch {
        if ($_.Exception.GetBaseException() -isnot [IO.FileNotFoundException]) { throw }
        # The same is thrown for a section that is nowhere
        $null = $configuration.GetSection($name)
        $done.Waiting.Add($site)
    }
}

# While its rules are not stored a site has no port
function Close-Site($configuration) {
    foreach ($site in @(Read-Site $configuration)) {
        if ($done.Waiting -notcontains $site.Name) { continue }
        foreach ($binding in @($site.Bindings)) { $site.Bindings.Remove($binding) }
    }
}

# The run


# Sections of one depth
function Sync-Level($configuration, $jobs, $paths) {
    foreach ($job in $jobs) {
        $name = $job.Section
        $location = $job.Location
        $here.Section = $name
        $here.Location = $location
        $here.Where, $here.Item, $here.Attribute = $name, $null, ''
        $section = $null
        $stored = $false
        if ($null -ne $configuration -and $done.Waiting -notcontains $location.Split('/')[0]) {
            if ($location -eq '') { $section = $configuration.GetSection($name) }
            else { $section = $configuration.GetSection($name, $location) }
            if ($null -eq $section) { Stop-NoSection }
            $stored = Test-Stored $section $location $paths
        }
        Sync-Node $section $job.Node $name $name $false $stored
    }
}

# Everything but the commit
function Sync-List($configuration) {
    $paths = $null
    if ($null -ne $configuration) {
        # Once, and before anything is changed
        $paths = [Collections.Generic.HashSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
        foreach ($path in $configuration.GetLocationPaths()) { $null = $paths.Add($path) }
    }
    if ($wishes.Jobs.ContainsKey(0)) { Sync-Level $configuration $wishes.Jobs[0] $paths }
    if ($null -ne $configuration) {
        $sites = @(Read-Site $configuration)
        Assert-FreePort $sites
        foreach ($name in $done.SitesAdded) { Add-Waiting $configuration $name }
    }
    foreach ($depth in $wishes.Jobs.Keys) {
        if ($depth -gt 0) { Sync-Level $configuration $wishes.Jobs[$depth] $paths }
    }
    if ($null -ne $configuration) {
        Clear-Strays $configuration $paths @(foreach ($site in $sites) { if ($done.Waiting -notcontains $site.Name) { $site.Name } })
    }
}

# What is to be stored, stored; puts out whether it takes a second step, for new sites whose locations IIS did not know
function Step-Run($manager) {
    $configuration = $manager.GetApplicationHostConfiguration()
    Sync-List $configuration
    if ($module.CheckMode -or $done.Added + $done.Changed + $done.Removed -eq 0) { return $false }
    if ($done.Waiting.Count -gt 0) { Close-Site $configuration }
    $here.Section = ''
    if ($done.Restart) {
        $here.Remedy = "Can this account write ${PENDING}?"
        $null = New-Item -ItemType Directory -Force -Path (Split-Path -Parent $PENDING)
        [IO.File]::WriteAllText($PENDING, [DateTime]::UtcNow.Ticks)
    }
    $here.Remedy = 'Does another program lock or change applicationHost.config? Run again.'
    $manager.CommitChanges()
    $here.Remedy = ''
    $done.Waiting.Count -gt 0
}

function Open-Iis() {
    $library = Join-Path $env:SystemRoot 'System32/inetsrv/Microsoft.Web.Administration.dll'
    if (Test-Path -LiteralPath $library) {
        Add-Type -LiteralPath $library
        return New-Object 'Microsoft.Web.Administration.ServerManager'
    }
    if (-not $module.CheckMode) {
        Stop-Run "IIS is not installed: $library does not exist" 'Install the features Web-Ftp-Service and Web-Scripting-Tools first.'
    }
    $module.Warn("IIS is not installed yet ($library does not exist), so everything counts as new.")
}

# One commit, so that a failure leaves everything as it was. Only for a new site it may take two (Step-Run).
function Invoke-Run() {
    $manager = Open-Iis
    if ($null -eq $manager) {
        Sync-List $null
        return
    }
    try { $again = Step-Run $manager }
    finally { $manager.Dispose() }
    if (-not $again) { return }
    $here.Stored = "Everything is stored except the ports and the rules of the new site $($done.Waiting -join ', '): run again."
    # All was counted and shown; the second look finds what waited
    $first = $done.Clone()
    $done.Waiting = [Collections.Generic.List[string]]::new()
    $done.SitesAdded = [Collections.Generic.List[string]]::new()
    $diff.Wanted = $false
    $manager = Open-Iis
    try { $null = Step-Run $manager }
    finally { $manager.Dispose() }
    foreach ($name in @($first.Keys)) { $done[$name] = $first[$name] }
    $diff.Wanted = $module.DiffMode
}

function Get-Failure($exception) {
    $text = $exception.GetBaseException().Message.Trim()
    $place = ''
    if ($here.Section -ne '') {
        $place = $here.Where
        if ($null -ne $here.Item) { $place += " ($(Format-Wanted $null '' $here.Item))" }
        if ($here.Location -ne '') { $place += " at location '$($here.Location)'" }
        else { $place += ' at the server level' }
        if ($here.Attribute -ne '') {
            $place += ", attribute $($here.Attribute)"
            if ($null -ne $here.Value) { $place += " = '$($here.Value)'" }
        }
        $place += ': '
        if ($here.Remedy -eq '') {
            $here.Remedy = 'Does this version of IIS know it, is it allowed there (not locked), and is Web-Ftp-Server installed?'
        }
    }
    elseif ($here.Remedy -eq '') { $here.Remedy = 'Can this account read the configuration of IIS?' }
    "$place$($text.TrimEnd('.')). $($here.Remedy) $($here.Stored)"
}

$failure = $null
try {
    Read-List (Expand-FtpsExchangeText -Text $module.Params.settings)
    Invoke-Run
}
catch { $failure = $_ }

if ($null -ne $failure) { $module.FailJson((Get-Failure $failure.Exception), $failure) }
$module.Result.changed = $done.Added + $done.Changed + $done.Removed -gt 0
$module.Result.restart_required = $done.Restart -or (Test-Path -LiteralPath $PENDING)
$module.Result.restart_due_to_change = $done.Restart
$module.Result.sites_added = $done.SitesAdded.ToArray()
$module.Result.counts = @{ added = $done.Added; changed = $done.Changed; removed = $done.Removed }
if ($diff.Wanted) {
    $module.Diff.before = ($diff.Before | ForEach-Object { "$_`n" }) -join ''
    $module.Diff.after = ($diff.After | ForEach-Object { "$_`n" }) -join ''
}
$module.ExitJson()
