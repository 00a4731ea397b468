"""What the clouds' templates share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ftps_exchange.model.rules import Ports
from ftps_exchange.packs.flows import Flow, Job
from ftps_exchange.packs.text import indented_json


def as_json(content: dict[str, Any]) -> str:
    """A template as a file."""
    return indented_json(content) + "\n"


def pairs(job: Job) -> Iterator[tuple[Flow, str, Ports]]:
    """Every source with every range of ports."""
    for flow in job.flows:
        for source in flow.sources:
            for ports in flow.ports:
                yield flow, source, ports
