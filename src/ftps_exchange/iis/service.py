"""The service on an IIS host: facts of the model, and facts that only the deployment knows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from ..errors import ExchangeError
from ..model.view import Exchange
from .schema import nearest

IMPLICIT_PORT: Final = 990
"""The one port on which IIS speaks TLS from the first byte."""


@dataclass(frozen=True, slots=True)
class Service:
    """The input of single values: the model's service, and facts that only the deployment knows."""

    exchange: Exchange
    homes_below: str
    root: str
    store: str
    site_name: str
    address: str
    log_dir: str
    former_site_names: tuple[str, ...]

    @property
    def sites(self) -> dict[str, int]:
        """The desired sites, each with its port."""
        ports = {
            self.site_name: self.exchange.explicit_port,
            _implicit_site(self.site_name): self.exchange.implicit_port,
        }
        return {name: port for name, port in ports.items() if port is not None}

    @property
    def former_sites(self) -> list[str]:
        """The sites to remove: former names, and implicit TLS if it is off."""
        names = (self.site_name, *self.former_site_names)
        return [name for base in names for name in (base, _implicit_site(base)) if name not in self.sites]

    @property
    def sessions_of_a_site(self) -> int:
        """IIS limits sites, not the server: both together never need more data ports than there are."""
        first, last = self.exchange.announced_ports
        return min(self.exchange.max_sessions, (last - first + 1) // len(self.sites))


_OPTIONS: Final[Mapping[str, str | None]] = {
    "site_name": "FTPS Exchange",
    "address": "*",
    "store": "MY",
    "log_dir": "%SystemDrive%\\inetpub\\logs\\LogFiles",
    "root": None,
    "homes_below": None,
}
"""Options of the deployment and their defaults; those without one come from the model."""

_FORMER: Final = "former_site_names"
"""One more option, a list, empty by default."""


def iis_service(exchange: Exchange, options: object) -> Service:
    """The checked model's service and the deployment's options -> the input of single values."""
    chosen = _options(options)
    if exchange.public_ip4 is None:
        raise ExchangeError(
            "is not set, and IIS announces nothing else in answer to PASV than an IPv4 address",
            field="exchange.public_ip4",
            remedy="Give the public IPv4 address that customers reach; a service without IPv4 needs a Linux server",
        )
    _require_ports(exchange)
    _require_one_of_each(exchange)
    return Service(
        exchange=exchange,
        homes_below=chosen["homes_below"] or exchange.directory.netbios_name,
        root=_windows_root(chosen["root"] or exchange.root),
        store=chosen["store"] or "",
        site_name=chosen["site_name"] or "",
        address=chosen["address"] or "",
        log_dir=chosen["log_dir"] or "",
        former_site_names=_former_site_names(options, chosen["site_name"] or ""),
    )


def require_tls(exchange: Exchange) -> None:
    """Nobody has shown IIS FTP on TLS 1.3, and on Windows the oldest version is a setting of the whole server."""
    if exchange.tls_minimum_version == "1.3":
        raise ExchangeError(
            "is refused for servers with Windows: it switches TLS 1.2 off for the whole server, "
            "and nobody has shown that the FTP service of IIS speaks 1.3",
            field="exchange.tls_minimum_version",
            value="1.3",
            remedy='Write "1.2"; Linux takes "1.3". docs/windows.md says how to find out on a server of yours',
        )


def _implicit_site(name: str) -> str:
    """The name of the site for implicit TLS."""
    return f"{name} implicit"


def _former_site_names(options: object, name: str) -> tuple[str, ...]:
    """Former names of the sites: sites with these names are removed, with all their settings."""
    given = options.get(_FORMER, ()) if isinstance(options, Mapping) else ()
    field = f"iis_options.{_FORMER}"
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ExchangeError("is not a list", field=field, value=given, remedy="Give the former names as a list")
    for former in given:
        if not isinstance(former, str) or not re.fullmatch(_SITE_NAME, former):
            raise ExchangeError("contains an invalid site name", field=field, value=former, remedy=_SITE_NAME_REMEDY)
        if {former.lower(), _implicit_site(former).lower()} & {name.lower(), _implicit_site(name).lower()}:
            raise ExchangeError(
                "names a site of this service",
                field=field,
                value=former,
                remedy="Take it off the list: sites on it are removed",
            )
    return tuple(given)


def _require_ports(exchange: Exchange) -> None:
    """IIS decides by the port number: implicit TLS on 990, explicit TLS on every other."""
    explicit, implicit = exchange.explicit_port, exchange.implicit_port
    if implicit not in (None, IMPLICIT_PORT):
        raise ExchangeError(
            f"is not {IMPLICIT_PORT}, the only port on which IIS speaks implicit TLS",
            field="exchange.implicit_port",
            value=implicit,
            remedy=f"Write {IMPLICIT_PORT}, or null to switch implicit FTPS off",
        )
    if explicit == IMPLICIT_PORT:
        raise ExchangeError(
            "is the port on which IIS speaks implicit TLS and nothing else",
            field="exchange.explicit_port",
            value=explicit,
            remedy="Use another port; 21 is usual",
        )


def _require_one_of_each(exchange: Exchange) -> None:
    """A site announces one IPv4 address; and former ports would need sites of their own, which nobody has tried."""
    for key in ("also_public_ip4", "also_explicit_port", "also_implicit_port"):
        former = getattr(exchange, key)
        if former is not None:
            raise ExchangeError(
                "is refused for servers with Windows: IIS serves one IPv4 address and one port of each kind here",
                field=f"exchange.{key}",
                value=str(former.value),
                remedy="Remove it, and change on one day (docs/changing-addresses.md, Windows)",
            )


def _options(options: object) -> dict[str, str | None]:
    given = {} if options is None else options
    if not isinstance(given, Mapping):
        raise ExchangeError(
            "is not a dictionary", field="iis_options", value=given, remedy=f"Its keys are {', '.join(_OPTIONS)}"
        )
    known = (*_OPTIONS, _FORMER)
    for name, value in given.items():
        if name not in known:
            raise ExchangeError(
                f"is not an option{nearest(str(name), known)}",
                field="iis_options",
                value=name,
                remedy=f"Write one of {', '.join(known)}",
            )
        if name == _FORMER:
            continue
        if not isinstance(value, str) or not value.strip():
            raise ExchangeError(
                "is empty or not text",
                field=f"iis_options.{name}",
                value=value,
                remedy="Leave it out, or give one",
            )
    chosen = {**_OPTIONS, **{str(name): str(value) for name, value in given.items() if name != _FORMER}}
    for name, pattern, remedy in _OPTION_FORMS:
        if chosen[name] is not None and not re.fullmatch(pattern, chosen[name] or ""):
            raise ExchangeError("is not valid", field=f"iis_options.{name}", value=chosen[name], remedy=remedy)
    if chosen["address"] != "*":
        try:
            IPv4Address(chosen["address"] or "")
        except ValueError as error:
            raise ExchangeError(
                "is not an IPv4 address",
                field="iis_options.address",
                value=chosen["address"],
                remedy="Give the server's own IPv4 address, or leave it out for every address",
            ) from error
    return chosen


_SITE_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9 ._()-]{0,63}"
_SITE_NAME_REMEDY: Final = "Use up to 64 letters, digits, blanks, '.', '_', '-', '(' and ')'"

_OPTION_FORMS: Final = (
    ("site_name", _SITE_NAME, _SITE_NAME_REMEDY),
    (
        "homes_below",
        r"[A-Za-z0-9][A-Za-z0-9-]{0,14}",
        "Leave it out for accounts of the domain; LocalUser is where IIS looks for local ones",
    ),
    ("store", r"[A-Za-z][A-Za-z ]*", "Name a store of the local machine, such as MY"),
    (
        "log_dir",
        r'(?:[A-Za-z]:|%[A-Za-z]+%)(?:\\[^\\/:*?"<>|%\x00-\x1f]+)+',
        "Give an absolute Windows path, such as D:\\Logs\\FTPS",
    ),
)


def _windows_root(root: str) -> str:
    if not re.fullmatch(r'(?:[A-Za-z]:|\\\\[A-Za-z0-9.-]+)(?:\\[^\\/:*?"<>|%\x00-\x1f]+)+', root):
        raise ExchangeError(
            "is not a folder of a Windows host",
            field="root",
            value=root,
            remedy="Set iis_root for the hosts with Windows (or exchange.root for all), such as D:\\ftps-exchange",
        )
    return root
