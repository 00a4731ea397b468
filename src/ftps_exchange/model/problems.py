"""What is wrong, where, and what to do about it.

A ``Problem`` always names a file; where it can, it names the line, the field and the value too. Values come from
files that may hold anything, so they are shown as a short, printable representation.
"""

from __future__ import annotations

import datetime
import difflib
import re
import reprlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

FieldPath = tuple[str | int, ...]

# The message stays readable when a find-and-replace broke every customer file; the structured list is complete.
SHOWN_PROBLEMS = 100


class RefusedError(Exception):
    """One value breaks one rule: what is wrong with it, and the remedy."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of the model, complete enough to be repaired without reading anything else."""

    file: str
    field: str
    value: str | None
    message: str
    remedy: str
    line: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    def text(self) -> str:
        """Return the lines for this problem under the heading of its file."""
        place = f"line {self.line}" if self.line else ""
        subject = self.field
        if subject and self.value is not None:
            subject = f"{subject} = {self.value}"
        where = ": ".join(part for part in (place, subject) if part)
        lead = f"  - {where}: " if where else "  - "
        return f"{lead}{self.message}\n      {self.remedy}"


class ModelError(Exception):
    """The model is not usable: every problem that was found."""

    subject = "model"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(self.report())

    def report(self) -> str:
        """Return all problems as text, grouped by file."""
        count = len(self.problems)
        files = len({problem.file for problem in self.problems})
        lines = [
            f"The {self.subject} has {count} problem{'s' if count != 1 else ''} in "
            f"{files} file{'s' if files != 1 else ''}; no host has been touched."
        ]
        for file, group in groupby(self.problems[:SHOWN_PROBLEMS], key=lambda problem: problem.file):
            lines.append(file)
            lines.extend(problem.text() for problem in group)
        if count > SHOWN_PROBLEMS:
            lines.append(f"... and {count - SHOWN_PROBLEMS} more: repair these first, then run the check again.")
        return "\n".join(lines)


def printable(text: str) -> str:
    """Return the text with everything that could upset a terminal escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


class _ShortRepr(reprlib.Repr):
    """Representation that stays short and cannot fail, spelled as YAML where Python's own spelling would confuse."""

    def __init__(self) -> None:
        super().__init__(maxlevel=3, maxlist=4, maxdict=4, maxtuple=4, maxstring=60, maxother=60)

    def repr1(self, x: Any, level: int) -> str:
        if x is None:
            return "null"
        if isinstance(x, bool):
            return "true" if x else "false"
        if isinstance(x, datetime.date):
            return x.isoformat()
        if isinstance(x, str):
            return self.repr_str(str(x), level)
        if isinstance(x, int):
            # Python refuses to print integers of more than 4,300 digits.
            return str(int(x)) if x.bit_length() < 200 else f"an integer of {x.bit_length()} bits"
        return super().repr1(x, level)


_short_repr = _ShortRepr()


def shorten(value: object) -> str:
    """Return a short, printable, one-line representation of any value."""
    text = printable(_short_repr.repr(value))
    return text if len(text) <= 100 else f"{text[:60]}...{text[-20:]}"


def field_name(path: Iterable[str | int]) -> str:
    """Return a path as it is written in messages: ``accounts[1].name``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_-]{1,60}", part):
            text += f".{part}" if text else part
        else:
            text += f"[{shorten(part)}]"
    return text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that the given one was probably meant to be; a number is no mistyped other number."""
    if not re.search(r"[^\W\d]", str(word)):
        return None
    lowered = {k.lower(): k for k in known}
    matches = difflib.get_close_matches(str(word).lower()[:80], lowered, n=1, cutoff=0.6)
    return lowered[matches[0]] if matches else None


