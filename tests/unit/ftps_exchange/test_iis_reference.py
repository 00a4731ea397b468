"""docs/iis.md says what the settings are."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftps_exchange.errors import ExchangeError
from ftps_exchange.iis import values as iis
from ftps_exchange.iis.reference import main, tables, with_tables

DOCUMENT = Path(__file__).parents[3] / "docs" / "iis.md"


def test_the_document_is_up_to_date() -> None:
    text = DOCUMENT.read_text()
    assert with_tables(text) == text, "run make docs"


def test_every_setting_is_in_it_with_its_reason() -> None:
    text = DOCUMENT.read_text()
    for table in (iis.SERVER_SETTINGS, iis.TOP_SETTINGS, iis.HOME_SETTINGS, {"": iis.SITE_SETTINGS}):
        for choices in table.values():
            for choice in choices:
                assert f"{choice.attribute}`" in text
                assert choice.reason in text


def test_a_changed_value_changes_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    before = tables()["server"]
    changed = {"system.ftpServer/caching": (iis.Setting("credentialsCache", "flushInterval", 61, "x"),)}
    monkeypatch.setattr("ftps_exchange.iis.reference.SERVER_SETTINGS", changed)
    assert "`61`" in tables()["server"] != before


def test_a_mark_that_is_gone_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "iis.md"
    broken.write_text(DOCUMENT.read_text().replace("<!-- /site -->", ""))
    with pytest.raises(ExchangeError, match=r"docs/iis.md = \['site'\]: does not have each table once"):
        main([str(broken)])
