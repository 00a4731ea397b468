<?php
// PHP's ftp_ssl_connect, as in its manual
[$action, $names] = [$argv[1], array_slice($argv, 2)];
if ($action == 'version') {
    echo 'PHP ' . PHP_VERSION . ', ' . OPENSSL_VERSION_TEXT . "\n";
    exit;
}
$ftp = ftp_ssl_connect(getenv('FTPS_HOST'), (int) getenv('FTPS_PORT'), 20) or exit(1);
ftp_login($ftp, getenv('FTPS_ACCOUNT'), getenv('FTPS_PASSWORD')) or exit(1);
ftp_pasv($ftp, true) or exit(1);
if ($action == 'list') {
    $list = ftp_nlist($ftp, '.');
    if ($list === false) {
        exit(1);
    }
    echo implode("\n", $list) . "\n";
}
foreach ($names as $name) {
    $done = match ($action) {
        'put' => ftp_put($ftp, $name, $name),
        'get' => ftp_get($ftp, $name, $name),
        'resume-put' => ftp_put($ftp, $name, $name, FTP_BINARY, FTP_AUTORESUME),
        'resume-get' => ftp_get($ftp, $name, $name, FTP_BINARY, FTP_AUTORESUME),
    };
    $done or exit(1);
}
ftp_close($ftp);
