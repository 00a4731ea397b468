"""What can go wrong on the way, said once: for the self-tests (by exit code) and for the guide's table.

``who`` is the side that has to do something: "you" is the customer who reads, "we" is the provider who sent the pack.
A text may name {fqdn}, {port}, {implicit}, {data}, {addresses} and {sources}. It is English here, and
translated by whoever prints it (``causes_for``, ``symptoms_for``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .language import N_, Catalogue
from .subject import Subject, both, ports_in_words

YOU, WE, BOTH = "you", "we", "you, then we"


@dataclass(frozen=True, slots=True)
class Cause:
    """One way to fail: the self-test's exit code, what it means, who has to do something, and what."""

    code: int
    step: str
    meaning: str
    who: str
    remedy: str
    when: str = ""
    """Of whose packs: "own CA", "public CA", "implicit"; empty for all."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """What a person sees in a client's log."""

    sign: str
    cause: str
    who: str
    remedy: str
    when: str = ""


CAUSES = (
    Cause(0, "all", "Everything works.", "", ""),
    Cause(2, "start", "It was called with an unknown option.", YOU, "Run it with --help."),
    Cause(
        3,
        "start",
        "A tool or file that it needs is missing here, or there is no terminal to ask for the password on.",
        YOU,
        "Install curl (Windows has it since version 1803), keep the files of the pack together, run it in a terminal.",
    ),
    Cause(
        10,
        "name",
        "{fqdn} does not resolve.",
        YOU,
        "Let this machine resolve {fqdn} through your DNS server; it must give {addresses}.",
    ),
    Cause(
        11,
        "name",
        "{fqdn} resolves to an address that is not in this pack.",
        BOTH,
        "Look for an old entry in your DNS or hosts file: it must give {addresses}. If everybody sees the other "
        "address, ask us for the newest pack.",
    ),
    Cause(
        20,
        "ports",
        "The service does not answer on any of its ports.",
        BOTH,
        "First your side: does your firewall have the rules of this pack, and does their counter or log show packets "
        "leaving? If they leave, our firewall does not know your address: send us your public address. "
        "We let in: {sources}.",
    ),
    Cause(
        21,
        "ports",
        "TCP {port} gets no answer, while other ports of the service do.",
        YOU,
        "Open TCP {port} outwards to {addresses} in your firewall: we let you in, or the other ports would be "
        "silent too.",
    ),
    Cause(
        22,
        "ports",
        "TCP {port} is refused.",
        BOTH,
        "Our service may be stopped: ask us. If it is running, a device of yours refuses on its behalf.",
    ),
    Cause(
        23,
        "ports",
        "TCP {implicit} gets no answer, while TCP {port} does.",
        YOU,
        "Open TCP {implicit} outwards to {addresses}. Or leave it closed and use only TCP {port} (explicit TLS): "
        "everything works without it, and --no-implicit excludes it from the self-test.",
        "implicit",
    ),
    Cause(
        30,
        "TLS",
        "The connection opens, but is cut, changed or blocked when TLS starts: even small TLS packets get no answer.",
        YOU,
        "Turn off FTP inspection (ALG, helper, fixup) and TLS inspection for {addresses}: they cannot read the "
        "encrypted channel, and cut what they cannot read.",
    ),
    Cause(
        31,
        "TLS",
        "Large packets are lost on the way (path MTU), small ones pass. The certificate never arrives.",
        YOU,
        "Set the MTU of this computer to 1280 as a test: if that helps, a VPN, tunnel or PPPoE line on your side has a "
        "smaller MTU and does not report it. Clamp the TCP segment size (MSS) there, and let ICMP type 3 code 4 and "
        "ICMPv6 “packet too big” through. “ping -M do -s 1372 {fqdn}” (Windows: ping -f -l 1372) shows the limit, if "
        "ping gets replies. If MTU 1280 does not help, the cause is inspection: see 30.",
    ),
    Cause(
        32,
        "TLS",
        "This computer and the service have no version or cipher of TLS in common.",
        YOU,
        "The service needs TLS {tls} with ECDHE and ECDSA. Update the system or the program (Java 8u261, Windows 10, "
        "OpenSSL 1.1.1 or newer), or allow these in its settings.",
    ),
    Cause(
        40,
        "certificate",
        "The certificate was not signed by the CA in this pack.",
        BOTH,
        "If the issuer shown is your own firewall or antivirus, exempt {addresses} from TLS inspection. "
        "Otherwise compare the CA's fingerprint with the guide, and ask us for the newest pack.",
        "own CA",
    ),
    Cause(
        40,
        "certificate",
        "The certificate was not signed by a CA that this machine trusts.",
        BOTH,
        "If the issuer shown is your own firewall or antivirus, exempt {addresses} from TLS inspection. "
        "Otherwise update this system's list of CAs, and ask us if that does not help.",
        "public CA",
    ),
    Cause(
        41,
        "certificate",
        "The certificate is for another name than {fqdn}.",
        BOTH,
        "Connect to {fqdn} and not to an address. If you do, ask us.",
    ),
    Cause(
        42,
        "certificate",
        "The certificate is not valid today.",
        BOTH,
        "Check the clock of this machine. If it is right, ask us.",
    ),
    Cause(
        50,
        "login",
        "The login is refused (530).",
        BOTH,
        "Type name and password again: upper and lower case matter. If they are right, ask us: the account may be "
        "suspended or expired, or not allowed from your address ({sources}).",
    ),
    Cause(
        51,
        "login",
        "The service answers, but accepts no more sessions now (421).",
        BOTH,
        "Close other sessions of this account and try again in a few minutes; if it continues, ask us.",
    ),
    Cause(
        60,
        "data ports",
        "No data connection opens: TCP {data} does not answer, while TCP {port} works.",
        YOU,
        "Open TCP {data} outwards to {addresses} in your firewall.",
    ),
    Cause(
        61,
        "data ports",
        "Only part of TCP {data} gets through.",
        YOU,
        "Your rule has too few ports: open all of TCP {data} outwards to {addresses}.",
    ),
    Cause(
        62,
        "ports",
        "Your connections leave from several public addresses in turn. Login and data must come from one, or the data "
        "is refused.",
        YOU,
        "Let all connections of this computer to {addresses} leave from one public address: no pool of addresses in "
        "the NAT rule, and persistence by source address on a load balancer or SD-WAN. We let in: {sources}.",
    ),
    Cause(
        70,
        "data ports",
        "The service announces an address or a data port that is not in this pack.",
        WE,
        "Send us this output. Your pack may be an old one: see CHANGES.md in the newest.",
    ),
    Cause(
        71,
        "data ports",
        "The data connection opens, but is refused (425): it does not resume the TLS session of the control channel.",
        YOU,
        "Use the client's profile of this pack, or another client (FileZilla 3, WinSCP, lftp and curl do it; see “If "
        "you write your own program”), and make sure that both connections leave from one address.",
    ),
    Cause(
        80,
        "transfer",
        "The upload is refused or breaks off.",
        WE,
        "Send us this output, with the account and the time.",
    ),
    Cause(
        81,
        "transfer",
        "The fetched file differs, or is missing.",
        WE,
        "Send us this output, with the account and the time.",
    ),
    Cause(
        82,
        "transfer",
        "Everything works, but the small test files could not be removed.",
        WE,
        "Remove them by hand, and send us their names.",
    ),
    Cause(
        83,
        "transfer",
        "The client reported success, but the file on the server is incomplete.",
        WE,
        "Send us this output, with the version of curl. Until we answer, send one file per call, or use lftp or "
        "FileZilla.",
    ),
    Cause(130, "all", "Stopped from the keyboard.", "", "Run it again."),
)

