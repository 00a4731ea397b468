"""What the server answers, step by step: no clear text, no active mode, one range, one certificate.

Where a standard or a vendor leaves the reply open, the set of acceptable codes is the one other servers use too.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest

from .ftps_client import FtpsClient
from .lab import Customer, Lab

Connect = Callable[..., FtpsClient]


def test_the_greeting_names_no_product(globex: Customer, connect: Connect) -> None:
    assert not any(
        word in connect(globex.host).greeting.text.lower() for word in ("proftpd", "1.3", "debian", "microsoft")
    )


def test_user_before_tls_is_refused(globex: Customer, connect: Connect) -> None:
    """RFC 4217 section 12.1: a server may refuse a login in clear; this one never asks for the password (331)."""
    assert connect(globex.host).command(f"USER {globex.writer.name}").code in (421, 530, 534, 550)


@pytest.mark.parametrize("command", ["PBSZ 0", "PROT P", "LIST", "PASV", "EPSV"])
def test_nothing_works_before_tls(globex: Customer, connect: Connect, command: str) -> None:
    assert connect(globex.host).command(command).code in (421, 500, 503, 530, 534, 550)


@pytest.mark.parametrize("ipv6", [False, True])
def test_data_in_clear_is_refused(globex: Customer, connect: Connect, ipv6: bool) -> None:
    client = connect(globex.host, ipv6=ipv6).start_tls().login(globex.writer)
    assert client.command("PROT C").code in (521, 522, 534, 536)
    with connect(globex.host, ipv6=ipv6).start_tls() as clear:
        assert clear.try_login(globex.writer.name, globex.writer.password).code == 230
        clear.epsv()
        data = clear.open_data()
        reply = clear.command("LIST")
        reply = clear.reply() if reply.code < 200 else reply
        assert reply.code in (521, 522), "\n".join(clear.transcript)
        data.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions_that_work_and_session_reuse(lab: Lab, globex: Customer, connect: Connect, version: int) -> None:
    tls = ssl.create_default_context(cafile=lab.ca_file)
    tls.minimum_version = tls.maximum_version = ssl.TLSVersion(version)
    client = connect(globex.host, tls=tls).start_tls().login(globex.writer)
    assert client.transfer("MLSD")[0].code == 226


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(lab: Lab, globex: Customer, connect: Connect, version: int) -> None:
    """RFC 8996. Security level 0 makes sure that it is the server which refuses, not this client."""
    tls = ssl.create_default_context(cafile=lab.ca_file)
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion(version)
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version|alert"):
        connect(globex.host, tls=tls).start_tls()


def test_a_data_channel_without_the_control_session_is_refused(globex: Customer, connect: Connect) -> None:
    client = connect(globex.host).start_tls().login(globex.writer)
    reply, received = client.transfer("MLSD", reuse=False)
    assert reply.code in (425, 522), "\n".join(client.transcript)
    assert received == b""


@pytest.mark.parametrize("implicit", [False, True])
def test_pasv_announces_the_public_address_and_the_range(
    lab: Lab, acme: Customer, connect: Connect, implicit: bool
) -> None:
    client = connect(acme.host, implicit=implicit)
    client = (client if implicit else client.start_tls()).login(acme.writer)
    for _ in range(5):
        address, port = client.pasv()
        assert address == lab.public_ip
        assert lab.first_port <= port <= lab.last_port
        assert lab.first_port <= client.epsv() <= lab.last_port


def test_epsv_all_rules_out_the_rest(globex: Customer, connect: Connect) -> None:
    """RFC 2428 section 4."""
    client = connect(globex.host).start_tls().login(globex.writer)
    client.expect("EPSV ALL", 200)
    assert client.command("PASV").code in (500, 501, 503)


@pytest.mark.parametrize(
    "command",
    ["PORT 198,51,100,30,200,10", "PORT 127,0,0,1,0,22", "EPRT |1|198.51.100.30|51000|", "EPRT |2|::1|51000|"],
)
def test_active_mode_is_refused(globex: Customer, connect: Connect, command: str) -> None:
    client = connect(globex.host).start_tls().login(globex.writer)
    assert client.command(command).code in (500, 501, 502, 504, 522)


@pytest.mark.parametrize(
    "command", ["CCC", "SSCN ON", "SITE CPFR /", "SITE CHMOD 777 x", "SITE SYMLINK / x", "SITE EXEC id"]
)
def test_what_has_no_place_here_is_refused(globex: Customer, connect: Connect, command: str) -> None:
    client = connect(globex.host).start_tls().login(globex.writer)
    assert client.command(command).code >= 500


def test_a_second_auth_and_rein_give_nothing_away(globex: Customer, connect: Connect) -> None:
    client = connect(globex.host).start_tls().login(globex.writer)
    assert client.command("AUTH TLS").code in (500, 503, 534)
    assert client.command("REIN").code in (220, 500, 502)


def test_data_from_another_address_is_refused(
    lab: Lab, acme: Customer, globex: Customer, connect: Connect, fresh: str
) -> None:
    """RFC 2577 section 3: nobody picks up somebody else's data connection, not even another customer."""
    client = connect(globex.host).start_tls().login(globex.writer)
    client.epsv()
    thief = client.open_data(from_host=acme.host)
    reply = client.command("MLSD")
    reply = client.reply() if reply.code < 200 else reply
    assert reply.code in (425, 426, 522), "\n".join(client.transcript)
    thief.close()


@pytest.mark.parametrize("implicit", [False, True])
def test_the_certificate_is_the_same_and_verifies_everywhere(
    lab: Lab, globex: Customer, connect: Connect, implicit: bool
) -> None:
    client = connect(globex.host, implicit=implicit)
    client = (client if implicit else client.start_tls()).login(globex.writer)
    assert client.transfer("MLSD")[0].code == 226
    assert isinstance(client.control, ssl.SSLSocket)
    assert client.data_certificate == client.control.getpeercert(binary_form=True)


def test_the_chain_is_complete_and_in_order(lab: Lab, globex: Customer) -> None:
    """Leaf first, then the issuing authority (RFC 8446 section 4.4.2); the root stays at home."""
    out = globex.host.sh(
        f"openssl s_client -connect {lab.public_ip}:{lab.explicit_port} -starttls ftp -servername {lab.fqdn}"
        " -showcerts </dev/null 2>/dev/null | grep -E '^ *[0-9]+ s:|^ *i:'"
    )
    lines = [line.split(":", 1)[1].strip() for line in out.splitlines()]
    subjects, issuers = lines[0::2], lines[1::2]
    assert len(subjects) >= 2, out
    assert subjects[1:] == issuers[:-1], out
    assert subjects[-1] != issuers[-1], "the root is sent too"
