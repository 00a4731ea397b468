"""The guide that a customer's network and workstation staff gets: what to open, why it is safe, and what to do if not.

What it says is in templates/guide.j2, printed as a page (``guide.html``: self-contained, for screens, phones and A4)
and as Markdown. Here is what the template needs of a customer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from markupsafe import Markup

from . import picture
from .causes import SIDES, causes_for, idle_minutes, symptoms_for
from .changes import NAMES_OF_FACTS, facts_of, former_of, shown
from .document import HTML, MARKDOWN, Code, Foreign, Form, Inline, Link, Side, Words, joined, words
from .formats import REGISTRY
from .language import N_
from .programs import hands_out_tickets, programs_for
from .scripts import fixed
from .subject import Subject
from .templates import template
from .tried import tried_with

_TABLE = "rules/firewall."

SECTIONS: Final = {
    "short": N_("In short"),
    "route": N_("Your route"),
    "open": N_("What to open"),
    "safe": N_("Why this is safe to open"),
    "certificate": N_("Certificate"),
    "clients": N_("Client settings"),
    "programs": N_("If you write your own program"),
    "accounts": N_("Accounts and folders"),
    "exits": N_("Several exits, load balancers, proxies"),
    "selftest": N_("Self-test"),
    "trouble": N_("Troubleshooting"),
}
_ACCESS: Final = {"read": N_("read"), "write": N_("read and write")}
_SIDE_COLOURS: Final = {"you": "you", "we": "we", "you, then we": "both"}
_BLANK_LINES: Final = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Files:
    """What lies in the pack besides the guide, as far as the guide must name it."""

    rules: tuple[str, ...]
    changes: bool


@dataclass(frozen=True, slots=True)
class Edition:
    """Which pack this is: on paper nobody sees what a newer one says."""

    version: str
    date: str


def guides(subject: Subject, files: Files, edition: Edition) -> dict[str, str]:
    """guide.html and guide.md."""
    return {
        "guide.html": _printed("guide.html.j2", subject, files, edition, HTML),
        "guide.md": _BLANK_LINES.sub("\n\n", _printed("guide.md.j2", subject, files, edition, MARKDOWN)).rstrip()
        + "\n",
    }


class _View:
    """The values that a template reads, and which of them it has read."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return self.values[name]


class _Kept:
    """Parts of the guide as they were printed before: most of it is the same for most customers.

    A part that reads only values which it read before, and finds them the same, says the same.
    """

    _MOST: Final = 32

    def __init__(self) -> None:
        self._parts: dict[str, dict[tuple[str, ...], dict[tuple[Any, ...], Markup]]] = {}

    def part(self, view: _View, name: str, print_it: Callable[[], Markup]) -> Markup:
        """A part of the guide, printed unless it was already."""
        values, parts = view.values, self._parts.setdefault(name, {})
        for read, texts in parts.items():
            if (text := texts.get(tuple(values[key] for key in read))) is not None:
                return text
        view.read = set()
        text = print_it()
        read = tuple(sorted(view.read))
        texts = parts.setdefault(read, {})
        if len(texts) >= self._MOST:
            texts.clear()
        texts[tuple(values[key] for key in read)] = text
        return text


@cache
def _kept(language: str, form: Form) -> _Kept:
    """For each language and form, once for each process."""
    return _Kept()


def _printed(name: str, subject: Subject, files: Files, edition: Edition, form: Form) -> str:
    say = words(subject.language, form)
    values = _View(view(subject, files, edition, say))
    kept = _kept(subject.language, form)
    return template(name, form).render(
        _=say,
        say=say.say,
        v=values,
        kept=lambda part, caller: kept.part(values, part, caller),
        section=_section(say, form),
        codes=_codes,
        lines=_lines,
        link=_link,
        links=_links,
        code=_code,
    )


def _section(say: Words, form: Form) -> Callable[[str], Markup]:
    return lambda id_: form.heading(say(SECTIONS[id_]), id_)


