"""Programs for customers who write their own: fixed text of this folder with the service's name, ports and account."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from .language import N_
from .scripts import localized
from .subject import Subject

FOLDER: Final = "clients/programs/"


@dataclass(frozen=True, slots=True)
class Program:
    """One example: what it is written in, what it needs besides, and whether it loses no file with TLS 1.3."""

    file: str
    language: str
    needs: str
    call: str
    tls_1_3: bool = False
    by_ticket: bool = False
    """Whether it resumes a TLS session by a ticket and by nothing else, as all that is written in Go."""

    @property
    def path(self) -> str:
        """Where it lies in a pack."""
        return FOLDER + self.file


PROGRAMS: Final = (
    Program(
        "ftps.py", "Python", N_("Python 3.8 or newer, nothing else"), "python3 {path} put report.csv", tls_1_3=True
    ),
    Program(
        "Ftps.java",
        "Java",
        N_("Java 17 or newer and the library Apache Commons Net"),
        "java -cp commons-net.jar {path} put report.csv",
    ),
    Program("ftps.php", "PHP", N_("PHP 8 and its extension curl, not ftp_ssl_connect"), "php {path} put report.csv"),
    Program("ftps.rb", "Ruby", N_("net-ftp; 0.3 or newer for implicit TLS"), "ruby {path} put report.csv"),
    Program("ftps.pl", "Perl", N_("IO::Socket::SSL"), "perl {path} put report.csv"),
    Program("ftps.mjs", "Node.js", N_("the package basic-ftp"), "node {path} put report.csv", tls_1_3=True),
    Program(
        "ftps.go",
        "Go",
        N_("the module github.com/jlaffaye/ftp"),
        "clients/programs/ftps put report.csv",
        by_ticket=True,
    ),
    Program(
        "ftps-rclone.sh", "rclone", N_("rclone 1.60 or newer"), "sh {path} put report.csv", tls_1_3=True, by_ticket=True
    ),
)

# What every one of these languages takes between quotes, whatever its rules are
_HARMLESS: Final = re.compile(r"[A-Za-z0-9._-]*")
_FACT: Final = re.compile(r"@(HOST|PORT|IMPLICIT|ACCOUNT|CA_FILE)@")


def programs_for(subject: Subject) -> tuple[Program, ...]:
    """Those that work and lose no file, with the TLS versions of this service and with or without its tickets."""
    only_1_3 = subject.service.tls_minimum_version == "1.3"
    tickets = hands_out_tickets(subject)
    return tuple(
        program for program in PROGRAMS if (program.tls_1_3 or not only_1_3) and (tickets or not program.by_ticket)
    )


def hands_out_tickets(subject: Subject) -> bool:
    """Whether programs that resume a session by its ticket only are served. IIS asks nobody to resume one."""
    service = subject.service
    return service.tls_session_tickets or service.tls_maximum_version == "1.3" or subject.offer.iis


def programs(subject: Subject) -> dict[str, str]:
    """The files of clients/programs/, by path."""
    service = subject.service
    facts = {
        "HOST": service.fqdn,
        "PORT": str(service.explicit_port),
        "IMPLICIT": str(service.implicit_port or service.explicit_port),
        "ACCOUNT": subject.account.name,
        "CA_FILE": "ca.pem" if subject.own_authority else "",
    }
    for name, value in facts.items():
        if not _HARMLESS.fullmatch(value):
            raise ValueError(f"{name} is {value!r}, which may not stand in a program")
    return {
        program.path: _FACT.sub(lambda found: facts[found[1]], localized(f"snippets/{program.file}", subject.language))
        for program in programs_for(subject)
    }
