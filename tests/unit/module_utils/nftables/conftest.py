"""Each test that asks for a table runs with the listings of both versions of nft."""

from __future__ import annotations

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.nftables.table import Table

from tests.unit.module_utils.nftables.listings import VERSIONS, listing


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def live(version: str) -> Table:
    return listing(version, "filled")


@pytest.fixture
def desired(version: str) -> Table:
    return listing(version, "empty")
