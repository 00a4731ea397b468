"""The service as customers reach it, and the address families that a customer and the service share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.rules import FORMER, Ports, merged
from ftps_exchange.model.view import FAMILIES, AddressUse, Customer, Exchange, Family, Former, Network, former_value


@dataclass(frozen=True, slots=True)
class PackService:
    """The facts about the service for packs, and its address behind the provider's own translation."""

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
    """The server's own address, to which another edge translates; None: it has the public one itself."""
    inside6: str | None = None
    public_address_use: AddressUse = "shared"
    also_public4: str | None = None
    """Former values that are still served; ``until`` has the last day of each, by its key in the model."""
    also_public6: str | None = None
    also_explicit_port: int | None = None
    also_implicit_port: int | None = None
    also_passive: Ports | None = None
    until: tuple[tuple[str, str], ...] = ()

    def met_by(self, customer: Customer) -> PackService:
        """The service as one customer needs it: the port of implicit TLS only if the customer asked for it."""
        return self if customer.implicit_tls else replace(self, implicit_port=None, also_implicit_port=None)

    @property
    def ports(self) -> tuple[Ports, ...]:
        """Every port that customers connect to: control and data, in order."""
        return _ports((*self.explicit_ports, *self.implicit_ports), self.passive_ranges)

    @property
    def explicit_ports(self) -> tuple[int, ...]:
        """The ports of explicit TLS, the new one first."""
        return tuple(port for port in (self.explicit_port, self.also_explicit_port) if port is not None)

    @property
    def implicit_ports(self) -> tuple[int, ...]:
        """The ports of implicit TLS, the new one first."""
        return tuple(port for port in (self.implicit_port, self.also_implicit_port) if port is not None)

    @property
    def passive_ranges(self) -> tuple[Ports, ...]:
        """All data ports, in ranges that do not touch."""
        return tuple(merged([self.passive, *([self.also_passive] if self.also_passive else [])]))

    def public(self, family: Family) -> str | None:
        """The public address of a family."""
        return self.public4 if family == 4 else self.public6

    def publics(self, family: Family) -> tuple[str, ...]:
        """All public addresses of a family, the new one first."""
        former = self.also_public4 if family == 4 else self.also_public6
        return tuple(address for address in (self.public(family), former) if address is not None)

    def inside(self, family: Family) -> str | None:
        """The address behind the provider's translation; None without a translation."""
        inside = self.inside4 if family == 4 else self.inside6
        return None if inside == self.public(family) else inside


@lru_cache(maxsize=64)
def _ports(control: tuple[int, ...], passive: tuple[Ports, ...]) -> tuple[Ports, ...]:
    return tuple(sorted([*((port, port) for port in control), *passive]))


def pack_service(exchange: Exchange, servers: Iterable[str] = ()) -> PackService:
    """The checked model's service.

    ``servers`` are the service's own addresses behind the provider's translation (``edge_servers``), at most one of a
    family: foreign firewalls translate one address to one other. Without them the service has its public address.
    """
    inside: dict[int, str] = {}
    for server in servers:
        try:
            address = ip_address(str(server))
            if address.is_unspecified or address.is_multicast or address.is_loopback:
                raise ValueError
        except ValueError:
            raise ExchangeError(
                "is not an address",
                field="servers",
                value=server,
                remedy="Give the server's own address, as edge_servers",
            ) from None
        if address.version in inside:
            raise ExchangeError(
                f"is a second IPv{address.version} address, and a static translation has one",
                field="servers",
                value=server,
                remedy="Give the address of the load balancer that keeps a client on one server",
            )
        inside[address.version] = str(address)
    return PackService(
        name=exchange.name,
        fqdn=exchange.fqdn,
        public4=None if exchange.public_ip4 is None else str(exchange.public_ip4),
        public6=None if exchange.public_ip6 is None else str(exchange.public_ip6),
        explicit_port=exchange.explicit_port,
        implicit_port=exchange.implicit_port,
        passive=exchange.passive_ports,
        tls_minimum_version=exchange.tls_minimum_version,
        tls_maximum_version=exchange.tls_maximum_version,
        tls_session_tickets=exchange.tls_session_tickets,
        inside4=inside.get(4),
        inside6=inside.get(6),
        public_address_use=exchange.public_address_use,
        also_public4=_former_text(exchange.also_public_ip4),
        also_public6=_former_text(exchange.also_public_ip6),
        also_explicit_port=former_value(exchange.also_explicit_port),
        also_implicit_port=former_value(exchange.also_implicit_port),
        also_passive=former_value(exchange.also_passive_ports),
        until=tuple((key, former.until) for key in FORMER if (former := getattr(exchange, f"also_{key}")) is not None),
    )


def _former_text(former: Former[IPv4Address] | Former[IPv6Address] | None) -> str | None:
    return None if former is None else str(former.value)


network = lru_cache(maxsize=4096)(ip_network)
"""A network from its text; the files of a pack need the same few repeatedly."""


@lru_cache(maxsize=64)
def texts(networks: tuple[Network, ...]) -> tuple[str, ...]:
    """Networks as rules and guides write them; a pack needs the same few repeatedly."""
    return tuple(map(str, networks))


def families(service: PackService, customer: Customer) -> tuple[Family, ...]:
    """The families that customer and service share; none is an error, never "any address"."""
    shared = tuple(family for family in FAMILIES if service.public(family) and customer.sources(family))
    if not shared:
        raise ExchangeError(
            "shares no address family with the service, and an empty list never means 'from anywhere'",
            customer=customer.name,
            field="sources",
            value=[str(source) for family in FAMILIES for source in customer.sources(family)],
            remedy="Give addresses of a family that the service has, or give exchange.public_ip4 or public_ip6",
        )
    return shared
