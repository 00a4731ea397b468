"""Faults in the middle of a run of site.yml: the next run must repair everything, the one after it change nothing.

`make faults` runs them: each fault at every n-th task (EVERY, 10). A customer transfers in a loop meanwhile; its errors
are counted, and there must be none where the fault does not touch the service.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.exchange.lab import PROJECT, Lab

from .breaking import SITE, break_a_run, hosts_of
from .faults import FAULTS, Fault
from .runs import Done, chosen, named, play

EVERY = int(os.environ.get("EVERY") or 10)
FIRST = int(os.environ.get("FIRST") or 0)
LAB_UP, LAB_FACTS = "playbooks/lab_up.yml", "playbooks/lab_facts.yml"
LOCK = "Take the lock of the exchange"


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab(Path(os.environ.get("FTPS_EXCHANGE_LAB", PROJECT / ".lab" / "lab.json")))


@pytest.fixture(scope="session")
def hosts(lab: Lab) -> dict[str, str]:
    return hosts_of(lab)


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


def numbers(fault: Fault, request: pytest.FixtureRequest, tasks: str) -> list[int]:
    """Where the fault comes. 0: at the task that it names, so no run is needed to count the tasks."""
    return [0] if fault.at else chosen(request.getfixturevalue(tasks), EVERY, after=LOCK, first=FIRST)


def place(fault: Fault, number: int, broken: Done) -> str:
    number = number or named(broken.tasks, fault.at)[0]
    return f"{fault.name} at task {number}, {broken.tasks[number - 1]}"


@contextmanager
def healthy_afterwards(lab: Lab, tmp_path: Path, *, always: bool = False) -> Iterator[None]:
    """If a test fails, or leaves something else than what is declared, the next one finds the lab as declared."""
    try:
        yield
    except BaseException:
        play(lab.data["inventory"], SITE, log=tmp_path / "end")
        raise
    if always:
        play(lab.data["inventory"], SITE, log=tmp_path / "end")


def converges(lab: Lab, fault: Fault, where: str, tmp_path: Path) -> int:
    """One run repairs everything, the next one changes nothing. How many tasks changed something in the first."""
    inventory = lab.data["inventory"]
    repaired = play(inventory, SITE, *fault.options, log=tmp_path / "repaired")
    assert repaired.code == 0, f"{where}: the next run fails: {repaired.output[-4000:]}"
    again = play(inventory, SITE, *fault.options, log=tmp_path / "again")
    assert again.code == 0, f"{where}: {again.output[-4000:]}"
    assert again.changed == 0, f"{where}: a further run changes something: {again.output}"
    return repaired.changed


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS])
def test_the_next_run_repairs_it(
    lab: Lab, hosts: dict[str, str], request: pytest.FixtureRequest, fault: Fault, tmp_path: Path
) -> None:
    for number in numbers(fault, request, "tasks"):
        with healthy_afterwards(lab, tmp_path, always=bool(fault.options)):
            with Customer(lab) as customer:
                broken = break_a_run(lab, hosts, fault, tmp_path / "broken", number)
                where = place(fault, number, broken)
                changed = converges(lab, fault, where, tmp_path)
            assert serves(customer), f"{where}: the customer is not served any more"
            if fault.options:
                assert changed > 0, f"{where}: the next run does nothing of what the first one left"
            print(
                f"{where}: the run ended with {broken.code}, the next one changed {changed}; the customer had "
                f"{len(customer.errors)} errors in {customer.good + len(customer.errors)} tries"
            )
            if not fault.interrupts:
                assert customer.errors == [], f"{where}: customers noticed it, curl ended with {customer.errors}"


def make_new_hosts(lab: Lab, hosts: Mapping[str, str], tmp_path: Path) -> None:
    """Server and edge as installed, without data, and a directory in which the exchange never was."""
    service = yaml.safe_load((PROJECT / lab.data["inventory"] / "group_vars/all/exchange.yml").read_text())
    unit = service["exchange"]["directory"]["managed_ou"]
    for command in (
        ["podman", "rm", "--force", "--time", "0", hosts["server"], hosts["edge"]],
        ["podman", "volume", "rm", "--force", f"{hosts['server']}-data"],
        ["podman", "exec", hosts["directory"], "samba-tool", "ou", "delete", unit, "--force-subtree-delete"],
    ):
        subprocess.run(command, check=True, capture_output=True)
    built = play(lab.data["inventory"], LAB_UP, log=tmp_path / "built")
    assert built.code == 0, built.output


@pytest.fixture(scope="session")
def first_tasks(lab: Lab, hosts: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The tasks of a first deployment: some are in no other run."""
    folder = tmp_path_factory.mktemp("first")
    make_new_hosts(lab, hosts, folder)
    done = play(lab.data["inventory"], SITE, log=folder / "log")
    assert done.code == 0, done.output
    return done.tasks


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS if fault.deploys])
def test_a_first_deployment_is_finished_by_the_next_run(
    lab: Lab, hosts: dict[str, str], request: pytest.FixtureRequest, fault: Fault, tmp_path: Path
) -> None:
    """The customers' passwords are those that were handed over."""
    for number in numbers(fault, request, "first_tasks"):
        with healthy_afterwards(lab, tmp_path):
            make_new_hosts(lab, hosts, tmp_path)
            broken = break_a_run(lab, hosts, fault, tmp_path / "broken", number)
            where = f"first deployment, {place(fault, number, broken)}"
            changed = converges(lab, fault, where, tmp_path)
            described = play(lab.data["inventory"], LAB_FACTS, log=tmp_path / "described")
            assert described.code == 0, described.output
            assert "Set the passwords" not in " ".join(described.tasks), f"{where}: passwords were lost"
            assert serves(Customer(Lab(lab.path))), f"{where}: the customer cannot log in"
            print(f"{where}: the run ended with {broken.code}, the next one changed {changed}")


