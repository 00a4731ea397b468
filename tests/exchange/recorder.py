"""Collects what the checks found while pytest runs them, and writes the report at the end."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jmespath
import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file

from ftps_exchange.verify.machine import junit, metrics
from ftps_exchange.verify.mask import masked, masker
from ftps_exchange.verify.report import html
from ftps_exchange.verify.results import Outcome, Result, Run, answers

from .outcomes import DOES_NOT_APPLY, NOT_TESTED
from .target import Target

LINES_OF_A_TRANSCRIPT = 60
STOPPED = "the run ended before it did"
WORDS: dict[Outcome, str] = {
    "passed": "ok",
    "failed": "FAILED",
    "not tested": "NOT TESTED",
    "does not apply": "does not apply",
    "left out": "left out",
}


class Evidence:
    """What a check saw: the transcripts of its connections, and lines of its own."""

    def __init__(self) -> None:
        self.transcripts: list[list[str]] = []
        self.notes: list[str] = []

    def __call__(self, text: str) -> None:
        self.notes.append(text)

    def lines(self) -> list[str]:
        lines = list(self.notes)
        for shown in self.transcripts:
            if len(shown) > LINES_OF_A_TRANSCRIPT:
                half = LINES_OF_A_TRANSCRIPT // 2
                shown = [*shown[:half], f"# … {len(shown) - 2 * half} lines …", *shown[-half:]]
            lines += [line[:400] for entry in shown for line in entry.splitlines()]
        return lines


class Recorder:
    """The plugin: one for a session."""

    def __init__(self, target: Target, mode: str, reports: Path | None) -> None:
        self.target = target
        self.mode = mode
        self.reports = reports
        self.began = time.time()
        self.results: dict[str, Result] = {}
        self.facts: dict[str, dict[str, Any]] = {}
        self.gauges: dict[str, float] = {}
        self.mask: Callable[[str], str] = masker(target.secrets)
        self.written: list[Path] = []

    def measure(self, section: str, name: str, value: Any) -> None:
        """A fact for the report: certificate, versions, ports, addresses, replies."""
        self.facts.setdefault(section, {})[name] = value

    # -- results ----------------------------------------------------------------------------------------------------
    def leave_out(self, item: pytest.Item, reason: str) -> None:
        self.results[item.nodeid] = result_of(item, "left out", reason)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        # Default until it has run: a check that a stopped run did not reach has not passed
        for item in session.items:
            self.leave_out(item, STOPPED)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        report: pytest.TestReport = yield  # type: ignore[assignment]
        outcome, reason = judged(report, call)
        if report.failed:
            # Nothing that is printed or written from here on holds a secret
            report.longrepr = self.mask(str(report.longrepr))
            report.sections = [(title, self.mask(text)) for title, text in report.sections]
        result = self.results[item.nodeid]
        result.seconds += report.duration
        if report.when == "call" and outcome == "passed":
            result.outcome, result.reason = "passed", ""
        if outcome != "passed" and result.outcome != "failed":
            result.outcome, result.reason = outcome, self.mask(reason)
        evidence = item.funcargs.get("evidence") if isinstance(item, pytest.Function) else None
        if report.when == "call" and isinstance(evidence, Evidence):
            result.evidence = [self.mask(line) for line in evidence.lines()]
        return report  # type: ignore[return-value]

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        if report.skipped and isinstance(report.longrepr, tuple):
            text = report.longrepr[2]
            if NOT_TESTED in text:
                return "not tested", "n", WORDS["not tested"]
            if DOES_NOT_APPLY in text:
                return "does not apply", "-", WORDS["does not apply"]
        return None

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        for item in items:
            if item.nodeid not in self.results:
                self.leave_out(item, "not selected")

    # -- end --------------------------------------------------------------------------------------------------------
    def run(self) -> Run:
        description = {key: value for key, value in self.target.description.items() if key != "customers"}
        description["customers"] = [
            {
                "name": customer["name"],
                "accounts": [account["name"] for account in customer["accounts"]],
                "shares": customer["shares"],
            }
            for customer in self.target.description["customers"]
        ]
        return Run(
            target=masked(description, self.mask),
            vantage_points=[{"as": name, "host": host.where} for name, host in self.target.vantage_points()],
            started=datetime.fromtimestamp(self.began, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            seconds=time.time() - self.began,
            mode=self.mode,
            results=list(self.results.values()),
            facts=masked(self.facts, self.mask),
            gauges=self.gauges,
        )

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.config.option.collectonly:
            return
        run = self.run()
        if self.target.complete and run.counted()["not tested"] and session.exitstatus == 0:
            # There is a host for everything, so what could not be seen is a fault
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        # A run that checked nothing (a wrong CUSTOMER or CHECK) says nothing: the last report stays
        if self.reports and any(result.outcome != "left out" for result in run.results):
            self.write(run, self.reports)

    def write(self, run: Run, folder: Path) -> None:
        """All of the report, each file put in place whole."""
        record = folder / "verify.json"
        try:
            previous = json.loads(record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            previous = None
        if jmespath.search("target.name", previous) != run.target["name"]:
            previous = None
        data = run.as_json(previous)
        for name, text in (
            ("verify.html", html(run, data["changes"], previous)),
            ("verify.xml", junit(run)),
            ("verify.prom", metrics(run, time.time())),
            ("verify.json", json.dumps(data, indent=1, ensure_ascii=False) + "\n"),
        ):
            # A name on a foreign server may be anything, also no Unicode
            replace_file(folder / name, self.mask(text).encode(errors="backslashreplace"), 0o644)
            self.written.append(folder / name)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        run = self.run()
        out = terminalreporter
        out.section("risks")
        for answer in answers(run.results):
            colour = {"yes": "green", "no": "red", "NOT TESTED": "yellow"}[answer.answer]
            out.write(f"{answer.shown:<11}", **{colour: True})
            out.write(f"{answer.risk.risk}: {answer.risk.answer}\n")
            if answer.answer != "yes":
                out.write(textwrap.indent(textwrap.fill(answer.note, 108), " " * 11) + "\n")
        failed = [result for result in run.results if result.outcome == "failed"]
        if failed:
            out.section("failed checks")
            for result in failed:
                out.write_line(f"{result.name}: {result.title}", red=True)
                out.write_line(textwrap.indent(result.reason.strip()[:1500], "    "))
        unseen = [result for result in run.results if result.outcome == "not tested"]
        if unseen:
            out.section("not tested")
            # One cause often hides many checks: report it once
            for reason in dict.fromkeys(result.reason for result in unseen):
                names = [result.name for result in unseen if result.reason == reason]
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                out.write_line(f"{reason}: {', '.join(names[:3])}{more}")
        counts = ", ".join(f"{count} {outcome}" for outcome, count in run.counted().items() if count)
        out.section(f"{counts} in {run.seconds:.0f} s")
        for path in self.written:
            out.write_line(str(path))


def judged(report: pytest.TestReport, call: pytest.CallInfo[None]) -> tuple[Outcome, str]:
    """What a phase of a test says, and why."""
    if report.passed:
        return "passed", ""
    error = call.excinfo.value if call.excinfo else None
    text = str(error)
    if report.skipped:
        if text.startswith(DOES_NOT_APPLY):
            return "does not apply", text.removeprefix(DOES_NOT_APPLY)
        return "not tested", text.removeprefix(NOT_TESTED)
    if isinstance(error, (AssertionError, pytest.fail.Exception)):
        # Without the line of introspection that pytest adds below a message of ours
        return "failed", text.split("\nassert ", 1)[0] or "the check's condition does not hold"
    return "failed", f"{type(error).__name__}: {text}"


def result_of(item: pytest.Item, outcome: Outcome, reason: str) -> Result:
    """The result of an item, with what its docstring and markers say."""
    assert isinstance(item, pytest.Function)
    title, why, source = described(item.function.__doc__ or "")
    marks = list(item.iter_markers("risk"))
    return Result(
        check=item.originalname.removeprefix("test_"),
        case=item.callspec.id if hasattr(item, "callspec") else "",
        title=title,
        why=why,
        source=source,
        risks=[str(mark.args[0]) for mark in marks],
        decides=[str(mark.args[0]) for mark in marks if mark.kwargs.get("decides")],
        outcome=outcome,
        reason=reason,
    )


def described(docstring: str) -> tuple[str, str, str]:
    """Title, explanation and source from a check's docstring."""
    title = why = source = ""
    for paragraph in textwrap.dedent("    " + docstring).strip().split("\n\n"):
        text = " ".join(paragraph.split())
        if text.startswith("Source:"):
            source = text.removeprefix("Source:").strip()
        elif not title:
            title = text
        else:
            why = f"{why} {text}".strip()
    return title, why, source
