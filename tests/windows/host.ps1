# Runs modules and scripts of the tests, any number of them in one process: a line on $Bell says that there is a request
# in the file $Request; the answer is a line on standard output. Both are JSON.
#
# A module is run with the real Ansible.Basic and, like by Ansible's own wrapper, with errors that stop it. What the
# wrapper costs (4 s a call: it compiles Ansible.Basic each time) is paid once.
param([string]$Bell, [string]$Request, [string]$Source, [string]$Compiler)

$global:ErrorActionPreference = 'Stop'
Import-Module $Compiler
Add-CSharpType -References @([IO.File]::ReadAllText($Source))

# A module ends by ExitJson or FailJson. The first answer counts: a module that catches what is thrown here to end it
# would otherwise seem to have failed.
# A module's own variables must not be met: hence the name
$__host = @{ answer = $null }
[Ansible.Basic.AnsibleModule]::WriteLine = { param($line) if ($null -eq $__host.answer) { $__host.answer = $line } }
[Ansible.Basic.AnsibleModule]::Exit = { param($code) throw 'The module has ended.' }
$compiled = @{}
$parsed = @{}

function Get-Parsed($text, $name) {
    $key = "$name`n$text"
    if (-not $parsed.ContainsKey($key)) {
        $problems = $null
        $tree = [Management.Automation.Language.Parser]::ParseInput($text, $name, [ref]$null, [ref]$problems)
        if ($problems) { throw "$name does not parse: $($problems -join '; ')" }
        if ($parsed.Count -gt 50) { $parsed.Clear() }
        $parsed[$key] = $tree.GetScriptBlock()
    }
    $parsed[$key]
}

function Invoke-Module($asked) {
    # As the wrapper does: a PowerShell util is a global module of its own, a C# util is compiled once
    foreach ($util in $asked['csharp']) {
        if (-not $compiled.ContainsKey($util)) {
            Add-CSharpType -References @([IO.File]::ReadAllText($util))
            $compiled[$util] = $true
        }
    }
    $utils = @(
        foreach ($util in $asked['powershell']) {
            $name = [IO.Path]::GetFileNameWithoutExtension($util)
            New-Module -Name $name -ScriptBlock (Get-Parsed ([IO.File]::ReadAllText($util)) $util) |
                Import-Module -WarningAction SilentlyContinue -Scope Global
            $name
        }
    )
    $block = Get-Parsed $asked['text'] $asked['name']
    $__host.answer = $null
    $global:complex_args = [Collections.Hashtable]::new($asked['arguments'])
    $global:LASTEXITCODE = $null
    try {
        # In a scope of its own: what a module keeps in $script: must not be there for the next one
        $said = @(& ([psmoduleinfo]::new($true)) $block)
    }
    catch {
        if ($null -eq $__host.answer) {
            return @{ failed = $true; crashed = $true; msg = "$_"; exception = $_.ScriptStackTrace }
        }
    }
    finally {
        if ($utils) { Remove-Module $utils -Force }
    }
    if ($null -eq $__host.answer) {
        return @{ failed = $true; crashed = $true; msg = "The module answered nothing. $said" }
    }
    [Ansible.Basic.AnsibleModule]::FromJson($__host.answer)
}

function Invoke-Script($asked) {
    $arguments = @($asked['arguments'])
    , @(& (Get-Parsed $asked['text'] $asked['name']) @arguments)
}

$bells = [IO.File]::OpenText($Bell)
while ($null -ne $bells.ReadLine()) {
    $asked = [Ansible.Basic.AnsibleModule]::FromJson([IO.File]::ReadAllText($Request))
    $before = @{}
    foreach ($pair in $asked['environment'].GetEnumerator()) {
        $before[$pair.Key] = [Environment]::GetEnvironmentVariable($pair.Key)
        [Environment]::SetEnvironmentVariable($pair.Key, $pair.Value)
    }
    try {
        $answer = if ($asked['kind'] -eq 'module') { Invoke-Module $asked } else { @{ value = (Invoke-Script $asked) } }
    }
    catch {
        $answer = @{ error = "$_`n$($_.ScriptStackTrace)" }
    }
    finally {
        foreach ($pair in $before.GetEnumerator()) { [Environment]::SetEnvironmentVariable($pair.Key, $pair.Value) }
    }
    [Console]::Out.WriteLine([Ansible.Basic.AnsibleModule]::ToJson($answer))
    [Console]::Out.Flush()
}
