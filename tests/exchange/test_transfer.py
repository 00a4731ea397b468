"""A customer's file crosses the firewalls and comes back byte for byte, with the clients that customers use."""

from __future__ import annotations

import hashlib
import secrets
import shlex
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from .codes import DONE, NO_DATA, expect
from .conftest import Commands, Scratch, Session, need_folder, trusted
from .outcomes import does_not_apply, not_tested
from .recorder import Evidence
from .target import Customer, Target

Measure = Callable[[str, str, Any], None]
STORED = (226, 250)
BROKEN_OFF = (*NO_DATA, 226, 250, 551, 552)
"""After a lost data connection. FTP marks the end of a file by its end, so a server may take it for a whole file."""


@dataclass
class Desk:
    """A customer's host, ready for real clients: the CA's certificate, and a login that is not on a command line."""

    customer: Customer
    target: Target
    folder: str
    evidence: Evidence

    def sh(self, script: str, stdin: bytes | None = None) -> str:
        return self.customer.host.sh(f"cd {self.folder}; {script}", stdin=stdin)

    def random_file(self, size: int) -> str:
        """Make the file `sent` and return its SHA-256."""
        return self.sh(f"head -c {size} /dev/urandom > sent; sha256sum < sent | cut -d' ' -f1").strip()

    def digest(self, file: str) -> str:
        return self.sh(f"touch {file}; sha256sum < {file} | cut -d' ' -f1").strip()

    def curl(self, *options: str, verify: bool = True) -> str:
        """curl, which must succeed."""
        return self.sh(shlex.join(self._curl(*options, verify=verify)))

    def curl_says(self, *options: str, ipv6: bool = False) -> tuple[int, str]:
        """curl's own exit status, and what it printed."""
        done = self.customer.host.run("sh", "-c", f"cd {self.folder}; {shlex.join(self._curl(*options, ipv6=ipv6))}")
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace").strip()

    def _curl(self, *options: str, verify: bool = True, ipv6: bool = False) -> list[str]:
        """curl with the certificate verified and TLS demanded; --resolve stands for DNS where a host has none."""
        trust = ["--cacert", "ca.pem"] if self.target.ca_file and verify else []
        words = ["curl", "-sS", "--ssl-reqd", *trust, "--netrc-file", "login", "--connect-timeout", "10"]
        for port in (self.target.explicit_port, self.target.implicit_port):
            if port:
                words += ["--resolve", f"{self.target.fqdn}:{port}:{self.target.address(ipv6)}"]
        words += ["--max-time", "100", *options]
        self.evidence(f"{self.customer.host.name}: {shlex.join(words)}")
        return words

    def url(self, implicit: bool) -> str:
        port = self.target.port(implicit)
        return f"{'ftps' if implicit else 'ftp'}://{self.target.fqdn}:{port}/{self.remote}"

    @property
    def remote(self) -> str:
        return f"{self.target.folder.strip('/')}/" if self.target.folder else ""


@pytest.fixture
def desk(
    target: Target, everybody: list[Customer], session: Session, request: pytest.FixtureRequest, evidence: Evidence
) -> Iterator[Desk]:
    index = getattr(request, "param", 0)
    if index >= len(everybody):
        does_not_apply("there is one customer only")
    customer = everybody[index]
    if target.real_customers and not target.folder:
        not_tested("no folder is agreed in which checks may write (verify_folder)")
    if target.real_customers and not trusted(target, customer.host, False):
        not_tested("the server did not prove who it is, so no password was sent to it")
    writer = customer.writer
    if target.folder:
        need_folder(target, session(customer))
    folder = customer.host.sh("mktemp -d /tmp/exchange-check.XXXXXXXX").strip()
    if target.ca_file:
        with open(target.ca_file, "rb") as authority:
            customer.host.write(f"{folder}/ca.pem", authority.read())
    login = f"machine {target.fqdn} login {writer.name} password {writer.password}\n"
    customer.host.write(f"{folder}/login", login.encode())
    yield Desk(customer, target, folder, evidence)
    customer.host.sh(f"rm -rf {folder}")


