"""Results of the modules, with lines as Debian 13 wrote them (ProFTPD 1.3.8.c, Linux-PAM 1.7.0).

Each cause was provoked in the lab; only addresses were changed.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ftps_exchange.model.check import check_model
from tests.unit.ftps_exchange.model_inputs import TODAY, Inventory

NOW = 1796081700.0
SOURCE = "198.51.100.20"
"""Acme's address in the model of the tests."""

OPENED = f"10.84.10.11 ({SOURCE}[{SOURCE}]) - FTP session opened."
ACCEPTED = "pam_krb5(ftps-exchange:auth): user acme-up authenticated as acme-up@CORP.EXAMPLE"
LOGIN = f"10.84.10.11 ({SOURCE}[{SOURCE}]) - USER acme-up: Login successful."
INCORRECT = f"10.84.10.11 ({SOURCE}[{SOURCE}]) - USER acme-up (Login failed): Incorrect password"
REFUSED_BY_DOMAIN = (
    "pam_krb5(ftps-exchange:auth): authentication failure; logname=acme-up uid=0 euid=0 tty=/dev/ftpd1156 "
    f"ruser=acme-up rhost={SOURCE}"
)
DENIED = f"pam_access(ftps-exchange:auth): access denied for user `acme-up' from `{SOURCE}'"

JOURNAL: dict[str, list[tuple[str, str]]] = {
    "login": [("proftpd", OPENED), ("proftpd", ACCEPTED), ("proftpd", LOGIN)],
    "foreign address": [
        ("proftpd", "10.84.10.11 (198.51.100.30[198.51.100.30]) - FTP session opened."),
        ("proftpd", "pam_access(ftps-exchange:auth): access denied for user `acme-up' from `198.51.100.30'"),
        (
            "proftpd",
            "10.84.10.11 (198.51.100.30[198.51.100.30]) - USER acme-up (Login failed): Incorrect password",
        ),
    ],
    "banned": [
        ("proftpd", OPENED),
        ("proftpd", DENIED),
        (
            "proftpd",
            "pam_exec(ftps-exchange:auth): /usr/local/sbin/ftps-exchange-guard failed: exit code 1",
        ),
        ("proftpd", INCORRECT),
    ],
    "wrong password": [
        ("proftpd", OPENED),
        ("proftpd", REFUSED_BY_DOMAIN),
        ("ftps-exchange-guard", f"wrong password for 'acme-up' from {SOURCE}"),
        ("proftpd", INCORRECT),
    ],
    "unknown account": [
        ("proftpd", OPENED),
        (
            "proftpd",
            f"10.84.10.11 ({SOURCE}[{SOURCE}]) - USER acme-nobody: no such user found from {SOURCE} [{SOURCE}] to "
            "::ffff:246.51.104.30:21",
        ),
    ],
    "spelling": [
        ("proftpd", OPENED),
        ("proftpd", "pam_krb5(ftps-exchange:auth): user ACME-UP authenticated as ACME-UP@CORP.EXAMPLE"),
        ("ftps-exchange-session", "login of 'ACME-UP' refused: the account's name is written 'acme-up'"),
        (
            "proftpd",
            "pam_exec(ftps-exchange:session): /usr/local/sbin/ftps-exchange-session failed: exit code 1",
        ),
        ("proftpd", f"10.84.10.11 ({SOURCE}[{SOURCE}]) - USER ACME-UP (Login failed): Account disabled"),
    ],
    "session refused": [
        ("proftpd", OPENED),
        ("ftps-exchange-session", "login of 'acme-up' refused: [Errno 2] No such file or directory"),
    ],
    "groups incomplete": [
        ("proftpd", OPENED),
        ("proftpd", ACCEPTED),
        ("proftpd", f'10.84.10.11 ({SOURCE}[{SOURCE}]) - acme-up chdir("/") failed: Permission denied'),
    ],
    "session limit": [
        ("proftpd", OPENED),
        ("proftpd", ACCEPTED),
        ("proftpd", f"10.84.10.11 ({SOURCE}[{SOURCE}]) - Connection refused (MaxClientsPerUser 8)"),
    ],
    "only opened": [("proftpd", OPENED)],
}

