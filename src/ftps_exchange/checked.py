"""The checked model as the desired-state functions read it.

The module ``exchange_model`` has checked everything before any of this runs, so this is no second validation: it turns
plain (or Ansible-tagged, or lazily templated) dictionaries into frozen objects, once, and stops with a clear message
when it is handed something that did not come out of that check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from .errors import ExchangeError

type Access = Literal["read", "write"]
type State = Literal["present", "suspended", "absent"]

_RECHECK: Final = "Pass what the module exchange_model returned, unchanged"
_NAMES_ONLY: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")


@dataclass(frozen=True, slots=True)
class Grant:
    """A customer's right to a share."""

    share: str
    access: Access


@dataclass(frozen=True, slots=True)
class Account:
    """One log-in of a customer. ``expires`` is its last valid day (UTC), ``YYYY-MM-DD``."""

    name: str
    access: Access
    expires: str | None
    enabled: bool


def effective_access(account: Account, grant: Grant) -> Access:
    """What an account may do in a share: an account that reads, reads everywhere."""
    return "write" if account.access == grant.access == "write" else "read"


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer; an absent one has a name and nothing else."""

    name: str
    state: State
    sources4: tuple[str, ...] = ()
    sources6: tuple[str, ...] = ()
    accounts: tuple[Account, ...] = ()
    grants: tuple[Grant, ...] = ()

    @property
    def admitted(self) -> bool:
        """Whether anybody of this customer may reach the service at all."""
        return self.state == "present" and any(account.enabled for account in self.accounts)


@dataclass(frozen=True, slots=True)
class Share:
    """A folder that several customers may be given."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Model:
    """What the desired-state functions need of the checked model, customers, accounts and shares sorted by name."""

    exchange: str
    domain: str
    managed_ou: str
    group_prefix: str
    shares: tuple[Share, ...]
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
    """The checked model as frozen objects.

    Every text is rebuilt by ``str``: what a filter returns must be plain, whatever subclass went in.
    """
    top = _mapping(model, "exchange_model")
    exchange = _mapping(_get(top, "exchange", "exchange_model"), "exchange")
    directory = _mapping(_get(exchange, "directory", "exchange"), "exchange.directory")
    return Model(
        exchange=_text(exchange, "name", "exchange"),
        domain=_text(directory, "domain", "exchange.directory"),
        managed_ou=_text(directory, "managed_ou", "exchange.directory"),
        group_prefix=_name(_text(directory, "group_prefix", "exchange.directory"), "exchange.directory.group_prefix"),
        shares=tuple(sorted(_shares(exchange), key=lambda share: share.name)),
        customers=tuple(sorted(_customers(top), key=lambda customer: customer.name)),
    )


def _shares(exchange: Mapping[str, Any]) -> Iterator[Share]:
    for entry in _list(exchange.get("shares") or [], "exchange.shares"):
        share = _mapping(entry, "exchange.shares")
        name = _name(_text(share, "name", "exchange.shares"), "exchange.shares.name")
        yield Share(name, str(share.get("description") or ""))


def _customers(top: Mapping[str, Any]) -> Iterator[Customer]:
    for entry in _list(_get(top, "customers", "exchange_model"), "customers"):
        customer = _mapping(entry, "customers")
        name = _name(_text(customer, "name", "customers"), "customers.name")
        state = cast("State", _choice(customer, "state", ("present", "suspended", "absent"), name))
        if state == "absent":
            yield Customer(name, state)
            continue
        yield Customer(
            name=name,
            state=state,
            sources4=_texts(customer, "sources4", name),
            sources6=_texts(customer, "sources6", name),
            accounts=tuple(sorted(_accounts(customer, name), key=lambda account: account.name)),
            grants=tuple(sorted(_grants(customer, name), key=lambda grant: grant.share)),
        )


def _accounts(customer: Mapping[str, Any], owner: str) -> Iterator[Account]:
    for entry in _list(customer.get("accounts") or [], "accounts", owner):
        account = _mapping(entry, "accounts", owner)
        name = _name(_text(account, "name", "accounts", owner), "accounts.name", owner)
        enabled = account.get("enabled")
        if not isinstance(enabled, bool):
            raise ExchangeError(
                f"account {name} is neither enabled nor disabled",
                customer=owner,
                field="accounts.enabled",
                value=enabled,
                remedy=_RECHECK,
            )
        expires = account.get("expires")
        yield Account(
            name=name,
            access=cast("Access", _choice(account, "access", ("read", "write"), owner)),
            expires=None if expires is None else str(expires),
            enabled=enabled,
        )


def _grants(customer: Mapping[str, Any], owner: str) -> Iterator[Grant]:
    for entry in _list(customer.get("shares") or [], "shares", owner):
        grant = _mapping(entry, "shares", owner)
        share = _name(_text(grant, "name", "shares", owner), "shares.name", owner)
        yield Grant(share, cast("Access", _choice(grant, "access", ("read", "write"), owner)))


def _mapping(value: object, field: str, customer: str | None = None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ExchangeError("is no dictionary", customer=customer, field=field, value=value, remedy=_RECHECK)
    return value


def _list(value: object, field: str, customer: str | None = None) -> Sequence[Any]:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise ExchangeError("is no list", customer=customer, field=field, value=value, remedy=_RECHECK)
    return value


def _get(mapping: Mapping[str, Any], key: str, field: str, customer: str | None = None) -> Any:
    if key not in mapping:
        raise ExchangeError(f"has no key {key!r}", customer=customer, field=field, remedy=_RECHECK)
    return mapping[key]


def _text(mapping: Mapping[str, Any], key: str, field: str, customer: str | None = None) -> str:
    value = _get(mapping, key, field, customer)
    if not isinstance(value, str) or not value:
        raise ExchangeError(
            "is no text, or an empty one", customer=customer, field=f"{field}.{key}", value=value, remedy=_RECHECK
        )
    return str(value)


def _texts(mapping: Mapping[str, Any], key: str, customer: str) -> tuple[str, ...]:
    return tuple(str(value) for value in _list(mapping.get(key) or [], key, customer))


def _choice(mapping: Mapping[str, Any], key: str, choices: tuple[str, ...], customer: str) -> str:
    value = mapping.get(key)
    if value not in choices:
        raise ExchangeError(
            f"is none of {', '.join(choices)}", customer=customer, field=key, value=value, remedy=_RECHECK
        )
    return str(value)


def _name(value: str, field: str, customer: str | None = None) -> str:
    """A name that is safe as a folder, in an nft comment and in a distinguished name: the alphabet of the model.

    The check of the model is stricter (length, reserved names); this only makes certain that a name which never saw it
    cannot leave the place it is written to.
    """
    if not _NAMES_ONLY.issuperset(value) or ".." in value or value.startswith("."):
        raise ExchangeError(
            "holds a character that no name may have",
            customer=customer,
            field=field,
            value=value,
            remedy="Use lower-case letters, digits, '.', '_' and '-' only; " + _RECHECK[0].lower() + _RECHECK[1:],
        )
    return value
