# Lists the ways to break a PowerShell module: statements left out, conditions turned round, operators and constants changed.
# Each is a place in the text, what comes there instead, and what it is called.
param([string]$File)

$text = [IO.File]::ReadAllText($File)
$problems = $null
$tree = [Management.Automation.Language.Parser]::ParseInput($text, [ref]$null, [ref]$problems)
$found = [Collections.Generic.List[object]]::new()

function Add-Mutant($extent, $instead, $what) {
    $found.Add(@{
            start = $extent.StartOffset
            end = $extent.EndOffset
            line = $extent.StartLineNumber
            instead = $instead
            what = $what
        })
}

$turned = @{
    And = '-or'; Or = '-and'
    Ieq = '-ne'; Ine = '-eq'; Ceq = '-cne'; Cne = '-ceq'
    Igt = '-ge'; Ige = '-gt'; Ilt = '-le'; Ile = '-lt'
    Icontains = '-notcontains'; Inotcontains = '-contains'
    Imatch = '-notmatch'; Inotmatch = '-match'
    Is = '-isnot'; IsNot = '-is'
}

# The header asks for Ansible's own arguments: breaking it breaks everything, and shows nothing
$body = $tree.FindAll({ $true }, $true) | Where-Object { $_.Extent.Text -notmatch 'AnsibleModule\]::Create' }
foreach ($node in $body) {
    if ($node -is [Management.Automation.Language.StatementAst] -and ($node.Parent -is [Management.Automation.Language.StatementBlockAst] -or $node.Parent -is [Management.Automation.Language.NamedBlockAst])) {
        $kind = $node.GetType().Name
        if ($kind -notin 'FunctionDefinitionAst', 'TypeDefinitionAst') {
            # What a function puts out is left out too
            Add-Mutant $node.Extent '' 'left out'
        }
    }
    if ($node -is [Management.Automation.Language.IfStatementAst]) {
        foreach ($clause in $node.Clauses) { Add-Mutant $clause.Item1.Extent "-not ($($clause.Item1.Extent.Text))" 'condition turned round' }
    }
    if ($node -is [Management.Automation.Language.BinaryExpressionAst] -and $turned.ContainsKey("$($node.Operator)")) {
        Add-Mutant $node.ErrorPosition $turned["$($node.Operator)"] "$($node.ErrorPosition.Text) is $($turned["$($node.Operator)"])"
    }
    if ($node -is [Management.Automation.Language.VariableExpressionAst] -and $node.VariablePath.UserPath -in 'true', 'false') {
        $other = if ($node.VariablePath.UserPath -eq 'true') { '$false' } else { '$true' }
        Add-Mutant $node.Extent $other "$($node.Extent.Text) is $other"
    }
    if ($node -is [Management.Automation.Language.ConstantExpressionAst] -and $node.Value -is [int]) {
        Add-Mutant $node.Extent "$($node.Value + 1)" "$($node.Value) is $($node.Value + 1)"
    }
}
$found
