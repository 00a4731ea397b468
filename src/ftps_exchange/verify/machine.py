"""The results for machines: JUnit XML, and metrics for Prometheus's textfile collector."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from .results import Run, answers

# XML 1.0 has no way to write these, not even escaped
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(run: Run) -> str:
    """One test case a check; what was not seen is skipped, with the reason."""
    counted = run.counted()
    attributes = {
        "name": "ftps-exchange verify",
        "tests": str(len(run.results)),
        "failures": str(counted["failed"]),
        "errors": "0",
        "skipped": str(len(run.results) - counted["failed"] - counted["passed"]),
        "time": f"{run.seconds:.1f}",
        "timestamp": run.started,
    }
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(suites, "testsuite", attributes)
    for result in run.results:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"classname": "verify." + (result.risks or ["service"])[0], "name": _xml(result.name)},
            time=f"{result.seconds:.2f}",
        )
        if result.outcome == "failed":
            failure = ElementTree.SubElement(case, "failure", {"message": _xml(result.reason[:500])})
            failure.text = _xml(result.reason)
        elif result.outcome != "passed":
            label = "NOT TESTED" if result.outcome == "not tested" else result.outcome
            ElementTree.SubElement(case, "skipped", {"message": _xml(f"{label}: {result.reason}")})
        if result.evidence:
            ElementTree.SubElement(case, "system-out").text = _xml("\n".join(result.evidence))
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _xml(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def metrics(run: Run, finished: float) -> str:
    """Gauges in the text format of Prometheus; ``finished`` is the time of the run's end."""
    return "\n".join(_metrics(run, finished)) + "\n"


def _metrics(run: Run, finished: float) -> Iterator[str]:
    target = _label(str(run.target["fqdn"]))

    def gauge(name: str, text: str, *samples: tuple[str, float]) -> Iterator[str]:
        yield f"# HELP ftps_exchange_{name} {text}"
        yield f"# TYPE ftps_exchange_{name} gauge"
        for labels, value in samples:
            yield f'ftps_exchange_{name}{{target="{target}"{labels}}} {value:.15g}'

    up = run.gauges.get("up")
    if up is not None:
        yield from gauge("up", "Whether a customer could log in over TLS.", ("", up))
    days = run.gauges.get("certificate_days_left")
    if days is not None:
        yield from gauge("certificate_days_left", "Days until the first certificate of the chain expires.", ("", days))
    yield from gauge("verify_seconds", "How long the checks took.", ("", round(run.seconds, 1)))
    yield from gauge("verify_finished_seconds", "When the checks ended, Unix time.", ("", int(finished)))
    yield from gauge(
        "verify_checks",
        "Checks by outcome.",
        *((f',outcome="{_label(outcome)}"', count) for outcome, count in run.counted().items()),
    )
    value = {"yes": 1.0, "no": 0.0, "NOT TESTED": -1.0}
    yield from gauge(
        "verify_risk_answered",
        "1 mitigated, 0 failed, -1 not tested.",
        *((f',risk="{_label(answer.risk.id)}"', value[answer.answer]) for answer in answers(run.results)),
    )


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
