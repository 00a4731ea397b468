"""server_certificate: what it accepts, what it refuses, and that a refusal leaves the old file alone."""

from __future__ import annotations

import ipaddress
import json
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.ftps.exchange.plugins.module_utils import certificate
from ansible_collections.ftps.exchange.plugins.modules import server_certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(UTC)
NAME = "ftps.exchange.example"

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def pem(*certificates: x509.Certificate) -> str:
    return "".join(cert.public_bytes(serialization.Encoding.PEM).decode() for cert in certificates)


@dataclass
class Authority:
    """A CA that signs whatever it is asked to, even what it should not."""

    name: str
    parent: Authority | None = None
    days: int = 3650
    key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        signer = self.parent or self
        builder = signer.builder(self.subject, self.key.public_key(), -2, self.days)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
        )
        self.certificate = builder.sign(signer.key, hashes.SHA256())

    @property
    def subject(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])

    def builder(self, subject: x509.Name, key: Any, start: int, end: int) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + timedelta(days=start))
            .not_valid_after(NOW + timedelta(days=end, hours=1))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )

    def sign(
        self,
        key: Key,
        *names: str,
        start: int = -1,
        end: int = 100,
        signer: ec.EllipticCurvePrivateKey | None = None,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    ) -> x509.Certificate:
        names = names or (NAME,)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        builder = self.builder(subject, key.public_key(), start, end)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return builder.add_extension(alternatives(*names), critical=False).sign(signer or self.key, hashes.SHA256())


def alternatives(*names: str) -> x509.SubjectAlternativeName:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return x509.SubjectAlternativeName(found)


ROOT = Authority("Test root")
ISSUING = Authority("Test issuing", ROOT)