@pytest.mark.quick
@pytest.mark.risk("transfers", decides=True)
@pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])
def test_uploads_in_a_row_each_resume_a_session(
    customer: Customer, session: Session, scratch: Scratch, implicit: bool
) -> None:
    """A client that uses each ticket of TLS 1.3 once stores one file after the other.

    So do curl, PHP, Ruby and Java, by their TLS library. An upload brings no new ticket, so the next one is refused,
    which several of them do not tell. A session of TLS 1.2 may be resumed as often as wanted.

    Source: RFC 8446 appendix C.4 (tickets are used once); docs/adr/0016.
    """
    client = session(customer, implicit=implicit)
    newest, used = client.secured.session, set()
    for number in range(4):
        spent = client.secured.version() == "TLSv1.3" and newest is not None and newest.id in used
        used |= {newest.id} if newest else set()
        path = scratch(client, f"-{number}")
        reply, _ = client.transfer(f"STOR {path}", b"x" * 2000, reuse=not spent, resume=None if spent else newest)
        expect(reply, STORED, f"upload {number + 1} of 4 under {client.secured.version()}")
        newest = client.data_session


CUSTOMERS = pytest.mark.parametrize("desk", [0, 1], indirect=True, ids=["first customer", "second customer"])


def needs(desk: Desk, program: str) -> None:
    if not desk.customer.host.has(program):
        not_tested(f"{program} is not installed on {desk.customer.host.name}")


@pytest.mark.quick
@pytest.mark.risk("transfers", decides=True)
def test_a_file_goes_and_comes_back(customer: Customer, session: Session, scratch: Scratch, measure: Measure) -> None:
    """A file that was uploaded is there with its size, comes back byte for byte, and can be removed.

    Source: RFC 959 section 4.1.3; RFC 3659 section 4 (SIZE).
    """
    client = session(customer)
    content = secrets.token_bytes(300_000)
    path = scratch(client)
    reply = client.store(path, content)
    measure("Replies", "STOR", str(reply))
    expect(reply, STORED, "STOR")
    assert client.expect(f"SIZE {path}", 213).text == "300000"
    reply, received = client.retrieve(path)
    expect(reply, STORED, "RETR")
    assert received == content, "the file came back changed"
    expect(client.command(f"DELE {path}"), DONE, "DELE")


@CUSTOMERS
@pytest.mark.risk("transfers", decides=True)
@pytest.mark.parametrize("size", [0, 3_000, 32 << 20], ids=["empty", "3 kB", "32 MiB"])
@pytest.mark.parametrize("mode", ["explicit", "implicit", "explicit with PASV"])
def test_curl_brings_a_file_and_gets_it_back(desk: Desk, mode: str, size: int, fresh: str) -> None:
    """curl uploads and downloads with the certificate verified; nothing is lost or changed.

    Source: curl's manual (--ssl-reqd, --cacert, --disable-epsv).
    """
    needs(desk, "curl")
    target = desk.target
    if mode == "implicit" and not target.implicit_port:
        does_not_apply("the service offers no implicit TLS")
    sent = desk.random_file(size)
    base = (
        f"ftps://{target.fqdn}:{target.implicit_port}"
        if mode == "implicit"
        else f"ftp://{target.fqdn}:{target.explicit_port}"
    )
    options = ("--disable-epsv",) if "PASV" in mode else ()
    desk.curl(*options, "-T", "sent", f"{base}/{desk.remote}{fresh}")
    desk.curl(*options, "-o", "back", f"{base}/{desk.remote}{fresh}", "-Q", f"-DELE {fresh}")
    assert desk.digest("back") == sent, "the file came back changed"


TEN = tuple(range(10))
SIZES = (1, 900, 16_384, 40_000, 70_000, 100_000, 150_000, 210_000, 350_000, 490_000)
"""Less and more than one TLS record, and than what a socket holds."""


