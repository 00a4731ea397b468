"""Packs in every language: no text is missing, none stays from before, and none becomes anything but a text."""

from __future__ import annotations

import dataclasses
import datetime
import io
import re
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
from babel.messages.pofile import read_po

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.languages import Language
from ftps_exchange.packs import catalogues
from ftps_exchange.packs.build import Choice
from ftps_exchange.packs.document import Code, Hole, Link, Part, Strong, parsed
from ftps_exchange.packs.escape import powershell_string
from ftps_exchange.packs.formats import REGISTRY
from ftps_exchange.packs.language import CATALOGUES, NAMES, catalogue
from ftps_exchange.packs.subject import Authorities, Authority, Offer, Subject
from tests.unit.ftps_exchange.packs_folder import OFFER, pack, subject, texts
from tests.unit.ftps_exchange.test_packs_guide import Page
from tests.windows.powershell import PowerShell

OTHERS = [language for language in NAMES if language != "en"]
OWN = Authorities(OFFER.authorities.pem, (Authority("CN=Example", "AA:BB", "2036-11-22", ("exchange.example",)),))
CASES: dict[str, dict[str, Any]] = {
    "own CA": {},
    "public CA, IIS": {"offer": Offer(contact=OFFER.contact, iis=True, idle_ports_answer=False)},
    "limited CA": {"offer": dataclasses.replace(OFFER, authorities=OWN)},
    "only TLS 1.3": {"service": {"tls_minimum_version": "1.3", "tls_maximum_version": "1.3"}},
    "both TLS, no implicit": {"service": {"tls_maximum_version": "1.3", "implicit_port": None, "public6": None}},
    "tickets, one port": {"service": {"tls_session_tickets": True, "passive": (50000, 50000)}},
    "no translation, many addresses": {
        "inside4": (),
        "sources4": tuple(f"203.0.113.{number}/32" for number in range(0, 10, 2)),
    },
}


def shape(text: str) -> list[str]:
    """What of a text may not be translated: values, commands, links, what is strong."""

    def walk(parts: Any) -> list[str]:
        found: list[str] = []
        for part in parts:
            match part:
                case Code(command):
                    found.append(f"code {command}")
                case Link(target, _):
                    found.append(f"link {target}")
                case Hole(name):
                    found.append(f"value {name}")
                case Strong(content):
                    found += ["strong", *walk(content)]
        return found

    parts: tuple[Part, ...] = parsed(text)
    return sorted(walk(parts))


def test_the_model_knows_the_languages_that_there_are() -> None:
    assert set(get_args(Language)) == set(NAMES) == {path.stem for path in CATALOGUES.glob("*.po")} | {"en"}


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_is_what_make_translations_writes_of_the_texts_of_today(language: str) -> None:
    """A text that is new, gone or reworded makes another file; nothing is left of what was said before."""
    written = (CATALOGUES / f"{language}.po").read_bytes()
    if catalogues.brought_up_to_date(language, written) != written:
        # Without comparing them line by line, which takes minutes
        pytest.fail(f"{language}.po does not have the texts of today: run make translations")


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_and_keeps_its_values(language: str) -> None:
    found = [one for one in read_po(io.BytesIO((CATALOGUES / f"{language}.po").read_bytes())) if one.id]
    assert len(found) > 450
    assert [one.id for one in found if not one.string or one.fuzzy] == []
    assert [(one.id, one.string) for one in found if shape(str(one.id)) != shape(str(one.string))] == []
    # A sentence that is the same in both was forgotten; names and commands may be
    same = [one.id for one in found if one.id == one.string and len(_NAMES.sub("", str(one.id)).split()) > 4]
    assert same == []


def test_a_new_text_is_missed_and_a_gone_one_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    before = (CATALOGUES / "de.po").read_bytes()
    kept = [(text, place) for text, place in catalogues.texts() if text != "Troubleshooting"]
    monkeypatch.setattr(catalogues, "texts", lambda: [*kept, ("A new sentence.", "guide.j2")])
    after = {one.id: one.string for one in read_po(io.BytesIO(catalogues.brought_up_to_date("de", before)))}
    assert after["A new sentence."] == ""
    assert "Troubleshooting" not in after
    assert after["you"] == "Sie"


def test_a_missing_translation_is_an_error_with_a_remedy() -> None:
    with pytest.raises(ExchangeError, match=r"language = 'fr'.*no translation of 'Nobody said this\.'.*fr\.po"):
        catalogue("fr")("Nobody said this.")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("language", NAMES)
def test_every_pack_can_be_made_and_says_its_language(language: str, case: str) -> None:
    one = subject(**CASES[case], language=language)
    files = texts(one)
    page = Page(files["guide.html"])
    assert dict(page.elements)["html"] == (("lang", language),)
    assert f'"language": "{language}"' in files["pack.json"]
    english = texts(dataclasses.replace(one, customer=dataclasses.replace(one.customer, language="en")))
    # The same elements in the same order, whatever the words are
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in Page(english["guide.html"]).elements]
    assert len(files["guide.md"].split("\n")) == len(english["guide.md"].split("\n"))
    for path in files:
        if path.startswith(("rules/", "provider/")):
            assert files[path] == english[path], "rules stay as they are"


