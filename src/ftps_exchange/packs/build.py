"""One customer's whole pack as files in memory; nothing here looks at a disk or a clock."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from .changes import changes_markdown, facts_of, former_of, next_changes
from .flows import jobs
from .formats import REGISTRY
from .guide import Edition, Files, guides
from .profiles import profiles
from .programs import programs
from .rules import TABLE, render_rules
from .scripts import selftest_ps1, selftest_sh
from .subject import Subject
from .text import indented_json
from .updates import updates

MADE_BY: Final = "ftps-exchange customer pack"
"""By this a pack is known as ours: nothing without it is ever changed or removed."""
MARKER: Final = "pack.json"
EXECUTABLE: Final = frozenset({"selftest.sh"})

# What is known only when all is made; nobody's text can hold these characters (escape.one_line)
_VERSION, _DATE = Markup("\ue000version\ue000"), Markup("\ue000date\ue000")
_SHOWN: Final = 12
"""As many characters of the version are printed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """Which formats of rules a pack has."""

    customer: tuple[str, ...]
    """For the customer's side, besides the table and the firewall that the customer file names."""
    provider: tuple[str, ...]
    """For the provider's side: for an edge that is not ours."""

    def for_customer(self, firewall: str | None) -> tuple[str, ...]:
        """The formats of the customer's side, each once."""
        return tuple(sorted({*self.customer, *([firewall] if firewall else [])}))


@dataclasses.dataclass(frozen=True, slots=True)
class Pack:
    """The files of a pack by path, ``pack.json`` last, and whether it announces a change that is new."""

    files: dict[str, bytes]
    version: str
    new_change: bool


def build_pack(
    subject: Subject,
    choice: Choice,
    inputs: str,
    previous: Mapping[str, Any] | None,
    deadline: str | None,
    rules_before: Mapping[str, str] | None = None,
    today: datetime.date = datetime.date.min,
) -> Pack:
    """Everything of one pack. ``previous`` is the ``pack.json`` of the one before, ``rules_before`` its rules.

    The version is a hash over all files, with neither version nor date in them: a pack that says the same as before has
    the version and the date that it had.
    """
    formats = choice.for_customer(subject.customer.firewall)
    rules, provider_rules = _rules(subject, formats, choice.provider)
    facts = facts_of(subject)
    changes, new_change = next_changes(previous, facts, deadline, former_of(subject))
    clients = {f"clients/{name}": text for name, text in profiles(subject).items()}
    texts = {
        **updates(subject.customer, rules_before or {}, {**rules, **provider_rules}),
        **rules,
        **provider_rules,
        **clients,
        **programs(subject),
        "selftest.sh": selftest_sh(subject),
        "selftest.ps1": selftest_ps1(subject),
    }
    if subject.own_authority:
        texts["ca.pem"] = subject.offer.authorities.pem
    if changes:
        texts["CHANGES.md"] = changes_markdown(subject, changes, _named(rules, subject.customer.firewall))
    named = Files(_named(rules, subject.customer.firewall), bool(changes))
    undated = guides(subject, named, Edition(_VERSION, _DATE))
    texts |= undated
    files = {path: texts[path].encode() for path in sorted(texts)}
    sums = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    whole = digest(f"{path} {sums[path]}".encode() for path in sums)
    same = previous is not None and previous["version"] == whole
    date = str(previous.get("date") if previous and same else "") or today.isoformat()
    for path, text in undated.items():
        files[path] = text.replace(_VERSION, whole[:_SHOWN]).replace(_DATE, date).encode()
        sums[path] = hashlib.sha256(files[path]).hexdigest()
    files[MARKER] = _marker(subject, formats, choice.provider, facts, changes, sums, (whole, date), inputs)
    return Pack(files, whole, new_change)


def _rules(
    subject: Subject, customer_formats: Sequence[str], provider_formats: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The files of both sides."""
    found: dict[str, dict[str, str]] = {"rules": {}, "provider": {}}
    # The table says both sides; where our server stands behind our own firewall is nobody's business there.
    outside = dataclasses.replace(subject.service, inside4=None, inside6=None)
    # A provider's translation leads from one address to one other: nothing else is asked for where nobody wants it
    service = subject.service if provider_formats else outside
    sides = jobs(service, subject.customer)
    for name in sorted({*customer_formats, *provider_formats}):
        for file, text in render_rules(name, service, subject.customer, sides).items():
            folder, wanted = (
                ("provider", provider_formats) if _side(file) == "provider" else ("rules", customer_formats)
            )
            if name in wanted:
                found[folder][f"{folder}/{file}"] = text
    for file, text in render_rules(TABLE, outside, subject.customer).items():
        found["rules"][f"rules/{file}"] = text
    return found["rules"], found["provider"]


def _side(file: str) -> str:
    """``aws-customer-network-firewall.json`` is the customer's; the table has no side in its name."""
    return file.partition("-")[2].replace(".", "-").partition("-")[0]


def _named(rules: Iterable[str], firewall: str | None) -> tuple[str, ...]:
    """The files that a customer reads first: of the own firewall, and the table."""
    own = [path for path in rules if firewall and REGISTRY[firewall].made(path.removeprefix("rules/"))]
    return (*own, *(path for path in rules if path.startswith("rules/firewall.")))


def _marker(
    subject: Subject,
    formats: Sequence[str],
    provider: Sequence[str],
    facts: Mapping[str, Any],
    changes: Sequence[Mapping[str, Any]],
    sums: Mapping[str, str],
    edition: tuple[str, str],
    inputs: str,
) -> bytes:
    customer = subject.customer
    content = {
        "made_by": MADE_BY,
        "schema": 1,
        "exchange": subject.service.name,
        "customer": customer.name,
        "version": edition[0],
        "date": edition[1],
        "language": subject.language,
        "facts": facts,
        "certificate": {
            "name": subject.fqdn,
            "trusted_by": "ca.pem" if subject.own_authority else "the operating system",
        },
        "authorities": [dataclasses.asdict(one) for one in subject.offer.authorities.certificates],
        "sources": list(subject.sources),
        "inside_networks": list(subject.clients) if subject.clients != subject.sources else [],
        "firewall": customer.firewall,
        "rule_formats": list(formats),
        "provider_rule_formats": list(provider),
        "accounts": [
            {"name": one.name, "access": one.access, "expires": one.expires, "enabled": one.enabled}
            for one in customer.accounts
        ],
        "shares": [
            {"path": share.path, "access": share.access, "description": share.description} for share in customer.shares
        ],
        "changes": list(changes),
        "files": dict(sums),
        "inputs": inputs,
    }
    return (indented_json(content) + "\n").encode()


def digest(parts: Iterable[bytes]) -> str:
    """SHA-256 over parts that cannot run into each other."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(len(part).to_bytes(8, "big") + part)
    return hashed.hexdigest()


@cache
def program() -> bytes:
    """What the packs are made by: another version of it may make other files from the same customer."""
    package = Path(__file__).parent
    sources = sorted(path for path in package.rglob("*") if path.is_file() and path.suffix not in (".pyc",))
    parts = [path.relative_to(package).as_posix().encode() + b"\n" + path.read_bytes() for path in sources]
    return digest(parts).encode()
