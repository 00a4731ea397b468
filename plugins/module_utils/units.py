"""Units of systemd, many in one call, and those that run stay up."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from ansible_collections.ftps.exchange.plugins.module_utils.commands import Runner

PROPERTIES = (
    "Id", "LoadState", "UnitFileState", "NeedDaemonReload", "ActiveState", "SubState", "Result", "NRestarts",
    "ActiveEnterTimestampMonotonic",
)  # fmt: skip
ACTIVE = ("active", "reloading")
NOT_ENABLED = ("disabled", "enabled-runtime", "linked", "masked", "masked-runtime")
"""States of a unit's file in which a boot does not start it, although it could."""

Unit = Mapping[str, str]


class UnitsError(Exception):
    """An error for the user: unit, problem, remedy."""


def parse(text: str) -> list[dict[str, str]]:
    """Return what `systemctl show` printed: one dictionary for each unit."""
    blocks = [block for block in text.strip().split("\n\n") if block]
    return [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]


def show(run: Runner, names: Sequence[str]) -> dict[str, Unit]:
    """Return the state of units, by the name that was asked for."""
    if not names:
        return {}
    units = parse(systemctl(run, "show", f"--property={','.join(PROPERTIES)}", *names))
    return dict(zip(names, units, strict=True))


def systemctl(run: Runner, *arguments: str) -> str:
    """Run systemctl, or fail with what it says."""
    code, output, error = run(["systemctl", *arguments])
    if code:
        raise UnitsError(f"systemctl {' '.join(arguments)}: {(error or output).strip()}")
    return output


def exists(unit: Unit) -> bool:
    """Return whether systemd knows a unit."""
    return unit.get("LoadState") != "not-found"


def is_stale(unit: Unit) -> bool:
    """Return whether systemd has to read its files again."""
    return unit.get("NeedDaemonReload") == "yes" or not exists(unit)


def to_enable(unit: Unit) -> bool:
    """Return whether the unit does not start at boot, but could. Others are static, or generated."""
    return unit.get("UnitFileState") in NOT_ENABLED or not exists(unit)


def to_disable(unit: Unit) -> bool:
    """Return whether the unit starts at boot."""
    return unit.get("UnitFileState") in ("enabled", "enabled-runtime")


def is_active(unit: Unit) -> bool:
    """Return whether the unit runs."""
    return unit.get("ActiveState") in ACTIVE


def may_run(unit: Unit) -> bool:
    """Return whether the unit runs, or will soon."""
    return is_active(unit) or unit.get("ActiveState") == "activating"


def state(unit: Unit) -> str:
    """Return a line for the diff."""
    return f"{unit.get('UnitFileState') or 'no file'}, {unit.get('ActiveState')}"


def missing_seconds(unit: Unit, now: float, seconds: float) -> float | None:
    """Return how long a unit still has to run; None where it does not run."""
    if not is_active(unit):
        return None
    return max(0.0, seconds - (now - int(unit.get("ActiveEnterTimestampMonotonic") or 0) / 1e6))


def steady(run: Runner, names: Sequence[str], seconds: float, timeout: float) -> float:
    """Wait until all units have run for long enough, or fail."""
    began = time.monotonic()
    while True:
        units = show(run, names).values()
        left = [missing_seconds(unit, time.monotonic(), seconds) for unit in units]
        if all(one == 0.0 for one in left):
            return time.monotonic() - began
        if time.monotonic() - began > timeout:
            [first, *_] = [unit for unit, one in zip(units, left, strict=True) if one != 0.0]
            raise UnitsError(complaint(first, journal(run, first.get("Id", ""))))
        time.sleep(min([one for one in left if one] or [0.5]))


def complaint(unit: Unit, lines: str) -> str:
    """Return what is wrong with a unit that does not stay up."""
    name = unit.get("Id", "?")
    return (
        f"{name} does not stay up: it is {unit.get('ActiveState')} ({unit.get('SubState')}, result "
        f"{unit.get('Result')}) after {unit.get('NRestarts')} restarts. "
        f"Look at journalctl -u {name}. Its last lines: {lines}"
    )


def journal(run: Runner, name: str) -> str:
    """Return the last lines of a unit's journal, in one line."""
    shown = run(["journalctl", "--no-pager", "--output=cat", "--lines=5", f"--unit={name}"])[1]
    return " / ".join(shown.split("\n")).strip(" /")


class Units:
    """What has to be done, and doing it."""

    def __init__(self, run: Runner, started: Sequence[str], stopped: Sequence[str], *, check_mode: bool) -> None:
        self.run, self.started, self.check_mode = run, started, check_mode
        self.before = show(run, [*started, *stopped])
        if not check_mode and any(is_stale(self.before[name]) for name in started):
            systemctl(run, "daemon-reload")
            self.before = show(run, [*started, *stopped])
        wanted = {name: self.before[name] for name in started}
        unwanted = {name: self.before[name] for name in stopped if exists(self.before[name])}
        self.steps: dict[str, list[str]] = {
            "enable": [name for name, unit in wanted.items() if to_enable(unit)],
            "start": [name for name, unit in wanted.items() if not is_active(unit)],
            "disable": [name for name, unit in unwanted.items() if to_disable(unit)],
            "stop": [name for name, unit in unwanted.items() if may_run(unit)],
        }
        self.changed = sorted({name for names in self.steps.values() for name in names})

    def apply(self) -> None:
        """Enable before starting, and disable before stopping: if this breaks off, the next boot is right."""
        for step, names in self.steps.items():
            if not names or self.check_mode:
                continue
            try:
                systemctl(self.run, step, *names)
            except UnitsError as error:
                lines = {name: journal(self.run, name) for name in names} if step == "start" else {}
                raise UnitsError(" ".join([str(error), *(f"{name}: {text}" for name, text in lines.items())])) from None

    def diff(self) -> dict[str, str]:
        """What changes, for `--diff`."""

        def after(name: str) -> str:
            return f"{name}: enabled, active\n" if name in self.started else f"{name}: disabled, inactive\n"

        return {
            "before": "".join(f"{name}: {state(self.before[name])}\n" for name in self.changed),
            "after": "".join(map(after, self.changed)),
        }
