"""The faults that are put into a running lab, one at a time: what each does, and which check is meant for it.

A fault changes what the lab runs on and nothing else, the way a hurried administrator, an attacker or a bug would. It
must take hold: an edit whose old text is not there fails, so that a fault which does nothing is never taken for one
that the checks overlooked.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.exchange.lab import Lab

PROFTPD = "/etc/ftps-exchange/proftpd.conf"
CERTIFICATE = "/etc/ftps-exchange/tls/server.pem"
ACCESS = "/etc/ftps-exchange/access.conf"
LOG_PROGRAM = "/usr/local/sbin/ftps-exchange-transfer-log"
EVENTS_PROGRAM = "/usr/local/sbin/ftps-exchange-events"
SESSION = "/usr/local/sbin/ftps-exchange-session"
GUARD = "/usr/local/sbin/ftps-exchange-guard"
PAM = "/etc/pam.d/ftps-exchange"
EDGE = "inet ftps_exchange_edge"
HOST = "inet ftps_exchange_host"


@dataclass(frozen=True)
class Fault:
    """One fault."""

    name: str
    title: str
    """What is wrong then, in words."""
    put: Callable[[Lab], None]
    caught_by: str
    """The check that is meant for it; others may fail too."""
    in_scenario: bool = False
    """Whether it belongs to the part that `make test` runs."""


# ------------------------------------------------------------------------------------------------------ how to meddle

EDIT = """
import json, sys
path, edits = json.load(sys.stdin)
with open(path, encoding="utf-8") as file:
    text = file.read()
for old, new in edits:
    if old not in text:
        sys.exit(f"{path} has no {old!r}")
    text = text.replace(old, new)
with open(path, "w", encoding="utf-8") as file:
    file.write(text)
"""


def edit(lab: Lab, path: str, *edits: tuple[str, str]) -> None:
    """Replace text in a file of the server; owner and mode stay."""
    lab.server.sh(f"exec python3 -c '{EDIT}'", stdin=json.dumps([path, edits]).encode())


def configured(*edits: tuple[str, str]) -> Callable[[Lab], None]:
    """The daemon runs with another configuration."""

    def put(lab: Lab) -> None:
        edit(lab, PROFTPD, *edits)
        lab.server.sh(f"proftpd -t -c {PROFTPD} 2>&1 && systemctl reload proftpd && sleep 1")

    return put


def on_one_port(directive: str) -> Callable[[Lab], None]:
    """A directive holds for the main server alone: the port of implicit TLS is another one, which inherits nothing."""
    return configured((f"  {directive}", ""), ("<Global>\n", f"{directive}<Global>\n"))


def on_edge(*commands: str) -> Callable[[Lab], None]:
    """Rules or elements of the edge's table."""
    return lambda lab: _nft(lab, "edge", *commands)


def _nft(lab: Lab, where: str, *commands: str) -> None:
    host = lab.edge if where == "edge" else lab.server
    host.sh("exec nft -f -", stdin="\n".join(commands).encode())


def on_both_firewalls(*commands: str) -> Callable[[Lab], None]:
    """The same at the edge and at the server: TABLE stands for each one's table, CHAIN for where it decides."""

    def put(lab: Lab) -> None:
        for where, table, chain in (("edge", EDGE, "forward"), ("server", HOST, "input")):
            _nft(lab, where, *(command.replace("TABLE", table).replace("CHAIN", chain) for command in commands))

    return put


def one_address_for_all(lab: Lab) -> None:
    """All sources meet the daemon at the host's own address."""
    _nft(lab, "server", f"flush chain {HOST} own_address", f"flush chain {HOST} own_address_proven")


def foreign_data_address(lab: Lab) -> None:
    """Neither the firewall nor the daemon asks whose the data connection is."""
    one_address_for_all(lab)
    configured(("AllowForeignAddress       off", "AllowForeignAddress       on"))(lab)


def no_budget(lab: Lab) -> None:
    _nft(lab, "server", f"flush chain {HOST} budget")
    # The daemon's own limit is by address and port
    configured(("  MaxConnectionsPerHost     20\n", ""))(lab)


