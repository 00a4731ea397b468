"""The script that asks a real Windows Server: here it runs on the stand-in, so at least it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.windows.iis import READINGS, SCHEMA, Iis

SCRIPT = Path(__file__).parents[3] / "molecule" / "windows" / "files" / "facts.ps1"
RULES = "system.ftpServer/security/authorization"
SITE = "ftps-facts"


def told(iis: Iis) -> dict[str, str]:
    lines = iis.powershell.script(SCRIPT.read_text("utf-8"), str(SCHEMA), environment=iis.environment)
    assert (lines[0], lines[-1]) == ("--- facts for ftps-exchange: paste from here", "--- to here")
    return dict(line.split(":", 1) for line in lines[1:-1])


@pytest.mark.parametrize("reading", READINGS, ids="-".join)
def test_what_the_library_says_is_seen_and_the_file_is_as_it_was(
    make_iis: Callable[..., Iis], reading: tuple[str, str, str, str]
) -> None:
    iis = make_iis()
    iis.reading = reading
    locality, nowhere, uncommitted, new_sites = reading
    before = iis.text
    facts = told(iis)
    assert iis.text.split() == before.split(), "nothing is left behind"

    def said(when: str, what: str, place: str = SITE) -> str:
        return facts[f"{when}, {RULES} at '{place}', {what}"].strip()

    assert "FileNotFoundException" in said("no such site", "items")
    assert ("FileNotFoundException" in said("site not committed", "items")) == (new_sites == "unknown")
    assert said("committed", "deepestPathSet").endswith(f"APPHOST/{SITE}")
    assert said("committed", "IsLocallyStored") == str(locality == "file")
    assert said("committed", "IsLocallyStored", f"{SITE}/child") == str(locality == "file")
    assert said("rule at the child not committed", "deepestPathSet", f"{SITE}/child").endswith("/child")
    if new_sites == "known":
        inherited = said("rule at the site not committed", "items", f"{SITE}/child")
        # One rule is at the server level
        assert inherited == ("2" if uncommitted == "visible" else "1")
    never_set = facts["server level, security/authentication, deepestPathSet"]
    assert ("0x80070032" in never_set) == (nowhere == "throws")
    assert "FileNotFoundException" in said("site removed, not committed", "items") or new_sites == "unknown"


def test_what_an_extension_answers_and_what_a_default_looks_like_is_seen(make_iis: Callable[..., Iis]) -> None:
    facts = told(make_iis())
    assert "0x800710D8" in facts["state of the site"]
    assert facts["FTP binding, bindingInformation"] == " '*:21999:', default False"
    assert "throws" in facts["FTP binding, certificateHash"]
    assert facts["a time span, as a value and as the default of the schema"] == " TimeSpan, Int64"
    assert "throws" in facts["TLS 1.3 on port 21"], "nobody listens"
