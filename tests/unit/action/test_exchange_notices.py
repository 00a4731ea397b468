"""exchange_notices: mails that a real SMTP server receives, the memory of them, and what happens when it refuses."""

from __future__ import annotations

import datetime
import email
import email.message
import email.policy
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from ansible_collections.ftps.exchange.plugins.action import exchange_notices
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.actions import run_action
from tests.unit.ftps_exchange.model_inputs import TODAY, Inventory
from tests.unit.ftps_exchange.test_status import activity, made, results

PASSWORD = "not-a-real-password"


class Relay:
    """What a real SMTP server received, and whom it refuses."""

    def __init__(self) -> None:
        self.received: list[tuple[list[str], email.message.EmailMessage]] = []
        self.refused: set[str] = set()
        self.logins: list[str] = []
        self.encrypted: list[bool] = []
        self.lock = threading.Lock()

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = (envelope.original_content or b"").replace(b"\r\n", b"\n")
        made_of = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(made_of, email.message.EmailMessage)
        with self.lock:
            self.received.append((list(envelope.rcpt_tos), made_of))
            self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        right = data == LoginPassword(b"exchange", PASSWORD.encode())
        self.logins.append("right" if right else "wrong")
        # Not handled: the server answers a wrong one itself
        return AuthResult(success=right, handled=False)


@pytest.fixture
def relay() -> Relay:
    return Relay()


def free_port() -> int:
    """A port on which nothing listens; the controller connects to its own port, so it must know it before."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def open_relay(relay: Relay) -> Iterator[int]:
    """A relay without TLS, as on many internal networks; returns its port."""
    controller = Controller(relay, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield controller.port
    controller.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of the relay, self-signed for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "relay")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("relay") / "relay.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def guarded_relay(relay: Relay, certificate: Path) -> Iterator[int]:
    """A relay that takes mail only over TLS and after a login; returns its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    controller = Controller(
        relay,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        authenticator=relay.authenticate,
        auth_required=True,
    )
    controller.start()
    yield controller.port
    controller.stop()


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    made_of = Inventory(tmp_path)
    for customer in (made_of.acme, made_of.globex):
        customer["accounts"][0]["expires"] = "2026-12-07"
    return made_of


def run(inventory: Inventory, port: int = 0, check_mode: bool = False, **arguments: Any) -> dict[str, Any]:
    found = results(servers={"ftps1": activity(certificate={"ends": "2026-12-05T00:00:00Z"})})
    wanted = {
        "model": json.dumps(inventory.check(TODAY)),
        "status": made(inventory, found),
        "notices_dir": str(inventory.directory / "notices"),
        "operators": ["ops@exchange.example", "night@exchange.example"],
        "contact": {"name": "Desk", "email": "desk@exchange.example"},
        "idle_days": 0,
        "sender": "ftps@exchange.example",
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_security": "none",
        **arguments,
    }
    return run_action(exchange_notices.ActionModule, wanted, check_mode=check_mode)


def test_the_relay_receives_one_mail_for_each_contact_and_the_next_run_sends_nothing(
    inventory: Inventory, relay: Relay, open_relay: int
) -> None:
    inventory.acme["language"] = "fr"
    inventory.acme["contact"] = {"name": "Zoé", "email": "zoe@acme.example"}
    first = run(inventory, open_relay)
    assert first["changed"], first
    (to_operators, operators), (to_customer, customer) = relay.received
    assert to_operators == ["ops@exchange.example", "night@exchange.example"]
    assert operators["Subject"] == "ftps.exchange.example: 3 notices"
    text = operators.get_content()
    assert "- ftps1: the certificate ends on 2026-12-05 (in 4 days)." in text
    assert "- acme: acme-up expires after 2026-12-07 (in 7 days)." in text
    assert "no contact.email: globex." in text
    assert to_customer == ["zoe@acme.example"]
    assert customer["Subject"] == "Votre accès à ftps.exchange.example : à lire"
    assert (customer["From"], customer["Reply-To"]) == ("ftps@exchange.example", "desk@exchange.example")
    assert customer["Auto-Submitted"] == "auto-generated"
    assert customer.get_content().startswith("Bonjour Zoé,\n\nce message concerne votre accès")
    assert "Votre compte acme-up est valable jusqu\u2019au 2026-12-07" in customer.get_content()
    again = run(inventory, open_relay)
    assert (again["changed"], again["mails"], len(relay.received)) == (False, [], 2)
    assert len(again["notices"]) == 3, "they hold all the same"
    # A later stage of the certificate, and nothing else, is news
    third = run(inventory, open_relay, certificate_days=[30, 4])
    assert [(mail["to"], mail["notices"]) for mail in third["mails"]] == [
        (["ops@exchange.example", "night@exchange.example"], 1)
    ]


