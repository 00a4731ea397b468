"""A run of site.yml on a lab with a fault in it: used by `make faults`, and by the scenario with some of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.exchange.lab import Lab

from .faults import Fault
from .runs import Done, play

SITE = "playbooks/site.yml"


def hosts_of(lab: Lab) -> dict[str, str]:
    """The containers that a fault may name."""
    return {name: str(lab.data[f"{name}_container"]) for name in ("server", "edge", "directory")}


@contextmanager
def lifted(fault: Fault, hosts: Mapping[str, str]) -> Iterator[None]:
    """End the fault, also after an error."""
    try:
        yield
    finally:
        if fault.lift:
            subprocess.run(fault.lifted(hosts), shell=True, check=False, capture_output=True)  # noqa: S602


def break_a_run(lab: Lab, hosts: Mapping[str, str], fault: Fault, log: Path, number: int = 0) -> Done:
    """Run site.yml with a fault in it, which must have come, and be explained where we know how.

    It comes at the task of this number, or at the task that the fault names.
    """
    with lifted(fault, hosts):
        broken = play(
            lab.data["inventory"],
            SITE,
            *fault.options,
            log=log,
            task=number,
            at="" if number else fault.at,
            command=fault.put(hosts),
            kill=fault.kill,
        )
    if fault.kill:
        assert broken.code == -9, broken.output
    if fault.command:
        assert broken.fault == 0, f"{fault.name} did not come at task {number or fault.at}: {broken.output}"
    if fault.says:
        assert broken.code > 0, f"{fault.name} did not stop the run: {broken.output}"
        assert fault.says in broken.output, f"{fault.name} is not explained: {broken.output}"
    return broken
