"""The control channel, command by command: nothing before TLS, nothing that takes the protection away again."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from .codes import DONE, TLS_FIRST, UNKNOWN, expect, refused
from .conftest import Commands, Connect, Session
from .ftps_client import RefusedError
from .target import Customer, Target

Measure = Callable[[str, str, Any], None]


@pytest.mark.quick
@pytest.mark.risk("credentials-in-clear", decides=True)
def test_auth_tls_is_offered(target: Target, customer: Customer, connect: Connect, measure: Measure) -> None:
    """AUTH TLS is accepted, and a TLS handshake follows.

    Source: RFC 4217 section 4 (234); RFC 2228 section 3.
    """
    client = connect(customer.host)
    reply = client.command("AUTH TLS")
    measure("Replies", "AUTH TLS", str(reply))
    expect(reply, {234}, "AUTH TLS")
    client.transcript.clear()
    again = connect(customer.host)
    again.start_tls()
    measure("TLS", "negotiated with this client", f"{again.secured.version()}, {(again.secured.cipher() or '?')[0]}")


@pytest.mark.quick
@pytest.mark.risk("credentials-in-clear", decides=True)
def test_user_before_tls_is_refused(customer: Customer, connect: Connect, measure: Measure) -> None:
    """USER before TLS never leads to the question for a password (331), for a real account and an unknown one.

    No password is sent here, whatever the answer.

    Source: RFC 4217 sections 4 and 12.1; IIS controlChannelPolicy SslRequire (534, log sub-status 24).
    """
    name = customer.accounts[0].name if customer.accounts else "exchange-check"
    for user in (name, "no-such-user-here"):
        reply = connect(customer.host).answer(f"USER {user}")
        measure("Replies", "USER before TLS", str(reply))
        expect(reply, TLS_FIRST, "USER before TLS (331 would ask for a password in clear)")


@pytest.mark.risk("credentials-in-clear")
def test_pass_before_tls_is_refused(customer: Customer, connect: Connect) -> None:
    """PASS before TLS is refused too, without USER before it. The password sent is a made-up one.

    Source: RFC 4217 section 12.1; RFC 959 section 5.4 (503, 530).
    """
    expect(connect(customer.host).answer("PASS made-up-by-the-check"), TLS_FIRST, "PASS before TLS")


@pytest.mark.risk("data-in-clear")
@pytest.mark.parametrize("command", ["PBSZ 0", "PROT P", "LIST", "PASV", "EPSV", "RETR x", "STOR x"])
def test_nothing_works_before_tls(customer: Customer, connect: Connect, command: str) -> None:
    """Neither the security commands nor transfers work before TLS and login.

    Source: RFC 4217 section 9 (PBSZ and PROT only after AUTH: 503); RFC 959 section 5.4 (530).
    """
    expect(connect(customer.host).answer(command), TLS_FIRST, f"{command} before TLS")


@pytest.mark.risk("credentials-in-clear")
@pytest.mark.parametrize("mechanism", ["SSL", "TLS-P", "TLS-C", "KERBEROS_V4", "GSSAPI", "NONSENSE"])
def test_other_mechanisms_lead_nowhere(customer: Customer, connect: Connect, mechanism: str) -> None:
    """AUTH with anything else is refused, or leads into TLS like AUTH TLS; afterwards USER in clear is still refused.

    Source: RFC 4217 section 4 (504 for an unknown mechanism; TLS-P and SSL are historic).
    """
    client = connect(customer.host)
    reply = client.answer(f"AUTH {mechanism}")
    if reply.code == 234:
        # TLS begins now: a command in clear is no handshake, and the server must not answer it
        client.send("USER exchange-check")
        try:
            client.control.settimeout(5)
            answer = client.control.recv(1000)
        except OSError:
            answer = b""
        assert b"331" not in answer, f"after AUTH {mechanism} USER in clear was answered {answer[:60]!r}"
        return
    if reply.code != 421:
        expect(client.answer("USER exchange-check"), TLS_FIRST, f"USER in clear after AUTH {mechanism} failed")


@pytest.mark.quick
@pytest.mark.risk("credentials-in-clear", decides=True)
def test_nothing_sent_in_clear_is_carried_into_tls(customer: Customer, connect: Connect) -> None:
    """What stands behind AUTH TLS in the same packet is not taken for a command of the protected session.

    Somebody in the middle would put commands into a victim's session that way.

    Source: CVE-2011-0411 and its like in FTP servers; RFC 3207 section 4.2 has the rule for SMTP.
    """
    client = connect(customer.host)
    client.transcript.append("> AUTH TLS, and in the same packet: NOOP, HELP")
    client.control.sendall(b"AUTH TLS\r\nNOOP\r\nHELP\r\n")
    try:
        reply = client.reply()
        expect(reply, {234}, "AUTH TLS")
        client._handshake()
    except (RefusedError, OSError, EOFError):
        return
    client.secured.settimeout(1)
    try:
        answer = client.secured.recv(1000)
    except OSError:
        answer = b""
    assert not answer, f"inside TLS the server answered what was sent in clear: {answer[:60]!r}"


@pytest.mark.quick
@pytest.mark.risk("credentials-in-clear")
def test_a_second_auth_is_refused(customer: Customer, secured: Connect) -> None:
    """AUTH within TLS is refused: TLS is already active.

    Source: RFC 4217 section 4 and RFC 2228 section 3 (503, 534); a server may also answer 234 and nest another layer,
    which no client does.
    """
    expect(secured(customer.host).answer("AUTH TLS"), {421, *UNKNOWN, 534}, "AUTH TLS within TLS")


@pytest.mark.quick
@pytest.mark.risk("credentials-in-clear", decides=True)
def test_ccc_is_refused(customer: Customer, commands: Commands) -> None:
    """CCC, which ends the protection of the control channel, is refused.

    Source: RFC 4217 section 12.3 and RFC 2228 section 3 (533, 534); unknown to IIS (500).
    """
    client = commands(customer)
    expect(client.answer("CCC"), {421, *UNKNOWN, 533, 534, 550}, "CCC")
    assert isinstance(client.control, ssl.SSLSocket)
    expect(client.command("NOOP"), DONE, "NOOP within TLS after CCC was refused")


@pytest.mark.risk("credentials-in-clear")
def test_rein_leaves_nothing_behind(customer: Customer, session: Session) -> None:
    """REIN is refused, or ends the whole session: the next user must log in again.

    Source: RFC 4217 section 11 (REIN ends TLS); RFC 959 section 4.1.1 (220, 502).
    """
    client = session(customer)
    reply = client.answer("REIN")
    expect(reply, {120, 220, 421, *UNKNOWN}, "REIN")
    if reply.code in (120, 220):
        client.control.settimeout(5)
        try:
            after = client.answer("PWD")
        except OSError:
            return
        refused(after, "PWD after REIN")


@pytest.mark.quick
@pytest.mark.risk("nat", decides=True)
def test_the_inner_address_is_not_told(
    target: Target, customer: Customer, commands: Commands, measure: Measure
) -> None:
    """No reply contains an internal address: not the greeting, FEAT, HELP, SYST, STAT or SITE HELP.

    Source: RFC 2979 (NAT and protocols that carry addresses); RFC 1918 and RFC 4193 for what is an inner address.
    """
    client = commands(customer)
    said = {"greeting": client.greeting.text}
    for command in ("FEAT", "HELP", "SYST", "STAT", "SITE HELP"):
        said[command] = client.answer(command).text
    for command, text in said.items():
        for word in re.findall(r"(?<![\d.])\d+\.\d+\.\d+\.\d+(?![\d.])|\bf[cd][0-9a-f]{2}:[0-9a-f:]+", text):
            try:
                address = ipaddress.ip_address(word)
            except ValueError:
                continue
            # STAT may show the client's own address
            own = client.control.getsockname()[0] if client.control.family.name.startswith("AF_INET") else ""
            inner = address.is_private and str(address) not in (*target.addresses, own) and not _documentation(address)
            assert not inner, f"{command} shows the internal address {address}"
    measure("Replies", "FEAT", [line.strip() for line in said["FEAT"].splitlines()[1:-1]])
    measure("Replies", "SYST", said["SYST"])


def _documentation(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Ranges for documentation count as private in Python; a lab's public addresses are from them."""
    networks = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    return any(address in ipaddress.ip_network(network) for network in networks)


