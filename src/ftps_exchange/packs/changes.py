"""What a customer must change when the service changed: kept in ``pack.json``, printed as ``CHANGES.md``.

A change is what differs between the facts of the previous pack and those of this one. It stays in the list, with the
day by which it has to be done, so a customer who skipped a pack still reads all of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final

from markupsafe import Markup

from .document import MARKDOWN, Code, Inline, Words, joined, words
from .language import N_, NAMES
from .subject import RANGE, Subject
from .templates import template

type Facts = dict[str, Any]
type Change = dict[str, Any]
"""``{"before": facts, "after": facts, "deadline": "YYYY-MM-DD" or None}``: only the keys that differ.

Where the former value of some is still served, ``"until"`` has its last day, by key.
"""

LONGEST_HISTORY: Final = 10


def facts_of(subject: Subject) -> Facts:
    """What a customer has entered somewhere, and must enter again when it changes."""
    service, used = subject.service, subject.families
    return {
        "language": subject.language,
        "fqdn": service.fqdn,
        "public_ip4": service.public4 if 4 in used else None,
        "public_ip6": service.public6 if 6 in used else None,
        "explicit_port": service.explicit_port,
        "implicit_port": service.implicit_port,
        "passive_ports": list(service.passive),
        "tls_minimum_version": service.tls_minimum_version,
        "authority_sha256": [authority.fingerprint for authority in subject.offer.authorities.certificates],
    }


def former_of(subject: Subject) -> dict[str, tuple[Any, str]]:
    """The former values that are still served, each with its last day, by the same keys."""
    service = subject.service
    former = {
        "public_ip4": service.also_public4 if 4 in subject.families else None,
        "public_ip6": service.also_public6 if 6 in subject.families else None,
        "explicit_port": service.also_explicit_port,
        "implicit_port": service.also_implicit_port,
        "passive_ports": list(service.also_passive) if service.also_passive else None,
    }
    return {key: (former[key], day) for key, day in service.until if former[key] is not None}


def sound_facts(facts: object, *, whole: bool) -> bool:
    """Whether it is what ``facts_of`` made once, or (not whole) some of it: ``pack.json`` may have been edited."""
    return (
        isinstance(facts, dict)
        and facts.keys() <= _SOUND.keys()
        and (not whole or facts.keys() >= _SOUND.keys() - _LATER)
        and all(_SOUND[key](value) for key, value in facts.items())
    )


def sound_change(change: object) -> bool:
    """Whether it is a change as ``next_changes`` made it once."""
    return (
        isinstance(change, dict)
        and change.keys() - {"until"} == {"before", "after", "deadline"}
        and sound_facts(change["before"], whole=False)
        and sound_facts(change["after"], whole=False)
        and change["before"].keys() == change["after"].keys()
        and (change["deadline"] is None or _is_day(change["deadline"]))
        and isinstance(until := change.get("until", {}), dict)
        and until.keys() <= change["after"].keys()
        and all(map(_is_day, until.values()))
    )


def _is_day(value: object) -> bool:
    return isinstance(value, str) and bool(_DAY.fullmatch(value))


def _is_text(value: object) -> bool:
    # A half of a surrogate pair, which JSON may hold, could not be written again
    return isinstance(value, str) and value.isprintable()


def _is_port(value: object) -> bool:
    return type(value) is int and 1 <= value <= 65535


_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SOUND: Final[dict[str, Callable[[Any], bool]]] = {
    "language": lambda value: isinstance(value, str) and value in NAMES,
    "fqdn": _is_text,
    "public_ip4": lambda value: value is None or _is_text(value),
    "public_ip6": lambda value: value is None or _is_text(value),
    "explicit_port": _is_port,
    "implicit_port": lambda value: value is None or _is_port(value),
    "passive_ports": lambda value: isinstance(value, list) and len(value) == 2 and all(map(_is_port, value)),
    "tls_minimum_version": _is_text,
    "authority_sha256": lambda value: isinstance(value, list) and all(map(_is_text, value)),
}
_LATER: Final[frozenset[str]] = frozenset({"language"})
"""Facts that came after the first version: a ``pack.json`` may be older, and what it does not say has not changed."""


def next_changes(
    previous: Mapping[str, Any] | None,
    facts: Facts,
    deadline: str | None,
    former: Mapping[str, tuple[Any, str]] | None = None,
) -> tuple[list[Change], bool]:
    """The list for the new pack, newest first, and whether there is a new change whose day the deadline has to give."""
    if previous is None:
        return [], False
    before: Facts = previous["facts"]
    changes = [dict(change) for change in previous["changes"]]
    keys = [key for key in facts if key in before and before[key] != facts[key]]
    if keys:
        new = {
            "before": {key: before[key] for key in keys},
            "after": {key: facts[key] for key in keys},
            "deadline": deadline if _needs_a_day(keys) else None,
        }
        changes = [new, *changes][:LONGEST_HISTORY]
    elif deadline is not None and newest_with_a_day(changes) is not None:
        # Nothing new, but another day for what was said last
        changes[newest_with_a_day(changes) or 0]["deadline"] = deadline
    for change in changes:
        _add_last_days(change, facts, former or {})
    return changes, _needs_a_day(key for key in keys if key not in changes[0].get("until", {}))


def _add_last_days(change: Change, facts: Facts, former: Mapping[str, tuple[Any, str]]) -> None:
    """Say until when the former values of a change are served. The days stay when they no longer are."""
    days = {
        key: day
        for key, (value, day) in former.items()
        if change["after"].get(key) == facts[key] and change["before"].get(key) == value
    }
    if days:
        change["until"] = {**change.get("until", {}), **days}


def _first_day(change: Mapping[str, Any]) -> str | None:
    """The day by which the first of it has to be done; None while something has no day."""
    days = [_day_of(change, key) for key in change["after"] if key != "language"]
    known = [day for day in days if day is not None]
    return min(known) if len(known) == len(days) else None


def _day_of(change: Mapping[str, Any], key: str) -> str | None:
    day: str | None = change.get("until", {}).get(key, change["deadline"])
    return day


def _needs_a_day(keys: Iterable[str]) -> bool:
    """Whether the customer has anything to do: nobody has for another language."""
    return any(key != "language" for key in keys)


def newest_with_a_day(changes: Sequence[Mapping[str, Any]]) -> int | None:
    """Where in the list the newest change is by which customers have to do something."""
    return next((number for number, one in enumerate(changes) if _needs_a_day(one["after"])), None)


def changes_markdown(subject: Subject, changes: Sequence[Change], rules: Sequence[str]) -> str:
    """CHANGES.md"""
    say, now = words(subject.language, MARKDOWN), facts_of(subject)
    sections = [
        SimpleNamespace(
            heading=MARKDOWN.heading(_heading(say, change, newest=number == 0)),
            rows=[
                (
                    say(NAMES_OF_FACTS[key]),
                    shown(say, key, change["before"][key]),
                    shown(say, key, change["after"][key]),
                )
                for key in change["after"]
            ],
            tasks=list(_tasks(say, change, now, rules if number == 0 else ())),
        )
        for number, change in enumerate(changes)
    ]
    text = template("changes.md.j2", MARKDOWN).render(
        _=say, v=SimpleNamespace(fqdn=subject.fqdn, customer=subject.name, changes=sections), code=Code
    )
    return _BLANK_LINES.sub("\n\n", text).rstrip() + "\n"


_BLANK_LINES: Final = re.compile(r"\n{3,}")
NAMES_OF_FACTS: Final = {
    "language": N_("Language of this pack"),
    "fqdn": N_("Name of the server"),
    "public_ip4": N_("Address (IPv4)"),
    "public_ip6": N_("Address (IPv6)"),
    "explicit_port": N_("Port"),
    "implicit_port": N_("Port for implicit TLS"),
    "passive_ports": N_("Data ports"),
    "tls_minimum_version": N_("Oldest TLS version"),
    "authority_sha256": N_("CA (SHA-256)"),
}


def _heading(say: Words, change: Change, *, newest: bool) -> Markup:
    if not _needs_a_day(change["after"]):
        return say(N_("Newest change")) if newest else say(N_("Before that"))
    if day := _first_day(change):
        text = N_("Newest change: by {day}") if newest else N_("Before that: by {day}")
        return say(text, day=day)
    return (
        say(N_("Newest change: day not set yet, ask us")) if newest else say(N_("Before that: day not set yet, ask us"))
    )


def shown(say: Words, key: str, value: Any) -> Inline:
    """A fact as a table has it."""
    if value is None:
        return say(N_("none"))
    if value == []:
        return say(N_("a public CA: none to install"))
    if key == "language":
        return NAMES[value]
    if isinstance(value, list):
        return Code(" ".join(map(str, value)) if isinstance(value[0], str) else "-".join(map(str, value)))
    return Code(str(value))


def _tasks(say: Words, change: Change, now: Facts, rules: Sequence[str]) -> Iterator[Inline]:
    """What is to do. A later change may have taken an earlier one back: what is in use now is never to be closed."""
    before, after = change["before"], change["after"]

    def by(key: str) -> Markup:
        day = _day_of(change, key)
        return say(N_("**By {day}:**"), day=day) if day else say(N_("**Before the change:**"))

    def then(key: str) -> Markup:
        day = _day_of(change, key)
        return say(N_("**After {day}:**"), day=day) if day else say(N_("**After the change:**"))

    for key in ("public_ip4", "public_ip6"):
        if key in after:
            if after[key] and after[key] == now[key]:
                text = N_("{by} allow {address} outwards in addition, on all ports of the service.")
                yield say(text, by=by(key), address=Code(after[key]))
            if before[key] and before[key] != now[key]:
                yield say(N_("{then} remove {address} from your rules."), then=then(key), address=Code(before[key]))
    yield from _port_tasks(say, before, after, now, by, then)
    network = {"public_ip4", "public_ip6", "explicit_port", "implicit_port", "passive_ports"} & after.keys()
    if network and rules:
        text = N_(
            "All of this is in {files} of this pack: load it on that day. Is there a file -update beside it? It "
            "contains only the difference."
        )
        if network <= change.get("until", {}).keys():
            text = N_(
                "The new and the former values are in {files} of this pack: you can load it now. Is there a file "
                "-update beside it? It contains only the difference."
            )
        yield say(text, files=joined(Code(name) for name in rules))
    if "fqdn" in after and after["fqdn"] == now["fqdn"]:
        text = N_("{by} enter the name {name} in your clients; the certificate is for this name from then on.")
        yield say(text, by=by("fqdn"), name=Code(after["fqdn"]))
    if "authority_sha256" in after:
        key = "authority_sha256"
        yield from _authority_tasks(say, before[key], after[key], now, by(key), then(key))
    if "tls_minimum_version" in after and after["tls_minimum_version"] == now["tls_minimum_version"]:
        text = N_("{by} check that your clients know TLS {version} or newer.")
        yield say(text, by=by("tls_minimum_version"), version=after["tls_minimum_version"])


def _authority_tasks(
    say: Words, old_ones: Sequence[str], new_ones: Sequence[str], now: Facts, by: Markup, then: Markup
) -> Iterator[Inline]:
    today = now["authority_sha256"]
    if (set(new_ones) - set(old_ones)) & set(today):
        text = (
            N_(
                "{by} install the new `ca.pem` wherever the old one is, beside it. Compare the fingerprint with us by "
                "telephone."
            )
            if old_ones
            else N_(
                "{by} install the new `ca.pem` where your clients need it, as the guide says. Compare the fingerprint "
                "with us by telephone."
            )
        )
        yield say(text, by=by)
    # One that stays in the list may still have signed the server's certificate
    for gone in (one for one in old_ones if one not in new_ones and one not in today):
        yield say(N_("{then} remove the earlier CA {fingerprint}."), then=then, fingerprint=Code(gone))


type _Day = Callable[[str], Markup]


def _port_tasks(say: Words, before: Facts, after: Facts, now: Facts, by: _Day, then: _Day) -> Iterator[Inline]:
    """The ports to open and to close. One may have left its use and got another."""
    control = ("explicit_port", "implicit_port")
    data = (int(now["passive_ports"][0]), int(now["passive_ports"][1]))
    used = [data, *((now[key], now[key]) for key in control if now[key])]
    close = N_("{then} close TCP {ports}.")
    for key in control:
        if key in after:
            if after[key] and after[key] == now[key]:
                text = N_("{by} open TCP {ports} in addition, and set it in your clients.")
                yield say(text, by=by(key), ports=after[key])
            if before[key] and any(_without_all((before[key], before[key]), used)):
                yield say(close, then=then(key), ports=before[key])
    if "passive_ports" in after:
        old, new = tuple(before["passive_ports"]), tuple(after["passive_ports"])
        for first, last in _without(new, old):
            if max(first, data[0]) <= min(last, data[1]):
                ports = _range(say, max(first, data[0]), min(last, data[1]))
                yield say(N_("{by} open TCP {ports} in addition."), by=by("passive_ports"), ports=ports)
        for first, last in _without_all(old, [new, *used]):
            yield say(close, then=then("passive_ports"), ports=_range(say, first, last))


def _range(say: Words, first: int, last: int) -> Inline:
    return str(first) if first == last else say(RANGE, first=first, last=last)


def _without(one: tuple[int, ...], other: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """The parts of a range that another does not have."""
    if one[0] > other[1] or one[1] < other[0]:
        yield one[0], one[1]
        return
    if one[0] < other[0]:
        yield one[0], other[0] - 1
    if one[1] > other[1]:
        yield other[1] + 1, one[1]


def _without_all(one: tuple[int, ...], others: Sequence[tuple[int, ...]]) -> list[tuple[int, int]]:
    """The parts of a range that none of the others has."""
    left = [(one[0], one[1])]
    for other in others:
        left = [part for piece in left for part in _without(piece, other)]
    return left
