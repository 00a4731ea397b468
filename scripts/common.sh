# shellcheck shell=bash
# What every command of the Makefile starts with: sourced, never run.
set -euo pipefail
umask 022

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$project"

# A colour on a terminal only
if [ -t 1 ]; then bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'; else bold='' red='' green='' plain=''; fi
export PATH="$project/.venv/bin:$PATH"
export ANSIBLE_CONFIG="$project/ansible.cfg"
# Without UTF-8 Ansible ends at once ("Detected None") and does not say why: LC_ALL=C, or a locale that is not installed here
[ "$(locale charmap 2> /dev/null)" = UTF-8 ] || export LC_ALL=C.UTF-8
# The password of the vault comes from ANSIBLE_VAULT_PASSWORD_FILE, or from a person who asked to be asked
case "${ASK_VAULT:-0}" in 0) ;; *) export ANSIBLE_ASK_VAULT_PASS=true ;; esac
# Compiling our modules and tests anew costs every command a second or more; what is kept is ignored by git
unset PYTHONDONTWRITEBYTECODE

die() {
    printf '%s\n' "${red}$*${plain}" >&2
    exit 1
}

# Ansible ignores the ansible.cfg of such a folder when it finds it by itself, and whoever may write here decides what runs
if [ -n "$(find . -maxdepth 0 -perm -o+w)" ]; then
    die "$project is world-writable, so anybody could change what this command runs." \
        "Take that right away: chmod o-w '$project'"$'\n'"Where chmod has no effect (a Windows drive in WSL), clone the" \
        "project onto a file system of Linux."
fi

# one_at_a_time NAME: wait until nobody else on this machine does the same. The lab's names are the machine's, so two
# runs, of another clone too, would make and remove each other's hosts.
one_at_a_time() {
    local lock=${LOCKS:-/run/lock}/ftps-exchange-$1
    # Others get no further than the module that asks for root; a lock of theirs would be in root's way
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

# step TEXT COMMAND…: say what is being done and at which time of the run, do it, say how long it took
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
