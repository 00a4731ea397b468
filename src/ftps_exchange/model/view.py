"""The checked model, complete, typed and frozen: all code after the check reads it only in this form.

The check has already validated everything, so this is not a second validation. It only stops with a clear message if
the data cannot be from that check: no name can leave its folder, and no network can be too wide for a customer.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from operator import attrgetter
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, Final, Literal, cast, get_args

from ftps_exchange.errors import ExchangeError

from . import names, rules
from .languages import Language
from .networks import WIDEST_INSIDE, WIDEST_SOURCE, check_public_address, collapse
from .networks import Network as Network
from .problems import RefusedError
from .quota import UNLIMITED, check_files, check_space, space_bytes
from .receiving import KINDS, Kind

type Access = Literal["read", "write"]
type State = Literal["present", "suspended", "absent"]
type Reason = Literal["suspended", "absent", "expired"]
type AddressUse = Literal["shared", "firewall", "dedicated"]
type Family = Literal[4, 6]

FAMILIES: Final[tuple[Family, Family]] = (4, 6)


@dataclass(frozen=True, slots=True)
class Quota:
    """How much a folder may hold: bytes of space, and files and folders. None: no limit."""

    space: int | None = None
    files: int | None = None


NO_QUOTA: Final = Quota()


@dataclass(frozen=True, slots=True)
class Share:
    """A folder for several customers; the description is free text."""

    name: str
    description: str = ""
    keep_days: int | None = None
    """Days after which unchanged files are removed; None: never."""
    quota: Quota = NO_QUOTA


@dataclass(frozen=True, slots=True)
class Former[T]:
    """A former value that is served beside the new one."""

    value: T
    until: str
    """The last day (UTC) on which customers may use it alone, ``YYYY-MM-DD``."""
    over: bool = False
    """Whether that day has passed."""


def former_value[T](former: Former[T] | None) -> T | None:
    """The former value, if there is one."""
    return None if former is None else former.value


@dataclass(frozen=True, slots=True)
class Directory:
    """The Active Directory domain, and the managed OU in it."""

    domain: str
    netbios_name: str
    managed_ou: str
    group_prefix: str
    when_absent: Literal["disable", "delete"]
    password_max_age_days: int


@dataclass(frozen=True, slots=True)
class EventReceiver:
    """Who gets a report of each complete file; None for a choice means all."""

    name: str
    kind: Kind
    settings: Mapping[str, Any]
    """What the kind needs: url and addresses, run, to and relay."""
    complete: Literal["renamed", "quiet"]
    quiet_seconds: int
    temporary_names: tuple[str, ...]
    customers: tuple[str, ...] | None
    accounts: tuple[str, ...] | None
    homes: bool
    shares: tuple[str, ...] | None
    batch_files: int
    batch_seconds: int

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it is reached; empty for a command."""
        return tuple(map(str, self.settings.get("addresses", ())))


