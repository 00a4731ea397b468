"""The guide that a customer's network and workstation staff gets: what to open, why it is safe, and what to do if not.

One list of blocks, printed as a page (``guide.html``: self-contained, for screens, phones and A4) and as Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import picture
from .causes import BOTH, WE, YOU, causes_for, idle_time, symptoms_for
from .document import (
    Block,
    Bullets,
    Code,
    Foreign,
    Heading,
    Inline,
    Link,
    Listing,
    Note,
    Paragraph,
    Part,
    Picture,
    Side,
    Strong,
    Table,
    html_block,
    html_inline,
    markdown_inline,
    markdown_of,
)
from .escape import html_text
from .formats import REGISTRY
from .programs import FOLDER, hands_out_tickets, programs_for
from .scripts import fixed
from .subject import Subject

_TABLE = "rules/firewall."

_SIDES: dict[str, Inline] = {YOU: Side("you"), WE: Side("we"), BOTH: Side("you, then we"), "": ""}


@dataclass(frozen=True, slots=True)
class Files:
    """What lies in the pack besides the guide, as far as the guide has to name it."""

    rules: tuple[str, ...]
    clients: tuple[str, ...]
    changes: bool


def blocks(subject: Subject, files: Files) -> Iterator[Block]:
    """The whole guide."""
    yield from _at_a_glance(subject, files)
    yield from _route(subject)
    yield from _what_to_open(subject, files)
    yield from _why_it_is_safe(subject)
    yield from _certificate(subject)
    yield from _clients(subject)
    yield from _programs(subject)
    yield from _accounts(subject)
    yield from _exits(subject)
    yield from _selftest(subject)
    yield from _trouble(subject)


def _at_a_glance(subject: Subject, files: Files) -> Iterator[Block]:
    yield Heading("In short", "short")
    yield Bullets(
        (
            (
                Strong("Network: "),
                "let your computers open TCP connections to ",
                *_codes(subject.addresses),
                " on the ports ",
                *_codes(_ports(subject)),
                ". Nothing has to be opened inwards. The rules are written for you: ",
                *_links(files.rules),
                ".",
            ),
            (
                Strong("Workstation: "),
                "import a profile for your client from ",
                Code("clients/"),
                ". Passwords come to you by another way than this pack.",
            ),
            (
                Strong("Try it: "),
                "run ",
                Code("sh selftest.sh"),
                " or ",
                Code("selftest.ps1"),
                ". It names the side that must fix a fault.",
            ),
        ),
        numbered=True,
    )
    if files.changes:
        yield Note(
            (Strong("Something changed since an earlier pack. "), Link("CHANGES.md", "CHANGES.md"),
             " says what you have to do, and by when."),
            "warning",
        )  # fmt: skip


def _what_to_open(subject: Subject, files: Files) -> Iterator[Block]:
    service = subject.service
    yield Heading("What to open", "open")
    clients, addresses = _lines(subject.clients), _lines(subject.addresses)
    rows: list[tuple[Inline, ...]] = [
        (clients, addresses, f"TCP {service.explicit_port}", "Control channel. TLS begins before name and password.")
    ]
    if service.implicit_port is not None:
        rows.append(
            (clients, addresses, f"TCP {service.implicit_port}",
             "The same for clients that know implicit TLS only. Leave it closed if you have none.")
        )  # fmt: skip
    rows.append(
        (clients, addresses, f"TCP {subject.passive}", "Data channels, in TLS: the server names one port a transfer.")
    )
    yield Table(("From", "To", "Ports", "What for"), tuple(rows), "open")
    yield Bullets(
        (
            (Strong("Outwards only, stateful. "), "Answers pass by themselves; there is no rule inwards."),
            (
                Strong("The whole range. "),
                f"{service.passive[1] - service.passive[0] + 1} ports, always the same. With half of it, every second "
                "transfer stalls.",
            ),
            (
                Strong("No FTP inspection. "),
                "FTP helpers (ALG, fixup, inspect) and TLS inspection must be off for this traffic: the control "
                "channel is encrypted, so a firewall can read no port in it, and some break what they cannot read.",
            ),
        )
    )
    if subject.customer.firewall:
        firewall = REGISTRY[subject.customer.firewall]
        own = tuple(file for file in files.rules if not file.startswith(_TABLE))
        holds = "holds exactly these rules, " + (
            "in the form of the cloud's own interface" if own[0].endswith(".json") else "and how to load and undo them"
        )
        yield Note(
            (
                Strong(f"Your {firewall.title}: "),
                *_links(own),
                f" {holds}. Inspection: {firewall.inspection}.",
            )
        )
    yield Paragraph(
        (
            "The same as a table for any other firewall: ",
            *_links(tuple(file for file in files.rules if file.startswith(_TABLE))),
            ".",
        )
    )
    yield Heading("From where we let you in", level=3)
    yield Paragraph(
        (
            "Our firewall knows these addresses of yours and nobody else's: ",
            *_codes(subject.sources),
            ". Should your public address change, tell us before: from another one there is no answer at all.",
        )
    )


def _route(subject: Subject) -> Iterator[Block]:
    yield Heading("Your route", "route")
    yield Picture(picture.drawings(subject), picture.characters(subject))


def _why_it_is_safe(subject: Subject) -> Iterator[Block]:
    yield Heading("Why this is safe to open", "safe")
    yield Table(
        ("Concern", "Answer", "See for yourself"),
        (
            (
                "The server connects to us",
                "Never. Passive mode only: active mode (PORT, EPRT) is refused.",
                "No rule inwards; your firewall's log shows no connection from our addresses.",
            ),
            (
                "FTP needs thousands of dynamic ports",
                f"One range, {subject.passive}, the same in our server, our firewall and this pack. Nothing beside it "
                "ever answers.",
                "Your rule names the range; any other port stays silent.",
            ),
            (
                "It may be another server",
                f"The certificate says {subject.fqdn} and is signed by {_signer(subject)}. A client that checks "
                "both talks to nobody else.",
                "The self-test checks chain, name and dates.",
            ),
            (
                "Passwords in clear",
                f"TLS {subject.service.tls_minimum_version} or newer before the name is sent; a login without it is "
                "refused.",
                "A plain FTP client is turned away at USER.",
            ),
            (
                "Files in clear",
                "Data channels are encrypted too (PROT P), or refused. "
                + (
                    "Each has to come from the address of its login."
                    if subject.offer.iis
                    else "Each belongs to the TLS session of its login."
                ),
                "A capture on your firewall shows TLS only.",
            ),
            (
                "Anybody may come",
                "Only known addresses get an answer"
                + ("." if subject.offer.iis else ", and each account works from its own addresses only."),
                "From your phone's network the name answers nothing.",
            ),
            (
                "NAT breaks it",
                "The server announces its public address and fixed ports; nothing inside TLS has to be rewritten.",
                "PASV shows our public address.",
            ),
            (
                "Load balancers and several exits",
                "Control and data must come from one address of yours; otherwise they are refused, not mixed up.",
                "See “Several exits” below.",
            ),
        ),
    )


def _certificate(subject: Subject) -> Iterator[Block]:
    yield Heading("Certificate", "certificate")
    if not subject.own_authority:
        yield from _public_certificate(subject)
        return
    rows: list[tuple[Inline, ...]] = [("Certificate for", Code(subject.fqdn))]
    for authority in subject.offer.authorities.certificates:
        rows += [
            ("CA", Foreign(authority.subject)),
            ("SHA-256 of the CA", Code(authority.fingerprint)),
            ("Last day of the CA", Code(authority.last_day)),
        ]
    rows.append(("File", Link("ca.pem", "ca.pem")))
    yield Table(("What", "Value"), tuple(rows), "facts")
    yield Paragraph(
        (
            "Trust the CA, not the single certificate: we renew that one at least once a year, the CA stays. Compare "
            "the fingerprint with us by telephone before you install ",
            Code("ca.pem"),
            ":",
        )
    )
    yield Listing("openssl x509 -in ca.pem -noout -subject -fingerprint -sha256", "sh")
    yield Bullets(
        (
            (
                "The profiles for curl, lftp and PowerShell, the programs, and both self-tests use ",
                Code("ca.pem"),
                " from this pack and nothing else.",
            ),
            (
                "FileZilla opens the window “Unknown certificate” at the first connection, whatever this system "
                "trusts. Check two things: the name is the server's, and the issuer of the last certificate in the "
                "chain is the CA above. Then tick “Always trust this certificate”. After a renewal it asks once more. "
                "WinSCP and other Windows programs use the certificate store: ",
                Code("certutil -user -addstore Root ca.pem"),
                ".",
            ),
        )
    )


def _signer(subject: Subject) -> str:
    return "the CA below" if subject.own_authority else "a public CA that your system trusts already"


def _public_certificate(subject: Subject) -> Iterator[Block]:
    yield Table(
        ("What", "Value"),
        (
            ("Certificate for", Code(subject.fqdn)),
            ("CA", "a public one, which your operating system trusts already"),
            ("Fingerprint to compare", "none: a public CA may sign the next certificate by another of its own"),
            ("File", "none: nothing is to be installed"),
        ),
        "facts",
    )
    yield Paragraph(
        (
            "The self-tests and the clients check three things: the name is exactly ",
            Code(subject.fqdn),
            ", the chain leads to a CA that this system trusts, and today lies within the dates. We renew the "
            "certificate itself at least once a year: pin neither it nor its key.",
        )
    )
    yield Paragraph(
        (
            Strong("A client asks whether to trust the certificate? "),
            "FileZilla asks at the first connection, whatever the system trusts; others ask only when something is "
            "wrong. Run the self-test: it shows the issuer. If that is your own firewall or antivirus, it is TLS "
            "inspection: do not trust it. If it is a public CA and the name is the server's, this client or system has "
            "an old list of CAs: update it.",
        )
    )


def _clients(subject: Subject) -> Iterator[Block]:
    service = subject.service
    yield Heading("Client settings", "clients")
    rows: list[tuple[Inline, ...]] = [
        ("Server", Code(subject.fqdn)),
        ("Port", Code(str(service.explicit_port))),
        ("Protocol", "FTP with explicit TLS required (FTPES, “AUTH TLS”)"),
    ]
    if service.implicit_port is not None:
        rows.append(("Otherwise", (f"implicit TLS on port {service.implicit_port}, for clients that know only this",)))
    rows += [
        ("Mode", "passive; data connections encrypted (PROT P)"),
        ("Account", Code(subject.account.name)),
        ("Sessions", f"at most {subject.offer.sessions_per_account} at a time for each account"),
    ]
    yield Table(("Setting", "Value"), tuple(rows), "facts")
    yield Table(
        ("Client", "File", "How"),
        (
            (
                "FileZilla",
                _file("clients/filezilla.xml"),
                "File, Import; the site is in the site manager. Asks for the password. It has no temporary names: see "
                "“Whole files only”.",
            ),
            (
                "WinSCP",
                _file("clients/winscp.ini"),
                ("Tools, Import/Restore configuration. Or a script: ", _file("clients/winscp-transfer.txt")),
            ),
            ("lftp", _file("clients/lftp.conf"), Code("lftp -e 'source clients/lftp.conf'")),
            (
                "curl",
                (_file("clients/upload.sh"), ", ", _file("clients/curl.conf")),
                (
                    Code("sh clients/upload.sh report.csv"),
                    " sends; ",
                    Code(f"curl -K clients/curl.conf -O ftp://{subject.fqdn}:{service.explicit_port}/report.csv"),
                    " fetches",
                ),
            ),
            (
                "PowerShell",
                _file("clients/transfer.ps1"),
                Code("powershell -ExecutionPolicy Bypass -File clients\\transfer.ps1 -Upload report.csv"),
            ),
        ),
    )
    yield Heading("Whole files only", level=3)
    yield Paragraph(
        (
            "An upload under the final name empties the file that is there before the first byte comes. If it then "
            "breaks off, a good file is gone, and a reader may find half a file. So upload as ",
            Code("report.csv.part"),
            " and rename it when the client reports success:",
        )
    )
    yield Bullets(
        (
            (
                "The profiles of lftp, curl and PowerShell, WinSCP's script and the programs below do it. ",
                Code("put -c"),
                " (lftp), ",
                Code("--resume"),
                " (curl) and ",
                Code("-Resume"),
                " (PowerShell) go on where an upload broke off; use them only if the file did not change.",
            ),
            (
                "FileZilla and WinSCP's window have no temporary names for FTP: give the file the name ",
                Code("x.part"),
                " before you send it, and rename it on the server. After a failed transfer choose “Resume”, never "
                "leave it.",
            ),
            ("Whoever fetches files: take no name that ends in ", Code(".part"), "."),
        )
    )
    yield Paragraph(
        (Strong("TLS versions. "), *_tls_versions(subject)),
    )
    yield Note(
        "No file of this pack holds a password, and none needs one: every profile asks for it.",
        "good",
    )


def _tls_versions(subject: Subject) -> Iterator[Part]:
    oldest, newest = subject.service.tls_minimum_version, subject.service.tls_maximum_version
    if oldest == "1.3":
        yield (
            "The service speaks TLS 1.3 only. With it a TLS session serves one data connection, and most clients get "
            "no new one while they send: they lose files. Use FileZilla, lftp, rclone, or one of the programs below. "
            "curl: one file a call, as clients/upload.sh does. Do not use PHP, Ruby, Java, Perl or Go here."
        )
    elif newest == "1.3":
        yield (
            "The service speaks TLS 1.2 and 1.3. With 1.3 a TLS session serves one data connection, and curl, PHP, "
            "Ruby, Java, Perl and Go get no new one while they send: they lose files. So their profiles and programs "
            "here ask for TLS 1.2. FileZilla, lftp, rclone, Python and Node.js work with both."
        )
    else:
        yield "The service speaks TLS 1.2. With it every client of this page works; newer ones choose it by themselves."
    if not hands_out_tickets(subject):
        yield (
            " Programs written in Go, rclone among them, cannot be used: they resume a TLS session by a ticket only, "
            "and this service hands out none. Use curl or lftp instead."
        )


def _programs(subject: Subject) -> Iterator[Block]:
    yield Heading("If you write your own program", "programs")
    yield Paragraph(
        "Two things are different from what most manuals of FTP libraries show. Data connections have to resume the "
        "TLS session of the control connection: the server closes others, and the library reports “425”, “EOF occurred "
        "in violation of protocol”, “Broken pipe”, or hangs. And a file is only sent when it has been renamed. Each of "
        "these programs does both, compares sizes, and checks the certificate. They share one call: put FILE…, get "
        "NAME…, list. They take the password from FTPS_PASSWORD or ask for it, and end with 0 only when every file is "
        "whole."
    )
    yield Table(
        ("Language", "File", "Needs", "Call"),
        tuple(
            (program.language, _file(program.path), program.needs, Code(program.call.format(path=program.path)))
            for program in programs_for(subject)
        ),
    )
    yield Bullets(
        (
            (
                Strong("All others: "),
                "use curl or lftp instead, started by your program. That goes for .NET (FtpWebRequest) too: call ",
                _file("clients/transfer.ps1"),
                ". Python's ftputil, fsspec and aioftp do not resume the TLS session; ",
                _file(f"{FOLDER}ftps.py"),
                " can.",
            ),
            (
                Strong("Your own code: "),
                "AUTH TLS (not AUTH SSL), then USER, PASS, PBSZ 0, PROT P, TYPE I, EPSV or PASV. Send the command "
                "(STOR, RETR, LIST), and begin TLS on the data connection only after that. Read the final reply (226) "
                "before the next command. SIZE works only after TYPE I. Folders are separated by “/”.",
            ),
        )
    )


def _accounts(subject: Subject) -> Iterator[Block]:
    yield Heading("Accounts and folders", "accounts")
    yield Table(
        ("Account", "May", "Until"),
        tuple(
            (
                Code(account.name),
                "read and write" if account.access == "write" else "read",
                "no longer: expired" if not account.enabled else account.expires or "no end set",
            )
            for account in subject.customer.accounts
        ),
    )
    rows: list[tuple[Inline, ...]] = [(Code("/"), "as the account may", "Your own folder; no other customer sees it.")]
    for share in subject.customer.shares:
        rows.append(
            (
                Code(share.path),
                "read" if share.access == "read" else "read and write, by accounts that write",
                Foreign(share.description) if share.description else "",
            )
        )
    yield Table(("Folder", "You may", "What it is"), tuple(rows))


def _exits(subject: Subject) -> Iterator[Block]:
    yield Heading("Several exits, load balancers, proxies", "exits")
    yield Bullets(
        (
            (
                Strong("One exit for one session. "),
                "Control and data connections of a session have to leave from the same public address. Where you have "
                "several exits, tie these destinations to one of them (source persistence, policy route): ",
                *_codes(subject.addresses),
                ".",
            ),
            (
                Strong("All exits known. "),
                "We let in: ",
                *_codes(subject.sources),
                ". Tell us of others before you use them, also of the one for emergencies.",
            ),
            (
                Strong("Idle time. "),
                "The control connection is silent while a large file runs",
                "." if subject.offer.iis else "; our server sends a TCP keep-alive probe over it every 60 seconds.",
                f" Firewalls, NAT and balancers must keep idle TCP connections for {idle_time(subject)} or longer.",
            ),
            (
                Strong("Proxies. "),
                "An HTTP or FTP proxy cannot do this. Connect directly, or through SOCKS.",
            ),
            (
                Strong("Our side. "),
                "Behind our address several servers may stand; by your source address you always meet the same one.",
            ),
        )
    )


def _selftest(subject: Subject) -> Iterator[Block]:
    yield Heading("Self-test", "selftest")
    yield Paragraph(
        "Run it on the computer that is to make the transfers. It tries name, ports, both ends and points in between "
        "of the range, TLS, certificate, login, passive mode, and three files in one session: sent, sizes compared, "
        "fetched, contents compared, removed. Without a password it goes as far as the certificate, which is enough to "
        "check a firewall."
    )
    yield Listing("sh selftest.sh --no-login      # network only\nsh selftest.sh                 # everything", "sh")
    yield Listing(
        "powershell -NoProfile -ExecutionPolicy Bypass -File selftest.ps1 -NoLogin\n"
        "powershell -NoProfile -ExecutionPolicy Bypass -File selftest.ps1",
        "powershell",
    )
    yield Heading("Exit codes", level=3)
    yield Table(
        ("Code", "Step", "What it means", "Who", "What to do"),
        tuple(
            (str(cause.code), cause.step, cause.meaning, _SIDES[cause.who], cause.remedy)
            for cause in causes_for(subject)
        ),
        "codes",
    )


def _trouble(subject: Subject) -> Iterator[Block]:
    yield Heading("Troubleshooting", "trouble")
    yield Table(
        ("What you see", "Cause (exit code of the self-test)", "Who", "What to do"),
        tuple((symptom.sign, symptom.cause, _SIDES[symptom.who], symptom.remedy) for symptom in symptoms_for(subject)),
        "trouble",
    )
    contact = _contact(subject)
    if contact:
        yield Heading("Whom to ask", level=3)
        yield Paragraph((*contact, ". Send the output of the self-test along; it holds no password."))


def _contact(subject: Subject) -> tuple[Part, ...]:
    contact = subject.offer.contact
    given = [Foreign(text) for text in (contact.name, contact.email, contact.phone) if text]
    return tuple(_joined(given, ", "))


def _ports(subject: Subject) -> tuple[str, ...]:
    service = subject.service
    single = (service.explicit_port, service.implicit_port)
    # With a plain dash: these are copied
    return (*(str(port) for port in single if port is not None), f"{subject.first}-{subject.last}")


def _file(path: str) -> Link:
    return Link(path, path)


def _joined(parts: Sequence[Part], separator: str) -> Iterator[Part]:
    for number, part in enumerate(parts):
        if number:
            yield separator
        yield part


def _codes(texts: Sequence[str]) -> Iterator[Part]:
    return _joined([Code(text) for text in texts], ", ")


def _lines(texts: Sequence[str]) -> Inline:
    return tuple(_joined([Code(text) for text in texts], " "))


def _links(paths: Sequence[str]) -> Iterator[Part]:
    return _joined([_file(path) for path in paths], ", ")


def guide_markdown(subject: Subject, content: Sequence[Block]) -> str:
    """guide.md"""
    head = [f"# FTPS access to {markdown_inline(subject.fqdn)}", f"For {markdown_inline(_reader(subject))}."]
    return "\n\n".join([*head, *map(markdown_of, content)]) + "\n"


def _reader(subject: Subject) -> tuple[Part, ...]:
    contact = subject.customer.contact
    given = [Foreign(text) for text in (contact.name, contact.email, contact.phone) if text]
    return (Code(subject.name), *((" (", *_joined(given, ", "), ")") if given else ()))


def guide_html(subject: Subject, content: Sequence[Block]) -> str:
    """guide.html: style and drawings inside, nothing loaded from anywhere, no script."""
    navigation = "".join(
        f'<a href="#{html_text(block.id)}">{html_text(block.text)}</a>'
        for block in content
        if isinstance(block, Heading) and block.id
    )
    contact = _contact(subject)
    asked = f"<p>Questions: {html_inline(contact)}</p>" if contact else ""
    title = f"FTPS access to {subject.fqdn} for {subject.name}"
    body = "\n".join(map(html_block, content))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="robots" content="noindex">
<title>{html_text(title)}</title>
<style>
{fixed("guide.css")}</style>
</head>
<body>
<header><div>
<h1>FTPS access to {html_text(subject.fqdn)}</h1>
<p>For {html_inline(_reader(subject))}</p>
{asked}
<nav>{navigation}</nav>
</div></header>
<main>
{body}
</main>
<footer>This page needs no network and holds no password. Passwords come to you by another way.</footer>
</body>
</html>
"""
