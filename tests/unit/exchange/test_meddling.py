"""What a check breaks is put right again, also when the check fails and when it is killed."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from tests.exchange.meddling import undone
from tests.exchange.vantage import Host


class Remembering(Host):
    """A host on which nothing is run."""

    def __init__(self) -> None:
        super().__init__("remembering")
        self.scripts: list[str] = []

    def run(
        self, *command: str, stdin: bytes | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        self.scripts.append(command[-1])
        return subprocess.CompletedProcess(command, 0, b"", b"")


def test_it_is_undone_before_at_the_end_and_by_the_host_itself() -> None:
    host = Remembering()
    before: list[str] = []

    def check_that_fails() -> None:
        with undone(host, "unit", "put 'it' right"):
            before.extend(host.scripts)
            raise AssertionError

    with pytest.raises(AssertionError):
        check_that_fails()
    assert [script.endswith("; put 'it' right") for script in before] == [True, False]
    assert before[1].startswith("systemd-run --quiet --on-active=240 ")
    assert shlex.split(before[1])[-1] == "put 'it' right"
    assert host.scripts[len(before) :] == ["put 'it' right; systemctl stop unit.timer 2> /dev/null"]
