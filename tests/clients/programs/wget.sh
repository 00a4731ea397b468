#!/bin/sh
# wget as its manual has it; it cannot send
set -eu
action=$1
shift
url="ftps://$FTPS_HOST:$FTPS_PORT/"
implicit=off
if [ "$FTPS_IMPLICIT" = 1 ]; then implicit=on; fi
WGETRC=$(mktemp)
export WGETRC
trap 'rm -f "$WGETRC"' EXIT
printf 'user = %s\npassword = %s\nca_certificate = %s\nftps_implicit = %s\nquiet = on\n' \
    "$FTPS_ACCOUNT" "$FTPS_PASSWORD" "$FTPS_CA" "$implicit" > "$WGETRC"
case $action in
    version)
        wget --version | sed -n '1s/^GNU Wget \([^ ]*\).*/wget \1,/p'
        dpkg-query --show --showformat 'GnuTLS ${Version}\n' libgnutls30t64
        ;;
    list) wget -O - "$url" | sed -n 's/.*<a href="[^"]*">\([^<]*\)<.*/\1/p' ;;
    get) for name in "$@"; do set -- "$@" "$url$name"; shift; done; wget "$@" ;;
    resume-get) wget --continue "$url$1" ;;
esac
