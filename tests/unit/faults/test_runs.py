"""The part of the faults that `make test` runs: a run on this machine is killed at each of its tasks, and finished.

With real processes, and the project's own module for files. The faults on real hosts are `make faults`.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.faults.faults import FAULTS, Fault
from tests.faults.runs import PROJECT, chosen, named, play

PLAY = """
- name: Two files and a folder
  hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  tasks:
    - name: Make the folder
      ansible.builtin.file:
        path: "{{ playbook_dir }}/made"
        state: directory
        mode: "0755"
    - name: Write two files
      ftps.exchange.managed_files:
        files:
          - {path: "{{ playbook_dir }}/made/one", content: "one\\n"}
          - {path: "{{ playbook_dir }}/made/two", content: "two\\n"}
    - name: Write the record
      ftps.exchange.run_record:
        record: "{}"
        path: "{{ playbook_dir }}/runs"
      changed_when: false
"""


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {localhost: }}\n")
    path = tmp_path / "play.yml"
    path.write_text(PLAY)
    return path


@pytest.mark.parametrize("task", [1, 2, 3])
def test_a_run_that_is_killed_is_finished_by_the_next(playbook: Path, task: int) -> None:
    inventory, log = str(playbook.parent / "hosts.yml"), playbook.parent / "log"
    killed = play(inventory, str(playbook), log=log, task=task, kill=True)
    assert killed.code == -9
    assert len(killed.tasks) == task
    finished = play(inventory, str(playbook), log=log)
    assert finished.code == 0, finished.output
    assert len(finished.tasks) == 3
    assert (playbook.parent / "made" / "two").read_text() == "two\n"
    again = play(inventory, str(playbook), log=log)
    assert (again.code, again.changed) == (0, 0), again.output


def test_a_fault_comes_at_its_task_and_the_run_meets_it(playbook: Path) -> None:
    inventory, log = str(playbook.parent / "hosts.yml"), playbook.parent / "log"
    # A file stands where the folder shall be
    failed = play(inventory, str(playbook), log=log, task=1, command=f"touch {playbook.parent}/made")
    assert failed.code == 2, failed.output
    assert failed.fault == 0
    (playbook.parent / "made").unlink()
    repaired = play(inventory, str(playbook), log=log)
    assert (repaired.code, repaired.fault) == (0, None)


def test_a_fault_comes_at_the_first_task_with_the_words(playbook: Path) -> None:
    inventory, log = str(playbook.parent / "hosts.yml"), playbook.parent / "log"
    killed = play(inventory, str(playbook), log=log, at="write", kill=True)
    assert (killed.code, killed.tasks) == (-9, ("Make the folder", "Write two files"))
    assert play(inventory, str(playbook), log=log, at="no such task", command="true").fault is None


def test_a_fault_that_does_not_come_is_noticed(playbook: Path) -> None:
    inventory, log = str(playbook.parent / "hosts.yml"), playbook.parent / "log"
    assert play(inventory, str(playbook), log=log, task=1, command="false").fault == 1
    assert play(inventory, str(playbook), log=log, task=9, command="true").fault is None


def test_tasks_are_chosen_in_the_same_way_each_time() -> None:
    tasks = ["Check", "Take the lock of the exchange", "a", "b", "c", "d", "e"]
    assert chosen(tasks, 2, after="Take the lock") == [3, 5, 7]
    assert chosen(tasks, 2, after="Take the lock", first=1) == [4, 6]
    assert named(tasks, "THE LOCK") == [2]


def test_the_document_lists_the_faults_as_they_are() -> None:
    rows = [
        f"| `{fault.name}`{' *' if fault.deploys else ''} | {fault.title} | "
        f"{f'`{fault.at}`' if fault.at else 'every n-th task'} |"
        for fault in FAULTS
    ]
    text = (PROJECT / "docs" / "faults.md").read_text().partition("## What was seen")[0]
    assert [line for line in text.splitlines() if line.startswith("| `")] == rows


def test_each_fault_does_something_and_all_its_places_are_filled() -> None:
    hosts = {"server": "s", "edge": "e", "directory": "d"}
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert fault.kill or fault.command, fault.name
        for text in (fault.put(hosts), fault.lifted(hosts)):
            assert not re.search(r"\{(server|edge|directory|folder)\}", text), fault.name


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS if fault.command])
def test_a_fault_that_cannot_be_put_says_so(fault: Fault) -> None:
    command = fault.put({"server": "s", "edge": "e", "directory": "d"})
    done = subprocess.run(f"podman() {{ return 7; }}; {command}", shell=True, check=False, timeout=60)  # noqa: S602
    assert done.returncode == 7
