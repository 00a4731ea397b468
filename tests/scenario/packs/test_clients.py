"""A part of the matrix of clients (make clients), with what acme's computer has: no file is lost.

Ten files in one call, put and fetched, with acme's own pack; sizes and hashes are compared on the server.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.clients import CLIENTS, GET, HERE, MODES, PUT
from tests.clients.desk import PROGRAMS, Desk
from tests.clients.outcome import Outcome
from tests.exchange.lab import Lab

BY_ID = {client.id: client for client in CLIENTS}
TRIED = {
    "curl-13-pack": tuple(MODES),
    "curl-13": ("I6",),
    "lftp-pack": ("E6",),
    "lftp": ("I4",),
    "ftplib-reuse": ("E4",),
    "ftplib": ("E4",),
}
"""The programs that the lab's image has, and in which modes: each port and each family by each kind of TLS library."""


@pytest.fixture(scope="module")
def desk(lab: Lab, packs: Path) -> Iterator[Desk]:
    """Acme's computer itself, with the programs and the pack in a folder of it."""
    host = lab.customers["acme"].host
    desk = Desk(lab, packs / "acme", {}, None)
    desk.containers = {"trixie": host}
    hosts = host.sh("cat /etc/hosts")
    for name, folder in (("programs", PROGRAMS), ("pack", packs / "acme")):
        host.sh(f"mkdir -p {HERE}/{name}")
        desk.copy(folder, host, f"{HERE}/{name}")
    desk.make_files()
    yield desk
    host.sh(f"rm -rf {HERE}; exec cat > /etc/hosts", stdin=hosts.encode())
    desk.clear()


@pytest.mark.parametrize(
    ("name", "mode"), [pytest.param(name, mode, id=f"{name}-{mode}") for name, modes in TRIED.items() for mode in modes]
)
def test_no_file_is_lost(desk: Desk, name: str, mode: str) -> None:
    """Whole, or the client's own exit status says no: never neither."""
    client = BY_ID[name]
    cells = desk.measure(client, mode, [PUT, GET])
    for action, cell in cells.items():
        told = f"{action}: {cell.whole} of {cell.files} are whole, exit status {cell.status}: {cell.said}"
        assert cell.outcome is not Outcome.LOST, told
        assert cell.outcome in client.expected("1.2", action, mode), told
