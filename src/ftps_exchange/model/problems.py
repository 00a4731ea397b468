"""Problems of the model: what, where, remedy.

A ``Problem`` always names a file; where it can, it names the line, the field and the value too. Values come from
files that may hold anything, so they are shown as a short, printable representation.
"""

from __future__ import annotations

import datetime
import difflib
import re
import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

FieldPath = tuple[str | int, ...]

Rule = tuple[FieldPath, object, str, str]
"""What is wrong between the keys of a file: path, value, message and remedy."""

# Keep the message readable with very many problems; the structured list is complete.
SHOWN_PROBLEMS = 100


class RefusedError(Exception):
    """A broken rule: the problem and the remedy."""

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
    """Return the text with control characters escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


class _ShortRepr(reprlib.Repr):
    """Short representation that cannot fail, with YAML's spelling."""

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
    """Return the known word that was probably meant. Numbers get no suggestion."""
    if not re.search(r"[^\W\d]", str(word)):
        return None
    lowered = {k.lower(): k for k in known}
    matches = difflib.get_close_matches(str(word).lower()[:80], lowered, n=1, cutoff=0.6)
    return lowered[matches[0]] if matches else None


NO_SECRETS_HERE = (
    "Remove it, also from the history of the repository: these files must not contain secrets. Passwords of "
    "accounts are generated by the run (docs/passwords.md)."
)


def looks_secret(path: FieldPath) -> bool:
    """Return whether a key looks like a secret, which a message must not repeat."""
    return any(
        isinstance(part, str) and re.search(r"pass(?!ive_|word_max_)|pwd|secret|token|private", part, re.IGNORECASE)
        for part in path
    )
