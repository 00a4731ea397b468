"""The fixtures of the scenario's tests: the lab they run in, its customers, and sessions of theirs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.exchange.ftps_client import FtpsClient
from tests.exchange.lab import PROJECT, Customer, Host, Lab


@pytest.fixture(scope="session")
def lab() -> Lab:
    path = Path(os.environ.get("FTPS_EXCHANGE_LAB", PROJECT / ".lab" / "lab.json"))
    if not path.exists():
        pytest.exit(f"{path} does not exist: run `make lab` first, or set FTPS_EXCHANGE_LAB", returncode=2)
    return Lab(path)


def neighbour(lab: Lab, distance: int) -> str:
    """An address of the lab's internet, counted from the service's."""
    return str(ip_address(lab.public_ip) + distance)


@pytest.fixture(scope="session")
def acme(lab: Lab) -> Customer:
    """The customer behind its own NAT firewall, with a writing and a reading account."""
    return lab.customers["acme"]


@pytest.fixture(scope="session")
def globex(lab: Lab) -> Customer:
    """The customer with a public address."""
    return lab.customers["globex"]


@pytest.fixture
def connect(lab: Lab) -> Iterator[Callable[..., FtpsClient]]:
    """Open control connections that are closed when the test ends; the certificate is verified."""
    clients: list[FtpsClient] = []

    def _connect(host: Host, **options: object) -> FtpsClient:
        clients.append(FtpsClient(lab, host, **options))  # type: ignore[arg-type]
        return clients[-1]

    yield _connect
    for client in clients:
        client.control.close()


@pytest.fixture
def fresh() -> str:
    """A file name nobody used before."""
    return f"check-{secrets.token_hex(6)}"
