"""Objects of a directory, changes, and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ansible_collections.ftps.exchange.plugins.module_utils.ldap.values import decode_sid


class DirectoryError(Exception):
    """An error for the user: what happened, where, and the remedy."""


class NoSuchObjectError(DirectoryError):
    """The base of a search does not exist."""


@dataclass(frozen=True)
class Entry:
    """An object in the directory. Attribute names are in lower case."""

    dn: str
    attributes: Mapping[str, Sequence[bytes]] = field(default_factory=dict)

    def texts(self, name: str) -> list[str]:
        return [value.decode("utf-8", "replace") for value in self.attributes.get(name.lower(), ())]

    def text(self, name: str) -> str:
        return next(iter(self.texts(name)), "")

    def number(self, name: str) -> int | None:
        """None when the attribute is not set, or when the account that reads may not see it."""
        value = self.text(name)
        return int(value) if value else None

    def is_a(self, object_class: str) -> bool:
        return object_class.lower() in (value.lower() for value in self.texts("objectClass"))

    @property
    def sid(self) -> str:
        return decode_sid(self.attributes["objectsid"][0]) if "objectsid" in self.attributes else ""


@dataclass(frozen=True)
class Change:
    """One change, with its description for the user."""

    stage: int
    action: Literal["add", "modify", "move", "delete"]
    dn: str
    what: str
    """Names the object in messages, such as ``account acme-up``."""
    values: tuple[tuple[str, tuple[str | bytes, ...]], ...] = ()
    """add: the attributes; modify: attributes to replace (none: to clear)."""
    expected: tuple[tuple[str, tuple[str | bytes, ...]], ...] = ()
    """modify: the server refuses the request unless these attributes have these values."""
    add_members: tuple[str, ...] = ()
    remove_members: tuple[str, ...] = ()
    to: tuple[str, str] = ("", "")
    """move: the new name and the new parent."""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Lines of the diff. Never a secret."""
