# .NET's FtpWebRequest, as in its manual
$ErrorActionPreference = 'Stop'
$action, $names = $args
if ($action -eq 'version') {
    "FtpWebRequest, .NET $([Environment]::Version)"
    exit 0
}

function New-Request([string] $name, [string] $method) {
    $request = [System.Net.WebRequest]::Create("ftp://$($env:FTPS_HOST):$($env:FTPS_PORT)/$name")
    $request.Method = $method
    $request.EnableSsl = $true
    $request.UseBinary = $true
    $request.Timeout = 20000
    $request.ReadWriteTimeout = 20000
    $request.Credentials = [System.Net.NetworkCredential]::new($env:FTPS_ACCOUNT, $env:FTPS_PASSWORD)
    $request
}

function Copy-Answer([object] $request, [string] $path, [System.IO.FileMode] $mode) {
    $response = $request.GetResponse()
    $file = [System.IO.File]::Open($path, $mode)
    $response.GetResponseStream().CopyTo($file)
    $file.Close()
    Close-Answer $response
}

# A refused data connection looks like the end of an empty file: only the last reply tells
function Close-Answer([object] $response) {
    $response.Close()
    if ($response.StatusCode -notin 'ClosingData', 'FileActionOK') {
        [Console]::Error.WriteLine("$($response.StatusCode): $($response.StatusDescription)")
        exit 1
    }
}

$here = (Get-Location).Path
if ($action -eq 'list') {
    $response = (New-Request '' 'NLST').GetResponse()
    [System.IO.StreamReader]::new($response.GetResponseStream()).ReadToEnd()
    Close-Answer $response
}
foreach ($name in $names) {
    $path = "$here/$name"
    switch ($action) {
        'put' {
            $request = New-Request $name 'STOR'
            $stream = $request.GetRequestStream()
            $file = [System.IO.File]::OpenRead($path)
            $file.CopyTo($stream)
            $file.Close()
            $stream.Close()
            Close-Answer $request.GetResponse()
        }
        'get' { Copy-Answer (New-Request $name 'RETR') $path 'Create' }
        'resume-get' {
            $request = New-Request $name 'RETR'
            $request.ContentOffset = [System.IO.FileInfo]::new($path).Length
            Copy-Answer $request $path 'Append'
        }
    }
}
