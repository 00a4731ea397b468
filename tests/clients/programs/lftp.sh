#!/bin/sh
# lftp as its manual has it, or with the pack's profile
set -eu
action=$1
shift
session() {
    printf 'set cmd:fail-exit true\n'
    if [ -n "${LFTP_PROFILE:-}" ]; then
        printf 'source %s\nuser %s %s\n' "$LFTP_PROFILE" "$FTPS_ACCOUNT" "$FTPS_PASSWORD"
    elif [ "$FTPS_IMPLICIT" = 1 ]; then
        printf 'set ssl:ca-file %s\nopen -u %s,%s ftps://%s:%s\n' \
            "$FTPS_CA" "$FTPS_ACCOUNT" "$FTPS_PASSWORD" "$FTPS_HOST" "$FTPS_PORT"
    else
        printf 'set ftp:ssl-force true\nset ftp:ssl-protect-data true\nset ssl:ca-file %s\nopen -u %s,%s ftp://%s:%s\n' \
            "$FTPS_CA" "$FTPS_ACCOUNT" "$FTPS_PASSWORD" "$FTPS_HOST" "$FTPS_PORT"
    fi
    printf '%s\n' "$*"
}
call() { session "$@" | lftp -f /dev/stdin; }
case $action in
    version) lftp --version | sed -n '1s/^LFTP | Version \([^ ]*\).*/lftp \1/p; s/.*\(GnuTLS [0-9.]*\).*/\1/p' | paste -sd , ;;
    list) call cls -1 ;;
    put) call put "$@" ;;
    get) call get "$@" ;;
    resume-put) call put -c "$1" ;;
    resume-get) call get -c "$1" ;;
esac
