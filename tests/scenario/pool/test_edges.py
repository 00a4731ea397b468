"""An edge dies: transfers go on through the other one, and nothing moves when it comes back.

Whether both edges are ready for that is for the live checks: tests/exchange/test_edges.py.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.exchange.lab import Customer, Lab
from tests.scenario.playbooks import Run

from .conftest import Edges

CA = "/etc/ssl/ftps-exchange-lab-ca.pem"
FOLDER = "/var/tmp/pool"
LARGE, SMALL = 2 << 30, 200 << 20
SPARE = 8 << 30
"""Bytes that stay free on the disk at least."""
GAP = 10.0
"""Seconds within which the other edge must carry on: three advertisements of half a second, and TCP's repetitions."""


@dataclass(frozen=True)
class Transfer:
    """One transfer by curl, slow enough to meet the death of an edge."""

    way: str
    family: int
    scheme: str
    size: int
    rate: str

    @property
    def name(self) -> str:
        return f"pool-{self.way}-{self.family}-{self.scheme}"


TRANSFERS = (
    Transfer("upload", 4, "ftp", LARGE, "100M"),
    Transfer("download", 4, "ftps", SMALL, "10M"),
    Transfer("upload", 6, "ftps", SMALL, "10M"),
    Transfer("download", 6, "ftp", SMALL, "10M"),
)


class Transfers:
    """Transfers of one customer, with what is sent and what arrives."""

    def __init__(self, lab: Lab, customer: Customer) -> None:
        self.lab, self.customer, self.account = lab, customer, customer.writer
        self.home = f"{lab.data.get('root', '/srv/ftps-exchange')}/homes/{customer.name}"

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """Files on both sides, which hardly take space: mostly holes."""
        free = int(self.lab.server.sh("df --output=avail -B1 /var/tmp | tail -1"))
        assert free > SPARE + LARGE + 4 * SMALL, "too little disk space"
        try:
            for transfer in TRANSFERS:
                host, folder = (
                    (self.customer.host, FOLDER) if transfer.way == "upload" else (self.lab.server, self.home)
                )
                host.sh(
                    f"mkdir -p {folder}; cd {folder}; truncate -s {transfer.size} {transfer.name}; "
                    f"for n in 0 50 100 150 190; do dd if=/dev/urandom of={transfer.name} bs=1M count=4 seek=$n"
                    f" conv=notrunc status=none; done; chmod 644 {transfer.name}"
                )
            yield
        finally:
            self.customer.host.sh(f"rm -rf {FOLDER}")
            self.lab.server.sh(f"rm -f {self.home}/pool-*")

    def run(self, transfer: Transfer) -> str:
        """One transfer; what curl complains about."""
        port = self.lab.explicit_port if transfer.scheme == "ftp" else self.lab.data["implicit_port"]
        url = f"{transfer.scheme}://{self.lab.fqdn}:{port}/{transfer.name}"
        which = f"-T {transfer.name}" if transfer.way == "upload" else f"-o {transfer.name}"
        config = f'user = "{self.account.name}:{self.account.password}"\n'
        done = self.customer.host.run(
            "sh", "-c",
            f"mkdir -p {FOLDER}; cd {FOLDER}; exec curl -sS -{transfer.family} --config - --ssl-reqd --tls-max 1.2"
            f" --cacert {CA} --max-time 200 --speed-time 30 --limit-rate {transfer.rate} {which} {url}",
            stdin=config.encode(), timeout=240,
        )  # fmt: skip
        return "" if done.returncode == 0 else f"{done.returncode}: {done.stderr.decode(errors='replace')}"

    def differ(self, transfer: Transfer) -> bool:
        """Whether what arrived is something else than what was sent."""
        sums = [
            host.sh(f"sha256sum < {folder}/{transfer.name}", timeout=240)
            for host, folder in ((self.customer.host, FOLDER), (self.lab.server, self.home))
        ]
        return sums[0] != sums[1]


@pytest.fixture
def transfers(lab: Lab, globex: Customer) -> Iterator[Transfers]:
    made = Transfers(lab, globex)
    with made.ready():
        yield made


def test_transfers_go_on_when_the_active_edge_dies_and_nothing_moves_when_it_comes_back(
    edges: Edges, transfers: Transfers
) -> None:
    dying = edges.active()
    survivor = edges.other(dying)
    with ThreadPoolExecutor(len(TRANSFERS)) as pool:
        running: dict[Transfer, Future[str]] = {one: pool.submit(transfers.run, one) for one in TRANSFERS}
        time.sleep(6)
        assert not any(one.done() for one in running.values()), "too fast to meet the fault"
        edges.kill(dying)
        try:
            taken_over = edges.wait_for(survivor)
            still = [one.name for one, future in running.items() if not future.done()]
            complaints = {one.name: future.result() for one, future in running.items()}
        finally:
            edges.start(dying)
    assert taken_over < GAP, f"{taken_over:.1f} s"
    assert len(still) == len(TRANSFERS), f"ended before the other edge had taken over: {complaints}"
    assert not any(complaints.values()), complaints
    assert [one.name for one in TRANSFERS if transfers.differ(one)] == []
    assert edges.active() == survivor, "the addresses moved back"


def test_an_edge_that_was_away_knows_what_began_meanwhile(
    edges: Edges, globex: Customer, connect: object, fresh: str
) -> None:
    """A session that began while one edge was down goes on when the other one dies."""
    first = edges.active()
    second = edges.other(first)
    edges.kill(second)
    with connect(globex.host, timeout=60).start_tls().login(globex.writer) as client:  # type: ignore[operator]
        edges.start(second)
        edges.kill(first)
        try:
            edges.wait_for(second)
            assert client.store(fresh, b"x" * 1_000_000).code == 226
            client.expect(f"DELE {fresh}", 250)
        finally:
            edges.start(first)


def test_a_suspended_customer_is_cut_off_at_both_edges(
    edges: Edges, lab: Lab, globex: Customer, connect: object
) -> None:
    """One run changes both, and the next one changes nothing."""
    file = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "customers" / "globex.yml"
    text = file.read_text()
    client = connect(globex.host).start_tls().login(globex.writer)  # type: ignore[operator]
    source = client.control.getsockname()[0]
    search = f"nft list set inet ftps_exchange_edge customers4 | grep -c '{source} ' || true"
    tracked = f"conntrack -L -p tcp 2> /dev/null | grep -c '^tcp .* ESTABLISHED src={source} ' || true"
    try:
        for name in edges.names:
            assert int(edges.host(name).sh(search)) == 1, name
        file.write_text(text.replace("state: present", "state: suspended"))
        Run(lab, "playbooks/site.yml")
        found = {name: [int(edges.host(name).sh(one)) for one in (search, tracked)] for name in edges.names}
        assert all(counts == [0, 0] for counts in found.values()), found
    finally:
        file.write_text(text)
        Run(lab, "playbooks/site.yml")
    assert set(Run(lab, "playbooks/site.yml").changed.values()) == {0}
