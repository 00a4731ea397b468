#!/bin/sh
#_: Tests the route from this machine to the service, step by step.
#
#_: If a step fails, it stops there and says what is wrong and who must fix it. It only creates three small files in your
#_: folder on the server, and removes them again. Run it when none of your transfers is running.
#
#_:   sh selftest.sh                    ::everything; asks for the password on the terminal
#_:   sh selftest.sh --no-login         ::what needs no password: name, ports, TLS, certificate
#_:   sh selftest.sh --account NAME     ::with an account other than the first that may write
#_:   sh selftest.sh --no-implicit      ::skip the port for implicit TLS
#_:   sh selftest.sh --ca FILE          ::another CA than the file ca.pem beside this script
#_:   sh selftest.sh --password-stdin   ::read the password from standard input instead (for automatic tests)
#
#_: It trusts ca.pem for its own connections only, and writes nothing to a certificate store.
#
#_: Needs a POSIX shell and curl; with openssl it can say more about the certificate. Exit codes:
#
@CODES@
set -u
LC_ALL=C
export LC_ALL

@FACTS@

login=yes account='' ca='' from_stdin=no password=''
usage() { sed -n '2,/^set -u/s/^# \{0,1\}//p' "$0" | sed '$d'; }

while [ $# -gt 0 ]; do
    case $1 in
        --no-login) login=no ;;
        --no-implicit) implicit= ;;
        --password-stdin) from_stdin=yes ;;
        --account | --ca)
            [ $# -gt 1 ] || { usage >&2; exit 2; }
            if [ "$1" = --ca ]; then ca=$2; else account=$2; fi
            shift ;;
        --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done

umask 077
work=$(mktemp -d "${TMPDIR:-/tmp}/ftps-selftest.XXXXXX") || exit 3
echo_off=no left_behind='' family=''
finish() {
    status=$?
    trap - EXIT INT TERM HUP
    if [ "$echo_off" = yes ]; then stty echo </dev/tty; fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

row() { step "$1"; printf '  %-14s %-5s %s\n' "$step" "$2" "$3"; }

# fail CODE STEP WHAT-WAS-SEEN: the verdict, and the end
fail() {
    row "$2" FAIL "$3"
    if [ -n "$left_behind" ]; then remove; fi
    explain "$1"
    printf '\n'
    printf '%-17s %s\n' _'What it means:' "$meaning" _'Who fixes it:' "$who" _'What to do:' "$remedy" _'Exit code:' "$1"
    exit "$1"
}

command -v curl >/dev/null 2>&1 || fail 3 start _'curl is not installed'
here=$(dirname "$0")
if [ -z "$ca" ] && [ "$has_ca" = yes ]; then ca=$here/ca.pem; fi
if [ -n "$ca" ] && [ ! -r "$ca" ]; then fail 3 start _'cannot read the CA file {ca}'; fi
if [ -z "$account" ]; then account=$first_account; fi

now=$(date -u '+%Y-%m-%d %H:%M')
printf '%s\n\n' _'Route from {customer} to {fqdn} ({now} UTC)'

in_url() { case $1 in *:*) printf '[%s]' "$1" ;; *) printf '%s' "$1" ;; esac; }

# Ends a control connection at once, instead of waiting for its greeting
printf 'QUIT\r\n' >"$work/quit"

# What a TCP connection meets, into a file: open, refused, silent, barred (something near says that it may not pass)
probe() {
    curl -q -s -v -o /dev/null --noproxy '*' --connect-timeout 4 --max-time 5 -w 'time %{time_connect}\n' \
        "$3://$(in_url "$1"):$2/" <"$work/quit" >"$4.log" 2>&1
    code=$?
    if [ "$(sed -n 's/^time //p' "$4.log" | tr -d '0.,')" ]; then
        echo open
    elif [ "$code" -eq 28 ]; then
        echo silent
    elif grep -q 'unreachable' "$4.log"; then
        echo unreachable
    elif grep -q -i -e 'no route' -e 'prohibited' -e 'permi' -e 'denied' "$4.log"; then
        echo barred
    elif grep -q -i 'refused' "$4.log"; then
        echo refused
    elif [ "$code" -eq 7 ]; then
        echo refused
    else
        echo silent
    fi >"$4"
}

