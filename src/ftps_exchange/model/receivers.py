"""Who gets a report of each complete file: the entries of ``exchange.event_receivers`` and the rules in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from ftps_exchange.model import names
from ftps_exchange.model.problems import RefusedError, Rule, nearest
from ftps_exchange.model.receiving import KINDS, split_url
from ftps_exchange.model.strict import Strict
from ftps_exchange.model.wording import as_validator

MOST_ADDRESSES: Final = 4
"""Each is tried in turn, within the time for one request."""

_NAMES_WITHOUT_SLASH: Final = {"pattern": "^[^/]+$"}


def _check_url(url: str) -> str:
    split_url(url)
    return url


def _check_address(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise RefusedError(
            "is not an address.",
            "Write an address, such as 203.0.113.5 or 2001:db8:113::5: firewall rules contain no names.",
        ) from None
    if str(address) != text:
        raise RefusedError("is not in its usual form.", f"Write '{address}'.")
    if address.is_unspecified or address.is_multicast:
        raise RefusedError("is not the address of a host.", "Write the address of the receiver.")
    return text


def _check_program(text: str) -> str:
    if not text.startswith("/") or not text.isprintable():
        raise RefusedError("is not an absolute path.", "Write the whole path of the program, /usr/local/bin/import.")
    return text


def _check_path(text: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", text) or "/.." in text:
        raise RefusedError(
            "is not a path that systemd accepts as it is.",
            "Write an absolute path of letters, digits, '.', '_' and '-', such as /srv/gis/inbox.",
        )
    return text


def _check_user(text: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,30}", text) or text == "root":
        raise RefusedError(
            "is not an unprivileged account.", "Write the name of a local account on the server, never root."
        )
    return text


def _check_argument(text: str) -> str:
    if "\0" in text:
        raise RefusedError("has a zero byte.", "Remove it: no program can receive one in an argument.")
    return text


def _check_pattern(text: str) -> str:
    if not text or "/" in text or not text.isprintable():
        raise RefusedError("is not a pattern for a name.", "Write one such as '*.part', without a slash.")
    return text


Address = Annotated[str, AfterValidator(as_validator(_check_address))]
Addresses = Annotated[list[Address], Field(min_length=1, max_length=MOST_ADDRESSES)]
Email = Annotated[str, AfterValidator(as_validator(names.check_email))]
_ADDRESSES_ARE: Final = (
    f"Addresses of the receiver, 1 to {MOST_ADDRESSES}. Nothing else is contacted: no name is looked up, and the edge "
    "and the unit open these addresses only."
)
_CA_FILE_IS: Final = (
    "File on the control node with the CA of the receiver's certificate, PEM; without it the system's CAs are trusted."
)


class Webhook(Strict):
    """Gets each batch by HTTP, signed."""

    url: Annotated[str, AfterValidator(as_validator(_check_url))] = Field(
        description="Where batches are sent, such as https://gis.example.com/hooks/files; http to this host only."
    )
    addresses: Addresses = Field(description=_ADDRESSES_ARE)
    ca_file: str | None = Field(default=None, description=_CA_FILE_IS)


class Command(Strict):
    """Is run for each batch, which it reads from its standard input."""

    run: Annotated[list[Annotated[str, AfterValidator(as_validator(_check_argument))]], Field(min_length=1)] = Field(
        description="Program on the server and its arguments, such as [/usr/local/bin/import]; no shell is involved."
    )
    user: Annotated[str, AfterValidator(as_validator(_check_user))] | None = Field(
        default=None,
        description="Local account that runs it, never root; without it a temporary one without privileges.",
    )
    writes: list[Annotated[str, AfterValidator(as_validator(_check_path))]] = Field(
        default_factory=list, description="Existing folders and files that it may write, such as [/srv/gis/inbox]."
    )
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=300, description="Seconds after which it is ended, and tried again later (1 to 3600)."
    )


class Mail(Strict):
    """Gets each batch as a mail."""

    to: Annotated[list[Email], Field(min_length=1)] = Field(description="E-mail addresses that get the mail.")
    sender: Email = Field(description="E-mail address that the mail is from.")
    relay: Annotated[str, AfterValidator(as_validator(names.check_host_name))] = Field(
        description="Name of the SMTP relay, which its certificate contains, such as smtp.example.com."
    )
    addresses: Addresses = Field(description=_ADDRESSES_ARE)
    port: Annotated[int, Field(ge=1, le=65535)] = Field(default=587, description="Port of the relay, 1 to 65535.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How TLS begins; tls: from the first byte. With none, no password is sent."
    )
    username: str | None = Field(default=None, description="Account at the relay, if it wants one.")
    ca_file: str | None = Field(default=None, description=_CA_FILE_IS)


class Receiver(Strict):
    """A webhook, a command or a mail, and what it gets."""

    name: Annotated[
        str,
        AfterValidator(as_validator(names.check_service_name)),
        Field(json_schema_extra={"pattern": "^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$"}),
    ] = Field(description="Short name of the receiver, such as gis: 1 to 20 lower-case letters, digits and '-'.")
    webhook: Webhook | None = Field(default=None, description="Gets each batch by HTTP, signed.")
    command: Command | None = Field(default=None, description="Is run on the server for each batch.")
    mail: Mail | None = Field(default=None, description="Gets each batch as a mail.")
    complete: Literal["renamed", "quiet"] = Field(
        default="renamed",
        description=(
            "When a file is complete. renamed: when it gets its final name. quiet: also when it was uploaded under its "
            "own name and nothing happened to it for quiet_seconds."
        ),
    )
    quiet_seconds: Annotated[int, Field(ge=1, le=86400)] = Field(
        default=60, description="Seconds without an operation on the file, for complete: quiet (1 to 86400)."
    )
    temporary_names: list[
        Annotated[str, AfterValidator(as_validator(_check_pattern)), Field(json_schema_extra=_NAMES_WITHOUT_SLASH)]
    ] = Field(
        default=["*.part", "*.filepart", "*.tmp", ".in.*"],
        description="Names of files that are not complete yet, in any case of letters: patterns with * and ?.",
    )
    customers: list[str] | None = Field(
        default=None, description="Customers whose files it gets; without it those of all customers."
    )
    accounts: list[str] | None = Field(
        default=None, description="Accounts whose files it gets; without it those of all accounts."
    )
    homes: bool = Field(default=True, description="Whether it gets files in homes.")
    shares: list[str] | None = Field(
        default=None, description="Shares from which it gets files; without it all, [] for none."
    )
    batch_files: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=50, description="Most files of a customer in one batch (1 to 1000)."
    )
    batch_seconds: Annotated[int, Field(ge=0, le=86400)] = Field(
        default=5, description="Seconds that a file waits for others of the same customer (0 to 86400)."
    )


def receiver_flaws(exchange: Mapping[str, Any], shares: Iterable[str]) -> Iterator[Rule]:
    """Yield what is wrong between the keys of the receivers; takes the raw mapping."""
    entries = exchange.get("event_receivers")
    known, first = sorted(shares), dict[str, int]()
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if not isinstance(entry, dict):
            continue
        where = ("event_receivers", index)
        for path, value, message, remedy in _flaws(entry, known):
            yield (*where, *path), value, message, remedy
        name = entry.get("name")
        if isinstance(name, str) and first.setdefault(name, index) != index:
            yield (
                (*where, "name"),
                name,
                f"is also the name of event_receivers[{first[name]}].",
                "Give each receiver its own name.",
            )


def _flaws(entry: dict[str, Any], shares: list[str]) -> Iterator[Rule]:
    kinds = [kind for kind in KINDS if entry.get(kind) is not None]
    if len(kinds) != 1:
        yield (
            (),
            None,
            f"has {' and '.join(kinds) or 'no way to be reached'}.",
            "Give exactly one of webhook, command and mail; another receiver can have the other.",
        )
    yield from _named(entry, "shares", shares, "share of the service", "Declare it in exchange.shares")
    run = entry["command"].get("run") if isinstance(entry.get("command"), dict) else None
    if isinstance(run, list) and run and isinstance(run[0], str):
        try:
            _check_program(run[0])
        except RefusedError as refused:
            yield ("command", "run", 0), run[0], refused.message, refused.remedy
    webhook, mail = entry.get("webhook"), entry.get("mail")
    if isinstance(webhook, dict):
        yield from _webhook_flaws(webhook)
    if isinstance(mail, dict) and mail.get("security") == "none" and mail.get("username") is not None:
        yield (
            ("mail", "security"),
            "none",
            "would send the password of username in clear.",
            "Use starttls or tls, or remove username.",
        )


def _webhook_flaws(webhook: dict[str, Any]) -> Iterator[Rule]:
    try:
        url = split_url(str(webhook.get("url")))
    except RefusedError:
        return  # reported where the key itself is checked
    addresses = [address for text in _list(webhook.get("addresses")) if (address := _address(text))]
    if url.scheme == "http" and not all(address.is_loopback for address in addresses):
        yield (
            ("webhook", "url"),
            webhook["url"],
            "sends the names of files without TLS.",
            "Write https://; http is for a receiver on the server itself (127.0.0.1 or ::1).",
        )
    literal = _address(url.hostname)
    if literal is not None and addresses and literal not in addresses:
        yield (
            ("webhook", "addresses"),
            webhook["addresses"],
            f"does not contain {literal}, the address in the URL.",
            f"Write [{literal}].",
        )


def unknown_names(exchange: object, customers: Iterable[str], accounts: Iterable[str]) -> Iterator[Rule]:
    """Yield the customers and accounts of receivers that no file has."""
    entries = exchange.get("event_receivers") if isinstance(exchange, dict) else None
    customers, accounts = sorted(customers), sorted(accounts)
    for index, entry in enumerate(_list(entries)):
        if isinstance(entry, dict):
            for path, value, message, remedy in (
                *_named(entry, "customers", customers, "customer", "Add its file"),
                *_named(entry, "accounts", accounts, "customer's account", "Add it to a customer's file"),
            ):
                yield ("event_receivers", index, *path), value, message, remedy


def _named(entry: Mapping[str, Any], key: str, known: list[str], what: str, remedy: str) -> Iterator[Rule]:
    for index, name in enumerate(_list(entry.get(key))):
        if isinstance(name, str) and name not in known:
            guess = nearest(name, known)
            yield (
                (key, index),
                name,
                f"is not a {what}.",
                f"{remedy}, or correct it." + (f" Did you mean '{guess}'?" if guess else ""),
            )


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _address(text: object) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(str(text))
    except ValueError:
        return None