def test_an_expired_certificate_that_nobody_renews_is_named(lab: Lab, hosts: dict[str, str], tmp_path: Path) -> None:
    """With a CA that signs by hand: what is wrong, where the request is, where the answer goes.

    The own CA renews it.
    """
    inventory = lab.data["inventory"]
    request, signed = tmp_path / "request.csr", tmp_path / "signed.pem"
    [expired] = [fault for fault in FAULTS if fault.name == "expired"]
    with healthy_afterwards(lab, tmp_path):
        subprocess.run(expired.put(hosts), shell=True, check=True)  # noqa: S602
        by_hand = (
            f"certificate_provider=signed_file certificate_request_copy={request} certificate_signed_file={signed}"
        )
        refused = play(inventory, SITE, "--extra-vars", by_hand, log=tmp_path / "refused")
        assert refused.code > 0, refused.output
        told = " ".join(refused.output.split())
        for words in ("expired", str(request), str(signed)):
            assert words in told, f"the message lacks {words!r}: {refused.output[-4000:]}"
        assert "BEGIN CERTIFICATE REQUEST" in request.read_text()
        assert converges(lab, expired, "an expired certificate", tmp_path) > 0
    assert serves(Customer(lab))


BACKUP = "/var/lib/ftpsx-fault.tar"
STOP, START = "systemctl stop samba-ad-dc", "systemctl start samba-ad-dc"
TAR = f"tar --sparse --xattrs --xattrs-include='*' --file={BACKUP} --directory=/var/lib"
SAVE = f"set -e; {STOP}; {TAR} --create samba; {START}"
RESTORE = f"set -e; {STOP}; find /var/lib/samba -mindepth 1 -delete; {TAR} --extract; rm {BACKUP}; {START}"
NEWCOMER = """\
state: present
contact: {{name: Newcomer, email: it@newcomer.example}}
sources: [{address}/32]
accounts:
  - {{name: newcomer-up, access: write}}
shares:
  - {{name: maps, access: read}}
"""


def test_a_directory_older_than_the_folders(lab: Lab, hosts: dict[str, str], tmp_path: Path) -> None:
    """Restored from a backup: groups and accounts are missing that the folders, lists and firewalls know."""
    inventory, customers = lab.data["inventory"], tmp_path / "customers"
    shutil.copytree(PROJECT / inventory / "customers", customers)
    (customers / "newcomer.yml").write_text(NEWCOMER.format(address=f"{lab.public_ip.rpartition('.')[0]}.77"))
    with_newcomer = Fault("restore", "", options=("--extra-vars", f"exchange_model_customers_dir={customers}"))

    def in_directory(command: str) -> str:
        done = subprocess.run(
            ["podman", "exec", hosts["directory"], "sh", "-c", command], check=True, capture_output=True, text=True
        )
        return done.stdout

    with healthy_afterwards(lab, tmp_path, always=True):
        in_directory(SAVE)
        with Customer(lab) as customer:
            assert serves(customer)
            added = play(inventory, SITE, *with_newcomer.options, log=tmp_path / "added")
            assert added.code == 0, added.output
            in_directory(RESTORE)
            assert serves(customer)
            assert "newcomer" not in in_directory("samba-tool group list"), "the directory is not the older one"
            changed = converges(lab, with_newcomer, "a directory older than the folders", tmp_path)
        assert changed > 0
        assert serves(customer), "the customer is not served any more"
        assert "home-newcomer-write" in in_directory("samba-tool group list")
        print(
            f"a restored directory: the next run changed {changed}; the customer had {len(customer.errors)} errors in "
            f"{customer.good + len(customer.errors)} tries"
        )


def serves(customer: Customer) -> bool:
    """After an outage of the directory a login works again within seconds, not at once."""
    for _attempt in range(30):
        if customer.once() == 0:
            return True
        time.sleep(1)
    return False
