"""The play, ended at each of its calls and run again: the end is that of a run that nobody disturbed.

At call after call the host does what it is asked for, and its answer is lost, with all that would have come after it.
The next run begins with what is there, and ends one call later. Stand-ins and scripted answers are those of
test_play.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from .authority import Authority
from .conftest import Deploy, Listener
from .deployment import Run
from .play import WindowsHost, run_play


@dataclass(frozen=True)
class End:
    """What a host had become."""

    config: bytes
    folders: bytes
    stores: bytes
    restarts: int
    pending: bool


@dataclass(frozen=True)
class Story:
    """How it ends when nobody disturbs it, and when somebody does at each call."""

    calls: list[str]
    undisturbed: End
    killed: list[tuple[Run, End]]
    last: Run
    disturbed: End
    afterwards: Run


@pytest.fixture(scope="module")
def story(
    listener: Listener,
    deployment: Deploy,
    authority: Authority,
    pwsh: Path,
    system_root: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Story:
    host = WindowsHost(pwsh, tmp_path_factory.mktemp("host"), system_root)
    endpoint = listener(host)
    where = deployment(endpoint)
    where.set(
        windows_certificate_provider="own_ca",
        windows_certificate_key_type="ecc_p256",
        windows_certificate_ca_file=str(authority.certificate),
        windows_certificate_own_ca_certificate=str(authority.certificate),
        windows_certificate_own_ca_key=str(authority.key),
        windows_certificate_valid_days=400,
    )

    def end() -> End:
        stored = (host.config.read_bytes(), host.folders.read_bytes(), host.stores.read_bytes())
        return End(*stored, host.restarts, host.pending.exists())

    run_play(where).check()
    restore = host.snapshot()
    # Another range of data ports, for which the service must be restarted, and a customer less
    file = where.inventory / "group_vars" / "all" / "exchange.yml"
    file.write_text(file.read_text().replace("[50000, 50199]", "[51000, 51199]"))
    customer = where.inventory / "customers" / "harbour-works.yml"
    customer.write_text(yaml.safe_dump(yaml.safe_load(customer.read_text()) | {"state": "suspended"}))
    recording = endpoint.fresh()
    run_play(where).check()
    calls, undisturbed = recording.modules, end()
    restore()
    killed = []
    for number in range(1, len(calls) + 1):
        host.again(ends_after=number)
        killed.append((run_play(where), end()))
    host.again()
    last = run_play(where)
    disturbed = end()
    return Story(calls, undisturbed, killed, last, disturbed, run_play(where))


def test_a_run_that_is_ended_says_so(story: Story) -> None:
    assert len(story.killed) > 10
    # What is done already is not asked for again: the last run may end before it comes to as many calls
    assert 0 not in [run.exit_code for run, _ in story.killed[:-1]]


def test_the_end_is_the_same(story: Story) -> None:
    assert story.last.exit_code == 0, story.last.output[-4000:]
    assert story.disturbed == story.undisturbed


def test_a_restart_that_was_due_is_done_once(story: Story) -> None:
    assert story.undisturbed.restarts == 2, "one for the first run, one for the new range"
    committed = [end.pending for _, end in story.killed]
    assert any(committed), "a run ended between the commit and the restart"
    assert not story.disturbed.pending


def test_a_further_run_changes_nothing(story: Story) -> None:
    assert story.afterwards.recap["changed"] == 0, story.afterwards.output[-4000:]
