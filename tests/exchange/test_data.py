"""The data channel: opened by the client only, in one range, in TLS, and only for that client."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .codes import NO_ACTIVE, NO_CLEAR_DATA, NO_DATA, UNKNOWN, expect
from .conftest import Commands, Connect, Scratch, Session
from .ftps_client import FtpsClient, RefusedError
from .outcomes import does_not_apply, not_tested
from .recorder import Evidence
from .target import TLS_VERSIONS, Customer, Target

Measure = Callable[[str, str, Any], None]
PORTS = pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])
WORKED = (226, 250, 450, 550)
"""Of a listing: some servers answer that an empty folder has nothing to list."""


@pytest.mark.quick
@pytest.mark.risk("nat", decides=True)
@pytest.mark.risk("dynamic-ports", decides=True)
@PORTS
def test_pasv_announces_the_public_address(
    target: Target, customer: Customer, commands: Commands, implicit: bool, measure: Measure
) -> None:
    """PASV returns the public address and a port of the range, on both ports of the service.

    No firewall can correct an inner address: it stands within TLS.

    Source: RFC 959 section 4.1.2; RFC 4217 section 7 (NAT); IIS firewallSupport/externalIp4Address.
    """
    client = commands(customer, implicit=implicit)
    for _ in range(3):
        address, port = client.pasv()
        measure("Addresses", f"announced by PASV, {'implicit' if implicit else 'explicit'}", address)
        assert address == target.public_ip, f"PASV returns {address}; the public address is {target.public_ip}"
        in_range(target, port, "PASV")


@pytest.mark.quick
@pytest.mark.risk("nat", decides=True)
@pytest.mark.risk("dynamic-ports", decides=True)
@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
@PORTS
def test_epsv_names_a_port_of_the_range(
    target: Target, customer: Customer, commands: Commands, implicit: bool, ipv6: bool
) -> None:
    """EPSV, which has no address in it that could be wrong, is offered, with ports of the range.

    Source: RFC 2428 section 3 (229).
    """
    target.address(ipv6)
    client = commands(customer, implicit=implicit, ipv6=ipv6)
    for _ in range(3):
        try:
            port = client.epsv()
        except RefusedError:
            pytest.fail(f"EPSV is refused: {client.transcript[-1]}")
        in_range(target, port, "EPSV")


@pytest.mark.quick
@pytest.mark.risk("nat", decides=True)
def test_former_addresses_and_ports_are_served(
    target: Target, customer: Customer, connect: Connect, evidence: Evidence
) -> None:
    """While the service moves, a customer who knows only former addresses and ports works as before.

    Each address and control port takes a login and a transfer, and PASV announces the address to which the client came.

    Source: docs/changing-addresses.md; RFC 959 section 4.1.2 (PASV).
    """
    addresses = [*target.also_addresses, target.public_ip]
    if not target.also_addresses and not target.also_explicit_port and not target.also_implicit_port:
        does_not_apply("no address and no control port changes now")
    ways = [(one, port, kind) for one in addresses for kind in (False, True) for port in target.ports(kind)]
    for address, port, implicit in ways:
        with connect(customer.host, address=address, port=port, implicit=implicit) as client:
            client = client if implicit else client.start_tls()
            client.login(customer.writer)
            if ":" not in address:
                announced, _ = client.pasv()
                assert announced == address, f"PASV at {address} port {port} announces {announced}"
            reply, _ = client.transfer("NLST")
            expect(reply, WORKED, f"a listing at {address} port {port}")
            evidence(f"{customer.host.name} -> {address}, port {port}: logged in, and listed a folder")


def in_range(target: Target, port: int, command: str) -> None:
    if target.passive_ports is None:
        assert port >= 1024, f"{command} names port {port}, a privileged one"
        return
    first, last = target.passive_ports
    assert first <= port <= last, f"{command} names port {port}, which is not in {first}-{last}"


@pytest.mark.risk("nat")
def test_epsv_all_rules_out_the_rest(customer: Customer, session: Session) -> None:
    """After EPSV ALL the server refuses PASV and PORT, as the client asked.

    Source: RFC 2428 section 4.
    """
    client = session(customer)
    reply = client.command("EPSV ALL")
    if reply.code >= 500:
        not_tested(f"EPSV ALL is not known: {reply}")
    expect(client.answer("PASV"), {421, *UNKNOWN, 522, 550}, "PASV after EPSV ALL")


@pytest.mark.quick
@pytest.mark.risk("server-connects", decides=True)
@pytest.mark.parametrize("kind", ["PORT own", "PORT foreign", "PORT low", "EPRT own", "EPRT loopback", "EPRT IPv6"])
def test_active_mode_is_refused(everybody: list[Customer], commands: Commands, kind: str) -> None:
    """The server connects to nobody: not to the client, not to others, not to low ports, not to itself.

    Asked by each customer: behind NAT the own address is not the one that the server sees, and a server that would
    connect to a client refuses it for that reason alone.

    Source: RFC 2577 section 3 (bounce attack; 504); RFC 2428 section 2 (EPRT: 522).
    """
    for customer in everybody:
        client = commands(customer)
        own = own_address(client)
        command = {
            "PORT own": f"PORT {own.replace('.', ',')},200,10",
            "PORT foreign": "PORT 203,0,113,99,200,10",
            "PORT low": f"PORT {own.replace('.', ',')},0,22",
            "EPRT own": f"EPRT |1|{own}|51000|",
            "EPRT loopback": "EPRT |1|127.0.0.1|51000|",
            "EPRT IPv6": "EPRT |2|::1|51000|",
        }[kind]
        expect(client.answer(command), NO_ACTIVE, f"{command.split()[0]}, asked by {customer.name}")


def own_address(client: FtpsClient) -> str:
    """The client's own IPv4 address; of a vantage point over SSH it is not known, and any other does as well."""
    here = client.control.family == socket.AF_INET
    return str(client.control.getsockname()[0]) if here else "203.0.113.5"


