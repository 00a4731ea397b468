"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exchange.lab import Customer, Lab
from tests.scenario.exits import Exits, two_exits
from tests.scenario.fixtures import acme, connect, fresh, globex, lab

__all__ = ["acme", "connect", "exits", "fresh", "globex", "lab"]


@pytest.fixture(scope="session")
def exits(lab: Lab, acme: Customer) -> Iterator[Exits]:
    """Acme's firewall with two exits, for the tests at the end of the folder."""
    with two_exits(lab, acme) as made:
        yield made
