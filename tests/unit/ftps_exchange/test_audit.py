"""The record of a run: what it says, how long it gets, and how it is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftps_exchange.audit import LONGEST, Run, described, main, merged, read_runs

RUN = Run(
    by="anna@control1",
    playbook="site.yml",
    began="2026-11-30T10:00:00Z",
    ended="2026-11-30T10:01:00Z",
    result="ok",
    commit="0123456789abcdef",
    uncommitted=True,
    hosts={"edge1": ("edge : Load",), "ftps1": ()},
    customers={"acme": ("account acme-up: new",)},
)


def test_what_is_written_is_what_is_read() -> None:
    assert read_runs(RUN.line() + "\n") == [RUN]


def test_a_line_cut_by_a_crash_hides_no_other() -> None:
    assert read_runs(f"{RUN.line()[:40]}\n{RUN.line()}\nnull\n[]\n") == [RUN]


def test_a_record_has_a_bound_and_counts_what_it_leaves_out() -> None:
    run = Run("a", "site.yml", "b", "e", "ok", customers={f"customer-{n:05}": ("x" * 50,) * 30 for n in range(10_000)})
    assert len(run.line()) <= LONGEST
    (read,) = read_runs(run.line())
    assert read.left_out + len(read.customers) == 10_000
    assert read.customers


def test_thousands_of_hosts_fit_too() -> None:
    run = Run("a", "site.yml", "b", "e", "ok", hosts={f"ftps{n:05}": ("t" * 90,) * 90 for n in range(2_000)})
    assert len(run.line()) <= LONGEST


def test_the_same_run_on_two_hosts_is_one_run() -> None:
    later = json.loads(RUN.line()) | {"ended": "2026-11-30T11:00:00Z"}
    assert len(merged([RUN.line(), json.dumps(later) + "\n" + RUN.line()])) == 2
    assert merged([json.dumps(later), RUN.line()])[0] == RUN


def test_people_see_who_when_what_and_from_which_commit() -> None:
    text = described(RUN)
    for words in (
        "anna@control1",
        "2026-11-30T10:01:00Z",
        "0123456789ab and uncommitted",
        "acme: account acme-up: new",
    ):
        assert words in text


def test_the_command_shows_the_runs_of_one_customer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "edge1.jsonl").write_text(RUN.line() + "\n")
    assert main([str(tmp_path / "edge1.jsonl"), "--customer", "acme"]) == 0
    assert "anna@control1" in capsys.readouterr().out
    main([str(tmp_path / "edge1.jsonl"), "--customer", "globex"])
    assert capsys.readouterr().out == ""
