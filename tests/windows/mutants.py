"""Breaks the PowerShell modules on purpose, one place at a time, and looks whether a test notices.

    python -m tests.windows.mutants                        every module, every mutant
    python -m tests.windows.mutants --every 40             one in forty
    python -m tests.windows.mutants win_iis_settings       one module
    python -m tests.windows.mutants --again                those too that are known to survive
    python -m tests.windows.mutants win_iis_settings --lines 208 310-330

The mutants come from the syntax tree (mutants.ps1): statements left out, conditions turned round, operators and
constants changed. All of them run in one PowerShell process, with the unit tests of the module, until one of those
fails. Survivors are reported; mutants.yml gives the reason for each one that was reviewed and found harmless. Those are
not tried again unless asked for: they count as survivors. At least nine of ten must be noticed. In a small sample one
mutant would outweigh all others: there the harmless ones do not count, and the tenth that may survive is rounded up.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import sys
import time
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from . import powershell as windows

PROJECT: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = Path(__file__).with_name("mutants.ps1")
REVIEWED: Final = Path(__file__).with_name("mutants.yml")
CAUGHT: Final = 0.9
TIMEOUT: Final = 15.0
"""Seconds of processor time that a call of a broken module may use: it may never end."""


@dataclass(frozen=True)
class Engine:
    """A module, the tests that have to notice, and those of them that would only cost time."""

    module: str
    tests: str
    without: str


ENGINES: Final = (
    # Two readings of the library find what five do
    Engine(
        "win_iis_settings",
        "tests/unit/windows/test_win_iis_settings.py",
        "ansible_runs or any_state or any_call or square or deepest-empty or file-throws-visible or visible-unknown",
    ),
    Engine("win_folder_tree", "tests/unit/modules/test_win_folder_tree.py", "ansible_runs or grows"),
)


@dataclass(frozen=True)
class Mutant:
    """A module with one thing changed."""

    line: int
    source: str
    what: str
    text: str


def mutants(process: windows.PowerShell, module: Path) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    text = module.read_text(encoding="utf-8")
    lines = text.splitlines()
    return [
        Mutant(
            place["line"],
            lines[place["line"] - 1].strip(),
            place["what"],
            text[: place["start"]] + place["instead"] + text[place["end"] :],
        )
        for place in sorted(process.script(SCRIPT.read_text("utf-8"), str(module)), key=lambda place: place["start"])
    ]


class Jury:
    """Runs the tests of a module on one mutant after the other.

    First come the tests that promise most for their time: those that are quick, and those that noticed the last few
    mutants, which stand near.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.likely: dict[str, float] = {}
        self.seconds: dict[str, float] = {}
        self.tried = 0
        self.failed: str | None = None
        self.ran = 0

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.seconds.get(item.nodeid, 0.0) / (0.01 + self.likely.get(item.nodeid, 0.0)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.ran += report.when == "call"
        if report.when == "call" and self.tried == 1:
            self.seconds[report.nodeid] = report.duration
        if report.failed and self.failed is None:
            self.failed = report.nodeid
            self.likely = {test: 0.8 * chance for test, chance in self.likely.items()}
            self.likely[report.nodeid] = self.likely.get(report.nodeid, 0.0) + 1.0

    def notices(self, text: str | None) -> str | None:
        """The test that fails with this text of the module."""
        module = PROJECT / "plugins" / "modules" / f"{self.engine.module}.ps1"
        windows.PowerShell.instead = {} if text is None else {module: text}
        self.failed = None
        self.ran = 0
        self.tried += 1
        options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-k", f"not ({self.engine.without})"]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            pytest.main([*options, str(PROJECT / self.engine.tests)], plugins=[self])
        windows.PowerShell.instead = {}
        return self.failed


def reviewed() -> dict[tuple[str, str, str], str]:
    """Survivors that somebody looked at: module, line and change, with the reason why they may live."""
    entries: list[dict[str, Any]] = yaml.safe_load(REVIEWED.read_text(encoding="utf-8")) or []
    return {(entry["module"], entry["line"], entry["change"]): entry["why"] for entry in entries}


def enough(tried: int, survived: int, harmless: int, every: int) -> bool:
    """Whether nine of ten were noticed; ``harmless``: so many of the survivors did somebody look at."""
    if every > 1:
        tried, survived = tried - harmless, survived - harmless
        return tried > 0 and survived <= math.ceil(tried / 10)
    return tried - survived >= CAUGHT * tried


def check(
    engine: Engine,
    process: windows.PowerShell,
    every: int = 1,
    again: bool = False,
    lines: Container[int] | None = None,
) -> bool:
    """Try the mutants of one module, all or one in so many or those of some lines; whether enough were noticed."""
    start = time.monotonic()
    jury = Jury(engine)
    failed = jury.notices(None)
    if failed is not None or jury.ran == 0:
        print(f"{engine.module}: the tests do not pass without a mutant: {failed or 'none ran'}")
        return False
    # Which ones it is must not be a matter of what stands at a round number of places
    windows.PowerShell.longest = math.inf
    tried = mutants(process, PROJECT / "plugins" / "modules" / f"{engine.module}.ps1")[every // 2 :: every]
    if lines is not None:
        tried = [mutant for mutant in tried if mutant.line in lines]
    windows.PowerShell.longest = TIMEOUT
    reasons = reviewed()
    alive = harmless = 0
    for number, mutant in enumerate(tried, 1):
        if number % 25 == 0:
            print(f"  {number} of {len(tried)}, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        why = reasons.get((engine.module, mutant.source, mutant.what))
        if (why is not None and not again) or jury.notices(mutant.text) is None:
            alive += 1
            harmless += why is not None
            why = why or "nobody looked at it yet"
            print(f"  survived: line {mutant.line}, {mutant.what}: {mutant.source}\n            {why}", flush=True)
    caught = len(tried) - alive
    print(
        f"{engine.module}: {caught} of {len(tried)} mutants were noticed ({caught / max(1, len(tried)):.1%}),"
        f" {alive} survived, {harmless} of them known to be harmless; {time.monotonic() - start:.0f} s",
        flush=True,
    )
    return enough(len(tried), alive, harmless, every)


def numbers(parts: list[str]) -> set[int]:
    """Numbers and ranges of them, as 208 or 310-330."""
    found: set[int] = set()
    for part in parts:
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def main(arguments: list[str]) -> int:
    """Run the mutants that were asked for."""
    parser = argparse.ArgumentParser(description="Break the PowerShell modules on purpose.")
    parser.add_argument("modules", nargs="*", help="names of modules; all of them when left out")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only one mutant in N")
    parser.add_argument("--again", action="store_true", help="try those too that are known to survive")
    parser.add_argument("--lines", nargs="+", metavar="LINE", help="only those of these lines: 208 310-330")
    wanted = parser.parse_args(arguments)
    lines = None if wanted.lines is None else numbers(wanted.lines)
    program = windows.find()
    if program is None:
        print(f"There is no PowerShell engine: set {windows.VARIABLE}, or put pwsh on the PATH.", file=sys.stderr)
        return 2
    windows.PowerShell.longest = TIMEOUT
    engines = [engine for engine in ENGINES if not wanted.modules or engine.module in wanted.modules]
    process = windows.PowerShell(program)
    windows.PowerShell.kept = {}
    good = True
    try:
        for engine in engines:
            good = check(engine, process, wanted.every, wanted.again, lines) and good
    finally:
        process.close()
        for kept in (windows.PowerShell.kept or {}).values():
            kept.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