# ---- name -----------------------------------------------------------------------------------------------------------
# known FAMILY SEEN: whether the name leads to one of our addresses; while the service moves there are two of a family
known() {
    for one in $addresses; do
        case $one in
            "$1="*) case " $2" in *" ${one#*=}:"* | *" ${one#*=} "*) return 0 ;; esac ;;
        esac
    done
    return 1
}

resolved='' families=''
for entry in $addresses; do
    family=${entry%%=*} address=${entry#*=}
    curl -q -s -v -o /dev/null --noproxy '*' "-$family" --connect-timeout 2 --max-time 2 "http://$fqdn:$port/" \
        </dev/null >"$work/name" 2>&1
    code=$?
    if [ "$code" -eq 6 ]; then continue; fi
    seen=$(sed -n 's/^\* *Trying \(.*\)$/\1/p' "$work/name" | tr -d '[]' | sed 's/\.\.\.$//' | tr '\n' ' ')
    case " $seen" in
        *" $address:"* | *" $address "*) resolved="$resolved $address" ;;
        *" "?*) known "$family" "$seen" || fail 11 name _'{fqdn} is {seen}' ;;
    esac
    families="$families $family"
done
[ -n "$resolved" ] || fail 10 name _'no address for {fqdn}'
seen=${resolved# }
row name ok _'{fqdn} is {seen}'

# ---- ports ----------------------------------------------------------------------------------------------------------
data_ports=
for range in $ranges; do
    first=${range%-*} last=${range#*-}
    points=$(( last - first < 8 ? last - first : 8 ))
    data_ports="$data_ports $first"
    point=1
    while [ "$point" -le "$points" ]; do
        data_ports="$data_ports $(( first + (last - first) * point / points ))"
        point=$(( point + 1 ))
    done
done
data_ports=${data_ports# }

count() { result=0; for word in $1; do case " $2 " in *" $word "*) result=$(( result + 1 )) ;; esac; done; echo "$result"; }

# several_exits PORT...: whether these ports, which gave no answer, answer now. Then only some connections arrive: those
# from an address that the service knows.
several_exits() {
    jobs=
    for again in 1 2 3 4; do
        for silent in "$1" "${2:-$1}"; do
            probe "$address" "$silent" telnet "$work/again.$silent.$again" & jobs="$jobs $!"
        done
    done
    # shellcheck disable=SC2086 # a list of numbers
    wait $jobs
    cat "$work"/again.*.? >"$work/again"
    grep -q -e open -e refused "$work/again"
}

usable='' tried=$data_ports
for entry in $addresses; do
    family=${entry%%=*} address=${entry#*=}
    case " $families " in *" $family "*) ;; *) row "IPv$family" "-" _'the name has no such address here'; continue ;; esac
    jobs=
    probe "$address" "$port" telnet "$work/control" & jobs="$jobs $!"
    if [ -n "$implicit" ]; then probe "$address" "$implicit" telnet "$work/implicit" & jobs="$jobs $!"; fi
    for data_port in $data_ports; do
        probe "$address" "$data_port" http "$work/data.$data_port" & jobs="$jobs $!"
    done
    # shellcheck disable=SC2086 # a list of numbers
    wait $jobs
    control=$(cat "$work/control")
    second=; if [ -n "$implicit" ]; then second=$(cat "$work/implicit"); fi
    data='' quiet=''
    for data_port in $data_ports; do
        state=$(cat "$work/data.$data_port")
        data="$data $state"
        case $state in open | refused) ;; *) quiet="$quiet $data_port" ;; esac
    done
    all="$control $second $data"
    if [ "$control" = unreachable ] && [ "$(count "$all" "open refused silent barred")" -eq 0 ]; then
        row "IPv$family" "-" _'this machine has no IPv{family} to the outside'
        continue
    fi
    answered=$(count "$all" "open refused")
    quiet=${quiet# } seen=
    if [ "$(count "$data" "open refused")" -gt 0 ]; then seen=$quiet; fi
    case $second in '' | open | refused) ;; *) seen="$implicit $seen" ;; esac
    case $control in open | refused) ;; *) seen="$port $seen" ;; esac
    # shellcheck disable=SC2086 # a list of numbers
    if [ "$answered" -gt 0 ] && [ -n "$seen" ] && several_exits $seen; then
        fail 62 "ports" _'{address}: the same ports answer one time and not the next: {seen}'
    fi
    if [ "$control" != open ]; then
        if [ "$answered" -eq 0 ]; then
            if [ "$(count "$all" barred)" -gt 0 ]; then
                fail 20 "ports" _'{address}: a device near you refuses the connection'
            fi
            ports="$port${implicit:+, $implicit}, $ranges"
            fail 20 "ports" _'{address}: nothing answers on TCP {ports}'
        fi
        if [ "$control" = refused ] && [ "$(count "$data" refused)" -gt 0 ]; then
            fail 22 "TCP $port" _'{address} refuses'
        fi
        result=$control
        fail 21 "TCP $port" _'{address}: {result}, while other ports answer (number: {answered})'
    fi
    row "TCP $port" ok "$address"
    if [ -n "$implicit" ]; then
        [ "$second" = open ] || fail 23 "TCP $implicit" "$address: $second"
        row "TCP $implicit" ok "$address"
    fi
    if [ -n "$quiet" ]; then
        if [ "$(count "$data" "open refused")" -gt 0 ]; then
            fail 61 "data ports" _'{address}: no answer at {quiet}; the other tested ports answer'
        elif [ "$idle_ports_answer" = yes ]; then
            fail 60 "data ports" _'{address}: none of {quiet} answers'
        fi
        row "data ports" "-" _'{address}: idle ports do not answer; tested with the login'
    else
        row "data ports" ok _'{address}: {ranges}, tested: {tried}'
    fi
    # The login goes by the name, so not to an address that the name does not have yet, or no longer
    case " $resolved " in *" $address "*) usable="$usable $entry" ;; esac
