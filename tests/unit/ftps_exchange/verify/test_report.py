"""Answers, changes, and the report in all of its forms."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from ftps_exchange.verify.machine import junit, metrics
from ftps_exchange.verify.report import html
from ftps_exchange.verify.results import Outcome, Result, Run, answers


def result(check: str, outcome: Outcome, *, decides: bool = True, risk: str = "nat", **more: Any) -> Result:
    return Result(
        check=check,
        case=more.pop("case", ""),
        title=f"About {check}.",
        why="",
        source="RFC 959",
        risks=[risk],
        decides=[risk] if decides else [],
        outcome=outcome,
        **more,
    )


def run(*results: Result, **more: Any) -> Run:
    return Run(
        target={
            "name": "t",
            "fqdn": "ftp.example",
            "public_ip": "203.0.113.1",
            "public_ip6": None,
            "explicit_port": 21,
            "implicit_port": None,
            "passive_ports": [50000, 50099],
            "edge": None,
            "server": None,
        },
        vantage_points=more.pop(
            "vantage_points", [{"as": "acme", "host": "pc1"}, {"as": "stranger", "host": "<b>pc2"}]
        ),
        started="2026-01-02T03:04:05Z",
        seconds=12.3,
        mode="full",
        results=list(results),
        facts=more.pop("facts", {}),
        gauges=more.pop("gauges", {}),
    )


def answer(*results: Result) -> str:
    return next(one.answer for one in answers(results) if one.risk.id == "nat")


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], "NOT TESTED"),
        ([("passed", True)], "yes"),
        ([("passed", False)], "NOT TESTED"),
        ([("passed", True), ("not tested", False)], "yes"),
        ([("passed", True), ("not tested", True)], "NOT TESTED"),
        ([("passed", True), ("left out", True)], "NOT TESTED"),
        ([("passed", True), ("does not apply", True)], "yes"),
        ([("does not apply", True)], "NOT TESTED"),
        ([("passed", True), ("failed", False)], "no"),
        ([("not tested", True), ("failed", True)], "no"),
    ],
)
def test_yes_only_when_all_that_decides_was_seen_and_nothing_failed(
    outcomes: list[tuple[Outcome, bool]], expected: str
) -> None:
    found = [result(f"c{number}", outcome, decides=decides) for number, (outcome, decides) in enumerate(outcomes)]
    assert answer(*found) == expected


def test_every_risk_gets_an_answer() -> None:
    data = run(result("a", "passed")).as_json(None)
    assert len(data["answers"]) == 13
    assert data["changes"] == []


def test_changes_name_what_differs_and_nothing_that_was_left_out() -> None:
    facts = {"TLS": {"versions": ["1.2"]}, "Times": {"login": "0.1 s"}}
    before = run(
        result("a", "passed"), result("b", "passed"), result("c", "left out"), result("d", "passed"), facts=facts
    )
    facts = {"TLS": {"versions": ["1.2", "1.3"]}, "Times": {"login": "0.2 s"}}
    now = run(result("a", "failed"), result("b", "passed"), result("c", "passed"), facts=facts)
    changes = now.as_json(json.loads(json.dumps(before.as_json(None))))["changes"]
    assert changes == [
        {"what": "a", "before": "passed", "now": "failed"},
        {"what": "d", "before": "passed", "now": "no longer checked"},
        {"what": "TLS: versions", "before": "1.2", "now": "1.2, 1.3"},
    ]


def test_the_page_escapes_what_servers_say_and_fetches_nothing() -> None:
    nasty = "<script>alert(1)</script>"
    found = run(
        result("a", "failed", reason=nasty, evidence=[f"< 220 {nasty}"]),
        facts={"Replies": {"Greeting": nasty}},
    )
    page = html(found, [{"what": nasty, "before": nasty, "now": nasty}], {"started": "2026-01-01T00:00:00Z"})
    assert "<script" not in page
    assert "<b>pc2" not in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_the_page_of_a_run_that_saw_nothing_can_be_made() -> None:
    page = html(run(vantage_points=[]), [], None)
    assert "NOT TESTED" in page
    assert "No vantage point" in page


@pytest.mark.parametrize(
    ("outcome", "badge", "verdict"),
    [
        ("passed", "mitigated", "Nothing failed, but 12 of 13 risks could not be decided"),
        ("failed", "FAILED", "Checks failed for 1 of 13 risks: Data in clear."),
        ("not tested", "NOT TESTED", "Nothing failed, but 13 of 13 risks could not be decided"),
    ],
)
def test_the_page_never_says_yes_beside_a_risk(outcome: Outcome, badge: str, verdict: str) -> None:
    page = html(run(result("a", outcome, risk="data-in-clear")), [], None)
    (row,) = (row for row in page.split("<tr>") if "<b>Data in clear</b>" in row)
    (shown,) = re.findall(r'<td class="answer"><span class="badge [a-z]+">(.+?)</span>', row)
    assert shown == badge
    assert verdict in page
    assert not re.search(r">(?:yes|no)</span>", page)


def test_junit_tells_failed_from_not_tested() -> None:
    text = junit(
        run(
            result("a", "passed"),
            result("b", "failed", reason="why \x00\x1b", evidence=["> x\x07"]),
            result("c", "not tested", reason="no host"),
            result("d", "passed", case="IPv6"),
        )
    )
    suite = ElementTree.fromstring(text).find("testsuite")  # noqa: S314 (our own text)
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")
    assert [case.get("name") for case in suite] == ["a", "b", "c", "d[IPv6]"]
    skipped = suite[2].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "NOT TESTED: no host"


def test_metrics_are_in_the_format_of_prometheus() -> None:
    text = metrics(run(result("a", "failed"), gauges={"up": 1, "certificate_days_left": 30.5}), 1_700_000_000.9)
    lines = text.splitlines()
    assert 'ftps_exchange_up{target="ftp.example"} 1' in lines
    assert 'ftps_exchange_certificate_days_left{target="ftp.example"} 30.5' in lines
    assert 'ftps_exchange_verify_checks{target="ftp.example",outcome="failed"} 1' in lines
    assert 'ftps_exchange_verify_risk_answered{target="ftp.example",risk="nat"} 0' in lines
    assert 'ftps_exchange_verify_finished_seconds{target="ftp.example"} 1700000000' in lines
    for line in lines:
        assert line.startswith(("# HELP ftps_exchange_", "# TYPE ftps_exchange_", "ftps_exchange_")), line
