"""What a pack is about: one customer, the service as that customer meets it, and what both need to know besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.rules import Ports
from ftps_exchange.model.view import Account, Contact, Customer, Exchange, Family

from .language import N_, Catalogue
from .service import PackService, families, texts


@dataclass(frozen=True, slots=True)
class Authority:
    """One certificate of the CA's file; the fingerprint is SHA-256, as ``AA:BB:…``."""

    subject: str
    fingerprint: str
    last_day: str
    names: tuple[str, ...] = ()
    """The only host names that it may sign for (name constraints); empty where it may sign for any."""


@dataclass(frozen=True, slots=True)
class Authorities:
    """The CA's file as customers get it; without certificates for a CA that operating systems trust anyway."""

    pem: str = ""
    certificates: tuple[Authority, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """What is the same for all customers and says nothing about addresses and ports."""

    authorities: Authorities = field(default_factory=Authorities)
    contact: Contact = field(default_factory=Contact)
    """Whom customers ask."""
    sessions_per_account: int = 8
    idle_ports_answer: bool = True
    """Whether a data port that nobody waits on refuses: a Windows server says nothing instead."""
    iis: bool = False
    """Whether the server is IIS: what that cannot do is not promised (docs/iis.md)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One customer's pack: everything that its texts and scripts are made of."""

    service: PackService
    customer: Customer
    offer: Offer

    @property
    def name(self) -> str:
        """The customer's name."""
        return self.customer.name

    @property
    def fqdn(self) -> str:
        """The service's name."""
        return self.service.fqdn

    @property
    def own_authority(self) -> bool:
        """Whether customers get the CA with the pack; otherwise their systems must trust it already."""
        return bool(self.offer.authorities.certificates)

    @property
    def families(self) -> tuple[Family, ...]:
        """Over which of IPv4 and IPv6 this customer comes."""
        return families(self.service, self.customer)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The service's addresses that this customer may use, each new one before the former."""
        return tuple(address for family in self.families for address in self.service.publics(family))

    @property
    def sources(self) -> tuple[str, ...]:
        """The networks that are let in."""
        return tuple(source for family in self.families for source in texts(self.customer.sources(family)))

    @property
    def clients(self) -> tuple[str, ...]:
        """The same hosts as the customer's own firewall sees them."""
        return tuple(source for family in self.families for source in texts(self.customer.clients(family)))

    @property
    def passive(self) -> str:
        """The data ports as people write them."""
        return ", ".join(f"{first}–{last}" for first, last in self.service.passive_ranges)  # noqa: RUF001

    @property
    def language(self) -> str:
        """Of everything that people read."""
        return self.customer.language

    @property
    def account(self) -> Account:
        """The login that examples use: one that may log in and write, if there is one."""
        return min(self.customer.accounts, key=lambda one: (not one.enabled, one.access != "write"))


def offer_of(exchange: Exchange, authorities: Authorities, contact: Contact) -> Offer:
    """Out of the checked model's ``exchange``."""
    iis = not exchange.root.startswith("/")
    return Offer(
        authorities=authorities,
        contact=contact,
        sessions_per_account=exchange.max_sessions_per_account,
        idle_ports_answer=not iis,
        iis=iis,
    )


def read_authorities(pem: bytes, source: str) -> Authorities:
    """The certificates of a PEM file. Only these go into a pack: a key that lies in the same file never does."""
    # Imported here: making packs needs it, and nothing else of the package does.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ExchangeError(
            "contains no certificate in PEM form",
            field="ca_file",
            value=source,
            remedy="Name the file with the certificate of the CA that customers trust (BEGIN CERTIFICATE)",
        ) from error
    for certificate in certificates:
        if not _may_sign(certificate):
            raise ExchangeError(
                f"contains {certificate.subject.rfc4514_string()}, which is not a CA: it would have to be sent to all "
                "customers again at every renewal",
                field="ca_file",
                value=source,
                remedy="Name the file with the CA's own certificate (basic constraint CA:TRUE)",
            )
    return Authorities(
        pem="".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates),
        certificates=tuple(
            Authority(
                subject=certificate.subject.rfc4514_string(),
                fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
                last_day=certificate.not_valid_after_utc.date().isoformat(),
                names=_only_for(certificate),
            )
            for certificate in certificates
        ),
    )


def _may_sign(certificate: Any) -> bool:
    from cryptography import x509

    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        # A root of version 1 has no extensions; it can only be one that signed itself.
        return bool(certificate.subject == certificate.issuer)


def _only_for(certificate: Any) -> tuple[str, ...]:
    """The host names and domains beside which it may sign for none."""
    from cryptography import x509

    try:
        limits = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(one.value for one in limits.permitted_subtrees or () if isinstance(one, x509.DNSName))


RANGE: Final = N_("{first} to {last}")


def ports_in_words(say: Catalogue, ports: Ports) -> str:
    """A port or a range in a sentence."""
    first, last = ports
    return str(first) if first == last else say.filled(RANGE, first=first, last=last)


def short(say: Catalogue, values: Sequence[str], most: int = 3) -> tuple[str, ...]:
    """The first few of a list, and how many there are besides."""
    if len(values) <= most:
        return tuple(values)
    return (*values[: most - 1], say.filled(N_("and {count} more"), count=len(values) - most + 1))


def both(say: Catalogue, values: Sequence[str]) -> str:
    """One or more things in a sentence."""
    if len(values) == 1:
        return values[0]
    return say.filled(N_("{one} and {other}"), one=", ".join(values[:-1]), other=values[-1])