@pytest.mark.risk("transfers", decides=True)
@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])
def test_ten_files_in_one_call_all_arrive(
    desk: Desk, commands: Commands, measure: Measure, fresh: str, implicit: bool, ipv6: bool
) -> None:
    """curl sends ten files in one call, with its ordinary settings, and gets them back: none is missing or damaged.

    One file is not enough. Each upload is a data connection that has to resume the TLS session: with TLS 1.3 an
    OpenSSL client has spent its tickets after a few, the server refuses the rest, and curl may end with 0 all the same.

    Source: curl's manual (-T with several files); RFC 8446 appendix C.4 (a ticket is used once).
    """
    needs(desk, "curl")
    url = desk.url(implicit)
    desk.target.address(ipv6)
    names = [f"{fresh}-{number}" for number in TEN]
    made = "; ".join(f"head -c {size} /dev/urandom > {name}" for name, size in zip(names, SIZES, strict=True))
    desk.sh(f"{made}; sha256sum {fresh}-* > sums")
    client = commands(desk.customer)
    try:
        status, said = desk.curl_says(*(word for name in names for word in ("-T", name, url)), ipv6=ipv6)
        sizes = [client.command(f"SIZE /{desk.remote}{name}").text for name in names]
        there = sum(found == str(size) for found, size in zip(sizes, SIZES, strict=True))
        family = "IPv6" if ipv6 else "IPv4"
        measure("Ten files in one call", f"{url}, {family}", f"{there} arrived, exit status {status}")
        assert there == len(TEN), f"of ten files in one call {there} are whole, and curl ended with {status}: {said}"
        assert status == 0, f"curl ended with {status}: {said}"
        desk.sh(f"rm {fresh}-*")
        status, said = desk.curl_says(*(word for name in names for word in ("-O", url + name)), ipv6=ipv6)
        assert status == 0, f"curl fetched ten files in one call and ended with {status}: {said}"
        damaged = desk.sh("sha256sum --check --quiet sums 2>&1 || true").strip()
        assert not damaged, f"files came back changed: {damaged}"
    finally:
        for name in names:
            client.command(f"DELE /{desk.remote}{name}")


@CUSTOMERS
@pytest.mark.risk("transfers", decides=True)
def test_lftp_brings_a_file_and_gets_it_back(desk: Desk, fresh: str) -> None:
    """lftp, which uses GnuTLS, uploads and downloads; two TLS stacks agree with the server.

    Source: lftp's manual (ftp:ssl-force, ftp:ssl-protect-data, ssl:verify-certificate).
    """
    needs(desk, "lftp")
    target, writer = desk.target, desk.customer.writer
    if desk.customer.host.run("getent", "ahosts", target.fqdn).returncode != 0:
        not_tested(
            f"{target.fqdn} does not resolve on {desk.customer.host.name}, and lftp has no option for its address"
        )
    sent = desk.random_file(5_000_000)
    script = f"""
set cmd:fail-exit true
set net:max-retries 1
set net:timeout 10
set ftp:ssl-force true
set ftp:ssl-protect-data true
set ssl:verify-certificate true
{f"set ssl:ca-file {desk.folder}/ca.pem" if target.ca_file else ""}
open -p {target.explicit_port} -u {writer.name},{writer.password} ftp://{target.fqdn}
put sent -o {desk.remote}{fresh}
get {desk.remote}{fresh} -o back
rm {desk.remote}{fresh}
"""
    desk.evidence(f"{desk.customer.host.name}: lftp, put and get {fresh}")
    desk.sh("lftp -f /dev/stdin", stdin=script.encode())
    assert desk.digest("back") == sent, "the file came back changed"


