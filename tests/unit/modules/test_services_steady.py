"""services_steady: a service that is started again and again does not count as running."""

from __future__ import annotations

import pytest
from ansible_collections.ftps.exchange.plugins.modules import services_steady

SHOWN = """Id=winbind.service
ActiveState=active
SubState=running
Result=success
NRestarts=0
ActiveEnterTimestampMonotonic=5000000

Id=proftpd.service
ActiveState=activating
SubState=auto-restart
Result=exit-code
NRestarts=46
ActiveEnterTimestampMonotonic=0
"""


def test_what_systemd_shows_is_read_unit_by_unit() -> None:
    winbind, proftpd = services_steady.parse(SHOWN)
    assert winbind["Id"] == "winbind.service"
    assert proftpd["NRestarts"] == "46"


@pytest.mark.parametrize(("now", "missing"), [(5.5, 2.5), (8.0, 0.0), (100.0, 0.0)])
def test_a_unit_has_to_run_for_some_seconds(now: float, missing: float) -> None:
    assert services_steady.missing_seconds(services_steady.parse(SHOWN)[0], now, 3.0) == missing


def test_a_unit_between_two_starts_does_not_run() -> None:
    assert services_steady.missing_seconds(services_steady.parse(SHOWN)[1], 100.0, 3.0) is None


def test_the_complaint_names_unit_state_and_remedy() -> None:
    said = services_steady.complaint(services_steady.parse(SHOWN)[1], "Permission denied")
    assert said.startswith(
        "proftpd.service does not stay up: it is activating (auto-restart, result exit-code) after 46"
    )
    assert "journalctl -u proftpd.service" in said
    assert said.endswith("Permission denied")
