"""A mistake in an inventory that concerns several hosts together."""

from __future__ import annotations

from typing import NamedTuple


class Mistake(NamedTuple):
    """Where it is, what is wrong, and what to do."""

    host: str
    name: str
    """The variable."""
    key: str
    """The part of it, if it is about one."""
    value: object
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.name}.{self.key}" if self.key else self.name
        return f"{self.host}: {where} {self.message} {self.remedy}"
