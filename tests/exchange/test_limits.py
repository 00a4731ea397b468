"""What one client may take from the others: guesses, sessions, time. These checks come last and clean up."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from . import packets
from .codes import NO_LOGIN, expect
from .conftest import Connect, Session, Silence
from .ftps_client import FtpsClient, Reply
from .outcomes import not_tested
from .target import Account, Customer, Target

Measure = Callable[[str, str, Any], None]

NO_ANSWER = 5
"""Seconds after which a guesser goes on over another connection: it would get there sooner."""

ENOUGH_GUESSES = 12
"""RFC 2577 section 5 suggests 5 in a session; more than a dozen is not a limit."""


@pytest.mark.hard
@pytest.mark.risk("guessing", decides=True)
def test_guessing_ends_the_session(customer: Customer, secured: Connect, fresh: str, measure: Measure) -> None:
    """After a few wrong passwords the server ends the session, or leaves the next ones without an answer.

    The account tried does not exist, so nobody is locked out.

    Source: RFC 2577 section 5 (limit the attempts, delay the reply); IIS denyByFailure.
    """
    client = secured(customer.host)
    client.control.settimeout(NO_ANSWER)
    began = time.monotonic()
    for attempt in range(1, ENOUGH_GUESSES + 1):
        try:
            reply = client.try_login(fresh, "guess")
        except (EOFError, OSError):
            reply = Reply(421, "closed")
        expect(reply, (*NO_LOGIN, 503), "a guess")
        if reply.code == 421 or _ended(client):
            measure(
                "Replies",
                "guessing in one session",
                f"ended after {attempt} attempts, {time.monotonic() - began:.1f} s",
            )
            return
    pytest.fail(f"{ENOUGH_GUESSES} wrong passwords in one session, and it goes on")


def _ended(client: FtpsClient) -> bool:
    client.control.settimeout(0.3)
    try:
        return client.control.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True
    finally:
        client.control.settimeout(NO_ANSWER)


@pytest.mark.hard
@pytest.mark.risk("guessing", decides=True)
@pytest.mark.risk("starving")
def test_guessing_is_banned_and_harms_nobody_else(
    target: Target, customer: Customer, neighbour: Customer, secured: Connect, session: Session, measure: Measure
) -> None:
    """Who guesses an account's password is shut out, even with the right one; other accounts and customers are not.

    One wrong password in each connection, which is how a guesser gets around a limit for each session. Tried with the
    customer's reading account, on the port of implicit TLS if there is one; the right password then on the other port.
    The ban is lifted on the server at the end.

    Source: RFC 2577 section 5; IIS denyByFailure; docs/ftps-server.md (ban_account, ban_source).
    """
    victim = customer.reader
    lift = unban(target)
    try:
        banned = guess(customer, secured, victim, implicit=target.implicit_port is not None)
        measure("Replies", "account after guessing", str(banned) if banned else "still admitted")
        assert banned, (
            f"{ENOUGH_GUESSES} wrong passwords, one in each connection, and the account is still admitted from there"
        )
        assert session(customer).command("NOOP").code == 200, "another account of the same customer is shut out"
        assert session(neighbour).command("NOOP").code == 200, "another customer is shut out"
    finally:
        lift(victim.name)
    expect(secured(customer.host).try_login(victim.name, victim.password), {230}, "login after the ban was lifted")


def guess(customer: Customer, secured: Connect, victim: Account, *, implicit: bool) -> Reply | None:
    """Guess once in each connection; the reply to the right password when the account is shut out."""

    def once(_: int) -> None:
        with contextlib.suppress(EOFError, OSError, pytest.skip.Exception):
            secured(customer.host, implicit=implicit).try_login(victim.name, "guess")

    # Servers take their time to refuse: several at once
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(once, range(ENOUGH_GUESSES)))
    try:
        reply = secured(customer.host).try_login(victim.name, victim.password)
    except pytest.skip.Exception:
        return Reply(421, "no connection")
    return reply if reply.code != 230 else None


def unban(target: Target) -> Callable[[str], None]:
    """How bans are lifted on this server; without a way to do it, nobody is banned in the first place."""
    servers = target.every_server
    if not all(server.has("ftps-exchange-guard") for server in servers):
        not_tested("there is no way to lift a ban on this server, so nobody is banned by a check")

    def lift(account: str) -> None:
        for server in servers:
            server.sh(f"ftps-exchange-guard permit {account}")

    return lift


@pytest.mark.risk("starving", decides=True)
def test_a_connection_is_greeted_at_once(customer: Customer, connect: Connect, measure: Measure) -> None:
    """At least one of five connections gets its greeting within 0.9 s: no handshake on the way is lost and repeated.

    The best of five, so that a busy machine does not matter. A lost handshake costs each of them a second.

    Source: RFC 6298 section 2.1 (a second before the first repetition); docs/ftps-server.md (logins under load).
    """
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        client = connect(customer.host)
        seconds.append(time.monotonic() - began)
        client.command("QUIT")
    measure("Replies", "greeting after, best of five, ms", round(1000 * min(seconds)))
    assert min(seconds) < 0.9, f"greetings after {', '.join(f'{each:.1f}' for each in seconds)} s"


BURST = 16


@pytest.mark.hard
@pytest.mark.risk("starving", decides=True)
def test_logins_at_the_same_moment_all_succeed(
    customer: Customer, neighbour: Customer, secured: Connect, measure: Measure
) -> None:
    """Logins of several customers at the same moment succeed, each with all its groups: what is looked up is found.

    Source: CWE-770; Samba, smb.conf(5) ("winbind max clients"); docs/ftps-server.md (logins under load).
    """
    logins = [(each, each.writer) for each in (customer, neighbour) for _ in range(BURST // 2)]
    with contextlib.ExitStack() as stack:
        clients = [(stack.enter_context(secured(each.host, timeout=60)), account) for each, account in logins]
        began = time.monotonic()
        with ThreadPoolExecutor(BURST) as pool:
            replies = list(pool.map(lambda one: one[0].try_login(one[1].name, one[1].password), clients))
        measure("Replies", f"{BURST} logins at once, s", round(time.monotonic() - began, 1))
        refused = [str(reply) for reply in replies if reply.code != 230]
        assert not refused, f"{len(refused)} of {BURST} logins with the right password were refused: {refused[0]}"


@pytest.mark.hard
@pytest.mark.risk("starving", decides=True)
def test_one_customer_does_not_take_every_session(
    target: Target, customer: Customer, neighbour: Customer, connect: Connect, session: Session, measure: Measure
) -> None:
    """One customer that opens connection after connection, to all ports and with all addresses, leaves room for others.

    Source: CWE-770; docs/edge.md (a budget for a customer); IIS maxConnections counts all together.
    """
    open_ones, tried = 0, 0
    ports = [False, True] if target.implicit_port else [False]
    families = [False, True] if target.public_ip6 else [False]
    with contextlib.ExitStack() as stack:
        for implicit, ipv6 in itertools.product(ports, families):
            for _ in range(60 // len(ports) // len(families)):
                tried += 1
                try:
                    client = stack.enter_context(connect(customer.host, implicit=implicit, ipv6=ipv6))
                except (OSError, EOFError):
                    continue
                open_ones += client.greeting.code == 220
        measure("Replies", "connections of one customer at once", f"{open_ones} of {tried}")
        for ipv6 in families:
            assert connect_at_once(session, neighbour, ipv6=ipv6).command("NOOP").code == 200
    recovered(session, customer)
    assert open_ones < tried, (
        f"all {open_ones} connections were taken; where the limit is, if there is one, was not seen"
    )


@pytest.mark.hard
@pytest.mark.risk("starving", decides=True)
def test_a_neighbour_at_the_passive_ports_stops_no_transfer(
    target: Target, customer: Customer, neighbour: Customer, session: Session, measure: Measure
) -> None:
    """Another customer's host tries all passive ports, 2,000 connections a second, and transfers go on.

    The client waits as long between the reply with the port and its connection as one that is 60 ms away.

    Source: CWE-406; docs/adr/0028; RFC 2577 section 3 (a server gives up when a stranger comes first).
    """
    client = session(customer, timeout=5)
    first, last = target.range
    transfers, failed = 10, []
    with packets.knocking(neighbour.host, target.public_ip, range(first, last + 1), rate=packets.MOST_A_SECOND):
        time.sleep(0.3)
        for _ in range(transfers):
            client.passive()
            time.sleep(0.06)
            try:
                with client.open_data() as data:
                    reply = client.command("NLST")
                    if reply.code < 200:
                        with contextlib.suppress(OSError):
                            client.secure_data(data).unwrap().close()
                        reply = client.reply()
            except OSError as error:
                failed.append(str(error))
                break
            if reply.code not in (226, 250, 450, 550):
                failed.append(str(reply))
    measure(
        "Replies", "transfers beside a neighbour's 2,000 connections a second", f"{len(failed)} of {transfers} fail"
    )
    assert not failed, f"{len(failed)} of {transfers} transfers fail: {failed[0]}"


@pytest.mark.hard
@pytest.mark.risk("starving", decides=True)
def test_forged_handshakes_use_up_nobodys_connections(
    target: Target, customer: Customer, session: Session, measure: Measure
) -> None:
    """A stranger begins 300 connections a port in a customer's name, and the customer still gets in.

    Source: RFC 4987; CWE-290; docs/edge.md (connections count after the handshake).
    """
    source = outside_address(target, customer)
    sent = 0
    for implicit in (False, True) if target.implicit_port else (False,):
        sent += packets.forged_handshakes(
            target.stranger, source, target.public_ip, target.port(implicit), rate=300, seconds=1.0
        )
    measure("Replies", "handshakes begun in a customer's name", sent)
    client = connect_at_once(session, customer)
    assert client.command("NOOP").code == 200


def outside_address(target: Target, customer: Customer) -> str:
    """The address that the service sees, of a customer in a lab."""
    host = customer.firewall or customer.host
    if not host.has("ip"):
        not_tested(f"{host.name} has no program ip that would tell its address")
    [route] = json.loads(host.sh(f"ip -j route get {target.public_ip}"))
    return str(route["prefsrc"])


def connect_at_once(session: Session, customer: Customer, **options: Any) -> FtpsClient:
    """A session, where not getting one is a failure and not a reason to test nothing."""
    try:
        return session(customer, **options)
    except pytest.skip.Exception as error:
        pytest.fail(f"{customer.name} does not get in any more: {error}")


@pytest.mark.hard
@pytest.mark.risk("starving", decides=True)
def test_connections_without_a_handshake_leave_room(
    target: Target, customer: Customer, neighbour: Customer, session: Session, measure: Measure
) -> None:
    """Connections that never begin TLS on the port of implicit TLS are limited too.

    The server counts a client there only after the handshake; a firewall has to do it before.

    Source: CWE-770; docs/edge.md; docs/ftps-server.md (TLSTimeoutHandshake).
    """
    port = target.port(implicit=True)
    with contextlib.ExitStack() as silent:
        peers = []
        for _ in range(60):
            with contextlib.suppress(OSError):
                peers.append(silent.enter_context(customer.host.connect(target.public_ip, port, timeout=3)))
        # A firewall may complete the handshake itself, and only then refuse
        time.sleep(0.5)
        opened = sum(map(still_open, peers))
        measure("Replies", "silent connections of one customer at once, implicit", f"{opened} of 60")
        assert connect_at_once(session, neighbour).command("NOOP").code == 200
    recovered(session, customer)
    assert opened < 60, "all 60 connections were taken; where the limit is, if there is one, was not seen"


def still_open(peer: socket.socket) -> bool:
    """Whether the other side has neither closed nor reset a connection on which nobody speaks."""
    peer.setblocking(False)
    try:
        return peer.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def recovered(session: Session, customer: Customer) -> None:
    """Wait until the server has noticed that the connections are gone."""
    for _ in range(20):
        try:
            session(customer).control.close()
            return
        except pytest.skip.Exception:
            time.sleep(0.5)
    pytest.fail("ten seconds after all connections were closed, the server still has no room")


@pytest.mark.hard
@pytest.mark.risk("starving", decides=True)
def test_the_sessions_of_an_account_are_limited(
    customer: Customer, secured: Connect, session: Session, measure: Measure
) -> None:
    """One account cannot hold any number of sessions, and has its room again when they end.

    Source: CWE-770; ProFTPD MaxClientsPerUser (530).
    """
    account, admitted = customer.writer, 0
    session(customer).control.close()
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            try:
                client = stack.enter_context(secured(customer.host))
            except pytest.skip.Exception:
                break
            if client.try_login(account.name, account.password).code != 230:
                break
            admitted += 1
    measure("Replies", "sessions of one account at once", f"{admitted}{' or more' if admitted == 20 else ''}")
    recovered(session, customer)
    assert admitted < 20, "one account holds 20 sessions at once"


@pytest.mark.hard
@pytest.mark.risk("dynamic-ports", decides=True)
def test_no_port_outside_the_range_when_it_is_used_up(
    target: Target, customer: Customer, neighbour: Customer, session: Session
) -> None:
    """With many passive ports asked for at once, each is of the range, or the request is refused.

    ProFTPD takes any port, without a word, when the range is used up.

    Source: docs/ftps-server.md (max_sessions at most the passive ports); vsftpd and IIS: behaviour not documented.
    """
    first, last = target.range
    clients: list[FtpsClient] = []
    ports_of: dict[str, list[int]] = {}
    for owner in (customer, neighbour):
        own: list[FtpsClient] = []
        for _ in range(8):
            try:
                own.append(session(owner))
            except pytest.skip.Exception:
                break
        ports_of[owner.name] = [client.epsv() for client in own]
        clients += own
    ports = [port for own_ports in ports_of.values() for port in own_ports]
    for client in clients:
        client.control.close()
    outside = [port for port in ports if not first <= port <= last]
    assert not outside, f"ports outside of {first}-{last}: {outside}"
    # Two customers may have the same port, where each has an address of its own on the server
    assert all(len(set(own)) == len(own) for own in ports_of.values()), "two sessions were given the same port"
    recovered(session, customer)


@pytest.mark.slow
@pytest.mark.risk("starving", decides=True)
@pytest.mark.parametrize("kind", ["no handshake", "no login"])
def test_who_does_nothing_is_put_out(waiting: dict[str, Silence], kind: str, measure: Measure) -> None:
    """A connection on which nobody logs in is ended within two minutes; silence before TLS as well.

    Source: RFC 2577 section 5; IIS unauthenticatedTimeout (30 s); ProFTPD TimeoutLogin, TLSTimeoutHandshake.
    """
    if kind not in waiting:
        not_tested("there was no such connection to wait for")
    lasted = waiting[kind].lasted(125)
    assert lasted is not None, "after two minutes the connection is still open"
    measure("Times", f"connection with {kind} is ended", f"after {lasted:.0f} s")