done
[ -n "$usable" ] || fail 20 "ports" _'this machine reaches no address of the service'

# ---- TLS and certificate --------------------------------------------------------------------------------------------
# limited SECONDS COMMAND...: end it when it takes longer
limited() {
    seconds=$1
    shift
    "$@" &
    child=$!
    (sleep "$seconds"; kill "$child") >/dev/null 2>&1 &
    guard=$!
    wait "$child" 2>/dev/null
    code=$?
    kill "$guard" 2>/dev/null
    return "$code"
}

see_certificate() {
    set -- -connect "$(in_url "$address"):$port" -starttls ftp -servername "$fqdn" -verify_hostname "$fqdn"
    if [ -n "$ca" ]; then set -- "$@" -CAfile "$ca"; fi
    limited 10 openssl s_client "$@" <"$work/quit" >"$work/tls" 2>&1
}

# What a client without ECDHE says and gets, and one that is too old or too strict in its versions
no_common_tls() {
    grep -i -e 'alert handshake failure' -e 'handshake_failure' -e 'no ciphers available' -e 'alert protocol version' \
        -e 'unsupported protocol' -e 'no protocols available' -e 'no cipher match' "$1" | sed -n '1s/^\(.\{1,90\}\).*/\1/p'
}

# The smallest message that begins TLS, with a cipher that nobody takes, and whether its answer (an alert) comes back.
# It begins like every other, so inspection holds it too; but no packet of it is large.
small_tls_is_answered() {
    {
        printf 'AUTH TLS\r\n'
        sleep 2
        printf '\026\003\001\000\055\001\000\000\051\003\003ftps-selftest-ftps-selftest-ftps\000\000\002\000\000\001\000'
        sleep 3
    } | curl -q -s --noproxy '*' --connect-timeout 4 --max-time 8 "telnet://$(in_url "$address"):$port/" 2>/dev/null |
        od -An -v -tx1 | tr -d ' \n' | grep -q '0a1503'
}

