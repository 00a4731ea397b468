#!/bin/sh
# FileZilla on a virtual screen, with the site of the pack's profile: somebody marks files and presses Enter.
# It is a window, so it has no exit status: its log says of each transfer whether it succeeded.
set -eu
action=$1
shift
if [ "$action" = version ]; then
    dpkg-query --show --showformat 'FileZilla ${Version}, ' filezilla
    dpkg-query --show --showformat 'GnuTLS ${Version}\n' libgnutls30t64
    exit
fi

home=$(mktemp -d)
config=$home/.config/filezilla
mkdir -p "$config" "$home/files"
export HOME="$home" DISPLAY=:9
# As if the CA's certificate had been imported; otherwise a window asks about it
cp "$FTPS_CA" /usr/local/share/ca-certificates/exchange.crt
update-ca-certificates > /dev/null 2>&1

# The imported profile asks for the password; here somebody has let FileZilla keep it
secret=$(printf '%s' "$FTPS_PASSWORD" | base64 -w 0)
sed "s|<Logontype>2</Logontype>|<Logontype>1</Logontype><Pass encoding=\"base64\">$secret</Pass>|" \
    clients/filezilla.xml > "$config/sitemanager.xml"
if [ "$FTPS_IMPLICIT" = 1 ]; then
    sed -i "s|<Protocol>4<|<Protocol>3<|; s|<Port>[0-9]*<|<Port>$FTPS_PORT<|" "$config/sitemanager.xml"
fi
# Settings of the profile, as its import takes them over
cat > "$config/filezilla.xml" << END
<FileZilla3><Settings>
$(grep '<Setting ' clients/filezilla.xml)
<Setting name="Greeting version">99</Setting>
<Setting name="Greeting resources"></Setting>
<Setting name="Update Check">0</Setting>
<Setting name="Logging file">$home/log</Setting>
<Setting name="Default Trust System">1</Setting>
<Setting name="Trust system trust store">1</Setting>
<Setting name="File exists action upload">1</Setting>
<Setting name="File exists action download">1</Setting>
</Settings></FileZilla3>
END

Xvfb "$DISPLAY" -screen 0 1280x1024x24 ${FRAMES:+-fbdir "$FRAMES"} > /dev/null 2>&1 &
screen=$!
trap 'kill $program $screen 2> /dev/null; rm -rf "$home"' EXIT
program=''
sleep 1
if [ "$action" = put ]; then cp "$@" "$home/files/"; fi
filezilla --site="0/$FTPS_ACCOUNT at $FTPS_HOST" --local="$home/files" > "$home/out" 2>&1 &
program=$!

: > "$home/log"
logged() { grep -c "$1" "$home/log" || true; }
await() { # PATTERN COUNT SECONDS
    for _ in $(seq "$(($3 * 2))"); do
        [ "$(logged "$1")" -lt "$2" ] || return 0
        sleep 0.5
    done
    return 1
}
if ! await 'Directory listing of .* successful' 1 25; then cat "$home/log" "$home/out" >&2; exit 1; fi
sleep 1
window=$(xdotool search --onlyvisible --name 'FileZilla$' | head -n 1)
xdotool windowsize "$window" 1280 1024 windowmove "$window" 0 0 windowfocus "$window"
sleep 1
case $action in
    put)
        # In the list of this computer's files
        xdotool mousemove 200 700 click 1 key ctrl+a
        xdotool mousemove 60 509 click 3
        ;;
    get)
        # In the list of the server's files, after the parent and one folder: the first names of the alphabet
        last=$((533 + 23 * ($# - 1)))
        xdotool mousemove 700 533 click 1 mousemove 700 "$last" keydown shift click 1 keyup shift
        xdotool mousemove 700 533 click 3
        ;;
esac
# The first entry of the menu: upload, or download
sleep 1
xdotool key Down key Return
await 'File transfer successful' $# 60 || true
sleep 1
if [ "$action" = get ]; then cp "$home"/files/* . 2> /dev/null || true; fi
failed=$(($# - $(logged 'File transfer successful')))
if [ "$failed" -gt 0 ]; then
    tail -n 5 "$home/log" >&2
    exit 1
fi
