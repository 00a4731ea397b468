"""What a run of the checks found, what that says about each risk, and what differs from the run before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from .risks import RISKS, Risk

type Outcome = Literal["passed", "failed", "not tested", "does not apply", "left out"]

OUTCOMES: Final[tuple[Outcome, ...]] = ("failed", "not tested", "passed", "does not apply", "left out")
FORMAT: Final = 1

type Verdict = Literal["yes", "no", "NOT TESTED"]

# What people read. "yes" beside "Data in clear" would say the opposite of what is meant
SHOWN: Final[dict[Verdict, str]] = {"yes": "mitigated", "no": "FAILED", "NOT TESTED": "NOT TESTED"}


@dataclass(slots=True)
class Result:
    """One check, or one case of a check that has several."""

    check: str
    case: str
    title: str
    why: str
    source: str
    risks: list[str]
    decides: list[str]
    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0
    evidence: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.check}[{self.case}]" if self.case else self.check


@dataclass(frozen=True, slots=True)
class Answer:
    """What the run says about one risk."""

    risk: Risk
    answer: Verdict
    note: str
    results: tuple[Result, ...]

    @property
    def shown(self) -> str:
        return SHOWN[self.answer]


@dataclass(slots=True)
class Run:
    """Everything that one run found. ``facts`` are sections of name and value, in the order of measuring."""

    target: dict[str, Any]
    vantage_points: list[dict[str, str]]
    started: str
    seconds: float
    mode: str
    results: list[Result]
    facts: dict[str, dict[str, Any]]
    gauges: dict[str, float] = field(default_factory=dict)

    def counted(self) -> dict[Outcome, int]:
        counted = Counter(result.outcome for result in self.results)
        return {outcome: counted[outcome] for outcome in OUTCOMES}

    def as_json(self, previous: Mapping[str, Any] | None) -> dict[str, Any]:
        """Plain types for the file, with what changed since the run before."""
        return {
            "format": FORMAT,
            "target": self.target,
            "vantage_points": self.vantage_points,
            "started": self.started,
            "seconds": round(self.seconds, 1),
            "mode": self.mode,
            "counts": self.counted(),
            "answers": [
                {
                    "risk": answer.risk.id,
                    "text": answer.risk.risk,
                    "answer": answer.answer,
                    "note": answer.note,
                    "checks": [result.name for result in answer.results],
                }
                for answer in answers(self.results)
            ],
            "changes": changes(previous, self),
            "facts": self.facts,
            "gauges": self.gauges,
            "checks": [{"name": result.name, **asdict(result)} for result in self.results],
        }


def answers(results: Sequence[Result]) -> list[Answer]:
    """An answer to every risk, also where no check looked."""
    return [_answer(risk, [result for result in results if risk.id in result.risks]) for risk in RISKS]


def _answer(risk: Risk, results: list[Result]) -> Answer:
    counted = Counter(result.outcome for result in results)
    deciding = [result for result in results if risk.id in result.decides]
    unseen = [result for result in deciding if result.outcome in ("not tested", "left out")]
    note = ", ".join(f"{counted[outcome]} {outcome}" for outcome in OUTCOMES if counted[outcome]) or "no check looked"
    verdict: Verdict
    if counted["failed"]:
        verdict = "no"
    elif unseen or not any(result.outcome == "passed" for result in deciding):
        verdict = "NOT TESTED"
        if unseen:
            # The reason of the first is nearly always the reason of all
            note += f". {unseen[0].title.rstrip('.')}: {unseen[0].reason}"
    else:
        verdict = "yes"
    return Answer(risk, verdict, note, tuple(sorted(results, key=lambda result: OUTCOMES.index(result.outcome))))


def changes(previous: Mapping[str, Any] | None, run: Run) -> list[dict[str, str]]:
    """What differs from the previous run's JSON. A check that was left out in either says nothing."""
    if not previous or previous.get("format") != FORMAT:
        return []
    found: list[dict[str, str]] = []
    before = {check["name"]: check["outcome"] for check in previous.get("checks", [])}
    for result in run.results:
        was = before.get(result.name, "new")
        if was != result.outcome and "left out" not in (was, result.outcome):
            found.append({"what": result.name, "before": was, "now": result.outcome})
    gone = set(before) - {result.name for result in run.results}
    found += [{"what": name, "before": before[name], "now": "no longer checked"} for name in sorted(gone)]
    facts_before = _flat(previous.get("facts", {}))
    facts_now = _flat(run.facts)
    for name, value in facts_now.items():
        if name in facts_before and facts_before[name] != value:
            found.append({"what": name, "before": facts_before[name], "now": value})
    return found


def _flat(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Facts by `section: name`. Times differ at every run and show nothing."""
    return {
        f"{section}: {name}": shown(value)
        for section, entries in facts.items()
        if section != "Times"
        for name, value in entries.items()
    }


def shown(value: Any) -> str:
    """A measured value as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {shown(entry)}" for key, entry in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(shown(entry) for entry in value) or "none"
    return str(value)