@dataclass(frozen=True, slots=True)
class Exchange:
    """The service as a whole, shares sorted by name."""

    name: str
    fqdn: str
    public_ip4: IPv4Address | None
    public_ip6: IPv6Address | None
    public_address_use: AddressUse
    """Whether a firewall may translate the whole public address, or only the ports of this service."""
    explicit_port: int
    implicit_port: int | None
    passive_ports: rules.Ports
    max_sessions: int
    max_sessions_per_account: int
    tls_minimum_version: str
    tls_maximum_version: str
    tls_session_tickets: bool
    directory: Directory
    root: str
    shares: tuple[Share, ...]
    removal_limit_percent: int
    language: Language = "en"
    """Of what customers get to read, unless their own file says another."""
    keep_days: int | None = None
    """Days after which unchanged files are removed, where no home or share has another value; None: never."""
    quota: Quota = NO_QUOTA
    """Of each home and share without a value of its own."""
    event_receivers: tuple[EventReceiver, ...] = ()
    """Who gets a report of each complete file, sorted by name."""
    also_public_ip4: Former[IPv4Address] | None = None
    also_public_ip6: Former[IPv6Address] | None = None
    also_explicit_port: Former[int] | None = None
    also_implicit_port: Former[int] | None = None
    also_passive_ports: Former[rules.Ports] | None = None

    @property
    def announced_ports(self) -> rules.Ports:
        """The passive range that servers use: the former one until its last day, which every customer has open."""
        former = self.also_passive_ports
        return self.passive_ports if former is None or former.over else former.value

    @property
    def public_addresses(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """All public addresses, IPv4 first and former ones after the new."""
        found = (
            *(self.public_ip4, former_value(self.also_public_ip4)),
            *(self.public_ip6, former_value(self.also_public_ip6)),
        )
        return tuple(address for address in found if address is not None)

    @property
    def ended_changes(self) -> tuple[str, ...]:
        """The former values whose last day has passed, a sentence each."""
        return tuple(
            f"also_{key}: {former.until}, the last day of {_shown(former.value)}, has passed. "
            + (f"Servers use {_shown(self.passive_ports)} now. " if key == "passive_ports" else "")
            + f"Remove also_{key} when no customer uses the former value any more."
            for key in rules.FORMER
            if (former := getattr(self, f"also_{key}")) is not None and former.over
        )

    @property
    def explicit_ports(self) -> tuple[int, ...]:
        """The ports of explicit TLS, the new one first."""
        found = (self.explicit_port, former_value(self.also_explicit_port))
        return tuple(port for port in found if port is not None)

    @property
    def implicit_ports(self) -> tuple[int, ...]:
        """The ports of implicit TLS, the new one first."""
        found = (self.implicit_port, former_value(self.also_implicit_port))
        return tuple(port for port in found if port is not None)

    @property
    def passive_ranges(self) -> tuple[rules.Ports, ...]:
        """All passive ports, in ranges that do not touch."""
        found = (self.passive_ports, former_value(self.also_passive_ports))
        return tuple(rules.merged(range_ for range_ in found if range_ is not None))


def _shown(value: object) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True, slots=True)
class Contact:
    """The contact person: free text, which every output must escape."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a customer. ``expires`` is its last valid day (UTC), ``YYYY-MM-DD``."""

    name: str
    access: Access
    expires: str | None
    enabled: bool
    disabled_because: Reason | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A customer's right to a share, with the description of the share."""

    name: str
    access: Access
    description: str = ""

    @property
    def path(self) -> str:
        """The path of the share for the customer, on every platform."""
        return f"/{names.SHARED}/{self.name}"


def effective_access(account: Account, grant: Grant) -> Access:
    """The right of an account to a share: an account that only reads, only reads everywhere."""
    return "write" if account.access == grant.access == "write" else "read"


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer, accounts and shares sorted by name; an absent one may have a name and nothing else."""

    name: str
    state: State = "present"
    file: str = ""
    contact: Contact = Contact()
    sources4: tuple[IPv4Network, ...] = ()
    sources6: tuple[IPv6Network, ...] = ()
    inside4: tuple[IPv4Network, ...] = ()
    inside6: tuple[IPv6Network, ...] = ()
    """Inside networks, as the customer's own firewall sees them; empty if they are the same."""
    shared_exit: bool = False
    implicit_tls: bool = False
    firewall: str | None = None
    language: Language = "en"
    """Language of the pack."""
    keep_days: int | None = None
    """Days after which unchanged files of the home are removed; None: never."""
    quota: Quota = NO_QUOTA
    """Of the home."""
    accounts: tuple[Account, ...] = ()
    shares: tuple[Grant, ...] = ()

    @property
    def enabled(self) -> Iterator[Account]:
        """The accounts that may log in."""
        return (account for account in self.accounts if account.enabled)

    @property
    def admitted(self) -> bool:
        """Whether anybody of this customer may reach the service at all."""
        return self.state == "present" and any(self.enabled)

    def sources(self, family: Family) -> tuple[Network, ...]:
        """The networks of a family as the service sees them."""
        return self.sources4 if family == 4 else self.sources6

    def clients(self, family: Family) -> tuple[Network, ...]:
        """The same hosts as the customer's own firewall sees them."""
        return (self.inside4 if family == 4 else self.inside6) or self.sources(family)


@dataclass(frozen=True, slots=True)
class Model:
    """The service and its customers, who are sorted by name."""

    exchange: Exchange
    customers: tuple[Customer, ...]

    @property
    def kept(self) -> Iterator[Customer]:
        """Customers whose accounts and data exist: present and suspended ones."""
        return (customer for customer in self.customers if customer.state != "absent")

    @property
    def admitted(self) -> Iterator[Customer]:
        """Customers of whom somebody may log in."""
        return (customer for customer in self.customers if customer.admitted)