# fail_tls WHAT-WAS-SEEN: TLS did not come about
fail_tls() {
    if small_tls_is_answered; then
        fail 31 TLS _'{address}: small packets come back, large ones do not'
    fi
    fail 30 TLS "$address: $1"
}

judge_certificate() {
    number=$(sed -n 's/^ *Verify return code: \([0-9]*\).*/\1/p' "$work/tls" | sed -n 1p)
    issuer=$(sed -n 's/^issuer= *//p' "$work/tls" | sed -n 1p)
    if [ -z "$number" ] || [ -z "$issuer" ]; then
        if grep -q -i 'unknown option' "$work/tls"; then
            row TLS "-" _'this openssl is too old for this check; checked with the login'
            return
        fi
        seen=$(no_common_tls "$work/tls")
        if [ -n "$seen" ]; then fail 32 TLS "$address: $seen"; fi
        seen=$(grep -v '^ *$' "$work/tls" | grep -i -e error -e reset -e closed | sed -n '1s/^\(.\{1,90\}\).*/\1/p')
        if [ -n "$seen" ]; then fail 30 TLS "$address: $seen"; fi
        fail_tls _'no answer when TLS starts, even to small packets'
    fi
    case $number in
        0) row TLS ok _'{address}: certificate for {fqdn}, signed by {issuer}' ;;
        62)
            seen=$(sed -n 's/^subject= *//p' "$work/tls" | sed -n 1p)
            fail 41 certificate _'{address} has one for {seen}' ;;
        9 | 10) fail 42 certificate "$address: $(sed -n 's/^ *Verify return code: //p' "$work/tls" | sed -n 1p)" ;;
        *) fail 40 certificate _'{address}: signed by {issuer}' ;;
    esac
}

if command -v openssl >/dev/null 2>&1; then
    for entry in $usable; do
        family=${entry%%=*} address=${entry#*=}
        see_certificate
        judge_certificate
    done
else
    row TLS "-" _'no openssl here; checked with the login'
fi

if [ "$login" = no ]; then
    printf '\n%s\n' _'Name, ports and TLS work. Login and transfer were not tested.'
    exit 0
fi

# ---- login ----------------------------------------------------------------------------------------------------------
access=
for known in $accounts; do
    if [ "${known%%:*}" = "$account" ]; then access=${known#*:}; fi
done
if [ "$from_stdin" = yes ]; then
    IFS= read -r password || [ -n "$password" ] || fail 3 login _'no password on standard input'
else
    (: </dev/tty) 2>/dev/null || fail 3 login _'no terminal to ask for the password on (or use --no-login)'
    printf '  %s ' _'Password of {account}:' >/dev/tty
    echo_off=yes
    stty -echo </dev/tty
    IFS= read -r password </dev/tty
    stty echo </dev/tty
    echo_off=no
    printf '\n' >/dev/tty
fi
# Here-documents instead of arguments: nobody sees them in a process list, whatever shell this is.
credentials=$(sed 's/[\\"]/\\&/g' <<END
$account:$password
END
)

# session NAME OPTION...: one curl, what it said in $work/NAME (without the password), its status in $code
session() {
    trace=$work/$1
    shift
    if [ -n "$ca" ]; then set -- --cacert "$ca" "$@"; fi
    if [ -n "$tls_max" ]; then set -- --tls-max "$tls_max" "$@"; fi
    {
        curl -q -s -S -v --fail-early --noproxy '*' --ssl-reqd --connect-timeout 15 --speed-time 30 --speed-limit 1 --max-time 300 \
            -K - "$@" <<END
user = "$credentials"
END
        echo "status $?"
    } 2>&1 | sed '/^> PASS/d' >"$trace"
    code=$(sed -n 's/^status //p' "$trace" | tail -n 1)
}

reply() { sed -n "s/^< \($1.*\)/\1/p" "$trace" | tr -d '\r' | tail -n 1; }

# A data connection was refused: whether the cause is that the service sees sessions of this computer come from several
# addresses, which its STAT shows
fail_several_exits() {
    seen=
    for session in 1 2 3 4 5 6 7 8; do
        session exits "-$family" --head -Q STAT "$url/"
        one=$(sed -n 's/^< .*[Cc]onnected from .*(\([0-9A-Fa-f.:]*\)).*/\1/p' "$trace" | sed -n 1p)
        [ -n "$one" ] || break
        case " $seen " in *" $one "*) ;; *) seen="${seen:+$seen }$one" ;; esac
    done
    case $seen in *" "*) fail 62 "data ports" _'{address}: your sessions come from {seen}' ;; esac
}

