"""What holds for every check of tests/exchange: it names its rule and its risk, and its name is its own."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftps_exchange.verify.risks import BY_ID
from tests.exchange.conftest import LEFT_OUT, MARKERS
from tests.exchange.recorder import described

FOLDER = Path(__file__).resolve().parents[2] / "exchange"


def functions() -> Iterator[ast.FunctionDef]:
    for file in sorted(FOLDER.glob("test_*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node


CHECKS = list(functions())


def marks(check: ast.FunctionDef, name: str) -> list[ast.expr]:
    """Decorators `pytest.mark.<name>`, called or not."""
    return [one for one in check.decorator_list if f"pytest.mark.{name}" in (ast.unparse(one).split("(")[0],)]


def test_there_are_checks() -> None:
    assert len(CHECKS) > 60


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.name))
def test_each_check_names_its_rule_and_its_risk(check: ast.FunctionDef) -> None:
    title, _, source = described(ast.get_docstring(check) or "")
    assert title.endswith("."), "the first paragraph of the docstring is a sentence"
    assert source, "the docstring has no paragraph that begins with 'Source:'"
    risks = marks(check, "risk")
    assert risks, "no risk is named"
    for risk in risks:
        assert isinstance(risk, ast.Call)
        assert ast.literal_eval(risk.args[0]) in BY_ID


def test_names_are_unique() -> None:
    counted = Counter(check.name for check in CHECKS)
    assert [name for name, number in counted.items() if number > 1] == []


@pytest.mark.parametrize("risk", list(BY_ID))
def test_each_risk_has_a_check_that_decides(risk: str) -> None:
    deciding = [
        check.name
        for check in CHECKS
        for mark in marks(check, "risk")
        if isinstance(mark, ast.Call) and ast.literal_eval(mark.args[0]) == risk and mark.keywords
    ]
    assert deciding


def test_checks_that_could_hurt_are_never_in_the_quick_set() -> None:
    both = [check.name for check in CHECKS if marks(check, "quick") and any(marks(check, name) for name in LEFT_OUT)]
    assert both == []


def test_every_marker_that_is_used_is_declared() -> None:
    declared = {marker.split(":")[0].split("(")[0] for marker in MARKERS} | {"parametrize"}
    used = {
        ast.unparse(one).split("(")[0].removeprefix("pytest.mark.")
        for check in CHECKS
        for one in check.decorator_list
        if ast.unparse(one).startswith("pytest.mark.")
    }
    assert used <= declared
