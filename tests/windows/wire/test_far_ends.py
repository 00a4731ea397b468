"""The two kinds of answers: one by the engine, from what arrived, and one by a script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .deployment import Deployment
from .endpoint import Endpoint
from .far_ends import Engine, Scripted

PLAY = """
- hosts: iis_servers
  gather_facts: false
  tasks:
    - name: A module of others
      ansible.windows.win_service:
        name: ftpsvc
        state: started
    - name: A module of ours, last, since nobody listens at port 1
      win_ftps_probe:
        host_name: ftps.example.com
        ports: [{port: 1}]
        thumbprint: "%s"
        wait_seconds: 0
"""


@pytest.fixture
def play(tmp_path: Path) -> Path:
    playbook = tmp_path / "play.yml"
    playbook.write_text(PLAY % ("0" * 40))
    return playbook


def test_the_engine_runs_what_arrived(
    listener: Callable[..., Endpoint],
    deployment: Callable[[Endpoint], Deployment],
    play: Path,
    pwsh: Path,
    tmp_path: Path,
) -> None:
    far_end = Engine(pwsh, tmp_path / "host")
    endpoint = listener(far_end)
    run = deployment(endpoint).playbook(play)
    assert run.recap["failed"] == 1, run.output
    assert endpoint.recording.problems == []
    assert endpoint.recording.modules == ["win_service", "win_ftps_probe"]
    assert far_end.ran == ["win_ftps_probe"], "only what is ours is run"
    assert "port 1: Connection refused" in run.output, run.output


def test_a_script_answers_for_others(
    listener: Callable[..., Endpoint], deployment: Callable[[Endpoint], Deployment], play: Path
) -> None:
    endpoint = listener(Scripted())
    where = deployment(endpoint)
    assert where.playbook(play, "--check").check().recap["changed"] == 2
    assert where.playbook(play).check().recap["changed"] == 2, "a check has changed nothing"
    assert where.playbook(play).check().recap["changed"] == 0