def counted_before_the_handshake(lab: Lab) -> None:
    """A limit of handshakes by address, as tutorials have it."""
    _nft(
        lab,
        "server",
        f"add set {HOST} begun {{ type ipv4_addr; size 65535; flags dynamic, timeout; timeout 1m; }}",
        f'insert rule {HOST} input iifname != "lo" tcp dport {{ 21, 990 }} tcp flags & (fin | syn | rst | ack) == syn '
        "add @begun { ip saddr limit rate over 1/minute burst 40 packets } drop",
    )


def routes_from_strangers(lab: Lab) -> None:
    _nft(lab, "server", f"insert rule {HOST} input icmpv6 type nd-router-advert accept")
    lab.server.sh("for file in /proc/sys/net/ipv6/conf/*/accept_ra; do echo 1 > $file; done")


def stranger_let_in(lab: Lab) -> None:
    address = lab.public_ip.rpartition(".")[0] + ".66"
    on_both_firewalls(f'add element TABLE customers4 {{ {address} comment "nobody" }}')(lab)


def member(group: str, accounts: str) -> Callable[[Lab], None]:
    """Accounts (comma-separated) are in a group of the directory that nobody declared."""

    def put(lab: Lab) -> None:
        lab.directory.sh(f"samba-tool group addmembers {group} {accounts}")
        for account in accounts.split(","):
            # winbind answers from its cache for a moment, longer on a busy machine
            lab.server.sh(
                f"for second in $(seq 60); do id -nG {account} | grep -qw {group} && exit 0; sleep 1; done; "
                f"echo '{account} is not in {group} after a minute:' $(id {account} 2>&1) >&2; exit 1"
            )

    return put


def port_open_at_the_edge(lab: Lab) -> None:
    """A service that nobody needs, on the edge itself."""
    lab.edge.sh(
        "systemd-run --quiet --unit=ftpsx-sabotage --property=RuntimeMaxSec=600 "
        "python3 -c 'import http.server; http.server.test(port=8080, bind=\"0.0.0.0\")'; sleep 1"
    )
    _nft(lab, "edge", f"insert rule {EDGE} input tcp dport 8080 accept")


def servers_reach_everything(lab: Lab) -> None:
    """The rule that a hurried administrator writes: from the DMZ, anything."""
    for family, address in (("ip", "10.0.0.0/8"), ("ip6", "fc00::/7")):
        _nft(lab, "edge", f"insert rule {EDGE} forward {family} saddr {address} accept")


def port_open_at_the_edge_is_over(lab: Lab) -> None:
    lab.edge.sh("systemctl stop ftpsx-sabotage 2>/dev/null || true")


def no_smaller_packets(lab: Lab) -> None:
    lab.server.sh("sysctl -qw net.ipv4.tcp_mtu_probing=0")


def small_send_buffers(lab: Lab) -> None:
    lab.server.sh("sysctl -qw net.ipv4.tcp_wmem='4096 16384 4194304'")


def acknowledgement_lost(lab: Lab) -> None:
    """The firewall's acknowledgement of each handshake: the daemon repeats its part after a second."""
    _nft(
        lab,
        "server",
        f"add set {HOST} begun {{ type inet_service; size 65535; flags dynamic, timeout; timeout 10s; }}",
        f'insert rule {HOST} input iifname "lo" tcp dport {{ 21, 990 }} tcp flags & (fin | syn | rst | ack) == ack '
        "tcp sport != @begun add @begun { tcp sport } drop",
    )


def few_clients_of_winbind(lab: Lab) -> None:
    edit(lab, "/etc/samba/smb.conf", ("winbind max clients = 2000", "winbind max clients = 4"))
    lab.server.sh("systemctl restart winbind; sleep 4")


def logging_off(lab: Lab) -> None:
    lab.server.sh("systemctl stop ftps-exchange-transfer-log")


def log_program(*edits: tuple[str, str]) -> Callable[[Lab], None]:
    """The transfer log is written by another program."""

    def put(lab: Lab) -> None:
        edit(lab, LOG_PROGRAM, *edits)
        lab.server.sh("systemctl restart ftps-exchange-transfer-log")

    return put


