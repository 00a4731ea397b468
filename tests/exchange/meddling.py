"""Temporary faults on a host that may be changed. They are always undone."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from .vantage import Host

MOST_SECONDS = 240
"""After so long the host undoes it by itself, should this process have been killed."""


@contextmanager
def undone(host: Host, unit: str, undo: str) -> Iterator[None]:
    """Run the shell script `undo` at the end, and before the beginning: a check that was killed may have left it."""
    stop = f"systemctl stop {unit}.timer 2> /dev/null"
    host.run("sh", "-c", f"{stop}; {undo}")
    when = f"--on-active={MOST_SECONDS} --timer-property=AccuracySec=1s"
    host.sh(f"systemd-run --quiet {when} --unit={unit} sh -c {shlex.quote(undo)}")
    try:
        yield
    finally:
        host.run("sh", "-c", f"{undo}; {stop}")
