<?php
//_: Sends and fetches files over FTP with TLS: PHP 8 with its curl extension (ftp_ssl_connect checks no certificate, and
//_: cannot say which version of TLS to use). From the pack's folder:
//
//     php clients/programs/ftps.php put report.csv ...
//     php clients/programs/ftps.php get report.csv ...
//     php clients/programs/ftps.php list
//
//_: Asks for the password, or takes it from FTPS_PASSWORD. The exit status is 0 only if every file is complete.

$implicit = getenv("FTPS_IMPLICIT") === "1";
$scheme = $implicit ? "ftps" : "ftp";
$host = getenv("FTPS_HOST") ?: "@HOST@";
$port = getenv("FTPS_PORT") ?: ($implicit ? "@IMPLICIT@" : "@PORT@");
$account = getenv("FTPS_ACCOUNT") ?: "@ACCOUNT@";
//_: Empty: the CAs that this system trusts
$caFile = "@CA_FILE@";
define("BASE", "$scheme://$host:$port/");

$command = $argv[1] ?? "";
$files = array_slice($argv, 2);
if (!in_array($command, ["put", "get", "list"], true) || ($command === "list") !== ($files === [])) {
    fwrite(STDERR, "usage: ftps.php put FILE... | get NAME... | list\n");
    exit(2);
}
$password = getenv("FTPS_PASSWORD");
if ($password === false) {
    fwrite(STDERR, "Password of $account: ");
    shell_exec("stty -echo");
    $password = rtrim(fgets(STDIN), "\r\n");
    shell_exec("stty echo");
    fwrite(STDERR, "\n");
}

//_: One handle for all: it keeps the connection between the transfers
$curl = curl_init();
$common = [
    CURLOPT_USE_SSL => CURLUSESSL_ALL,
    //_: With TLS 1.3 a session serves one data connection only, and curl gets no new one during an upload
    CURLOPT_SSLVERSION => CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2,
    CURLOPT_USERNAME => $account,
    CURLOPT_PASSWORD => $password,
    CURLOPT_CONNECTTIMEOUT => 30,
    CURLOPT_LOW_SPEED_LIMIT => 1,
    CURLOPT_LOW_SPEED_TIME => 60,
] + ($caFile === "" ? [] : [CURLOPT_CAINFO => $caFile]);

function run(array $options): string
{
    global $curl, $common;
    curl_reset($curl);
    curl_setopt_array($curl, $options + $common);
    $answer = curl_exec($curl);
    if ($answer === false || curl_errno($curl) !== 0) {
        throw new RuntimeException(curl_error($curl));
    }
    return (string) $answer;
}

function put(string $path): void
{
    //_: Under another name until it is complete: a broken upload replaces nothing
    $name = basename($path);
    $file = fopen($path, "rb") ?: throw new RuntimeException("cannot be read");
    run([CURLOPT_URL => BASE . rawurlencode("$name.part"), CURLOPT_UPLOAD => true, CURLOPT_INFILE => $file]);
    same(filesize($path), size("$name.part"));
    run([CURLOPT_URL => BASE, CURLOPT_NOBODY => true, CURLOPT_QUOTE => ["RNFR $name.part", "RNTO $name"]]);
}

function get(string $name): void
{
    $path = basename($name);
    $there = size($name);
    $file = fopen("$path.part", "wb") ?: throw new RuntimeException("$path.part cannot be written");
    run([CURLOPT_URL => BASE . rawurlencode($name), CURLOPT_FILE => $file]);
    fclose($file);
    same($there, filesize("$path.part"));
    rename("$path.part", $path);
}

function size(string $name): int
{
    global $curl;
    run([CURLOPT_URL => BASE . rawurlencode($name), CURLOPT_NOBODY => true, CURLOPT_RETURNTRANSFER => true]);
    return curl_getinfo($curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
}

function same(int $sent, int $arrived): void
{
    if ($sent !== $arrived) {
        throw new RuntimeException("$arrived bytes of $sent arrived");
    }
}

$at = $host;
try {
    if ($command === "list") {
        echo run([CURLOPT_URL => BASE, CURLOPT_DIRLISTONLY => true, CURLOPT_RETURNTRANSFER => true]);
    }
    foreach ($files as $at) {
        $command === "put" ? put($at) : get($at);
        echo $command === "put" ? "sent" : "fetched", " $at\n";
    }
} catch (RuntimeException $error) {
    fwrite(STDERR, "$at: {$error->getMessage()}\n");
    exit(1);
}