def as_validator(rule: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a rule that raises ``RefusedError`` as a validator for pydantic."""

    def validate(value: Any) -> Any:
        try:
            return rule(value)
        except RefusedError as refused:
            raise PydanticCustomError(
                "rule", "{message}", {"message": refused.message, "remedy": refused.remedy}
            ) from None

    return validate


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    *,
    file: str,
    prefix: FieldPath = (),
    line_of: Callable[[FieldPath], int | None],
    skip: Iterable[FieldPath] = (),
) -> list[Problem]:
    """Return what pydantic found, in this project's words.

    ``skip`` holds paths that were already reported (the YAML itself was refused there).
    """
    skipped = set(skip)
    problems = []
    for item in error.errors(include_url=False):
        path: FieldPath = prefix + item["loc"]
        if path in skipped:
            continue
        message, remedy = _translate(item, model)
        secret = item["type"] == "extra_forbidden" and looks_secret(path)
        missing = item["type"] in ("missing", "extra_forbidden")
        problems.append(
            Problem(
                file=file,
                field=field_name(path),
                value=None if item["type"] == "missing" or secret else shorten(item["input"]),
                message=message,
                remedy=NO_SECRETS_HERE if secret else remedy,
                line=line_of(path if not missing or item["type"] == "extra_forbidden" else path[:-1]),
            )
        )
    return problems


NO_SECRETS_HERE = (
    "Remove it, also from the history of the repository: no secret stands in these files. Passwords of accounts are "
    "made by the run (docs/passwords.md)."
)


def looks_secret(path: FieldPath) -> bool:
    """Tell whether somebody put a secret there, which a message must not repeat; no key of the model is one."""
    return any(
        isinstance(part, str) and re.search(r"pass(?!ive_|word_max_)|pwd|secret|token|private", part, re.IGNORECASE)
        for part in path
    )


def _model_at(model: type[BaseModel], path: FieldPath) -> type[BaseModel]:
    """Return the innermost model that a path passes through."""
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            candidates = [model.model_fields[part].annotation]
            while candidates:
                candidate = candidates.pop()
                if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                    model = candidate
                    break
                candidates.extend(getattr(candidate, "__args__", ()))
    return model


def _translate(item: Any, model: type[BaseModel]) -> tuple[str, str]:
    """Return message and remedy for one error of pydantic."""
    kind: str = item["type"]
    context: dict[str, Any] = item.get("ctx", {})
    value = item["input"]
    parent = _model_at(model, item["loc"][:-1]) if item["loc"] else model
    last = item["loc"][-1] if item["loc"] else ""
    if kind == "rule":
        return context["message"], context["remedy"]
    if kind == "extra_forbidden":
        guess = nearest(str(last), parent.model_fields)
        known = ", ".join(parent.model_fields)
        return "is not a known key.", f"Did you mean '{guess}'?" if guess else f"Remove it; known keys: {known}."
    expected = _expectation(parent, item["loc"])
    if kind == "missing":
        return "is missing.", f"Add it: {expected}"
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        guess = nearest(value, choices) if isinstance(value, str) else None
        return "is not one of the choices.", (
            f"Use {context['expected']}." + (f" Did you mean '{guess}'?" if guess else "") + _quoting(value, choices)
        )
    if kind == "string_type":
        return f"is {_kind_of(value)}, not text.", "Put it in quotes." if _is_scalar(value) else expected
    if kind in ("int_type", "int_from_float"):
        return f"is {_kind_of(value)}, not a whole number.", f"Give a plain decimal number without quotes: {expected}"
    if kind == "bool_type":
        return f"is {_kind_of(value)}, not a yes-or-no value.", "Write true or false, without quotes."
    if kind == "list_type":
        return f"is {_kind_of(value)}, not a list.", f"Write a list: {expected}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        known = ", ".join(parent.model_fields if not item["loc"] else _model_at(model, item["loc"]).model_fields)
        return f"is {_kind_of(value)}, not a mapping of keys to values.", f"Give it as keys and values: {known}."
    if kind == "greater_than_equal":
        return f"is below {context['ge']}.", f"Give a number from {context['ge']} on: {expected}"
    if kind == "less_than_equal":
        return f"is above {context['le']}.", f"Give a number up to {context['le']}: {expected}"
    return f"{item['msg']}.", expected


def _expectation(parent: type[BaseModel], path: FieldPath) -> str:
    names = [part for part in path if isinstance(part, str)]
    field = parent.model_fields.get(names[-1]) if names else None
    return field.description if field is not None and field.description else "See docs/schema/."


def _is_scalar(value: object) -> bool:
    return isinstance(value, (bool, int, float, datetime.date))


def _kind_of(value: object) -> str:
    """Return what a person would call this value."""
    if value is None:
        return "empty"
    for kind, name in (
        (bool, "true or false"),
        (int, "a number"),
        (float, "a number with a fraction"),
        (datetime.date, "a date"),
        (str, "text"),
        (dict, "a mapping"),
        (list, "a list"),
    ):
        if isinstance(value, kind):
            return name
    return "something else"


def _quoting(value: object, choices: Sequence[str]) -> str:
    return " Put it in quotes." if _is_scalar(value) and str(value) in choices else ""
