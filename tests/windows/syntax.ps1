# Tells what a PowerShell file uses, by its syntax tree: what does not parse, the constructs that Windows PowerShell 5.1
# does not have, commands with their parameters, members of .NET, types. What is allowed, the test decides.
param([string[]]$Files)

function Get-Fact($file) {
    $problems = $null
    $tokens = $null
    $tree = [Management.Automation.Language.Parser]::ParseFile($file, [ref]$tokens, [ref]$problems)
    $facts = @{ errors = @(); constructs = @(); commands = @(); members = @(); types = @(); functions = @(); keys = @() }
    $facts.errors = @($problems | ForEach-Object { @{ line = $_.Extent.StartLineNumber; text = $_.Message } })
    foreach ($node in $tree.FindAll({ $true }, $true)) {
        $line = $node.Extent.StartLineNumber
        $kind = $node.GetType().Name
        $construct = switch ($kind) {
            'TernaryExpressionAst' { '? :' }
            'PipelineChainAst' { '&& or ||' }
            'BinaryExpressionAst' { if ("$($node.Operator)" -eq 'QuestionQuestion') { '??' } }
            'AssignmentStatementAst' { if ("$($node.Operator)" -eq 'QuestionQuestionEquals') { '??=' } }
            'MemberExpressionAst' { if ($node.NullConditional) { '?.' } }
            'InvokeMemberExpressionAst' { if ($node.NullConditional) { '?.' } }
            'IndexExpressionAst' { if ($node.NullConditional) { '?[]' } }
            'PipelineAst' { if ($node.Background) { '&' } }
            'NamedBlockAst' { if ("$($node.BlockKind)" -eq 'Clean') { 'clean {}' } }
            'ConstantExpressionAst' {
                # Suffixes for unsigned, byte, short and big numbers, and binary numbers came later
                if ($node.StaticType -ne [string] -and $node.Extent.Text -match '^[-+]?(0b|0x[0-9a-f]+(u|y|s|n)|[0-9.]+(u|y|s|n))') { 'number suffix' }
            }
        }
        if ($construct) { $facts.constructs += @{ line = $line; text = $construct } }
        switch ($kind) {
            'FunctionDefinitionAst' { $facts.functions += $node.Name }
            'HashtableAst' { foreach ($pair in $node.KeyValuePairs) { $facts.keys += "$($pair.Item1.Extent.Text)".Trim("'", '"') } }
            'AssignmentStatementAst' {
                if ($node.Left -is [Management.Automation.Language.MemberExpressionAst] -and -not $node.Left.Static) { $facts.keys += "$($node.Left.Member)" }
            }
            'CommandAst' {
                $elements = $node.CommandElements
                $parameters = @()
                $positional = 0
                for ($i = 1; $i -lt $elements.Count; $i++) {
                    if ($elements[$i] -is [Management.Automation.Language.CommandParameterAst]) {
                        $parameters += $elements[$i].ParameterName
                        # Whether the next one is its argument, a switch or not, the test need not know: it counts Join-Path only
                        if ($null -eq $elements[$i].Argument -and $i + 1 -lt $elements.Count -and $elements[$i + 1] -isnot [Management.Automation.Language.CommandParameterAst]) { $i++ }
                    }
                    else { $positional++ }
                }
                $facts.commands += @{ line = $line; name = $node.GetCommandName(); text = $node.Extent.Text; parameters = $parameters; positional = $positional }
            }
            'TypeExpressionAst' { $facts.types += @{ line = $line; name = $node.TypeName.FullName } }
            'TypeConstraintAst' { $facts.types += @{ line = $line; name = $node.TypeName.FullName } }
            { $_ -in 'MemberExpressionAst', 'InvokeMemberExpressionAst' } {
                $type = ''
                if ($node.Static -and $node.Expression -is [Management.Automation.Language.TypeExpressionAst]) { $type = $node.Expression.TypeName.FullName }
                $member = $null
                if ($node.Member -is [Management.Automation.Language.StringConstantExpressionAst]) { $member = $node.Member.Value }
                $facts.members += @{ line = $line; type = $type; name = $member; method = $kind -eq 'InvokeMemberExpressionAst'; text = $node.Extent.Text }
            }
        }
    }
    $escape = @($tokens | Where-Object { "$($_.Kind)" -in 'StringExpandable', 'HereStringExpandable' -and $_.Text -match '`(u\{|e)' })
    foreach ($token in $escape) { $facts.constructs += @{ line = $token.Extent.StartLineNumber; text = '`u{} or `e' } }
    $facts
}

foreach ($file in $Files) { Get-Fact $file }
