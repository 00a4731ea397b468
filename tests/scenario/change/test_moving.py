"""The service moves to another address, port and range, and a customer follows when it can."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.exchange.ftps_client import FtpsClient
from tests.exchange.lab import PROJECT, Customer, Host, Lab
from tests.scenario.fixtures import neighbour
from tests.scenario.playbooks import Run

Connect = Callable[..., FtpsClient]
NEW_PORT, NEW_RANGE = 2121, (51000, 51099)
PARTS = ("--tags", "ftps_server,host_firewall,edge")


class Move:
    """A service that moves: runs with other values than the inventory has, and the new address at the edge."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.file = folder / "moving.yml"
        self.ended = False
        self.address = neighbour(lab, 1)
        shown = lab.edge.sh(f"ip -o -4 address show to {lab.public_ip}")
        self.interface = shown.split()[1]
        lab.edge.sh(f"ip address replace {self.address}/32 dev {self.interface}")

    def begin(self) -> None:
        """Deploy new values beside the former ones, whose last day is tomorrow."""
        until = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1)
        file = PROJECT / self.lab.data["inventory"] / "group_vars" / "all" / "exchange.yml"
        exchange: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))["exchange"]
        exchange |= {
            "public_ip4": self.address,
            "also_public_ip4": {"address": exchange["public_ip4"], "until": str(until)},
            "explicit_port": NEW_PORT,
            "also_explicit_port": {"port": exchange["explicit_port"], "until": str(until)},
            "passive_ports": list(NEW_RANGE),
            "also_passive_ports": {"ports": exchange["passive_ports"], "until": str(until)},
        }
        self.file.write_text(yaml.safe_dump({"exchange": exchange}), encoding="utf-8")
        Run(self.lab, "playbooks/site.yml", *PARTS, "--extra-vars", f"@{self.file}")

    def end(self) -> None:
        """Deploy what the inventory has."""
        Run(self.lab, "playbooks/site.yml", *PARTS)
        self.ended = True


@pytest.fixture(scope="module")
def move(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Move]:
    made = Move(lab, tmp_path_factory.mktemp("moving"))
    try:
        made.begin()
        yield made
    finally:
        # Also after a failure: what comes next expects the inventory's values
        if not made.ended:
            made.end()
        lab.edge.sh(f"ip address del {made.address}/32 dev {made.interface}")


@contextmanager
def opened(firewall: Host, address: str) -> Iterator[None]:
    """A customer's firewall opens the new values too, and closes them again."""
    sets = {"service_addresses4": address, "service_ports": f"{NEW_PORT}, {NEW_RANGE[0]}-{NEW_RANGE[1]}"}

    def change(verb: str) -> None:
        firewall.sh(";".join(f"nft {verb} element inet customer {name} '{{ {some} }}'" for name, some in sets.items()))

    change("add")
    try:
        yield
    finally:
        change("delete")


def works(client: FtpsClient, range_: tuple[int, int]) -> None:
    """Log in, and transfer over a port of the range at the address to which the client came."""
    for _ in range(3):
        address, port = client.pasv()
        assert address == client.address
        assert range_[0] <= port <= range_[1]
        plain = client.open_data()
        client.expect("NLST", 150)
        data = client.secure_data(plain)
        while data.recv(4096):
            pass
        data.close()
        assert client.reply().code == 226


def test_a_customer_moves_when_it_can(lab: Lab, move: Move, acme: Customer, connect: Connect) -> None:
    """Its firewall opens only the former values, then both; the server uses the former range until the last day."""
    old = lab.passive_ports or (0, 0)
    works(connect(acme.host).start_tls().login(acme.writer), old)
    assert acme.host.reaches(move.address, NEW_PORT) == "silence", "its own firewall does not open this yet"
    assert acme.firewall is not None
    with opened(acme.firewall, move.address):
        works(connect(acme.host, address=move.address, port=NEW_PORT).start_tls().login(acme.writer), old)
        works(connect(acme.host, address=move.address).start_tls().login(acme.writer), old)

        # Back again, without former values: what was new is closed
        move.end()
        works(connect(acme.host).start_tls().login(acme.writer), old)
        assert acme.host.reaches(move.address, NEW_PORT) == "silence"
        assert acme.host.reaches(lab.public_ip, NEW_PORT) == "silence"