def read_model(model: object) -> Model:
    """Read the result of the module ``exchange_model``, as text, as a dictionary, or as a view already.

    ``str`` rebuilds every text, because filters must return plain types, not Ansible's subclasses.
    """
    if isinstance(model, Model):
        return model
    # All values are kept: garbage collection in between would take a third of the time
    collects = gc.isenabled()
    gc.disable()
    try:
        return _model(_Part(json.loads(model) if isinstance(model, str) else model, _WHOLE))
    finally:
        if collects:
            gc.enable()


def _model(top: _Part) -> Model:
    exchange = _exchange(top.part("exchange"))
    descriptions = {share.name: share.description for share in exchange.shares}
    top.get("customers")
    customers = (_customer(customer, descriptions, exchange) for customer in top.parts("customers"))
    return Model(exchange, tuple(sorted(customers, key=_BY_NAME)))


# -- reading -----------------------------------------------------------------------------------------------------------

_WHOLE: Final = "exchange_model"
_BY_NAME: Final = attrgetter("name")
_OF_A_CONTACT: Final = ("name", "email", "phone")
_RECHECK: Final = "Pass what the module exchange_model returned, unchanged"
_DECLARE: Final = "Declare the share under exchange.shares, or take it off this list"
_SUCH_AS: Final = "Write a network without host bits, such as 198.51.100.20/32 or 2001:db8:100::/64"
_SYSTEM: Final = {IPv4Network: AF_INET, IPv6Network: AF_INET6}
_NAME: Final = re.compile(names.NAME_PATTERN)
_STATES: Final[tuple[str, ...]] = get_args(State.__value__)
_ACCESSES: Final[tuple[str, ...]] = get_args(Access.__value__)
_LANGUAGES: Final[tuple[str, ...]] = get_args(Language)
_ADDRESS_USES: Final[tuple[str, ...]] = get_args(AddressUse.__value__)


class _Part:
    """A dictionary of the checked model, and its name in messages."""

    __slots__ = ("content", "customer", "field")

    def __init__(self, content: object, field: str, customer: str | None = None) -> None:
        self.field, self.customer = field, customer
        # The usual type first: the check for an abstract type is slow, and it runs for every account
        if type(content) is not dict and not isinstance(content, Mapping):
            raise self.error("is not a dictionary", value=content)
        self.content: Mapping[str, Any] = content

    def error(self, what: str, key: str | None = None, value: object = None, remedy: str = _RECHECK) -> ExchangeError:
        field = self.field if key is None else self.path(key)
        return ExchangeError(what, customer=self.customer, field=field, value=value, remedy=remedy)

    def path(self, key: str) -> str:
        return key if self.field in ("", _WHOLE) else f"{self.field}.{key}"

    def get(self, key: str) -> Any:
        try:
            return self.content[key]
        except KeyError:
            raise self.error(f"has no key {key!r}") from None

    def part(self, key: str) -> _Part:
        return _Part(self.get(key), self.path(key), self.customer)

    def parts(self, key: str) -> Iterator[_Part]:
        return (_Part(entry, key, self.customer) for entry in self.list(key))

    def list(self, key: str) -> Sequence[Any]:
        value = self.content.get(key) or ()
        if type(value) is not list and (isinstance(value, str | bytes) or not isinstance(value, Sequence)):
            raise self.error("is not a list", key, value)
        return value

    def text(self, key: str) -> str:
        value = self.get(key)
        if not isinstance(value, str) or not value:
            raise self.error("is empty or not text", key, value)
        return str(value)

    def optional(self, key: str) -> str | None:
        value = self.content.get(key)
        return None if value is None else str(value)

    def number(self, key: str, lowest: int = 0, highest: int = rules.HIGHEST_PORT) -> int:
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise self.error(f"is not a whole number from {lowest} to {highest}", key, value)
        return int(value)

    def keep_days(self, default: int | None) -> int | None:
        """Days after which files are removed; None for never."""
        value = self.content.get("keep_days")
        if value is None:
            return default
        return None if value == "forever" else self.number("keep_days", 1)

    def quota(self, default: Quota) -> Quota:
        """The limits of a folder. What is not said comes from the default."""
        if self.content.get("quota") is None:
            return default
        own = self.part("quota")
        space, files = own.content.get("space"), own.content.get("files")
        try:
            check_space(space)
            check_files(files)
        except RefusedError as refused:
            raise own.error(refused.message.rstrip("."), value=own.content) from None
        return Quota(
            default.space if space is None else None if space == UNLIMITED else space_bytes(space),
            default.files if files is None else None if files == UNLIMITED else files,
        )

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> Any:
        value = self.content.get(key, default)
        if value not in choices:
            raise self.error(f"is not one of {', '.join(choices)}", key, value)
        return str(value)

    def name(self, key: str = "name") -> str:
        """A name that is safe as a folder, in an nft comment and in a distinguished name."""
        value = self.text(key)
        if not _NAME.fullmatch(value) or ".." in value:
            raise self.error(
                "contains a character that is not allowed in a name, or not at its start or end", key, value
            )
        return value

    def checked(self, key: str, check: Callable[[str], str]) -> str:
        """A text that a rule of the model accepts unchanged."""
        value = self.text(key)
        try:
            if check(value) != value:
                raise RefusedError("is not in its canonical form.", _RECHECK)
        except RefusedError as refused:
            raise self.error(refused.message, key, value, refused.remedy) from refused
        return value

    def public_address(self, key: str, family: Family) -> str:
        """A public address as text."""
        return self.checked(key, partial(check_public_address, version=family))

    def passive(self, key: str) -> rules.Ports:
        """A passive range."""
        try:
            return rules.passive_range(self.get(key))
        except RefusedError as refused:
            raise self.error(refused.message, key, self.get(key), refused.remedy) from refused

    def former[T](self, key: str, read: Callable[[_Part], T]) -> Former[T] | None:
        """A former value, and until when it is served."""
        if self.content.get(key) is None:
            return None
        part = self.part(key)
        return Former(read(part), part.text("until"), part.get("over") is True)


