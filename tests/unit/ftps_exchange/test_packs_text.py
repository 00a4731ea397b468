"""Text that somebody else wrote: what is left of it in each kind of file."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftps_exchange.packs import text
from tests.unit.ftps_exchange.packs_inputs import HOSTILE


@given(st.text() | st.sampled_from(HOSTILE), st.integers(1, 200))
def test_plain_text_is_nothing_but_text_in_any_language(foreign: str, longest: int) -> None:
    left = text.plain(foreign, longest)
    assert re.fullmatch(r"[A-Za-z0-9.,_@+() -]*", left)
    assert "--" not in left
    assert len(left) <= longest
    assert left == left.strip()


def test_plain_text_keeps_what_a_person_needs() -> None:
    assert text.plain("Jo Doe, jo@acme.example, +32 (2) 555-01") == "Jo Doe, jo@acme.example, +32 (2) 555-01"
    assert text.plain("Zoë Müller") == "Zoe Muller"
    assert text.plain("a\nb\u2028c\td") == "a b c d"


@given(st.text() | st.sampled_from(HOSTILE))
def test_visible_text_is_one_line_that_hides_nothing(foreign: str) -> None:
    left = text.visible(foreign)
    assert left.isprintable()
    assert left.splitlines() in ([], [left])


@given(st.text() | st.sampled_from(HOSTILE))
def test_markdown_holds_no_markup_and_says_the_same(foreign: str) -> None:
    left = text.markdown(foreign)
    assert not re.search(r"[^\w ,.&#;]", re.sub(r"&#[0-9]+;", "", left).replace("_", ""))
    assert not re.search(r"[<>|`*\[\]]", left)
    assert html.unescape(left) == text.visible(foreign)


@given(st.lists(st.text() | st.sampled_from(HOSTILE), min_size=1, max_size=5))
def test_csv_keeps_its_shape_and_holds_no_formula(row: list[str]) -> None:
    (back,) = csv.reader(io.StringIO(text.csv_lines([row]), newline=""))
    assert len(back) == len(row)
    for cell, given_cell in zip(back, row, strict=True):
        assert not cell.startswith(("=", "+", "-", "@"))
        assert cell.removeprefix("'") == text.visible(given_cell).removeprefix("'")


@pytest.mark.parametrize("name", ["acme", "a" * 24, "a-b-1"])
def test_an_identifier_that_fits_stays(name: str) -> None:
    assert text.identifier(name) == name


@given(st.text(min_size=1), st.text(min_size=1))
def test_identifiers_are_safe_and_differ_as_their_names_do(one: str, other: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]{1,24}", text.identifier(one))
    assert (text.identifier(one) == text.identifier(other)) == (one == other)