@pytest.mark.risk("server-not-verified")
def test_curl_refuses_a_server_it_cannot_verify(desk: Desk) -> None:
    """Without the CA's certificate curl refuses the server: the transfers above prove that it was verified.

    Source: curl's manual (exit status 60).
    """
    needs(desk, "curl")
    if desk.target.ca_file is None:
        does_not_apply("the certificate is from a public CA, which every client trusts")
    with pytest.raises(AssertionError, match=r"ended with 60"):
        desk.curl(f"ftp://{desk.target.fqdn}:{desk.target.explicit_port}/", verify=False)


@pytest.mark.risk("transfers", decides=True)
def test_ipv6_crosses_the_edge_as_well(
    target: Target, everybody: list[Customer], session: Session, scratch: Scratch
) -> None:
    """A file goes and comes back over IPv6.

    Source: RFC 2428 (EPSV, which is what IPv6 has).
    """
    target.address(True)
    for customer in everybody:
        client = session(customer, ipv6=True)
        content = secrets.token_bytes(100_000)
        path = scratch(client, customer.name)
        expect(client.store(path, content), STORED, "STOR over IPv6")
        assert client.retrieve(path)[1] == content


@pytest.mark.risk("transfers")
def test_an_interrupted_upload_resumes(customer: Customer, session: Session, scratch: Scratch) -> None:
    """A broken upload goes on where it stopped: SIZE, then REST and STOR, or APPE.

    Source: RFC 3659 sections 4 and 5; IIS needs fileHandling/keepPartialUploads.
    """
    content = secrets.token_bytes(400_000)
    client = session(customer)
    path = scratch(client)
    expect(client.store(path, content[:150_000]), STORED, "first part")
    again = session(customer)
    assert again.expect(f"SIZE {path}", 213).text == "150000"
    expect(again.command("REST 150000"), {350}, "REST")
    expect(again.store(path, content[150_000:]), STORED, "STOR after REST")
    expect(again.command("REST 399000"), {350}, "REST")
    assert again.retrieve(path)[1] == content[399_000:], "RETR after REST"
    assert hashlib.sha256(again.retrieve(path)[1]).digest() == hashlib.sha256(content).digest()


@pytest.mark.risk("transfers")
@pytest.mark.risk("starving")
def test_a_lost_data_connection_ends_the_transfer_only(
    customer: Customer, session: Session, scratch: Scratch, measure: Measure
) -> None:
    """When the network cuts an upload, the session lives on and the same file can be sent again.

    Source: RFC 959 section 5.4 (426, 451); ProFTPD answers 226 to a connection that was closed in the regular way.
    """
    client = session(customer)
    path = scratch(client)
    client.passive()
    data = client.open_data()
    expect(client.command(f"STOR {path}"), (125, 150), "STOR")
    secured = client.secure_data(data)
    secured.sendall(b"x" * 50_000)
    # A reset, as a firewall sends it that has lost the connection
    secured.setsockopt(*LINGER)
    secured.close()
    client.note("the data connection is reset")
    reply = client.reply()
    measure("Replies", "upload cut by a reset", str(reply))
    expect(reply, BROKEN_OFF, "after the data connection was reset")
    content = secrets.token_bytes(60_000)
    expect(client.store(path, content), STORED, "the same upload again")
    assert client.retrieve(path)[1] == content


LINGER = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
"""Close with a reset instead of in the regular way."""


@pytest.mark.risk("transfers")
def test_a_transfer_can_be_stopped(customer: Customer, session: Session, scratch: Scratch) -> None:
    """ABOR in the middle of a download ends it, and the session goes on.

    Source: RFC 959 section 4.1.3 (426 and 226, or 225).
    """
    client = session(customer)
    path = scratch(client)
    expect(client.store(path, secrets.token_bytes(8 << 20)), STORED, "STOR")
    client.passive()
    data = client.open_data()
    expect(client.command(f"RETR {path}"), (125, 150), "RETR")
    secured = client.secure_data(data)
    secured.recv(1000)
    client.send("ABOR")
    secured.close()
    first = client.reply()
    expect(first, (225, 226, 426, 451, 500, 502), "ABOR")
    client.control.settimeout(2)
    try:
        # The end of the transfer (426) and of ABOR (226) in either order: the data channel closes meanwhile
        expect(client.reply(), (225, 226, 426, 451, 500, 502), "ABOR, second reply")
    except OSError:
        client.note("no second reply")
    client.control.settimeout(20)
    client.control.close()
    # Servers differ in the number of replies, so the session that goes on is a new one
    assert session(customer).command("NOOP").code == 200


