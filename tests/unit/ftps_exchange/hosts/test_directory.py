"""What the directory answered, and what a person reads."""

from __future__ import annotations

from typing import Any

import pytest

from ftps_exchange.hosts import Finding, directory_findings

ASKED = {
    "bind_dn": "svc@corp.example",
    "join_user": "svc-join@corp.example",
    "ou": "OU=Exchange,DC=corp,DC=example",
}
URI = "ldaps://dc1.corp.example"
FACTS: dict[str, Any] = {
    "servers": [{"uri": URI, "kind": "", "detail": ""}],
    "bind": {"code": 0, "reason": ""},
    "join": {"code": 0, "reason": ""},
    "ou": {"found": ASKED["ou"], "exists": True, "may_create": ["group", "organizationalunit", "user"]},
}


def found(**changes: Any) -> list[Finding]:
    return [one for one in directory_findings(FACTS | changes, "localhost", ASKED) if one.state != "good"]


def test_a_good_directory_has_good_findings_alone() -> None:
    findings = directory_findings(FACTS, "localhost", ASKED)
    assert {finding.state for finding in findings} == {"good"}
    assert [finding.what for finding in findings] == ["LDAPS", "bind account", "OU", "join account"]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("name_unknown", "does not resolve"),
        ("refused", "refuses connections"),
        ("silent", "does not answer"),
        ("ca", "not from the CA in directory_ca_file"),
        ("ca_file", "directory_ca_file holds no certificate"),
        ("name", "is for another name"),
        ("dates", "is not valid now"),
        ("tls", "does not speak TLS"),
        ("strange", "sends"),
    ],
)
def test_a_server_that_cannot_be_asked(kind: str, message: str) -> None:
    server = {"uri": URI, "kind": kind, "detail": "in other words"}
    (finding,) = directory_findings({"servers": [server]}, "localhost", ASKED)
    assert (finding.what, finding.state) == ("LDAPS", "problem")
    assert message in finding.found
    assert "in other words" in finding.found or kind == "refused"
    assert finding.remedy
    # Where another one answers, nothing stops
    (note,) = found(servers=[server, *FACTS["servers"]])
    assert note.state == "note"


def test_accounts_that_the_directory_refuses() -> None:
    (bind,) = found(bind={"code": 49, "reason": "its password has expired"}, ou=None)
    assert bind.found == "the directory refuses svc@corp.example: its password has expired."
    assert "directory_bind_password" in bind.remedy
    (join,) = found(join={"code": 49, "reason": "the account is disabled"})
    assert join.found == "the directory refuses svc-join@corp.example: the account is disabled."
    assert "domain_member_join_password" in join.remedy


@pytest.mark.parametrize(
    ("ou", "message", "remedy"),
    [
        (
            {"found": ASKED["ou"], "exists": True, "may_create": ["group"]},
            "svc@corp.example may not create user, organizationalunit in OU=Exchange,DC=corp,DC=example.",
            "full control",
        ),
        (
            {"found": "DC=corp,DC=example", "exists": False, "may_create": []},
            "may not create organizationalunit in DC=corp,DC=example, where OU=Exchange,DC=corp,DC=example has to be",
            "administrator create the OU",
        ),
        ({"found": "", "exists": False, "may_create": []}, "nothing above OU=", "exchange.directory.managed_ou"),
    ],
)  # fmt: skip
def test_an_account_without_the_rights_that_it_needs(ou: dict[str, Any], message: str, remedy: str) -> None:
    (finding,) = found(ou=ou)
    assert message in finding.found
    assert remedy in finding.remedy


def test_an_ou_that_will_be_made_is_good() -> None:
    assert found(ou={"found": "DC=corp,DC=example", "exists": False, "may_create": ["organizationalunit"]}) == []
