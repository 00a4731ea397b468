#!/bin/sh
#_: Sends files with curl, each as FILE.part, and renames it when it is complete: a broken upload replaces nothing.
#_: From the pack's folder:
#
#     sh clients/upload.sh report.csv ...
#     sh clients/upload.sh --folder /shared/maps report.csv ...
#_:     sh clients/upload.sh --resume report.csv    ::continue an interrupted upload (only if the file has not changed)
#
#_: Asks for the password, or takes it from FTPS_PASSWORD. Stops at the first file that fails, with curl's exit status: 0
#_: only if every file is complete.
set -u
LC_ALL=C
export LC_ALL

@FACTS@

usage() { sed -n '2,/^set -u/s/^# \{0,1\}//p' "$0" | sed '$d'; }

folder='' resume=no
while [ $# -gt 0 ]; do
    case $1 in
        --folder) [ $# -gt 1 ] || { usage >&2; exit 2; }; folder=$2; shift ;;
        --resume) resume=yes ;;
        --help) usage; exit 0 ;;
        --) shift; break ;;
        -*) usage >&2; exit 2 ;;
        *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || { usage >&2; exit 2; }
[ -r clients/curl.conf ] || { echo _'Run it from the folder of the pack: clients/curl.conf is not here.' >&2; exit 2; }
for file in "$@"; do
    [ -f "$file" ] && [ -r "$file" ] || { echo _'{file}: cannot be read' >&2; exit 2; }
    case $file in
        *'
'*) echo _'A name with a line break cannot be sent.' >&2; exit 2 ;;
    esac
done

if [ -z "${FTPS_PASSWORD+set}" ]; then
    printf '%s ' _'Password of {account}:' >&2
    trap 'stty echo' EXIT
    trap 'exit 130' INT TERM HUP
    stty -echo
    IFS= read -r FTPS_PASSWORD
    stty echo
    trap - EXIT INT TERM HUP
    echo >&2
fi
# A here-document instead of an argument: nobody sees it in a process list
credentials=$(sed 's/[\\"]/\\&/g' <<END
$account:$FTPS_PASSWORD
END
)

# Everything that means something in a URL is escaped; the slashes of a folder stay
in_url() { printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g; s/%2f/\//g'; }
folder=$(in_url "$folder" | sed 's/^\/*//; s/\/*$//; s/$/\//; s/^\/$//')

for file in "$@"; do
    name=$(basename -- "$file")
    set -- -sS -T "$file" -Q "-RNFR $name.part" -Q "-RNTO $name"
    if [ "$resume" = yes ]; then set -- "$@" -C -; fi
    # One file per call: its exit status is this file's
    curl -q -K clients/curl.conf -K - "$@" "$url$folder$(in_url "$name.part")" <<END
user = "$credentials"
END
    code=$?
    [ "$code" -eq 0 ] || { echo _'{file}: not sent; the file of this name on the server is unchanged' >&2; exit "$code"; }
    echo _'sent: {file}'
done
