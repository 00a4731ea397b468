"""The script that asks a real Windows Server: here it runs on the stand-in, so at least it runs."""

from __future__ import annotations

import shutil
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


SCHEMA_FILE = """<configSchema>
<sectionSchema name="system.ftpServer/log">
  <attribute name="logInUTF8" type="bool" /><attribute name="new" type="bool" />
  <element name="centralLogFile"><attribute name="directory" type="string" /></element>
</sectionSchema>
<sectionSchema name="system.applicationHost/sites">
  <element name="siteDefaults"><element name="ftpServer"><attribute name="allowUTF8" type="bool" /></element></element>
  <collection addElement="site"><element name="ftpServer">
    <attribute name="allowUTF8" type="bool" /><element name="newer"><attribute name="more" type="bool" /></element>
  </element></collection>
</sectionSchema>
</configSchema>"""


def test_what_the_schema_of_the_server_has_alone_is_seen_and_what_it_lacks(iis: Iis) -> None:
    place = iis.root / "System32" / "inetsrv" / "config" / "schema" / "FTP_schema.xml"
    place.parent.mkdir(parents=True)
    place.write_text(SCHEMA_FILE)
    try:
        facts = told(iis)
    finally:
        shutil.rmtree(place.parents[1])
    differences = facts["attributes that differ from schema.json (<= here alone, => there alone)"].strip().split(", ")
    sites = "system.applicationHost/sites/site/ftpServer"
    assert [one for one in differences if one.startswith("<=")] == [
        f"<= {sites}/newer@more",
        "<= system.ftpServer/log@new",
    ]
    assert "=> system.ftpServer/log@centralLogFileMode" in differences
    assert f"=> {sites}@serverAutoStart" in differences
    assert not [one for one in differences if "@bindingInformation" in one or one.endswith("@logInUTF8")]


def test_what_an_extension_answers_and_what_a_default_looks_like_is_seen(make_iis: Callable[..., Iis]) -> None:
    facts = told(make_iis())
    assert "0x800710D8" in facts["state of the site"]
    assert facts["FTP binding, bindingInformation"] == " '*:21999:', default False"
    assert "throws" in facts["FTP binding, certificateHash"]
    assert facts["a time span, as a value and as the default of the schema"] == " TimeSpan, Int64"
    assert "throws" in facts["TLS 1.3 on port 21"], "nobody listens"
