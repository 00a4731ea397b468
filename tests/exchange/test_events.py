"""Reports of complete files: each one, once, also after a kill of the service and while the receiver fails.

These need a receiver whose input can be read: a command that appends it to a file, as in the lab.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from .codes import DONE, expect
from .conftest import Session
from .ftps_client import FtpsClient
from .meddling import undone
from .outcomes import does_not_apply
from .target import Customer, Target
from .test_hosts import server
from .test_transfer import STORED
from .vantage import Host, Inspected

__all__ = ["server"]

pytestmark = [pytest.mark.inside, pytest.mark.elsewhere]

PROGRAM = "/usr/local/sbin/ftps-exchange-events"
SETTINGS = "/etc/ftps-exchange/events"


@dataclass
class Receiver:
    """A command that appends each batch to a file, on the server."""

    host: Host
    name: str
    file: str

    @property
    def unit(self) -> str:
        return f"ftps-exchange-events@{self.name}"

    def state(self) -> dict[str, Any]:
        states = json.loads(self.host.sh(f"{PROGRAM} --status"))["receivers"]
        return next(dict(one) for one in states if one["name"] == self.name)

    def reported(self, fresh: str) -> Counter[str]:
        """How often each path was reported, each batch counted once by its id."""
        text = self.host.sh(f"cat {self.file} 2> /dev/null || true")
        batches = {batch["id"]: batch for batch in map(json.loads, text.splitlines())}
        paths = (file["path"] for batch in batches.values() for file in batch["data"]["files"])
        return Counter(path for path in paths if fresh in path)

    def wait(self, fresh: str, expected: Iterable[str], patience: float = 20) -> Counter[str]:
        """What was reported, as soon as it has all that is expected, or after a while."""
        deadline = time.monotonic() + patience
        while True:
            found = self.reported(fresh)
            if set(expected) <= set(found) or time.monotonic() > deadline:
                return found
            time.sleep(0.25)


@pytest.fixture
def receiver(target: Target, server: Inspected) -> Receiver:
    """The receiver that can be read."""
    host = target.server_of_sessions
    for text in host.sh(f"cat {SETTINGS}/*.json 2> /dev/null | tr -d '\\n' || true").replace("}{", "}\n{").splitlines():
        settings = json.loads(text)
        run = settings.get("run") or []
        if run[:2] == ["/usr/bin/tee", "--append"]:
            return Receiver(host, settings["name"], run[2])
    return does_not_apply("the service has no receiver of events whose input can be read")


def complete(client: FtpsClient, customer: Customer, name: str) -> str:
    """Upload a file under another name and rename it, and return the path that must be reported."""
    expect(client.store(f"/{name}.part", b"12345"), STORED, "upload")
    expect(client.rename(f"/{name}.part", f"/{name}"), DONE, "rename")
    return f"homes/{customer.name}/{name}"


def each_once(found: Counter[str], expected: Iterable[str]) -> None:
    expected = list(expected)
    lost, doubled = sorted(set(expected) - set(found)), [path for path, times in found.items() if times > 1]
    assert not lost, f"{len(lost)} of {len(expected)} complete files were not reported: {lost[:3]}"
    assert not doubled, f"{len(doubled)} of {len(expected)} complete files were reported twice: {doubled[:3]}"
    assert set(found) == set(expected), f"reported, but not complete: {sorted(set(found) - set(expected))[:3]}"


@pytest.mark.risk("traces")
def test_a_complete_file_is_reported_once(customer: Customer, session: Session, receiver: Receiver, fresh: str) -> None:
    """A file that gets its final name is reported, once, and its temporary name is not.

    Source: docs/events.md.
    """
    client = session(customer)
    expected = [complete(client, customer, fresh)]
    found = receiver.wait(fresh, expected)
    client.command(f"DELE /{fresh}")
    each_once(found, expected)


@pytest.mark.hard
@pytest.mark.risk("traces")
def test_a_killed_event_service_loses_and_doubles_nothing(
    customer: Customer, session: Session, receiver: Receiver, fresh: str
) -> None:
    """Killed in its work, it goes on by itself; each complete file is reported, and a repeated batch has the same id.

    Source: docs/events.md.
    """
    client = session(customer)
    expected = []
    with undone(receiver.host, "ftpsx-events", f"systemctl start {receiver.unit}"):
        for number in range(6):
            expected.append(complete(client, customer, f"{fresh}-{number}"))
            if number % 2:
                # Perhaps it waits for its restart, after the last one
                receiver.host.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", receiver.unit)
            time.sleep(0.3)
        found = receiver.wait(fresh, expected)
    for number in range(6):
        client.command(f"DELE /{fresh}-{number}")
    each_once(found, expected)


@pytest.mark.hard
@pytest.mark.risk("traces")
def test_events_wait_for_a_receiver_that_fails(
    customer: Customer, session: Session, receiver: Receiver, fresh: str
) -> None:
    """What a receiver does not take waits on the server, also across a restart, and reaches it later.

    Source: docs/events.md.
    """
    client = session(customer)
    # A folder in place of the file: tee cannot append to it.
    # Stopped meanwhile: a batch between the two commands would go to a file that the second one replaces.
    undo = (
        f"systemctl stop {receiver.unit}; if rmdir {receiver.file}; then mv {receiver.file}.kept {receiver.file}; fi; "
        f"systemctl start {receiver.unit}"
    )
    with undone(receiver.host, "ftpsx-events", undo):
        receiver.host.sh(
            f"touch {receiver.file}; chown --reference=$(dirname $(realpath {receiver.file})) {receiver.file}; "
            f"mv {receiver.file} {receiver.file}.kept; mkdir {receiver.file}"
        )
        expected = [complete(client, customer, f"{fresh}-{number}") for number in range(4)]
        for _ in range(40):
            state = receiver.state()
            if state["failing_since"] and state["queue"] >= len(expected):
                break
            time.sleep(0.25)
        receiver.host.sh(f"systemctl restart {receiver.unit}")
    found = receiver.wait(fresh, expected)
    for number in range(4):
        client.command(f"DELE /{fresh}-{number}")
    assert state["failing_since"], f"the status does not report the failure: {state}"
    assert state["queue"] >= len(expected), f"of {len(expected)} events {state['queue']} wait"
    each_once(found, expected)
