"""A declaration, and a directory that holds it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.module_utils.directory.planning import ACCOUNTS, GROUPS, apply, with_passwords
from tests.unit.module_utils.fake_directory import FakeDirectory, declaration


@pytest.fixture
def declared() -> dict[str, Any]:
    return declaration(ACCOUNTS, GROUPS)


@pytest.fixture
def directory(declared: dict[str, Any]) -> FakeDirectory:
    """One that holds what is declared, with all passwords set."""
    made = FakeDirectory()
    apply(made, declared)
    with_passwords(made, *ACCOUNTS)
    apply(made, declared)
    return made