@pytest.mark.slow
@pytest.mark.risk("transfers", decides=True)
def test_more_than_four_gigabytes(customer: Customer, session: Session, scratch: Scratch, measure: Measure) -> None:
    """A file of more than 4 GiB arrives, with its size, and is read across the 4 GiB: no counter of 32 bits on the way.

    Each MiB of it begins with its number, so that a part that is missing, doubled or in the wrong place shows.

    Source: RFC 3659 section 4 (SIZE has no limit); conntrack and NAT know no end of a connection by bytes.
    """
    blocks, body = (4 << 10) + 7, secrets.token_bytes((1 << 20) - 8)
    client = session(customer, timeout=120)
    path = scratch(client)
    client.passive()
    plain = client.open_data()
    expect(client.command(f"STOR {path}"), (125, 150), "STOR")
    began = time.monotonic()
    data = client.secure_data(plain)
    for number in range(blocks):
        data.sendall(number.to_bytes(8, "big") + body)
    data.unwrap().close()
    expect(client.reply(), STORED, "STOR")
    took = time.monotonic() - began
    measure("Times", "upload", f"{blocks} MiB in {took:.1f} s, {blocks / took:.0f} MiB/s")
    assert client.expect(f"SIZE {path}", 213).text == str(blocks << 20)

    # Back from just below 4 GiB on: the rest is what the other checks do
    first = blocks - 10
    expect(client.command(f"REST {first << 20}"), {350}, "REST")
    reply, received = client.retrieve(path)
    expect(reply, STORED, "RETR")
    assert len(received) == (blocks - first) << 20, f"{len(received)} bytes come after offset {first << 20}"
    for number in range(first, blocks):
        block = received[(number - first) << 20 :][: 1 << 20]
        assert block[:8] == number.to_bytes(8, "big"), f"MiB {number} is another one"
        assert block[8:] == body, f"MiB {number} is damaged"
    expect(client.command(f"DELE {path}"), DONE, "DELE")


@pytest.mark.risk("transfers")
def test_parallel_uploads_arrive_whole(desk: Desk, fresh: str) -> None:
    """Several clients of one customer at once get through, each with its own file.

    Source: what backup and mirror programs do; IIS: one data port for each transfer.
    """
    needs(desk, "curl")
    parallel = 4
    sums = desk.sh(
        f"for n in $(seq {parallel}); do head -c 2000000 /dev/urandom > p$n; done; cat p* | sha256sum"
    ).split()[0]
    base = f"ftp://{desk.target.fqdn}:{desk.target.explicit_port}/{desk.remote}"
    trust = "--cacert ca.pem" if desk.target.ca_file else ""
    resolve = f"--resolve {desk.target.fqdn}:{desk.target.explicit_port}:{desk.target.public_ip}"
    curl = f"curl -sS --ssl-reqd {trust} {resolve} --netrc-file login --connect-timeout 10 --max-time 60"
    desk.evidence(f"{desk.customer.host.name}: {parallel} times at once: {curl} -T p1 {base}{fresh}-1")
    desk.sh(
        f'pids=; for n in $(seq {parallel}); do {curl} -T p$n {base}{fresh}-$n & pids="$pids $!"; done;'
        f" for pid in $pids; do wait $pid; done; rm p*;"
        f" for n in $(seq {parallel}); do {curl} -o p$n {base}{fresh}-$n -Q '-DELE {fresh}-'$n; done"
    )
    assert desk.sh("cat p* | sha256sum").split()[0] == sums, "a file came back changed"
