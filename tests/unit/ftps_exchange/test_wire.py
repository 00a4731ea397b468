"""Texts for the modules on Windows, packed here and unpacked by the PowerShell that the modules use."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftps_exchange.wire import LONGEST_PLAIN, PACKED, exchange_wire_text
from tests.windows.powershell import PowerShell, PowerShellError

PROJECT = Path(__file__).resolve().parents[3]
UNPACK = (PROJECT / "module_utils" / "Ansible.ModuleUtils.FtpsExchangeText.psm1").read_text()
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
)


def unpacked(text: str) -> str:
    if not text.startswith(PACKED):
        return text
    return gzip.decompress(base64.b64decode(text.removeprefix(PACKED), validate=True)).decode()


@given(values, st.sampled_from([0, LONGEST_PLAIN]))
def test_nothing_is_lost(value: Any, longest: int) -> None:
    assert json.loads(unpacked(exchange_wire_text(value, longest))) == value


def test_short_texts_can_be_read() -> None:
    assert exchange_wire_text({"a": [1, True, None, "ä"]}) == '{"a":[1,true,null,"\\u00e4"]}'


def test_the_limit() -> None:
    at, above = "x" * (LONGEST_PLAIN - 2), "x" * (LONGEST_PLAIN - 1)
    assert exchange_wire_text(at) == f'"{at}"'
    assert exchange_wire_text(above).startswith(PACKED)
    assert len(exchange_wire_text(above)) < 2000


def test_the_same_always_gives_the_same() -> None:
    value = {"rows": [[str(number)] for number in range(1000)]}
    assert exchange_wire_text(value, 0) == exchange_wire_text(json.loads(json.dumps(value)), 0)


@pytest.mark.parametrize("value", [{"a": "ä€😀", "b": [True, None, -1]}, [], "", "x" * 300_000])
def test_powershell_unpacks_it(powershell: PowerShell, value: Any) -> None:
    (found,) = powershell.script(SCRIPT, UNPACK, exchange_wire_text(value, 0))
    assert found == exchange_wire_text(value)


@pytest.mark.parametrize("text", ['{"a":1}', "GZIP:no", " gzip:no", ""])
def test_powershell_leaves_other_texts_alone(powershell: PowerShell, text: str) -> None:
    assert powershell.script(SCRIPT, UNPACK, text) == [text]


@pytest.mark.parametrize(
    "text",
    [
        PACKED + "!",
        PACKED + base64.b64encode(b"no gzip").decode(),
        exchange_wire_text("x" * 5000 + "end", 0)[:-8],
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
        powershell.script(SCRIPT, small, exchange_wire_text("x" * 100_000, 0))
