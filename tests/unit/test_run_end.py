"""The callback exchange_run with real runs of ansible-playbook: the end of a run, whether it fails or not.

The lock and the plays of finish.yml are stand-ins that need no host: a module that says that it holds the lock, and two
plays that write down what they get.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ftps_exchange.audit import Run, read_runs

PROJECT = Path(__file__).resolve().parents[2]

LOCK = """
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({"state": {"default": "taken"}}, supports_check_mode=True)
lock = {"by": "bert@two", "playbook": "site.yml", "since": "2026-11-30T10:00:00Z"}
module.exit_json(changed=False, held=not module.check_mode, state="dead", lock=lock)
"""
REPORTS = """
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({"customers": {"type": "dict"}}, supports_check_mode=True)
module.exit_json(changed=True, customers=module.params["customers"])
"""
FINISH = """
- name: The record
  hosts: "{{ exchange_run_hosts | default('exchange_run_hosts') }}"
  gather_facts: false
  tasks:
    - name: Write it down
      ansible.builtin.copy:
        content: "{{ exchange_run_record }}\\n"
        dest: "{{ folder }}/record"
        mode: "0600"
      tags: [always]
- name: The lock
  hosts: "{{ exchange_run_lock_host | default('exchange_run_lock_host') }}"
  gather_facts: false
  tasks:
    - name: Release it
      ansible.builtin.copy:
        content: "{{ inventory_hostname }} {{ a_fact_of_the_run }}"
        dest: "{{ folder }}/released"
        mode: "0600"
      tags: [always]
"""
PLAY = """
- name: A run
  hosts: ftps_servers:edges
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - name: Keep a fact
      ansible.builtin.set_fact:
        a_fact_of_the_run: known
      tags: [always]
    - name: Take the lock
      directory_lock:
      run_once: true
      tags: [always]
      when: locks | default(true)
    - name: Change something
      reports:
        customers: {acme: [one, "{{ braces }}"], globex: [two]}
      when: inventory_hostname == 'ftps1'
"""
FAILS = """
    - name: Break
      ansible.builtin.fail:
        msg: broken
      when: inventory_hostname == 'edge1'
"""
RECOVERS = """
    - name: Try
      block:
        - name: Break
          ansible.builtin.command: "false"
      rescue:
        - name: Repair
          ansible.builtin.debug:
            msg: repaired
"""
# Asks for a password as sudo does
SUDO = r"""#!/bin/bash
while getopts nHSp:u: option; do
    case $option in n) echo 'sudo: a password is required' >&2; exit 1 ;; p) printf '%s' "$OPTARG" >&2 ;; esac
done
read -r password
[ "$password" = s3cret ] || { echo 'Sorry, try again.' >&2; exit 1; }
shift $((OPTIND - 1))
exec "$@"
"""
INVENTORY = """
all:
  vars:
    ansible_connection: local
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    folder: "{{ inventory_dir }}"
    braces: "{{ '{{' }} folder }}"
  children:
    ftps_servers: {hosts: {ftps1: , iis1: }}
    iis_servers: {hosts: {iis1: }}
    edges: {hosts: {edge1: }}
