"""The deployment under test: its addresses and ports, who its customers are, and from where a check may look at it."""

from __future__ import annotations

import functools
import json
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ftps_exchange.verify import describe

from .outcomes import does_not_apply, not_tested
from .vantage import Host, host_of

PROJECT = Path(__file__).resolve().parents[2]
TLS_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class Account:
    name: str
    password: str = field(repr=False)
    access: str


@dataclass(frozen=True)
class Customer:
    """A customer, and the host from which a check may act as this customer."""

    name: str
    vantage: Host | None
    accounts: tuple[Account, ...]
    shares: dict[str, str]
    firewall: Host | None = None
    """The customer's own firewall, where that may be entered and changed: in a lab."""

    @property
    def host(self) -> Host:
        return self.vantage or not_tested(f"there is no vantage point of customer {self.name}")

    @property
    def writer(self) -> Account:
        return self._account("write")

    @property
    def reader(self) -> Account:
        return self._account("read")

    def _account(self, access: str) -> Account:
        for account in self.accounts:
            if account.access == access:
                return account
        return not_tested(f"no password is known of an account of {self.name} with {access} access")


class Target:
    """A deployment as it was described (ftps_exchange.verify.describe).

    What is not there ends a check that asks for it as NOT TESTED, so a check simply takes what it needs.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.description = description
        self.name: str = description["name"]
        self.fqdn: str = description["fqdn"]
        self.addresses: tuple[str, ...] = tuple(
            address for address in (description["public_ip"], description.get("public_ip6")) if address
        )
        self.public_ip: str = description["public_ip"] or self.addresses[0]
        self.public_ip6: str | None = description.get("public_ip6")
        self.explicit_port: int = description["explicit_port"]
        self.implicit_port: int | None = description.get("implicit_port")
        self.passive_ports: tuple[int, int] | None = (
            tuple(description["passive_ports"]) if description.get("passive_ports") else None
        )
        # What is served besides, while the service moves
        also: Mapping[str, Any] = description.get("also") or {}
        self.also_addresses: tuple[str, ...] = tuple(also.get("public_ips") or ())
        self.also_explicit_port: int | None = also.get("explicit_port")
        self.also_implicit_port: int | None = also.get("implicit_port")
        self.also_ranges: tuple[tuple[int, int], ...] = tuple(map(tuple, also.get("passive_ranges") or ()))
        self.tls_versions: tuple[ssl.TLSVersion, ...] = _versions(
            description.get("tls_minimum_version"), description.get("tls_maximum_version")
        )
        self.ca_file: str | None = description.get("ca_file")
        self.folder: str = description.get("folder") or ""
        self.complete: bool = description.get("complete", False)
        self.real_customers: bool = description.get("real_customers", True)
        self.warn_days: int = description.get("warn_days", describe.WARN_DAYS)
        self.customers = {
            entry["name"]: Customer(
                name=entry["name"],
                vantage=host_of(entry["host"]) if entry.get("host") else None,
                accounts=tuple(
                    Account(account["name"], account["password"], account["access"])
                    for account in entry["accounts"]
                    if account.get("password")
                ),
                shares={share["path"]: share["access"] for share in entry["shares"]},
                firewall=host_of(entry["firewall"]) if entry.get("firewall") else None,
            )
            for entry in description["customers"]
        }

    # -- ports ------------------------------------------------------------------------------------------------------
    @property
    def range(self) -> tuple[int, int]:
        return self.passive_ports or not_tested("the description names no range of passive ports")

    @property
    def first_port(self) -> int:
        return self.range[0]

    @property
    def last_port(self) -> int:
        return self.range[1]

    @property
    def open_ranges(self) -> tuple[tuple[int, int], ...]:
        """All ranges that firewalls let through, also one that the server does not use now."""
        return self.also_ranges or (self.range,)

    def ports(self, implicit: bool) -> tuple[int, ...]:
        """All control ports of a kind."""
        also = self.also_implicit_port if implicit else self.also_explicit_port
        own = self.implicit_port if implicit else self.explicit_port
        return tuple(port for port in (own, also) if port)

    def port(self, implicit: bool) -> int:
        if not implicit:
            return self.explicit_port
        return self.implicit_port or does_not_apply("the service offers no implicit TLS")

    def address(self, ipv6: bool) -> str:
        if ipv6:
            return self.public_ip6 or does_not_apply("the service has no IPv6 address")
        return self.public_ip

    # -- hosts ------------------------------------------------------------------------------------------------------
    def _host(self, key: str, what: str) -> Host:
        entry = self.description.get(key)
        return host_of(entry) if entry else not_tested(what)

    @functools.cached_property
    def server(self) -> Host:
        return self._host("server", "no FTPS server is named on which commands could be run")

    @functools.cached_property
    def every_server(self) -> list[Host]:
        """All servers on which commands can be run; at least one."""
        return [host_of(entry) for entry in self.description.get("servers", ())] or [self.server]

    @functools.cached_property
    def servers(self) -> list[Host]:
        """Several servers with the same files; with one, what is about several of them does not apply."""
        found = self.every_server
        return found if len(found) > 1 else does_not_apply("there is one server")

    @functools.cached_property
    def server_of_sessions(self) -> Host:
        """The server on which every session is. Each of several has logs and events of its own."""
        return self.server if len(self.every_server) == 1 else does_not_apply("there are several servers")

    @functools.cached_property
    def edge(self) -> Host:
        return self._host("edge", "no edge is named on which commands could be run")

    @functools.cached_property
    def every_edge(self) -> list[Host]:
        """All edges on which commands can be run; at least one."""
        found = [host_of(entry) for entry in self.description.get("edges", ())]
        return found or not_tested("no edge is named on which commands could be run")

    @functools.cached_property
    def edges(self) -> list[Host]:
        """Two edges; with one, what is about two of them does not apply."""
        found = self.every_edge
        return found if len(found) > 1 else does_not_apply("there is one edge")

    @functools.cached_property
    def directory(self) -> Host:
        return self._host("directory", "no directory controller is named on which commands could be run")

    @functools.cached_property
    def stranger(self) -> Host:
        return self._host("stranger", "there is no vantage point of a stranger (a host that no customer is)")

    def vantage_points(self) -> Iterator[tuple[str, Host]]:
        """As whom, and from which host."""
        for customer in self.customers.values():
            if customer.vantage:
                yield customer.name, customer.vantage
        if self.description.get("stranger"):
            yield "stranger", self.stranger

    # -- TLS --------------------------------------------------------------------------------------------------------
    def need_version(self, version: ssl.TLSVersion) -> None:
        """Where the versions are declared, a check of another one has nothing to look at."""
        if self.tls_versions and version not in self.tls_versions:
            does_not_apply(f"{version.name.replace('_', '.')} is not among the declared versions")

    def context(self, *, verify: bool = True) -> ssl.SSLContext:
        """A client's TLS; without ``verify`` the server may be anybody: only to look at it, never for a password."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    @property
    def secrets(self) -> list[str]:
        return [account.password for customer in self.customers.values() for account in customer.accounts]

    # -- shares -----------------------------------------------------------------------------------------------------
    def share(self, access: str, *names: str) -> str:
        """The path of a share to which all the named customers have this access."""
        for path, granted in self.customers[names[0]].shares.items():
            if granted == access and all(self.customers[name].shares.get(path) == access for name in names):
                return path
        return not_tested(f"there is no share that {' and '.join(names)} may {access}")

    def share_only_of(self, name: str) -> str:
        others = [customer for customer in self.customers.values() if customer.name != name]
        for path in self.customers[name].shares:
            if all(path not in other.shares for other in others):
                return path
        return not_tested(f"customer {name} has no share of its own")


def _versions(minimum: str | None, maximum: str | None) -> tuple[ssl.TLSVersion, ...]:
    """The TLS versions that are declared; none where nothing is said about them."""
    if minimum is None or maximum is None:
        return ()
    first, last = TLS_VERSIONS[minimum], TLS_VERSIONS[maximum]
    return tuple(version for version in TLS_VERSIONS.values() if first <= version <= last)


def described() -> Mapping[str, Any]:
    """The description that `make verify` made (FTPS_EXCHANGE_TARGET), or a lab's (FTPS_EXCHANGE_LAB, .lab/lab.json)."""
    if path := os.environ.get("FTPS_EXCHANGE_TARGET"):
        made: Mapping[str, Any] = json.loads(Path(path).read_text())
        return made
    lab = Path(os.environ.get("FTPS_EXCHANGE_LAB", PROJECT / ".lab" / "lab.json"))
    if not lab.exists():
        pytest.exit(f"{lab} does not exist: run `make lab` first, or set FTPS_EXCHANGE_LAB", returncode=2)
    return describe.from_lab(json.loads(lab.read_text()))
