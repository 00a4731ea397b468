"""Checked model -> what firewall rules and guides need of the service and of each customer.

The objects cannot exist in an unsound state: a name outside the alphabet of the model, an address list with "any" in
it or a port that is none is refused when the object is made, whoever makes it. Renderers may rely on that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import collapse_addresses, ip_address, ip_network
from typing import Any, Final, Literal

from ftps_exchange.checked import Account, read_model
from ftps_exchange.errors import ExchangeError
from ftps_exchange.model import names, networks
from ftps_exchange.model.problems import RefusedError

type Family = Literal[4, 6]
type AddressUse = Literal["shared", "firewall", "dedicated"]
type Ports = tuple[int, int]
"""First and last port; one port is (21, 21)."""

FAMILIES: Final[tuple[Family, Family]] = (4, 6)
_RECHECK: Final = "Pass what the module exchange_model returned, unchanged"
_WIDEST: Final = {"sources": networks.WIDEST_SOURCE, "inside": networks.WIDEST_INSIDE}


@dataclass(frozen=True, slots=True)
class PackService:
    """The service as customers reach it, and where it stands behind a translation of the provider's own."""

    name: str
    fqdn: str
    public4: str | None
    public6: str | None
    explicit_port: int
    implicit_port: int | None
    passive: Ports
    tls_minimum_version: str = "1.2"
    tls_maximum_version: str = "1.2"
    tls_session_tickets: bool = False
    inside4: str | None = None
    """The server's own address, to which an edge that is not ours translates; None: it holds the public one itself."""
    inside6: str | None = None
    public_address_use: AddressUse = "shared"
    """Whether the provider's firewall may translate the whole public address, or this service's ports only."""

    def __post_init__(self) -> None:
        _sound(self, "name", names.check_service_name, None)
        _sound(self, "fqdn", names.check_host_name, None)
        for family in FAMILIES:
            for key in (f"public{family}", f"inside{family}"):
                _check_address(key, getattr(self, key), family)
        if self.public4 is None and self.public6 is None:
            raise ExchangeError("has no public address", field="exchange.public_ip4", remedy=_RECHECK)
        for first, last in self.ports:
            if not (type(first) is int and type(last) is int and 1 <= first <= last <= 65535):
                raise ExchangeError("is no range of ports", field="ports", value=(first, last), remedy=_RECHECK)

    def met_by(self, customer: PackCustomer) -> PackService:
        """The service as one customer needs it: the port of implicit TLS only if the customer asked for it."""
        return self if customer.implicit_tls else replace(self, implicit_port=None)

    @property
    def ports(self) -> tuple[Ports, ...]:
        """Every port that customers connect to: control and data, in order."""
        single = [self.explicit_port] if self.implicit_port is None else [self.explicit_port, self.implicit_port]
        return tuple(sorted([*((port, port) for port in single), self.passive]))

    def public(self, family: Family) -> str | None:
        """The public address of a family."""
        return self.public4 if family == 4 else self.public6

    def inside(self, family: Family) -> str | None:
        """The address behind the provider's translation; None where nothing is translated."""
        inside = self.inside4 if family == 4 else self.inside6
        return None if inside == self.public(family) else inside


@dataclass(frozen=True, slots=True)
class PackContact:
    """Who answers questions at the customer: free text, to be made harmless wherever it is written."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class PackShare:
    """A share that the customer has; the description is free text."""

    name: str
    access: Literal["read", "write"]
    description: str


@dataclass(frozen=True, slots=True)
class PackCustomer:
    """One customer who may log in."""

    name: str
    sources4: tuple[str, ...] = ()
    sources6: tuple[str, ...] = ()
    inside4: tuple[str, ...] = ()
    inside6: tuple[str, ...] = ()
    """Inside networks, as the customer's own firewall sees them; empty where that does not differ."""
    firewall: str | None = None
    implicit_tls: bool = False
    language: str = "en"
    """Of everything in the pack that people read."""
    contact: PackContact = field(default_factory=PackContact)
    accounts: tuple[Account, ...] = ()
    shares: tuple[PackShare, ...] = ()

    def __post_init__(self) -> None:
        _sound(self, "name", lambda name: names.check_name("customer", name), None)
        for kind in ("sources", "inside"):
            for family in FAMILIES:
                key = f"{kind}{family}"
                object.__setattr__(self, key, _networks(self.name, key, getattr(self, key), family, _WIDEST[kind]))

    def sources(self, family: Family) -> tuple[str, ...]:
        """The networks of a family as the service sees them."""
        return self.sources4 if family == 4 else self.sources6

    def clients(self, family: Family) -> tuple[str, ...]:
        """The same hosts as the customer's own firewall sees them."""
        return (self.inside4 if family == 4 else self.inside6) or self.sources(family)


@dataclass(frozen=True, slots=True)
class Packs:
    """The service and every customer who may log in, sorted by name."""

    service: PackService
    customers: tuple[PackCustomer, ...]