def events_forgotten(lab: Lab) -> None:
    """What a receiver does not take is forgotten, as if it were taken."""
    edit(lab, EVENTS_PROGRAM, ("        if answer.taken:\n", "        if answer:\n"))
    lab.server.sh("systemctl restart 'ftps-exchange-events@*'")


def metrics_stand_still(lab: Lab) -> None:
    """The timer has stopped an hour ago: every value still looks fine."""
    lab.server.sh(
        "systemctl stop ftps-exchange-metrics.timer && sleep 1 && "
        'file=$(sed -n \'s/.*"file": "\\(.*\\)".*/\\1/p\' /etc/ftps-exchange/metrics.json) && '
        'sed -i "s/^ftps_exchange_metrics_time_seconds .*/ftps_exchange_metrics_time_seconds $(($(date +%s) - 3600))/" '
        '"$file" && grep -q "^ftps_exchange_metrics_time_seconds" "$file"'
    )


def watch_off(lab: Lab) -> None:
    lab.server.sh("systemctl disable --now ftps-exchange-directory-watch")


def winbind_stays_down(lab: Lab) -> None:
    edit(lab, "/etc/systemd/system/winbind.service.d/ftps-exchange.conf", ("Restart=always", "Restart=no"))
    lab.server.sh("systemctl daemon-reload")


def account_enabled_again(lab: Lab) -> None:
    """As if somebody had helped out."""
    lab.directory.sh("samba-tool user enable initech-up")


def homes_among_the_shares(lab: Lab) -> None:
    """What a mistake in the session's script, and one in an access list, would do together."""
    last = "    mount(None, shared, None, MS_REMOUNT | MS_BIND | MS_RDONLY | UNTRUSTED, None)\n"
    homes = '    os.mkdir(f"{shared}/homes", 0o755)\n    bind(f"{root}/homes", f"{shared}/homes", writable=False)\n'
    edit(lab, SESSION, (last, homes + last))
    root = lab.data.get("root", "/srv/ftps-exchange")
    lab.server.sh(f"cd {root} && setfacl -m g:ftpsx-customers:r-x homes homes/*")


NO_LIMIT = """
import importlib.machinery, importlib.util, os, sys
loader = importlib.machinery.SourceFileLoader("quota", "/usr/local/sbin/ftps-exchange-quota")
quota = importlib.util.module_from_spec(importlib.util.spec_from_loader("quota", loader))
sys.dont_write_bytecode, sys.modules["quota"] = True, quota
loader.exec_module(quota)
root, kernel = os.open(sys.argv[1], os.O_RDONLY), quota.Kernel()
system = quota.file_system(kernel, root)
for path, number, _ in quota.folders(root, kernel, system):
    if path == sys.argv[2]:
        system.limit(number, None, None)
        sys.exit()
sys.exit(f"there is no {sys.argv[2]}")
"""


def quota_off(lab: Lab) -> None:
    """The share with the little quota has none."""
    root = lab.data.get("root", "/srv/ftps-exchange")
    lab.server.sh(f"exec python3 - {root} shares/acme-plans", stdin=NO_LIMIT.encode())


# ------------------------------------------------------------------------------------------------------- certificates


def certificate(
    *, name: str = "", days: tuple[int, int] = (-1, 90), chain: bool = True, own_key: bool = True
) -> Callable[[Lab], None]:
    """Another certificate of the lab's own CA, in place of the server's."""

    def put(lab: Lab) -> None:
        ca = Path(lab.data["ca_file"]).parent
        issuer = x509.load_pem_x509_certificate((ca / "issuing.pem").read_bytes())
        authority = serialization.load_pem_private_key((ca / "issuing.key").read_bytes(), password=None)
        key = ec.generate_private_key(ec.SECP256R1())
        kept = key if own_key else ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        subject = name or lab.fqdn
        leaf = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1]))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(authority, hashes.SHA256())  # type: ignore[arg-type]
        )
        pem = kept.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ) + leaf.public_bytes(serialization.Encoding.PEM)
        if chain:
            pem += issuer.public_bytes(serialization.Encoding.PEM)
        lab.server.sh(f"exec cat > {CERTIFICATE}", stdin=pem)

    return put


