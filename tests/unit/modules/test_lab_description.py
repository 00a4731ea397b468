"""lab.json: what tools outside read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.ftps.exchange.plugins.module_utils.files import replace_file
from ansible_collections.ftps.exchange.plugins.modules import lab_description as description

MODEL: dict[str, Any] = {
    "exchange": {
        "fqdn": "ftps.exchange.example",
        "public_ip4": "198.51.100.10",
        "public_ip6": None,
        "explicit_port": 21,
        "implicit_port": 990,
        "passive_ports": [50000, 50099],
        "tls_minimum_version": "1.2",
        "tls_maximum_version": "1.3",
    },
    "customers": [
        {
            "name": "acme",
            "state": "present",
            "accounts": [
                {"name": "acme-read", "access": "read", "enabled": True},
                {"name": "acme-old", "access": "write", "enabled": False},
                {"name": "acme-up", "access": "write", "enabled": True},
            ],
            "shares": [{"name": "maps", "access": "read"}],
        },
        {"name": "hooli", "state": "absent", "accounts": [], "shares": []},
        {
            "name": "initech",
            "state": "suspended",
            "accounts": [{"name": "initech-up", "access": "write", "enabled": False}],
            "shares": [],
        },
        {
            "name": "umbrella",
            "state": "present",
            "accounts": [{"name": "umbrella-up", "access": "write", "enabled": True}],
            "shares": [],
        },
    ],
}
PASSWORDS = {"acme-read": "one", "acme-up": "two"}


def test_description() -> None:
    found, left_out = description.describe(MODEL, PASSWORDS, {"acme": "lab-acme"}, {"ca_file": "/ca.pem"})
    assert found == {
        "fqdn": "ftps.exchange.example",
        "public_ip": "198.51.100.10",
        "public_ip6": None,
        "explicit_port": 21,
        "implicit_port": 990,
        "passive_ports": [50000, 50099],
        "tls_minimum_version": "1.2",
        "tls_maximum_version": "1.3",
        "ca_file": "/ca.pem",
        "customers": [
            {
                "name": "acme",
                "container": "lab-acme",
                "accounts": [
                    {"name": "acme-up", "password": "two", "home": "/", "access": "write"},
                    {"name": "acme-read", "password": "one", "home": "/", "access": "read"},
                ],
                "shares": [{"path": "/shared/maps", "access": "read"}],
            }
        ],
    }
    assert left_out == ["umbrella"]


def test_a_missing_password_names_the_account_and_the_remedy() -> None:
    with pytest.raises(description.DescriptionError, match=r"of acme-up\. .*rotate_password\.yml -e account=acme-up"):
        description.describe(MODEL, {"acme-read": "one"}, {"acme": "lab-acme"}, {})


def test_all_lost_passwords_of_the_customers_in_the_lab_are_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder with the hand-over files was removed while the containers live."""
    containers = {"acme": "lab-acme", "umbrella": "lab-umbrella", "initech": "lab-initech"}
    arguments = {
        "path": str(tmp_path / "lab.json"),
        "model": MODEL,
        "handover_dir": str(tmp_path / "handover"),
        "customer_containers": containers,
        "lost_allowed": True,
    }
    with patch_module_args(arguments), pytest.raises(SystemExit):
        description.main()
    result = json.loads(capsys.readouterr().out)
    assert result["lost"] == [
        {"name": "acme-read", "customer": "acme"},
        {"name": "acme-up", "customer": "acme"},
        {"name": "umbrella-up", "customer": "umbrella"},
    ]
    assert not result["changed"]
    assert list(tmp_path.iterdir()) == []

    with patch_module_args({**arguments, "lost_allowed": False}), pytest.raises(SystemExit):
        description.main()
    assert "the password of acme-read, acme-up, umbrella-up" in json.loads(capsys.readouterr().out)["msg"]


def handover(**passwords: str) -> str:
    lines = [f'  "{name}": {{"customer": "acme", "password": "{word}"}}\n' for name, word in passwords.items()]
    return "---\nexchange: lab\naccounts:\n" + "".join(lines)


def test_the_newest_hand_over_file_counts_also_within_a_second() -> None:
    files = [
        ("2026-01-02T000000Z-02.yml", handover(a="third")),
        ("2026-01-02T000000Z.yml", handover(a="second", b="second")),
        ("2026-01-01T000000Z.yml", handover(a="first", b="first", c="first")),
    ]
    assert description.read_passwords(files) == {"a": "third", "b": "second", "c": "first"}


@pytest.mark.parametrize("text", ["accounts: [", "- a\n", "accounts:\n  a: {}\n", ""])
def test_a_broken_hand_over_file_is_named_without_what_is_in_it(text: str) -> None:
    with pytest.raises(description.DescriptionError, match=r"hand-over file x\.yml cannot be read"):
        description.read_passwords([("x.yml", text)])


def test_an_encrypted_hand_over_file_is_named() -> None:
    with pytest.raises(description.DescriptionError, match=r"x\.yml is encrypted"):
        description.read_passwords([("x.yml", "$ANSIBLE_VAULT;1.2;AES256;lab\n00")])


def test_a_file_that_others_may_read_is_not_current(tmp_path: Path) -> None:
    path = tmp_path / "lab.json"
    replace_file(path, "{}\n")
    assert description.is_current(path, "{}\n")
    assert not description.is_current(path, "{ }\n")
    path.chmod(0o644)
    assert not description.is_current(path, "{}\n")
