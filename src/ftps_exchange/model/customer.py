"""One customer: the keys of a customer file, and the rules between them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticKnownError

from ftps_exchange.model import names, networks
from ftps_exchange.model.days import DAY_SCHEMA, last_day
from ftps_exchange.model.exchange import KeepDays, Quota, ShareName, _name_schema, entry_names
from ftps_exchange.model.languages import Language
from ftps_exchange.model.problems import RefusedError, Rule, printable
from ftps_exchange.model.strict import Strict
from ftps_exchange.model.wording import as_validator

Access = Literal["read", "write"]

_NETWORK_SCHEMA = {
    "type": "string",
    "minLength": 2,
    "pattern": "^([0-9]{1,3}(\\.[0-9]{1,3}){3}(/[0-9]{1,2})?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(/[0-9]{1,3})?)$",
}

Source = Annotated[str, AfterValidator(as_validator(networks.check_source)), Field(json_schema_extra=_NETWORK_SCHEMA)]
InsideNetwork = Annotated[
    str, AfterValidator(as_validator(networks.check_inside_network)), Field(json_schema_extra=_NETWORK_SCHEMA)
]
Line = Annotated[str, AfterValidator(as_validator(names.check_line))]


def _firewalls() -> list[str]:
    # Imported here: the formats are written on top of this model
    from ftps_exchange.packs.formats import REGISTRY

    return list(REGISTRY)


def _check_firewall(name: str) -> str:
    from ftps_exchange.packs.formats import GONE

    known = _firewalls()
    if name in GONE:
        raise RefusedError("is not one of the choices.", GONE[name])
    if name not in known:
        raise PydanticKnownError(
            "literal_error", {"expected": " or ".join(", ".join(map(repr, known)).rsplit(", ", 1))}
        )
    return name


def _firewall_schema(schema: dict[str, Any]) -> None:
    schema["enum"] = _firewalls()


Firewall = Annotated[str, AfterValidator(as_validator(_check_firewall)), Field(json_schema_extra=_firewall_schema)]


class Contact(Strict):
    """Who answers questions at the customer."""

    name: Line | None = Field(default=None, description="Name of a person or a team.")
    email: (
        Annotated[str, AfterValidator(as_validator(names.check_email)), Field(json_schema_extra={"format": "email"})]
        | None
    ) = Field(default=None, description="E-mail address.")
    phone: Line | None = Field(default=None, description="Telephone number, in quotes: '+32 2 555 01 23'.")


class Account(Strict):
    """One login of the customer."""

    name: Annotated[
        str,
        AfterValidator(as_validator(lambda name: names.check_name("account", name))),
        Field(json_schema_extra=_name_schema("account")),
    ] = Field(description="Login name, unique among all customers, at most 20 characters, such as acme-up.")
    access: Access = Field(
        description=(
            "Access to the customer's own home: write (upload and read) or read. "
            "A reader is a reader in shares too, whatever the customer has there."
        )
    )
    expires: Annotated[datetime.date, last_day("the account may log in"), DAY_SCHEMA] | None = Field(
        default=None,
        description="Last day (UTC) on which the account may log in, such as 2027-12-31; null or omitted: no end.",
    )


class ShareGrant(Strict):
    """A share that the customer has."""

    name: ShareName = Field(description="Name of one of the shares in exchange.shares.")
    access: Access = Field(description="read or write, for the customer's accounts; readers at home only read here.")


class Customer(Strict):
    """One customer of the exchange."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"state": {"const": "absent"}}, "required": ["state"]},
            "else": {"required": ["sources", "accounts"]},
        }
    )

    name: (
        Annotated[
            str,
            AfterValidator(as_validator(lambda name: names.check_name("customer", name))),
            Field(json_schema_extra=_name_schema("customer")),
        ]
        | None
    ) = Field(
        default=None, description="Not needed: the file name without .yml is the name. If given, it must be the same."
    )
    state: Literal["present", "suspended", "absent"] = Field(
        default="present",
        description=(
            "present: may log in. suspended: accounts disabled and addresses closed, everything else kept. "
            "absent: accounts disabled or deleted (exchange.directory.when_absent), data kept."
        ),
    )
    contact: Contact | None = Field(
        default=None, description="Who answers questions: name, email, phone (all optional)."
    )
    sources: list[Source] = Field(
        default_factory=list,
        description=(
            "Networks that the customer connects from, as the service sees them (behind the customer's own NAT), such "
            "as 198.51.100.20/32 and '2001:db8:100::20/128'. Not wider than /16 (IPv4) or /32 (IPv6)."
        ),
        json_schema_extra={"minItems": 1},
    )
    inside_networks: list[InsideNetwork] = Field(
        default_factory=list,
        description="The same hosts as the customer's own firewall sees them, if that differs, such as 10.77.20.0/24.",
    )
    shared_exit: bool = Field(
        default=False,
        description="true: other customers with true may use the same addresses.",
    )
    implicit_tls: bool = Field(
        default=False,
        description=(
            "true: some of the customer's clients know implicit TLS only, so its pack opens exchange.implicit_port too."
        ),
    )
    firewall: Firewall | None = Field(
        default=None, description="The firewall that the customer's IT staff runs; chooses the rules of its pack."
    )
    language: Language | None = Field(
        default=None,
        description="Language of the customer's pack: en, de, fr, nl or es; exchange.language by default.",
    )
    keep_days: KeepDays | None = Field(
        default=None,
        description=(
            "Days after their last change when files in the customer's home are removed, 1 to 3650, or forever; "
            "exchange.keep_days by default. Nothing is removed of a suspended or absent customer."
        ),
    )
    quota: Quota | None = Field(
        default=None,
        description="How much the customer's home may hold. What is not said here comes from exchange.quota.",
    )
    accounts: list[Account] = Field(
        default_factory=list, description="Logins of the customer; at least one.", json_schema_extra={"minItems": 1}
    )
    shares: list[ShareGrant] = Field(default_factory=list, description="Shares of the customer; none if omitted.")