"""


class Site:
    """A folder that looks to the callback like the project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("plugins/callback", "playbooks", "library"):
            (folder / name).mkdir(parents=True)
        shutil.copy(PROJECT / "plugins" / "callback" / "exchange_run.py", folder / "plugins" / "callback")
        (folder / "library" / "directory_lock.py").write_text(LOCK)
        (folder / "library" / "reports.py").write_text(REPORTS)
        (folder / "playbooks" / "finish.yml").write_text(FINISH)
        (folder / "hosts.yml").write_text(INVENTORY)
        (folder / "ansible.cfg").write_text("[defaults]\n")

    def run(self, play: str, *options: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "site.yml").write_text(play)
        return subprocess.run(
            ["ansible-playbook", "--inventory", "hosts.yml", "site.yml", *options],
            cwd=self.folder,
            env=os.environ
            | {
                "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_CALLBACK_PLUGINS": str(self.folder / "plugins" / "callback"),
                "ANSIBLE_COLLECTIONS_PATH": str(PROJECT / "collections"),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )

    @property
    def released(self) -> str:
        file = self.folder / "released"
        return file.read_text() if file.exists() else ""

    @property
    def record(self) -> Run | None:
        file = self.folder / "record"
        return read_runs(file.read_text())[0] if file.exists() else None


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_run_that_succeeds_leaves_a_record_and_releases_the_lock(site: Site) -> None:
    done = site.run(PLAY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The end of the run" not in done.stdout + done.stderr
    assert site.released == "ftps1 known"
    assert site.record
    assert (site.record.result, site.record.playbook) == ("ok", "site.yml")
    # Windows hosts have no record; values of modules are text, never templates
    assert site.record.hosts == {"edge1": (), "ftps1": ("Change something",)}
    assert site.record.customers == {"acme": ("one", "{{ folder }}"), "globex": ("two",)}
    assert site.record.took_over == "bert@two, site.yml since 2026-11-30T10:00:00Z"


def test_a_run_that_fails_does_so_too(site: Site) -> None:
    assert site.run(PLAY + FAILS).returncode == 2
    assert site.released == "ftps1 known"
    assert site.record
    assert (site.record.result, site.record.failed) == ("failed", {"edge1": "Break"})
    assert site.record.hosts["ftps1"] == ("Change something",)


def test_a_failure_that_is_repaired_is_none(site: Site) -> None:
    assert site.run(PLAY + RECOVERS).returncode == 0
    assert site.record
    assert (site.record.result, site.record.failed) == ("ok", {})


def test_a_repair_that_fails_is_named(site: Site) -> None:
    repair = RECOVERS.replace("ansible.builtin.debug:", "ansible.builtin.fail:")
    assert site.run(PLAY + repair).returncode == 2
    assert site.record
    assert site.record.failed == dict.fromkeys(("ftps1", "iis1", "edge1"), "Repair")


def test_the_options_of_the_run_do_not_hide_its_end(site: Site) -> None:
    assert site.run(PLAY, "--limit", "edges", "--tags", "nothing").returncode == 0
    assert site.released == "edge1 known"
    assert site.record
    assert (site.record.limit, site.record.tags, site.record.hosts) == ("edges", ("nothing",), {"edge1": ()})


def test_a_check_has_no_end(site: Site) -> None:
    assert site.run(PLAY, "--check").returncode == 0
    assert (site.released, site.record) == ("", None)


def test_a_run_without_the_lock_leaves_a_record_and_releases_nothing(site: Site) -> None:
    assert site.run(PLAY, "-e", json.dumps({"locks": False})).returncode == 0
    assert site.released == ""
    assert site.record


def test_a_release_that_fails_is_reported(site: Site) -> None:
    (site.folder / "playbooks" / "finish.yml").write_text(FINISH.replace("{{ a_fact_of_the_run }}", "{{ unknown }}"))
    done = site.run(PLAY)
    assert done.returncode == 0
    assert "make unlock" in " ".join((done.stdout + done.stderr).split())


def test_the_end_of_a_run_has_the_password_of_sudo(site: Site) -> None:
    sudo = site.folder / "sudo"
    sudo.write_text(SUDO)
    sudo.chmod(0o755)
    password = site.folder / "password"
    password.write_text("s3cret\n")
    # Root needs no sudo, and Ansible leaves it out then
    (site.folder / "ansible.cfg").write_text("[privilege_escalation]\nbecome_allow_same_user = true\n")
    options = ("--become", "--become-password-file", str(password), "-e", f"ansible_become_exe={sudo}")
    finish = FINISH.replace("gather_facts: false", "gather_facts: false\n  become: true")
    (site.folder / "playbooks" / "finish.yml").write_text(finish)
    done = site.run(PLAY, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The end of the run" not in done.stdout + done.stderr
    assert site.released == "ftps1 known"
    assert site.record
