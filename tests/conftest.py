"""What every test of the project can rely on.

How a test imports what it tests (see pythonpath in pyproject.toml):

    from ftps_exchange import model                                                 # the package in src/
    from ansible_collections.ftps.exchange.plugins.modules import ldap_directory    # a module; other plugins likewise
    from scripts import reference_docs                                                   # a script
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.windows import powershell as windows

PROJECT = Path(__file__).resolve().parent.parent

NO_POWERSHELL = f"no PowerShell engine: neither {windows.VARIABLE} nor `pwsh` on the PATH"


@pytest.fixture(scope="session")
def project() -> Path:
    """The top of the repository."""
    return PROJECT


# What runs the project's PowerShell. Where there is no engine these checks are left out, and the last lines of the run
# say how many: see pytest_terminal_summary. In continuous integration none may be left out.


@pytest.fixture(scope="session")
def pwsh() -> Path:
    """The PowerShell engine."""
    found = windows.find()
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{NO_POWERSHELL}, and in continuous integration no check may be left out", pytrace=False)
        pytest.skip(NO_POWERSHELL)
    return found


@pytest.fixture(scope="session")
def powershell(pwsh: Path) -> Iterator[windows.PowerShell]:
    """One process of the engine for the whole run, for scripts and modules that only need the plain engine."""
    with windows.PowerShell.session(pwsh) as process:
        yield process


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = sum(NO_POWERSHELL in str(report.longrepr) for report in terminalreporter.stats.get("skipped", []))
    if left_out:
        terminalreporter.section("Windows", sep="-")
        terminalreporter.line(
            f"{left_out} checks of the PowerShell modules were left out: {NO_POWERSHELL}.", yellow=True
        )
