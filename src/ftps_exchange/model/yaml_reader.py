"""Reads one YAML file strictly.

A customer file is small and flat, so only plain mappings, lists and scalars are accepted, and a scalar never
becomes something other than what it looks like: YAML 1.1 turns ``on`` into true, ``0644`` into 420 and ``21:22``
into 1282; all of those are refused here. Aliases, tags and a second document are refused too, so no file can
expand or refer to itself. The document is built from the parser's events, not recursively: depth and size are
bounded, and the line of every field is at hand for messages.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml

from ftps_exchange.model.problems import FieldPath, RefusedError, printable

# Far above any customer file; low enough that a wrong file (a dump, a disk image) is refused at once.
MAXIMUM_BYTES = 256 * 1024
MAXIMUM_DEPTH = 16

# Without libyaml the pure parser gives the same events, some ten times more slowly.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_IMPLICIT_RESOLVERS: dict[str | None, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers
_NO_KEY = object()

# check.py distinguishes this flaw from others: Ansible reads the file too, and hides a duplicate
DUPLICATE = "is a duplicate."


@dataclass(frozen=True, slots=True)
class Flaw:
    """Rejected YAML, with its line and field."""

    path: FieldPath
    line: int | None
    value: str | None
    message: str
    remedy: str


@dataclass(slots=True)
class Document:
    """The content of a file, as far as it is readable."""

    value: object = None
    is_empty: bool = True
    # Whether the reader reached the end; an incomplete document is not checked.
    is_complete: bool = False
    flaws: list[Flaw] = field(default_factory=list)
    lines: dict[FieldPath, int] = field(default_factory=dict)

    def line_of(self, path: FieldPath) -> int | None:
        """Return the line of a field, or of the nearest field around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


class _StopError(Exception):
    """The rest of the file cannot be read."""

    def __init__(self, flaw: Flaw) -> None:
        self.flaw = flaw


def read_yaml(data: bytes, *, with_lines: bool = False) -> Document:
    """Return the document in these bytes; flaws are in ``flaws``, never an exception."""
    document = Document()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        document.flaws.append(
            Flaw(
                (),
                data.count(b"\n", 0, error.start) + 1,
                None,
                f"is not UTF-8 text (byte {error.start + 1}).",
                "Save the file as UTF-8.",
            )
        )
        return document
    hidden = _HIDDEN.search(text)
    if hidden:
        line = len(re.findall(r"\r\n|[\r\n]", text[: hidden.start()])) + 1
        document.flaws.append(
            Flaw(
                (),
                line,
                None,
                f"contains the hidden character {printable(hidden[0])}, so that it does not read as it looks.",
                "Remove the character: most editors do not show it, and what follows it may be no comment.",
            )
        )
        return document
    try:
        _build(text, document, with_lines)
        document.is_complete = True
    except _StopError as stop:
        document.flaws.append(stop.flaw)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        document.flaws.append(
            Flaw((), mark.line + 1 if mark else None, None, f"is not valid YAML: {printable(what)}.", _SYNTAX_REMEDY)
        )
    except yaml.reader.ReaderError as error:
        document.flaws.append(
            Flaw(
                (),
                _line_of_control_character(text),
                None,
                f"contains a character that YAML does not allow ({printable(str(error.reason))}).",
                "Remove control characters; this may not be a text file at all.",
            )
        )
    except yaml.YAMLError as error:  # pragma: no cover - no other kind is known
        document.flaws.append(Flaw((), None, None, f"is not valid YAML: {printable(str(error))}.", _SYNTAX_REMEDY))
    return document


