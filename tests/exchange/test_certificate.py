"""Who the server says it is: a certificate that every client can verify, the same one on every port and channel."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from .conftest import Commands, Connect
from .outcomes import not_tested
from .recorder import Evidence, Recorder
from .target import Customer, Target

Measure = Callable[[str, str, Any], None]
PORTS = pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])


@pytest.fixture(scope="session")
def seen() -> dict[bool, tuple[list[x509.Certificate], list[str]]]:
    """By port (implicit or not): the certificates that were sent there, and the transcript."""
    return {}


@pytest.fixture
def shown(
    customer: Customer, secured: Connect, evidence: Evidence, seen: dict[bool, tuple[list[x509.Certificate], list[str]]]
) -> Callable[[bool], list[x509.Certificate]]:
    """The certificates as the server sends them, leaf first. All checks share one connection per port."""

    def _shown(implicit: bool = False) -> list[x509.Certificate]:
        if implicit in seen:
            evidence.transcripts.append(seen[implicit][1])
        else:
            client = secured(customer.host, implicit=implicit)
            client.note(f"certificates sent: {len(chain := sent(client.secured))}")
            for certificate in chain:
                client.note(f"  {name(certificate.subject)} | issued by {name(certificate.issuer)}")
            seen[implicit] = (chain, client.transcript)
        return seen[implicit][0]

    return _shown


def sent(connection: ssl.SSLSocket) -> list[x509.Certificate]:
    """All certificates that the server sent. (Public from Python 3.13; 3.12 has it on the inner object.)"""
    inner = connection if hasattr(connection, "get_unverified_chain") else connection._sslobj  # type: ignore[attr-defined]
    with warnings.catch_warnings(action="ignore"):
        return [
            x509.load_der_x509_certificate(entry if isinstance(entry, bytes) else entry.public_bytes(2))
            for entry in inner.get_unverified_chain() or []
        ]


def name(subject: x509.Name) -> str:
    return subject.rfc4514_string() or "(no name)"


def key_text(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return f"EC {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__


@pytest.mark.quick
@pytest.mark.risk("server-not-verified", decides=True)
@PORTS
def test_the_certificate_verifies(target: Target, customer: Customer, connect: Connect, implicit: bool) -> None:
    """A client that trusts only the CA accepts the server: chain, name and dates.

    The client has only the root and fetches nothing, so an intermediate that is not sent is a failure.

    Source: RFC 4217 section 15.1; RFC 5280 section 6; RFC 9525 (name in subjectAltName).
    """
    target.port(implicit)
    try:
        client = connect(customer.host, implicit=implicit, tls=target.context())
        if not implicit:
            client.start_tls()
    except ssl.SSLCertVerificationError as error:
        pytest.fail(f"the certificate is refused by a client: {error.verify_message or error}")
    except (AssertionError, OSError, EOFError) as error:
        pytest.fail(f"there is no TLS to verify: {str(error).splitlines()[-1]}")


@pytest.mark.quick
@pytest.mark.risk("server-not-verified")
def test_another_name_is_refused(target: Target, customer: Customer, connect: Connect) -> None:
    """A client that wanted another server refuses this one: the certificate is not for everything.

    This is also the proof that the check above can fail.

    Source: RFC 9525 section 6; RFC 6125 section 7.2 (wildcards) for why a certificate should name one service.
    """
    client = connect(customer.host)
    try:
        client.expect("AUTH TLS", 234)
    except AssertionError as error:
        not_tested(f"no TLS could be set up: {str(error).splitlines()[-1]}")
    with pytest.raises(ssl.SSLCertVerificationError):
        target.context().wrap_socket(client.control, server_hostname="another.name.example")


@pytest.mark.quick
@pytest.mark.risk("server-not-verified", decides=True)
def test_the_certificate_lasts(
    target: Target, shown: Callable[[bool], list[x509.Certificate]], measure: Measure, recorder: Recorder
) -> None:
    """Every certificate that is sent is valid now, and still for longer than it takes to renew it.

    Source: RFC 5280 section 4.1.2.5; CA/Browser Forum Baseline Requirements for what public CAs issue.
    """
    chain = shown(False)
    now = datetime.now(UTC)
    left = {name(one.subject): (one.not_valid_after_utc - now).total_seconds() / 86400 for one in chain}
    first = min(left, key=lambda subject: left[subject])
    recorder.gauges["certificate_days_left"] = round(left[first], 2)
    leaf = chain[0]
    measure(
        "Certificate",
        "chain, as sent",
        [f"{name(one.subject)} (until {one.not_valid_after_utc:%Y-%m-%d})" for one in chain],
    )
    measure("Certificate", "issued by", name(leaf.issuer))
    measure("Certificate", "valid", f"{leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}")
    measure("Certificate", "days left (first to expire)", f"{int(left[first])} ({first})")
    measure("Certificate", "key", key_text(leaf))
    measure("Certificate", "SHA-256", leaf.fingerprint(hashes.SHA256()).hex(":"))
    early = [name(one.subject) for one in chain if one.not_valid_before_utc > now]
    assert not early, f"not valid yet: {', '.join(early)}"
    assert left[first] > 0, f"{first} expired {-left[first]:.0f} days ago"
    assert left[first] > target.warn_days, (
        f"{first} expires in {left[first]:.0f} days; {target.warn_days} are the threshold (warn_days)"
    )


@pytest.mark.quick
@pytest.mark.risk("server-not-verified", decides=True)
@PORTS
def test_the_chain_is_complete_and_in_order(
    target: Target, shown: Callable[[bool], list[x509.Certificate]], implicit: bool
) -> None:
    """Leaf first, then each one's issuer; the root stays at home.

    A self-signed certificate alone fails: nobody can verify it but who has been given it by hand.

    Source: RFC 8446 section 4.4.2; RFC 5246 section 7.4.2.
    """
    target.port(implicit)
    chain = shown(implicit)
    assert chain, "the server sends no certificate"
    leaf = chain[0]
    assert leaf.issuer != leaf.subject, f"the server's certificate {name(leaf.subject)} is self-signed"
    for lower, upper in pairwise(chain):
        assert lower.issuer == upper.subject, (
            f"out of order: {name(lower.subject)} is issued by {name(lower.issuer)}, followed by {name(upper.subject)}"
        )
        lower.verify_directly_issued_by(upper)
    assert chain[-1].issuer != chain[-1].subject, f"the root {name(chain[-1].subject)} is sent too"
    if target.ca_file:
        roots = {root.subject for root in x509.load_pem_x509_certificates(Path(target.ca_file).read_bytes())}
        assert chain[-1].issuer in roots, (
            f"incomplete: {name(chain[-1].subject)} is issued by {name(chain[-1].issuer)}, whose certificate is "
            "neither sent nor the client's"
        )


@pytest.mark.quick
@pytest.mark.risk("server-not-verified", decides=True)
def test_the_certificate_is_made_for_this(
    target: Target, shown: Callable[[bool], list[x509.Certificate]], measure: Measure
) -> None:
    """The name is in subjectAltName, the purpose is a TLS server, key and signature are strong, and it is not a CA.

    Source: RFC 9525 section 6.3 (subjectAltName only); RFC 5280 sections 4.2.1.9 and 4.2.1.12; NIST SP 800-57 part 1
    (at least 112 bits: RSA 2048, no SHA-1).
    """
    leaf = shown(False)[0]
    extensions = leaf.extensions
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    measure("Certificate", "names", names)
    assert names, "the certificate has no DNS name in subjectAltName; modern clients look nowhere else"
    try:
        usage = list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        assert ExtendedKeyUsageOID.SERVER_AUTH in usage, "the certificate is not for TLS servers (extendedKeyUsage)"
    except x509.ExtensionNotFound:
        pass
    try:
        authority = extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        authority = False
    assert not authority, "the server's certificate may issue others: a key that is on a server must not"
    key = leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        assert key.key_size >= 2048, f"RSA with {key.key_size} bits"
    algorithm = leaf.signature_hash_algorithm
    assert algorithm is None or algorithm.name not in ("md5", "sha1"), f"signed with {algorithm and algorithm.name}"


@pytest.mark.risk("server-not-verified", decides=True)
@PORTS
def test_data_channels_show_the_same_certificate(customer: Customer, commands: Commands, implicit: bool) -> None:
    """The data channel shows the control channel's certificate, so a client knows who receives the file.

    With a resumed session no certificate is sent at all; then it is the session's own.

    Source: RFC 4217 section 10.2; RFC 4217 section 15.2 (identity of the data connection).
    """
    client = commands(customer, implicit=implicit)
    reply, _ = client.transfer("NLST")
    assert reply.code in (226, 250, 450, 550), f"NLST: {reply}"
    assert client.data_certificate is not None, "the data channel showed no certificate"
    assert client.data_certificate == client.secured.getpeercert(binary_form=True), (
        "the data channel shows another certificate than the control channel"
    )


@pytest.mark.quick
@pytest.mark.risk("server-not-verified", decides=True)
def test_both_ports_show_the_same_certificate(target: Target, shown: Callable[[bool], list[x509.Certificate]]) -> None:
    """Explicit and implicit TLS have the same certificate: a renewal must reach both.

    Source: docs/certificates.md; IIS has a certificate for each site (serverCertHash).
    """
    target.port(True)
    assert shown(False)[0] == shown(True)[0], "ports have different certificates"
