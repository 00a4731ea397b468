#!powershell
#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell Ansible.ModuleUtils.FtpsExchangeText

# Makes sections of the IIS configuration equal to a list, in one commit. What the list says, its documentation
# (win_iis_settings.yml) tells; what is written in which case, docs/windows.md.
#
# Windows PowerShell 5.1 is the language. Two of its habits shape the code: what a property of .NET throws becomes
# $null, so properties of IIS are read by their methods, get_X(); and what a function puts out is enumerated, so a
# collection is never the output of a function. And a call of a function costs a hundred times what a statement does: what
# is done for each item, attribute or location calls none where it can be helped.

Set-StrictMode -Version 3.0

$module = [Ansible.Basic.AnsibleModule]::Create($args, @{
        options = @{
            settings = @{ type = 'json'; required = $true }
        }
        supports_check_mode = $true
        # An entry of the event log takes 31 KB; the list has megabytes
        no_log = $true
    })

$SITES = 'system.applicationHost/sites'
# Sections that the FTP service reads when it starts, and not again
$READ_AT_START = @('system.ftpServer/firewallSupport')
# What a section's definition says when it cannot stand in a location
$SERVER_ONLY = @('MachineOnly', 'MachineToRootWeb', 'AppHostOnly')

# What the run has done, and where it is: an error tells the latter
$run = @{
    Diff = $module.DiffMode
    Before = [Collections.Generic.List[string]]::new()
    After = [Collections.Generic.List[string]]::new()
    Added = 0
    Changed = 0
    Removed = 0
    Restart = $false
    SitesAdded = [Collections.Generic.List[string]]::new()
    # What the schema says, asked once: of an attribute, by the place of its element and its name; and all names, by the place
    Kinds = @{}
    Names = @{}
    # What a collection of the list shall hold, worked out once (Get-Plan)
    Plans = @{}
    Forms = $null
    Rows = $null
    Section = ''
    Location = ''
    Where = ''
    Item = $null
    Attribute = ''
    Value = $null
    Remedy = ''
}

# What is done next concerns an element, not one of its attributes
function Set-Place($where, $item) {
    $run.Where = $where
    $run.Item = $item
    $run.Attribute = ''
}

function Stop-Run($problem, $remedy) {
    $run.Remedy = $remedy
    throw $problem
}

# The list


function Assert-Dictionary($value, $where) {
    if ($value -isnot [Collections.IDictionary]) { Stop-Run "$where is not a dictionary" 'Give one.' }
}

function Assert-Keys($value, $required, $optional, $where) {
    if ($value -isnot [Collections.IDictionary]) { Stop-Run "$where is not a dictionary" 'Give one.' }
    foreach ($name in $value.Keys) {
        if ($required -notcontains $name -and $optional -notcontains $name) {
            Stop-Run "$where has the unknown key '$name'" "Known are: $(@($required) + @($optional) -join ', ')."
        }
    }
    foreach ($name in $required) {
        if (-not $value.ContainsKey($name)) { Stop-Run "$where lacks '$name'" 'Give it.' }
    }
}

function Assert-List($value, $where) {
    if ($value -isnot [Collections.IList]) { Stop-Run "$where is not a list" 'Give one.' }
}

function Assert-Attributes($attributes, $where) {
    if ($attributes -isnot [Collections.IDictionary]) { Stop-Run "$where is not a dictionary" 'Give names with their values.' }
    foreach ($name in $attributes.Keys) {
        $value = $attributes[$name]
        if ($null -eq $value -or ($value -is [Collections.IEnumerable] -and $value -isnot [string])) {
            Stop-Run "$where.$name is no single value" 'Give a string, a number or a boolean.'
        }
    }
}