# A line break for YAML but not for most editors (so a comment ends unseen), or a change of writing direction.
_HIDDEN = re.compile(r"\r(?!\n)|[\x85\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_SYNTAX_REMEDY = "Look for wrong indentation, an unclosed quote or bracket, or a tab."


def _line_of_control_character(text: str) -> int | None:
    match = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    return text.count("\n", 0, match.start()) + 1 if match else None


def _build(text: str, document: Document, with_lines: bool) -> None:
    containers: list[Any] = []
    keys: list[Any] = []  # for each container: the pending key of a mapping, or _NO_KEY
    documents = 0

    def path() -> FieldPath:
        parts: list[str | int] = []
        for container, key in zip(containers, keys, strict=True):
            if isinstance(container, list):
                parts.append(len(container))
            elif key is not _NO_KEY:
                parts.append(key)
        return tuple(parts)

    def stop(event: Any, message: str, remedy: str) -> _StopError:
        return _StopError(Flaw(path(), event.start_mark.line + 1, None, message, remedy))

    def add(value: object) -> None:
        if not containers:
            document.value = value
        elif isinstance(containers[-1], list):
            containers[-1].append(value)
        else:
            # Keep the first of two equal keys and check the rest with it.
            containers[-1].setdefault(keys[-1], value)
            keys[-1] = _NO_KEY

    events: Iterable[Any] = yaml.parse(text, Loader=_LOADER)
    for event in events:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            if event.tag is not None:
                raise stop(event, f"has a tag ({printable(event.tag)[:60]}).", "Remove it; tags are not used here.")
            if containers and keys[-1] is _NO_KEY and isinstance(containers[-1], dict):
                key = event.value
                keys[-1] = key
                if key in containers[-1]:
                    document.flaws.append(Flaw(path(), event.start_mark.line + 1, None, DUPLICATE, "Keep one of them."))
                if with_lines:
                    document.lines.setdefault(path(), event.start_mark.line + 1)
                continue
            if with_lines and containers and isinstance(containers[-1], list):
                document.lines[path()] = event.start_mark.line + 1
            value: object = event.value
            if event.implicit[0]:
                value, refused = _plain_scalar(event.value)
                if refused is not None:
                    document.flaws.append(
                        Flaw(path(), event.start_mark.line + 1, event.value[:60], refused.message, refused.remedy)
                    )
            if not containers and value is None:
                continue  # a file of comments only, or "---" alone
            document.is_empty = False
            add(value)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            if event.tag is not None:
                raise stop(event, f"has a tag ({printable(event.tag)[:60]}).", "Remove it; tags are not used here.")
            if containers and keys[-1] is _NO_KEY and isinstance(containers[-1], dict):
                raise stop(event, "has a list or a mapping as a key.", "Keys are plain text; quote a text with braces.")
            if len(containers) >= MAXIMUM_DEPTH:
                raise stop(event, f"is nested more than {MAXIMUM_DEPTH} levels deep.", "Compare it with an example.")
            if with_lines:
                document.lines.setdefault(path(), event.start_mark.line + 1)
            document.is_empty = False
            container: Any = {} if kind is yaml.MappingStartEvent else []
            containers.append(container)
            keys.append(_NO_KEY)
            if len(containers) == 1:
                document.value = container
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            container = containers.pop()
            keys.pop()
            if containers:
                add(container)
        elif kind is yaml.AliasEvent:
            raise stop(event, "refers to another place of the file (a YAML alias).", "Write the value out here.")
        elif kind is yaml.DocumentStartEvent:
            documents += 1
            if documents > 1:
                raise stop(event, "starts a second YAML document.", "A file must contain one document.")


@lru_cache(maxsize=4096)
def _plain_scalar(text: str) -> tuple[object, RefusedError | None]:
    """Return what an unquoted scalar means, and why it is refused if it means something other than it shows."""
    for tag, pattern in _IMPLICIT_RESOLVERS.get(text[:1], ()):
        if pattern.match(text):
            return _typed(tag.rpartition(":")[2], text)
    return text, None


def _typed(kind: str, text: str) -> tuple[object, RefusedError | None]:
    quote = f'Put it in quotes if the text is meant: "{text[:60]}".'
    if kind == "null":
        return None, None
    if kind == "bool":
        if text in ("true", "false"):
            return text == "true", None
        meaning = "true" if text.lower() in ("yes", "on", "true") else "false"
        return text, RefusedError(f"is read as {meaning} by YAML 1.1.", f"Write {meaning} if that is meant. {quote}")
    if kind == "int":
        if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text):
            return int(text), None
        return text, RefusedError(
            "is a number that YAML readers take differently (octal, base 60, underscores, a sign, or too long).",
            f"Write a plain decimal number. {quote}",
        )
    if kind == "float":
        if re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{0,15}", text):
            return float(text), None
        return text, RefusedError("is a number in a form that is not used here.", quote)
    if kind == "timestamp":
        try:
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                return datetime.date.fromisoformat(text), None
        except ValueError as error:
            return text, RefusedError(f"is not a calendar date ({error}).", "Write an existing day as YYYY-MM-DD.")
        return text, RefusedError("is a date in another form, or has a time.", f"Write YYYY-MM-DD. {quote}")
    return text, None
