"""The records that runs leave on their hosts: who changed what, when, and from which commit of the inventory.

    python -m ftps_exchange.audit FILE…

One line of JSON per run in ``/var/lib/ftps-exchange-runs/runs.jsonl``. docs/audit.md explains the keys. A record holds
names of tasks, hosts and customers, and what changed, but never a value that a module was given.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

VERSION: Final = 1
LONGEST: Final = 64 * 1024
"""Bytes of one record; what does not fit is counted instead."""
TASKS_PER_HOST: Final = 50
LINES_PER_CUSTOMER: Final = 10

type Result = Literal["ok", "failed"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as its record says it."""

    by: str
    playbook: str
    began: str
    ended: str
    result: Result
    commit: str | None = None
    """Of the inventory; None where it is in no repository."""
    uncommitted: bool = False
    """Whether files of the inventory differed from that commit."""
    limit: str = ""
    tags: tuple[str, ...] = ()
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The hosts of the run, each with the tasks that changed something."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Hosts that failed or could not be reached, with the task."""
    customers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What changed for each customer."""
    left_out: int = 0
    """Customers that changed too and did not fit."""
    took_over: str = ""
    """The earlier run that left the lock behind."""

    def line(self) -> str:
        """Return the record: one line, at most as long as a record may be."""
        kept = {name: list(lines[:LINES_PER_CUSTOMER]) for name, lines in sorted(self.customers.items())}
        hosts = {host: list(tasks[:TASKS_PER_HOST]) for host, tasks in sorted(self.hosts.items())}
        rest = {key: value for key, value in asdict(self).items() if key not in ("customers", "hosts", "left_out")}
        while True:
            left_out = self.left_out + len(self.customers) - len(kept)
            record = {"version": VERSION, **rest, "hosts": hosts, "customers": kept, "left_out": left_out}
            text = json.dumps(record, separators=(",", ":"), ensure_ascii=True)
            if len(text) <= LONGEST or not (kept or hosts):
                return text
            if kept:
                kept = dict(list(kept.items())[: len(kept) // 2])
            else:
                hosts = dict(list(hosts.items())[: len(hosts) // 2])


def read_runs(text: str) -> list[Run]:
    """Return the runs of one file, oldest first. A line that is none, such as one cut by a crash, is left out."""
    return [run for line in text.splitlines() if (run := _run(line))]


def _run(line: str) -> Run | None:
    try:
        raw = json.loads(line)
        return Run(
            by=str(raw["by"]),
            playbook=str(raw["playbook"]),
            began=str(raw["began"]),
            ended=str(raw["ended"]),
            result="ok" if raw["result"] == "ok" else "failed",
            commit=str(raw["commit"]) if raw.get("commit") else None,
            uncommitted=raw.get("uncommitted") is True,
            limit=str(raw.get("limit", "")),
            tags=tuple(map(str, raw.get("tags", ()))),
            hosts=_lists(raw.get("hosts")),
            failed={str(host): str(task) for host, task in (raw.get("failed") or {}).items()},
            customers=_lists(raw.get("customers")),
            left_out=int(raw.get("left_out", 0)),
            took_over=str(raw.get("took_over", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _lists(raw: Any) -> dict[str, tuple[str, ...]]:
    return {str(key): tuple(map(str, values)) for key, values in (raw or {}).items()}


def merged(files: Iterable[str]) -> list[Run]:
    """Return the runs of several hosts, each once: a run leaves the same record on all of them."""
    runs = {run.line(): run for text in files for run in read_runs(text)}
    return sorted(runs.values(), key=lambda run: (run.ended, run.began))


def described(run: Run) -> str:
    """Return a run in a few lines, for people."""
    commit = (run.commit or "no commit")[:12] + (" and uncommitted changes" if run.uncommitted else "")
    where = f", limited to {run.limit}" if run.limit else ""
    tags = f", tags {','.join(run.tags)}" if run.tags else ""
    lines = [f"{run.ended}  {run.result:6}  {run.by}  {run.playbook}{where}{tags}  ({commit})"]
    if run.took_over:
        lines.append(f"    took the lock over from: {run.took_over}")
    lines += [f"    {host}: {len(tasks)} tasks changed something" for host, tasks in run.hosts.items() if tasks]
    lines += [f"    {host}: failed at {task}" for host, task in run.failed.items()]
    lines += [f"    {name}: {'; '.join(changes)}" for name, changes in run.customers.items()]
    if run.left_out:
        lines.append(f"    and {run.left_out} more customers")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(prog="python -m ftps_exchange.audit", description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("files", nargs="+", type=Path, help="runs.jsonl of one or more hosts")
    parser.add_argument("--last", type=int, default=20, help="how many runs (20)")
    parser.add_argument("--customer", help="only runs that changed something for this customer")
    options = parser.parse_args(arguments)
    runs = merged(path.read_text(encoding="utf-8", errors="replace") for path in options.files)
    if options.customer:
        runs = [run for run in runs if options.customer in run.customers]
    for run in runs[-options.last :] if options.last > 0 else runs:
        print(described(run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