TLS = {
    "no TLS": "SSL/TLS required but absent for authentication, denying USER command",
    "TLS cut": "unable to accept TLS connection: protocol error:  (1) error:0A0000F4:SSL routines::unexpected message",
    "TLS cut, end": (
        "unable to accept TLS connection: protocol error:  (1) error:0A000126:SSL routines::unexpected eof while "
        "reading"
    ),
    "TLS version": (
        "unable to accept TLS connection: protocol error:  (1) error:0A000102:SSL routines::unsupported protocol"
    ),
    "certificate refused": (
        "unable to accept TLS connection: protocol error:  (1) error:0A000418:SSL routines::tlsv1 alert unknown ca "
        "[SSL alert number 48]"
    ),
    "not resumed": (
        "client did not reuse TLS session, rejecting data connection (see the NoSessionReuseRequired TLSOptions "
        "parameter)"
    ),
}


def journal(kind: str, before: float = 60, pid: int = 1156) -> list[dict[str, Any]]:
    """The lines of a cause, a second apart, beginning so many seconds before now."""
    return [
        {
            "time": NOW - before + number,
            "pid": pid + (5000 if program.startswith("ftps") else 0),
            "program": program,
            "text": text,
        }
        for number, (program, text) in enumerate(JOURNAL[kind])
    ]


def tls(kind: str, before: float = 57, pid: int = 1156) -> list[dict[str, Any]]:
    return [{"time": NOW - before, "pid": pid, "text": TLS[kind]}]


def record(**values: Any) -> dict[str, Any]:
    """A record of the transfer log."""
    return {
        "id": "aw4HHwpUCgvGM2gUAAAFb1XA-9628",
        "time": "2026-11-30T23:34:40.126Z",
        "account": "acme-up",
        "customer": "acme",
        "source": SOURCE,
        "operation": "upload",
        "outcome": "aborted",
        "reply": 426,
        "file": "/a.part",
        "bytes": 49152,
        **values,
    }


def server(**values: Any) -> dict[str, Any]:
    """A healthy result of ftps_server_evidence."""
    return {
        "now": NOW,
        "reached": NOW - 86400,
        "journal": [],
        "tls": [],
        "transfers": [],
        "sessions": [],
        "bans": {},
        "seen": {"acme-up": {SOURCE: NOW - 5000}},
        "groups": {
            "acme-up": [
                "domain users",
                "ftpsx-customers",
                "ftpsx-home-acme-write",
                "ftpsx-share-maps-read",
                "ftpsx-share-dropbox-write",
            ],
            "acme-read": [
                "ftpsx-customers",
                "ftpsx-home-acme-read",
                "ftpsx-share-maps-read",
                "ftpsx-share-dropbox-read",
            ],
        },
        "disk": {"bytes_free": 10**10, "bytes_total": 10**11, "files_free": 10**6, "files_total": 10**7},
        "certificate": {"ends": "2027-11-30T23:20:00Z"},
        "services": {"proftpd.service": "active", "winbind.service": "active"},
        "closed": False,
        **values,
    }


def firewall(**values: Any) -> dict[str, Any]:
    """A healthy result of nftables_evidence."""
    return {
        "loaded": True,
        "elements": [
            {"element": SOURCE, "comment": "acme", "packets": 481, "bytes": 130000},
            {"element": "2001:db8:100::20", "comment": "acme", "packets": 0, "bytes": 0},
        ],
        "refused": [],
        **values,
    }


def account(**values: Any) -> dict[str, Any]:
    """A healthy account of ldap_evidence."""
    return {
        "enabled": True,
        "expires": None,
        "locked": False,
        "locked_until": None,
        "password_set": NOW - 864000,
        "last_login": NOW - 5000,
        "bad_passwords": 0,
        "groups": [],
        **values,
    }


def results(
    directory: dict[str, Any] | None = None,
    edge: dict[str, Any] | None = None,
    host: dict[str, Any] | None = None,
    **of_server: Any,
) -> dict[str, Any]:
    """Results as the playbook collects them."""
    accounts = {"acme-up": account(), "acme-read": account(), **(directory or {})}
    return {
        "servers": {"ftps1": server(**of_server)},
        "hosts": {"ftps1": firewall(**(host or {}))},
        "edges": {"edge1": firewall(**(edge or {}))},
        "directory": {"ftps1": {"now": NOW, "accounts": accounts}},
    }


def model(inventory: Inventory) -> str:
    """The checked model as the module returns it."""
    return json.dumps(check_model(inventory.exchange, inventory.customers, today=TODAY))


def words(text: str) -> set[str]:
    return set(re.findall(r"[\w./:-]+", text))
