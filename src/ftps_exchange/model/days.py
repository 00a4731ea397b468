"""A day in a file: YAML's own date, or the same in quotes."""

from __future__ import annotations

import datetime
import re
from typing import Any, Final

from pydantic import BeforeValidator, Field

from ftps_exchange.model.problems import RefusedError
from ftps_exchange.model.wording import as_validator

# Other years are typing mistakes, and some directories cannot store them.
_FIRST: Final = datetime.date(2000, 1, 1)
_LAST: Final = datetime.date(2099, 12, 31)


def _checked(value: Any, meaning: str) -> Any:
    remedy = f"Write an existing day as YYYY-MM-DD: the last day (UTC) on which {meaning}."
    if isinstance(value, str):
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
            raise RefusedError("is not a day.", remedy)
        try:
            value = datetime.date.fromisoformat(value)
        except ValueError as error:
            raise RefusedError(f"is not a calendar date ({error}).", remedy) from None
    if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        raise RefusedError("is not a day.", remedy)
    if not _FIRST <= value <= _LAST:
        raise RefusedError("is not a plausible year.", f"Give a day from {_FIRST} to {_LAST}.")
    return value


def last_day(meaning: str) -> BeforeValidator:
    """The check of a field that is a last day; ``meaning`` continues "the last day on which"."""
    return BeforeValidator(as_validator(lambda value: _checked(value, meaning)))


DAY_SCHEMA: Final[Any] = Field(
    json_schema_extra={"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
)
"""What the JSON Schema says of a day."""
