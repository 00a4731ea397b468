"""What the role acme_certificate computes from what the CA's answers look like."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.template import trust_as_template

from tests.unit.roles.rendering import role_variables

# As community.crypto.acme_certificate_order_create returns it
CHALLENGES = {
    "http-01": {"resource": ".well-known/acme-challenge/token-1", "resource_value": "token-1.print"},
    "dns-01": {"record": "_acme-challenge.ftps.exchange.example", "resource_value": "digest"},
}
ORDER: dict[str, Any] = {
    "challenge_data": [{"identifier": "ftps.exchange.example", "identifier_type": "dns", "challenges": CHALLENGES}],
    "challenge_data_dns": {"_acme-challenge.ftps.exchange.example": ["digest"]},
}


def value(name: str, **given: Any) -> Any:
    return role_variables("acme_certificate", given).template(trust_as_template(f"{{{{ {name} }}}}"))


def test_the_answers_over_http_are_by_path() -> None:
    answers = value("__acme_certificate_http_answers", __acme_certificate_order=ORDER)
    assert answers == {".well-known/acme-challenge/token-1": "token-1.print"}


@pytest.mark.parametrize(
    "order",
    [
        # The CA remembers an earlier proof
        {"challenge_data": [], "challenge_data_dns": {}},
        # It offers no proof over HTTP: the next step reports that
        {"challenge_data": [{"identifier": "x", "challenges": {"dns-01": CHALLENGES["dns-01"]}}]},
    ],
)
def test_without_a_challenge_no_port_opens(order: dict[str, Any]) -> None:
    assert value("__acme_certificate_http_answers", __acme_certificate_order=order) == {}


def test_the_account_has_its_key_from_the_vault_or_from_a_file() -> None:
    server = {"acme_certificate_url": "https://acme.example.com/directory"}
    in_a_file = value("__acme_certificate_account", **server)
    assert in_a_file["account_key_src"] == "~/.config/ftps-exchange/acme-account.pem"
    assert "account_key_content" not in in_a_file
    in_the_vault = value("__acme_certificate_account", acme_certificate_account_key="a key", **server)
    assert in_the_vault["account_key_content"] == "a key"
    assert "account_key_src" not in in_the_vault


def test_a_private_ca_counts_for_the_calls_to_its_server() -> None:
    assert value("__acme_certificate_environment") == {}
    given = {"acme_certificate_server_ca_file": "/etc/pki/acme.pem"}
    assert value("__acme_certificate_environment", **given) == {"SSL_CERT_FILE": "/etc/pki/acme.pem"}


@pytest.mark.parametrize("challenge", ["http-01", "dns-01"])
def test_each_challenge_has_a_remedy(challenge: str) -> None:
    given = {"acme_certificate_fqdn": "ftps.exchange.example", "acme_certificate_dns_tasks": "dns.yml"}
    assert "ftps.exchange.example" in value("__acme_certificate_remedies", **given)[challenge]
