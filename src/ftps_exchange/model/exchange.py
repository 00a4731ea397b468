"""The service: the keys of ``exchange`` and the rules between them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ftps_exchange.model import names, networks, quota, rules
from ftps_exchange.model.days import DAY_SCHEMA, last_day
from ftps_exchange.model.languages import Language
from ftps_exchange.model.problems import RefusedError, Rule
from ftps_exchange.model.receivers import Receiver, receiver_flaws
from ftps_exchange.model.strict import Strict
from ftps_exchange.model.wording import as_validator

_HOST_NAME = {"pattern": r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$", "maxLength": 253}

Port = Annotated[int, Field(ge=1, le=65535)]


def _name_schema(kind: names.NameKind) -> dict[str, Any]:
    return {"pattern": names.NAME_PATTERN, "maxLength": names.NAME_LENGTHS[kind], "minLength": 1}


ShareName = Annotated[
    str,
    AfterValidator(as_validator(lambda name: names.check_name("share", name))),
    Field(json_schema_extra=_name_schema("share")),
]


def _check_passive_ports(value: Any) -> Any:
    rules.passive_range(value)
    return value


PassivePorts = Annotated[
    list[int],
    BeforeValidator(as_validator(_check_passive_ports)),
    Field(
        json_schema_extra={
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "integer", "minimum": rules.LOWEST_PASSIVE_PORT, "maximum": rules.HIGHEST_PORT},
        }
    ),
]
PublicAddress4 = Annotated[
    str,
    AfterValidator(as_validator(lambda text: networks.check_public_address(text, 4))),
    Field(json_schema_extra={"format": "ipv4"}),
]
PublicAddress6 = Annotated[
    str,
    AfterValidator(as_validator(lambda text: networks.check_public_address(text, 6))),
    Field(json_schema_extra={"format": "ipv6"}),
]


def _check_keep_days(value: Any) -> Any:
    if value is None or value == FOREVER:
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise RefusedError("is not a number of days.", KEEP_DAYS_REMEDY)
    if not 1 <= value <= LONGEST_KEEP_DAYS:
        raise RefusedError(f"is not from 1 to {LONGEST_KEEP_DAYS}.", KEEP_DAYS_REMEDY)
    return value


FOREVER: Final = "forever"
LONGEST_KEEP_DAYS: Final = 3650
KEEP_DAYS_REMEDY: Final = f"Write a whole number of days (1 to {LONGEST_KEEP_DAYS}), or forever."
KeepDays = Annotated[
    Annotated[int, Field(ge=1, le=LONGEST_KEEP_DAYS)] | Literal["forever"],
    BeforeValidator(as_validator(_check_keep_days)),
]


class Quota(Strict):
    """How much a home or a share may hold."""

    space: (
        Annotated[
            Annotated[str, Field(pattern=quota.SPACE_PATTERN)] | Literal["unlimited"],
            BeforeValidator(as_validator(quota.check_space)),
        ]
        | None
    ) = Field(default=None, description="Space, a whole number and MiB, GiB or TiB, such as 10 GiB; or unlimited.")
    files: (
        Annotated[
            Annotated[int, Field(ge=quota.FEWEST_FILES, le=quota.MOST_FILES)] | Literal["unlimited"],
            BeforeValidator(as_validator(quota.check_files)),
        ]
        | None
    ) = Field(default=None, description="Number of files and folders together, 10 or more; or unlimited.")


class Share(Strict):
    """A folder that several customers can be given."""

    name: ShareName = Field(
        description="Name of the share: its folder, and what customers see below /shared (up to 32 characters).",
    )
    description: Annotated[str, AfterValidator(as_validator(names.check_line))] | None = Field(
        default=None,
        description="What the share is for, in one line, for the readers of the customer pack.",
    )
    keep_days: KeepDays | None = Field(
        default=None,
        description=(
            "Days after their last change when files in the share are removed, 1 to 3650, or forever; "
            "exchange.keep_days by default."
        ),
    )
    quota: Quota | None = Field(
        default=None,
        description="How much the share may hold. What is not said here comes from exchange.quota.",
    )


class Former(Strict):
    """A former value that is served beside the new one, and until when."""

    until: Annotated[datetime.date, last_day("customers may still use the former value"), DAY_SCHEMA] = Field(
        description=(
            "Last day (UTC) on which customers may use the former value alone, such as 2027-12-31. The packs say it. "
            "Afterwards it stays open until you remove the key, and each run reminds you."
        )
    )


class FormerAddress4(Former):
    """The public IPv4 address until now."""

    address: PublicAddress4 = Field(description="Public IPv4 address until now, such as 198.51.100.10.")


class FormerAddress6(Former):
    """The public IPv6 address until now."""

    address: PublicAddress6 = Field(description="Public IPv6 address until now, such as '2001:db8:100::10'.")


class FormerPort(Former):
    """The port until now."""

    port: Port = Field(description="Port until now, 1 to 65535.")


class FormerPassivePorts(Former):
    """The passive range until now."""

    ports: PassivePorts = Field(
        description=(
            "First and last port of the data connections until now, such as [50000, 50099]. The server uses them "
            "until the day, and passive_ports afterwards; firewalls open both."
        )
    )


class Directory(Strict):
    """The Active Directory domain, and the one OU in it that is managed."""

    domain: Annotated[str, AfterValidator(as_validator(names.check_host_name)), Field(json_schema_extra=_HOST_NAME)] = (
        Field(description="DNS name of the Active Directory domain, lower case, such as corp.example.")
    )
    netbios_name: Annotated[
        str,
        AfterValidator(as_validator(names.check_netbios_name)),
        Field(json_schema_extra={"pattern": "^[A-Z0-9]([A-Z0-9-]{0,13}[A-Z0-9])?$"}),
    ] = Field(description="NetBIOS name of that domain, upper case, at most 15 characters, such as CORP.")
    managed_ou: Annotated[
        str,
        AfterValidator(as_validator(names.check_managed_ou)),
        Field(json_schema_extra={"pattern": "^[Oo][Uu]=.+,[Dd][Cc]=.+"}),
    ] = Field(
        description=(
            "Distinguished name of the managed OU, such as 'OU=FTPS Exchange,DC=corp,DC=example'. "
            "Everything in it belongs to the service; nothing outside it is touched."
        )
    )
    group_prefix: Annotated[
        str,
        AfterValidator(as_validator(names.check_group_prefix)),
        Field(json_schema_extra={"pattern": "^[a-z][a-z0-9-]{0,18}-$"}),
    ] = Field(default="ftpsx-", description="Prefix of all group names, 2 to 20 characters, ending in '-'.")
    when_absent: Literal["disable", "delete"] = Field(
        default="disable",
        description="What happens to the accounts of an absent customer: disabled (kept, can come back) or deleted.",
    )
    password_max_age_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        default=365,
        description=(
            "Age in days (1 to 3650) from which a password is reported as due for rotation. "
            "It locks nobody out: an FTPS client cannot change a password."
        ),
    )


class Exchange(Strict):
    """The service as a whole."""

    name: Annotated[
        str,
        AfterValidator(as_validator(names.check_service_name)),
        Field(json_schema_extra={"pattern": "^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$"}),
    ] = Field(description="Short id of this service, such as lab: 1 to 20 lower-case letters, digits and '-'.")
    fqdn: Annotated[str, AfterValidator(as_validator(names.check_host_name)), Field(json_schema_extra=_HOST_NAME)] = (
        Field(description="Name that customers connect to and that the certificate is for, such as ftps.example.com.")
    )
    public_ip4: PublicAddress4 | None = Field(
        default=None,
        description="Public IPv4 address as customers reach it, such as 198.51.100.10; null without IPv4.",
    )
    public_ip6: PublicAddress6 | None = Field(
        default=None,
        description="Public IPv6 address as customers reach it, such as '2001:db8:100::10'; null without IPv6.",
    )
    public_address_use: Literal["shared", "firewall", "dedicated"] = Field(
        default="shared",
        description=(
            "What else uses the public addresses on a firewall that this project does not manage, for the rules in "
            "provider/ of the packs. firewall: it is the firewall's own outside address. shared: others may use it. In "
            "both cases only the service's ports are translated. dedicated: nothing else uses it, so the whole address "
            "may be translated."
        ),
    )
    language: Language = Field(
        default="en",
        description="Language of the packs of customers whose file names none: en, de, fr, nl or es.",
    )
    explicit_port: Port = Field(default=21, description="Port of explicit FTPS (AUTH TLS), 1 to 65535.")
    implicit_port: Port | None = Field(
        default=None,
        description="Port of implicit FTPS, usually 990, 1 to 65535; null switches it off.",
    )
    passive_ports: PassivePorts = Field(
        description=(
            "First and last port of the data connections, such as [50000, 50099]; the same range in the server, the "
            "edge and every customer's firewall. At least as many ports as max_sessions."
        )
    )
    also_public_ip4: FormerAddress4 | None = Field(
        default=None,
        description=(
            "Former public IPv4 address, served beside public_ip4 while customers change: address and until "
            "(docs/changing-addresses.md)."
        ),
    )
    also_public_ip6: FormerAddress6 | None = Field(
        default=None,
        description="Former public IPv6 address, served beside public_ip6 while customers change: address and until.",
    )
    also_explicit_port: FormerPort | None = Field(
        default=None,
        description="Former port of explicit FTPS, served beside explicit_port while customers change: port and until.",
    )
    also_implicit_port: FormerPort | None = Field(
        default=None,
        description="Former port of implicit FTPS, served beside implicit_port while customers change: port and until.",
    )
    also_passive_ports: FormerPassivePorts | None = Field(
        default=None,
        description="Former passive range, open beside passive_ports while customers change: ports and until.",
    )
    max_sessions: Annotated[int, Field(ge=1, le=60000)] = Field(
        default=50,
        description="Simultaneous sessions that a server accepts (a session has at most one data port at a time).",
    )
    max_sessions_per_account: Annotated[int, Field(ge=1, le=60000)] = Field(
        default=8, description="Simultaneous sessions of one account; at most max_sessions."
    )
    tls_minimum_version: Literal["1.2", "1.3"] = Field(
        default="1.2",
        description="Oldest accepted TLS version: '1.2' or '1.3', in quotes; not above tls_maximum_version.",
    )
    tls_maximum_version: Literal["1.2", "1.3"] = Field(
        default="1.2",
        description=(
            "Newest accepted TLS version: '1.2' or '1.3', in quotes. With '1.3' common clients (curl, PHP, "
            "Ruby, Java) lose uploads, some of them silently, because they use a TLS 1.3 ticket only once."
        ),
    )
    tls_session_tickets: bool = Field(
        default=False,
        description=(
            "Whether the server issues TLS 1.2 session tickets (on Linux; IIS has no setting for it). Programs "
            "written in Go, such as rclone, need them. With "
            "tickets, somebody behind a customer's public address can take a transfer."
        ),
    )
    directory: Directory = Field(description="The Active Directory domain, and the managed OU in it.")
    root: Annotated[str, AfterValidator(as_validator(names.check_root))] = Field(
        default="/srv/ftps-exchange",
        description="Folder of all data on the servers: /srv/ftps-exchange on Linux, D:\\ftps-exchange on Windows.",
    )
    shares: list[Share] = Field(
        default_factory=list, description="Folders for several customers, each with name and description."
    )
    keep_days: KeepDays | None = Field(
        default=None,
        description=(
            "Days after their last change when files are removed, 1 to 3650, in every home and share that has no value "
            "of its own (on Linux only). null or forever: nothing is removed."
        ),
    )
    event_receivers: list[Receiver] = Field(
        default_factory=list,
        description="Who gets a report of each complete file: webhooks, commands and mails (on Linux only).",
    )
    quota: Quota | None = Field(
        default=None,
        description=(
            "How much each home and each share may hold that has no value of its own (on Linux only). "
            "The file system of the root folder must support it."
        ),
    )
    removal_limit_percent: Annotated[int, Field(ge=0, le=100)] = Field(
        default=50,
        description="A run that would remove more than this share of the known customers stops (0 to 100).",
    )


def rules_between_keys(exchange: dict[str, Any]) -> Iterator[Rule]:
    """Yield (path, value, message, remedy) for rules between keys.

    Takes the raw mapping and checks all usable values, so that one broken key does not hide
    the problems between the others.
    """
    for key, value, message, remedy in _service_flaws(exchange):
        yield (key,), value, message, remedy
    yield from _directory(exchange)
    yield from _duplicate_shares(exchange)
    yield from receiver_flaws(exchange, (name for _, name in entry_names(exchange, "shares")))


def _service_flaws(exchange: dict[str, Any]) -> Iterator[rules.Flaw]:
    sessions, each = _count(exchange, "max_sessions"), _count(exchange, "max_sessions_per_account")
    former = _former_values(exchange)
    ports = [(key, _count(exchange, key)) for key in ("explicit_port", "implicit_port")]
    ports += [(key, former.get(key)) for key in ("also_explicit_port", "also_implicit_port")]
    ranges = {"passive_ports": _sound_range(exchange.get("passive_ports"))}
    ranges["also_passive_ports"] = _sound_range(former.get("also_passive_ports"))
    services = [(key, port) for key, port in ports if port is not None]
    yield from rules.address_flaws(exchange.get("public_ip4"), exchange.get("public_ip6"))
    yield from rules.port_flaws(services, ((key, range_) for key, range_ in ranges.items() if range_), sessions)
    defaults = {"explicit_port": Exchange.model_fields["explicit_port"].default}
    yield from rules.former_flaws({**defaults, **exchange, **former})
    if former.get("also_public_ip4") is not None:
        yield from rules.inner_port_flaws(services)
    if sessions is not None and each is not None and each > sessions:
        yield rules.Flaw(
            "max_sessions_per_account",
            each,
            f"is more than max_sessions ({sessions}).",
            f"Give 1 to {sessions}: one account cannot have more sessions than the whole server.",
        )
    yield from rules.tls_flaws(*(exchange.get(f"tls_{end}_version", "1.2") for end in ("minimum", "maximum")))


def dumped(exchange: Exchange, today: datetime.date) -> dict[str, Any]:
    """Return the service as plain JSON types; a former value also has whether its last day has passed."""
    plain = exchange.model_dump(mode="json")
    for key in _FORMER_VALUES:
        former = getattr(exchange, key)
        if former is not None:
            plain[key]["over"] = former.until < today
    return plain


def notes(exchange: Exchange) -> Iterator[str]:
    """Yield warnings about values that are allowed."""
    first, last = exchange.passive_ports
    if last - first + 1 > 2 * exchange.max_sessions:
        yield (
            f"exchange: passive_ports has {last - first + 1} ports for {exchange.max_sessions} sessions "
            "(max_sessions), and every customer's firewall has to open all of them; "
            f"[{first}, {first + 2 * exchange.max_sessions - 1}] is plenty."
        )


def _directory(exchange: dict[str, Any]) -> Iterator[Rule]:
    directory = exchange.get("directory")
    if not isinstance(directory, dict):
        return
    domain, dn = directory.get("domain"), directory.get("managed_ou")
    if isinstance(domain, str) and isinstance(dn, str):
        try:
            names.check_host_name(domain)
            names.check_managed_ou(dn)
        except RefusedError:
            return  # reported where the key itself is checked
        if names.domain_of_dn(dn) != domain:
            right = ",".join(f"DC={label}" for label in domain.split("."))
            yield (
                ("directory", "managed_ou"),
                dn,
                f"is in another domain than directory.domain ({domain}).",
                f"End it with '{right}', or correct directory.domain.",
            )
        if exchange.get("fqdn") == domain:
            yield (
                ("fqdn",),
                domain,
                "is the name of the Active Directory domain, which points at its controllers.",
                f"Give the service its own name, such as ftps.{domain}.",
            )


def _duplicate_shares(exchange: dict[str, Any]) -> Iterator[Rule]:
    seen: dict[str, int] = {}
    for index, name in entry_names(exchange, "shares"):
        first = seen.setdefault(name.casefold(), index)
        if first != index:
            yield (
                ("shares", index, "name"),
                name,
                f"is also the name of shares[{first}] (upper and lower case do not differ on Windows).",
                "Name each share once.",
            )


def entry_names(content: dict[str, Any], key: str) -> Iterator[tuple[int, str]]:
    """Yield (index, name) of the readable accounts or shares of a file."""
    entries = content.get(key)
    if isinstance(entries, list):
        for index, entry in enumerate(entries):
            if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                yield index, entry["name"]


def _sound_range(value: Any) -> rules.Ports | None:
    """Return a passive range if it is valid."""
    try:
        return rules.passive_range(value)
    except RefusedError:
        return None


_FORMER_VALUES: Final = {
    "also_public_ip4": ("address", str),
    "also_public_ip6": ("address", str),
    "also_explicit_port": ("port", int),
    "also_implicit_port": ("port", int),
    "also_passive_ports": ("ports", list),
}


def _former_values(exchange: dict[str, Any]) -> dict[str, Any]:
    """Return the former values without their days, None where there is none or one of another type."""
    found = {}
    for key, (part, kind) in _FORMER_VALUES.items():
        entry = exchange.get(key)
        value = entry.get(part) if isinstance(entry, dict) else None
        found[key] = value if isinstance(value, kind) and not isinstance(value, bool) else None
    return found


def public_addresses(exchange: dict[str, Any]) -> list[networks.Address]:
    """Return the valid public addresses."""
    addresses = []
    former = _former_values(exchange)
    texts = [(version, exchange.get(f"public_ip{version}")) for version in (4, 6)]
    texts += [(version, former[f"also_public_ip{version}"]) for version in (4, 6)]
    for version, text in texts:
        if isinstance(text, str):
            try:
                addresses.append(ip_address(networks.check_public_address(text, version)))
            except RefusedError:
                continue
    return addresses


def netbios_name(exchange: dict[str, Any]) -> str | None:
    """Return the NetBIOS name in lower case if it is valid."""
    directory = exchange.get("directory")
    name = directory.get("netbios_name") if isinstance(directory, dict) else None
    return name.lower() if isinstance(name, str) else None


def group_prefix(exchange: dict[str, Any]) -> str:
    """Return the group prefix, or its default if it is not valid."""
    directory = exchange.get("directory")
    prefix = directory.get("group_prefix", "ftpsx-") if isinstance(directory, dict) else "ftpsx-"
    return prefix if isinstance(prefix, str) and re.fullmatch(r"[a-z][a-z0-9-]{0,18}-", prefix) else "ftpsx-"


def _count(exchange: dict[str, Any], key: str) -> int | None:
    """Return a port or a number of sessions if it is valid; the check of the key itself reports an invalid one."""
    value = exchange.get(key, Exchange.model_fields[key].default)
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535 else None
