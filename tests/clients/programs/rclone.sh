#!/bin/sh
# rclone as its manual has it; RCLONE_OPTIONS adds settings
set -eu
action=$1
shift
export RCLONE_FTP_HOST="$FTPS_HOST" RCLONE_FTP_PORT="$FTPS_PORT" RCLONE_FTP_USER="$FTPS_ACCOUNT"
# The CA's certificate, for programs in Go
export SSL_CERT_FILE="$FTPS_CA"
if [ "$FTPS_IMPLICIT" = 1 ]; then export RCLONE_FTP_TLS=true; else export RCLONE_FTP_EXPLICIT_TLS=true; fi
RCLONE_FTP_PASS=$(printf '%s' "$FTPS_PASSWORD" | rclone obscure -)
export RCLONE_FTP_PASS RCLONE_CONFIG=/dev/null
list=$(mktemp)
trap 'rm -f "$list"' EXIT
for name in "$@"; do printf '%s\n' "$name"; done > "$list"
case $action in
    version) rclone version | sed -n 's/^rclone v/rclone /p; s/^- go version: /, /p' | paste -sd '' ;;
    list) rclone $RCLONE_OPTIONS lsf --files-only :ftp: ;;
    put) rclone $RCLONE_OPTIONS copy --no-traverse --files-from "$list" . :ftp: ;;
    get) rclone $RCLONE_OPTIONS copy --no-traverse --files-from "$list" :ftp: . ;;
esac