# judge STEP CODE-WHEN-NOTHING-ELSE-EXPLAINS-IT: why the last session failed
judge() {
    told=$(sed -n 's/^curl: ([0-9]*) //p' "$trace" | tail -n 1)
    case $code in
        60)
            # Some builds tell why, some do not
            case $told in
                *"does not match"* | *"alternative certificate subject"* | *principal*) fail 41 certificate "$told" ;;
                *expired* | *"not yet valid"*) fail 42 certificate "$told" ;;
                *) fail 40 certificate "$told" ;;
            esac ;;
        77) fail 3 certificate "$told" ;;
        35 | 64)
            if [ -n "$(no_common_tls "$trace")" ]; then fail 32 TLS "$told"; fi
            fail 30 TLS "$told" ;;
        28) if grep -q '^< 234' "$trace" && ! grep -q '^> USER' "$trace"; then
                fail_tls _'no answer when TLS starts, even to small packets'
            fi ;;
        67) if [ -n "$(reply 421)" ]; then fail 51 login "$(reply 421)"; fi
            fail 50 login "$account: $(reply 530)" ;;
    esac
    if [ -n "$(reply 421)" ]; then fail 51 login "$(reply 421)"; fi
    refused=$(reply 425)
    if [ -n "$refused" ]; then fail_several_exits; fail 71 "data ports" "$refused"; fi
    if grep -q -e '^< 227' -e '^< 229' "$trace" && ! grep -q -e '^< 550' -e '^< 553' "$trace"; then
        opened=$(grep -c '^< 226' "$trace")
        case $code in
            7 | 28 | 13 | 14)
                fail_several_exits
                if [ "$opened" -eq 0 ]; then fail 60 "data ports" "$told"; fi
                fail "$2" "$1" "$told" ;;
        esac
    fi
    if ! grep -q '^< 230' "$trace"; then fail 30 TLS "$told"; fi
    fail "$2" "$1" "$(reply '[45]')${told:+ ($told)}"
}

# The ports and the address that the server announced
check_announced() {
    for announced in $(sed -n 's/^< 229.*(|||\([0-9]*\)|).*/\1/p' "$trace"); do
        in_range "$announced"
    done
    sed -n 's/^< 227[^0-9]*\([0-9]*,[0-9]*,[0-9]*,[0-9]*,[0-9]*,[0-9]*\).*/\1/p' "$trace" | tr ',' ' ' >"$work/announced"
    while read -r a b c d high low; do
        if [ "$a.$b.$c.$d" != "$address" ]; then seen=$a.$b.$c.$d; fail 70 "data ports" _'PASV announces {seen} instead of {address}'; fi
        in_range $(( high * 256 + low ))
    done <"$work/announced"
}
in_range() {
    inside=no
    for range in $ranges; do
        if [ "$1" -ge "${range%-*}" ] && [ "$1" -le "${range#*-}" ]; then inside=yes; fi
    done
    if [ "$inside" = no ]; then seen=$1; fail 70 "data ports" _'{address} announces port {seen}'; fi
    used="$used $1"
}

