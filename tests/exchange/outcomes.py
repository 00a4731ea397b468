"""How a check ends that could not look at what it is about."""

from __future__ import annotations

from typing import NoReturn

import pytest

NOT_TESTED = "NOT TESTED: "
DOES_NOT_APPLY = "does not apply: "


def not_tested(reason: str) -> NoReturn:
    """End the check: what it is about could not be seen. Never a pass."""
    pytest.skip(NOT_TESTED + reason)


def does_not_apply(reason: str) -> NoReturn:
    """End the check: the service does not offer what it is about."""
    pytest.skip(DOES_NOT_APPLY + reason)