@pytest.mark.quick
@pytest.mark.risk("guessing")
def test_the_greeting_names_no_product(customer: Customer, connect: Connect) -> None:
    """The greeting names no product and no version to somebody who has not even logged in.

    Source: OWASP Web Security Testing Guide, fingerprinting of servers; IIS: suppressDefaultBanner.
    """
    text = connect(customer.host).greeting.text.lower()
    words = ("proftpd", "vsftpd", "pure-ftpd", "pyftpdlib", "filezilla", "microsoft", "debian", "ubuntu", "serv-u")
    named = [word for word in words if word in text] + re.findall(r"(?<![\d.])\d+\.\d+\.\d+[a-z]?\b(?!\.)", text)
    assert not named, f"the greeting shows {', '.join(named)}"


@pytest.mark.quick
@pytest.mark.risk("guessing")
def test_no_reply_names_a_version(customer: Customer, session: Session) -> None:
    """CSID, which names the server's software to a client, contains no version.

    Source: draft-peterson-ftp-csid; OWASP Web Security Testing Guide, fingerprinting of servers.
    """
    text = session(customer).answer("CSID Name=check;Version=1;").text
    assert "version" not in text.lower(), f"CSID says: {text}"


@pytest.mark.risk("starving")
@pytest.mark.parametrize(
    "junk", ["a line of 100,000 characters", "no line end", "NUL bytes", "TELNET controls", "HTTP"]
)
def test_junk_does_not_impress(customer: Customer, connect: Connect, junk: str) -> None:
    """Bytes that are not a command are refused or end the connection, and the next client is served normally.

    Source: RFC 959 section 5.4 (500, 501, 421); RFC 1123 section 4.1.2.12 (TELNET within commands).
    """
    sent = {
        "a line of 100,000 characters": b"USER " + b"A" * 100_000 + b"\r\n",
        "no line end": b"B" * 65_536,
        "NUL bytes": b"\0" * 500 + b"\r\n",
        "TELNET controls": b"\xff\xf4\xff\xf2ABOR\r\n\xff\xfd\xff\xfb\r\n",
        "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
    }[junk]
    client = connect(customer.host)
    client.note(f"sends {junk}")
    client.control.settimeout(3)
    received = b""
    try:
        client.control.sendall(sent)
        received = client.control.recv(65536)
    except OSError as error:
        client.note(str(error))
    for line in received.decode("utf-8", "replace").splitlines():
        client.transcript.append(f"< {line[:120]}")
    assert b"331" not in received[:3], "junk led to the question for a password"
    assert connect(customer.host).greeting.code == 220, "the next client is not greeted"


@pytest.mark.quick
@pytest.mark.risk("server-connects")
@pytest.mark.risk("data-in-clear")
@pytest.mark.parametrize("command", ["SSCN ON", "CPSV"])
def test_server_to_server_transfers_are_refused(customer: Customer, commands: Commands, command: str) -> None:
    """Transfers between two servers with a third party in charge are not offered.

    Source: RFC 4217 section 10 (data connections are between client and server); RFC 2577 section 3 (bounce attack).
    """
    refused(commands(customer).answer(command), command)


@pytest.mark.risk("isolation")
@pytest.mark.parametrize(
    "command", ["SITE CPFR /", "SITE SYMLINK / x", "SITE EXEC id", "SITE CHOWN root x", "SITE UMASK 000"]
)
def test_site_commands_give_no_power(customer: Customer, commands: Commands, command: str) -> None:
    """Copying on the server, links, programs and owners are not offered.

    Source: CVE-2015-3306 (SITE CPFR), CVE-1999-0080 (SITE EXEC); SITE is open to each product (RFC 959 section 4.1.3).
    """
    refused(commands(customer).answer(command), command)