# Words that no other language has: found in a translated file, an English sentence went through
_ENGLISH = re.compile(r"\b(?:the|your|which|cannot|should|whole|through)\b")
_NAMES = re.compile(r"“[^”]*”|„[^“]*“|«[^»]*»|`[^`]*`|\"[^\"]*\"")


@pytest.mark.parametrize("language", OTHERS)
def test_no_english_is_left_in_what_people_read(language: str) -> None:
    one = subject(language=language, shares=())
    first = pack(one)
    moved = dataclasses.replace(one, service=dataclasses.replace(one.service, passive=(51000, 51099), fqdn="b.example"))
    files = pack(moved, previous=first, deadline="2027-03-01").files
    for path in ("guide.md", "CHANGES.md"):
        text = _NAMES.sub("", re.sub(r"```.*?```", "", files[path].decode(), flags=re.DOTALL))
        assert _ENGLISH.findall(text) == [], path
    for path in ("clients/lftp.conf", "clients/curl.conf", "clients/winscp-transfer.txt", "clients/programs/ftps.py"):
        comments = re.findall(r"^# (.*)$", files[path].decode(), re.M)
        assert comments
        assert [line for line in comments if _ENGLISH.search(line)] == [], path
    helped = files["selftest.sh"].decode().partition("set -u")[0]
    assert _ENGLISH.findall(helped) == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_firewall_is_named_in_every_language(language: str) -> None:
    for name in REGISTRY:
        assert REGISTRY[name].title in texts(subject(language=language, firewall=name))["guide.md"]


@pytest.mark.parametrize("language", OTHERS)
def test_the_shell_scripts_are_scripts_in_every_language(language: str, tmp_path: Path) -> None:
    files = texts(subject(service={"fqdn": "no-such-name.invalid", "tls_session_tickets": True}, language=language))
    (tmp_path / "ca.pem").write_text("", encoding="utf-8")
    for path in ("selftest.sh", "clients/upload.sh", "clients/programs/ftps-rclone.sh"):
        script = tmp_path / path.replace("/", "-")
        script.write_text(files[path], encoding="utf-8")
        subprocess.run(["/bin/sh", "-n", script], check=True)
        assert not re.search(r"(?<!\w)_'|#_:|\b_: ", files[path]), "a mark was left"
    done = subprocess.run(
        ["/bin/sh", tmp_path / "selftest.sh", "--no-login"], check=False, capture_output=True, text=True
    )
    say = catalogue(language)
    assert (done.returncode, done.stderr) == (10, "")
    assert say.filled("no address for {fqdn}", fqdn="no-such-name.invalid") in done.stdout
    for text in ("Who fixes it:", "your side (network or workstation)"):
        assert say(text) in done.stdout


def test_the_powershell_scripts_are_scripts_in_every_language(powershell: PowerShell) -> None:
    """And say the same sentences: no quotation mark of a language ends a string."""
    for language in NAMES:
        files = texts(subject(language=language))
        for path in ("selftest.ps1", "clients/transfer.ps1"):
            assert files[path].startswith("\ufeff"), "Windows PowerShell would read it in the old code page"
            text = files[path].removeprefix("\ufeff")
            assert not re.search(r"(?<!\w)_'|\b_: ", text), "a mark was left"
            assert powershell.script(PROBLEMS, text) == [], (language, path)
    said = powershell.script(
        "$seen = 'x'; $address = 'y'; Write-Output " + powershell_string("{address}: „a“ `b` $c {seen}")
    )
    assert said == ["y: „a“ `b` $c x"]


PROBLEMS = r"""
param($text)
$tokens = $null
$problems = $null
[void] [Management.Automation.Language.Parser]::ParseInput($text, [ref] $tokens, [ref] $problems)
$problems | ForEach-Object { "$($_.Extent.StartLineNumber): $($_.Message)" }
"""


def test_another_language_changes_only_what_people_read() -> None:
    english, dutch = (pack(subject(language=language), choice=Choice((), ())) for language in ("en", "nl"))
    assert english.version != dutch.version
    same = {path for path in english.files if english.files[path] == dutch.files.get(path)}
    assert same >= {"ca.pem", "rules/firewall.csv", "rules/firewall.md", "clients/filezilla.xml", "clients/winscp.ini"}


def test_nobody_has_anything_to_do_for_another_language() -> None:
    first = pack(subject())
    then = pack(subject(language="es"), previous=first, deadline="2027-03-01")
    assert not then.new_change
    text = then.files["CHANGES.md"].decode()
    assert "| Idioma de este paquete | English | Español |" in text
    assert "2027" not in text
    assert "No tiene que hacer nada." in text


def test_a_pack_has_the_date_of_the_day_on_which_it_said_something_new() -> None:
    def made(one: Subject, day: int, previous: Any = None) -> Any:
        return pack(one, previous=previous, today=datetime.date(2026, 12, day))

    first = made(subject(), 1)
    again = made(subject(), 9, first)
    assert again.files == first.files
    assert "Pack of 2026-12-01, version" in first.files["guide.md"].decode()
    assert first.version[:12] in first.files["guide.html"].decode()
    other = made(subject(implicit_tls=True, language="nl"), 9, first)
    assert "Pakket van 2026-12-09, versie" in other.files["guide.md"].decode()
    assert not any("\ue000" in data.decode() for data in other.files.values())
