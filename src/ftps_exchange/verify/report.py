"""The report for people: one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .picture import picture
from .results import OUTCOMES, Answer, Outcome, Result, Run, answers, shown
from .risks import RISKS

LABELS = {
    "passed": "passed",
    "failed": "FAILED",
    "not tested": "NOT TESTED",
    "does not apply": "does not apply",
    "left out": "left out",
}

MARKS = {"passed": "\N{CHECK MARK}", "failed": "\N{BALLOT X}", "not tested": "?", "does not apply": "\N{EN DASH}"}
MARKS["left out"] = MARKS["does not apply"]


def html(run: Run, changed: Sequence[Mapping[str, str]], previous: Mapping[str, Any] | None) -> str:
    """The page. All text from servers is escaped, and the page loads nothing."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    answered = answers(run.results)
    return environment.get_template("report.html.j2").render(
        run=run,
        labels=LABELS,
        marks=MARKS,
        seen=seen,
        counts=[(LABELS[outcome], count) for outcome, count in run.counted().items() if count],
        answers=answered,
        verdict=verdict(answered),
        groups=grouped(run.results),
        changed=changed,
        previous=previous,
        # Made by this project from escaped texts
        picture=Markup(picture(run)),  # noqa: S704
        key_facts=key_facts(run),
    )


def verdict(answered: Sequence[Answer]) -> tuple[str, str]:
    """One word for the style, and one sentence."""
    no = [answer for answer in answered if answer.answer == "no"]
    unseen = [answer for answer in answered if answer.answer == "NOT TESTED"]
    if no:
        return (
            "no",
            f"Checks failed for {len(no)} of {len(answered)} risks: {'; '.join(one.risk.risk for one in no)}.",
        )
    if unseen:
        return "unseen", (
            f"Nothing failed, but {len(unseen)} of {len(answered)} risks could not be decided by these tests: "
            f"{'; '.join(one.risk.risk for one in unseen)}."
        )
    return "yes", f"All {len(answered)} risks are mitigated, each with evidence below."


def seen(answer: Answer) -> list[tuple[Result, Outcome, str]]:
    """The checks of a risk, each once with the worst of its cases, and the reason in one line."""
    found = []
    for _, cases in groupby(sorted(answer.results, key=lambda result: result.check), key=lambda result: result.check):
        worst = min(cases, key=lambda result: OUTCOMES.index(result.outcome))
        reason = (worst.reason.strip().splitlines() or [""])[0]
        found.append((worst, worst.outcome, reason if len(reason) < 220 else f"{reason[:219]}\N{HORIZONTAL ELLIPSIS}"))
    return sorted(found, key=lambda entry: OUTCOMES.index(entry[1]))


def grouped(results: Sequence[Result]) -> list[tuple[str, list[tuple[str, list[Result]]]]]:
    """Results by the first risk they belong to, then the cases of a check together; what failed comes first."""
    titles = {risk.id: risk.risk for risk in RISKS}
    groups = []
    for risk in (*titles, ""):
        own = [result for result in results if (result.risks or [""])[0] == risk]
        checks = [(check, list(cases)) for check, cases in groupby(own, key=lambda result: result.check)]
        checks.sort(key=lambda entry: min(OUTCOMES.index(result.outcome) for result in entry[1]))
        if checks:
            groups.append((titles.get(risk, "Other"), checks))
    return groups


def key_facts(run: Run) -> list[tuple[str, str]]:
    """The handful that one looks for first."""
    found = [("Service", f"{run.target['fqdn']}, {shown([a for a in addresses(run) if a])}")]
    days = run.gauges.get("certificate_days_left")
    if days is not None:
        found.append(("Certificate", f"{int(days)} days left"))
    versions = [
        name for name in ("TLSv1.2", "TLSv1.3") if str(run.facts.get("TLS", {}).get(name, "")).startswith("works")
    ]
    if versions:
        found.append(("TLS that works", ", ".join(name.removeprefix("TLSv") for name in versions)))
    ports = [run.target["explicit_port"], run.target.get("implicit_port")]
    found.append(("Ports", ", ".join(str(port) for port in ports if port) + passive(run)))
    found.append(("Checks", ", ".join(f"{count} {outcome}" for outcome, count in run.counted().items() if count)))
    found.append(("Took", f"{run.seconds:.0f} s"))
    return found


def addresses(run: Run) -> list[str | None]:
    return [run.target.get("public_ip"), run.target.get("public_ip6")]


def passive(run: Run) -> str:
    """The range, as shown after the control ports."""
    found = run.target.get("passive_ports")
    return f"; passive {found[0]}\N{EN DASH}{found[1]}" if found else "; passive range not declared"
