"""Changes of one object that accounts and groups have in common: other attributes, another place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.ftps.exchange.plugins.module_utils.directory.plan import MOVE
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.names import normalise_dn, parent_dn, split_dn
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import Change, Entry


@dataclass
class Modification:
    """The attributes of one object that get another value, each with its lines of the diff."""

    what: str
    values: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def replace(self, name: str, value: str, before: str, after: str, subject: str = "") -> None:
        """One attribute; ``subject`` is what the diff calls the object, if not as messages do."""
        self.values.append((name, (value,)))
        self.before.append(f"{subject or self.what}: {before}")
        self.after.append(f"{subject or self.what}: {after}")

    def replace_text(self, entry: Entry, name: str, text: str) -> None:
        """An attribute that the object shall have as it is given, if it differs."""
        found = entry.text(name)
        if found != text:
            self.replace(name, text, f"{name} = {found or '(not set)'}", f"{name} = {text}")

    def changes(self, stage: int, dn: str) -> Iterator[Change]:
        """One change, or none."""
        if self.values:
            yield Change(
                stage,
                "modify",
                dn,
                self.what,
                values=tuple(self.values),
                before=tuple(self.before),
                after=tuple(self.after),
            )


def move(entry: Entry, dn: str, what: str) -> Iterator[Change]:
    """To its place, if it is not there."""
    if normalise_dn(entry.dn) != normalise_dn(dn):
        yield Change(
            MOVE,
            "move",
            entry.dn,
            what,
            to=(split_dn(dn)[0], parent_dn(dn)),
            before=(f"{what}: at {entry.dn}",),
            after=(f"{what}: at {dn}",),
        )


def dn_later(entry: Entry, dn: str) -> str:
    """Where an object is once it has been moved; the old spelling where it stays."""
    return entry.dn if normalise_dn(entry.dn) == normalise_dn(dn) else dn
