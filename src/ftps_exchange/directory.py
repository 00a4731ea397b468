"""Checked model -> the objects of the managed OU: organisational units, groups with their direct members, users.

=============================  ==================================================================================
``OU=Accounts``                one user an account of every present or suspended customer
``OU=Groups``                  global security groups
``<prefix>customers``          every account: may walk through the parents of what it may use
``<prefix>home-<customer>-*``  ``read`` or ``write`` in the home of one customer
``<prefix>share-<share>-*``    ``read`` or ``write`` in one share
=============================  ==================================================================================

An account is a *direct* member, so that one search tells who may do what, and it is in at most one of a pair. An
account with ``access: read`` reads, in shares too, regardless of its customer's rights. Suspended and expired accounts
keep their memberships (and are disabled): lifting a suspension is one change. Accounts of absent customers are in no
list, so the step that applies this disables them and takes their memberships.
"""

from __future__ import annotations

from datetime import date
from typing import Final, TypedDict

from .errors import ExchangeError
from .model.view import Access, Account, Customer, Model, effective_access, read_model

ACCESSES: Final[tuple[Access, Access]] = ("read", "write")

LONGEST_COMMON_NAME: Final = 64
"""``rangeUpper`` of Common-Name in the Active Directory schema (MS-ADA1, 2.110 Attribute cn)."""

NEVER_EXPIRES: Final = 0
"""accountExpires 0 and 2^63 - 1 both mean never (MS-ADA1, 2.2 Attribute accountExpires); this project writes 0."""

FILETIME_EPOCH: Final = date(1601, 1, 1)
"""A FILETIME counts from here, in UTC (MS-DTYP, 2.3.3 FILETIME)."""

FILETIME_PER_DAY: Final = 24 * 60 * 60 * 10_000_000
"""A FILETIME counts units of 100 nanoseconds."""

_SUCH_AS: Final = "OU=FTPS Exchange,DC=corp,DC=example"


class OrganisationalUnit(TypedDict):
    """A container, parents first."""

    dn: str
    name: str


class Group(TypedDict):
    """A global security group and its whole list of members, by account name."""

    name: str
    dn: str
    description: str
    members: list[str]


class User(TypedDict):
    """A customer's account. ``account_expires`` is a FILETIME, 0 for never."""

    name: str
    dn: str
    customer: str
    display_name: str
    upn: str
    enabled: bool
    account_expires: int


class Directory(TypedDict):
    """Everything that the managed OU shall hold."""

    ous: list[OrganisationalUnit]
    groups: list[Group]
    users: list[User]
    known_customers: list[str]


def exchange_directory(model: object) -> Directory:
    """Checked model -> the desired content of the managed OU, each list sorted by name (units: parents first)."""
    checked = read_model(model)
    managed_ou = checked.exchange.directory.managed_ou
    ou_attribute, ou_name, _parent = split_first_rdn(managed_ou)
    if ou_attribute.upper() != "OU":
        raise ExchangeError(
            "is not an organisational unit",
            field="exchange.directory.managed_ou",
            value=managed_ou,
            remedy=f"Give the distinguished name of an OU that the exchange has for itself, such as {_SUCH_AS}",
        )
    accounts_ou = f"OU=Accounts,{managed_ou}"
    groups_ou = f"OU=Groups,{managed_ou}"
    return {
        "ous": [
            {"dn": managed_ou, "name": ou_name},
            {"dn": accounts_ou, "name": "Accounts"},
            {"dn": groups_ou, "name": "Groups"},
        ],
        "groups": [
            {
                "name": name,
                "dn": common_name_dn(name, groups_ou),
                "description": description,
                "members": sorted(members),
            }
            for name, (description, members) in sorted(_groups(checked).items())
        ],
        "users": sorted(
            (
                _user(customer, account, checked, accounts_ou)
                for customer in checked.kept
                for account in customer.accounts
            ),
            key=lambda user: user["name"],
        ),
        "known_customers": [customer.name for customer in checked.customers],
    }


def exchange_group_names(model: object) -> list[str]:
    """Checked model -> the names of all groups, sorted: those that folders name in their descriptors."""
    return sorted(_groups(read_model(model)))


def customers_group(model: Model) -> str:
    """The group of everybody who may use the exchange."""
    return f"{model.exchange.directory.group_prefix}customers"


def home_group(model: Model, customer: str, access: Access) -> str:
    """The group of those who may read, or write, in a customer's home."""
    return f"{model.exchange.directory.group_prefix}home-{customer}-{access}"


def share_group(model: Model, share: str, access: Access) -> str:
    """The group of those who may read, or write, in a share."""
    return f"{model.exchange.directory.group_prefix}share-{share}-{access}"


