"""Texts for the modules on Windows, packed here and unpacked by the PowerShell that the modules use."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.filter.exchange import FilterModule
from hypothesis import given
from hypothesis import strategies as st

from ftps_exchange.wire import LONGEST_PLAIN, PACKED, wire_text
from tests.windows.powershell import PowerShell, PowerShellError

PROJECT = Path(__file__).resolve().parents[3]
UNPACK = (PROJECT / "plugins" / "module_utils" / "FtpsExchangeText.psm1").read_text()
SCRIPT = (
    "param($source, $text)\n"
    "$util = New-Module -Name text -ScriptBlock ([scriptblock]::Create($source))\n"
    "Import-Module $util -Force\n"
    "Expand-FtpsExchangeText -Text $text\n"
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
).filter(lambda value: not isinstance(value, str))


def unpacked(text: str) -> str:
    if not text.startswith(PACKED):
        return text
    return gzip.decompress(base64.b64decode(text.removeprefix(PACKED), validate=True)).decode()


@given(values, st.sampled_from([0, LONGEST_PLAIN]))
def test_nothing_is_lost(value: Any, longest: int) -> None:
    assert json.loads(unpacked(wire_text(value, longest))) == value


def test_short_texts_can_be_read() -> None:
    assert wire_text({"a": [1, True, None, "ä"]}) == '{"a":[1,true,null,"\\u00e4"]}'


def test_the_limit() -> None:
    at, above = "x" * LONGEST_PLAIN, "x" * (LONGEST_PLAIN + 1)
    assert wire_text(at) == at
    assert wire_text(above).startswith(PACKED)
    assert len(wire_text(above)) < 2000


def test_a_text_is_sent_as_it_is_and_packed_once() -> None:
    text = json.dumps({"folders": ["homes/ä"] * 10}, ensure_ascii=False)
    assert wire_text(text) == text
    packed = wire_text(text, 0)
    assert unpacked(packed) == text
    assert wire_text(packed, 0) == packed


def test_the_same_always_gives_the_same() -> None:
    value = {"rows": [[str(number)] for number in range(1000)]}
    assert wire_text(value, 0) == wire_text(json.loads(json.dumps(value)), 0)


@pytest.mark.parametrize("value", [{"a": "ä€😀", "b": [True, None, -1]}, [], "", "x" * 300_000])
def test_powershell_unpacks_it(powershell: PowerShell, value: Any) -> None:
    (found,) = powershell.script(SCRIPT, UNPACK, wire_text(value, 0))
    assert found == wire_text(value)


@pytest.mark.parametrize("text", ['{"a":1}', "GZIP:no", " gzip:no", ""])
def test_powershell_leaves_other_texts_alone(powershell: PowerShell, text: str) -> None:
    assert powershell.script(SCRIPT, UNPACK, text) == [text]


@pytest.mark.parametrize(
    "text",
    [
        PACKED + "!",
        PACKED + base64.b64encode(b"no gzip").decode(),
        wire_text("x" * 5000 + "end", 0)[:-8],
        PACKED + base64.b64encode(gzip.compress(b"\xff\xfe")).decode(),
    ],
)
def test_a_damaged_text_is_told(powershell: PowerShell, text: str) -> None:
    with pytest.raises(PowerShellError, match="The packed text cannot be unpacked"):
        powershell.script(SCRIPT, UNPACK, text)


def test_a_text_that_would_fill_the_memory_is_refused(powershell: PowerShell) -> None:
    small = UNPACK.replace("$script:Longest = 256MB", "$script:Longest = 1000")
    assert small != UNPACK
    with pytest.raises(PowerShellError, match="longer than 1000 bytes"):
        powershell.script(SCRIPT, small, wire_text("x" * 100_000, 0))


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PROJECT / "tests/unit/golden/desired_state/model.json").read_text())
    return found


@pytest.mark.parametrize(
    "name", ["exchange_access", "exchange_directory", "exchange_edge_sets", "exchange_group_names"]
)
def test_filters_take_the_model_as_text(model: dict[str, Any], name: str) -> None:
    function = FilterModule().filters()[name]
    assert function(json.dumps(model)) == function(model)
