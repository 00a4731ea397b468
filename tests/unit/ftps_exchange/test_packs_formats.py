"""The registry of firewall formats: a format is one file, and everything that names one takes it from there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ftps_exchange.errors import ExchangeError
from ftps_exchange.marked import filled
from ftps_exchange.packs import FORMATS, render_rules
from ftps_exchange.packs import check as checker
from ftps_exchange.packs.formats import REGISTRY
from ftps_exchange.packs.reference import main, parts
from tests.unit.ftps_exchange.packs_inputs import ACME, HAND_CHECKED

PACKS = Path(checker.__file__).parent
DOCUMENT = Path(__file__).parents[3] / "docs" / "packs.md"


def test_every_file_of_formats_is_in_the_registry() -> None:
    files = {path.stem for path in (PACKS / "formats").glob("[a-z]*.py")} - {"format", "table"}
    assert files == set(REGISTRY) == set(FORMATS) - {"table"}
    assert all(REGISTRY[name].name == name for name in files)


def test_the_name_of_a_format_stands_in_its_file_the_registry_and_the_checker_only(project: Path) -> None:
    """In the checker because that shares nothing with the formats."""
    allowed = {"src/ftps_exchange/packs/check.py", "src/ftps_exchange/packs/formats/__init__.py"}
    folders = [project / name for name in ("src", "roles", "plugins", "playbooks")]
    for path in (path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".yml", ".j2"}):
        own = path.relative_to(project).as_posix()
        if own not in allowed:
            named = set(re.findall(r"\b(?:juniper_srx|palo_alto|cisco_asa|cisco_ios|routeros)\b", path.read_text()))
            assert named <= {path.stem}, own


def test_the_checker_shares_no_code_with_the_formats() -> None:
    imports = re.findall(r"^\s*(?:from|import) (\S+)", (PACKS / "check.py").read_text(), re.MULTILINE)
    assert {name for name in imports if name.startswith((".", "ftps_exchange"))} == {"ftps_exchange.errors", ".model"}


@pytest.mark.parametrize("name", REGISTRY)
def test_a_format_knows_its_own_files(name: str) -> None:
    for file in render_rules(name, HAND_CHECKED, ACME):
        assert [each.name for each in REGISTRY.values() if each.made(file)] == [name]


def test_the_document_is_up_to_date() -> None:
    text = DOCUMENT.read_text()
    assert filled(text, parts(), "docs/packs.md") == text, "run make docs"
    for each in REGISTRY.values():
        assert f"| `{each.name}` |" in text
        assert f"| {each.title} | {each.helper} |" in text


def test_the_command_writes_the_document(tmp_path: Path) -> None:
    copy = tmp_path / "packs.md"
    copy.write_text(re.sub(r"(written by make docs -->\n)[^<]*", r"\1", DOCUMENT.read_text()))
    assert copy.read_text() != DOCUMENT.read_text()
    assert main([str(copy)]) == 0
    assert copy.read_text() == DOCUMENT.read_text()
    assert main([]) == 2
    copy.write_text("nothing")
    with pytest.raises(ExchangeError, match="does not have each table once"):
        main([str(copy)])