SYMPTOMS = (
    Symptom(
        "Time-out while connecting, no reply at all",
        "Your firewall has no rule, or we do not know your address (self-test: 20 or 21)",
        BOTH,
        "Compare your rules with “What to open”, and your public address with “From where we let you in”.",
    ),
    Symptom(
        "Reply 220, then the connection is cut at AUTH TLS",
        "FTP or TLS inspection on your firewall (30)",
        YOU,
        "Turn it off for {addresses}.",
    ),
    Symptom(
        "Reply 234 after AUTH TLS, then no answer until a time-out",
        "Large packets are lost: path MTU (31). Or inspection blocks TLS (30)",
        YOU,
        "The self-test says which. Path MTU: clamp the TCP segment size (MSS) on your VPN, tunnel or PPPoE line, and "
        "let ICMP type 3 code 4 and ICMPv6 “packet too big” through.",
    ),
    Symptom(
        "“handshake failure”, “no cipher”, “protocol version”, “no common algorithm”",
        "The client is too old, or its settings forbid what the service needs (32)",
        YOU,
        "It needs TLS {tls} with ECDHE and ECDSA.",
    ),
    Symptom(
        "500 or 502 after AUTH TLS",
        "A proxy or an inspecting firewall answers on our behalf (30)",
        YOU,
        "Connect directly; FTP proxies do not work.",
    ),
    Symptom(
        "Unknown or changed certificate",
        "TLS inspection, or the client does not know the CA of this pack (40)",
        YOU,
        "Use the profile of this pack; compare the fingerprint of ca.pem; exempt {addresses} from inspection.",
        "own CA",
    ),
    Symptom(
        "Unknown or changed certificate",
        "TLS inspection, or the CA is not in this system's list (40)",
        YOU,
        "Do not trust it; update the system's list of CAs; exempt {addresses} from inspection.",
        "public CA",
    ),
    Symptom(
        "FileZilla shows a window “Unknown certificate”",
        "FileZilla asks at the first connection, even if the system trusts the CA",
        YOU,
        "Compare the name and the issuer with “Certificate”, tick “always trust”, then OK. If it asks again with "
        "another issuer, do not trust it: run the self-test.",
    ),
    Symptom(
        "550 or 530 at USER, before any password",
        "The client did not start TLS",
        YOU,
        "Choose “require explicit FTP over TLS”: logins without TLS are refused.",
    ),
    Symptom(
        "530 after PASS",
        "Password, account or address (50)",
        BOTH,
        "Type it again; then ask us. After several failures wait a few minutes.",
    ),
    Symptom(
        "421 “TLS handshake failed”, or no greeting on port {implicit}",
        "The client uses explicit TLS (AUTH TLS) on the port for implicit TLS",
        YOU,
        "Explicit TLS: port {port}. Implicit TLS, where TLS starts at once: port {implicit}.",
        "implicit",
    ),
    Symptom(
        "421 after the login, or in the middle of a session",
        "Too many sessions, or idle for too long (51)",
        YOU,
        "Fewer parallel transfers (at most {sessions} sessions per account).",
    ),
    Symptom(
        "Login works, then it hangs after PASV, EPSV, LIST or MLSD",
        "The data ports are closed (60); or the client starts TLS before it sends the command, and both sides wait",
        YOU,
        "Open TCP {data}. If the self-test passes, the client is the cause: see “If you write your own program”.",
    ),
    Symptom(
        "Sometimes works, sometimes times out",
        "Only part of the range is open (61), or you have several exits (62)",
        YOU,
        "Open the whole range; make sure that both connections leave from one address.",
    ),
    Symptom(
        "501 at PORT or EPRT",
        "The client is set to active mode",
        YOU,
        "Choose passive mode. We never connect to you.",
    ),
    Symptom(
        "522 at LIST, STOR or RETR",
        "The client does not encrypt data: it never sent PROT P",
        YOU,
        "Turn on encryption of data connections (PROT P).",
    ),
    Symptom(
        "425 “Unable to build data connection”; “TLS session of data connection not resumed”; “EOF occurred in "
        "violation of protocol”; “Broken pipe”; “GnuTLS error -110”; “Connection reset” while a file is sent",
        "The data connection does not resume the TLS session of the login, so the server closes it (71). Other causes: "
        "data comes from another address than the login, or the client sent AUTH SSL and then unencrypted data",
        YOU,
        "Use the profile or the program of this pack for your client; one exit address for both connections; AUTH TLS, "
        "then PROT P.",
    ),
    Symptom(
        "An empty or short file on the server after a failed upload",
        "An upload under the final name empties the existing file before the first byte arrives",
        YOU,
        "Send it again as “x.part” and rename it when it is complete, as the profiles do. When you fetch, ignore names "
        "that end in .part.",
    ),
    Symptom(
        "451, 452 or 552 at the end of an upload",
        "Our disk or your quota on it is full. The file is incomplete",
        WE,
        "Ask us. Keep the file, and send it again when we tell you that there is room.",
    ),
    Symptom(
        "550 “SIZE not allowed in ASCII mode”",
        "The client asks for a size in text mode",
        YOU,
        "Send TYPE I (binary mode) first, and transfer files in it.",
    ),
    Symptom(
        "A file named “folder\\report.csv”, or 550/553 for such a name",
        "The client sent a Windows path: on the server a backslash is an ordinary character",
        YOU,
        "Separate folders with “/”, and send only the name of the file.",
    ),
    Symptom(
        "550 Permission denied at STOR, DELE or MKD",
        "An account that may only read, or a share that you may only read",
        YOU,
        "See “Accounts and folders”; ask us if you need other rights.",
    ),
    Symptom(
        "Transfer stalls at 100 %, or breaks off after some minutes",
        "A device of yours drops idle connections: the control connection is silent during a long transfer",
        YOU,
        "Keep idle TCP connections for {idle} minutes or longer.",
    ),
)


