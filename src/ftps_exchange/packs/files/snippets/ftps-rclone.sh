#!/bin/sh
#_: Sends and fetches files over FTP with TLS, by rclone 1.60 or newer. From the pack's folder:
#
#     sh clients/programs/ftps-rclone.sh put report.csv ...
#     sh clients/programs/ftps-rclone.sh get report.csv ...
#     sh clients/programs/ftps-rclone.sh list
#
#_: Asks for the password, or takes it from FTPS_PASSWORD. The exit status is 0 only if every file is complete.
set -eu

if [ "${FTPS_IMPLICIT:-}" = 1 ]; then
    export RCLONE_FTP_TLS=true RCLONE_FTP_PORT="${FTPS_PORT:-@IMPLICIT@}"
else
    export RCLONE_FTP_EXPLICIT_TLS=true RCLONE_FTP_PORT="${FTPS_PORT:-@PORT@}"
fi
export RCLONE_CONFIG=/dev/null RCLONE_FTP_HOST="${FTPS_HOST:-@HOST@}" RCLONE_FTP_USER="${FTPS_ACCOUNT:-@ACCOUNT@}"
#_: One connection at a time, or data connections resume the TLS session of another login
export RCLONE_FTP_CONCURRENCY=1
#_: Empty: the CAs that this system trusts
ca='@CA_FILE@'
#_: Older versions of rclone do not use --ca-cert for FTP
if [ -n "$ca" ]; then export RCLONE_CA_CERT="$ca" SSL_CERT_FILE="$ca" SSL_CERT_DIR=/nowhere; fi

usage() { echo "usage: ftps-rclone.sh put FILE... | get NAME... | list" >&2; exit 2; }
command=${1:-}
[ $# -eq 0 ] || shift
case $command in
    put | get) [ $# -gt 0 ] || usage ;;
    list) [ $# -eq 0 ] || usage ;;
    *) usage ;;
esac
if [ -z "${FTPS_PASSWORD+set}" ]; then
    printf 'Password of %s: ' "$RCLONE_FTP_USER" >&2
    stty -echo
    read -r FTPS_PASSWORD
    stty echo
    echo >&2
fi
RCLONE_FTP_PASS=$(printf '%s' "$FTPS_PASSWORD" | rclone obscure -)
export RCLONE_FTP_PASS

if [ "$command" = list ]; then exec rclone lsf :ftp:; fi
for file in "$@"; do
    name=$(basename "$file")
    #_: Under another name until it is complete: a broken upload replaces nothing. rclone compares the sizes itself.
    if [ "$command" = put ]; then
        rclone copyto --ignore-times "$file" ":ftp:$name.part"
        rclone moveto ":ftp:$name.part" ":ftp:$name"
        echo "sent $file"
    else
        rclone copyto --ignore-times ":ftp:$file" "$name.part"
        mv "$name.part" "$name"
        echo "fetched $file"
    fi
done