# --------------------------------------------------------------------------------------------------------- the faults

FAULTS: tuple[Fault, ...] = (
    Fault(
        "tls-not-required",
        "Clients may log in and transfer without TLS",
        configured(("TLSRequired               on\n", "TLSRequired               off\n")),
        "user_before_tls_is_refused",
        in_scenario=True,
    ),
    Fault(
        "data-in-clear",
        "Only the control channel has to be encrypted",
        configured(("TLSRequired               on\n", "TLSRequired               ctrl\n")),
        "prot_c_is_refused",
    ),
    Fault(
        "session-reuse-off",
        "A data channel may be anybody's: it need not resume the control channel's TLS session",
        configured(
            ("TLSOptions                StdEnvVars\n", "TLSOptions                StdEnvVars NoSessionReuseRequired\n")
        ),
        "the_data_channel_resumes_the_session",
    ),
    Fault(
        "active-mode",
        "The server connects to clients",
        # Either of them refuses it
        configured(
            ("<Limit PORT EPRT CCC", "<Limit CCC"), ("RootRevoke                on", "RootRevoke                off")
        ),
        "active_mode_is_refused",
    ),
    Fault(
        "ccc-allowed",
        "A client may go back to clear text after the login",
        configured(
            ("<Limit PORT EPRT CCC SSCN", "<Limit PORT EPRT SSCN"),
            ("TLSRequired               on\n", "TLSRequired               auth+data\n"),
        ),
        "ccc_is_refused",
    ),
    Fault(
        "anonymous",
        "Anybody may log in as anonymous",
        configured(
            (
                "  TLSEngine                 on\n",
                "  <Anonymous /srv>\n    User proftpd\n    Group nogroup\n    UserAlias anonymous proftpd\n"
                "    RequireValidShell off\n  </Anonymous>\n  TLSEngine                 on\n",
            )
        ),
        "anonymous_is_refused",
    ),
    Fault(
        "foreign-data-address",
        "Data connections are taken from any address",
        foreign_data_address,
        "data_from_another_address_is_refused",
    ),
    Fault(
        "inner-address-in-pasv",
        "PASV announces the server's inner address",
        lambda lab: configured((f"MasqueradeAddress         {lab.public_ip}", "MasqueradeAddress         10.77.10.11"))(
            lab
        ),
        "pasv_announces_the_public_address",
    ),
    Fault(
        "range-wider-than-the-edge",
        "The server's passive range is not the one that the edge lets through",
        lambda lab: configured(
            (
                f"PassivePorts              {lab.first_port} {lab.last_port}",
                f"PassivePorts              {lab.last_port + 1} {lab.last_port + 100}",
            )
        )(lab),
        "epsv_names_a_port_of_the_range",
    ),
    Fault(
        "range-exhausted",
        "The server has fewer passive ports than sessions, and takes others without a word",
        lambda lab: configured(
            (
                f"PassivePorts              {lab.first_port} {lab.last_port}",
                f"PassivePorts              {lab.first_port} {lab.first_port + 1}",
            )
        )(lab),
        "no_port_outside_the_range_when_it_is_used_up",
    ),
    Fault(
        "half-of-the-range-blocked",
        "The edge drops half of the passive range",
        lambda lab: on_edge(
            f"insert rule {EDGE} forward tcp dport {(lab.first_port + lab.last_port) // 2}-{lab.last_port} drop"
        )(lab),
        "the_whole_range_passes",
    ),
    Fault(
        "segments-of-any-size",
        "The edge lets both sides send packets that vanish in a customer's VPN",
        on_edge(f"flush chain {EDGE} segment_size"),
        "a_path_that_loses_icmp_loses_no_file",
    ),
    Fault(
        "no-smaller-packets",
        "The server goes on sending packets that vanish",
        no_smaller_packets,
        "a_download_finds_its_way_through_a_narrower_path",
    ),
    Fault(
        "port-open-at-the-edge",
        "The edge serves something else to the world",
        port_open_at_the_edge,
        "ordinary_ports_are_closed",
    ),
    Fault(
        "servers-reach-everything",
        "A server may open connections to everything behind the edge, and to every customer",
        servers_reach_everything,
        "a_server_opens_nothing_outwards_but_what_it_needs",
    ),
    Fault(
        "allow-list-off",
        "Edge and server let everybody in",
        lambda lab: on_both_firewalls(
            f"insert rule TABLE CHAIN tcp dport {{ {lab.explicit_port}, {lab.implicit_port or 990} }} accept"
        )(lab),
        "a_stranger_meets_silence",
    ),
    Fault(
        "stranger-allowed",
        "An address nobody declared is among the customers'",
        stranger_let_in,
        "a_stranger_meets_silence",
    ),
    Fault(
        "account-from-everywhere",
        "An account works from another customer's address",
        lambda lab: edit(lab, ACCESS, ("+|globex-up|", "+|globex-up|ALL ")),
        "an_account_works_from_its_own_customer_only",
    ),
    Fault(
        "tls-1.3-for-everybody",
        "curl loses files: the service speaks TLS 1.3, and a client's tickets run out",
        configured(("TLSProtocol               TLSv1.2\n", "TLSProtocol               TLSv1.2 TLSv1.3\n")),
        "ten_files_in_one_call_all_arrive",
        in_scenario=True,
    ),
    Fault(
        "certificate-expired",
        "The certificate has expired",
        certificate(days=(-90, -1)),
        "the_certificate_lasts",
        in_scenario=True,
    ),
    Fault(
        "certificate-of-another-name",
        "The certificate is made out to another name",
        certificate(name="other.exchange.example"),
        "the_certificate_verifies",
    ),
    Fault(
        "chain-incomplete",
        "The intermediate CA's certificate is not sent",
        certificate(chain=False),
        "the_chain_is_complete_and_in_order",
    ),
    Fault(
        "key-of-another-certificate",
        "Key and certificate do not match",
        certificate(own_key=False),
        "the_certificate_verifies",
    ),
    Fault(
        "old-tls",
        "TLS 1.0 and 1.1 are spoken",
        configured(
            (
                "TLSProtocol               TLSv1.2\n",
                "TLSProtocol               TLSv1 TLSv1.1 TLSv1.2\n",
            ),
            ("ECDHE+AESGCM:ECDHE+CHACHA20", "ALL:@SECLEVEL=0"),
        ),
        "old_versions_are_refused",
    ),
    Fault(
        "tls-1.3-offered",
        "A TLS version is spoken that is newer than the declared ones, with which clients lose uploads",
        configured(("TLSProtocol               TLSv1.2\n", "TLSProtocol               TLSv1.2 TLSv1.3\n")),
        "no_other_version_is_spoken",
    ),
    Fault(
        "tls-1.3-loses-uploads",
        "Clients that use a ticket once have their second upload refused",
        configured(("TLSProtocol               TLSv1.2\n", "TLSProtocol               TLSv1.2 TLSv1.3\n")),
        "uploads_in_a_row_each_resume_a_session",
    ),
    Fault(
        "tickets-for-the-refused",
        "A refused data connection gets a ticket that opens the next one",
        configured(("TLSSessionTickets         off\n", "TLSSessionTickets         on\n")),
        "a_refused_data_channel_does_not_open_the_next_one",
    ),
    Fault(
        "tls-versions-of-one-port",
        "The declared TLS versions hold on the port of explicit TLS only",
        on_one_port("TLSProtocol               TLSv1.2\n"),
        "no_other_version_is_spoken",
    ),
    Fault(
        "refusal-delay-of-one-port",
        "On the port of implicit TLS passwords are guessed without waiting",
        on_one_port("ExecOnError               PASS /usr/local/sbin/ftps-exchange-guard answer\n"),
        "a_refusal_takes_as_long_on_each_port",
    ),
    Fault(
        "refusals-tell-accounts",
        "The delay before a refusal begins when the work is done, so its length reveals whether the account exists",
        configured(("  ExecBeforeCommand         PASS /usr/local/sbin/ftps-exchange-attempt\n", "")),
        "a_refusal_tells_nothing",
    ),
    Fault(
        "one-guess-in-each-connection",
        "Wrong passwords are not counted across sessions",
        lambda lab: edit(lab, PAM, (f"pam_exec.so seteuid quiet {GUARD} refused", "pam_permit.so")),
        "guessing_is_banned_and_harms_nobody_else",
    ),
    Fault(
        "winbind-stays-down",
        "winbind does not restart after a crash",
        winbind_stays_down,
        "logins_work_again_after_a_crash_of_winbind",
    ),
    Fault(
        "outage-not-noticed",
        "During an outage of the directory every login hangs and fails",
        watch_off,
        "an_outage_of_the_directory_refuses_early_and_bans_nobody",
    ),
    Fault(
        "logins-of-one-port",
        "Logins on the port of implicit TLS are not in the journal",
        on_one_port("SyslogLevel               info\n"),
        "logins_are_in_the_journal",
    ),
    Fault(
        "listing-crashes",
        "LIST -d ends the session",
        configured(('ListOptions               "+d"', 'ListOptions               ""')),
        "listings_of_every_kind",
    ),
    Fault(
        "listing-reveals-accounts",
        "LIST ~name reveals whether an account exists, and the path of its home",
        configured((" NoErrorIfAbsent\n", "\n")),
        "a_tilde_reveals_no_account",
    ),
    Fault(
        "keepalive-off",
        "A connection that is silent during a long upload is forgotten by firewalls on the way",
        configured(("keepalive 60:5:15", "keepalive off")),
        "silent_connections_are_probed",
    ),
    Fault(
        "small-send-buffers",
        "Downloads read 16 KiB at a time and take twice the processor time",
        small_send_buffers,
        "downloads_are_sent_in_large_pieces",
    ),
    Fault(
        "greeting-late",
        "Each connection waits a second for its greeting",
        acknowledgement_lost,
        "a_connection_is_greeted_at_once",
    ),
    Fault(
        "few-clients-of-winbind",
        "When many log in at the same moment, right passwords are refused",
        few_clients_of_winbind,
        "logins_at_the_same_moment_all_succeed",
    ),
    Fault(
        "version-in-csid",
        "A reply contains the version of the server's software",
        configured(("ServerIdent               off", 'ServerIdent               on "ftps.exchange.example"')),
        "no_reply_names_a_version",
    ),
    Fault(
        "weak-ciphers",
        "Ciphers without forward secrecy are accepted",
        configured(("ECDHE+AESGCM:ECDHE+CHACHA20", "ALL:@SECLEVEL=0")),
        "weak_ciphers_are_refused",
    ),
    Fault(
        "share-writable",
        "A customer may write in a share that it was given to read",
        member("ftpsx-share-maps-write", "acme-up,globex-up"),
        "a_read_share_cannot_be_written",
        in_scenario=True,
    ),
    Fault(
        "share-of-others",
        "A customer has a share that it was not given",
        member("ftpsx-share-acme-plans-read", "globex-up"),
        "the_shares_are_those_granted",
    ),
    Fault(
        "home-of-a-neighbour",
        "Every customer finds the others' homes among its shares, and may read there",
        homes_among_the_shares,
        "the_shares_are_those_granted",
    ),
    Fault(
        "no-jail",
        "A session sees the whole server's file system",
        configured(("DefaultRoot               ~\n", "")),
        "files_of_the_system_cannot_be_read",
    ),
    Fault(
        "account-enabled-again",
        "A suspended customer's account works again",
        account_enabled_again,
        "who_is_not_declared_has_no_working_account",
    ),
    Fault(
        "no-ban",
        "Passwords may be guessed as often as anybody likes",
        lambda lab: edit(lab, "/etc/ftps-exchange/guard.json", ('"refused": 9', '"refused": 900000')),
        "guessing_is_banned_and_harms_nobody_else",
    ),
    Fault(
        "sessions-without-limit",
        "One account may hold every session",
        configured(("  MaxClientsPerUser         8\n", "")),
        "the_sessions_of_an_account_are_limited",
    ),
    Fault(
        "ports-answer-everybody",
        "A passive port answers the first connection from anybody, and the transfer is given up",
        one_address_for_all,
        "a_neighbour_at_the_passive_ports_stops_no_transfer",
        in_scenario=True,
    ),
    Fault(
        "no-budget",
        "One customer takes every session",
        no_budget,
        "one_customer_does_not_take_every_session",
    ),
    Fault(
        "counted-before-the-handshake",
        "An attacker who forges a customer's address uses up its connections",
        counted_before_the_handshake,
        "forged_handshakes_use_up_nobodys_connections",
    ),
    Fault(
        "routes-from-strangers",
        "The server trusts every host that claims to be the router",
        routes_from_strangers,
        "no_neighbour_moves_the_route_of_a_server",
    ),
    Fault(
        "logging-off",
        "Transfers leave no trace",
        logging_off,
        "every_transfer_is_one_line_of_the_log",
    ),
    Fault(
        "metrics-stand-still",
        "The metrics of the server show a picture of an hour ago",
        metrics_stand_still,
        "the_metrics_are_fresh_and_true",
    ),
    Fault(
        "metrics-count-nothing",
        "The metrics are fresh, and no login is in them",
        lambda lab: edit(
            lab, "/usr/local/sbin/ftps-exchange-metrics", ('state["logins"] += 1', 'state["logins"] += 0')
        ),
        "the_metrics_are_fresh_and_true",
    ),
    Fault(
        "records-end-at-line-breaks",
        "A refused command of 2 KB removes the next record, also of other customers",
        log_program(
            ("        following = data.find(mark, start + 1)\n", '        following = data.find(b"\\n", start) + 1\n'),
        ),
        "refused_commands_swallow_no_record_of_others",
    ),
    Fault(
        "refused-commands-fill-the-log",
        "Anybody who reaches the port fills the log with refused commands, without a login",
        log_program(('        if record["outcome"] == "denied":', '        if record["outcome"] == "never":')),
        "refused_commands_swallow_no_record_of_others",
    ),
    Fault(
        "records-twice-after-a-kill",
        "A log service that was killed, or lost its state, writes records again",
        log_program((' for record in records if record["id"] not in self.recent)', " for record in records)")),
        "a_killed_log_loses_and_doubles_nothing",
    ),
    Fault(
        "killed-sessions-unnoticed",
        "A session that was killed in the middle of an upload leaves no trace",
        configured(("READ,WRITE,AUTH,EXIT", "READ,WRITE,EXIT")),
        "a_session_that_is_killed_leaves_a_record",
    ),
    Fault(
        "events-lost",
        "A complete file is not reported if the receiver fails at that moment",
        events_forgotten,
        "events_wait_for_a_receiver_that_fails",
    ),
    Fault(
        "listings-without-bound",
        "One listing takes as much memory and time as a folder has files",
        configured((" maxfiles 20000", "")),
        "one_listing_is_bounded",
    ),
    Fault(
        "uploads-under-a-hidden-name",
        "The server replaces a file with an incomplete upload, and REST cannot continue an upload",
        configured(("HiddenStores              off", "HiddenStores              on .in.%P.")),
        "the_rest_follows_under_the_final_name_too",
    ),
    Fault(
        "broken-uploads-removed",
        "Of an upload that broke off nothing is left",
        configured(("DeleteAbortedStores       off", "DeleteAbortedStores       on")),
        "an_upload_that_breaks_off_leaves_the_old_file_and_resumes",
    ),
    Fault(
        "uploads-cannot-be-resumed",
        "An upload that broke off has to begin again",
        configured(("AllowStoreRestart         on", "AllowStoreRestart         off")),
        "an_interrupted_upload_resumes",
    ),
    Fault(
        "quota-off",
        "A share takes more than its quota",
        quota_off,
        "a_quota_that_is_used_up_harms_nobody_else",
    ),
)