function Assert-Collection($collection, $where) {
    Assert-Keys $collection @('form') @('items', 'rows', 'absent') $where
    $name = $collection['form']
    if (-not $run.Forms.ContainsKey($name)) { Stop-Run "$where names the form '$name', which is not there" "Describe it in 'forms'." }
    $form = $run.Forms[$name]
    $keys = $form['keys']
    $seen = [Collections.Generic.HashSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
    if ($collection.ContainsKey('items')) {
        if ($collection.ContainsKey('rows')) { Stop-Run "$where has items and rows" 'Give one of them.' }
        Assert-List $collection['items'] "$where.items"
        foreach ($item in $collection['items']) {
            Assert-Node $item "$where.items"
            $values = foreach ($key in $keys) {
                if (-not $item.ContainsKey('attributes') -or -not $item['attributes'].ContainsKey($key)) {
                    Stop-Run "$where has an item without '$key'" 'An item is known by it: give it.'
                }
                $item['attributes'][$key]
            }
            if (-not $seen.Add($values -join "`n")) { Stop-Run "$where has two items with $($keys -join ', ') = $($values -join ', ')" 'Keep one.' }
        }
    }
    if ($collection.ContainsKey('rows')) {
        if (-not $form.ContainsKey('columns')) { Stop-Run "$where has rows, and the form '$name' no columns" "Say what stands in a row, in 'columns'." }
        $rows = $collection['rows']
        if ($rows -is [string]) {
            if (-not $run.Rows.ContainsKey($rows)) { Stop-Run "$where names the rows '$rows', which are not there" "Give them in 'rows'." }
            $rows = $run.Rows[$rows]
        }
        Assert-List $rows "$where.rows"
        $width = $form['columns'].Count
        $places = @(foreach ($key in $keys) { $form['columns'].IndexOf($key) })
        foreach ($row in $rows) {
            if ($row -isnot [Collections.IList] -or $row.Count -ne $width) {
                Stop-Run "$where has a row that is no list of $width values" "Give one for each of: $($form['columns'] -join ', '), or null."
            }
            if ($places.Count -eq 1) { $key = [string]$row[$places[0]] }
            else { $key = $row[$places] -join "`n" }
            if (-not $seen.Add($key)) { Stop-Run "$where has two rows with $($keys -join ', ') = $($key -replace "`n", ', ')" 'Keep one.' }
        }
    }
    if ($collection.ContainsKey('absent')) {
        Assert-List $collection['absent'] "$where.absent"
        foreach ($gone in $collection['absent']) {
            if ($gone -isnot [Collections.IList] -or $gone.Count -ne $keys.Count) {
                Stop-Run "$where.absent has an entry that is no list of $($keys.Count) values" "Give one for each of: $($keys -join ', ')."
            }
            if ($seen.Contains($gone -join "`n")) { Stop-Run "$where has '$($gone -join ', ')' both listed and absent" 'Keep one.' }
        }
    }
}

function Assert-Node($node, $where) {
    Assert-Keys $node @() @('attributes', 'elements', 'collection') $where
    Assert-Parts $node $where
}

function Assert-Parts($node, $where) {
    if ($node.ContainsKey('attributes')) { Assert-Attributes $node['attributes'] "$where.attributes" }
    if ($node.ContainsKey('elements')) {
        Assert-Dictionary $node['elements'] "$where.elements"
        foreach ($name in $node['elements'].Keys) {
            Assert-Node $node['elements'][$name] "$where.elements.$name"
        }
    }
    if ($node.ContainsKey('collection')) { Assert-Collection $node['collection'] "$where.collection" }
}

# Reads the list: what has to hold in which section of which location. Sets $run.Jobs, $run.Purges and $run.Listed.
function Read-List($text) {
    try { $list = [Ansible.Basic.AnsibleModule]::FromJson($text) }
    catch { Stop-Run "settings is no JSON: $($_.Exception.GetBaseException().Message)" 'Write it with the filter to_json.' }
    Assert-Keys $list @('sites', 'forms', 'rows', 'sections', 'purge') @() 'settings'
    foreach ($name in 'sites', 'sections', 'purge') { Assert-List $list[$name] "settings.$name" }
    foreach ($name in 'forms', 'rows') { Assert-Dictionary $list[$name] "settings.$name" }
    $run.Forms = $list['forms']
    $run.Rows = $list['rows']
    foreach ($name in $run.Forms.Keys) {
        $form = $run.Forms[$name]
        Assert-Keys $form @('element', 'keys', 'purge', 'clear', 'ordered') @('columns', 'constants') "forms.$name"
        Assert-List $form['keys'] "forms.$name.keys"
        if ($form['ordered'] -and -not $form['clear']) {
            Stop-Run "forms.$name is ordered, and not cleared" "An order is restored by filling the collection again: set 'clear'."
        }
        if ($form['clear'] -and -not $form['purge']) { Stop-Run "forms.$name is cleared, and not purged" "Set 'purge'." }
        if ($form.ContainsKey('columns')) {
            Assert-List $form['columns'] "forms.$name.columns"
            if ($form.ContainsKey('constants')) { Assert-Attributes $form['constants'] "forms.$name.constants" }
            foreach ($key in $form['keys']) {
                if ($form['columns'] -notcontains $key) { Stop-Run "forms.$name has the key '$key', which is no column" 'Add the column.' }
            }
        }
    }

    # Sections that are known to have a collection
    $run.Collections = [Collections.Generic.HashSet[string]]::new()
    $run.Listed = [Collections.Generic.HashSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
    # By depth: what holds further up shows in what is read further down
    $jobs = [Collections.Generic.SortedDictionary[int,object]]::new()
    $number = 0
    foreach ($section in $list['sections']) {
        $number += 1
        $where = "sections[$($number - 1)]"
        Assert-Keys $section @('section', 'location') @('attributes', 'elements', 'collection') $where
        $name = $section['section']
        $where = "$where ($name)"
        Assert-Parts $section $where
        if ($section.ContainsKey('collection')) { $null = $run.Collections.Add($name) }
        foreach ($location in Expand-Location $section['location'] $list['sites'] $where) {
            if (-not $run.Listed.Add("$name`n$location")) {
                Stop-Run "$where comes up twice for the location '$location'" 'Keep one.'
            }
            $depth = 0
            if ($location -ne '') { $depth = $location.Split('/').Count }
            if (-not $jobs.ContainsKey($depth)) { $jobs[$depth] = [Collections.Generic.List[object]]::new() }
            $jobs[$depth].Add(@{ Section = $name; Location = $location; Node = $section })
        }
    }
    $run.Jobs = $jobs

    $run.Purges = [Collections.Generic.List[object]]::new()
    foreach ($purge in $list['purge']) {
        Assert-Keys $purge @('section', 'below') @() 'purge'
        foreach ($site in Expand-Location $purge['below'] $list['sites'] 'purge') {
            if ($site -eq '') { Stop-Run "purge of $($purge['section']) names no site" "Name one in 'below': nothing is purged everywhere." }
            $run.Purges.Add(@{ Section = $purge['section']; Below = $site })
        }
    }
}

function Expand-Location($location, $sites, $where) {
    foreach ($one in $location) {
        if ($one -isnot [string]) { Stop-Run "$where has a location that is no string" 'Give a path, or a list of them.' }
        if ($one -eq '*') { $sites }
        elseif ($one.StartsWith('*/')) { foreach ($site in $sites) { $site + $one.Substring(1) } }
        else { $one }
    }
}

# Values


# What the schema says of an attribute. It is asked once for a kind of element.
function Get-Kind($element, $path, $name) {
    $place = "$path $name"
    if (-not $run.Kinds.ContainsKey($place)) {
        $run.Attribute = $name
        $run.Value = $null
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
        $run.Kinds[$place] = $kind
    }
    $run.Kinds[$place]
}

# A value as text that is equal where IIS means the same: an enumeration as its number, a time span in one form
function ConvertTo-Text($value, $kind) {
    if ($value -is [string] -and $kind.Plain) { return $value }
    if ($null -eq $value) { return '' }
    # There are few that are no strings
    if (-not $kind.Texts.ContainsKey($value)) { $kind.Texts[$value] = ConvertTo-NewText $value $kind }
    $kind.Texts[$value]
}

function ConvertTo-NewText($value, $kind) {
    if ($value -is [string]) {
        if ($null -ne $kind.Values) {
            $number = [long]0
            foreach ($name in $value.Split(',')) {
                $name = $name.Trim()
                $one = [long]0
                # An API may give the number as a string
                if ($name -ne '' -and -not $kind.Values.TryGetValue($name, [ref]$one) -and -not [long]::TryParse($name, [ref]$one)) {
                    Stop-Run "'$name' is not one of its values" "It may be: $($kind.Values.Keys -join ', ')."
                }
                $number = $number -bor $one
            }
            return $number.ToString([Globalization.CultureInfo]::InvariantCulture)
        }
        if ($kind.Type -eq 'timeSpan') { return [TimeSpan]::Parse($value, [Globalization.CultureInfo]::InvariantCulture).ToString() }
        if ($kind.Type -eq 'bool') { return $value.ToLowerInvariant() }
        return $value
    }
    if ($value -is [bool]) {
        if ($value) { return 'true' }
        return 'false'
    }
    if ($value -is [TimeSpan]) { return $value.ToString() }
    # An enumeration of .NET too: as its number
    if ($null -ne $kind.Values) { return ([long]$value).ToString([Globalization.CultureInfo]::InvariantCulture) }
    [Convert]::ToString($value, [Globalization.CultureInfo]::InvariantCulture)
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
    $kind = $run.Kinds["$path $name"]
    if ($null -eq $kind) { $kind = Get-Kind $element $path $name }
    if ($kind.Type -eq 'timeSpan') { $value = ConvertTo-Given $value }
    $run.Attribute = $name
    $run.Value = $value
    $element.SetAttributeValue($name, $value)
}

# What the API takes for a time span of the list
function ConvertTo-Given($value) {
    if ($value -is [string]) { return [TimeSpan]::Parse($value, [Globalization.CultureInfo]::InvariantCulture) }
    $value
}

function Get-Text($element, $path, $name) {
    $run.Attribute = $name
    $run.Value = $null
    $value = $element.GetAttributeValue($name)
    ConvertTo-Text $value (Get-Kind $element $path $name)
}

function Get-WantedText($element, $path, $name, $value) {
    $kind = Get-Kind $element $path $name
    $run.Attribute = $name
    $run.Value = $value
    ConvertTo-Text $value $kind
}

# Telling


function Add-Line($list, $where, $text) {
    if (-not $run.Diff) { return }
    if ($run.Location -eq '') { $list.Add("$where $text") }
    else { $list.Add("[$($run.Location)] $where $text") }
}

function Format-Present($element, $path, $names) {
    $parts = foreach ($name in $names) { "$name='$(Format-Value (Get-Text $element $path $name) (Get-Kind $element $path $name))'" }
    $parts -join ' '
}

# Where there is no element yet, only what is wanted can be told
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

function Add-Change($element, $path, $where, $name, $old, $new) {
    $run.Changed += 1
    if ($READ_AT_START -contains $run.Section) { $run.Restart = $true }
    if (-not $run.Diff) { return }
    $kind = @{ Hidden = $false; Values = $null }
    if ($null -ne $element) { $kind = Get-Kind $element $path $name }
    if ($null -ne $old) { Add-Line $run.Before $where "$name='$(Format-Value $old $kind)'" }
    Add-Line $run.After $where "$name='$(Format-Value $new $kind)'"
}

# Elements


# Attributes, child elements and the collection of one element. $null for the element: there is no IIS yet. $fresh: it
# is part of an item that is made now, which says all that is wanted, whatever the defaults are.
function Sync-Node($element, $node, $path, $where, $fresh) {
    $run.Where, $run.Item, $run.Attribute = $where, $null, ''
    $attributes = @{}
    if ($node.ContainsKey('attributes')) { $attributes = $node['attributes'] }
    $differing = @()
    $stored = $false
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
        $stored = $element.get_IsLocallyStored()
        $differing = @(foreach ($name in $attributes.Keys) {
                $kind = $run.Kinds["$path $name"]
                if ($null -eq $kind) { $kind = Get-Kind $element $path $name }
                $value = $attributes[$name]
                $run.Attribute = $name
                $run.Value = $value
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
    $run.Where, $run.Item, $run.Attribute = $where, $null, ''
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
            Sync-Node $child $node['elements'][$name] "$path/$name" "$where/$name" $fresh
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
        if ($rows -is [string]) { $rows = $run.Rows[$rows] }
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
    $keys = @($form['keys'])
    $wanted = @(Get-Wanted $collection $form)
    $names = $keys
    if ($form['purge']) {
        if (-not $run.Names.ContainsKey($path)) {
            $run.Names[$path] = @(foreach ($attribute in $sample.get_Attributes()) { $attribute.get_Name() })
        }
        $names = $run.Names[$path]
    }
    else {
        foreach ($item in $wanted) {
            foreach ($name in $item.Attributes.Keys) { if ($names -notcontains $name) { $names += $name } }
        }
    }
    $kinds = @(foreach ($name in $names) {
            $kind = $run.Kinds["$path $name"]
            if ($null -eq $kind) { $kind = Get-Kind $sample $path $name }
            $kind
        })
    $keyAt = @(foreach ($key in $keys) { for ($i = 0; $i -lt $names.Count; $i += 1) { if ($names[$i] -eq $key) { $i } } })
    $at = @{}
    $unnamed = [object[]]::new($names.Count)
    for ($i = 0; $i -lt $names.Count; $i += 1) {
        $at[$names[$i]] = $i
        if ($form['purge']) { $unnamed[$i] = $kinds[$i].Default }
    }
    $seen = [Collections.Generic.HashSet[string]]::new([StringComparer]::OrdinalIgnoreCase)
    foreach ($item in $wanted) {
        $attributes = $item.Attributes
        $run.Item = $attributes
        $item.Names = [Collections.Generic.List[string]]::new()
        $item.Values = [Collections.Generic.List[object]]::new()
        $texts = $unnamed.Clone()
        foreach ($name in $attributes.Keys) {
            $kind = $run.Kinds["$path $name"]
            if ($null -eq $kind) { $kind = Get-Kind $sample $path $name }
            $value = $attributes[$name]
            $run.Attribute = $name
            $run.Value = $value
            # As ConvertTo-Text does, without a call
            if ($value -is [string] -and $kind.Plain) { $texts[$at[$name]] = $value }
            elseif ($kind.Texts.ContainsKey($value)) { $texts[$at[$name]] = $kind.Texts[$value] }
            else { $texts[$at[$name]] = ConvertTo-Text $value $kind }
            if ($kind.Type -eq 'timeSpan') { $value = ConvertTo-Given $value }
            $item.Names.Add($name)
            $item.Values.Add($value)
        }
        $item.Key = $texts[$keyAt] -join "`n"
        # That an item is found by it is enough: its case is no difference
        foreach ($i in $keyAt) { $texts[$i] = $null }
        $item.Texts = $texts
        if (-not $seen.Add($item.Key)) {
            $run.Attribute = ''
            Stop-Run 'two items of the list are the same to IIS' 'Keep one.'
        }
    }
    $run.Item = $null
    $run.Attribute = ''
    @{ Names = $names; Kinds = $kinds; KeyAt = $keyAt; Wanted = $wanted; IsWanted = $seen }
}

# Puts out whether anything was added, changed or removed
function Sync-Collection($element, $collection, $path, $where, $stored) {
    $form = $run.Forms[$collection['form']]
    $tag = $form['element']
    $path = "$path/$tag"
    $keys = @($form['keys'])
    $where = "$where/$tag"
    $counted = $run.Added + $run.Changed + $run.Removed

    if ($null -eq $element) {
        $wanted = @(Get-Wanted $collection $form)
        Add-Item $null $wanted $path $where $tag $keys $true $false
        return $wanted.Count -gt 0
    }
    $run.Where, $run.Item, $run.Attribute = $where, $null, ''
    $items = $element.GetCollection()
    if ($null -eq $items) { Stop-Run 'there is no collection here' 'Is the name of the element right?' }
    if (-not $run.Plans.ContainsKey($collection)) {
        $run.Plans[$collection] = Get-Plan $items.CreateElement($tag) $collection $form $path
    }
    $plan = $run.Plans[$collection]
    $wanted = $plan.Wanted
    $clear = $form['clear']
    # What only the levels above hold is not looked through where it is another number of items: a site may have ten
    # thousand of them, and tens of thousands of locations
    if ($clear -and -not $stored -and $items.get_Count() -ne $wanted.Count) {
        Add-Item $items $wanted $path $where $tag $keys $true $true
        return $true
    }

    # What is there
    $gone = [Collections.Generic.List[object]]::new()
    $present = [Collections.Generic.Dictionary[string,object]]::new([StringComparer]::OrdinalIgnoreCase)
    $said = [Collections.Generic.Dictionary[string,object]]::new([StringComparer]::OrdinalIgnoreCase)
    $order = [Collections.Generic.List[string]]::new()
    $names = $plan.Names
    $kinds = $plan.Kinds
    $keyAt = $plan.KeyAt
    $width = $names.Count
    $run.Value = $null
    foreach ($item in $items) {
        $texts = [object[]]::new($width)
        for ($i = 0; $i -lt $width; $i += 1) {
            $run.Attribute = $names[$i]
            $value = $item.GetAttributeValue($names[$i])
            $kind = $kinds[$i]
            # As ConvertTo-Text does, without a call
            if ($value -is [string] -and $kind.Plain) { $texts[$i] = $value }
            elseif ($null -ne $value -and $kind.Texts.ContainsKey($value)) { $texts[$i] = $kind.Texts[$value] }
            else { $texts[$i] = ConvertTo-Text $value $kind }
        }
        $key = $texts[$keyAt] -join "`n"
        # IIS knows an item by more than the list does, perhaps: what is there beside the first one is nobody's
        if ($present.ContainsKey($key)) {
            if ($form['purge']) { $gone.Add($item) }
            continue
        }
        $present[$key] = $item
        $said[$key] = $texts
        $order.Add($key)
    }
    $run.Attribute = ''

    # What goes
    if ($form['purge']) {
        foreach ($key in $order) { if (-not $plan.IsWanted.Contains($key)) { $gone.Add($present[$key]) } }
    }
    if ($collection.ContainsKey('absent')) {
        foreach ($values in $collection['absent']) {
            $key = @(for ($i = 0; $i -lt $keys.Count; $i += 1) { ConvertTo-Text $values[$i] $kinds[$keyAt[$i]] }) -join "`n"
            if ($present.ContainsKey($key)) { $gone.Add($present[$key]) }
        }
    }

    # What stays, with what differs in it
    $new = [Collections.Generic.List[object]]::new()
    $differing = [Collections.Generic.List[object]]::new()
    foreach ($item in $wanted) {
        if (-not $present.ContainsKey($item.Key)) {
            $new.Add($item)
            continue
        }
        $texts = $item.Texts
        $old = $said[$item.Key]
        for ($i = 0; $i -lt $width; $i += 1) {
            if ($null -ne $texts[$i] -and -not [string]::Equals($old[$i], $texts[$i])) {
                $differing.Add(@{ Item = $item; At = $i; Old = $old[$i]; New = $texts[$i] })
            }
        }
    }
    $misplaced = @()
    if ($form['ordered'] -and $new.Count -eq 0 -and $gone.Count -eq 0) {
        $misplaced = @(for ($i = 0; $i -lt $order.Count; $i += 1) { if ($order[$i] -ne $wanted[$i].Key) { $i } })
    }
    if ($clear -and $new.Count + $gone.Count + $differing.Count + $misplaced.Count -eq 0) { return $false }
    if ($clear -and ($order.Count -eq 0 -or -not $stored)) {
        # Nothing of ours goes: there was none, or it was that of the levels above
        Add-Item $items $wanted $path $where $tag $keys $true $true
        return $true
    }

    foreach ($item in $gone) {
        $run.Removed += 1
        Set-Place $where $null
        if ($run.Diff) { Add-Line $run.Before $where (Format-Present $item $path (Get-Shown $item $keys)) }
    }
    foreach ($change in $differing) {
        $item = $present[$change.Item.Key]
        $name = $names[$change.At]
        $change.Named = $change.Item.Attributes.Contains($name)
        $run.Item = $change.Item.Attributes
        # Where it may come from defaults that the configuration itself sets, only leaving it out tells what holds
        # without it; what is left out stays out
        if (-not $change.Named -and -not $clear) {
            $run.Attribute = $name
            $item.GetAttribute($name).Delete()
            $change.New = Get-Text $item $path $name
            if ([string]::Equals($change.Old, $change.New)) { continue }
        }
        $label = $where
        if ($run.Diff) { $label = "$where[$(Format-Present $item $path $keys)]" }
        Add-Change $item $path $label $name $change.Old $change.New
    }
    foreach ($i in $misplaced) {
        $run.Changed += 1
        Add-Line $run.Before $where "at place $($i + 1): $(Format-Present $present[$order[$i]] $path $keys)"
        Add-Line $run.After $where "at place $($i + 1): $(Format-Present $present[$wanted[$i].Key] $path $keys)"
    }
    if ($clear) {
        $run.Added += $new.Count
        if ($run.Diff) { foreach ($item in $new) { Add-AddedLine $present[$order[0]] $item $path $where } }
    }
    Set-Place $where $null
    if ($clear) {
        $items.Clear()
        Add-Item $items $wanted $path $where $tag $keys $false $false
    }
    else {
        foreach ($item in $gone) { $items.Remove($item) }
        foreach ($change in $differing) {
            if ($change.Named) {
                $name = $names[$change.At]
                Set-Value $present[$change.Item.Key] $path $name $change.Item.Attributes[$name]
            }
        }
        Add-Item $items $new $path $where $tag $keys $true $false
        foreach ($item in $wanted) {
            if ($null -ne $item.Node -and $present.ContainsKey($item.Key)) {
                Sync-Inside $present[$item.Key] $item $path $where $keys $false
            }
        }
    }
    $run.Added + $run.Changed + $run.Removed -ne $counted
}

# What to show of an item that goes: its keys and whatever else is set
function Get-Shown($item, $keys) {
    $keys
    foreach ($attribute in $item.get_Attributes()) {
        if (-not $attribute.get_IsInheritedFromDefaultValue() -and $keys -notcontains $attribute.get_Name()) { $attribute.get_Name() }
    }
}

function Add-AddedLine($sample, $item, $path, $where) {
    $run.Item = $item.Attributes
    Add-Line $run.After $where (Format-Wanted $sample $path $item.Attributes)
}

# Above all others: under the number of a site that is gone lie that site's logs
function Get-FreeId($sites, $path) {
    $highest = [long]0
    $run.Attribute = ''
    foreach ($site in $sites) {
        $id = [long](Get-Text $site $path 'id')
        if ($id -gt $highest) { $highest = $id }
    }
    $highest + 1
}

# New items at the end of a collection. $null for the collection: there is no IIS yet. $alone: what is declared here stands
# alone, whatever the levels above hold, now or later. What they hold is not ours: it is not removed, it only stops to reach
# this place.
function Add-Item($items, $wanted, $path, $where, $tag, $keys, $counts, $alone) {
    if ($alone) {
        if ($wanted.Count -eq 0) {
            $run.Changed += 1
            Add-Line $run.After $where 'nothing of the levels above'
        }
        $items.Clear()
    }
    $isSite = $run.Section -eq $SITES -and $tag -eq 'site'
    foreach ($item in $wanted) {
        $new = $null
        if ($null -ne $items) {
            $run.Where = $where
            $run.Item = $item.Attributes
            $run.Attribute = ''
            $new = $items.CreateElement($tag)
            for ($i = 0; $i -lt $item.Names.Count; $i += 1) {
                $run.Attribute = $item.Names[$i]
                $run.Value = $item.Values[$i]
                $new.SetAttributeValue($item.Names[$i], $item.Values[$i])
            }
            if ($isSite -and -not $item.Attributes.Contains('id')) { Set-Value $new $path 'id' (Get-FreeId $items $path) }
            $run.Attribute = ''
            $null = $items.Add($new)
        }
        if ($counts) {
            $run.Added += 1
            if ($run.Diff) { Add-AddedLine $new $item $path $where }
        }
        if ($isSite) { $run.SitesAdded.Add($item.Attributes['name']) }
        if ($null -ne $item.Node) { Sync-Inside $new $item $path $where $keys $true }
    }
}

# Child elements and the collection of an item, whose own attributes are as they should be
function Sync-Inside($element, $item, $path, $where, $keys, $fresh) {
    $inside = @{}
    foreach ($name in 'elements', 'collection') {
        if ($item.Node.ContainsKey($name)) { $inside[$name] = $item.Node[$name] }
    }
    if ($inside.Count -eq 0) { return }
    $label = foreach ($key in $keys) { "$key='$($item.Attributes[$key])'" }
    Sync-Node $element $inside $path "$where[$($label -join ' ')]" $fresh
}

# Locations


# An API may give nothing, where another one throws
function Stop-NoSection() {
    Stop-Run 'there is no such section' 'Is the FTP service of IIS installed (feature Web-Ftp-Server)?'
}

# All sections that may stand in a location
function Get-SectionPath($group, $prefix) {
    foreach ($definition in $group.get_Sections()) {
        if ($SERVER_ONLY -notcontains [string]$definition.get_AllowDefinition()) { $prefix + $definition.get_Name() }
    }
    foreach ($inner in $group.get_SectionGroups()) { Get-SectionPath $inner "$prefix$($inner.get_Name())/" }
}

# Whether a location holds nothing more. A section that cannot be read there may hold something: then the location stays.
# A section is unreadable when it is so twice; what failed only once is a failure.
function Test-Empty($configuration, $known, $location) {
    foreach ($path in $known) {
        $run.Section = $path
        Set-Place $path $null
        try { $section = $configuration.GetSection($path, $location) }
        catch {
            $failure = $_
            try { $null = $configuration.GetSection($path, $location) }
            catch { return $false }
            throw $failure
        }
        if ($section.get_IsLocallyStored()) { return $false }
    }
    $true
}

# What is stored for sites of ours below a location that nobody listed
function Clear-Strays($configuration, $paths) {
    $emptied = [Collections.Generic.HashSet[string]]::new()
    foreach ($purge in $run.Purges) {
        $name = $purge.Section
        $below = "$($purge.Below)/"
        foreach ($path in $paths) {
            if ($run.Listed.Contains("$name`n$path")) { continue }
            if (-not "$path/".StartsWith($below, [StringComparison]::OrdinalIgnoreCase)) { continue }
            $run.Section = $name
            $run.Location = $path
            Set-Place $name $null
            $section = $configuration.GetSection($name, $path)
            if ($null -eq $section) { Stop-NoSection }
            if (-not $section.get_IsLocallyStored()) { continue }
            $run.Removed += 1
            if ($run.Diff) {
                $text = Format-Present $section $name @(Get-Shown $section @())
                Add-Line $run.Before $name "stored here $text".TrimEnd()
                if ($run.Collections.Contains($name)) {
                    Set-Place $name $null
                    foreach ($item in $section.GetCollection()) {
                        Set-Place $name $null
                        if (-not $item.get_IsLocallyStored()) { continue }
                        $text = Format-Present $item "$name/" @(Get-Shown $item @())
                        Add-Line $run.Before "$name/" $text
                    }
                }
            }
            Set-Place $name $null
            $section.RevertToParent()
            $null = $emptied.Add($path)
        }
    }
    if ($emptied.Count -eq 0) { return }
    # As above: where the sections cannot be listed at all, the locations stay
    try { $known = @(Get-SectionPath $configuration.get_RootSectionGroup() '') }
    catch {
        $failure = $_
        try { $null = @(Get-SectionPath $configuration.get_RootSectionGroup() '') }
        catch { return }
        throw $failure
    }
    foreach ($path in $emptied) {
        $run.Location = $path
        if (Test-Empty $configuration $known $path) { $configuration.RemoveLocationPath($path) }
    }
}

# The run


function Invoke-Run($manager) {
    $configuration = $null
    if ($null -ne $manager) {
        $configuration = $manager.GetApplicationHostConfiguration()
        # Once, and before anything is changed
        $paths = $configuration.GetLocationPaths()
    }
    foreach ($level in $run.Jobs.Values) {
        foreach ($job in $level) {
            $name = $job.Section
            $location = $job.Location
            $run.Section = $name
            $run.Location = $location
            $run.Where, $run.Item, $run.Attribute = $name, $null, ''
            $section = $null
            if ($null -ne $configuration) {
                if ($location -eq '') { $section = $configuration.GetSection($name) }
                else { $section = $configuration.GetSection($name, $location) }
                if ($null -eq $section) { Stop-NoSection }
            }
            Sync-Node $section $job.Node $name $name $false
        }
    }
    if ($null -ne $configuration) { Clear-Strays $configuration $paths }
    $run.Section = ''
    if ($null -ne $manager -and -not $module.CheckMode -and $run.Added + $run.Changed + $run.Removed -gt 0) {
        $run.Remedy = 'Does another program hold or change applicationHost.config? Run again.'
        $manager.CommitChanges()
    }
}

function Get-Failure($exception) {
    $text = $exception.GetBaseException().Message.Trim()
    $place = ''
    if ($run.Section -ne '') {
        $place = $run.Where
        if ($null -ne $run.Item) { $place += " ($(Format-Wanted $null '' $run.Item))" }
        if ($run.Location -ne '') { $place += " at location '$($run.Location)'" }
        else { $place += ' at the server level' }
        if ($run.Attribute -ne '') {
            $place += ", attribute $($run.Attribute)"
            if ($null -ne $run.Value) { $place += " = '$($run.Value)'" }
        }
        $place += ': '
        if ($run.Remedy -eq '') {
            $run.Remedy = 'Is that known to this version of IIS and allowed there (not locked), and is Web-Ftp-Server installed?'
        }
    }
    elseif ($run.Remedy -eq '') { $run.Remedy = 'Can the configuration of IIS be read, by this account?' }
    "$place$($text.TrimEnd('.')). $($run.Remedy) Nothing was stored."
}

$failure = $null
$manager = $null
try {
    Read-List (Expand-FtpsExchangeText -Text $module.Params.settings)
    $library = Join-Path $env:SystemRoot 'System32/inetsrv/Microsoft.Web.Administration.dll'
    if (Test-Path -LiteralPath $library) {
        Add-Type -LiteralPath $library
        $manager = New-Object 'Microsoft.Web.Administration.ServerManager'
    }
    elseif ($module.CheckMode) {
        $module.Warn("IIS is not installed here yet ($library is not there), so everything counts as new.")
    }
    else {
        Stop-Run "IIS is not installed: $library is not there" 'Install the features Web-Ftp-Server and Web-Mgmt-Console first.'
    }
    Invoke-Run $manager
}
catch { $failure = $_ }
finally { if ($null -ne $manager) { $manager.Dispose() } }

if ($null -ne $failure) { $module.FailJson((Get-Failure $failure.Exception), $failure) }
$module.Result.changed = $run.Added + $run.Changed + $run.Removed -gt 0
$module.Result.restart_required = $run.Restart
$module.Result.sites_added = $run.SitesAdded.ToArray()
$module.Result.counts = @{ added = $run.Added; changed = $run.Changed; removed = $run.Removed }
if ($run.Diff) {
    $module.Diff.before = ($run.Before | ForEach-Object { "$_`n" }) -join ''
    $module.Diff.after = ($run.After | ForEach-Object { "$_`n" }) -join ''
}
$module.ExitJson()