@pytest.mark.quick
@pytest.mark.risk("data-in-clear", decides=True)
def test_prot_c_is_refused(customer: Customer, commands: Commands, measure: Measure) -> None:
    """PROT C, which asks for data in clear, is refused.

    Source: RFC 4217 section 9 (534); RFC 2228 section 3 (536); IIS dataChannelPolicy SslRequire (sub-status 25).
    """
    reply = commands(customer).answer("PROT C")
    measure("Replies", "PROT C", str(reply))
    expect(reply, NO_CLEAR_DATA, "PROT C")


@pytest.mark.risk("data-in-clear")
@pytest.mark.parametrize("level", ["S", "E"])
def test_halves_of_protection_are_refused(customer: Customer, commands: Commands, level: str) -> None:
    """PROT S and E, which TLS does not have, are refused.

    Source: RFC 4217 section 9 (536); RFC 2228 section 3 (504).
    """
    expect(commands(customer).answer(f"PROT {level}"), NO_CLEAR_DATA, f"PROT {level}")


@pytest.mark.risk("data-in-clear", decides=True)
@pytest.mark.parametrize("ipv6", [pytest.param(False, marks=pytest.mark.quick), True], ids=["IPv4", "IPv6"])
def test_data_in_clear_is_refused(
    target: Target, customer: Customer, connect: Connect, session: Session, ipv6: bool, measure: Measure
) -> None:
    """A listing without PROT P before it gives nothing away: data begins in clear unless the server says no.

    Source: RFC 4217 sections 9 and 11.2 (521, 522); IIS dataChannelPolicy.
    """
    target.address(ipv6)
    if connect(customer.host, ipv6=ipv6).answer("AUTH TLS").code != 234:
        pytest.fail("the server offers no TLS: data can only go in clear")
    client = session(customer, ipv6=ipv6)
    client.control.close()
    # The same as session(), without PBSZ and PROT
    again = FtpsClient(target, customer.host, ipv6=ipv6, tls=client.tls, transcript=client.transcript).start_tls()
    with again:
        expect(again.try_login(customer.writer.name, customer.writer.password), {230}, "login")
        reply, received = again.clear_transfer("LIST")
        measure("Replies", "LIST without PROT P", str(reply))
        assert not received, f"{len(received)} bytes of a listing came in clear"
        expect(reply, NO_CLEAR_DATA, "LIST without PROT P")


@pytest.mark.quick
@pytest.mark.risk("data-in-clear", decides=True)
def test_a_client_in_clear_gets_no_data(customer: Customer, commands: Commands) -> None:
    """With PROT P agreed, a data connection that does not begin TLS receives no byte.

    Source: RFC 4217 section 10.
    """
    client = commands(customer)
    client.passive()
    received = b""
    with client.open_data() as data:
        client.command("LIST")
        data.settimeout(2)
        try:
            data.sendall(b"no TLS here\r\n")
            received = data.recv(4096)
        except OSError as error:
            client.note(f"data channel: {error}")
    # An alert of TLS (0x15) says that the handshake failed, and holds nothing
    assert received[:1] in (b"", b"\x15"), f"a data connection in clear received {received[:60]!r}"


