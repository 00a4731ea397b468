"""A small valid inventory on disk that tests break in one place, and readable problems."""

from __future__ import annotations

import copy
import datetime
import json
from pathlib import Path
from typing import Any

from ftps_exchange.model.check import check_model
from ftps_exchange.model.problems import ModelError

TODAY = datetime.date(2026, 6, 15)

EXCHANGE: dict[str, Any] = {
    "name": "lab",
    "fqdn": "ftps.exchange.example",
    "public_ip4": "198.51.100.10",
    "public_ip6": "2001:db8:100::10",
    "public_address_use": "shared",
    "language": "en",
    "explicit_port": 21,
    "implicit_port": 990,
    "passive_ports": [50000, 50099],
    "also_public_ip4": None,
    "also_public_ip6": None,
    "also_explicit_port": None,
    "also_implicit_port": None,
    "also_passive_ports": None,
    "max_sessions": 50,
    "max_sessions_per_account": 8,
    "tls_minimum_version": "1.2",
    "tls_maximum_version": "1.2",
    "tls_session_tickets": False,
    "directory": {
        "domain": "corp.example",
        "netbios_name": "CORP",
        "managed_ou": "OU=FTPS Exchange,DC=corp,DC=example",
        "group_prefix": "ftpsx-",
        "when_absent": "disable",
        "password_max_age_days": 365,
    },
    "root": "/srv/ftps-exchange",
    "shares": [
        {"name": "maps", "description": "Base maps", "keep_days": None, "quota": None},
        {"name": "dropbox", "description": "For all", "keep_days": None, "quota": None},
    ],
    "keep_days": None,
    "event_receivers": [],
    "quota": None,
    "removal_limit_percent": 50,
}

ACME: dict[str, Any] = {
    "state": "present",
    "contact": {"name": "Jo Doe", "email": "jo@acme.example", "phone": "+32 2 555 01 20"},
    "sources": ["198.51.100.20/32", "2001:db8:100::20/128"],
    "inside_networks": ["10.77.20.0/24"],
    "shared_exit": False,
    "firewall": "nftables",
    "accounts": [{"name": "acme-up", "access": "write"}, {"name": "acme-read", "access": "read"}],
    "shares": [{"name": "maps", "access": "read"}, {"name": "dropbox", "access": "write"}],
}

GLOBEX: dict[str, Any] = {
    "sources": ["198.51.100.30"],
    "accounts": [{"name": "globex-up", "access": "write"}],
    "shares": [{"name": "maps", "access": "read"}],
}


class Inventory:
    """An inventory directory with the customers acme and globex, valid until a test changes it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.customers = directory / "customers"
        self.customers.mkdir(parents=True, exist_ok=True)
        self.exchange: Any = copy.deepcopy(EXCHANGE)
        self.acme = copy.deepcopy(ACME)
        self.globex = copy.deepcopy(GLOBEX)

    def write(self, name: str, content: Any) -> Path:
        """Write a file into customers/: bytes and text as they are, anything else as JSON (which is YAML)."""
        path = self.customers / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")
        return path

    def check(self, today: datetime.date = TODAY) -> dict[str, Any]:
        """Return the checked model."""
        for name, content in (("acme.yml", self.acme), ("globex.yml", self.globex)):
            if content is not None:
                self.write(name, content)
        return check_model(self.exchange, self.customers, today=today)

    def problems(self) -> list[str]:
        """Return every problem as one line: file: field = value: message remedy."""
        try:
            model = self.check()
        except ModelError as error:
            return [
                " ".join(f"{p.file}: {p.field} = {p.value}: {p.message} {p.remedy}".split()) for p in error.problems
            ]
        json.dumps(model)
        return []

    def only_problem(self) -> str:
        """Return the problem, when there is exactly one."""
        problems = self.problems()
        assert len(problems) == 1, problems
        return problems[0]


def changed(base: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """Return a copy with one field set, or removed if the value is ``...``."""
    result = copy.deepcopy(base)
    target = result
    for part in path[:-1]:
        target = target[part]
    if value is ...:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return result
