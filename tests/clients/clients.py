"""The clients of the matrix: which program, how it is called, and what is known of it.

An expectation is declared once, here. What a run sees is compared with it, and a difference either way is red: when a
client begins to lose files, and when it stops, so that the documentation never goes stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .outcome import Outcome

TICKETS = "1.2 with tickets"
VERSIONS = ("1.2", TICKETS, "1.3")
"""The newest TLS version that the service speaks, and whether 1.2 has tickets (exchange.tls_session_tickets)."""

MODES = {
    "E4": "explicit, IPv4",
    "E6": "explicit, IPv6",
    "I4": "implicit, IPv4",
    "I6": "implicit, IPv6",
}
"""Which port, which family."""

PUT, GET, LIST, EMPTY = "put", "get", "list", "empty"
RESUME_PUT, RESUME_GET = "resume-put", "resume-get"
EVERYWHERE = (PUT, GET, LIST)
"""Tried in every mode."""
ONCE = (EMPTY, RESUME_PUT, RESUME_GET)
"""Tried in the first mode only: neither port nor family has a part in it."""

type Expected = frozenset[Outcome]
WORKS: Expected = frozenset({Outcome.WHOLE})
SAYS_NO: Expected = frozenset({Outcome.REFUSED})
BY_CHANCE: Expected = WORKS | SAYS_NO
"""It may fail, and then says so."""
HANGS: Expected = frozenset({Outcome.HANGS})
FAILS: Expected = frozenset({Outcome.REFUSED, Outcome.HANGS})
"""By chance one or the other, but never as if all had gone well."""
LOSES: Expected = frozenset({Outcome.LOST, Outcome.REFUSED})
"""Files are lost, and by chance the client says so or not."""


@dataclass(frozen=True)
class Client:
    """One client, with one way of calling it."""

    id: str
    name: str
    call: str
    """The command, in a folder that is a copy of the customer's pack; an action and files follow it."""
    image: str = "trixie"
    environment: Mapping[str, str] = field(default_factory=dict)
    version_of: str = ""
    """The client whose program prints the versions; without it, the call's own action `version` does."""
    does: tuple[str, ...] = (*EVERYWHERE, *ONCE)
    implicit: bool = True
    seconds: int = 30
    """How long one call may take."""
    every_mode: bool = False
    """Whether it is tried on each port over each family; otherwise each port and each family have their turn once."""
    versions: tuple[str, ...] = ("1.2", "1.3")
    """With which versions it is tried."""
    only: tuple[str, ...] = ()
    """The modes in which it is tried, where it spends minutes on trying again."""
    part: bool = False
    """Whether an upload is called x.part until it is whole."""
    of_the_pack: bool = False
    """Whether settings or program come from the customer's pack."""
    needs_engine: bool = False
    """Whether it runs in the PowerShell engine, which not every machine has."""
    expects: Mapping[str, Mapping[str, Expected]] = field(default_factory=dict)
    """By version and action ("put"), or action and mode ("put I6"); what is not named works."""
    advice: str = ""
    """What its users should know, for the documentation."""
    loses_anyway: str = ""
    """Why this client loses files silently with any service: the only exception from the rule."""

    def expected(self, version: str, action: str, mode: str) -> Expected:
        known = self.expects.get(version, {})
        return known.get(f"{action} {mode}", known.get(action, WORKS))

    def modes(self) -> list[str]:
        able = [mode for mode in self.only or MODES if self.implicit or not mode.startswith("I")]
        return able if self.every_mode else sorted({able[0], able[-1]})

    def actions(self, mode: str) -> list[str]:
        tried = (*EVERYWHERE, *ONCE) if mode == next(iter(MODES)) else EVERYWHERE
        return [action for action in tried if action in self.does]


NO_RESUME = (*EVERYWHERE, EMPTY)
EVERYTHING = (*EVERYWHERE, *ONCE)
OUT_OF_TICKETS = {"1.3": {PUT: LOSES}}
"""Each upload spends a ticket, none brings a new one, and the client does not report it reliably."""
ONE_UPLOAD = {"1.3": {PUT: SAYS_NO}}
"""The same, and the client says so."""
BY_TICKET = VERSIONS
"""Tried with tickets too: what is written in Go resumes a session by nothing else."""
NO_REUSE: Mapping[str, Mapping[str, Expected]] = {version: dict.fromkeys(EVERYTHING, SAYS_NO) for version in VERSIONS}
"""Its data connections are new TLS sessions, which the server refuses."""
USE_THE_PACK_S = "does not work: use the program in the pack"
HERE = "/exchange-clients"
"""The folder in each container that holds everything: programs, pack, files."""
PROGRAMS = f"{HERE}/programs"
PYTHON = "env PYTHONPATH=/opt/clients/python python3"
JAVA = f"-cp {HERE}/compiled:/usr/share/java/commons-net.jar"