SIDES: Final = {YOU: N_("you"), WE: N_("we"), BOTH: N_("you, then we")}
"""As a word in a table."""

WHO: Final = {
    YOU: N_("your side (network or workstation)"),
    WE: N_("our side (the provider)"),
    BOTH: N_("your side first, then our side (the provider)"),
    "": N_("nobody"),
}
"""As the self-test says it."""

# What else the self-test does besides what may fail
STEPS: Final = (N_("upload"), N_("download"), N_("clean up"))


def spoken() -> Iterator[str]:
    """Every text of this file, for the catalogues."""
    yield from STEPS
    for cause in CAUSES:
        yield from filter(None, (cause.step, cause.meaning, cause.remedy))
    for symptom in SYMPTOMS:
        yield from (symptom.sign, symptom.cause, symptom.remedy)


def values(subject: Subject, say: Catalogue) -> dict[str, object]:
    """What the texts may name."""
    service = subject.service
    oldest, newest = service.tls_minimum_version, service.tls_maximum_version
    return {
        "fqdn": service.fqdn,
        "port": service.explicit_port,
        "implicit": service.implicit_port,
        "data": both(say, [ports_in_words(say, ports) for ports in service.passive_ranges]),
        "addresses": both(say, subject.addresses),
        "sources": ", ".join(subject.sources),
        "sessions": subject.offer.sessions_per_account,
        "tls": oldest if oldest == newest else say.filled(N_("{oldest} or {newest}"), oldest=oldest, newest=newest),
        "idle": idle_minutes(subject),
    }