@dataclass
class Host:
    """A server's folder, and the module run on it the way Ansible runs it."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def path(self) -> Path:
        return self.folder / "tls" / "server.pem"

    @property
    def key_file(self) -> Path:
        return self.folder / "tls" / "server.key"

    @property
    def request_file(self) -> Path:
        return self.folder / "tls" / "server.csr"

    def give_key(self, key: Key | None = None) -> Key:
        key = key or new_key()
        self.key_file.parent.mkdir(exist_ok=True)
        self.key_file.write_text(key_pem(key))
        self.key_file.chmod(0o600)
        return key

    def ask(self, key: Key, *names: str) -> str:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        builder = builder.add_extension(alternatives(*(names or (NAME,))), critical=False)
        text = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
        self.request_file.write_text(text)
        return text

    def run(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        arguments = {
            "path": str(self.path),
            "key_file": str(self.key_file),
            "request_file": str(self.request_file),
            "dns_names": [NAME],
            "ca": pem(ROOT.certificate),
            "key_type": "ecc_p256",
            "renew_days": 30,
            **options,
            "_ansible_check_mode": check,
            "_ansible_diff": True,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            server_certificate.main()
        result: dict[str, Any] = json.loads(self.capsys.readouterr().out)
        return result

    def install(self, *certificates: x509.Certificate, **options: Any) -> dict[str, Any]:
        result = self.run(certificate=pem(*certificates), **options)
        assert not result.get("failed"), result
        return result


@pytest.fixture
def host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, capsys)


@pytest.fixture
def serving(host: Host) -> Host:
    """A host that already serves a good certificate."""
    key = host.give_key()
    host.install(ISSUING.sign(key, end=300), ISSUING.certificate)
    return host


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_nothing_there(host: Host) -> None:
    result = host.run()
    assert result["due"]
    assert not result["usable"]
    assert not result["changed"]
    assert result["reasons"] == ["there is no certificate yet"]
    assert mode(host.path.parent) == "0o700", "the key needs a folder of its own"


def test_check_mode_before_the_first_run_predicts_and_touches_nothing(host: Host) -> None:
    result = host.run(check=True)
    assert result["changed"]
    assert "there is no certificate yet" in result["diff"]["after"]
    assert list(host.folder.iterdir()) == []


def test_check_mode_before_the_packages_are_there(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_certificate, "CRYPTOGRAPHY_ERROR", "ImportError")
    assert host.run(check=True)["changed"]
    assert "cryptography" in host.run()["msg"]


def test_install_puts_everything_in_one_file_in_order(host: Host) -> None:
    key = host.give_key()
    leaf = ISSUING.sign(key)
    host.ask(key)
    result = host.install(ROOT.certificate, ISSUING.certificate, leaf)
    assert result["changed"]
    assert not result["due"]
    assert result["usable"]
    assert host.path.read_text() == key_pem(key) + pem(leaf, ISSUING.certificate), "key, leaf, issuer, and no root"
    assert mode(host.path) == "0o600"
    assert not host.request_file.exists(), "the request is answered"
    assert result["certificate"]["names"] == [NAME]
    assert result["certificate"]["days_left"] == 100
    assert result["certificate"]["chain"] == ["CN=Test issuing"]
    assert [file.name for file in host.path.parent.iterdir() if file.name.startswith(".")] == []


def test_second_run_changes_nothing(serving: Host) -> None:
    before = serving.path.read_bytes()
    result = serving.run()
    assert not result["changed"]
    assert not result["due"]
    assert serving.path.read_bytes() == before
    assert result["diff"]["before"] == result["diff"]["after"]


def test_the_same_answer_again_is_no_news(serving: Host) -> None:
    answer = serving.path.read_text().partition("-----END PRIVATE KEY-----\n")[2]
    result = serving.run(certificate=answer, renew=True)
    assert not result["changed"]
    assert result["due"]


def test_the_key_is_in_no_result(serving: Host) -> None:
    serving.give_key()
    secret = "".join(serving.path.read_text().splitlines()[1:3])
    for options in ({}, {"renew": True}, {"certificate": pem(ISSUING.sign(new_key()))}):
        told = json.dumps(serving.run(**options))
        assert "PRIVATE KEY" not in told
        assert secret[:40] not in told


Answer = Callable[[Key], list[x509.Certificate]]


@pytest.mark.parametrize(
    ("answer", "reasons"),
    [
        pytest.param(lambda _: [ISSUING.sign(new_key())], ["belongs to this host's key"], id="another key"),
        pytest.param(
            lambda key: [ISSUING.sign(key, "www.example.net")],
            [f"not valid for {NAME} (but for www.example.net)"],
            id="another name",
        ),
        pytest.param(lambda key: [ISSUING.sign(key, start=-9, end=-2)], ["ended on"], id="ended"),
        pytest.param(lambda key: [ISSUING.sign(key, start=3)], ["is not valid before"], id="not yet"),
        pytest.param(lambda key: [ISSUING.sign(key, end=12)], ["12 days are left, fewer than 30"], id="too short"),
        pytest.param(
            lambda key: [Authority("Test issuing", ROOT).sign(key)],
            ["its chain does not lead to the CA"],
            id="a CA with the same name and another key",
        ),
        pytest.param(
            lambda key: [ISSUING.sign(key, signer=new_key())],
            ["its chain does not lead to the CA", "signature failure"],
            id="forged signature",
        ),
        pytest.param(
            lambda key: [(other := Authority("Other root")).sign(key), other.certificate],
            ["its chain does not lead to the CA"],
            id="another CA",
        ),
        pytest.param(
            lambda key: [ISSUING.sign(key, usage=ExtendedKeyUsageOID.CLIENT_AUTH)],
            ["its chain does not lead to the CA", "purpose"],
            id="no certificate for servers",
        ),
        pytest.param(
            lambda key: [(short := Authority("Short", ROOT, days=5)).sign(key), short.certificate],
            ["5 days are left to CN=Short in its chain"],
            id="an issuer that ends soon",
        ),
        pytest.param(
            lambda key: [ISSUING.sign(key, "a.example", start=-9, end=-2)],
            ["not valid for", "ended on"],
            id="every reason at once",
        ),
    ],
)
def test_refused_and_the_old_one_stays(serving: Host, answer: Answer, reasons: list[str]) -> None:
    before = serving.path.read_bytes()
    key = serving.give_key()
    result = serving.run(certificate=pem(*answer(key), ISSUING.certificate))
    assert result["failed"]
    for reason in reasons:
        assert reason in result["msg"]
    assert result["msg"].endswith("The installed certificate stays as it is.")
    assert serving.path.read_bytes() == before


@pytest.mark.parametrize("installed", [False, True])
def test_an_authority_that_has_ended_is_told(host: Host, installed: bool) -> None:
    """Clients refuse it, though the certificates that the server sends are still good."""
    ended = Authority("Old root", days=-1)
    issuing = Authority("Issuing", ended)
    key = host.give_key()
    text = pem(issuing.sign(key, end=300), issuing.certificate)
    if installed:
        host.path.write_text(key_pem(key) + text)
        result = host.run(ca=pem(ended.certificate, ROOT.certificate))
        assert (result["due"], result["usable"]) == (True, False)
        assert "the CA CN=Old root ended on" in "; ".join(result["reasons"])
        return
    result = host.run(certificate=text, ca=pem(ROOT.certificate, ended.certificate))
    assert "the CA CN=Old root ended on" in result["msg"]
    assert not host.path.exists()


def test_an_authority_renewed_under_its_name_and_key_is_good(host: Host) -> None:
    ended = Authority("Root", days=-1)
    renewed = Authority("Root", key=ended.key)
    issuing = Authority("Issuing", ended)
    key = host.give_key()
    host.install(issuing.sign(key), issuing.certificate, ca=pem(ended.certificate, renewed.certificate))


def test_an_authority_that_ends_soon_is_warned_of(host: Host) -> None:
    """A new certificate would not help, so none is due."""
    root = Authority("Short root", days=20)
    issuing = Authority("Issuing", root)
    key = host.give_key()
    host.install(issuing.sign(key, end=300), issuing.certificate, ca=pem(root.certificate))
    warnings: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AnsibleModule, "warn", lambda _, text: warnings.append(text))
        result = host.run(ca=pem(root.certificate))
    assert not result["due"]
    assert warnings == ["The CA CN=Short root, which customers trust, ends in 20 days: give them its successor in time"]


def test_a_chain_with_a_gap_is_refused(host: Host) -> None:
    key = host.give_key()
    result = host.run(certificate=pem(ISSUING.sign(key)))
    assert "its chain does not lead to the CA" in result["msg"]
    assert result["msg"].endswith("Nothing was installed.")
    assert not host.path.exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello\n", "contains no certificate in PEM"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate number 1 in it cannot be read"),
    ],
)
def test_no_certificate_at_all(serving: Host, text: str, reason: str) -> None:
    assert reason in serving.run(certificate=text)["msg"]


def test_check_mode_refuses_too_and_installs_nothing(serving: Host) -> None:
    before = serving.path.read_bytes()
    key = serving.give_key()
    assert serving.run(check=True, certificate=pem(ISSUING.sign(key, "x.example")))["failed"]
    result = serving.run(check=True, certificate=pem(ISSUING.sign(key), ISSUING.certificate))
    assert result["changed"]
    assert serving.path.read_bytes() == before


def test_reissued_for_the_key_that_is_in_use(serving: Host) -> None:
    old = certificate.read_key(str(serving.path))
    assert old is not None
    waiting = serving.give_key()
    serving.ask(waiting)
    assert serving.install(ISSUING.sign(old, end=200), ISSUING.certificate)["changed"]
    assert serving.request_file.exists(), "that request, for another key, is still unanswered"


def test_a_certificate_that_has_no_place_is_left_out_with_a_warning(host: Host) -> None:
    key = host.give_key()
    stranger = Authority("Stranger", ROOT).certificate
    warnings: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AnsibleModule, "warn", lambda _, text: warnings.append(text))
        host.install(ISSUING.sign(key), stranger, ISSUING.certificate)
    assert warnings == ["CN=Stranger has no place in the chain and was left out"]
    assert pem(stranger) not in host.path.read_text()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"renew_days": 301}, "300 days are left, fewer than 301"),
        ({"dns_names": ["new.exchange.example"]}, "not valid for new.exchange.example"),
        ({"ip_addresses": ["198.51.100.10"]}, "not valid for 198.51.100.10"),
        ({"ca": pem(Authority("New root").certificate)}, "does not lead to the CA"),
        ({"ca": pem(ISSUING.certificate)}, "does not lead to the CA"),
        ({"key_type": "rsa_3072"}, "its key is ecc_p256, rsa_3072 is asked for"),
        ({"renew": True}, "a new one was asked for"),
    ],
)
def test_due(serving: Host, options: dict[str, Any], reason: str) -> None:
    result = serving.run(**options)
    assert result["due"]
    assert reason in "; ".join(result["reasons"])
    assert not result["changed"]
    assert serving.run(check=True, **options)["changed"]


@pytest.mark.parametrize(
    ("lifetime", "left", "limit"),
    [
        (365, 29, 30),
        (365, 30, None),
        (200, 29, 30),
        (90, 29, 30),
        (47, 15, 16),
        (47, 16, None),
        (6, 1, 3),
        (6, 2, None),
    ],
)
def test_without_days_a_third_of_the_lifetime_decides_and_at_most_30_days(
    host: Host, lifetime: int, left: int, limit: int | None
) -> None:
    key = host.give_key()
    leaf = ISSUING.sign(key, start=left - lifetime, end=left)
    host.install(leaf, ISSUING.certificate, renew_days=1)
    result = host.run(renew_days=0)
    assert result["reasons"] == ([f"{left} days are left, fewer than {limit}"] if limit else [])
    # One that would be due at once is refused
    host.path.unlink()
    refused = host.run(renew_days=0, certificate=pem(leaf, ISSUING.certificate)).get("failed", False)
    assert refused is (limit is not None)


def test_the_certificate_itself_is_reported_and_stays_out_of_the_diff(serving: Host) -> None:
    result = serving.run()
    leaf = x509.load_pem_x509_certificate(result["certificate"]["pem"].encode())
    assert leaf.fingerprint(hashes.SHA256()).hex() == result["certificate"]["fingerprint"]
    assert "BEGIN" not in result["diff"]["after"]


def test_due_when_the_installed_pair_is_broken(serving: Host) -> None:
    rest = serving.path.read_text().partition("-----END PRIVATE KEY-----\n")[2]
    serving.path.write_text(key_pem(new_key()) + rest)
    result = serving.run()
    assert "certificate and key do not belong together" in result["reasons"]
    assert not result["usable"]
    serving.path.write_text(rest)
    assert serving.run()["reasons"] == ["it contains no readable private key"]
    serving.path.write_text("")
    assert serving.run()["due"]


def test_a_pending_request_is_told_as_long_as_it_fits(serving: Host) -> None:
    key = serving.give_key()
    text = serving.ask(key)
    assert serving.run(renew=True)["request"] == text
    assert not serving.run(check=True, renew=True)["changed"], "it is asked for already: nothing would be done"
    assert "request" not in serving.run(dns_names=["other.example"])
    assert "request" not in serving.run(key_type="rsa_3072")
    serving.give_key()
    assert "request" not in serving.run()


def test_others_may_not_read_it(serving: Host) -> None:
    serving.path.chmod(0o644)
    assert serving.run(check=True)["changed"]
    assert mode(serving.path) == "0o644"
    assert serving.run()["changed"]
    assert mode(serving.path) == "0o600"
    assert not serving.run()["changed"]


@pytest.mark.parametrize(
    ("names", "name", "covered"),
    [
        (["ftps.exchange.example"], "FTPS.Exchange.Example.", True),
        (["*.exchange.example"], "ftps.exchange.example", True),
        (["*.exchange.example"], "exchange.example", False),
        (["*.exchange.example"], "a.b.exchange.example", False),
        (["*.example"], "ftps.exchange.example", False),
        ([], "ftps.exchange.example", False),
    ],
)
def test_covers(names: list[str], name: str, covered: bool) -> None:
    assert certificate.covers(names, name) is covered


def test_addresses_are_compared_as_addresses(host: Host) -> None:
    key = host.give_key()
    leaf = ISSUING.sign(key, NAME, "2001:db8::10")
    assert host.install(leaf, ISSUING.certificate, ip_addresses=["2001:0db8:0:0::10"])["usable"]


def test_key_types() -> None:
    assert certificate.key_type(new_key()) == "ecc_p256"
    assert certificate.key_type(ec.generate_private_key(ec.SECP384R1())) == "ecc_p384"
    assert certificate.key_type(rsa.generate_private_key(65537, 3072)) == "rsa_3072"


def test_two_issuers_of_one_name_are_told_apart_by_their_keys(host: Host) -> None:
    key = host.give_key()
    older = Authority("Test issuing", ROOT).certificate
    host.install(ISSUING.sign(key), older, ISSUING.certificate)
    assert pem(ISSUING.certificate) in host.path.read_text()
    assert pem(older) not in host.path.read_text()
