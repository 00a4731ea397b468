"""The certificate of a Windows host: decided on the control node, done by PowerShell over a stand-in of the stores.

The module for the host is run by the PowerShell engine; what it cannot do here (certreq, the stores) does
tests/windows/stand_ins/certificate_store. Whether Windows takes the same INF file is not proven by this.
"""

from __future__ import annotations

import base64
import json
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftps.exchange.plugins.action.windows_certificate_choice import ActionModule
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from tests.unit.actions import run_action
from tests.unit.modules.test_server_certificate import ISSUING, NAME, ROOT, Authority, new_key, pem
from tests.windows.powershell import PowerShell

PROJECT = Path(__file__).resolve().parents[3]
MODULE = PROJECT / "plugins" / "modules" / "win_server_certificate.ps1"
UTIL = "ansible_collections.ftps.exchange.plugins.module_utils.FtpsExchangeCertificateStore"
STAND_IN = PROJECT / "tests/windows/stand_ins/certificate_store" / "FtpsExchangeCertificateStore.psm1"
FRIENDLY = f"ftps-exchange {NAME}"
PASSWORD = "a password that nobody may see"


def der64(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def public(holder: Any) -> bytes:
    encoded: bytes = holder.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


@dataclass
class Host:
    """The stores of a host, and the two modules as the role calls them."""

    powershell: PowerShell
    folder: Path

    @property
    def stores(self) -> Path:
        return self.folder / "stores.json"

    @property
    def request_file(self) -> Path:
        return self.folder / "waiting" / "server.csr"

    def on_host(self, *, check: bool = False, fail: str = "", **options: str) -> dict[str, Any]:
        result = self.powershell.module(
            MODULE,
            {"request_file": str(self.request_file), "_ansible_remote_tmp": str(self.folder), **options},
            check=check,
            environment={"FTPS_EXCHANGE_CERTIFICATES": str(self.stores), "FTPS_EXCHANGE_CERTIFICATES_FAIL": fail},
            utils={UTIL: STAND_IN},
        )
        assert not result.get("crashed"), result
        return result

    def decide(self, **options: Any) -> dict[str, Any]:
        store = self.on_host()
        arguments = {
            "dns_names": [NAME],
            "ca": pem(ROOT.certificate),
            "key_type": "ecc_p256",
            "renew_days": 30,
            "friendly_name": FRIENDLY,
            "certificates": store["certificates"],
            "intermediates": store["intermediates"],
            "request": store["request"],
            "request_keys": store["request_keys"],
            **options,
        }
        result = run_action(ActionModule, arguments)
        assert PASSWORD not in json.dumps(result)
        return result

    def add(self, store: str, certificate: x509.Certificate, name: str = "", has_private_key: bool = True) -> None:
        found = json.loads(self.stores.read_text()) if self.stores.exists() else {}
        entry = {"certificate": der64(certificate), "has_private_key": has_private_key, "friendly_name": name}
        found.setdefault(store, []).append(entry)
        self.stores.write_text(json.dumps(found))

    def personal(self) -> list[x509.Certificate]:
        return [
            x509.load_der_x509_certificate(base64.b64decode(one["certificate"]))
            for one in self.on_host()["certificates"]
        ]


@pytest.fixture
def host(powershell: PowerShell, tmp_path: Path) -> Host:
    host = Host(powershell, tmp_path)
    host.add("CA", ISSUING.certificate, has_private_key=False)
    return host


def thumbprint(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.hashes import SHA1

    return certificate.fingerprint(SHA1()).hex().upper()  # noqa: S303


def answer_to(request: str, authority: Authority = ISSUING, end: int = 100, start: int = -1) -> x509.Certificate:
    csr = x509.load_pem_x509_csr(request.encode())

    class Asks:
        def public_key(self) -> Any:
            return csr.public_key()

    return authority.sign(Asks(), end=end, start=start)  # type: ignore[arg-type]


def pfx(path: Path, key: Any, leaf: x509.Certificate, *others: x509.Certificate, password: str = PASSWORD) -> str:
    encryption: Any = serialization.BestAvailableEncryption(password.encode()) if password else None
    content = pkcs12.serialize_key_and_certificates(
        b"from somewhere", key, leaf, others, encryption or serialization.NoEncryption()
    )
    path.write_bytes(content)
    return str(path)


# A request that is made on the host


@pytest.mark.parametrize("key_type", ["ecc_p256", "ecc_p384", "rsa_3072"])
def test_from_nothing_to_a_certificate_whose_key_never_left(host: Host, key_type: str) -> None:
    empty = host.decide(key_type=key_type)
    assert empty["due"]
    assert not empty["usable"]
    assert empty["reasons"] == ["there is no certificate yet"]
    assert empty["thumbprint"] == ""
    assert "request" not in empty

    made = host.on_host(request=empty["request_inf"])
    assert made["changed"]
    waiting = host.decide(key_type=key_type)
    csr = x509.load_pem_x509_csr(waiting["request"].encode())
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    assert csr.subject.rfc4514_string() == f"CN={NAME}"
    kind = csr.public_key()
    assert isinstance(kind, rsa.RSAPublicKey if key_type == "rsa_3072" else ec.EllipticCurvePublicKey)

    leaf = answer_to(waiting["request"])
    answered = host.decide(key_type=key_type, answer=pem(ROOT.certificate, ISSUING.certificate, leaf))
    assert answered["install"] == "answer"
    assert not answered["install_chain"]
    assert answered["usable"]
    assert not answered["due"]
    assert answered["thumbprint"] == thumbprint(leaf)
    assert NAME in answered["diff"]["after"]
    host.on_host(answer=answered["leaf"], thumbprint=answered["thumbprint"], friendly_name=FRIENDLY)
    assert host.personal() == [leaf]
    assert not host.request_file.exists()

    # The answer still lies there, and is no news
    after = host.decide(key_type=key_type, answer=pem(leaf, ISSUING.certificate))
    assert (after["install"], after["due"], after["thumbprint"]) == ("", False, thumbprint(leaf))
    assert "diff" not in after
    again = host.on_host(thumbprint=after["thumbprint"], friendly_name=FRIENDLY)
    assert not again["changed"]


def test_renewal_while_the_old_answer_still_lies_there(host: Host) -> None:
    host.on_host(request=host.decide()["request_inf"])
    old = answer_to(host.decide()["request"], end=20, start=-80)
    # Too short from the start is refused …
    refused = host.decide(answer=pem(old, ISSUING.certificate))
    assert refused["failed"]
    assert "20 days are left, fewer than 30" in refused["msg"]
    # … but what became short is due, and serves until then
    host.on_host(answer=pem(old), thumbprint=thumbprint(old), friendly_name=FRIENDLY)
    due = host.decide(answer=pem(old, ISSUING.certificate))
    assert due["due"]
    assert due["usable"]
    assert due["thumbprint"] == thumbprint(old)
    host.on_host(request=due["request_inf"])
    waiting = host.decide(answer=pem(old, ISSUING.certificate))
    assert waiting["thumbprint"] == thumbprint(old)
    new = answer_to(waiting["request"])
    answered = host.decide(answer=pem(new, ISSUING.certificate))
    assert answered["install"] == "answer"
    assert answered["thumbprint"] == thumbprint(new)
    assert answered["superseded"] == [thumbprint(old)]
    host.on_host(answer=answered["leaf"], thumbprint=answered["thumbprint"], friendly_name=FRIENDLY)
    after = host.decide(answer=pem(new, ISSUING.certificate))
    assert after["thumbprint"] == thumbprint(new)
    assert after["superseded"] == [thumbprint(old)]
    assert not after["due"]


def test_a_request_for_another_name_or_key_is_none(host: Host) -> None:
    host.on_host(request=host.decide(dns_names=["old.example"])["request_inf"])
    assert "request" not in host.decide()
    assert "request" in host.decide(dns_names=["old.example"])
    assert "request" not in host.decide(dns_names=["old.example"], key_type="rsa_3072")
    # The file alone, without the key in the store, is none either
    host.stores.write_text("{}")
    assert "request" not in host.decide(dns_names=["old.example"])


def test_an_answer_to_another_request_is_refused(host: Host) -> None:
    host.on_host(request=host.decide()["request_inf"])
    result = host.decide(answer=pem(ISSUING.sign(new_key()), ISSUING.certificate))
    assert "none of its certificates belongs to this host's key" in result["msg"]
    assert "Nothing was changed on the host" in result["msg"]


def test_an_answer_without_the_chain_is_enough_where_the_host_has_it(host: Host) -> None:
    host.on_host(request=host.decide()["request_inf"])
    leaf = answer_to(host.decide()["request"])
    choice = host.decide(answer=pem(leaf))
    assert choice["install"] == "answer"
    assert choice["certificate"]["chain"] == ["CN=Test issuing"]
    assert "warnings" not in choice


def test_asked_for_renewal(host: Host) -> None:
    leaf = ISSUING.sign(new_key())
    host.add("My", leaf, FRIENDLY)
    assert not host.decide()["due"]
    assert host.decide(renew=True)["reasons"] == ["a new one was asked for"]


def test_check_mode_on_the_host(host: Host) -> None:
    before = host.stores.read_bytes()
    inf = host.decide()["request_inf"]
    assert host.on_host(check=True, request=inf)["changed"]
    assert host.on_host(check=True, answer="x")["changed"]
    assert not host.on_host(check=True)["changed"]
    assert not host.on_host(check=True, thumbprint="0" * 40)["changed"]
    assert host.stores.read_bytes() == before
    assert not host.request_file.exists()


def test_a_failure_on_the_host_is_told_and_a_waiting_request_stays(host: Host) -> None:
    inf = host.decide()["request_inf"]
    host.on_host(request=inf)
    waiting = host.request_file.read_text()
    for function, options in (
        ("New-CertificateRequest", {"request": inf}),
        ("Complete-CertificateRequest", {"answer": "x"}),
    ):
        failed = host.on_host(fail=function, **options)
        assert failed["msg"] == "Access is denied."
        assert host.request_file.read_text() == waiting
    missing = host.on_host(thumbprint="A" * 40)
    assert missing["msg"] == f"there is no certificate {'A' * 40} in the computer's personal store"
    keyless = ISSUING.sign(new_key())
    host.add("My", keyless, has_private_key=False)
    assert "holds no private key" in host.on_host(thumbprint=thumbprint(keyless))["msg"]


def test_the_inf_file(host: Host) -> None:
    inf = host.decide(ip_addresses=["203.0.113.10"], key_type="rsa_4096")["request_inf"]
    assert inf.splitlines() == [
        "[Version]",
        'Signature = "$Windows NT$"',
        "[NewRequest]",
        f'Subject = "CN={NAME}"',
        f'FriendlyName = "{FRIENDLY}"',
        "MachineKeySet = TRUE",
        "Exportable = FALSE",
        'ProviderName = "Microsoft Software Key Storage Provider"',
        "KeyAlgorithm = RSA",
        "KeyLength = 4096",
        "HashAlgorithm = sha256",
        "KeyUsage = 0x80",
        "RequestType = PKCS10",
        "Silent = TRUE",
        "[Extensions]",
        '2.5.29.17 = "{text}"',
        f'_continue_ = "dns={NAME}&"',
        '_continue_ = "ipaddress=203.0.113.10&"',
        '2.5.29.37 = "{text}1.3.6.1.5.5.7.3.1"',
    ]
    assert 'Subject = ""' in host.decide(dns_names=["a" * 60 + ".example"])["request_inf"]
    assert "has characters" in host.decide(dns_names=['x"\n[Evil]'])["msg"]


# A PFX file


def test_a_pfx_is_checked_packed_for_any_windows_and_known_again(host: Host, tmp_path: Path) -> None:
    host.stores.write_text("{}")
    key = new_key()
    leaf = ISSUING.sign(key)
    file = pfx(tmp_path / "server.pfx", key, leaf, ROOT.certificate, ISSUING.certificate)
    package = tmp_path / "package"
    package.mkdir()
    choice = host.decide(
        pfx_file=file, pfx_password=PASSWORD, package_folder=str(package), package_password="short-lived"
    )
    assert choice["install"] == "pfx"
    assert choice["install_chain"]
    assert choice["thumbprint"] == thumbprint(leaf)
    assert choice["usable"]
    assert "leaf" not in choice

    packed = pkcs12.load_pkcs12((package / "leaf.pfx").read_bytes(), b"short-lived")
    assert packed.key is not None
    assert public(packed.key) == public(leaf)
    assert packed.cert is not None
    assert packed.cert.certificate == leaf
    assert packed.cert.friendly_name == FRIENDLY.encode()
    assert packed.additional_certs == [], "they would all land in the personal store"
    # PBES2 (1.2.840.113549.1.5.13), which Windows Server 2016 cannot read
    assert bytes.fromhex("06092a864886f70d01050d") not in (package / "leaf.pfx").read_bytes()
    chain = pkcs7.load_der_pkcs7_certificates((package / "chain.p7b").read_bytes())
    assert chain == [ISSUING.certificate], "clients have the root, or do not trust it"
    assert {stat.S_IMODE(path.stat().st_mode) for path in package.iterdir()} == {0o600}

    host.add("My", leaf, FRIENDLY)
    host.add("CA", ISSUING.certificate, has_private_key=False)
    after = host.decide(pfx_file=file, pfx_password=PASSWORD)
    assert (after["install"], after["install_chain"], after["due"]) == ("", False, False)


def test_a_new_pfx_supersedes_the_old_certificate(host: Host, tmp_path: Path) -> None:
    old = ISSUING.sign(new_key(), start=-50)
    host.add("My", old, FRIENDLY)
    foreign = ISSUING.sign(new_key(), start=-50)
    host.add("My", foreign, "the web server's")
    key = new_key()
    new = ISSUING.sign(key)
    file = pfx(tmp_path / "new.pfx", key, new, ISSUING.certificate)
    choice = host.decide(pfx_file=file, pfx_password=PASSWORD)
    assert choice["install"] == "pfx"
    assert choice["superseded"] == [thumbprint(old)], "what others installed is nobody's business here"
    # An older file does not take the place of a newer certificate
    host.add("My", new, FRIENDLY)
    older_key = new_key()
    older = pfx(tmp_path / "older.pfx", older_key, ISSUING.sign(older_key, start=-20), ISSUING.certificate)
    assert host.decide(pfx_file=older, pfx_password=PASSWORD)["thumbprint"] == thumbprint(new)


def test_an_installed_pfx_that_became_old_is_due_or_stops(host: Host, tmp_path: Path) -> None:
    key = new_key()
    short = ISSUING.sign(key, end=10)
    file = pfx(tmp_path / "server.pfx", key, short, ISSUING.certificate)
    assert "10 days are left" in host.decide(pfx_file=file, pfx_password=PASSWORD)["msg"]
    host.add("My", short, FRIENDLY)
    due = host.decide(pfx_file=file, pfx_password=PASSWORD)
    assert due["due"]
    assert due["usable"]
    assert due["superseded"] == []
    ended_key = new_key()
    ended = ISSUING.sign(ended_key, start=-20, end=-2)
    host.stores.write_text("{}")
    host.add("My", ended, FRIENDLY)
    host.add("CA", ISSUING.certificate, has_private_key=False)
    stopped = host.decide(pfx_file=pfx(tmp_path / "x.pfx", ended_key, ended), pfx_password=PASSWORD)
    assert not stopped["usable"]
    assert "ended on" in stopped["reasons"][0]


def test_what_is_wrong_with_a_pfx_is_told(host: Host, tmp_path: Path) -> None:
    key = new_key()
    good = ISSUING.sign(key)
    path = tmp_path / "server.pfx"

    def told(file: str, password: str = PASSWORD) -> str:
        return str(host.decide(pfx_file=file, pfx_password=password)["msg"])

    assert "or the password is another one" in told(pfx(path, key, good), "wrong")
    assert "cannot be read: No such file" in told(str(tmp_path / "none.pfx"))
    path.write_text("not one")
    assert "is no PKCS 12 file" in told(str(path))
    assert "its chain does not lead to the authority" in told(pfx(path, key, Authority("Other").sign(key)))
    assert "it is not made out for" in told(pfx(path, key, ISSUING.sign(key, "else.example")))
    content = pkcs12.serialize_key_and_certificates(None, None, good, None, serialization.NoEncryption())
    path.write_bytes(content)
    assert "holds no private key" in told(str(path), "")


def test_a_pfx_without_a_password(host: Host, tmp_path: Path) -> None:
    key = new_key()
    file = pfx(tmp_path / "server.pfx", key, ISSUING.sign(key), password="")
    assert host.decide(pfx_file=file)["install"] == "pfx"


# A certificate that somebody else keeps in the store


def test_a_certificate_in_the_store(host: Host) -> None:
    leaf = ISSUING.sign(new_key())
    host.add("My", leaf, "enrolled by the company")
    choice = host.decide(thumbprint=thumbprint(leaf))
    assert choice["thumbprint"] == thumbprint(leaf)
    assert choice["usable"]
    assert (choice["install"], choice["superseded"]) == ("", [])
    assert "has no certificate" in host.decide(thumbprint="0" * 40)["msg"]
    keyless = ISSUING.sign(new_key())
    host.add("My", keyless, has_private_key=False)
    assert "has no certificate" in host.decide(thumbprint=thumbprint(keyless))["msg"]
    wrong = ISSUING.sign(new_key(), "else.example")
    host.add("My", wrong)
    assert not host.decide(thumbprint=thumbprint(wrong))["usable"]


def test_the_best_one_serves(host: Host) -> None:
    newest_but_wrong = ISSUING.sign(new_key(), "else.example", start=0)
    good, older = ISSUING.sign(new_key(), start=-5), ISSUING.sign(new_key(), start=-9)
    for certificate in (older, newest_but_wrong, good):
        host.add("My", certificate, FRIENDLY)
    choice = host.decide()
    assert choice["thumbprint"] == thumbprint(good)
    assert sorted(choice["superseded"]) == sorted(map(thumbprint, (older, newest_but_wrong)))
