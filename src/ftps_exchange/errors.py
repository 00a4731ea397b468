"""The one error that a person reads: what is wrong, where, and what to do about it.

It is a :class:`ValueError`, so Ansible prints its text as the reason why a filter failed, and a caller in plain Python
needs to know nothing of Ansible.
"""

from __future__ import annotations

from typing import Final

_LONGEST_VALUE: Final = 80
"""A value is quoted to be recognised, not to be reproduced."""


class ExchangeError(ValueError):
    """A problem with one value of the checked model, in one line: ``customer: field = value: problem. Remedy``."""

    def __init__(
        self,
        problem: str,
        *,
        remedy: str,
        customer: str | None = None,
        field: str | None = None,
        value: object = None,
    ) -> None:
        self.problem = problem
        self.remedy = remedy
        self.customer = customer
        self.field = field
        self.value = value
        super().__init__(self._text())

    def _text(self) -> str:
        where = []
        if self.customer is not None:
            where.append(f"customer {self.customer}")
        if self.field is not None:
            where.append(self.field if self.value is None else f"{self.field} = {quoted(self.value)}")
        return ": ".join([*where, f"{self.problem.rstrip('.')}. {self.remedy.rstrip('.')}."])


def quoted(value: object) -> str:
    """A value as it may stand in a message: on one line, escaped, and cut when long."""
    text = repr(str(value) if isinstance(value, str) else value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
