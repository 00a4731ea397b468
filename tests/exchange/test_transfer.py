"""A customer's file crosses the firewalls and comes back byte for byte, with the clients that customers use."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator

import pytest

from .ftps_client import FtpsClient
from .lab import Account, Customer, Lab

CA = "/tmp/exchange-check-ca.pem"
SECRETS = "/tmp/exchange-check-login"


@pytest.fixture(params=["acme", "globex"])
def customer(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Customer]:
    """A customer whose host has the authority's certificate and a login that is on no command line."""
    customer = lab.customers[request.param]
    writer: Account = customer.writer
    with open(lab.ca_file, "rb") as authority:
        customer.host.write(CA, authority.read())
    customer.host.write(SECRETS, f"machine {lab.fqdn} login {writer.name} password {writer.password}\n".encode())
    yield customer
    customer.host.sh(f"rm -f {CA} {SECRETS} /tmp/exchange-check-file*")


def random_file(customer: Customer, size: int) -> str:
    """Make a file on the customer's host and return its SHA-256."""
    return customer.host.sh(
        f"head -c {size} /dev/urandom > /tmp/exchange-check-file; sha256sum < /tmp/exchange-check-file | cut -d' ' -f1"
    ).strip()


def curl(lab: Lab, customer: Customer, *options: str) -> str:
    """curl with the certificate verified and TLS demanded; --resolve stands for the public DNS the lab lacks."""
    quoted = " ".join(f"'{option}'" for option in options)
    return customer.host.sh(
        f"curl -sS --ssl-reqd --cacert {CA} --netrc-file {SECRETS} --connect-timeout 10 --max-time 100 {quoted}"
    )


@pytest.mark.parametrize("size", [0, 3_000, 64 << 20])
@pytest.mark.parametrize("mode", ["explicit", "implicit", "explicit with PASV"])
def test_curl_brings_a_file_and_gets_it_back(lab: Lab, customer: Customer, mode: str, size: int, fresh: str) -> None:
    sent = random_file(customer, size)
    scheme = f"ftps://{lab.fqdn}:{lab.implicit_port}" if mode == "implicit" else f"ftp://{lab.fqdn}:{lab.explicit_port}"
    options = ("--disable-epsv",) if "PASV" in mode else ()
    curl(lab, customer, *options, "-T", "/tmp/exchange-check-file", f"{scheme}/{fresh}")
    curl(lab, customer, *options, "-o", "/tmp/exchange-check-file-back", f"{scheme}/{fresh}", "-Q", f"-DELE {fresh}")
    back = customer.host.sh("touch /tmp/exchange-check-file-back; sha256sum < /tmp/exchange-check-file-back").split()[0]
    assert back == sent


def test_lftp_brings_a_file_and_gets_it_back(lab: Lab, customer: Customer, fresh: str) -> None:
    sent = random_file(customer, 5_000_000)
    writer = customer.writer
    script = f"""
set cmd:fail-exit true
set net:max-retries 1
set net:timeout 10
set ftp:ssl-force true
set ftp:ssl-protect-data true
set ssl:verify-certificate true
set ssl:ca-file {CA}
open -p {lab.explicit_port} -u {writer.name},{writer.password} ftp://{lab.fqdn}
put /tmp/exchange-check-file -o {fresh}
rm -f /tmp/none || echo
get {fresh} -o /tmp/exchange-check-file-back
rm {fresh}
"""
    customer.host.sh("lftp -f /dev/stdin", stdin=script.replace("rm -f /tmp/none || echo\n", "").encode())
    assert customer.host.sh("sha256sum < /tmp/exchange-check-file-back").split()[0] == sent


def test_curl_refuses_a_server_it_cannot_verify(lab: Lab, customer: Customer) -> None:
    """The negative control of the two tests above: they would fail for a server without a trusted certificate."""
    done = customer.host.run("curl", "-sS", "--ssl-reqd", "--netrc-file", SECRETS, f"ftp://{lab.fqdn}/")
    assert done.returncode == 60, done.stderr.decode()


def test_ipv6_crosses_the_edge_as_well(
    lab: Lab, customer: Customer, connect: Callable[..., FtpsClient], fresh: str
) -> None:
    client = connect(customer.host, ipv6=True).start_tls().login(customer.writer)
    content = secrets.token_bytes(100_000)
    assert client.store(fresh, content).code == 226
    assert client.retrieve(fresh)[1] == content
    assert client.command(f"DELE {fresh}").code == 250


def test_an_interrupted_upload_resumes(customer: Customer, connect: Callable[..., FtpsClient], fresh: str) -> None:
    """REST + STOR and APPE, RFC 3659 section 5: a broken 10 GB upload must not start from zero."""
    content = secrets.token_bytes(400_000)
    with connect(customer.host).start_tls().login(customer.writer) as client:
        assert client.store(fresh, content[:150_000]).code == 226
    with connect(customer.host).start_tls().login(customer.writer) as client:
        assert client.expect(f"SIZE {fresh}", 213).text == "150000"
        client.expect("REST 150000", 350)
        assert client.store(fresh, content[150_000:]).code == 226
        client.expect("REST 399000", 350)
        assert client.retrieve(fresh)[1] == content[399_000:]
        received = client.retrieve(fresh)[1]
        assert hashlib.sha256(received).digest() == hashlib.sha256(content).digest()
        client.expect(f"DELE {fresh}", 250)