logged_in=no
for entry in $usable; do
    family=${entry%%=*} address=${entry#*=} used=
    url=ftp://$fqdn:$port
    # Three times in one session: three data ports
    session epsv "-$family" --list-only -o "$work/listing" "$url/" -o "$work/listing" "$url/" -o "$work/listing" "$url/"
    [ "$code" -eq 0 ] || judge login 80
    if [ "$logged_in" = no ]; then row login ok "$account"; fi
    logged_in=yes
    check_announced
    used=${used# }
    row EPSV ok _'{address}: ports {used}'
    if [ "$family" = 4 ]; then
        used=
        session pasv -4 --disable-epsv --list-only -o "$work/listing" "$url/"
        [ "$code" -eq 0 ] || judge "data ports" 80
        check_announced
        used=${used# }
        row PASV ok _'{address}: ports {used}'
    fi
done

# ---- transfer -------------------------------------------------------------------------------------------------------
if [ "$access" = read ]; then
    row transfer "-" _'{account} may only read: nothing was uploaded (run it again with an account that may write)'
    printf '\n%s\n' _'Everything that this account may do works.'
    exit 0
fi
mark=selftest-$(date -u '+%Y%m%d%H%M%S')-$$
{ printf 'Self-test of %s, may be removed.\n' "$customer"; cat "$0"; } >"$work/sent.1"
# An empty file is where some clients stop; the third is larger than one packet of TLS
: >"$work/sent.2"
cat "$work/sent.1" "$0" "$0" "$0" >"$work/sent.3"
sizes=$(for number in 1 2 3; do wc -c <"$work/sent.$number"; done | tr -d ' ' | tr '\n' ' ' | sed 's/ $//')

remove() {
    session remove "-$family" --list-only -Q "-*DELE $mark.1" -Q "-*DELE $mark.2" -Q "-*DELE $mark.3" "ftp://$fqdn:$port/"
}

# One call, as programs do it that send more than one file. Where TLS 1.3 is all that there is, curl can only send one.
send() {
    if [ "$several_in_one_call" = yes ]; then
        session upload "-$family" -T "$work/sent.1" "$url/$mark.1" -T "$work/sent.2" "$url/$mark.2" \
            -T "$work/sent.3" "$url/$mark.3"
        return
    fi
    for number in 1 2 3; do
        session upload "-$family" -T "$work/sent.$number" "$url/$mark.$number"
        [ "$code" -eq 0 ] || return
    done
}

for entry in $usable; do
    family=${entry%%=*} address=${entry#*=}
    left_behind=yes
    send
    if [ "$code" -ne 0 ]; then
        if [ -z "$access" ] && [ -n "$(reply 55)" ]; then
            seen=$(reply 55)
            row transfer "-" _'{account} may not write here: {seen}'
            printf '\n%s\n' _'Everything that this account may do works.'
            exit 0
        fi
        judge upload 80
    fi
    # SIZE counts bytes only after TYPE I
    session download "-$family" -Q "*TYPE I" -Q "*SIZE $mark.1" -Q "*SIZE $mark.2" -Q "*SIZE $mark.3" \
        -o "$work/got.1" "$url/$mark.1" -o "$work/got.2" "$url/$mark.2" -o "$work/got.3" "$url/$mark.3"
    arrived=$(sed -n 's/^< 213 \([0-9]*\).*/\1/p' "$trace" | sed -n '1,3p' | tr '\n' ' ' | sed 's/ $//')
    if [ "$arrived" != "$sizes" ] && grep -q '^> SIZE' "$trace"; then
        fail 83 upload _'{address}: sent without an error, {sizes} bytes; arrived: {arrived}'
    fi
    [ "$code" -eq 0 ] || judge download 81
    for number in 1 2 3; do
        # curl makes no file for an empty one in some versions
        [ -e "$work/got.$number" ] || : >"$work/got.$number"
        cmp -s "$work/sent.$number" "$work/got.$number" || fail 81 download _'{address}: the content differs from what was sent'
    done
    rm -f "$work"/got.*
    remove
    [ "$(grep -c '^< 250' "$trace")" -ge 3 ] || fail 82 "clean up" "$mark.1, $mark.2, $mark.3: $(reply 55)"
    left_behind=
    row transfer ok _'{address}: three files sent, sizes equal, fetched, content equal, removed ({sizes} bytes)'
done

printf '\n%s\n' _'Everything works.'
