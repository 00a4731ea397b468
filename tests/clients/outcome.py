"""What can happen to files that a client sends or fetches, and the one rule about it."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
from typing import Any


class Outcome(enum.StrEnum):
    """How one call of a client ended."""

    WHOLE = "intact"
    """Every file is there byte for byte, and the client reported success."""
    REFUSED = "error"
    """Not every file is there, or the client thinks so, and its own exit status reports an error."""
    HANGS = "hangs"
    """The client had not ended when its time was over: no silent loss, but no answer either."""
    LOST = "loses"
    """A file is missing or damaged, and the client's exit status reports success."""


@dataclass(frozen=True)
class Cell:
    """The result of one call of one client."""

    outcome: Outcome
    whole: int
    """How many files are there byte for byte."""
    files: int
    status: int
    """The client's own exit status."""
    seconds: float = 0
    said: str = ""
    """The last lines of what the client printed."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Cell:
        return cls(**{**found, "outcome": Outcome(found["outcome"])})


TIMED_OUT = (124, 137)
"""Exit statuses of timeout(1): it ended the client, or had to kill it."""


def judge(*, whole: int, files: int, status: int, seconds: float = 0, said: str = "") -> Cell:
    """The rule for every cell: intact, or the client's own exit status reports an error."""
    if status in TIMED_OUT:
        outcome = Outcome.HANGS
    elif status != 0:
        outcome = Outcome.REFUSED
    elif whole == files:
        outcome = Outcome.WHOLE
    else:
        outcome = Outcome.LOST
    return Cell(outcome, whole, files, status, round(seconds, 1), said)
