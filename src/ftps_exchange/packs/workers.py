"""Makes many packs in several processes, each a new Python: a fork would copy the locks that other threads hold.

Each worker gets its packs at once and answers after each of them. So one that dies or stands still is an error that
names the customer, never a run that waits forever.
"""

from __future__ import annotations

import gc
import os
import pickle
import selectors
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, Protocol

from ftps_exchange.model.view import Customer

from .store import Result

type Outcome = Result | str

COMMAND: Final = (sys.executable, "-m", __name__)
PATIENCE: Final = 120.0
"""Seconds without an answer, after which a worker has stopped working: a pack takes a fraction of one."""
_LENGTH: Final = 4


class Job(Protocol):
    """What makes one pack."""

    def one(self, customer: Customer, common: bytes) -> Outcome:
        """Bring one pack to what it should be; a text if that cannot be done."""


def outcomes(job: Job, customers: Sequence[Customer], common: bytes, processes: int) -> Iterator[Outcome]:
    """What became of each pack, in the order in which they are finished."""
    patience = PATIENCE
    workers = [_Worker(job, customers[number::processes], common) for number in range(processes)]
    try:
        with selectors.DefaultSelector() as selector:
            for worker in workers:
                selector.register(worker.answers, selectors.EVENT_READ, worker)
            while selector.get_map():
                for key, _ in selector.select(timeout=min(patience, 1)):
                    if data := os.read(key.fd, 1 << 16):
                        yield from key.data.take(data)
                    else:
                        selector.unregister(key.fileobj)
                        yield from key.data.ended(patience)
                for key in selector.get_map().values():
                    key.data.stop_if_silent(patience)
    finally:
        for worker in workers:
            worker.close()


class _Worker:
    """One process, and the packs that it has not answered for yet."""

    def __init__(self, job: Job, customers: Sequence[Customer], common: bytes) -> None:
        self._waiting = deque(customer.name for customer in customers)
        self._data = b""
        self._heard = time.monotonic()
        self._silent = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        # A file and no pipe: nothing that this process writes can wait for a reader
        with tempfile.TemporaryFile() as task:
            pickle.dump((job, list(customers), common), task)
            task.seek(0)
            self._process = subprocess.Popen(
                COMMAND, stdin=task, stdout=subprocess.PIPE, stderr=self._errors, env=_environment()
            )
        assert self._process.stdout is not None  # noqa: S101 - a pipe, see above
        self.answers: IO[bytes] = self._process.stdout

    def take(self, data: bytes) -> Iterator[Outcome]:
        """The outcomes that are complete."""
        self._heard = time.monotonic()
        self._data += data
        while len(self._data) >= _LENGTH:
            end = _LENGTH + int.from_bytes(self._data[:_LENGTH], "big")
            if len(self._data) < end:
                return
            yield pickle.loads(self._data[_LENGTH:end])  # noqa: S301 - of our own process
            self._waiting.popleft()
            self._data = self._data[end:]

    def stop_if_silent(self, patience: float) -> None:
        """End it when it has not answered for too long; its answers end then."""
        if not self._silent and time.monotonic() - self._heard > patience:
            self._silent = True
            self._process.kill()

    def ended(self, patience: float) -> Iterator[str]:
        """An error if packs are left over."""
        status = self._process.wait()
        if not self._waiting:
            return
        why = (
            f"gave no answer for {patience:g} s"
            if self._silent
            else f"was ended by signal {-status}"
            if status < 0
            else f"ended with status {status}"
        )
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]
        others = f" {len(self._waiting) - 1} more packs were not made." if len(self._waiting) > 1 else ""
        yield (
            f"customer {self._waiting[0]}: pack: the process that makes it {why}{f' ({said})' if said else ''}.{others}"
            " Run again; if it happens again, check memory and disk of this machine."
        )

    def close(self) -> None:
        """Leave no process behind."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self.answers.close()
        self._errors.close()


def _environment() -> dict[str, str]:
    """The worker finds this package where this process found it."""
    source = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))}


def main() -> None:
    """A worker: reads its packs from standard input, and writes one answer for each."""
    gc.disable()
    os.umask(0o022)
    job, customers, common = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    for customer in customers:
        answer(job.one(customer, common))


def answer(outcome: Any) -> None:
    """One outcome, with its length before it."""
    data = pickle.dumps(outcome)
    sys.stdout.buffer.write(len(data).to_bytes(_LENGTH, "big") + data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
