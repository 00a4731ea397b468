"""Faults in the middle of a run of site.yml: the next run must repair everything, the one after it change nothing.

`make faults` runs them: each fault at every n-th task (EVERY, 10). A customer transfers in a loop meanwhile; its errors
are counted, and there must be none where the fault does not touch the service.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange.lab import PROJECT, Lab

from .faults import FAULTS, Fault
from .runs import chosen, named, play

EVERY = int(os.environ.get("EVERY") or 10)
FIRST = int(os.environ.get("FIRST") or 0)
SITE = "playbooks/site.yml"
LOCK = "Take the lock of the exchange"


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab(Path(os.environ.get("FTPS_EXCHANGE_LAB", PROJECT / ".lab" / "lab.json")))


@pytest.fixture(scope="session")
def hosts(lab: Lab) -> dict[str, str]:
    return {name: str(lab.data[f"{name}_container"]) for name in ("server", "edge", "directory")}


@pytest.fixture(scope="session")
def tasks(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The tasks of a run with nothing to do."""
    done = play(lab.data["inventory"], SITE, log=tmp_path_factory.mktemp("tasks") / "log")
    assert done.code == 0, done.output
    return done.tasks


class Customer:
    """Lists its folder once a second, and counts what fails."""

    def __init__(self, lab: Lab) -> None:
        customer = lab.data["customers"][-1]
        account = customer["accounts"][0]
        self._command = ["podman", "exec", "--interactive", customer["container"], "curl", "--config", "-"]
        # On standard input, so that no process list shows the password
        self._settings = (
            f'url = "ftp://{lab.data["fqdn"]}/"\nuser = "{account["name"]}:{account["password"]}"\nssl-reqd\nsilent\n'
            'cacert = "/etc/ssl/ftps-exchange-lab-ca.pem"\nmax-time = 20\noutput = "/dev/null"\n'
        )
        self.good = 0
        self.errors: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def once(self) -> int:
        done = subprocess.run(self._command, input=self._settings, text=True, capture_output=True, check=False)
        return done.returncode

    def _loop(self) -> None:
        while not self._over.wait(1):
            code = self.once()
            if code:
                self.errors.append(code)
            else:
                self.good += 1

    def __enter__(self) -> Customer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def numbers(fault: Fault, tasks: tuple[str, ...]) -> list[int]:
    return named(tasks, fault.at) if fault.at else chosen(tasks, EVERY, after=LOCK, first=FIRST)


@pytest.fixture
def healthy(lab: Lab, tmp_path: Path) -> Iterator[None]:
    """Whatever a test leaves, the next one and the next user find the lab as it is declared."""
    yield
    play(lab.data["inventory"], SITE, log=tmp_path / "end")


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS])
def test_the_next_run_repairs_it(
    lab: Lab, hosts: dict[str, str], tasks: tuple[str, ...], fault: Fault, tmp_path: Path
) -> None:
    inventory = lab.data["inventory"]
    places = numbers(fault, tasks)
    # A task that runs only if something changes is in no run with nothing to do: its number is that of a try
    if fault.at and not places:
        tried = play(inventory, SITE, *fault.options, log=tmp_path / "tried")
        places = named(tried.tasks, fault.at)[:1]
        play(inventory, SITE, log=tmp_path / "back")
    assert places, f"no task is chosen for {fault.name}"
    for number in places:
        with Customer(lab) as customer:
            broken = play(
                inventory,
                SITE,
                *fault.options,
                log=tmp_path / "broken",
                task=number,
                command=fault.put(hosts),
                kill=fault.kill,
            )
            if fault.lift:
                subprocess.run(fault.lifted(hosts), shell=True, check=False, capture_output=True)  # noqa: S602
            if fault.kill:
                assert broken.code == -9, broken.output
            if fault.command:
                assert broken.fault == 0, f"{fault.name} did not come at task {number}: {broken.output}"
            repaired = play(inventory, SITE, *fault.options, log=tmp_path / "repaired")
            again = play(inventory, SITE, *fault.options, log=tmp_path / "again")
        where = f"{fault.name} at task {number}, {broken.tasks[number - 1]}"
        assert repaired.code == 0, f"{where}: the next run fails: {repaired.output[-4000:]}"
        assert again.code == 0, f"{where}: {again.output[-4000:]}"
        assert again.changed == 0, f"{where}: a further run changes something: {again.output}"
        assert serves(customer), f"{where}: the customer is not served any more"
        print(
            f"{where}: the run ended with {broken.code}, the next one changed {repaired.changed}; the customer had "
            f"{len(customer.errors)} errors in {customer.good + len(customer.errors)} tries"
        )
        if not fault.interrupts:
            assert customer.errors == [], f"{where}: customers noticed it, curl ended with {customer.errors}"


def serves(customer: Customer) -> bool:
    """After an outage of the directory a login works again within seconds, not at once."""
    for _attempt in range(30):
        if customer.once() == 0:
            return True
        time.sleep(1)
    return False
