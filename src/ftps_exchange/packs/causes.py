"""What can go wrong on the way, said once: for the self-tests (by exit code) and for the guide's table.

``who`` is the side that has to do something: "you" is the customer who reads, "we" is the provider who sent the pack.
A text may name {fqdn}, {port}, {implicit}, {first}, {last}, {addresses} and {sources}.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .subject import Subject

YOU, WE, BOTH = "you", "we", "you, then we"


@dataclass(frozen=True, slots=True)
class Cause:
    """One way to fail: the self-test's exit code, what it means, who has to do something, and what."""

    code: int
    step: str
    meaning: str
    who: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Symptom:
    """What a person sees in a client's log."""

    sign: str
    cause: str
    who: str
    remedy: str


CAUSES = (
    Cause(0, "all", "Everything works.", "", ""),
    Cause(2, "start", "Called with an option that it does not know.", YOU, "Run it with --help."),
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
        "Nothing of the service answers at all, not one of its ports.",
        BOTH,
        "First your side: does your firewall have the rules of this pack, and does their counter or log show packets "
        "leaving? If they leave, our side does not know the address that you come from: tell us your public address. "
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
        "Our service may be stopped: ask us. If we say that it runs, a device of yours refuses in its name.",
    ),
    Cause(
        23,
        "ports",
        "TCP {implicit} gets no answer, while TCP {port} does.",
        YOU,
        "Open TCP {implicit} outwards to {addresses}. Or leave it closed and use TCP {port} (explicit TLS) only: all "
        "works without it, and the self-test leaves it out with --no-implicit.",
    ),
    Cause(
        30,
        "TLS",
        "The connection is made, but is cut or changed when TLS begins.",
        YOU,
        "Switch FTP inspection (ALG, helper, fixup) and TLS inspection off for {addresses}: they cannot read the "
        "encrypted channel, and cut what they cannot read.",
    ),
    Cause(
        40,
        "certificate",
        "The certificate was not signed by {authority}.",
        BOTH,
        "If the issuer that is shown is your own firewall or antivirus, exempt {addresses} from TLS inspection. "
        "Otherwise {compare}.",
    ),
    Cause(
        41,
        "certificate",
        "The certificate is for another name than {fqdn}.",
        BOTH,
        "Connect to {fqdn} and not to an address. If you do, tell us.",
    ),
    Cause(
        42,
        "certificate",
        "The certificate is out of date.",
        BOTH,
        "Look at the clock of this machine. If it is right, tell us.",
    ),
    Cause(
        50,
        "login",
        "The login is refused (530).",
        BOTH,
        "Type name and password again: upper and lower case matter. If they are right, ask us: an account may be "
        "suspended or expired, or not be meant for the address that you come from ({sources}).",
    ),
    Cause(
        51,
        "login",
        "The service is there, but takes no more sessions now (421).",
        BOTH,
        "Close other sessions of this account and try again in some minutes; if it goes on, tell us.",
    ),
    Cause(
        60,
        "data ports",
        "No data connection comes about: TCP {first} to {last} is silent, while TCP {port} works.",
        YOU,
        "Open TCP {first} to {last} outwards to {addresses} in your firewall.",
    ),
    Cause(
        61,
        "data ports",
        "Only a part of TCP {first} to {last} gets through.",
        YOU,
        "Your rule has too few ports: open all of TCP {first} to {last} outwards to {addresses}.",
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
        "The data connection is made, but refused (425, 522): it does not resume the TLS session of the control "
        "channel.",
        YOU,
        "Update or change the client (FileZilla 3, WinSCP, lftp, curl with OpenSSL do it), and see that both "
        "connections leave from one address.",
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
        "The file comes back different, or not at all.",
        WE,
        "Send us this output, with the account and the time.",
    ),
    Cause(
        82,
        "transfer",
        "All works, but the small test file could not be removed.",
        WE,
        "Remove it by hand, and tell us its name.",
    ),
    Cause(130, "all", "Stopped by the keyboard.", "", "Run it again."),
)

