"""From an inventory to the description of a target: real ansible-inventory, real files, one clear message."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ftps_exchange.errors import ExchangeError
from scripts import verify_target

INVENTORY = """
all:
  vars:
    verify_target:
      fqdn: ftp.example
      public_ip: 203.0.113.10
      explicit_port: 21
      customers: [{name: acme, accounts: [{name: acme-up}]}]
  children:
    vantage_points:
      hosts:
        pc1: {verify_as: acme}
"""


@pytest.fixture(autouse=True)
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible's programs are beside the Python that runs the tests."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PASSWORDS", raising=False)
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    return tmp_path / "hosts.yml"


def passwords(folder: Path, text: str, mode: int = 0o600) -> str:
    file = folder / "passwords.txt"
    file.write_text(text)
    file.chmod(mode)
    return str(file)


def test_the_description_is_for_its_owner_alone(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PASSWORDS", passwords(tmp_path, "acme-up: some-secret"))
    target = tmp_path / "target.json"
    assert verify_target.main([str(inventory), str(target)]) == 0
    assert target.stat().st_mode & 0o777 == 0o600
    described = json.loads(target.read_text())
    assert described["customers"][0]["accounts"][0]["password"] == "some-secret"
    assert described["customers"][0]["host"]["connection"] == "ssh"


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("acme-up: some-secret", 0o640, "can be read by others"),
        ("acme-up: [some-secret", 0o600, "is not YAML"),
        ("- some-secret", 0o600, "is not a mapping"),
        ("acme-up: 12345", 0o600, "has no password"),
    ],
)
def test_passwords_are_refused_without_showing_them(
    inventory: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    mode: int,
    said: str,
) -> None:
    monkeypatch.setenv("PASSWORDS", passwords(tmp_path, text, mode))
    assert verify_target.main([str(inventory), str(tmp_path / "target.json")]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert len(message.splitlines()) == 1
    assert "some-secret" not in message
    assert "12345" not in message
    assert not (tmp_path / "target.json").exists()


def test_an_encrypted_file_is_decrypted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("the vault's own")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / "key"))
    file = passwords(tmp_path, "acme-up: some-secret", 0o644)
    subprocess.run(["ansible-vault", "encrypt", file], check=True, capture_output=True)
    assert verify_target.read_passwords(Path(file)) == {"acme-up": "some-secret"}
    (tmp_path / "key").write_text("another")
    with pytest.raises(ExchangeError, match="cannot be decrypted"):
        verify_target.read_passwords(Path(file))


@pytest.mark.parametrize("broken", ["no such file", "nobody named", "model"])
def test_a_wrong_inventory_is_told_in_one_message(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PASSWORDS", raising=False)
    file = tmp_path / "hosts.yml"
    if broken == "nobody named":
        file.write_text("all: {}\n")
    if broken == "model":
        file.write_text("all: {vars: {exchange: {name: x}}, children: {edges: {hosts: {e1: {}}}}}\n")
        (tmp_path / "customers").mkdir()
    assert verify_target.main([str(file), str(tmp_path / "target.json")]) == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    assert {"no such file": "does not exist", "nobody named": "names no host", "model": "exchange"}[broken] in message


def test_the_command_says_what_it_cannot_do(tmp_path: Path) -> None:
    """0 and 1 are for what was checked; everything that keeps it from beginning is 2."""
    command = [str(Path(verify_target.__file__).with_name("verify"))]
    environment = os.environ | {"INVENTORY": str(tmp_path / "none"), "REPORTS": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "does not exist" in done.stderr) == (2, True)
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    environment |= {"INVENTORY": str(tmp_path / "hosts.yml"), "RISK": "unheard-of"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "there is no risk" in done.stderr) == (2, True), done.stdout + done.stderr
