"""TLS versions and ciphers: today's, and none of those that were broken."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from . import hello
from .conftest import Connect, Session
from .ftps_client import FtpsClient
from .outcomes import does_not_apply, not_tested
from .recorder import Evidence
from .target import TLS_VERSIONS, Customer, Target

Measure = Callable[[str, str, Any], None]

SCANNER = "sslscan"


@pytest.fixture
def offered(target: Target, customer: Customer, connect: Connect) -> Callable[..., hello.Answer]:
    """Offer a TLS version and ciphers on the control channel."""

    def _offered(version: int, ciphers: list[int], *, implicit: bool = False) -> hello.Answer:
        # A connection without TLS on the port of implicit TLS: the handshake is what is tried
        port = target.port(implicit)
        if implicit:
            connection = customer.host.connect(target.public_ip, port)
            with connection:
                return hello.offer(connection, target.fqdn, version, ciphers)
        client = connect(customer.host)
        reply = client.command("AUTH TLS")
        if reply.code != 234:
            not_tested(f"no TLS could be set up: {reply}")
        answer = hello.offer(client.control, target.fqdn, version, ciphers)
        client.note(f"offers version 0x{version:04x} with {len(ciphers)} ciphers: {answer.text}")
        return answer

    return _offered


@pytest.mark.quick
@pytest.mark.risk("credentials-in-clear", decides=True)
@pytest.mark.risk("data-in-clear", decides=True)
@pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])
@pytest.mark.parametrize("version", ["SSLv3", "TLSv1.0", "TLSv1.1"])
def test_old_versions_are_refused(
    offered: Callable[..., hello.Answer], version: str, implicit: bool, measure: Measure
) -> None:
    """SSL 3.0, TLS 1.0 and 1.1 are refused with any ciphers.

    Source: RFC 8996 (TLS 1.0 and 1.1 must not be used; it updates RFC 4217); RFC 7568 (SSL 3.0).
    """
    answer = offered(hello.VERSIONS[version], hello.ORDINARY, implicit=implicit)
    measure("TLS", f"{version}, {'implicit' if implicit else 'explicit'}", answer.text)
    assert not answer.accepted, f"{version} is accepted ({answer.text})"


@pytest.mark.quick
@pytest.mark.risk("credentials-in-clear")
def test_the_offer_itself_works(target: Target, offered: Callable[..., hello.Answer]) -> None:
    """The same bytes with TLS 1.2 are accepted: the refusals above mean something.

    Source: RFC 5246 section 7.4.1. (A server that has TLS 1.3 only would refuse; then this does not apply.)
    """
    target.need_version(ssl.TLSVersion.TLSv1_2)
    answer = offered(hello.VERSIONS["TLSv1.2"], hello.ORDINARY)
    if not answer.accepted:
        not_tested(f"TLS 1.2 is refused as well ({answer.text})")


@pytest.mark.risk("data-in-clear", decides=True)
@pytest.mark.parametrize("kind", list(hello.WEAK_CIPHERS))
def test_weak_ciphers_are_refused(offered: Callable[..., hello.Answer], kind: str) -> None:
    """Ciphers without encryption, without a certificate, or broken ones, are refused.

    Source: RFC 9325 section 4.1; RFC 7465 (RC4).
    """
    answer = offered(hello.VERSIONS["TLSv1.2"], hello.WEAK_CIPHERS[kind])
    assert not answer.accepted, f"{kind}: {answer.text}"


@pytest.mark.risk("data-in-clear")
def test_recorded_traffic_stays_secret(offered: Callable[..., hello.Answer], measure: Measure) -> None:
    """Whether the server takes ciphers without forward secrecy, measured and reported: RFC 9325 says SHOULD NOT.

    Source: RFC 9325 section 4.1 (no RSA key transport).
    """
    answer = offered(hello.VERSIONS["TLSv1.2"], hello.NO_FORWARD_SECRECY)
    measure("TLS", "ciphers without forward secrecy", answer.text)


def shown(version: ssl.TLSVersion) -> str:
    return version.name.replace("_", ".")


def case(version: ssl.TLSVersion, implicit: bool) -> str:
    return f"{shown(version)}{', implicit' * implicit}"


PORTS = pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])
VERSIONS = pytest.mark.parametrize("version", list(TLS_VERSIONS.values()), ids=["TLSv1.2", "TLSv1.3"])


def handshake(
    target: Target, customer: Customer, connect: Connect, version: ssl.TLSVersion, implicit: bool
) -> FtpsClient | str:
    """A control connection in this TLS version, or why the server refused it."""
    context = target.context(verify=False)
    context.minimum_version = context.maximum_version = version
    try:
        client = connect(customer.host, tls=context, implicit=implicit)
        return client if implicit else client.start_tls()
    except ssl.SSLError as error:
        return error.reason or str(error)
    except (OSError, EOFError, AssertionError) as error:
        not_tested(f"no TLS could be tried: {(str(error).splitlines() or [type(error).__name__])[-1]}")


@pytest.mark.quick
@pytest.mark.risk("data-in-clear", decides=True)
@PORTS
@VERSIONS
def test_todays_versions_work(
    target: Target,
    customer: Customer,
    connect: Connect,
    session: Session,
    version: ssl.TLSVersion,
    implicit: bool,
    measure: Measure,
) -> None:
    """Each TLS version that is declared works on both ports; where none is, TLS 1.2 does, and TLS 1.3 is measured.

    Source: the service's tls_minimum_version and tls_maximum_version; RFC 8446; RFC 9325 section 3.1.1.
    """
    target.need_version(version)
    refusal = handshake(target, customer, connect, version, implicit)
    if isinstance(refusal, str):
        measure("TLS", case(version, implicit), f"refused ({refusal})")
        if not target.tls_versions and version is ssl.TLSVersion.TLSv1_3:
            not_tested("the server has no TLS 1.3 (RFC 9325 says SHOULD)")
        pytest.fail(f"{shown(version)} is refused on port {target.port(implicit)}: {refusal}")
    client = session(customer, version=version, implicit=implicit)
    reply, _ = client.transfer("NLST")
    measure("TLS", case(version, implicit), f"works, {(client.secured.cipher() or '?')[0]}")
    assert reply.code in (226, 250, 450, 550), f"a listing under {shown(version)}: {reply}"


@pytest.mark.quick
@pytest.mark.risk("transfers", decides=True)
@pytest.mark.risk("credentials-in-clear", decides=True)
@PORTS
@VERSIONS
def test_no_other_version_is_spoken(
    target: Target, customer: Customer, connect: Connect, version: ssl.TLSVersion, implicit: bool, measure: Measure
) -> None:
    """A TLS version outside the declared ones is refused, on each port.

    One older than declared is one that was decided against; with one newer, some clients lose uploads.

    Source: the service's tls_minimum_version and tls_maximum_version; docs/adr/0016.
    """
    if not target.tls_versions:
        does_not_apply("it is not declared which TLS versions are spoken")
    if version in target.tls_versions:
        does_not_apply(f"{shown(version)} is among the declared versions")
    found = handshake(target, customer, connect, version, implicit)
    if isinstance(found, str):
        measure("TLS", case(version, implicit), f"refused ({found})")
        return
    declared = " and ".join(shown(one) for one in target.tls_versions)
    pytest.fail(f"{shown(version)} is spoken on port {target.port(implicit)}; declared is {declared}")


@pytest.mark.slow
@pytest.mark.risk("data-in-clear", decides=True)
@pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])
def test_a_scanner_finds_nothing(
    target: Target, customer: Customer, implicit: bool, evidence: Evidence, measure: Measure
) -> None:
    """An independent TLS scanner finds no old protocol, no weak cipher, no Heartbleed, no insecure renegotiation.

    Source: sslscan (https://github.com/rbsec/sslscan), read as XML; RFC 8996, RFC 9325; CVE-2014-0160.
    """
    port = target.port(implicit)
    if not shutil.which(SCANNER):
        not_tested(f"{SCANNER} is not installed on the control node (apt install {SCANNER})")
    with customer.host.tunnel(target.public_ip, port) as near:
        done = subprocess.run(
            [SCANNER, "--xml=-", "--no-colour", f"--sni-name={target.fqdn}", "--timeout=5", "--connect-timeout=10"]
            + ([] if implicit else ["--starttls-ftp"])
            + [f"127.0.0.1:{near}"],
            capture_output=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    scan = ElementTree.fromstring(done.stdout)  # noqa: S314 (its own output, which holds nothing but what it prints)
    protocols = {
        f"{entry.get('type', '').upper()}v{entry.get('version')}": entry.get("enabled") == "1"
        for entry in scan.iter("protocol")
    }
    ciphers = [
        (entry.get("sslversion", ""), entry.get("cipher", ""), entry.get("strength", ""))
        for entry in scan.iter("cipher")
    ]
    if not ciphers:
        not_tested("the scanner could set up no TLS session")
    label = "implicit" if implicit else "explicit"
    measure("TLS", f"versions found by {SCANNER}, {label}", [name for name, enabled in protocols.items() if enabled])
    measure("TLS", f"ciphers found by {SCANNER}, {label}", [f"{version} {cipher}" for version, cipher, _ in ciphers])
    evidence(f"{SCANNER} {scan.get('version')}: " + ", ".join(f"{key} {value}" for key, value in protocols.items()))
    for version, cipher, strength in ciphers:
        evidence(f"{version} {cipher} ({strength})")
    old = [name for name, enabled in protocols.items() if enabled and name not in ("TLSv1.2", "TLSv1.3")]
    weak = [cipher for _, cipher, strength in ciphers if strength in ("null", "anonymous", "weak")]
    bleeding = [entry for entry in scan.iter("heartbleed") if entry.get("vulnerable") == "1"]
    insecure = [
        entry for entry in scan.iter("renegotiation") if entry.get("supported") == "1" and entry.get("secure") == "0"
    ]
    for entry in scan.iter("renegotiation"):
        measure("TLS", f"a client may renegotiate, {label}", entry.get("supported") == "1")
    assert not old, f"old versions: {', '.join(old)}"
    assert not weak, f"weak ciphers: {', '.join(weak)}"
    assert not bleeding, "Heartbleed (CVE-2014-0160)"
    assert not insecure, "insecure renegotiation"
