"""The programs and profiles for those who send files: what is filled in, and that a broken upload replaces nothing."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ftps_exchange.model.view import Account, read_model
from ftps_exchange.packs import build, pack_service
from ftps_exchange.packs.programs import PROGRAMS, programs, programs_for
from ftps_exchange.packs.scripts import fixed
from ftps_exchange.packs.subject import Offer, Subject
from tests.unit.ftps_exchange.packs_folder import subject, texts
from tests.unit.ftps_exchange.test_packs_model import ACME, model

NEWER_TLS = {"tls_minimum_version": "1.2", "tls_maximum_version": "1.3"}
TICKETS = {"tls_session_tickets": True}
ONLY_TLS_1_3 = {"tls_minimum_version": "1.3", "tls_maximum_version": "1.3"}


def test_a_program_knows_the_service_and_the_account() -> None:
    for program in PROGRAMS:
        text = programs(subject(service=TICKETS))[program.path]
        for fact in ("ftps.exchange.example", "acme-up", "ca.pem", "990", ".part", "FTPS_PASSWORD"):
            assert fact in text, f"{program.file}: {fact}"
        assert not re.search(r"@[A-Z_]+@", text), program.file


def test_every_program_of_the_folder_is_handed_out() -> None:
    folder = Path(build.__file__).parent / "files" / "snippets"
    assert {path.name for path in folder.iterdir() if path.is_file()} == {one.file for one in PROGRAMS}


def test_with_a_public_ca_programs_trust_the_system() -> None:
    for path, text in programs(subject(Offer())).items():
        assert "ca.pem" not in text, path


def test_what_could_end_a_string_never_gets_into_a_program() -> None:
    one = subject()
    hostile = dataclasses.replace(one.customer, accounts=(Account('x"; reboot', "write", None, True),))
    with pytest.raises(ValueError, match="may not stand in a program"):
        programs(dataclasses.replace(one, customer=hostile))


def test_the_program_in_python_is_one_and_checks_its_call(tmp_path: Path) -> None:
    script = tmp_path / "ftps.py"
    script.write_text(programs(subject())["clients/programs/ftps.py"], encoding="utf-8")
    for call in ([], ["put"], ["list", "x"], ["drop", "x"]):
        done = subprocess.run([sys.executable, script, *call], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "usage:" in done.stderr
    compile(script.read_text(encoding="utf-8"), "ftps.py", "exec")


@pytest.mark.parametrize("path", ["clients/upload.sh", "clients/programs/ftps-rclone.sh"])
def test_shell_programs_are_ones_and_check_their_call(path: str, tmp_path: Path) -> None:
    script = tmp_path / "x.sh"
    script.write_text(texts(subject(service=TICKETS))[path], encoding="utf-8")
    subprocess.run(["/bin/sh", "-n", script], check=True, capture_output=True)
    done = subprocess.run(["/bin/sh", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr


CURL = """#!/bin/sh
# Notes its call and what came in as configuration; fails for a name that says so
for word in "$@"; do printf '%s\\n' "$word" >>"$NOTES"; done
cat >>"$NOTES"
case "$*" in *broken*) exit 25 ;; esac
"""


def upload(one: Subject, folder: Path, *call: str) -> tuple[int, list[str]]:
    """What upload.sh gives to curl, one argument a line, and how it ends."""
    for path, text in texts(one).items():
        if path.startswith("clients/") and "/programs/" not in path:
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    curl = folder / "bin" / "curl"
    curl.parent.mkdir(exist_ok=True)
    curl.write_text(CURL, encoding="utf-8")
    curl.chmod(0o755)
    notes = folder / "notes"
    notes.unlink(missing_ok=True)
    done = subprocess.run(
        ["/bin/sh", "clients/upload.sh", *call], cwd=folder, capture_output=True, check=False,
        env={"PATH": f"{curl.parent}:/usr/bin:/bin", "NOTES": str(notes), "FTPS_PASSWORD": 'se"cr\\et'},
    )  # fmt: skip
    return done.returncode, notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []


def test_curl_sends_under_another_name_and_renames(tmp_path: Path) -> None:
    (tmp_path / "a b%ü.csv").write_text("x", encoding="utf-8")
    code, said = upload(subject(), tmp_path, "--folder", "/shared/my maps/", "a b%ü.csv")
    assert code == 0
    assert "ftp://ftps.exchange.example:21/%73%68%61%72%65%64/%6d%79%20%6d%61%70%73/" in said[-2]
    assert said[-2].endswith("/%61%20%62%25%c3%bc%2e%63%73%76%2e%70%61%72%74")
    assert [said[at + 1] for at, word in enumerate(said) if word == "-Q"] == [
        "-RNFR a b%ü.csv.part",
        "-RNTO a b%ü.csv",
    ]
    assert said[-1] == 'user = "acme-up:se\\"cr\\\\et"', "the password comes in where no process list shows it"
    assert "-C" not in said, "what is there may be the beginning of another file"
    assert "-C" in upload(subject(), tmp_path, "--resume", "a b%ü.csv")[1]


def test_curl_stops_at_the_first_file_that_fails_and_says_so(tmp_path: Path) -> None:
    for name in ("one", "broken", "three"):
        (tmp_path / name).write_text("x", encoding="utf-8")
    code, said = upload(subject(), tmp_path, "one", "broken", "three")
    assert code == 25
    assert "-RNTO one" in said
    assert "-RNTO three" not in said


def test_profiles_upload_under_another_name() -> None:
    files = texts(subject())
    assert 'set xfer:temp-file-name "*.part"' in files["clients/lftp.conf"]
    assert "set xfer:use-temp-file true" in files["clients/lftp.conf"]
    script = files["clients/winscp-transfer.txt"].splitlines()
    assert script.index("option batch abort") > script.index("open acme-up@ftps.exchange.example")
    assert script.index("# mv /report.csv.part /report.csv") > script.index("option batch abort")
    assert '"-RNTO $name"' in files["clients/transfer.ps1"]


@pytest.mark.parametrize(
    ("versions", "newest", "several"), [({}, "1.2", "yes"), (NEWER_TLS, "1.2", "yes"), (ONLY_TLS_1_3, "", "no")]
)
def test_curl_speaks_the_tls_with_which_it_loses_nothing(versions: dict[str, str], newest: str, several: str) -> None:
    files = texts(subject(service=versions))
    profile = files["clients/curl.conf"].splitlines()
    assert "fail-early" in profile
    assert [line for line in profile if line.startswith("tls-max")] == ([f'tls-max = "{newest}"'] if newest else [])
    assert f"tls_max={newest or "''"}\n" in files["selftest.sh"]
    assert f"several_in_one_call={several}\n" in files["selftest.sh"]
    for path in ("selftest.ps1", "clients/transfer.ps1"):
        assert f"$tlsMax = '{newest}'\r\n" in files[path]


def test_the_versions_of_tls_come_from_the_model() -> None:
    service = pack_service(read_model(model(ACME, **ONLY_TLS_1_3)).exchange)
    assert (service.tls_minimum_version, service.tls_maximum_version) == ("1.3", "1.3")


def test_with_tls_1_3_only_no_program_is_handed_out_that_loses_files() -> None:
    named = {one.file for one in PROGRAMS if one.tls_1_3}
    files = texts(subject(service=ONLY_TLS_1_3))
    assert {path.rpartition("/")[2] for path in files if path.startswith("clients/programs/")} == named
    assert "TLS 1.3 only" in files["guide.md"]
    assert "Ftps.java" not in files["guide.md"]
    for program in PROGRAMS:
        if not program.tls_1_3:
            assert re.search(r"TLSv?_?1_?\.?2", fixed(f"snippets/{program.file}")), f"{program.file} may choose 1.3"


@pytest.mark.parametrize(
    ("service", "offer", "served"),
    [
        ({}, None, False),
        (TICKETS, None, True),
        (NEWER_TLS, None, True),
        (ONLY_TLS_1_3, None, True),
        ({}, Offer(iis=True), True),
    ],
)
def test_programs_in_go_are_handed_out_where_they_can_work(
    service: dict[str, Any], offer: Offer | None, served: bool
) -> None:
    one = subject(service=service) if offer is None else subject(offer, service=service)
    files = {program.file for program in programs_for(one)}
    assert ("ftps-rclone.sh" in files) is served
    assert ("ftps.go" in files) is (served and service != ONLY_TLS_1_3)
    assert {"ftps.py", "ftps.mjs"} <= files
    assert ("Programs written in Go, such as rclone, cannot be used" in texts(one)["guide.md"]) is not served


def test_another_program_makes_other_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes a program gets new packs, though no customer changed."""
    before = build.program()
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"x" if path.name == "ftps.rb" else b""))
    assert build.program.__wrapped__() != before
