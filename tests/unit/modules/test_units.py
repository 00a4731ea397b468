"""units: what systemd is asked to do, and a service that is started again and again does not count as running."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils import units

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
    winbind, proftpd = units.parse(SHOWN)
    assert winbind["Id"] == "winbind.service"
    assert proftpd["NRestarts"] == "46"


@pytest.mark.parametrize(("now", "missing"), [(5.5, 2.5), (8.0, 0.0), (100.0, 0.0)])
def test_a_unit_has_to_run_for_some_seconds(now: float, missing: float) -> None:
    assert units.missing_seconds(units.parse(SHOWN)[0], now, 3.0) == missing


def test_a_unit_between_two_starts_does_not_run() -> None:
    assert units.missing_seconds(units.parse(SHOWN)[1], 100.0, 3.0) is None


def test_the_complaint_names_unit_state_and_remedy() -> None:
    said = units.complaint(units.parse(SHOWN)[1], "Permission denied")
    assert said.startswith(
        "proftpd.service does not stay up: it is activating (auto-restart, result exit-code) after 46"
    )
    assert "journalctl -u proftpd.service" in said
    assert said.endswith("Permission denied")


UNITS = {
    "good.service": {"LoadState": "loaded", "UnitFileState": "enabled", "ActiveState": "active"},
    "off.service": {"LoadState": "loaded", "UnitFileState": "disabled", "ActiveState": "inactive"},
    "static.service": {"LoadState": "loaded", "UnitFileState": "static", "ActiveState": "active"},
    "old.service": {
        "LoadState": "loaded",
        "UnitFileState": "enabled",
        "ActiveState": "active",
        "NeedDaemonReload": "yes",
    },
    "broken.service": {"LoadState": "loaded", "UnitFileState": "enabled", "ActiveState": "failed"},
    "looping.service": {"LoadState": "loaded", "UnitFileState": "enabled", "ActiveState": "activating"},
    "none.service": {"LoadState": "not-found", "UnitFileState": "", "ActiveState": "inactive"},
}


class Systemd:
    """Answers as systemctl does, and remembers what it was asked to do."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fails = ""

    def __call__(self, command: Sequence[str], data: str = "") -> tuple[int, str, str]:
        program, verb, *names = command
        if program == "journalctl":
            return 0, "why\n", ""
        if verb == "show":
            blocks = (UNITS[name] | {"Id": name} for name in names[1:])
            return 0, "\n\n".join("\n".join(f"{key}={value}" for key, value in unit.items()) for unit in blocks), ""
        self.done.append(" ".join([verb, *names]))
        return (1, "", "no") if verb == self.fails else (0, "", "")


def bring(
    started: Sequence[str], stopped: Sequence[str] = (), *, check_mode: bool = False
) -> tuple[list[str], Systemd]:
    systemd = Systemd()
    found = units.Units(systemd, started, stopped, check_mode=check_mode)
    found.apply()
    return found.changed, systemd


def test_what_is_as_declared_is_left_alone() -> None:
    changed, systemd = bring(["good.service", "static.service"], ["off.service", "none.service"])
    assert (changed, systemd.done) == ([], [])


def test_many_units_need_one_call_for_each_verb() -> None:
    changed, systemd = bring(["off.service", "broken.service", "good.service"], ["looping.service"])
    assert changed == ["broken.service", "looping.service", "off.service"]
    assert systemd.done == [
        "enable off.service",
        "start off.service broken.service",
        "disable looping.service",
        "stop looping.service",
    ]


def test_a_unit_that_only_seems_to_run_is_started() -> None:
    assert bring(["looping.service"])[1].done == ["start looping.service"]


def test_systemd_reads_changed_files_again() -> None:
    changed, systemd = bring(["old.service"])
    assert (changed, systemd.done) == ([], ["daemon-reload"])


def test_check_mode_only_reports() -> None:
    changed, systemd = bring(["none.service", "off.service", "old.service"], ["good.service"], check_mode=True)
    assert (changed, systemd.done) == (["good.service", "none.service", "off.service"], [])


def test_the_diff_has_both_states() -> None:
    found = units.Units(Systemd(), ["off.service"], ["good.service"], check_mode=True)
    assert found.diff() == {
        "before": "good.service: enabled, active\noff.service: disabled, inactive\n",
        "after": "good.service: disabled, inactive\noff.service: enabled, active\n",
    }


def test_a_start_that_fails_shows_the_journal() -> None:
    systemd = Systemd()
    systemd.fails = "start"
    with pytest.raises(units.UnitsError, match=r"systemctl start broken\.service: no broken\.service: why"):
        units.Units(systemd, ["broken.service"], [], check_mode=False).apply()