def _exchange(part: _Part) -> Exchange:
    directory = part.part("directory")
    public = {
        family: part.content.get(f"public_ip{family}") and part.public_address(f"public_ip{family}", family)
        for family in FAMILIES
    }
    keep_days, quota = part.keep_days(None), part.quota(NO_QUOTA)
    shares = (
        Share(share.name(), share.optional("description") or "", share.keep_days(keep_days), share.quota(quota))
        for share in part.parts("shares")
    )
    return Exchange(
        name=part.checked("name", names.check_service_name),
        fqdn=part.checked("fqdn", names.check_host_name),
        public_ip4=IPv4Address(public[4]) if public[4] else None,
        public_ip6=IPv6Address(public[6]) if public[6] else None,
        public_address_use=part.choice("public_address_use", _ADDRESS_USES, _ADDRESS_USES[0]),
        explicit_port=part.number("explicit_port", 1),
        implicit_port=None if part.content.get("implicit_port") is None else part.number("implicit_port", 1),
        passive_ports=part.passive("passive_ports"),
        max_sessions=part.number("max_sessions", 1),
        max_sessions_per_account=part.number("max_sessions_per_account", 1),
        tls_minimum_version=part.text("tls_minimum_version"),
        tls_maximum_version=part.text("tls_maximum_version"),
        tls_session_tickets=part.get("tls_session_tickets") is True,
        directory=Directory(
            domain=directory.text("domain"),
            netbios_name=directory.text("netbios_name"),
            managed_ou=directory.text("managed_ou"),
            group_prefix=directory.checked("group_prefix", names.check_group_prefix),
            when_absent=directory.choice("when_absent", ("disable", "delete")),
            password_max_age_days=directory.number("password_max_age_days"),
        ),
        root=part.text("root"),
        shares=tuple(sorted(shares, key=_BY_NAME)),
        removal_limit_percent=part.number("removal_limit_percent", 0, 100),
        language=part.choice("language", _LANGUAGES, "en"),
        keep_days=keep_days,
        event_receivers=tuple(sorted(map(_receiver, part.parts("event_receivers")), key=_BY_NAME)),
        also_public_ip4=part.former("also_public_ip4", lambda it: IPv4Address(it.public_address("address", 4))),
        also_public_ip6=part.former("also_public_ip6", lambda it: IPv6Address(it.public_address("address", 6))),
        also_explicit_port=part.former("also_explicit_port", lambda it: it.number("port", 1)),
        also_implicit_port=part.former("also_implicit_port", lambda it: it.number("port", 1)),
        also_passive_ports=part.former("also_passive_ports", lambda it: it.passive("ports")),
        quota=quota,
    )