def idle_minutes(subject: Subject) -> int:
    """For how long devices have to keep a silent connection: IIS sends no probes over it."""
    return 60 if subject.offer.iis else 5


def _conditions(subject: Subject) -> frozenset[str]:
    """What ``when`` is true of this pack."""
    ca = "own CA" if subject.own_authority else "public CA"
    return frozenset(("", ca) if subject.service.implicit_port is None else ("", ca, "implicit"))


def causes_for(subject: Subject, say: Catalogue) -> tuple[Cause, ...]:
    """The causes in one language, with this customer's addresses and ports in them."""
    return _causes(say, _conditions(subject), tuple(values(subject, say).items()))


def symptoms_for(subject: Subject, say: Catalogue) -> tuple[Symptom, ...]:
    """The symptoms in one language, with this customer's addresses and ports in them."""
    return _symptoms(say, _conditions(subject), tuple(values(subject, say).items()))


def _filling(say: Catalogue, named: tuple[tuple[str, object], ...]) -> Callable[[str], str]:
    facts = dict(named)
    return lambda text: say.filled(text, **facts)


# The guide and the self-tests of one pack ask for the same
@lru_cache(maxsize=16)
def _causes(say: Catalogue, conditions: frozenset[str], named: tuple[tuple[str, object], ...]) -> tuple[Cause, ...]:
    fill = _filling(say, named)
    return tuple(
        Cause(one.code, say(one.step), fill(one.meaning), one.who, one.remedy and fill(one.remedy), one.when)
        for one in CAUSES
        if one.when in conditions
    )


@lru_cache(maxsize=16)
def _symptoms(say: Catalogue, conditions: frozenset[str], named: tuple[tuple[str, object], ...]) -> tuple[Symptom, ...]:
    fill = _filling(say, named)
    return tuple(
        Symptom(fill(one.sign), fill(one.cause), one.who, fill(one.remedy), one.when)
        for one in SYMPTOMS
        if one.when in conditions
    )
