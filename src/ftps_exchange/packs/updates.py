"""The difference between the rules of two packs, for firewalls whose rules are not replaced as a whole.

To take the older rules back first would close everything for a moment, and on a Cisco ASA the last line of an access
list takes the list's binding away with it. So an update first adds what is new and then removes what is gone. It also
removes what the update before removed: whoever skipped a pack still has that.

Only what bears a name of ours is ever removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, Self

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.view import Customer

from .check import check_update
from .flows import commented
from .formats import REGISTRY, Format

_OURS: Final = "FTPS-"
_GONE: Final = "Gone:"
_WAS: Final = "Was in earlier packs:"
_LONGEST_MEMORY: Final = 2000


class _File(ABC):
    """A file of rules, and what differs in a newer one."""

    content: Mapping[Any, Any]
    """All of it that does something."""

    @abstractmethod
    def __init__(self, text: str, comment: str) -> None: ...

    @abstractmethod
    def added(self, new: Self) -> list[str]:
        """What the new file has more."""

    @abstractmethod
    def gone(self, new: Self) -> list[str]:
        """What removes the rest; what depends on something comes before that."""

    @abstractmethod
    def remember(self, update: str) -> None:
        """Take in what packs before this one had and the update to this one removed: somebody may have it still."""

    @abstractmethod
    def kept(self, new: Self) -> list[str]:
        """Lines of comments for the end of the update, by which the next one remembers what is gone."""

    @abstractmethod
    def shared(self, new: Self) -> list[str]:
        """For the head: translations that are gone, which other customers may need."""


class _Lines(_File):
    """A file of lines, some of which have others below them that are indented."""

    # A translation serves the other customers too
    _SHARED: Final = ("nat (", "object network", "object service", "ip nat ", "set security nat ")
    _MEMBERS: Final = frozenset({"address-set", "application-set", "address-group"})
    """Lists: a member stays until it is removed. Other settings have one value, the newest."""
    _ENTRIES: Final = ("ip access-list", "ipv6 access-list", "policy-map")
    """The same of lines that have others below them."""

    def __init__(self, text: str, comment: str) -> None:
        self.comment = comment
        self.content: dict[str, tuple[str, ...]] = {}
        top = ""
        for line in text.split("\n"):
            if not line.strip() or line.startswith(comment) or line.strip() == "exit":
                continue
            if not line.startswith(" "):
                top = line
                self.content.setdefault(top, ())
            elif not line.startswith("  "):
                self.content[top] = (*self.content[top], line.strip())

    def added(self, new: Self) -> list[str]:
        lines = []
        for line, inners in new.content.items():
            if line not in self.content or set(inners) - set(self.content[line]):
                lines += self._block(line, [inner for inner in inners if inner not in self.content.get(line, ())])
        return lines

    def gone(self, new: Self) -> list[str]:
        blocks = []
        for line, inners in reversed(self.content.items()):
            if line.startswith(self._SHARED):
                continue
            if line in new.content:
                if line.startswith(self._ENTRIES):
                    left = [f"no {inner}" for inner in inners if inner not in new.content[line]]
                    blocks.append("\n".join(self._block(line, left)) if left else "")
            elif line.startswith("set "):
                blocks.append(self._deletion(line, new))
            else:
                blocks.append(f"no {line}")
        return [block for block in blocks if block]

    def remember(self, update: str) -> None:
        _, _, was = update.partition(f"\n{self.comment} {_WAS}\n")
        text = "\n".join(line.removeprefix(self.comment).removeprefix(" ") for line in was.split("\n"))
        for line, inners in _Lines(text, self.comment).content.items():
            there = self.content.get(line, ())
            self.content[line] = (*there, *(inner for inner in inners if inner not in there))

    def kept(self, new: Self) -> list[str]:
        lines = []
        for line, inners in self.content.items():
            left = [f" {inner}" for inner in inners if inner not in new.content.get(line, ())]
            if not line.startswith(self._SHARED) and (left or line not in new.content):
                lines += [line, *left]
        return [_WAS, *lines[:_LONGEST_MEMORY]] if lines else []

    def shared(self, new: Self) -> list[str]:
        left = [line for line in self.content if line.startswith(self._SHARED) and line not in new.content]
        said = "Also gone, but all customers share it: remove it by hand, before a new line that conflicts with it."
        return ["", said, *(f"       {line}" for line in left)] if left else []

    def _has(self, part: str) -> bool:
        return any(line == part or line.startswith(f"{part} ") for line in self.content)

    def _deletion(self, line: str, new: _Lines) -> str:
        """The shortest part of the line that names something of ours, and nothing that the new file still has."""
        words = line.split(" ")[1:]
        first = next(number for number, word in enumerate(words) if word.startswith(_OURS))
        for length in range(first + 1, len(words) + 1):
            part = " ".join(words[:length])
            if not new._has(f"set {part}"):
                is_value = length > first + 1 and not self._MEMBERS & set(words)
                return "" if is_value else f"delete {part}"
        return ""

    @staticmethod
    def _block(line: str, inners: Iterable[str]) -> list[str]:
        lines = [line]
        for inner in inners:
            lines.append(f" {inner}")
            if inner.startswith("class type inspect "):
                lines += ["  inspect", " exit"]
        return [*lines, "exit"] if len(lines) > 1 else lines


class _Entries(_File):
    """A file of FortiOS: entries of tables, each of which is set as a whole."""

    _ENTRY: Final = re.compile(
        r"^config (firewall [a-z0-9 -]+)\n    edit (.+)\n((?:        .*\n)*)    next\nend$", re.M
    )
    _REMOVAL: Final = re.compile(r"^config (firewall [a-z0-9 -]+)\n    delete (.+)\nend$", re.MULTILINE)
    _BY_HAND: Final = re.compile(r"^# Delete: (firewall [a-z0-9 -]+), (.+)$", re.MULTILINE)
    _NUMBERED: Final = re.compile(r'        set (?:name|orig-addr6?) (".+")\n')

    def __init__(self, text: str, comment: str) -> None:
        self.comment = comment
        self.content: dict[tuple[str, str], str] = {}
        for found in self._ENTRY.finditer(text):
            numbered = self._NUMBERED.search(found[3]) if found[2] == "0" else None
            self.content[found[1], numbered[1] if numbered else found[2]] = found[0]

    def added(self, new: Self) -> list[str]:
        """The entries that are new or differ; one without a name of its own cannot be changed, only created again."""
        lines = []
        for key, entry in new.content.items():
            if self.content.get(key) != entry:
                if key in self.content and "    edit 0\n" in entry:
                    lines.append(f"{self.comment} First delete the one that is there: {key[0]}, {key[1]}")
                lines.append(entry)
        return lines

    def gone(self, new: Self) -> list[str]:
        return [
            f"{self.comment} Delete: {section}, {name}"
            if "    edit 0\n" in entry
            else f"config {section}\n    delete {name}\nend"
            for (section, name), entry in reversed(self.content.items())
            if (section, name) not in new.content and not section.startswith("firewall vip")
        ]

    def remember(self, update: str) -> None:
        _, _, gone = update.partition(f"\n{self.comment} {_GONE}\n")
        for found in self._REMOVAL.finditer(gone):
            self.content.setdefault((found[1], found[2]), "")
        for found in self._BY_HAND.finditer(gone):
            self.content.setdefault((found[1], found[2]), "    edit 0\n")

    def kept(self, new: Self) -> list[str]:
        return []

    def shared(self, new: Self) -> list[str]:
        left = [
            name for section, name in self.content.keys() - new.content.keys() if section.startswith("firewall vip")
        ]
        said = "Also gone, but all customers share it: delete it when no customer needs it."
        return ["", said, f"       {', '.join(sorted(left))}"] if left else []


def updates(customer: Customer, before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Files by path, as the pack before had them and as this one has them -> the update files of this one."""
    found = {}
    for path, text in now.items():
        if path not in before:
            continue
        format_ = _format_of(path)
        if format_ is None:
            continue
        earlier = before.get(update_path(path), "")
        language: type[_File] = _Entries if format_.update == "entries" else _Lines
        made = _update(language, format_, path, before[path], text, earlier)
        if made:
            # The pack before may be of a version that wrote rules in another way: then there is no update
            with contextlib.suppress(ExchangeError):
                check_update(format_.name, customer, text, made)
                found[update_path(path)] = made
    return found


