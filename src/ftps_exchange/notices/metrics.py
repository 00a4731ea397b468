"""Notices for Prometheus, in the text format of node_exporter's textfile collector."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from .compute import KINDS, Notice


def metrics(found: Sequence[Notice], *, unsent: int, now: datetime.datetime) -> str:
    """What holds now by kind, whether all mails went out, and when this was computed."""
    return "\n".join([*_metrics(found, unsent, now), ""])


def _metrics(found: Sequence[Notice], unsent: int, now: datetime.datetime) -> Iterator[str]:
    yield "# HELP ftps_exchange_notices Notices that hold now, by kind (docs/notices.md)."
    yield "# TYPE ftps_exchange_notices gauge"
    for kind in KINDS:
        yield f'ftps_exchange_notices{{kind="{kind}"}} {sum(notice.kind == kind for notice in found)}'
    yield "# HELP ftps_exchange_notices_unsent Mails that the relay did not take in the last run."
    yield "# TYPE ftps_exchange_notices_unsent gauge"
    yield f"ftps_exchange_notices_unsent {unsent}"
    yield "# HELP ftps_exchange_notices_time_seconds When the notices were computed."
    yield "# TYPE ftps_exchange_notices_time_seconds gauge"
    yield f"ftps_exchange_notices_time_seconds {int(now.timestamp())}"
