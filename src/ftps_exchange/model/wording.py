"""The findings of pydantic, in the words of this project."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from ftps_exchange.model.problems import (
    NO_SECRETS_HERE,
    FieldPath,
    Problem,
    RefusedError,
    field_name,
    looks_secret,
    nearest,
    shorten,
)


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
    """Return the findings of pydantic, in the words of this project.

    ``skip`` has paths that were already reported (the YAML itself was refused there).
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
    """Return the everyday name of this type of value."""
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
