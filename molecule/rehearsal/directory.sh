#!/bin/sh
# What an administrator of the directory does for the exchange: an OU, an account that may do everything below it, and one
# that joins servers to the domain.
set -eu
base=DC=ad,DC=example,DC=com
ou="OU=FTPS Exchange,OU=Services,$base"

account() { printf '%s\n%s\n' "$2" "$2" | samba-tool user create "$1" > /dev/null 2>&1; }
may() { samba-tool dsacl set --objectdn="$2" --sddl="(A;CI;GA;;;$(wbinfo --name-to-sid "$1" | cut -d ' ' -f 1))" > /dev/null; }

samba-tool ou create "OU=Services,$base" > /dev/null
samba-tool ou create "$ou" > /dev/null
account svc-ftps-exchange "$BIND_PASSWORD"
account svc-join "$JOIN_PASSWORD"
may svc-ftps-exchange "$ou"
may svc-join "CN=Computers,$base"
touch /var/lib/samba/private/rehearsal