@pytest.mark.quick
@pytest.mark.risk("data-in-clear", decides=True)
@pytest.mark.parametrize("version", list(TLS_VERSIONS.values()), ids=["TLSv1.2", "TLSv1.3"])
@PORTS
def test_the_data_channel_resumes_the_session(
    target: Target, customer: Customer, session: Session, version: ssl.TLSVersion, implicit: bool, measure: Measure
) -> None:
    """A data channel without the control channel's TLS session is refused; one with it works.

    Otherwise the first connection from the same address takes the transfer. IIS has no setting for it.

    Source: RFC 4217 section 10.2 (522); ProFTPD TLSOptions, vsftpd require_ssl_reuse (425).
    """
    target.need_version(version)
    name = version.name.replace("_", ".")
    client = session(customer, version=version, implicit=implicit)
    reply, _ = client.transfer("NLST", reuse=True)
    assert reply.code in WORKED, f"with the control channel's session under {name}: {reply}"
    resumed = client.data_resumed
    reply, received = client.transfer("NLST", reuse=False)
    measure(
        "TLS",
        f"data channel under {name}{', implicit' * implicit}",
        f"{'resumed' if resumed else 'a new session'} when offered; without: {reply}",
    )
    assert not received, f"{len(received)} bytes of a listing came without the control channel's session"
    expect(reply, NO_DATA, f"a data channel with a TLS session of its own ({name})")


@pytest.mark.risk("data-in-clear", decides=True)
@pytest.mark.parametrize("version", list(TLS_VERSIONS.values()), ids=["TLSv1.2", "TLSv1.3"])
@PORTS
def test_the_session_of_another_control_connection_is_refused(
    target: Target, customer: Customer, session: Session, version: ssl.TLSVersion, implicit: bool
) -> None:
    """A data channel that resumes the TLS session of another control connection is refused, be it of the same account.

    Tickets that any process of the server can open must not stand for any control connection.

    Source: RFC 4217 section 10.2; ProFTPD TLSOptions (425).
    """
    target.need_version(version)
    client = session(customer, version=version, implicit=implicit)
    other = session(customer, tls=client.tls, implicit=implicit)
    other.transfer("NLST")  # under TLS 1.3 the ticket comes with what is read after the handshake
    reply, received = client.transfer("NLST", resume=other.secured.session)
    assert not received, f"{len(received)} bytes of a listing came under another control connection's session"
    expect(reply, NO_DATA, "a data channel with the TLS session of another control connection")


@pytest.mark.risk("data-in-clear", decides=True)
@pytest.mark.parametrize("version", list(TLS_VERSIONS.values()), ids=["TLSv1.2", "TLSv1.3"])
@PORTS
def test_a_refused_data_channel_does_not_open_the_next_one(
    target: Target, customer: Customer, session: Session, version: ssl.TLSVersion, implicit: bool
) -> None:
    """What a refused data channel got in its handshake opens none of the same control connection either.

    ProFTPD stamps a ticket for the control connection before it refuses the data channel. Whoever shares the customer's
    address and reaches the port first, twice, would take a transfer.

    Source: RFC 4217 section 10.2; docs/adr/0019.
    """
    target.need_version(version)
    client = session(customer, version=version, implicit=implicit)
    refused, _ = client.transfer("NLST", reuse=False)
    expect(refused, NO_DATA, "a data channel with a TLS session of its own")
    reply, received = client.transfer("NLST", resume=client.data_session)
    assert not received, f"{len(received)} bytes of a listing came to whom the transfer before was refused"
    expect(reply, NO_DATA, "a data channel with what the refused one was given")
    reply, _ = client.transfer("NLST")
    assert reply.code in WORKED, f"after that, with the control channel's session: {reply}"


@pytest.mark.quick
@pytest.mark.risk("several-addresses", decides=True)
@pytest.mark.risk("data-in-clear")
def test_data_from_another_address_is_refused(customer: Customer, neighbour: Customer, session: Session) -> None:
    """Nobody picks up somebody else's data connection, not even another customer.

    Source: RFC 2577 section 3; RFC 4217 section 10.4; IIS matchClientAddressForPasv (425, sub-status 38).
    """
    client = session(customer)
    client.passive()
    try:
        thief = client.open_data(from_host=neighbour.host)
    except OSError as error:
        client.note(f"{neighbour.host.name} cannot connect: {error}")
        return
    with thief:
        client.note(f"{neighbour.host.name} connects to the data port")
        reply = client.command("NLST")
        received = b""
        if reply.code < 200:
            thief.settimeout(4)
            try:
                stolen = client.tls.wrap_socket(
                    thief, server_hostname=client.target.fqdn, session=client.secured.session
                )
                received = stolen.recv(4096)
            except OSError as error:
                client.note(f"the other's data channel: {error}")
            try:
                reply = client.reply()
            except (EOFError, OSError) as error:
                pytest.fail(
                    f"{neighbour.name} got {customer.name}'s data connection, and the session broke off: {error}"
                )
    assert not received, f"{neighbour.name} received {len(received)} bytes of {customer.name}'s listing"
    expect(reply, NO_DATA, "data connection from another customer's address")


