#!/bin/sh
# curl as its manual has it: all files in one call
set -eu
if [ "$FTPS_IMPLICIT" = 1 ]; then url="ftps://$FTPS_HOST:$FTPS_PORT/"; else url="ftp://$FTPS_HOST:$FTPS_PORT/"; fi
action=$1
shift
# --retry's default is none: a customer's job sees curl's own exit status
call() {
    if [ -n "${CURL_PROFILE:-}" ]; then
        printf 'user = "%s:%s"\n' "$FTPS_ACCOUNT" "$FTPS_PASSWORD" | curl -sS -K "$CURL_PROFILE" -K - "$@"
    else
        printf 'user = "%s:%s"\n' "$FTPS_ACCOUNT" "$FTPS_PASSWORD" | curl -sS --ssl-reqd --cacert "$FTPS_CA" -K - "$@"
    fi
}
case $action in
    version) curl --version | sed -n '1s/^\(curl [^ ]*\).*\(OpenSSL\/[^ ]*\).*/\1, \2/p' ;;
    list) call --list-only "$url" ;;
    resume-put) call --continue-at - --upload-file "$1" "$url" ;;
    resume-get) call --continue-at - --remote-name "$url$1" ;;
    put)
        set -- "$@" --
        while [ "$1" != -- ]; do
            set -- "$@" --upload-file "$1" "$url"
            shift
        done
        shift
        call "$@"
        ;;
    get)
        set -- "$@" --
        while [ "$1" != -- ]; do
            set -- "$@" --remote-name "$url$1"
            shift
        done
        shift
        call "$@"
        ;;
esac
