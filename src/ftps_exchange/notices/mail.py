"""Notices -> one mail for each contact, and the way to the relay."""

from __future__ import annotations

import datetime
import smtplib
import ssl
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final, Literal

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.problems import printable
from ftps_exchange.model.view import Contact, Customer, Model

from .compute import Notice
from .memory import Memory, due
from .texts import customer_mail, operators_mail

type Security = Literal["starttls", "tls", "none"]

OPERATORS: Final = "operators"
"""The recipient in the memory; no customer's address looks like it."""
TIMEOUT: Final = 30.0


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to come: for whom, what it says, and the notices that are then sent."""

    recipient: str
    """In the memory."""
    to: tuple[str, ...]
    subject: str
    text: str
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Who writes, and to whom."""

    sender: str
    operators: tuple[str, ...] = ()
    customers: Collection[str] = ()
    """Kinds of notices that customers get."""
    contact: Contact = field(default_factory=Contact)
    """Whom customers ask."""


@dataclass(frozen=True, slots=True)
class Relay:
    """An SMTP server that takes mail."""

    host: str
    port: int
    security: Security = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""


def mails(
    model: Model,
    found: Sequence[Notice],
    addresses: Addresses,
    memory: Memory,
    now: datetime.datetime,
    repeat_after: datetime.timedelta,
    missing: Sequence[str] = (),
) -> list[Mail]:
    """The mails that are due: one for the operators, and one for each contact, whichever customers it is for."""
    result = []
    for_customers = [notice for notice in found if notice.customer and notice.kind in addresses.customers]
    customers = {customer.name: customer for customer in model.customers}
    news = due(found, memory.get(OPERATORS, {}), now, repeat_after)
    if news and addresses.operators:
        names = {notice.customer for notice in news if notice in for_customers}
        unreachable = sorted(name for name in names if name and customers[name].contact.email is None)
        subject, text = operators_mail(model.exchange.name, model.exchange.fqdn, news, unreachable, missing)
        result.append(Mail(OPERATORS, addresses.operators, subject, text, tuple(news)))
    for address, own in _by_contact(customers, for_customers):
        new = due(own, memory.get(address, {}), now, repeat_after)
        if new:
            first = customers[str(new[0].customer)]
            languages = {customers[str(notice.customer)].language for notice in new}
            # One person for several customers gets one mail, in one language
            language = first.language if len(languages) == 1 else model.exchange.language
            subject, text = customer_mail(language, model.exchange.fqdn, first.contact.name, new, addresses.contact)
            result.append(Mail(address, (str(first.contact.email),), subject, text, tuple(new)))
    return result


def _by_contact(customers: Mapping[str, Customer], found: Sequence[Notice]) -> Iterator[tuple[str, list[Notice]]]:
    by_address: dict[str, list[Notice]] = {}
    for notice in found:
        email = customers[str(notice.customer)].contact.email
        if email:
            by_address.setdefault(email.casefold(), []).append(notice)
    yield from by_address.items()


def message(mail: Mail, addresses: Addresses, now: datetime.datetime) -> EmailMessage:
    """The mail as it goes to the relay. Headers refuse line breaks by themselves; names of customers have none."""
    made = EmailMessage()
    made["From"] = addresses.sender
    made["To"] = ", ".join(mail.to)
    made["Subject"] = printable(mail.subject)
    made["Date"] = format_datetime(now)
    made["Message-ID"] = make_msgid(domain=addresses.sender.rpartition("@")[2])
    # So that out-of-office programs do not answer (RFC 3834)
    made["Auto-Submitted"] = "auto-generated"
    if mail.recipient != OPERATORS and addresses.contact.email:
        made["Reply-To"] = addresses.contact.email
    made.set_content("\n".join(printable(line) for line in mail.text.split("\n")))
    return made


def deliver(
    found: Sequence[Mail], addresses: Addresses, relay: Relay, now: datetime.datetime, accepted: Callable[[Mail], None]
) -> list[str]:
    """Send the mails over one connection, and call ``accepted`` after each. Returns problems: one for each mail."""
    try:
        connection = _connect(relay)
    except (OSError, smtplib.SMTPException) as error:
        raise ExchangeError(
            f"does not take mail: {_reason(error)}",
            field="notices_smtp_host",
            value=f"{relay.host}:{relay.port}",
            remedy="Check notices_smtp_host, _port, _security, _ca_file, _username and _password. Nothing was sent and "
            "nothing is lost: the next run sends it",
        ) from None
    problems = []
    with connection:
        for mail in found:
            try:
                refused = connection.send_message(message(mail, addresses, now))
            except (OSError, ValueError, smtplib.SMTPException) as error:
                problems.append(f"mail to {', '.join(mail.to)}: {_reason(error)}")
                continue
            # Some operators have it; for the others somebody has to correct the address
            problems += [f"mail to {address}: {_refusal(*reply)}" for address, reply in refused.items()]
            accepted(mail)
    return problems


def _connect(relay: Relay) -> smtplib.SMTP:
    if relay.password and relay.security == "none":
        raise ExchangeError(
            "would send the password in clear text",
            field="notices_smtp_security",
            value=relay.security,
            remedy="Use starttls or tls, or no notices_smtp_username",
        )
    trusted = ssl.create_default_context(cafile=relay.ca_file or None)
    connection: smtplib.SMTP
    if relay.security == "tls":
        connection = smtplib.SMTP_SSL(relay.host, relay.port, timeout=TIMEOUT, context=trusted)
    else:
        connection = smtplib.SMTP(relay.host, relay.port, timeout=TIMEOUT)
    try:
        if relay.security == "starttls":
            connection.starttls(context=trusted)
        if relay.username:
            connection.login(relay.username, relay.password)
    except BaseException:
        connection.close()
        raise
    return connection


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "; ".join(_refusal(*reply) for reply in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return _refusal(error.smtp_code, error.smtp_error)
    return printable(str(error) or type(error).__name__)


def _refusal(code: int, text: bytes | str) -> str:
    return printable(f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}")
