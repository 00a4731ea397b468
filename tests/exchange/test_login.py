"""Who gets in, and from where: known accounts with their password from their own address, and nobody else."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .codes import NO_LOGIN, expect
from .conftest import Connect, Session, trusted
from .ftps_client import Reply
from .outcomes import not_tested
from .recorder import Recorder
from .target import Customer, Target
from .test_limits import unban

Measure = Callable[[str, str, Any], None]


@pytest.mark.quick
@pytest.mark.risk("transfers", decides=True)
def test_login_works(
    target: Target, everybody: list[Customer], secured: Connect, recorder: Recorder, measure: Measure
) -> None:
    """Every customer's accounts log in over TLS, from the customer's own host, on every port of the service.

    Source: RFC 4217 section 13 (a typical session); RFC 959 section 5.4 (331, 230).
    """
    recorder.gauges["up"] = 0
    for customer in everybody:
        for account in customer.accounts:
            for implicit in (False, True) if target.implicit_port else (False,):
                verified = trusted(target, customer.host, implicit)
                if not verified and target.real_customers:
                    not_tested("the server did not prove who it is, so no password was sent to it")
                client = secured(customer.host, implicit=implicit, tls=target.context(verify=verified))
                began = time.monotonic()
                expect(client.try_login(account.name, account.password), {230}, f"login of {account.name}")
                measure("Times", f"login of {account.name}", f"{time.monotonic() - began:.2f} s")
                expect(client.answer("PBSZ 0"), {200}, "PBSZ 0")
                expect(client.answer("PROT P"), {200}, "PROT P")
    recorder.gauges["up"] = 1


@pytest.mark.risk("unknown-hosts", decides=True)
@pytest.mark.parametrize("user", [pytest.param("anonymous", marks=pytest.mark.quick), "ftp"])
def test_anonymous_is_refused(customer: Customer, secured: Connect, user: str) -> None:
    """Nobody logs in without an account.

    Source: RFC 1635 (how anonymous FTP works); IIS anonymousAuthentication.
    """
    expect(secured(customer.host).try_login(user, "guest@example.org"), NO_LOGIN, f"login as {user}")


@pytest.mark.hard
@pytest.mark.risk("guessing")
@pytest.mark.parametrize("user", ["root", "nobody", "proftpd", "Administrator", "krbtgt", "Guest"])
def test_accounts_of_the_system_are_refused(customer: Customer, secured: Connect, user: str) -> None:
    """Accounts of the operating system and of the directory itself are none of the service.

    Source: RFC 2577 section 5; CWE-1392 (default credentials).
    """
    expect(secured(customer.host).try_login(user, "Passw0rd.guess"), NO_LOGIN, f"login as {user}")


@pytest.mark.hard
@pytest.mark.risk("guessing")
@pytest.mark.parametrize("kind", ["wrong", "empty", "very long", "of another case"])
def test_a_wrong_password_is_refused(customer: Customer, secured: Connect, kind: str) -> None:
    """Only the password itself opens an account: no other, no empty one, no overlong one, no other case.

    Source: RFC 959 section 5.4 (530); RFC 4513 section 5.1.2 (an LDAP bind with an empty password is anonymous).
    """
    account = customer.writer
    other = {
        "wrong": "wrong-password",
        "empty": "",
        "very long": "x" * 2000,
        "of another case": account.password.swapcase(),
    }[kind]
    reply = secured(customer.host).try_login(account.name, other)
    expect(reply, (*NO_LOGIN, 500, 501), f"a password that is {kind}")


SAMPLES = 20
"""Of each kind. Fewer would not show a difference of some milliseconds in the noise of a busy machine."""
TOLD_APART = 0.3
"""How far the chance that one kind is the slower may be from one half: three standard deviations for 20 of each."""
APART, AT_ONCE = 0.5, 8
"""Seconds between two tries, and how many wait for their refusal: both kinds in turn, so both meet the same server."""


def chance_slower(one: list[float], other: list[float]) -> float:
    """How likely a value of the first list is above one of the second (Mann-Whitney: U by the number of pairs)."""
    above = sum((value > against) + (value == against) / 2 for value in one for against in other)
    return above / (len(one) * len(other))


@pytest.mark.hard
@pytest.mark.risk("guessing", decides=True)
def test_a_refusal_tells_nothing(
    target: Target, customer: Customer, secured: Connect, measure: Measure, fresh: str
) -> None:
    """A wrong password and an unknown account get the same reply, and the response time does not reveal which.

    The times of 20 refusals of each are compared as a whole: an attacker can measure often, too. What was
    counted for the account is forgotten in between, so that it is not banned.

    Source: RFC 2577 section 5; OWASP Testing Guide, account enumeration; Mann and Whitney (1947).
    """
    lift = unban(target)
    replies: dict[str, set[str]] = {"wrong password": set(), "unknown account": set()}
    times: dict[str, list[float]] = {what: [] for what in replies}

    def refused(what: str) -> None:
        user = customer.writer.name if what == "wrong password" else fresh
        client = secured(customer.host)
        expect(client.answer(f"USER {user}"), {331}, "USER")
        began = time.monotonic()
        reply = client.answer("PASS wrong-password")
        times[what].append(time.monotonic() - began)
        replies[what].add(str(reply).replace(user, "USER"))
        client.control.close()
        expect(reply, NO_LOGIN, what)

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            begun = []
            for turn in range(SAMPLES):
                if turn % 4 == 0:
                    lift(customer.writer.name)
                for what in sorted(replies, reverse=turn % 2 == 0):
                    begun.append(pool.submit(refused, what))
                    time.sleep(APART)
        for one in begun:
            one.result()
    finally:
        lift(customer.writer.name)
    for what, seconds in times.items():
        measure("Times", f"refusal, {what}", f"{statistics.median(seconds):.3f} s")
    measure("Replies", "login refused", sorted(replies["wrong password"] | replies["unknown account"]))
    assert replies["wrong password"] == replies["unknown account"], f"the replies differ: {replies}"
    chance = chance_slower(times["wrong password"], times["unknown account"])
    measure("Times", "chance that a wrong password is refused later than an unknown account", f"{chance:.2f}")
    assert abs(chance - 0.5) <= TOLD_APART, (
        f"a wrong password is refused later than an unknown account in {chance:.0%} of all pairs: "
        f"{ {what: [round(one, 3) for one in sorted(seconds)] for what, seconds in times.items()} }"
    )


@pytest.mark.hard
@pytest.mark.risk("guessing", decides=True)
def test_a_refusal_takes_as_long_on_each_port(
    target: Target, customer: Customer, secured: Connect, measure: Measure, fresh: str
) -> None:
    """The wait before a login is refused is the same on both ports: nobody guesses faster on one of them.

    Source: RFC 2577 section 5 (delay the reply); ProFTPD DelayOnEvent, which holds for one server.
    """
    target.port(implicit=True)
    times = {}
    for implicit in (False, True):
        client = secured(customer.host, implicit=implicit)
        began = time.monotonic()
        expect(client.try_login(fresh, "wrong-password"), NO_LOGIN, "an unknown account")
        times[target.port(implicit)] = time.monotonic() - began
        measure("Times", f"refusal on port {target.port(implicit)}", f"{times[target.port(implicit)]:.2f} s")
    slow, fast = max(times.values()), min(times.values())
    told = ", ".join(f"{seconds:.2f} s on port {port}" for port, seconds in times.items())
    assert slow - fast < max(0.5, 0.3 * slow), f"the times differ: {told}"


@pytest.mark.quick
@pytest.mark.risk("unknown-hosts", decides=True)
def test_an_account_works_from_its_own_customer_only(
    target: Target, customer: Customer, neighbour: Customer, secured: Connect
) -> None:
    """The right password from another customer's host is refused, in both directions.

    Source: docs/verify.md, risks (allow-list per account at the server); IIS ipSecurity by path.
    """
    pairs = ((customer, neighbour), (neighbour, customer))
    if target.real_customers and not all(trusted(target, elsewhere.host, False) for _, elsewhere in pairs):
        not_tested("the server did not prove who it is, so no password was sent to it")

    def tried(owner: Customer, elsewhere: Customer) -> Reply:
        client = secured(elsewhere.host, tls=target.context(verify=trusted(target, elsewhere.host, False)))
        return client.try_login(owner.writer.name, owner.writer.password)

    # Servers take their time to refuse: both at once
    with ThreadPoolExecutor(len(pairs)) as pool:
        replies = list(pool.map(tried, *zip(*pairs, strict=True)))
    for (owner, elsewhere), reply in zip(pairs, replies, strict=True):
        expect(reply, NO_LOGIN, f"{owner.writer.name} from {elsewhere.host.name}")


@pytest.mark.risk("unknown-hosts")
@pytest.mark.parametrize("form", ["{domain}\\{user}", "{user}@{domain}", "{upper}"])
def test_other_spellings_are_the_same_account_or_none(
    target: Target, customer: Customer, neighbour: Customer, secured: Connect, form: str
) -> None:
    """Another spelling of an account's name does not get around its list of addresses.

    Source: MS-NRPC and MS-ADTS (DOMAIN\\user and user@domain name the same account, in any case).
    """
    user = neighbour.writer.name
    spelt = form.format(user=user, upper=user.upper(), domain="CORP")
    verified = trusted(target, customer.host, False)
    if not verified and target.real_customers:
        not_tested("the server did not prove who it is, so no password was sent to it")
    client = secured(customer.host, tls=target.context(verify=verified))
    expect(client.try_login(spelt, neighbour.writer.password), (*NO_LOGIN, 501), f"{spelt} from {customer.host.name}")


@pytest.mark.risk("isolation")
def test_a_session_starts_at_its_root(everybody: list[Customer], session: Session) -> None:
    """After login the current folder is the home, whose name reveals nothing about the server's file system.

    Source: RFC 959 section 4.1.3 (PWD, 257); RFC 2577 section 7 (information about the server).
    """
    for customer in everybody:
        reply = session(customer).command("PWD")
        expect(reply, {257}, "PWD")
        assert '"/' in reply.text
        inner = [word for word in ("srv", "home", "inetpub", "users", "var") if f"/{word}" in reply.text.lower()]
        assert not inner, f"PWD shows {reply.text}"
