"""The parts of the lab's domain controller that need no Samba."""

from __future__ import annotations

import datetime

from ansible_collections.ftps.exchange.plugins.modules import lab_domain_controller as controller
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import verification

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def test_certificate_stands_up_to_a_strict_verifier() -> None:
    files = controller.make_certificates("dc1.corp.example", "corp.example", NOW)
    authority = x509.load_pem_x509_certificate(files["ca.pem"])
    leaf = x509.load_pem_x509_certificate(files["cert.pem"])
    key = serialization.load_pem_private_key(files["key.pem"], None)
    assert key.public_key() == leaf.public_key()
    for name in ("dc1.corp.example", "corp.example"):
        verifier = (
            verification.PolicyBuilder()
            .store(verification.Store([authority]))
            .time(NOW + datetime.timedelta(days=3000))
            .build_server_verifier(x509.DNSName(name))
        )
        assert verifier.verify(leaf, []) == [leaf, authority]


def test_provisioning_takes_no_password_on_the_command_line() -> None:
    options = {
        "domain": "corp.example",
        "netbios_name": "CORP",
        "ip4": "10.0.0.2",
        "ip6": None,
        "admin_password": "Lab-1secret",
    }
    command = controller.provision_command(options, "dc1")
    assert "--realm=CORP.EXAMPLE" in command
    assert not [word for word in command if "secret" in word or "pass" in word or "host-ip6" in word]
    assert "--host-ip6=fd00::2" in controller.provision_command({**options, "ip6": "fd00::2"}, "dc1")


def test_the_forwarder_to_itself_goes() -> None:
    configuration = "[global]\n\tdns forwarder = 10.0.0.2\n\trealm = CORP.EXAMPLE\n"
    assert controller.without_forwarder(configuration) == "[global]\n\trealm = CORP.EXAMPLE\n"