SYMPTOMS = (
    Symptom(
        "Time-out while connecting, no reply at all",
        "Your firewall has no rule, or we do not know your address (self-test: 20 or 21)",
        BOTH,
        "Compare your rules with “What to open”, and your public address with “From where we let you in”.",
    ),
    Symptom(
        "Reply 220, then time-out or reset at AUTH TLS",
        "FTP or TLS inspection on your firewall (30)",
        YOU,
        "Switch it off for {addresses}.",
    ),
    Symptom(
        "500 or 502 after AUTH TLS",
        "A proxy or an inspecting firewall answers in our name (30)",
        YOU,
        "Connect directly; FTP proxies cannot do this.",
    ),
    Symptom(
        "Unknown or changed certificate",
        "TLS inspection, or the authority is not {trusted} (40)",
        YOU,
        "{install}; exempt {addresses} from inspection.",
    ),
    Symptom(
        "550 or 530 at USER, before any password",
        "The client did not begin TLS",
        YOU,
        "Choose “require explicit FTP over TLS”: logins in clear are refused.",
    ),
    Symptom(
        "530 after PASS",
        "Password, account or address (50)",
        BOTH,
        "Type it again; then ask us. After several failures wait some minutes.",
    ),
    Symptom(
        "421",
        "Too many sessions, or idle for too long (51)",
        YOU,
        "Fewer parallel transfers (at most {sessions} sessions an account); switch keep-alive on.",
    ),
    Symptom(
        "Login works, then time-out at PASV, EPSV, LIST or MLSD",
        "The data ports are closed (60)",
        YOU,
        "Open TCP {first} to {last}.",
    ),
    Symptom(
        "Works at times, time-out at others",
        "Half of the range is open, or you have several exits (61)",
        YOU,
        "Open the whole range; let both connections leave from one address.",
    ),
    Symptom(
        "501 at PORT or EPRT",
        "The client is set to active mode",
        YOU,
        "Choose passive mode. We never connect to you.",
    ),
    Symptom(
        "522 at LIST, STOR or RETR",
        "The client does not encrypt data (PROT P)",
        YOU,
        "Switch on encryption of data connections.",
    ),
    Symptom(
        "425 Unable to build data connection",
        "The TLS session is not resumed, or data comes from another address than the login (71)",
        YOU,
        "Newer client; one exit address for both connections.",
    ),
    Symptom(
        "550 Permission denied at STOR, DELE or MKD",
        "A reading account, or a share that you only read",
        YOU,
        "See “Accounts and folders”; ask us if it should be otherwise.",
    ),
    Symptom(
        "Listing is cut or transfer stalls at 100 %",
        "A device in between closes idle control connections",
        YOU,
        "Raise the time limit for idle TCP connections on your firewall to an hour, or switch keep-alive on.",
    ),
)


def values(subject: Subject) -> dict[str, object]:
    """What the texts may name."""
    service = subject.service
    return {
        "fqdn": service.fqdn,
        "port": service.explicit_port,
        "implicit": service.implicit_port,
        "first": subject.first,
        "last": subject.last,
        "addresses": " and ".join(subject.addresses),
        "sources": ", ".join(subject.sources),
        "sessions": subject.offer.sessions_per_account,
        **(_OWN if subject.own_authority else _PUBLIC),
    }


_OWN = {
    "authority": "the authority in this pack",
    "compare": "compare the authority's fingerprint with the guide, and ask us for the newest pack",
    "trusted": "installed",
    "install": "Install ca.pem; compare the fingerprint",
}
_PUBLIC = {
    "authority": "an authority that this machine trusts",
    "compare": "bring this system's list of authorities up to date, and ask us if that changes nothing",
    "trusted": "in this system's list",
    "install": "Do not trust it; bring the system's list of authorities up to date",
}


def causes_for(subject: Subject) -> Iterator[Cause]:
    """The causes with this customer's addresses and ports in them."""
    named = values(subject)
    for cause in CAUSES:
        if cause.code == 23 and subject.service.implicit_port is None:
            continue
        yield Cause(cause.code, cause.step, cause.meaning.format(**named), cause.who, cause.remedy.format(**named))


def symptoms_for(subject: Subject) -> Iterator[Symptom]:
    """The symptoms with this customer's addresses and ports in them."""
    named = values(subject)
    for symptom in SYMPTOMS:
        yield Symptom(symptom.sign, symptom.cause.format(**named), symptom.who, symptom.remedy.format(**named))
