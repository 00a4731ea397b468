"""Arguments that are long lists: one JSON text each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Never

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.arguments import from_json


class EndedError(Exception):
    """The module ended with this message."""


def module(text: str) -> Any:
    def fail_json(msg: str) -> Never:
        raise EndedError(msg)

    return SimpleNamespace(params={"sets": text}, fail_json=fail_json)


def test_a_text_is_what_it_says() -> None:
    assert from_json(module('{"customers4": []}'), "sets", dict) == {"customers4": []}
    assert from_json(module("[1]"), "sets", list) == [1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "sets is not JSON: Expecting value"),
        ("{'customers4': []}", "sets is not JSON: Expecting property name"),
        ("[]", "sets must be a dictionary, or its JSON text"),
        ("null", "sets must be a dictionary, or its JSON text"),
    ],
)
def test_anything_else_ends_the_module(text: str, message: str) -> None:
    with pytest.raises(EndedError, match=message):
        from_json(module(text), "sets", dict)