def test_a_dry_run_sends_and_remembers_nothing(inventory: Inventory, relay: Relay, open_relay: int) -> None:
    result = run(inventory, open_relay, check_mode=True)
    assert result["changed"]
    assert [mail["to"] for mail in result["mails"]][1] == ["jo@acme.example"]
    assert "  | Hello Jo Doe," in result["report"]
    assert relay.received == []
    assert not (inventory.directory / "notices").exists()
    assert run(inventory, open_relay)["changed"]
    assert len(relay.received) == 2


def test_without_a_relay_it_reports(inventory: Inventory) -> None:
    result = run(inventory, smtp_host="")
    assert not result.get("failed")
    assert result["changed"] is False
    assert any(line.startswith("Nothing is sent: set notices_smtp_host") for line in result["report"])
    prom = (inventory.directory / "notices" / "notices.prom").read_text()
    assert 'ftps_exchange_notices{kind="account"} 2\n' in prom
    assert "ftps_exchange_notices_unsent 0\n" in prom
    # It was not sent, so it is not remembered
    assert not (inventory.directory / "notices" / "sent-lab.json").exists()


def test_an_address_that_is_refused_keeps_nobody_else_s_mail_back(
    inventory: Inventory, relay: Relay, open_relay: int
) -> None:
    relay.refused = {"jo@acme.example", "night@exchange.example"}
    result = run(inventory, open_relay)
    assert result["failed"]
    assert result["msg"].splitlines() == [
        "mail to night@exchange.example: 550 5.1.1 no such mailbox",
        "mail to jo@acme.example: 550 5.1.1 no such mailbox",
        "1 of 2 mails were sent. The next run sends the others.",
    ]
    assert [to for to, _ in relay.received] == [["ops@exchange.example"]]
    assert "ftps_exchange_notices_unsent 1\n" in (inventory.directory / "notices" / "notices.prom").read_text()
    relay.refused = set()
    assert run(inventory, open_relay)["changed"]
    assert [to for to, _ in relay.received[1:]] == [["jo@acme.example"]], "the operators' mail is not sent twice"


def test_a_relay_that_is_away_loses_nothing(inventory: Inventory, relay: Relay, open_relay: int) -> None:
    result = run(inventory, 1)
    assert result["failed"]
    assert "notices_smtp_host = '127.0.0.1:1': does not take mail: " in result["msg"]
    assert "0 of 2 mails were sent." in result["msg"]
    prom = (inventory.directory / "notices" / "notices.prom").read_text()
    assert "ftps_exchange_notices_unsent 2\n" in prom
    assert 'ftps_exchange_notices{kind="account"} 2\n' in prom
    run(inventory, open_relay)
    assert len(relay.received) == 2


def test_packs_that_cannot_be_made_are_reported_and_nothing_is_forgotten(
    inventory: Inventory, relay: Relay, open_relay: int
) -> None:
    run(inventory, open_relay, outdated_packs=["acme"])
    memory = inventory.directory / "notices" / "sent-lab.json"
    known = memory.read_text()
    result = run(inventory, open_relay, packs_problem="customers/acme.yml: no CA file\nOrigin: a playbook")
    assert result["missing"] == ["packs: customers/acme.yml: no CA file"]
    assert memory.read_text() == known, "the notice about the pack would be sent twice"
    assert run(inventory, open_relay)["missing"] == []
    assert memory.read_text() != known, "a complete look forgets what no longer holds"


def test_a_login_over_tls_and_never_without(
    inventory: Inventory, relay: Relay, guarded_relay: int, certificate: Path
) -> None:
    login: dict[str, Any] = {"smtp_username": "exchange", "smtp_password": PASSWORD}
    refused = run(inventory, guarded_relay, **login)
    assert "would send the password in clear text. Use starttls or tls" in refused["msg"]
    refused = run(inventory, guarded_relay, **login, smtp_security="starttls")
    assert "certificate verify failed" in refused["msg"], "a relay that anybody may pretend to be"
    tls: dict[str, Any] = {"smtp_security": "starttls", "smtp_ca_file": str(certificate)}
    refused = run(inventory, guarded_relay, **{**login, "smtp_password": "wrong"}, **tls)
    assert "does not take mail: 535" in refused["msg"]
    assert PASSWORD not in json.dumps(refused)
    assert run(inventory, guarded_relay, **login, **tls)["changed"]
    # smtplib tries each mechanism with the wrong one
    assert (set(relay.logins[:-1]), relay.logins[-1], relay.encrypted) == ({"wrong"}, "right", [True, True])


def test_files_are_for_owner_and_group_and_a_damaged_memory_stops(
    inventory: Inventory, relay: Relay, open_relay: int
) -> None:
    run(inventory, open_relay)
    folder = inventory.directory / "notices"
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {".lock": 0o640, "sent-lab.json": 0o640, "notices.prom": 0o644}
    (folder / "sent-lab.json").write_text("{")
    assert "is damaged, so what was sent already is not known" in run(inventory, open_relay)["msg"]
    assert len(relay.received) == 2


def test_a_kind_that_customers_cannot_get_is_refused(inventory: Inventory) -> None:
    result = run(inventory, to_customers=["certificate"])
    assert "value of to_customers must be one or more of: account, password, quota, idle" in result["msg"]
