"""A certificate from a CA that speaks ACME: first, renewed, and what happens when the CA does not find the proof."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from tests.exchange.ftps_client import FtpsClient
from tests.exchange.lab import Customer, Lab

from .conftest import EXTERNAL_ACCOUNT, FOLDER, PEM, Ca

Connect = Callable[..., FtpsClient]
UNIT = "ftps-exchange-http-challenge"


def is_closed(lab: Lab, ca: Ca) -> bool:
    return (
        lab.stranger.reaches(lab.public_ip, 80) == "silence"
        and not ca.runs(UNIT)
        and "elements" not in lab.edge.sh("nft list set inet ftps_exchange_edge http_challenge")
    )


def test_the_first_certificate_over_http_while_a_customer_uploads(
    lab: Lab, ca: Ca, acme: Customer, connect: Connect, fresh: str
) -> None:
    content = b"x" * 2_000_000
    assert is_closed(lab, ca)
    client = connect(acme.host, timeout=120).start_tls().login(acme.writer)
    client.epsv()
    plain = client.open_data()
    assert client.command(f"STOR {fresh}").code == 150
    upload = client.secure_data(plain)
    upload.sendall(content[:1_000_000])

    run = ca.renew()

    assert is_closed(lab, ca)
    upload.sendall(content[1_000_000:])
    upload.unwrap().close()
    assert client.reply().code == 226
    client.expect(f"DELE {fresh}", 250)
    # The customer's side verifies name, dates and chain
    renewed = connect(acme.host, tls=ca.context()).start_tls().login(acme.writer)
    assert "Pebble" in str((renewed.secured.getpeercert() or {})["issuer"])
    assert lab.server.sh(f"stat -c %a {PEM}").strip() == "600"
    # What the host that speaks to the CA keeps, and what nobody may read in the output
    assert lab.stranger.sh(f"stat -c %a {ca.options['acme_certificate_account_key_file']}").strip() == "600"
    assert EXTERNAL_ACCOUNT["key"] not in run.output
    assert "PRIVATE KEY" not in run.output


def test_a_run_before_the_time_changes_nothing(lab: Lab, ca: Ca) -> None:
    before = lab.server.sh(f"sha256sum {PEM}")
    run = ca.renew(certificate_renew=False)
    assert set(run.changed.values()) == {0}
    assert lab.server.sh(f"sha256sum {PEM}") == before


def test_a_renewal_by_dns(lab: Lab, ca: Ca, acme: Customer, connect: Connect) -> None:
    before = lab.server.sh(f"sha256sum {PEM}")
    ca.renew(acme_certificate_challenge="dns-01")
    assert lab.server.sh(f"sha256sum {PEM}") != before
    connect(acme.host, tls=ca.context()).start_tls().login(acme.writer)
    record = f"_acme-challenge.{lab.fqdn}"
    assert lab.stranger.sh(f"cat {FOLDER}/hook.log").splitlines() == [f"present {record}", f"absent {record}"]


def test_a_proof_that_is_not_found_leaves_the_old_certificate_and_a_closed_port(
    lab: Lab, ca: Ca, acme: Customer, connect: Connect
) -> None:
    before = lab.server.sh(f"sha256sum {PEM}")
    run = ca.renew(succeeds=False, acme_certificate_url="https://localhost:15000/dir")
    said = " ".join(run.output.split())
    assert f"{lab.fqdn}: no new certificate from https://localhost:15000/dir" in said
    assert f"The CA must reach http://{lab.fqdn}/ from the internet at port 80" in said
    assert "The installed certificate stays as it is" in said
    assert is_closed(lab, ca)
    assert lab.server.sh(f"sha256sum {PEM}") == before
    connect(acme.host, tls=ca.context()).start_tls().login(acme.writer)


def test_whoever_does_not_trust_the_ca_refuses(lab: Lab, ca: Ca, acme: Customer, connect: Connect) -> None:
    """Otherwise the tests above would prove nothing about the chain."""
    try:
        connect(acme.host).start_tls()
    except ssl.SSLCertVerificationError:
        return
    raise AssertionError("the lab's own CA does not sign this certificate any more")
