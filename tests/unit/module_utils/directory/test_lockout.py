"""The domain's lockout policy, and when it comes before the service's own bans."""

from __future__ import annotations

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.directory.lockout import Lockout, lockout_of
from ansible_collections.ftps.exchange.plugins.module_utils.ldap.objects import Entry


def domain(**attributes: str) -> Entry:
    return Entry("DC=corp,DC=example", {name.lower(): (value.encode(),) for name, value in attributes.items()})


def test_durations_are_read_in_seconds() -> None:
    read = lockout_of(
        domain(lockoutThreshold="5", lockOutObservationWindow="-18000000000", lockoutDuration="-9223372036854775808")
    )
    assert read == Lockout(threshold=5, window_seconds=1800, duration_seconds=0)


def test_a_domain_that_says_nothing_locks_nobody() -> None:
    assert lockout_of(domain()) == Lockout(0, 0, 0)


@pytest.mark.parametrize(("threshold", "warned"), [(0, False), (5, True), (9, True), (10, False)])
def test_a_lockout_before_the_ban_is_warned_of(threshold: int, warned: bool) -> None:
    warning = Lockout(threshold, 1800, 1800).warning(9)
    assert (warning is not None) is warned
    if warning:
        assert f"after {threshold} wrong passwords within 30 minutes, for 30 minutes" in warning
        assert "ftps_server_ban_account.refused" in warning
