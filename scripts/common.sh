# shellcheck shell=bash
# Shared by all commands of the Makefile: sourced, never run.
set -euo pipefail
umask 022

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$project"

# Colours only on a terminal
if [ -t 1 ]; then bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'; else bold='' red='' green='' plain=''; fi
export PATH="$project/.venv/bin:$PATH"
export ANSIBLE_CONFIG="$project/ansible.cfg"
# Without a UTF-8 locale (LC_ALL=C, or one that is not installed) Ansible stops with an unclear "Detected None"
[ "$(locale charmap 2> /dev/null)" = UTF-8 ] || export LC_ALL=C.UTF-8
# The vault password comes from ANSIBLE_VAULT_PASSWORD_FILE, or from a prompt (ASK_VAULT=1)
case "${ASK_VAULT:-0}" in 0) ;; *) export ANSIBLE_ASK_VAULT_PASS=true ;; esac
# A cache of byte code saves each command a second; git ignores it
unset PYTHONDONTWRITEBYTECODE

die() {
    printf '%s\n' "${red}$*${plain}" >&2
    exit 1
}

# Ansible ignores ansible.cfg in a world-writable folder, because anybody could change it
if [ -n "$(find . -maxdepth 0 -perm -o+w)" ]; then
    die "$project is world-writable, so anybody could change what this command runs." \
        "Take that right away: chmod o-w '$project'"$'\n'"Where chmod has no effect (a Windows drive in WSL), clone the" \
        "project onto a file system of Linux."
fi

# one_at_a_time NAME: wait for other runs on this machine. All clones use the same lab names, so two
# runs would create and remove each other's hosts.
one_at_a_time() {
    local lock=${LOCKS:-/run/lock}/ftps-exchange-$1
    # Only root needs the lock; a lock file of another user would block root
    [ "$(id -u)" -eq 0 ] || [ -n "${LOCKS:-}" ] || return 0
    exec 9> "$lock" || die "$lock cannot be written: run this as root."
    flock --nonblock 9 && return
    printf 'Another make lab or make lab-down is running on this machine; waiting for it.\n'
    flock 9
}

since() {
    local seconds=$(( SECONDS - ${1:-0} ))
    if [ "$seconds" -lt 60 ]; then printf '%d s' "$seconds"; else printf '%d min %02d s' $((seconds / 60)) $((seconds % 60)); fi
}

# step TEXT COMMAND…: print the text and the time, run the command, print its duration
step() {
    local text=$1 start=$SECONDS
    shift
    printf '\n%s==> [%s] %s%s\n' "$bold" "$(since)" "$text" "$plain"
    if ! "$@"; then
        printf '\n%s==> [%s] failed: %s%s\n' "$red" "$(since)" "$text" "$plain" >&2
        if [ -n "${after_failure:-}" ]; then printf '    %s\n' "$after_failure" >&2; fi
        exit 1
    fi
    printf '%s    done in %s%s\n' "$green" "$(since "$start")" "$plain"
}