def _receiver(part: _Part) -> EventReceiver:
    kind = next((kind for kind in KINDS if part.content.get(kind) is not None), None)
    if kind is None:
        raise part.error(f"has none of {', '.join(KINDS)}")

    def chosen(key: str) -> tuple[str, ...] | None:
        return None if part.content.get(key) is None else tuple(map(str, part.list(key)))

    return EventReceiver(
        name=part.checked("name", names.check_service_name),
        kind=kind,
        settings=plain(part.part(kind).content),
        complete=part.choice("complete", ("renamed", "quiet")),
        quiet_seconds=part.number("quiet_seconds", 1, 86400),
        temporary_names=chosen("temporary_names") or (),
        customers=chosen("customers"),
        accounts=chosen("accounts"),
        homes=part.get("homes") is True,
        shares=chosen("shares"),
        batch_files=part.number("batch_files", 1),
        batch_seconds=part.number("batch_seconds", 0, 86400),
    )


def plain(value: Any, depth: int = 12) -> Any:
    """The value without the subclasses that Ansible tags its data with: filters must not return those."""
    if depth and isinstance(value, Mapping):
        return {str(key): plain(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple):
        return [plain(item, depth - 1) for item in value]
    return str(value) if isinstance(value, str) else value


def _customer(part: _Part, descriptions: Mapping[str, str], exchange: Exchange) -> Customer:
    name = part.name()
    part.field, part.customer = "", name
    content = part.content
    inside4, inside6 = _inside(part) if content.get("inside_networks") else ((), ())
    return Customer(
        name=name,
        state=part.choice("state", _STATES),
        file=part.optional("file") or "",
        contact=Contact(*map(_Part(content.get("contact") or {}, "contact", name).optional, _OF_A_CONTACT)),
        sources4=tuple(_sources(part, "sources4", IPv4Network, WIDEST_SOURCE[4])),
        sources6=tuple(_sources(part, "sources6", IPv6Network, WIDEST_SOURCE[6])),
        inside4=inside4,
        inside6=inside6,
        shared_exit=content.get("shared_exit") is True,
        implicit_tls=content.get("implicit_tls") is True,
        firewall=part.optional("firewall"),
        language=part.choice("language", _LANGUAGES) if content.get("language") else exchange.language,
        keep_days=part.keep_days(exchange.keep_days),
        quota=part.quota(exchange.quota),
        accounts=tuple(sorted(map(_account, part.parts("accounts")), key=_BY_NAME)),
        shares=tuple(sorted((_grant(grant, descriptions) for grant in part.parts("shares")), key=_BY_NAME)),
    )


def _account(part: _Part) -> Account:
    enabled = part.content.get("enabled")
    if not isinstance(enabled, bool):
        raise part.error(f"account {part.name()} is neither enabled nor disabled", "enabled", enabled)
    return Account(
        name=part.name(),
        access=part.choice("access", _ACCESSES),
        expires=part.optional("expires"),
        enabled=enabled,
        disabled_because=cast("Reason | None", part.optional("disabled_because")),
    )


def _grant(part: _Part, descriptions: Mapping[str, str]) -> Grant:
    name = part.name()
    if name not in descriptions:
        raise part.error("is a share that the exchange does not have", "name", name, _DECLARE)
    return Grant(name, part.choice("access", _ACCESSES), descriptions[name])


def _sources[N: (IPv4Network, IPv6Network)](part: _Part, key: str, network: type[N], widest: int) -> Iterator[N]:
    for text in part.list(key):
        try:
            address, _, length = text.partition("/")
            # The system parses an address three times as fast as ipaddress
            found = network((inet_pton(_SYSTEM[network], address), int(length)))
            if found.prefixlen < widest:
                raise ValueError
        except (AttributeError, OSError, ValueError) as error:
            raise part.error(f"is not an IPv{key[-1]} network of /{widest} or narrower", key, text, _SUCH_AS) from error
        yield found


def _inside(part: _Part) -> tuple[tuple[IPv4Network, ...], tuple[IPv6Network, ...]]:
    given: Iterable[str] = map(str, part.list("inside_networks"))
    try:
        inside = collapse(given)
    except RefusedError as refused:
        raise part.error(refused.message, "inside_networks", remedy=refused.remedy) from refused
    networks: tuple[Network, ...] = (*inside[0], *inside[1])
    for network in networks:
        if network.prefixlen < WIDEST_INSIDE[network.version]:
            raise part.error("is too wide", "inside_networks", str(network))
    return inside
