"""Reads rules back before they leave: nothing but exactly what the model says may pass, whoever wrote the rules.

It shares no code with the renderers. Each line of each file must be one that is known, in full; a line that opens
something must name a source, a destination and ports; and all of it together must equal the model, no more and no
less. So a text that broke out of a comment, an address list that became empty, and a rule that was forgotten are all
reported here, with an ExchangeError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Final, NamedTuple

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.view import Customer, Family

from .languages import LANGUAGES
from .languages.reading import Fact, Language, UnsoundError, joined, lines_of, net, ports_of
from .languages.table import rows_of_side
from .service import PackService, families, texts


def check_rules(format: str, service: PackService, customer: Customer, files: Mapping[str, str]) -> None:  # noqa: A002
    """Raise an ExchangeError unless the files say exactly what the model says."""
    language = LANGUAGES[format]
    for side, variant in product(("customer", "provider"), language.variants or ("",)):
        wanted = set(_expected(_File(format, side, variant, service, customer)))
        try:
            facts = {
                fact
                for name, text in files.items()
                if _says(format, language, name, side, variant)
                for fact in language.read(text if format != "table" else rows_of_side(name, text, side))
            }
        except (UnsoundError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise _refused(format, customer, f"cannot be read back ({error})") from error
        for what, differing in (("opens more than", facts - wanted), ("lacks what", wanted - facts)):
            if differing:
                raise _refused(format, customer, f"{what} the model says, on the side of the {side}: {min(differing)}")


def _says(format: str, language: Language, file: str, side: str, variant: str) -> bool:  # noqa: A002
    if format == "table":
        return True
    _, found, end = file.partition(f"-{side}")
    end = end.partition(".")[0]
    if found and language.variants and end not in language.variants:
        raise UnsoundError(f"an unknown file: {file}")
    return bool(found) and (not language.variants or end == variant)


_REMOVES: Final = re.compile(
    r"no (?:access-list|class-map type inspect match-all|ip access-list extended|ipv6 access-list) FTPS-[A-Za-z0-9-]+.*"
    r"|no policy-map type inspect FTPS-[A-Za-z0-9-]+|no class type inspect FTPS-[A-Za-z0-9-]+|no permit tcp .*"
    r"|delete [a-z0-9 -]*\bFTPS-.*|delete \"FTPS-[A-Za-z0-9-]+\"|config firewall [a-z0-9 -]+|exit|end"
)


def check_update(format: str, customer: Customer, rules: str, update: str) -> None:  # noqa: A002
    """Raise an ExchangeError unless an update only says what the rules say, or removes something of ours."""
    comment = "!" if format.startswith("cisco_") else "#"
    try:
        known = set(lines_of(rules, comment))
        for line in lines_of(update, comment):
            if line not in known and not _REMOVES.fullmatch(line):
                raise UnsoundError(f"neither a line of the rules nor a removal: {line!r}")
    except UnsoundError as error:
        raise _refused(f"{format}, update", customer, f"cannot be read back ({error})") from error


def _refused(format: str, customer: Customer, problem: str) -> ExchangeError:  # noqa: A002
    return ExchangeError(
        f"the generated file {problem}",
        customer=customer.name,
        field=f"rules for {format}",
        remedy="Do not use these rules and report it: this is a fault of ftps-exchange, not of the inventory",
    )


class _File(NamedTuple):
    """What is to be said: of whom, in which format, on which side, and for which of several devices."""

    format: str
    side: str
    variant: str
    service: PackService
    customer: Customer


def _expected(file: _File) -> Iterator[Fact]:
    service, customer = file.service, file.customer
    shared = families(service, customer)
    if file.variant == "-central-nat" and not any(
        service.inside(family) if file.side == "provider" else customer.clients(family) != customer.sources(family)
        for family in shared
    ):
        return  # nothing is translated, so the other file is right for everybody
    for family in shared:
        clients = texts(customer.clients(family) if file.side == "customer" else customer.sources(family))
        for public in service.publics(family):
            server = (service.inside(family) or public) if file.side == "provider" else public
            yield from _passing(file, family, clients, net(public), net(server))
            if public != server:
                yield from _translating(file, family, clients, net(public), net(server))


def _passing(file: _File, family: Family, clients: tuple[str, ...], public: str, server: str) -> Iterator[Fact]:
    format_, side, variant, service, customer = file
    language = LANGUAGES[format_]
    ports = [ports_of(f"{first}-{last}") for first, last in service.ports]
    asked = public if language.asked_before and variant != "-central-nat" else server
    if format_.startswith("pf_"):
        # What leaves a customer has the address that the service knows: with another it must not leave
        outside = texts(customer.sources(family))
        yield from (("in", client, public, port, "") for client, port in product(clients, ports))
        yield from (("out", client, server, port, "") for client, port in product(outside, ports))
    elif format_ == "aws":
        # A security group does not say who has it; the rule group beside it does.
        yield from (("pass", client, server, port, "") for client, port in product(clients, ports))
        peers = (server,) if side == "customer" else clients
        yield from (("group", "", peer, port, "") for peer, port in product(peers, ports))
    else:
        yield from (("pass", client, asked, port, "") for client, port in product(clients, ports))
    if language.answers:
        yield from (("back", client, server, port, "") for client, port in product(clients, ports))
    if format_ == "routeros":
        yield ("jump", f"IPv{family}", "", "", "")
    if format_ == "fortigate" and side == "customer" and customer.clients(family) != customer.sources(family):
        kind = "hide centrally" if variant == "-central-nat" else "hide"
        yield from ((kind, client, public, "", "") for client in clients)


def _translating(file: _File, family: Family, clients: tuple[str, ...], public: str, server: str) -> Iterator[Fact]:
    service, language = file.service, LANGUAGES[file.format]
    if family in language.translates:
        ports = [ports_of(f"{first}-{last}") for first, last in service.ports]
        yield from (("translate", client, public, port, server) for client, port in product(clients, ports))
    if family in language.translates_for_all:
        if service.public_address_use == "dedicated":
            yield ("translate", "", public, "", server)
            return
        if file.format == "cisco_asa" and service.public_address_use == "firewall":
            public = f"interface of IPv{family}"
        yield from (("translate", "", public, port, server) for port in joined(service.ports))
