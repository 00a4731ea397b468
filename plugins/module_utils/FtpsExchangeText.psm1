# Long texts that arrive packed, so that a call stays small: Windows PowerShell reads a call as one JSON text, and is set
# to refuse one of more than 2,097,152 characters. Windows PowerShell 5.1 and .NET Framework 4.8.

$script:Mark = 'gzip:'
$script:Longest = 256MB  # of an unpacked text: a damaged one must not fill the host's memory

function Expand-FtpsExchangeText {
    <#
    .SYNOPSIS
    The text that the action of the module packed (wire.py); an unpacked text is returned unchanged.
    #>
    param ([Parameter(Mandatory = $true)] [AllowEmptyString()] [string] $Text)

    if (-not $Text.StartsWith($script:Mark, [System.StringComparison]::Ordinal)) { return $Text }
    try {
        $packed = [System.Convert]::FromBase64String($Text.Substring($script:Mark.Length))
        $source = New-Object -TypeName System.IO.MemoryStream -ArgumentList @(, $packed)
        $target = New-Object -TypeName System.IO.MemoryStream
        $gzip = New-Object -TypeName System.IO.Compression.GZipStream -ArgumentList $source, ([System.IO.Compression.CompressionMode]::Decompress)
        try {
            $buffer = [byte[]]::new(65536)
            while ($true) {
                $count = $gzip.Read($buffer, 0, $buffer.Length)
                if ($count -le 0) { break }
                $target.Write($buffer, 0, $count)
                if ($target.Length -gt $script:Longest) { throw "it is longer than $($script:Longest) bytes" }
            }
        }
        finally { $gzip.Dispose() }
        # The stream says nothing when its end is missing; its last four bytes are the length (RFC 1952)
        if ($target.Length -ne [System.BitConverter]::ToUInt32($packed, $packed.Length - 4)) { throw 'its end is missing' }
        $strict = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false, $true
        return $strict.GetString($target.ToArray())
    }
    catch { throw "The packed text cannot be unpacked ($($_.Exception.Message)): was it cut off in transit?" }
}

Export-ModuleMember -Function Expand-FtpsExchangeText