def view(subject: Subject, files: Files, edition: Edition, say: Words) -> dict[str, Any]:
    """What the template needs, in the order in which it needs it."""
    service, customer = subject.service, subject.customer
    firewall = REGISTRY[customer.firewall] if customer.firewall else None
    own = tuple(file for file in files.rules if not file.startswith(_TABLE))
    ranges = tuple(f"{first}-{last}" for first, last in service.passive_ranges)
    return dict(  # noqa: C408 - as long as a page
        language=subject.language,
        customer=customer.name,
        fqdn=subject.fqdn,
        reader=_reader(subject),
        contact=_contact(subject),
        date=edition.date,
        version=edition.version,
        style=Markup(fixed("guide.css")),  # noqa: S704 - of this package
        sections=SECTIONS,
        changes=files.changes,
        addresses=subject.addresses,
        # With a plain dash: these are copied
        ports=(*(str(port) for port in (*service.explicit_ports, *service.implicit_ports)), *ranges),
        moves=tuple(_moves(subject, say)),
        control=_listed(service.explicit_ports),
        control_implicit=_listed(service.implicit_ports),
        rules=files.rules,
        drawings=picture.drawings(subject) if say.form is HTML else "",
        characters=picture.characters(subject) if say.form is MARKDOWN else "",
        clients=subject.clients,
        port=service.explicit_port,
        implicit=service.implicit_port,
        passive=subject.passive,
        count=sum(last - first + 1 for first, last in service.passive_ranges),
        one_range=service.also_passive is None,
        firewall=firewall,
        firewall_is_cloud=bool(own) and own[0].endswith(".json"),
        own_rules=own,
        tables=tuple(file for file in files.rules if file.startswith(_TABLE)),
        sources=subject.sources,
        own_ca=subject.own_authority,
        ca_rows=tuple(_certificates(subject, say)),
        ca_names=_limits(subject),
        iis=subject.offer.iis,
        tls_oldest=service.tls_minimum_version,
        tls_newest=service.tls_maximum_version,
        tickets=hands_out_tickets(subject),
        account=subject.account.name,
        sessions=subject.offer.sessions_per_account,
        tried=tuple(
            (name, say(result))
            for name, result in tried_with(service.tls_maximum_version, tickets=service.tls_session_tickets).items()
        ),
        programs=tuple(
            (one.language, _link(one.path), say(one.needs), Code(one.call.format(path=one.path)))
            for one in programs_for(subject)
        ),
        accounts=tuple(
            (
                Code(one.name),
                say(_ACCESS[one.access]),
                say(N_("no longer: expired")) if not one.enabled else one.expires or say(N_("no end date")),
            )
            for one in customer.accounts
        ),
        folders=tuple(_folders(subject, say)),
        idle=idle_minutes(subject),
        causes=tuple(
            (str(one.code), one.step, one.meaning, _side(say, one.who), one.remedy)
            for one in causes_for(subject, say.say)
        ),
        symptoms=tuple(
            (one.sign, one.cause, _side(say, one.who), one.remedy) for one in symptoms_for(subject, say.say)
        ),
    )


def _moves(subject: Subject, say: Words) -> Iterator[tuple[Inline, ...]]:
    """What the service changes now: its name, the new value, the former one, and its last day."""
    former = former_of(subject)
    for key, value in facts_of(subject).items():
        if key in former:
            old, until = former[key]
            yield say(NAMES_OF_FACTS[key]), shown(say, key, value), shown(say, key, old), until


def _listed(ports: Sequence[int]) -> str:
    return ", ".join(map(str, ports))


def _certificates(subject: Subject, say: Words) -> list[tuple[Inline, Inline]]:
    rows: list[tuple[Inline, Inline]] = [(say(N_("Certificate for")), Code(subject.fqdn))]
    for one in subject.offer.authorities.certificates:
        rows += [
            (say(N_("CA")), Foreign(one.subject)),
            (say(N_("SHA-256 of the CA")), Code(one.fingerprint)),
            (say(N_("Last day of the CA")), Code(one.last_day)),
            (
                say(N_("May sign for")),
                _codes(one.names) if one.names else say(N_("any name")),
            ),
        ]
    return [*rows, (say(N_("File")), _link("ca.pem"))]


def _limits(subject: Subject) -> tuple[str, ...]:
    """What the CA may sign for at most; nothing where one of its certificates has no limit."""
    found = [one.names for one in subject.offer.authorities.certificates]
    return tuple(dict.fromkeys(name for names in found for name in names)) if all(found) else ()


def _folders(subject: Subject, say: Words) -> list[tuple[Inline, ...]]:
    own = say(N_("Your own folder; no other customer can see it."))
    return [
        (Code("/"), say(N_("as the account may")), own),
        *(
            (
                Code(share.path),
                say(N_("read")) if share.access == "read" else say(N_("read and write, with accounts that may write")),
                Foreign(share.description) if share.description else "",
            )
            for share in subject.customer.shares
        ),
    ]


def _side(say: Words, who: str) -> Inline:
    return Side(_SIDE_COLOURS[who], say.say(SIDES[who])) if who else ""


def _contact(subject: Subject) -> Inline:
    contact = subject.offer.contact
    return joined(Foreign(text) for text in (contact.name, contact.email, contact.phone) if text)


def _reader(subject: Subject) -> Inline:
    contact = subject.customer.contact
    given = joined(Foreign(text) for text in (contact.name, contact.email, contact.phone) if text)
    return (Code(subject.name), " (", given, ")") if given else Code(subject.name)


def _code(text: object) -> Code:
    return Code(str(text))


def _codes(texts: Sequence[str]) -> Inline:
    return joined(Code(text) for text in texts)


def _lines(texts: Sequence[str]) -> Inline:
    return joined((Code(text) for text in texts), " ")


def _link(path: str) -> Link:
    return Link(path, path)


def _links(paths: Sequence[str]) -> Inline:
    return joined(_link(path) for path in paths)
