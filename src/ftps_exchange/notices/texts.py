"""What notices say: to operators in English, to customers in the language of their pack.

``make translations`` collects the texts for customers. They contain nothing internal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ftps_exchange.amounts import size
from ftps_exchange.model.view import Contact
from ftps_exchange.packs.language import N_, catalogue

from .compute import Notice

OPERATORS: Final = {
    ("certificate", "ends"): "{server}: the certificate ends on {date} ({days_left}). Renew it: "
    "playbooks/renew_certificate.yml.",
    ("certificate", "ended"): "{server}: the certificate ended on {date}. Nobody can connect. Renew it: "
    "playbooks/renew_certificate.yml.",
    ("account", "ends"): "{account} expires after {date} ({days_left}). To keep it, set a later day in the "
    "customer file.",
    ("account", "ended"): "{account} expired after {date}.",
    ("password", "due"): "{account}: the password is due on {date} ({days_left}). New one: "
    "playbooks/rotate_password.yml.",
    ("password", "overdue"): "{account}: the password was due on {date}. New one: playbooks/rotate_password.yml.",
    ("quota", "bytes"): "{folder} is {percent} % full ({used_size} of {limit_size}).",
    ("quota", "files"): "{folder} has {percent} % of the files that it may have ({used} of {limit}).",
    ("idle", "since"): "no transfer since {date}.",
    ("idle", "nothing"): "no transfer in the logs, which go back {days} days or more.",
    ("pack", "outdated"): "the pack of {date} is out of date. Write it again with make packs, and send it.",
    ("pack", "missing"): "there is no pack. Write it with make packs, and send it.",
    ("knocking", "suspended"): "suspended, but its networks still try to connect ({packets} packets refused). "
    "Programs on their side may go on forever: ask them to stop, or open the access again.",
}
"""By kind and variant."""

CUSTOMERS: Final = {
    ("account", "ends"): N_(
        "Your account {account} works until {date} and ends after that day. Please contact us if you need it longer."
    ),
    ("account", "ended"): N_("Your account {account} ended after {date}. Please contact us if you still need it."),
    ("password", "due"): N_(
        "The password of your account {account} is due for replacement on {date}. Please arrange with us when we "
        "replace it."
    ),
    ("password", "overdue"): N_(
        "The password of your account {account} was due for replacement on {date}. Please arrange with us when we "
        "replace it."
    ),
    ("quota", "bytes"): N_(
        "Your folder is {percent} % full ({used_size} of {limit_size}). When it is full, uploads fail. Please delete "
        "files that are no longer needed."
    ),
    ("quota", "files"): N_(
        "Your folder holds {used} of at most {limit} files. When it is full, uploads fail. Please delete files that "
        "are no longer needed."
    ),
    ("idle", "since"): N_(
        "Your last transfer was on {date}. If you expected transfers since then, please check your programs."
    ),
    ("idle", "nothing"): N_(
        "You have not transferred any file for at least {days} days. If you expected transfers, please check your "
        "programs."
    ),
}
"""By kind and variant."""

SUBJECT: Final = N_("Your access to {fqdn}: please read")
GREETING: Final = N_("Hello {name},")
GREETING_WITHOUT_NAME: Final = N_("Hello,")
INTRODUCTION: Final = N_("this is about your access to our file exchange {fqdn}.")
CONTACT: Final = N_("You can reach us here: {contact}")
CLOSING: Final = N_("This message was sent by a program. Dates are in UTC.")


def for_operators(notice: Notice) -> str:
    """One line in English, with the customer if it has one."""
    text = OPERATORS[notice.kind, notice.variant].format(**_values(notice))
    return f"{notice.customer}: {text}" if notice.customer else text


def for_customer(notice: Notice, language: str) -> str:
    """A sentence for the customer's contact."""
    return catalogue(language).filled(CUSTOMERS[notice.kind, notice.variant], **_values(notice))


def _values(notice: Notice) -> dict[str, str | int]:
    values = dict(notice.values)
    for name in ("used", "limit"):
        if name in values:
            values[f"{name}_size"] = size(int(values[name]))
    if "days" in values:
        days = int(values["days"])
        values["days_left"] = "today" if days == 0 else f"in {days} day{'' if days == 1 else 's'}"
    return values


def customer_mail(
    language: str, fqdn: str, name: str | None, found: Sequence[Notice], contact: Contact
) -> tuple[str, str]:
    """(subject, text) of a mail to a customer's contact."""
    say = catalogue(language).filled
    several = len({notice.customer for notice in found}) > 1
    lines = [say(GREETING, name=name) if name else say(GREETING_WITHOUT_NAME), "", say(INTRODUCTION, fqdn=fqdn), ""]
    for notice in found:
        text = for_customer(notice, language)
        lines.append(f"- {notice.customer}: {text}" if several else f"- {text}")
    ways = ", ".join(part for part in (contact.name, contact.email, contact.phone) if part)
    if ways:
        lines += ["", say(CONTACT, contact=ways)]
    return say(SUBJECT, fqdn=fqdn), "\n".join([*lines, "", say(CLOSING), ""])


def operators_mail(
    exchange: str, fqdn: str, found: Sequence[Notice], unreachable: Sequence[str], missing: Sequence[str]
) -> tuple[str, str]:
    """(subject, text) of the mail to the operators."""
    number = f"{len(found)} notice{'' if len(found) == 1 else 's'}"
    lines = [f"{number} about the exchange {exchange} ({fqdn}), in addition to what was sent before:", ""]
    lines += [f"- {for_operators(notice)}" for notice in found]
    if unreachable:
        lines += ["", "These customers get no notices, because their files have no contact.email: "]
        lines[-1] += f"{', '.join(unreachable)}."
    if missing:
        lines += ["", "Not looked at, so notices about it may be missing:", *(f"- {line}" for line in missing)]
    lines += ["", "The whole picture: make status (docs/status.md). Thresholds: docs/notices.md.", ""]
    return f"{fqdn}: {number}", "\n".join(lines)