def read_packs(model: object, servers: Sequence[str] = ()) -> Packs:
    """Checked model -> service and customers; who is suspended, absent or expired gets no rules, so no pack.

    ``servers`` are the service's own addresses behind the provider's translation (``edge_servers``), at most one of a
    family: foreign firewalls translate one address to one other. Without them the service holds its public address.
    """
    checked = read_model(model)
    assert isinstance(model, Mapping)  # noqa: S101 - read_model has told everything else
    exchange = model["exchange"]
    service = _service(exchange, servers)
    descriptions = {share.name: share.description for share in checked.shares}
    raw = {str(customer["name"]): customer for customer in model["customers"]}
    customers = []
    for customer in checked.admitted:
        content = raw[customer.name]
        inside4, inside6 = _by_family(content.get("inside_networks") or [], customer.name)
        firewall = content.get("firewall")
        pack = PackCustomer(
            name=customer.name,
            sources4=customer.sources4,
            sources6=customer.sources6,
            inside4=inside4,
            inside6=inside6,
            firewall=None if firewall is None else str(firewall),
            implicit_tls=bool(content.get("implicit_tls")),
            language=str(content.get("language") or exchange.get("language") or "en"),
            contact=_contact(content.get("contact")),
            accounts=customer.accounts,
            shares=tuple(
                PackShare(grant.share, grant.access, descriptions.get(grant.share, ""))
                for grant in sorted(customer.grants, key=lambda grant: grant.share)
            ),
        )
        families(service, pack)
        customers.append(pack)
    return Packs(service, tuple(customers))


def families(service: PackService, customer: PackCustomer) -> tuple[Family, ...]:
    """The families in which customer and service can meet; none is an error, never "any address"."""
    shared = tuple(family for family in FAMILIES if service.public(family) and customer.sources(family))
    if not shared:
        raise ExchangeError(
            "shares no address family with the service, and an empty list never means 'from anywhere'",
            customer=customer.name,
            field="sources",
            value=[*customer.sources4, *customer.sources6],
            remedy="Give addresses of a family that the service has, or give exchange.public_ip4 or public_ip6",
        )
    return shared


def _service(exchange: Mapping[str, Any], servers: Sequence[str]) -> PackService:
    inside: dict[int, str] = {}
    for server in servers:
        try:
            address = ip_address(str(server))
        except ValueError:
            raise ExchangeError(
                "is no address", field="servers", value=server, remedy="Give the server's own address, as edge_servers"
            ) from None
        if address.version in inside:
            raise ExchangeError(
                f"is a second IPv{address.version} address, and a static translation has one",
                field="servers",
                value=server,
                remedy="Give the address of the load balancer that keeps a client on one server",
            )
        inside[address.version] = str(address)
    try:
        passive = exchange["passive_ports"]
        implicit = exchange.get("implicit_port")
        return PackService(
            name=str(exchange["name"]),
            fqdn=str(exchange["fqdn"]),
            public4=_optional(exchange.get("public_ip4")),
            public6=_optional(exchange.get("public_ip6")),
            explicit_port=int(exchange["explicit_port"]),
            implicit_port=None if implicit is None else int(implicit),
            passive=(int(passive[0]), int(passive[1])),
            tls_minimum_version=str(exchange.get("tls_minimum_version") or "1.2"),
            tls_maximum_version=str(exchange.get("tls_maximum_version") or "1.2"),
            tls_session_tickets=exchange.get("tls_session_tickets") is True,
            inside4=inside.get(4),
            inside6=inside.get(6),
            public_address_use=exchange.get("public_address_use") or "shared",
        )
    except (KeyError, TypeError, IndexError) as error:
        raise ExchangeError(f"is not whole ({error!r})", field="exchange", remedy=_RECHECK) from error


def _optional(value: object) -> str | None:
    return None if value is None else str(value)


def _contact(value: object) -> PackContact:
    contact = value if isinstance(value, Mapping) else {}
    return PackContact(*(_optional(contact.get(key) or None) for key in ("name", "email", "phone")))


def _by_family(texts: Iterable[str], customer: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        four, six = networks.collapse(str(text) for text in texts)
    except RefusedError as refused:
        raise ExchangeError(
            refused.message, customer=customer, field="inside_networks", remedy=refused.remedy
        ) from refused
    return tuple(four), tuple(six)


def _networks(
    customer: str, key: str, texts: Iterable[str], family: Family, widest: Mapping[int, int]
) -> tuple[str, ...]:
    """The networks in canonical form, sorted, contained and adjacent ones merged; never a wide one."""
    parsed = []
    for text in texts:
        try:
            network = ip_network(text)
        except ValueError as error:
            raise ExchangeError("is no network", customer=customer, field=key, value=text, remedy=_RECHECK) from error
        if network.version != family or network.prefixlen < widest[family]:
            raise ExchangeError(
                f"is no IPv{family} network of /{widest[family]} or narrower",
                customer=customer,
                field=key,
                value=text,
                remedy=_RECHECK,
            )
        parsed.append(network)
    return tuple(str(network) for network in collapse_addresses(parsed))  # type: ignore[type-var]


def _sound(owner: object, key: str, check: Any, customer: str | None) -> None:
    value = getattr(owner, key)
    try:
        if not isinstance(value, str) or check(value) != value:
            raise RefusedError("is not in its canonical form.", _RECHECK)
    except RefusedError as refused:
        raise ExchangeError(
            refused.message, customer=customer, field=key, value=value, remedy=refused.remedy
        ) from refused


_ADDRESS: Final = re.compile(r"[0-9a-f.:]+")


def _check_address(key: str, value: str | None, family: Family) -> None:
    if value is None:
        return
    try:
        address = ip_address(value)
    except ValueError:
        address = None
    if address is None or address.version != family or str(address) != value or not _ADDRESS.fullmatch(value):
        raise ExchangeError(f"is no IPv{family} address", field=key, value=value, remedy=_RECHECK)
    if address.is_unspecified or address.is_multicast or address.is_loopback:
        raise ExchangeError("is no address of a server", field=key, value=value, remedy=_RECHECK)