def program_of_the_pack(
    language: str, call: str, version_of: str, versions: tuple[str, ...] = ("1.2", "1.3")
) -> Client:
    """A program that a customer's pack brings for those who write their own."""
    return Client(
        f"pack-{version_of}",
        f"the pack's program: {language}",
        call,
        does=NO_RESUME,
        version_of=version_of,
        of_the_pack=True,
        versions=versions,
    )


CLIENTS: tuple[Client, ...] = (
    Client(
        "curl-12",
        "curl of Debian 12",
        f"sh {PROGRAMS}/curl.sh",
        every_mode=True,
        image="bookworm",
        expects=OUT_OF_TICKETS,
        advice="always `--fail-early`: its exit status is that of the last file; with TLS 1.3 `--tls-max 1.2` too",
    ),
    Client(
        "curl-13",
        "curl of Debian 13",
        f"sh {PROGRAMS}/curl.sh",
        every_mode=True,
        expects=OUT_OF_TICKETS,
        advice="always `--fail-early`: its exit status is that of the last file; with TLS 1.3 `--tls-max 1.2` too",
    ),
    Client(
        "curl-12-pack",
        "curl of Debian 12 with the pack's profile",
        f"sh {PROGRAMS}/curl.sh",
        every_mode=True,
        image="bookworm",
        environment={"CURL_PROFILE": "clients/curl.conf"},
        of_the_pack=True,
    ),
    Client(
        "curl-13-pack",
        "curl of Debian 13 with the pack's profile",
        f"sh {PROGRAMS}/curl.sh",
        every_mode=True,
        environment={"CURL_PROFILE": "clients/curl.conf"},
        of_the_pack=True,
    ),
    Client(
        "upload-pack",
        "the pack's script upload.sh (curl of Debian 13)",
        f"sh {PROGRAMS}/upload.sh",
        does=(PUT, RESUME_PUT),
        version_of="curl-13",
        implicit=False,
        part=True,
        of_the_pack=True,
    ),
    Client(
        "pycurl",
        "libcurl by pycurl",
        f"{PYTHON} {PROGRAMS}/pycurl_manual.py",
        advice="set `SEEKFUNCTION` before resuming an upload: without it the wrong part is sent without an error",
    ),
    Client("lftp", "lftp", f"sh {PROGRAMS}/lftp.sh", every_mode=True),
    Client(
        "lftp-pack",
        "lftp with the pack's profile",
        f"sh {PROGRAMS}/lftp.sh",
        environment={"LFTP_PROFILE": "clients/lftp.conf"},
        part=True,
        of_the_pack=True,
        implicit=False,
    ),
    Client(
        "filezilla-pack",
        "FileZilla with the pack's profile",
        f"sh {PROGRAMS}/filezilla.sh",
        does=(PUT, GET),
        seconds=90,
        of_the_pack=True,
    ),
    Client("wget", "wget", f"sh {PROGRAMS}/wget.sh", does=(GET, LIST, RESUME_GET)),
    Client(
        "rclone",
        "rclone",
        f"sh {PROGRAMS}/rclone.sh",
        environment={"RCLONE_OPTIONS": ""},
        does=NO_RESUME,
        only=("E4",),
        versions=BY_TICKET,
        expects={**NO_REUSE, TICKETS: {PUT: SAYS_NO, GET: SAYS_NO}, "1.3": {PUT: SAYS_NO, GET: SAYS_NO}},
        advice="needs `tls_session_tickets: true` in the service, and `--ftp-concurrency 1`: its connections share TLS "
        "sessions, which the server refuses",
    ),
    Client(
        "rclone-1",
        "rclone with one connection",
        f"sh {PROGRAMS}/rclone.sh",
        environment={"RCLONE_OPTIONS": "--ftp-concurrency 1"},
        does=NO_RESUME,
        versions=BY_TICKET,
        expects={"1.2": NO_REUSE["1.2"]},
        advice="needs `tls_session_tickets: true` in the service",
    ),
    Client(
        "ftplib",
        "Python ftplib, as in its manual",
        f"python3 {PROGRAMS}/ftplib_manual.py",
        implicit=False,
        expects=NO_REUSE,
        advice=USE_THE_PACK_S,
    ),
    Client("ftplib-reuse", "Python ftplib with session reuse added", f"python3 {PROGRAMS}/ftplib_reuse.py"),
    Client(
        "ftputil",
        "ftputil",
        f"{PYTHON} {PROGRAMS}/ftputil_manual.py",
        does=NO_RESUME,
        implicit=False,
        expects=NO_REUSE,
        advice=USE_THE_PACK_S,
    ),
    Client(
        "fsspec",
        "fsspec's ftp",
        f"{PYTHON} {PROGRAMS}/fsspec_manual.py",
        does=NO_RESUME,
        implicit=False,
        expects={version: {**NO_REUSE[version], LIST: frozenset({Outcome.LOST})} for version in VERSIONS},
        advice=f"{USE_THE_PACK_S}; it shows a refused listing as an empty one, without an error",
    ),
    Client(
        "aioftp",
        "aioftp",
        f"{PYTHON} {PROGRAMS}/aioftp_manual.py",
        seconds=10,
        only=("E4", "I4"),
        expects={version: dict.fromkeys(EVERYTHING, FAILS) for version in VERSIONS},
        advice=USE_THE_PACK_S,
    ),
    Client(
        "basic-ftp-5",
        "Node basic-ftp 5",
        f"node {PROGRAMS}/basic_ftp.js",
        environment={"BASIC_FTP": "/opt/clients/node/node_modules/basic-ftp-5"},
        expects={
            version: {EMPTY: BY_CHANCE} | {f"{action} I6": SAYS_NO for action in EVERYWHERE} for version in VERSIONS
        },
        advice="implicit TLS does not work: it compares the certificate with the name localhost; use version 6",
    ),
    Client(
        "basic-ftp-6",
        "Node basic-ftp 6",
        f"node {PROGRAMS}/basic_ftp.js",
        environment={"BASIC_FTP": "/opt/clients/node/node_modules/basic-ftp"},
        expects={version: {EMPTY: BY_CHANCE} for version in VERSIONS},
        advice="an empty file arrives, but it may report an error: it ends the connection before the handshake is over",
    ),
    Client(
        "php",
        "PHP ftp_ssl_connect",
        f"php {PROGRAMS}/php.php",
        implicit=False,
        expects=ONE_UPLOAD,
        advice="checks no certificate; where the service speaks TLS 1.3: the program in the pack",
    ),
    Client(
        "ruby",
        "Ruby net-ftp",
        f"ruby {PROGRAMS}/net_ftp.rb",
        expects=ONE_UPLOAD,
        advice="where the service speaks TLS 1.3: `ssl_version: :TLSv1_2`, as in the pack's program",
    ),
    Client(
        "java",
        "Java commons-net, as in its manual",
        f"java {JAVA} CommonsNet",
        expects=NO_REUSE,
        advice=USE_THE_PACK_S,
    ),
    Client(
        "java-reuse",
        "Java commons-net with the usual reflection",
        "java -Djdk.tls.useExtendedMasterSecret=false --add-opens java.base/sun.security.ssl=ALL-UNNAMED "
        "--add-opens java.base/sun.security.util=ALL-UNNAMED "
        f"{JAVA} CommonsNet",
        environment={"REUSE": "1"},
        expects={"1.3": NO_REUSE["1.3"]},
        advice="where the service speaks TLS 1.3: `setEnabledProtocols` with TLS 1.2 alone, as in the pack's program",
    ),
    Client(
        "perl",
        "Perl Net::FTP",
        f"perl {PROGRAMS}/net_ftp.pl",
        expects={"1.2": {"get I6": SAYS_NO}, "1.3": {PUT: SAYS_NO, "get I6": SAYS_NO}},
        advice="explicit TLS; with implicit TLS its downloads fail",
    ),
    Client(
        "go",
        "Go jlaffaye/ftp, as in its manual",
        f"{HERE}/compiled/jlaffaye",
        expects=NO_REUSE,
        advice="set a `ClientSessionCache` in its `tls.Config`, as the program in the pack does",
    ),
    Client(
        "go-cache",
        "Go jlaffaye/ftp with a session cache",
        f"{HERE}/compiled/jlaffaye",
        environment={"GO_SESSION_CACHE": "1"},
        versions=BY_TICKET,
        expects={"1.2": NO_REUSE["1.2"]},
        advice="needs `tls_session_tickets: true` in the service",
    ),
    Client(
        "dotnet",
        ".NET FtpWebRequest",
        f"/opt/pwsh/pwsh -NoProfile -File {PROGRAMS}/FtpWebRequest.ps1",
        does=(PUT, GET, LIST, EMPTY, RESUME_GET),
        implicit=False,
        environment={"SSL_CERT_FILE": "ca.pem"},
        seconds=15,
        needs_engine=True,
        expects={version: dict.fromkeys(EVERYTHING, LOSES | HANGS) for version in VERSIONS},
        advice="do not use it: use curl, or WinSCP's library",
        loses_anyway="it shows a refused download or listing as an empty one, without an error",
    ),
    program_of_the_pack("Python", "python3 clients/programs/ftps.py", "ftplib"),
    program_of_the_pack("Java", f"java {JAVA} clients/programs/Ftps.java", "java"),
    program_of_the_pack("Node", "node clients/programs/ftps.mjs", "basic-ftp-6"),
    program_of_the_pack("PHP", "php clients/programs/ftps.php", "php"),
    program_of_the_pack("Ruby", "ruby clients/programs/ftps.rb", "ruby"),
    program_of_the_pack("Perl", "perl clients/programs/ftps.pl", "perl"),
    # The pack has these two only where the service has tickets
    program_of_the_pack("Go", f"{HERE}/compiled/ftps", "go", (TICKETS, "1.3")),
    program_of_the_pack("a script with rclone", "sh clients/programs/ftps-rclone.sh", "rclone", (TICKETS, "1.3")),
)
