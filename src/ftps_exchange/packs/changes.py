"""What a customer has to change when the service did: kept in ``pack.json``, printed as ``CHANGES.md``.

A change is what differs between the facts of the previous pack and those of this one. It stays in the list, with the
day by which it has to be done, so a customer who skipped a pack still reads all of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from .document import Block, Bullets, Code, Heading, Inline, Paragraph, Strong, Table, markdown_of
from .subject import Subject

type Facts = dict[str, Any]
type Change = dict[str, Any]
"""``{"before": facts, "after": facts, "deadline": "YYYY-MM-DD" or None}``: only the keys that differ."""

LONGEST_HISTORY: Final = 10


def facts_of(subject: Subject) -> Facts:
    """What a customer has entered somewhere, and has to enter anew when it changes."""
    service, used = subject.service, subject.families
    return {
        "fqdn": service.fqdn,
        "public_ip4": service.public4 if 4 in used else None,
        "public_ip6": service.public6 if 6 in used else None,
        "explicit_port": service.explicit_port,
        "implicit_port": service.implicit_port,
        "passive_ports": list(service.passive),
        "tls_minimum_version": service.tls_minimum_version,
        "authority_sha256": [authority.fingerprint for authority in subject.offer.authorities.certificates],
    }


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
        and change.keys() == {"before", "after", "deadline"}
        and sound_facts(change["before"], whole=False)
        and sound_facts(change["after"], whole=False)
        and change["before"].keys() == change["after"].keys()
        and (change["deadline"] is None or (_is_text(change["deadline"]) and bool(_DAY.fullmatch(change["deadline"]))))
    )


def _is_text(value: object) -> bool:
    # A half of a surrogate pair, which JSON may hold, could not be written again
    return isinstance(value, str) and value.isprintable()


def _is_port(value: object) -> bool:
    return type(value) is int and 1 <= value <= 65535


_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SOUND: Final[dict[str, Callable[[Any], bool]]] = {
    "fqdn": _is_text,
    "public_ip4": lambda value: value is None or _is_text(value),
    "public_ip6": lambda value: value is None or _is_text(value),
    "explicit_port": _is_port,
    "implicit_port": lambda value: value is None or _is_port(value),
    "passive_ports": lambda value: isinstance(value, list) and len(value) == 2 and all(map(_is_port, value)),
    "tls_minimum_version": _is_text,
    "authority_sha256": lambda value: isinstance(value, list) and all(map(_is_text, value)),
}
_LATER: Final[frozenset[str]] = frozenset()
"""Facts that came after the first version: a ``pack.json`` may be older, and what it does not say has not changed."""


def next_changes(previous: Mapping[str, Any] | None, facts: Facts, deadline: str | None) -> tuple[list[Change], bool]:
    """The list for the new pack, newest first, and whether there is a new change in it."""
    if previous is None:
        return [], False
    before: Facts = previous["facts"]
    changes = [dict(change) for change in previous["changes"]]
    keys = [key for key in facts if key in before and before[key] != facts[key]]
    if keys:
        new = {
            "before": {key: before[key] for key in keys},
            "after": {key: facts[key] for key in keys},
            "deadline": deadline,
        }
        return [new, *changes][:LONGEST_HISTORY], True
    if changes and deadline is not None:
        # Nothing new, but another day for what was told last
        changes[0]["deadline"] = deadline
    return changes, False


def changes_markdown(subject: Subject, changes: Sequence[Change], rules: Sequence[str]) -> str:
    """CHANGES.md"""
    blocks: list[Block] = [
        Paragraph(
            (
                "What changed at the FTPS service ",
                Code(subject.fqdn),
                " for ",
                Code(subject.name),
                ", newest first. The other files of this pack say how it is after all of it.",
            )
        )
    ]
    now = facts_of(subject)
    for number, change in enumerate(changes):
        deadline = change["deadline"]
        day = f"by {deadline}" if deadline else "day not set yet: ask us"
        blocks.append(Heading(f"{'Newest change' if number == 0 else 'Before that'}: {day}"))
        before, after = change["before"], change["after"]
        blocks.append(
            Table(
                ("What", "Was", "Is"),
                tuple((_NAMES[key], _shown(before[key]), _shown(after[key])) for key in after),
            )
        )
        tasks = tuple(_tasks(change, now, rules if number == 0 else ()))
        if tasks:
            blocks.append(Bullets((*tasks, "Run the self-test after each step."), numbered=True))
        else:
            blocks.append(Paragraph("Nothing of this is left to do."))
    return "\n\n".join(["# Changes", *map(markdown_of, blocks)]) + "\n"


_NAMES: Final = {
    "fqdn": "Name of the server",
    "public_ip4": "Address (IPv4)",
    "public_ip6": "Address (IPv6)",
    "explicit_port": "Port",
    "implicit_port": "Port for implicit TLS",
    "passive_ports": "Data ports",
    "tls_minimum_version": "Oldest TLS version",
    "authority_sha256": "Authority (SHA-256)",
}


def _shown(value: object) -> Inline:
    if value is None:
        return "none"
    if value == []:
        return "a public authority: none to install"
    if isinstance(value, list):
        return Code(" ".join(map(str, value)) if isinstance(value[0], str) else "-".join(map(str, value)))
    return Code(str(value))


def _tasks(change: Change, now: Facts, rules: Sequence[str]) -> Iterator[Inline]:
    """What is to do. A later change may have taken an earlier one back: what is in use now is never to be closed."""
    before, after, deadline = change["before"], change["after"], change["deadline"]
    by = f"By {deadline}: " if deadline else "Before the change: "
    then = f"After {deadline}: " if deadline else "After the change: "
    for key in ("public_ip4", "public_ip6"):
        if key in after:
            if after[key] and after[key] == now[key]:
                yield Strong(by), "allow ", Code(after[key]), " outwards in addition, on all ports of the service."
            if before[key] and before[key] != now[key]:
                yield Strong(then), "remove ", Code(before[key]), " from your rules."
    yield from _port_tasks(before, after, now, Strong(by), Strong(then))
    network = {"public_ip4", "public_ip6", "explicit_port", "implicit_port", "passive_ports"} & after.keys()
    if network and rules:
        yield (
            "All of this stands in ",
            *_files(rules),
            " of this pack: load it on the day. Is there a file -update beside it? It holds just the difference.",
        )
    if "fqdn" in after and after["fqdn"] == now["fqdn"]:
        yield (
            Strong(by),
            "enter the name ",
            Code(after["fqdn"]),
            " in your clients; the certificate is for this name from then on.",
        )
    if "authority_sha256" in after:
        old_ones, new_ones, today = before["authority_sha256"], after["authority_sha256"], now["authority_sha256"]
        if (set(new_ones) - set(old_ones)) & set(today):
            yield (
                Strong(by),
                "install the new ",
                Code("ca.pem"),
                " wherever the old one is, beside it."
                if old_ones
                else " where your clients need it, as the guide says.",
                " Compare the fingerprint with us by telephone.",
            )
        # One that stays in the list may still have signed the server's certificate
        for gone in (one for one in old_ones if one not in new_ones and one not in today):
            yield Strong(then), "remove the earlier authority ", Code(gone), "."
    if "tls_minimum_version" in after and after["tls_minimum_version"] == now["tls_minimum_version"]:
        yield Strong(by), f"see that your clients know TLS {after['tls_minimum_version']} or newer."


def _port_tasks(before: Facts, after: Facts, now: Facts, by: Strong, then: Strong) -> Iterator[Inline]:
    """The ports to open and to close. One may have left its use and got another."""
    control = ("explicit_port", "implicit_port")
    data = (int(now["passive_ports"][0]), int(now["passive_ports"][1]))
    used = [data, *((now[key], now[key]) for key in control if now[key])]
    for key in control:
        if key in after:
            if after[key] and after[key] == now[key]:
                yield by, f"open TCP {after[key]} in addition, and set it in your clients."
            if before[key] and any(_without_all((before[key], before[key]), used)):
                yield then, f"close TCP {before[key]}."
    if "passive_ports" in after:
        old, new = tuple(before["passive_ports"]), tuple(after["passive_ports"])
        for first, last in _without(new, old):
            if max(first, data[0]) <= min(last, data[1]):
                yield by, f"open TCP {_range(max(first, data[0]), min(last, data[1]))} in addition."
        for first, last in _without_all(old, [new, *used]):
            yield then, f"close TCP {_range(first, last)}."


def _files(rules: Sequence[str]) -> Iterator[Code | str]:
    for number, name in enumerate(rules):
        if number:
            yield ", "
        yield Code(name)


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


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