def rules_between_keys(customer: dict[str, Any], name: str) -> Iterator[Rule]:
    """Yield (path, value, message, remedy) for rules between the keys of one customer.

    Takes the raw mapping, so that one broken key does not hide the problems between the others.
    """
    stated = customer.get("name")
    if isinstance(stated, str) and stated != name:
        yield (
            ("name",),
            stated,
            "differs from the name of the file.",
            f"Remove the key, or rename the file: the file name says '{printable(name)[:40]}'.",
        )
    for key, what in (("sources", "network"), ("accounts", "account")):
        if key not in customer:
            # An absent customer needs nothing else; given values are still checked.
            if customer.get("state", "present") in ("present", "suspended"):
                description = Customer.model_fields[key].description
                yield (), None, f"has no '{key}'.", f"Add at least one {what}: {description}"
        elif customer[key] == [] and customer.get("state") != "absent":
            yield (key,), [], "is empty.", f"Give at least one {what}, or set state: suspended or absent."
    yield from _duplicates_within(customer)


def _duplicates_within(customer: dict[str, Any]) -> Iterator[Rule]:
    seen: dict[str, int] = {}
    for index, share in entry_names(customer, "shares"):
        first = seen.setdefault(share.casefold(), index)
        if first != index:
            yield ("shares", index, "name"), share, f"stands in shares[{first}] too.", "Keep one, with one access."


def source_networks(customer: dict[str, Any]) -> Iterator[tuple[int, networks.Network]]:
    """Yield (index, network) of the valid sources."""
    sources = customer.get("sources")
    if isinstance(sources, list):
        for index, text in enumerate(sources):
            if isinstance(text, str):
                try:
                    yield index, networks.parse_network(networks.check_source(text))
                except RefusedError:
                    continue
