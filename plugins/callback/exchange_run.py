"""The end of each run that changes an exchange: a record on its hosts, and the lock released."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Each task is a process forked from this one. What its filters import is loaded here, once: a quarter of a run's
# processor time, if each task does it again.
import ansible_collections.ftps.exchange.plugins.filter.exchange
import ansible_collections.ftps.exchange.plugins.filter.preflight
import ansible_collections.ftps.exchange.plugins.plugin_utils.package  # noqa: F401  (where ftps_exchange is)
from ansible import context
from ansible.executor.task_queue_manager import TaskQueueManager
from ansible.playbook import Playbook
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, test_loader
from ansible_collections.ftps.exchange.plugins.plugin_utils.run import this_run

from ftps_exchange.audit import Run

# The same for the filters and tests themselves: the first look for one reads the files of them all
filter_loader.get("ansible.builtin.to_json")
test_loader.get("ansible.builtin.match")
filter_loader.get("community.general.json_query")

DOCUMENTATION = r"""
name: exchange_run
type: notification
short_description: Release the lock of an exchange at the end of a run, and leave a record of the run
version_added: "0.1.0"
description:
  - Runs playbooks/finish.yml at the end of each run that took the lock (M(ftps.exchange.directory_lock)), also if the
    run failed. So every run leaves a record on its hosts (docs/audit.md), and the next run may begin.
  - The ansible.cfg of this project enables it. With the installed collection, set
    C(callbacks_enabled = ftps.exchange.exchange_run).
    Without it a lock stays until it expires; on the same control node the next run notices that the process is gone.
  - A run that is killed or interrupted does not get here. Its lock stays in the same way.
