# Prints what only a Windows Server with IIS FTP can settle, a fact a line, to be pasted into an issue (docs/windows.md).
# For a server that may be thrown away: it makes the site ftps-facts and removes it, and with -User it changes the range of
# data ports for a moment. It needs an administrator, Web-Ftp-Service and Web-Scripting-Tools.
# The project's schema comes as a file, or as the text of it.
param ([string] $SchemaFile, [string] $Schema, [string] $User, [string] $Password, [int] $Port = 21, [int[]] $Range = @(61000, 61009))

$ErrorActionPreference = 'Stop'
$inetsrv = Join-Path $env:SystemRoot 'System32/inetsrv'
Add-Type -LiteralPath (Join-Path $inetsrv 'Microsoft.Web.Administration.dll')
$name = 'ftps-facts'
$rules = 'system.ftpServer/security/authorization'
$rule = @{ IsSet = $false }

function Show([string] $Fact, [scriptblock] $Ask) {
    try { $said = @(& $Ask) -join ', ' }
    catch {
        $why = $_.Exception.GetBaseException()
        $said = 'throws {0} 0x{1:X8} {2}' -f $why.GetType().Name, $why.HResult, $why.Message.Trim()
    }
    Write-Output "${Fact}: $said"
}

function Show-Place([string] $When, [object] $Config, [string] $Path, [string] $Location) {
    Show "$When, $Path at '$Location', IsLocallyStored" { $Config.GetSection($Path, $Location).get_IsLocallyStored() }
    Show "$When, $Path at '$Location', deepestPathSet" { $Config.GetSection($Path, $Location).GetMetadata('deepestPathSet') }
    Show "$When, $Path at '$Location', items" { $Config.GetSection($Path, $Location).GetCollection().get_Count() }
}

function Add-Rule([object] $Config, [string] $Location, [string] $Role) {
    $items = $Config.GetSection($rules, $Location).GetCollection()
    $item = $items.CreateElement('add')
    foreach ($pair in @('accessType', 'Allow'), @('roles', $Role), @('permissions', 'Read')) { $item.SetAttributeValue($pair[0], $pair[1]) }
    $null = $items.Add($item)
}

function Read-Names([object] $Element, [string] $Path) {
    # Each attribute below an element of IIS's schema files, by its path
    foreach ($child in $Element.get_ChildNodes()) {
        if ($child.get_LocalName() -eq 'attribute') { "$Path@$($child.GetAttribute('name'))" }
        elseif ($child.get_LocalName() -eq 'element') { Read-Names $child "$Path/$($child.GetAttribute('name'))" }
        elseif ($child.get_LocalName() -eq 'collection') { Read-Names $child "$Path/$($child.GetAttribute('addElement'))" }
    }
}

function Read-Known([object] $Node, [string] $Path) {
    # The same of src/ftps_exchange/iis/schema.json
    if ($Node.attributes) { foreach ($one in $Node.attributes.PSObject.Properties) { "$Path@$($one.Name)" } }
    if ($Node.elements) { foreach ($one in $Node.elements.PSObject.Properties) { Read-Known $one.Value "$Path/$($one.Name)" } }
    if ($Node.collection) { Read-Known $Node.collection.item "$Path/$($Node.collection.add)" }
}

function Open-Ftp([int] $Protocol) {
    # A TLS connection to the FTP service: what it spoke, and a stream to go on with
    $client = New-Object System.Net.Sockets.TcpClient '127.0.0.1', $Port
    $reader = New-Object System.IO.StreamReader $client.GetStream()
    $null = $reader.ReadLine()
    $bytes = [System.Text.Encoding]::ASCII.GetBytes("AUTH TLS`r`n")
    $client.GetStream().Write($bytes, 0, $bytes.Length)
    $null = $reader.ReadLine()
    $any = [System.Net.Security.RemoteCertificateValidationCallback] { $true }
    $tls = New-Object System.Net.Security.SslStream $client.GetStream(), $false, $any
    $tls.AuthenticateAsClient('localhost', $null, $Protocol, $false)
    $tls
}

function Get-DataPort {
    $tls = Open-Ftp 3072
    $reader = New-Object System.IO.StreamReader $tls
    foreach ($line in "USER $User", "PASS $Password", 'PASV') {
        $bytes = [System.Text.Encoding]::UTF8.GetBytes("$line`r`n")
        $tls.Write($bytes, 0, $bytes.Length)
        do { $reply = $reader.ReadLine() } while ($reply -notmatch '^\d{3} ')
    }
    if ($reply -notmatch ',(\d+),(\d+)\)') { throw $reply }
    256 * [int] $Matches[1] + [int] $Matches[2]
}

function Set-Range([int[]] $Ports) {
    # The range that was there before
    $one = New-Object Microsoft.Web.Administration.ServerManager
    $section = $one.GetApplicationHostConfiguration().GetSection('system.ftpServer/firewallSupport')
    $section.GetAttributeValue('lowDataChannelPort'), $section.GetAttributeValue('highDataChannelPort')
    $section.SetAttributeValue('lowDataChannelPort', $Ports[0])
    $section.SetAttributeValue('highDataChannelPort', $Ports[1])
    $one.CommitChanges()
}

