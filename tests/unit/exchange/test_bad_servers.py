"""`make verify` against servers that are set up badly: the report says so, and holds no password.

They are of another product, so this also shows that the checks assume nothing about it.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[3]
BAD_SERVER = Path(__file__).with_name("bad_server.py")

INVENTORY = """
all:
  vars:
    verify_target:
      name: partner
      fqdn: localhost
      public_ip: 127.0.0.1
      explicit_port: {port}
      passive_ports: [61000, 61049]
      customers:
        - name: acme
          accounts: [{{name: acme-up, access: write}}]
  children:
    vantage_points:
      hosts:
        localhost: {{ansible_connection: local, verify_as: acme}}
"""


@dataclass
class Verified:
    """One run of the checks."""

    status: int
    printed: str
    folder: Path
    password: str

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "verify.json").read_text())
        return found

    def outcome(self, check: str) -> set[str]:
        return {entry["outcome"] for entry in self.report["checks"] if entry["check"] == check}

    def answer(self, risk: str) -> str:
        return str(next(entry["answer"] for entry in self.report["answers"] if entry["risk"] == risk))


def verify(kind: str, folder: Path, **more: str) -> Verified:
    """Start the server, write an inventory for it, run the checks, stop the server."""
    password = "S3cret-" + secrets.token_hex(8)
    environment = os.environ | {"ACME_PASSWORD": password, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, str(BAD_SERVER), kind, str(folder)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout
            port = server.stdout.readline().strip()
            inventory = folder / "hosts.yml"
            inventory.write_text(INVENTORY.format(port=port))
            environment |= {"FTPS_EXCHANGE_PASSWORD_ACME_UP": password, "INVENTORY": str(inventory), "QUICK": "1"}
            environment |= {"REPORTS": str(folder / "reports"), **more}
            done = subprocess.run(
                [str(PROJECT / "scripts" / "verify")],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=240,
                check=False,
            )
        finally:
            server.kill()
    return Verified(done.returncode, done.stdout, folder / "reports", password)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Verified:
    return verify("plain", tmp_path_factory.mktemp("plain"), FULL="1")


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Verified:
    return verify("half", tmp_path_factory.mktemp("half"), FULL="1")


def test_a_server_without_tls_fails(plain: Verified) -> None:
    assert plain.status == 1, plain.printed
    assert plain.outcome("auth_tls_is_offered") == {"failed"}
    assert plain.outcome("user_before_tls_is_refused") == {"failed"}
    assert plain.answer("credentials-in-clear") == "no"
    assert plain.answer("data-in-clear") == "no"
    assert plain.answer("server-not-verified") == "no"


def test_what_a_missing_tls_hides_is_not_tested(plain: Verified) -> None:
    """Never a pass: without TLS there is no login, so nothing can be said of what comes after it."""
    for check in ("active_mode_is_refused", "login_works", "old_versions_are_refused", "ccc_is_refused"):
        assert "passed" not in plain.outcome(check), check
        assert "not tested" in plain.outcome(check), check
    assert plain.answer("server-connects") == "NOT TESTED"
    assert plain.answer("isolation") == "NOT TESTED"


def test_no_password_is_sent_in_clear(half: Verified, tmp_path: Path) -> None:
    """The server remembers what came. PASS before TLS is tried with a made-up password; the real one never leaves."""
    run = verify("plain", tmp_path, QUICK="", FULL="1", CHECK="pass_before_tls or login_works or in_clear")
    assert run.outcome("pass_before_tls_is_refused") == {"passed"}, run.printed
    assert received(run) == {("clear", "made-up-by-the-check")}
    ways = {how for how, password in received(half) if password == half.password}
    assert ways == {"TLS"}


def received(run: Verified) -> set[tuple[str, str]]:
    """How each password came that the server got."""
    lines = (run.folder.parent / "passwords").read_text().splitlines()
    return {(how, password) for how, _, password in (line.partition(" ") for line in lines)}


@pytest.mark.parametrize(
    "check",
    [
        "user_before_tls_is_refused",
        "nothing_sent_in_clear_is_carried_into_tls",
        "the_certificate_verifies",
        "the_certificate_lasts",
        "the_chain_is_complete_and_in_order",
        "the_certificate_is_made_for_this",
        "pasv_announces_the_public_address",
        "epsv_names_a_port_of_the_range",
        "active_mode_is_refused",
        "prot_c_is_refused",
        "data_in_clear_is_refused",
        "the_data_channel_resumes_the_session",
        "anonymous_is_refused",
        "the_greeting_names_no_product",
    ],
)
def test_each_wrong_setting_is_found(half: Verified, check: str) -> None:
    assert "failed" in half.outcome(check), half.printed
    assert half.status == 1


@pytest.mark.parametrize(
    "check", ["auth_tls_is_offered", "login_works", "a_file_goes_and_comes_back", "ccc_is_refused"]
)
def test_what_is_right_is_told_too(half: Verified, check: str) -> None:
    assert half.outcome(check) == {"passed"}, half.printed


def test_what_could_not_be_seen_from_one_host_is_not_tested(half: Verified) -> None:
    assert half.outcome("a_stranger_meets_silence") >= {"not tested"}
    assert half.outcome("data_from_another_address_is_refused") == {"not tested"}


def test_no_password_is_in_anything_that_is_written_or_printed(plain: Verified, half: Verified) -> None:
    for run in (plain, half):
        texts = [run.printed, *(file.read_text() for file in run.folder.iterdir())]
        assert len(texts) == 5
        secret = run.password.encode()
        encoded = [base64.b64encode(b"\0" * shift + secret)[4:-4].decode() for shift in range(3)]
        for form in (run.password, *encoded):
            assert not [text for text in texts if form in text]


def test_without_permission_no_password_goes_to_a_server_that_did_not_prove_who_it_is(tmp_path: Path) -> None:
    """As with real customers: FULL is not set. Nothing is written either, since no folder was agreed."""
    run = verify("half", tmp_path, CHECK="login_works or goes_and_comes_back or limited or the_certificate_verifies")
    assert run.status == 1, run.printed
    assert run.outcome("login_works") == {"not tested"}
    assert run.outcome("a_file_goes_and_comes_back") == {"not tested"}
    assert run.outcome("the_sessions_of_an_account_are_limited") == {"left out"}
    assert run.outcome("the_certificate_verifies") == {"failed", "does not apply"}
    assert not (tmp_path / "passwords").exists()


@pytest.mark.parametrize("wrong", [{"CHECK": "no_check_has_this_name"}, {"CUSTOMER": "nobody"}])
def test_a_run_without_any_check_leaves_the_last_report(tmp_path: Path, wrong: dict[str, str]) -> None:
    """A slip of the pen must not take away what the next run is compared with, nor make the metrics look fresh."""
    (tmp_path / "reports").mkdir()
    for name in ("verify.json", "verify.html", "verify.xml", "verify.prom"):
        (tmp_path / "reports" / name).write_text("the last one")
    run = verify("plain", tmp_path, **wrong)
    assert run.status == 2, run.printed
    assert {file.read_text() for file in run.folder.iterdir()} == {"the last one"}