def account_expires(last_day: str | None, customer: str | None = None) -> int:
    """The last valid day (UTC) as accountExpires: the first moment at which the account is no longer valid.

    That moment is the next day at 00:00 UTC. Days before 1601 are refused: they would give 0 or less, and 0 means
    *never*.
    """
    if last_day is None:
        return NEVER_EXPIRES
    remedy = f"Write the last valid day as YYYY-MM-DD, {FILETIME_EPOCH} or later, or leave the key out for no end"
    try:
        day = date.fromisoformat(last_day)
    except ValueError as error:
        raise ExchangeError(
            "is not a date", customer=customer, field="accounts.expires", value=last_day, remedy=remedy
        ) from error
    if day < FILETIME_EPOCH or last_day != day.isoformat():
        raise ExchangeError(
            "is not a date that the directory can store",
            customer=customer,
            field="accounts.expires",
            value=last_day,
            remedy=remedy,
        )
    # Counted in day numbers, since the day after 9999-12-31 is no datetime.date.
    return (day.toordinal() + 1 - FILETIME_EPOCH.toordinal()) * FILETIME_PER_DAY


_ESCAPED_IN_RDN: Final = str.maketrans({"\0": "\\00", **{char: f"\\{char}" for char in '"+,;<>\\'}})


def escape_rdn_value(value: str) -> str:
    """A value as it stands in a distinguished name (RFC 4514, section 2.4)."""
    escaped = value.translate(_ESCAPED_IN_RDN)
    if value.startswith((" ", "#")):
        escaped = f"\\{escaped}"
    if len(value) > 1 and value.endswith(" "):
        escaped = f"{escaped[:-1]}\\ "
    return escaped


def common_name_dn(name: str, container: str) -> str:
    """The distinguished name of an object called ``name`` in ``container``."""
    if len(name) > LONGEST_COMMON_NAME:
        raise ExchangeError(
            f"is longer than the {LONGEST_COMMON_NAME} characters that a directory allows for a common name",
            field="group or account name",
            value=name,
            remedy="Shorten exchange.directory.group_prefix",
        )
    return f"CN={escape_rdn_value(name)},{container}"


def split_first_rdn(dn: str) -> tuple[str, str, str]:
    """``OU=A\\, B,DC=x`` -> ``("OU", "A, B", "DC=x")``: attribute, unescaped value and parent (RFC 4514, section 3)."""
    attribute, equals, rest = dn.partition("=")
    if not equals or not attribute.strip().isalnum():
        raise _no_dn(dn)
    value = bytearray()
    last_unescaped_char = 0
    position = 0
    while position < len(rest) and rest[position] != ",":
        char = rest[position]
        if char == "\\":
            pair = rest[position + 1 : position + 3]
            if pair and pair[0] in ' "#+,;<=>\\':
                value += pair[0].encode()
                position += 2
            elif len(pair) == 2 and all(digit in "0123456789abcdefABCDEF" for digit in pair):
                value.append(int(pair, 16))
                position += 3
            else:
                raise _no_dn(dn)
            last_unescaped_char = len(value)
            continue
        if char in '"+;<>\0':
            raise _no_dn(dn)
        value += char.encode()
        position += 1
        if char != " ":
            last_unescaped_char = len(value)
    # Blanks round a value count only when they are escaped.
    name = bytes(value[:last_unescaped_char])
    name = name.lstrip(b" ") if rest[:1] == " " else name
    try:
        text = name.decode()
    except UnicodeDecodeError as error:
        raise _no_dn(dn) from error
    if not text:
        raise _no_dn(dn)
    return attribute.strip(), text, rest[position + 1 :]


def _no_dn(dn: str) -> ExchangeError:
    return ExchangeError(
        "is not a distinguished name that this project understands",
        field="exchange.directory.managed_ou",
        value=dn,
        remedy=f"Give each level one attribute and special characters a backslash (RFC 4514), such as {_SUCH_AS}",
    )


def _groups(model: Model) -> dict[str, tuple[str, list[str]]]:
    """Every group by name: its description and its members."""
    by_whom = f"exchange {model.exchange.name}, managed by Ansible"
    verbs = {"read": "may read", "write": "may read and write"}
    groups: dict[str, tuple[str, list[str]]] = {customers_group(model): (f"All customer accounts ({by_whom})", [])}
    for share in model.exchange.shares:
        for access in ACCESSES:
            groups[share_group(model, share.name, access)] = (
                f"Who {verbs[access]} in the share {share.name} ({by_whom})",
                [],
            )
    for customer in model.kept:
        for access in ACCESSES:
            groups[home_group(model, customer.name, access)] = (
                f"Who {verbs[access]} in the home of {customer.name} ({by_whom})",
                [],
            )
        for account in customer.accounts:
            for group in memberships(model, customer, account):
                groups[group][1].append(account.name)
    return groups


def memberships(model: Model, customer: Customer, account: Account) -> list[str]:
    """The groups of an account."""
    return [
        customers_group(model),
        home_group(model, customer.name, account.access),
        *(share_group(model, grant.name, effective_access(account, grant)) for grant in customer.shares),
    ]


def _user(customer: Customer, account: Account, model: Model, accounts_ou: str) -> User:
    return {
        "name": account.name,
        "dn": common_name_dn(account.name, accounts_ou),
        "customer": customer.name,
        "display_name": f"{account.name} ({customer.name})",
        "upn": f"{account.name}@{model.exchange.directory.domain}",
        "enabled": account.enabled and customer.state == "present",
        "account_expires": account_expires(account.expires, customer.name),
    }