Write-Output '--- facts for ftps-exchange: paste from here'
Show 'Windows' { [System.Environment]::OSVersion.VersionString }
Show 'library' { (Get-Item -LiteralPath (Join-Path $inetsrv 'Microsoft.Web.Administration.dll')).VersionInfo.FileVersion }
foreach ($file in 'config/schema/FTP_schema.xml', 'config/applicationHost.config') {
    Show "SHA-256 of $file" { (Get-FileHash -LiteralPath (Join-Path $inetsrv $file)).Hash }
}

$manager = New-Object Microsoft.Web.Administration.ServerManager
$config = $manager.GetApplicationHostConfiguration()
foreach ($path in 'log', 'firewallSupport', 'caching', 'serverRuntime', 'security/authentication', 'security/authorization') {
    Show "server level, $path, IsLocallyStored" { $config.GetSection("system.ftpServer/$path").get_IsLocallyStored() }
    Show "server level, $path, deepestPathSet" { $config.GetSection("system.ftpServer/$path").GetMetadata('deepestPathSet') }
}
Show-Place 'no such site' $config $rules $name
$sites = $config.GetSection('system.applicationHost/sites').GetCollection()
$site = $sites.CreateElement('site')
$site.SetAttributeValue('name', $name)
$site.SetAttributeValue('id', 4242)
$null = $sites.Add($site)
$bindings = $site.GetChildElement('bindings').GetCollection()
$binding = $bindings.CreateElement('binding')
$binding.SetAttributeValue('protocol', 'ftp')
$binding.SetAttributeValue('bindingInformation', '*:21999:')
$null = $bindings.Add($binding)
Show-Place 'site not committed' $config $rules $name
Show 'rule at a site that is not committed' { Add-Rule $config $name 'facts-parent'; $rule.IsSet = $true }
Show-Place 'rule at the site not committed' $config $rules $name
Show-Place 'rule at the site not committed' $config $rules "$name/child"
$manager.CommitChanges()

$manager = New-Object Microsoft.Web.Administration.ServerManager
$config = $manager.GetApplicationHostConfiguration()
Show 'rule at a site that is committed' { if (-not $rule.IsSet) { Add-Rule $config $name 'facts-parent' } }
$manager.CommitChanges()

$manager = New-Object Microsoft.Web.Administration.ServerManager
$config = $manager.GetApplicationHostConfiguration()
Show-Place 'committed' $config $rules $name
Show-Place 'committed' $config $rules "$name/child"
Show 'rule at the child' { Add-Rule $config "$name/child" 'facts-child' }
Show-Place 'rule at the child not committed' $config $rules "$name/child"
$sites = $config.GetSection('system.applicationHost/sites').GetCollection()
$site = $sites | Where-Object { $_.GetAttributeValue('name') -eq $name }
Show 'state of the site' { $site.GetAttributeValue('state') }
foreach ($binding in $site.GetChildElement('bindings').GetCollection()) {
    foreach ($attribute in $binding.get_Attributes()) {
        $one = $attribute.get_Name()
        Show "FTP binding, $one" { "'$($binding.GetAttributeValue($one))'", "default $($attribute.get_IsInheritedFromDefaultValue())" }
    }
}
$limit = $site.GetChildElement('limits').GetAttribute('connectionTimeout')
Show 'a time span, as a value and as the default of the schema' { $limit.get_Value().GetType().Name, $limit.get_Schema().get_DefaultValue().GetType().Name }
$sites.Remove($site)
Show-Place 'site removed, not committed' $config $rules $name
foreach ($path in $config.GetLocationPaths()) { if ("$path/".StartsWith("$name/")) { $config.RemoveLocationPath($path) } }
$manager.CommitChanges()

if ($SchemaFile) { $Schema = [System.IO.File]::ReadAllText($SchemaFile) }
if ($Schema) {
    Show 'attributes that differ from schema.json (<= here alone, => there alone)' {
        $xml = New-Object System.Xml.XmlDocument
        $xml.Load((Join-Path $inetsrv 'config/schema/FTP_schema.xml'))
        $here = foreach ($section in $xml.GetElementsByTagName('sectionSchema')) { Read-Names $section $section.GetAttribute('name') }
        $known = ConvertFrom-Json -InputObject $Schema
        $there = foreach ($one in $known.sections.PSObject.Properties) { Read-Known $one.Value $one.Name }
        # The attributes of a site that are not about FTP stand in another file
        $ours = '^system\.ftpServer/|^system\.applicationHost/sites/site/ftpServer\b'
        $here, $there = foreach ($names in $here, $there) { , @($names | Where-Object { $_ -match $ours } | Sort-Object -Unique) }
        foreach ($difference in Compare-Object $here $there) { "$($difference.SideIndicator) $($difference.InputObject)" }
    }
}
foreach ($protocol in @('1.2', 3072), @('1.3', 12288)) {
    Show "TLS $($protocol[0]) on port $Port" { (Open-Ftp $protocol[1]).SslProtocol }
}
if ($User) {
    Show 'data port before a change of the range' { Get-DataPort }
    $before = Set-Range $Range
    Show "data port after a change of the range to $($Range -join '-'), without a restart" { Get-DataPort }
    $null = Set-Range $before
}
Write-Output '--- to here'
