"""Debian's Prometheus: in the folder that FTPS_EXCHANGE_PROMETHEUS names (scripts/prometheus), or on the PATH."""

from __future__ import annotations

import os
import shutil

import pytest

VARIABLE = "FTPS_EXCHANGE_PROMETHEUS"
MISSING = f"no Prometheus: set {VARIABLE} to the folder that scripts/prometheus prints"


def program(name: str) -> str:
    """Where a program is. In continuous integration no check may be left out."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get(VARIABLE, ""), os.environ.get("PATH", "")]))
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING, pytrace=False)
        pytest.skip(MISSING)
    return found


@pytest.fixture(scope="session")
def promtool() -> str:
    return program("promtool")


@pytest.fixture(scope="session")
def prometheus() -> str:
    return program("prometheus")


@pytest.fixture(scope="session")
def node_exporter() -> str:
    return program("prometheus-node-exporter")
