"""What must pass: the connections of one customer, as the customer's and as the provider's firewall see them.

This is the one place that decides about it. A renderer only writes it down, and the checker compares what was written
with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ftps_exchange.model.rules import Ports
from ftps_exchange.model.view import FAMILIES, Customer, Family

from .service import PackService, families, texts
from .text import identifier, plain

type Side = Literal["customer", "provider"]


@dataclass(frozen=True, slots=True)
class Flow:
    """New TCP connections of one address family, and the answers to them."""

    family: Family
    sources: tuple[str, ...]
    service: str
    """The address that clients connect to."""
    server: str
    """Where it leads: another address behind a translation of the provider, otherwise the same."""
    ports: tuple[Ports, ...]
    also: bool = False
    """Whether it leads to the former address: another flow of the family leads to the new one."""

    @property
    def label(self) -> str:
        """What distinguishes it in names from the other flows of a job."""
        return f"{self.family}-ALSO" if self.also else str(self.family)

    @property
    def translated(self) -> bool:
        """Whether the provider's firewall translates the service's address."""
        return self.server != self.service


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that one file of rules is made from."""

    side: Side
    service: PackService
    customer: Customer
    flows: tuple[Flow, ...]

    @property
    def name(self) -> str:
        """The beginning of the names of all objects: of the service at a customer's, of the customer at ours."""
        if self.side == "customer":
            return self.service_name
        # Two services may have customers whose names join to the same text: with a dash in it, the hash differs.
        joint = "-" if "-" not in self.service.name else "/"
        return identifier(f"FTPS-{self.service.name}{joint}{self.customer.name}")

    @property
    def service_name(self) -> str:
        """The beginning of the names of objects that all customers of the service share."""
        return identifier(f"FTPS-{self.service.name}")

    @property
    def translated(self) -> tuple[Flow, ...]:
        """The flows whose service address the provider translates; none at a customer's."""
        return tuple(flow for flow in self.flows if flow.translated)

    @property
    def by_family(self) -> tuple[tuple[Family, tuple[Flow, ...]], ...]:
        """The flows of each family."""
        families = dict.fromkeys(flow.family for flow in self.flows)
        return tuple((family, tuple(flow for flow in self.flows if flow.family == family)) for family in families)

    @property
    def missing(self) -> tuple[Family, ...]:
        """The families without rules; an older version may have had some."""
        return tuple(family for family in FAMILIES if family not in {flow.family for flow in self.flows})

    @property
    def who(self) -> str:
        """The customer and who answers there, for a comment."""
        contact = ", ".join(
            plain(part, 60)
            for part in (self.customer.contact.name, self.customer.contact.email, self.customer.contact.phone)
            if part and plain(part)
        )
        return f"{plain(self.customer.name)} ({contact})" if contact else plain(self.customer.name)


def jobs(service: PackService, customer: Customer) -> tuple[Job, Job]:
    """The customer's side and the provider's."""
    shared = families(service, customer)
    return (
        _job("customer", service, customer, shared),
        _job("provider", service, customer, shared),
    )


def _job(side: Side, service: PackService, customer: Customer, shared: tuple[Family, ...]) -> Job:
    flows = tuple(
        _flow(service, customer, side, family, public, also=bool(number))
        for family in shared
        for number, public in enumerate(service.publics(family))
    )
    return Job(side, service, customer, flows)


def _flow(service: PackService, customer: Customer, side: Side, family: Family, public: str, *, also: bool) -> Flow:
    if side == "customer":
        return Flow(family, texts(customer.clients(family)), public, public, service.ports, also)
    server = service.inside(family) or public
    return Flow(family, texts(customer.sources(family)), public, server, service.ports, also)


def port_text(ports: Ports, dash: str = "-") -> str:
    """One port or a range as text."""
    first, last = ports
    return str(first) if first == last else f"{first}{dash}{last}"


CHANGE: Final = "Change: ____________________  Owner: ____________________  Date: ____________________"
"""For whoever loads it to fill in: a date of ours would make another file every day."""

UNTRIED: Final = "Tested: not on a real device. Read the lines before you load them."
REPLACE: Final = "Is an older version loaded? Do not undo it first: load this file, then the end of the file -update."

OPENS_ONLY: Final = "These rules only open. By default this firewall passes everything that no rule of yours drops."


def not_translated(job: Job, *families: Family, remedy: str) -> tuple[str, ...]:
    """A reminder to translate these families elsewhere: this firewall does not do it."""
    return tuple(
        line
        for flow in job.translated
        if flow.family in families
        for line in (
            f"IPv{flow.family} is not translated here: another device must translate {flow.service} to {flow.server}.",
            f"       {remedy}",
        )
    )


def translation_note(job: Job) -> tuple[str, ...]:
    """What of the public address is translated, for firewalls that do it for all customers at once."""
    if not job.translated:
        return ()
    if job.service.public_address_use == "dedicated":
        return ("NAT: the whole address, because the inventory says that nothing else uses it (public_address_use).",)
    return ("NAT: only the ports of this service, because others may use the address (public_address_use).",)


def header(job: Job, how: tuple[str, ...]) -> list[str]:
    """The lines that every file begins with: what, for whom, how to load and undo. No line holds foreign text as is."""
    service = job.service
    to = " and ".join(flow.service for flow in job.flows)
    ports = ", ".join(port_text(ports) for ports in service.ports)
    if job.side == "customer":
        what = [f"Lets {plain(job.customer.name)} reach the FTPS service {service.fqdn}, and nothing else:"]
        what.append(f"outgoing TCP to {to}, ports {ports}, and the answers.")
        what.append("The service never connects back.")
    else:
        what = [f"Lets the customer {plain(job.customer.name)} reach the FTPS service {service.fqdn}, and nobody else:"]
        what.append(f"incoming TCP to {to}, ports {ports}, and the answers.")
    return [*what, f"For: {job.who}", CHANGE, "", *how]


def lines_if(condition: object, *lines: str) -> tuple[str, ...]:
    """Lines of a header that only some files have."""
    return lines if condition else ()


def commented(lines: list[str], prefix: str) -> str:
    """The lines as comments of a language."""
    assert "".join(lines).isprintable(), lines  # noqa: S101 - a line break would end the comment
    return "".join(f"{prefix} {line}".rstrip() + "\n" for line in lines)