@pytest.mark.risk("several-addresses", decides=True)
def test_many_transfers_in_a_row_meet_one_server(everybody: list[Customer], session: Session) -> None:
    """Ten data channels in a row reach the server of the control channel, from every customer.

    Behind a load balancer that treats channels separately, some would reach another node.

    Source: RFC 4217 section 10 (one server for both channels); IIS: keep 21 and the range on one node.
    """
    for customer in everybody:
        client = session(customer)
        for attempt in range(10):
            reply, _ = client.transfer("NLST")
            assert reply.code in WORKED, f"{customer.name}, transfer {attempt + 1} of 10: {reply}"


@pytest.mark.risk("several-addresses")
@pytest.mark.risk("starving")
def test_two_sessions_at_once_do_not_mix(customer: Customer, session: Session, scratch: Scratch) -> None:
    """Two sessions of one account with transfers in progress at the same time each get their own data.

    Source: RFC 959 section 3.2 (one data connection for one control connection).
    """
    first, second = session(customer), session(customer)
    contents = {}
    for client, letter in ((first, b"a"), (second, b"b")):
        path = scratch(client, letter.decode())
        contents[client] = (path, letter * 200_000)
        expect(client.store(*contents[client]), (226, 250), "upload")
    for client in (first, second):
        client.passive()
    opened = {client: client.open_data() for client in (second, first)}
    for client in (first, second):
        expect(client.command(f"RETR {contents[client][0]}"), (125, 150), "RETR")
    for client in (second, first):
        data = client.secure_data(opened[client])
        received = b""
        while chunk := data.recv(1 << 16):
            received += chunk
        data.close()
        expect(client.reply(), (226, 250), "RETR")
        assert received == contents[client][1], "a session received what is another's"


@pytest.mark.risk("server-connects")
def test_abandoned_data_connections_do_no_harm(customer: Customer, session: Session) -> None:
    """A data port that is asked for and not used, again and again, does not end the session or run out.

    Source: RFC 959 section 3.2; broken firewalls on the way do exactly this.
    """
    client = session(customer)
    for _ in range(12):
        client.passive()
    reply, _ = client.transfer("NLST")
    assert reply.code in WORKED, f"after twelve unused data ports: {reply}"


@pytest.mark.risk("server-connects", decides=True)
def test_the_server_connects_to_nobody(customer: Customer, session: Session, measure: Measure) -> None:
    """Without PASV or EPSV before it, a transfer is refused, or at least no connection from the server arrives.

    RFC 959's default is active mode to the client's own port; behind NAT that is somebody else's. A server that tries
    to connect, and is stopped by a firewall, keeps the client waiting: the report lists that among the replies.

    Source: RFC 959 section 3.2; RFC 1579; RFC 2577 section 3.
    """
    client = session(customer)
    if not customer.host.network_is_here:
        not_tested(f"packets that arrive at {customer.host.name} cannot be seen from the control node")
    with customer.host.network():
        # ETH_P_IP: whole packets, from the IP header on
        arriving = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    with arriving:
        arriving.settimeout(0.2)
        client.send("NLST")
        client.control.settimeout(1.2)
        try:
            reply = str(client.reply())
        except TimeoutError:
            reply = "no reply within a second"
        except (EOFError, OSError):
            reply = "connection closed"
        client.note(reply)
        measure("Replies", "NLST without PASV or EPSV", reply)
        attempts = [packet for packet in received(arriving) if is_attempt(packet, client.address)]
    assert not attempts, f"the server connects to {customer.host.name}"


def received(arriving: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(TimeoutError):
        for _ in range(10_000):
            yield arriving.recv(200)


def is_attempt(packet: bytes, source: str) -> bool:
    """Whether this is a TCP connection attempt (SYN without ACK) from the address."""
    start = 4 * (packet[0] & 15)
    return (
        packet[9] == socket.IPPROTO_TCP
        and socket.inet_ntoa(packet[12:16]) == source
        and len(packet) > start + 13
        and packet[start + 13] & 0x12 == 0x02
    )
