"""A few of the mutants of `make mutants`: the tests notice when a module is broken."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.windows import mutants, powershell


@pytest.mark.parametrize(("module", "every"), [("win_iis_settings", 150), ("win_folder_tree", 110)])
def test_most_mutants_are_noticed(pwsh: Path, project: Path, module: str, every: int) -> None:
    """One in so many, in a process of its own: pytest does not run within pytest."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.windows.mutants", module, "--every", str(every)],
        cwd=project,
        env=os.environ | {powershell.VARIABLE: str(pwsh)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.search(rf"^{module}: (\d+) of (\d+) mutants were noticed", done.stdout, re.MULTILINE)
    assert told is not None, done.stdout
    assert int(told[2]) >= 5


@pytest.mark.parametrize(
    ("tried", "survived", "harmless", "every", "good"),
    [
        (10, 1, 0, 100, True),
        (10, 2, 0, 100, False),
        (11, 2, 0, 100, True),
        (9, 2, 1, 100, True),
        (9, 3, 1, 100, False),
        (3, 3, 3, 100, False),
        (1000, 100, 100, 1, True),
        (1000, 101, 101, 1, False),
    ],
)
def test_nine_of_ten_are_enough(tried: int, survived: int, harmless: int, every: int, good: bool) -> None:
    assert mutants.enough(tried, survived, harmless, every) is good


def test_a_mutant_differs_in_one_place(powershell: powershell.PowerShell, tmp_path: Path) -> None:
    file = tmp_path / "module.ps1"
    file.write_text("$x = 1\nif ($a -and $true) { $x += 1 }\nfunction f { return 'é' -eq $a }\n", encoding="utf-8")
    made = mutants.mutants(powershell, file)
    assert {(mutant.line, mutant.what) for mutant in made} == {
        (1, "left out"),
        (1, "1 is 2"),
        (2, "left out"),
        (2, "condition turned round"),
        (2, "-and is -or"),
        (2, "$true is $false"),
        (2, "1 is 2"),
        (3, "left out"),
        (3, "-eq is -ne"),
    }
    assert {mutant.text for mutant in made if mutant.line == 3} == {
        "$x = 1\nif ($a -and $true) { $x += 1 }\nfunction f {  }\n",
        "$x = 1\nif ($a -and $true) { $x += 1 }\nfunction f { return 'é' -ne $a }\n",
    }


def test_every_reviewed_mutant_is_still_there(powershell: powershell.PowerShell, project: Path) -> None:
    made: set[tuple[str, str, str]] = set()
    for engine in mutants.ENGINES:
        for mutant in mutants.mutants(powershell, project / "plugins" / "modules" / f"{engine.module}.ps1"):
            made.add((engine.module, mutant.source, mutant.what))
    left_over = [entry for entry in mutants.reviewed() if entry not in made]
    assert left_over == [], "take it out of tests/windows/mutants.yml"
    assert all(mutants.reviewed().values()), "say why"


def test_lines_are_numbers_and_ranges() -> None:
    assert mutants.numbers(["208", "310-312"]) == {208, 310, 311, 312}
