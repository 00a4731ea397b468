"""What has been sent to whom, so that nobody gets the same notice every day.

The memory is a JSON file: recipient, then notice, then when it was sent. A notice that no longer holds is forgotten, so
it is sent again if it comes back.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ftps_exchange.errors import ExchangeError

from .compute import Notice

FORMAT: Final = 1
KEPT: Final = datetime.timedelta(days=400)
"""Entries are forgotten after this time in any case."""

type Memory = dict[str, dict[str, str]]


def read_memory(text: str | None, path: str) -> Memory:
    """The memory of a file; an empty one before the first run."""
    if text is None:
        return {}
    try:
        content = json.loads(text)
        sent = content["sent"]
        if content["format"] != FORMAT or not isinstance(sent, dict):
            raise ValueError
        return {str(who): {str(key): _time(when) for key, when in keys.items()} for who, keys in sent.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ExchangeError(
            "is damaged, so what was sent already is not known",
            field="notices_dir",
            value=path,
            remedy="Restore it from a backup, or remove it: everything that holds is then sent again",
        ) from None


def _time(when: Any) -> str:
    datetime.datetime.fromisoformat(when)
    return str(when)


def memory_text(memory: Memory) -> str:
    """What is kept."""
    return json.dumps({"format": FORMAT, "sent": memory}, indent=1, sort_keys=True) + "\n"


def due(
    held: Iterable[Notice], sent: Mapping[str, str], now: datetime.datetime, repeat_after: datetime.timedelta
) -> list[Notice]:
    """The notices that a recipient has not had yet, or has had long ago and that repeat."""
    found = []
    for notice in held:
        before = sent.get(notice.key)
        if before is None or (notice.repeats and now - datetime.datetime.fromisoformat(before) >= repeat_after):
            found.append(notice)
    return found


def remembered(memory: Memory, recipient: str, notices: Sequence[Notice], now: datetime.datetime) -> Memory:
    """The memory after a mail was accepted."""
    when = now.isoformat(timespec="seconds")
    return {**memory, recipient: {**memory.get(recipient, {}), **{notice.key: when for notice in notices}}}


def forgotten(memory: Memory, held: Iterable[Notice], now: datetime.datetime, *, complete: bool) -> Memory:
    """The memory without what no longer holds. If hosts did not answer, nobody knows what holds: all of it stays."""
    keys = {notice.key for notice in held}
    kept = {
        who: {
            key: when
            for key, when in sent.items()
            if (key in keys or not complete) and now - datetime.datetime.fromisoformat(when) < KEPT
        }
        for who, sent in memory.items()
    }
    return {who: sent for who, sent in kept.items() if sent}