def _update[L: _File](language: type[L], format_: Format, path: str, before: str, now: str, earlier: str) -> str:
    comment = format_.comment
    old, new = language(before, comment), language(now, comment)
    if old.content == new.content:
        return earlier
    added, shared = old.added(new), old.shared(new)
    old.remember(earlier)
    gone, kept = old.gone(new), old.kept(new)
    file = path.rpartition("/")[2]
    head = [
        f"What differs from the previous pack, for {file} (SHA-256 {_sum(before)} there, {_sum(now)} here).",
        "",
        "Load:  where the file of the previous pack is loaded, in the same way. First comes what is new, then what is",
        "       gone, so nothing that stays open is closed in between. Write your own names and zones here too.",
        f"       Is another version loaded? Then load all of {file}, and of this file only what is",
        "       below Gone. Lines that no longer exist there give a warning, which does no harm.",
        *shared,
    ]
    parts = [commented(head, comment).rstrip("\n")]
    if added:
        parts.append("\n".join(added))
    if gone:
        parts.append("\n".join([f"{comment} {_GONE}", *gone]))
    if kept:
        parts.append(commented(kept, comment).rstrip("\n"))
    return "\n\n".join(parts) + "\n"


def update_path(path: str) -> str:
    """``rules/NAME.txt`` -> ``rules/NAME-update.txt``."""
    return f"{path.removesuffix('.txt')}-update.txt"


def wants_update(path: str) -> bool:
    """Whether updates are made from a file, or it is one."""
    return _format_of(path) is not None


@cache
def _format_of(path: str) -> Format | None:
    name = path.rpartition("/")[2]
    return next((each for each in REGISTRY.values() if each.update and each.made(name)), None)


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