requirements: []
"""

FINISH = Path(__file__).resolve().parents[2] / "playbooks" / "finish.yml"
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
LOCK = "directory_lock"


class Quiet(CallbackBase):
    """Keeps what went wrong in finish.yml, and shows nothing."""

    CALLBACK_NAME = "exchange_run_quiet"

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self.problems.append(f"{result.host.get_name()}: {result.result.get('msg', 'no reason given')}")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self.problems.append(f"{result.host.get_name()}: {result.result.get('msg', 'unreachable')}")


class CallbackModule(CallbackBase):
    """Sees which run takes the lock and what changes, and finishes it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "exchange_run"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self) -> None:
        super().__init__()
        self._begin()

    def _begin(self) -> None:
        self._began = datetime.now(UTC)
        self._play: Any = None
        self._passwords: dict[str, str | None] = {}
        self._lock_host = ""
        self._wants_record = False
        self._took_over = ""
        self._changed: dict[str, list[str]] = {}
        self._failed: dict[str, str] = {}
        self._customers: dict[str, list[str]] = {}

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._begin()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play

    def set_play_context(self, play_context: Any) -> None:
        # Those of -k and -K
        self._passwords = {"conn_pass": play_context.password, "become_pass": play_context.become_pass}

    def v2_runner_on_ok(self, result: Any) -> None:
        values = result.result
        if _is_lock(result.task):
            self._lock(result.host.get_name(), values)
        elif values.get("changed"):
            self._changed.setdefault(result.host.get_name(), []).append(result.task_name)
            for name, lines in _customers(values).items():
                self._customers.setdefault(name, []).extend(lines)

    def v2_runner_on_skipped(self, result: Any) -> None:
        if _is_lock(result.task) and not context.CLIARGS.get("check"):
            self._wants_record = True

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        # A later failure counts: the first one may have been rescued
        if not ignore_errors:
            self._failed[result.host.get_name()] = result.task_name

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._failed[result.host.get_name()] = f"{result.task_name} (unreachable)"

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if self._play is None or not (self._lock_host or self._wants_record):
            return
        problems: list[str] = []
        try:
            problems = self._finish(stats)
        except Exception as error:
            problems = [str(error)]
        if problems:
            self._display.warning(
                f"The end of the run: {'; '.join(problems)}. The lock of the exchange may be left over: make unlock."
            )
        self._lock_host = ""

    def _lock(self, host: str, values: Mapping[str, Any]) -> None:
        if values.get("held"):
            self._lock_host = host
            if values.get("state") in ("dead", "expired"):
                lock = values.get("lock") or {}
                self._took_over = f"{lock.get('by')}, {lock.get('playbook')} since {lock.get('since')}"

    def _finish(self, stats: Any) -> list[str]:
        """Run the plays of finish.yml with the inventory and the variables of this run."""
        variables = self._play.get_variable_manager()
        inventory = variables._inventory
        loader = self._play.get_loader()
        hosts = _hosts_of_the_exchange(inventory, stats)
        given = {
            "exchange_run_hosts": hosts,
            "exchange_run_record": self._record(inventory, hosts, stats).line(),
            "exchange_run_lock_host": [self._lock_host] if self._lock_host else [],
        }
        quiet = Quiet()
        manager = TaskQueueManager(
            inventory=inventory,
            variable_manager=variables,
            loader=loader,
            passwords=self._passwords,
            run_additional_callbacks=False,
            forks=context.CLIARGS.get("forks"),
        )
        quiet._init_callback_methods()
        manager._callback_plugins.append(quiet)
        try:
            inventory.remove_restriction()
            plays = Playbook.load(str(FINISH), variable_manager=variables, loader=loader).get_plays()
            for play, its_hosts in zip(plays, (hosts, given["exchange_run_lock_host"]), strict=True):
                loader.set_basedir(str(FINISH.parent))
                play.vars = {**play.vars, **given}
                if its_hosts:
                    manager.run(play)
        finally:
            manager.cleanup()
        return quiet.problems

    def _record(self, inventory: Any, hosts: list[str], stats: Any) -> Run:
        run = this_run()
        # As Ansible counts: a failure that a rescue repaired is none
        failed = {host: task for host, task in self._failed.items() if host in stats.failures or host in stats.dark}
        commit, uncommitted = _commit(inventory)
        return Run(
            by=run["by"],
            playbook=run["playbook"],
            began=self._began.strftime(MOMENT),
            ended=datetime.now(UTC).strftime(MOMENT),
            result="failed" if failed else "ok",
            commit=commit,
            uncommitted=uncommitted,
            limit=str(context.CLIARGS.get("subset") or ""),
            tags=tuple(tag for tag in context.CLIARGS.get("tags") or () if tag != "all"),
            hosts={host: tuple(self._changed.get(host, ())) for host in sorted({*hosts, *self._changed})},
            failed=failed,
            customers={name: tuple(dict.fromkeys(lines)) for name, lines in self._customers.items()},
            took_over=self._took_over,
        )


def _is_lock(task: Any) -> bool:
    return str(task.action).rpartition(".")[2] == LOCK and task.args.get("state", "taken") == "taken"


def _customers(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a module says that it changed for each customer; a loop has a result per item."""
    found: dict[str, list[str]] = {}
    for one in (values, *(values.get("results") or ())):
        customers = one.get("customers") if isinstance(one, Mapping) else None
        if isinstance(customers, Mapping):
            for name, lines in customers.items():
                found.setdefault(str(name), []).extend(str(line) for line in lines)
    return found


def _hosts_of_the_exchange(inventory: Any, stats: Any) -> list[str]:
    """The Linux hosts that this run reached."""
    groups = inventory.get_groups_dict()
    members = {*groups.get("ftps_servers", ()), *groups.get("edges", ())} - {*groups.get("iis_servers", ())}
    return sorted(host for host in stats.processed if host in members and host not in stats.dark)


def _commit(inventory: Any) -> tuple[str | None, bool]:
    """The commit of the inventory's repository, and whether its files differ from it."""
    source = next((path for path in map(str, inventory._sources) if os.path.exists(path)), "")
    folder = source if os.path.isdir(source) else os.path.dirname(source)
    commit = _git(folder, "rev-parse", "HEAD") if folder else ""
    return (commit, bool(_git(folder, "status", "--porcelain", "--", "."))) if commit else (None, False)


def _git(folder: str, *words: str) -> str:
    command = ["git", "-C", folder, *words]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=20, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
