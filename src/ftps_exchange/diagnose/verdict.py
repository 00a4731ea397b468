"""Model and evidence -> findings, the most probable cause first.

What stops everybody comes before what stops one customer, and that before what stopped one attempt. An attempt that
failed before a later success of the same account explains nothing any more. The logs say "wrong password" for an
account that is disabled, expired or locked out, so the state in the directory comes first.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Final

from ftps_exchange.amounts import size
from ftps_exchange.directory import memberships
from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.names import SHARED
from ftps_exchange.model.problems import nearest
from ftps_exchange.model.view import Account, Customer, Exchange, Model, Network, effective_access

from .causes import CAUSES, Cause
from .events import FAILURES, SUCCESS, Event, events, plain_address
from .evidence import Element, Evidence, Firewall, Refused

FULL_PERCENT: Final = 1
DATA_FOLLOWS: Final = 30
"""Seconds after a login in which a refused data connection belongs to it."""
CLOCK: Final = 2
"""Seconds by which two of the host's times of the same moment may differ."""
_OF_EVENT: Final = {
    "foreign address": "wrong source address",
    "banned": "banned",
    "wrong password": "wrong password",
    "unknown account": "account unknown",
    "spelling": "spelling",
    "session refused": "session refused",
    "groups incomplete": "groups incomplete",
    "session limit": "session limit",
    "address limit": "address limit",
    "server full": "server full",
    "no TLS": "no TLS",
    "TLS version": "TLS version",
    "certificate refused": "certificate refused",
    "TLS cut": "TLS cut",
    "not resumed": "session not resumed",
    "foreign data": "two addresses",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause with its evidence; ``time`` is None for a state that holds now."""

    cause: Cause
    verdict: str
    remedy: str
    sentence: str
    evidence: tuple[str, ...]
    time: float | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a customer, and perhaps one of its accounts and an address."""

    model: Model
    customer: Customer
    account: Account | None
    account_name: str
    address: str
    evidence: Evidence

    @property
    def exchange(self) -> Exchange:
        return self.model.exchange

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts that are looked at."""
        return (self.account,) if self.account else () if self.account_name else self.customer.accounts

    @property
    def networks(self) -> list[str]:
        return [str(network) for network in networks_of(self.customer)]

    def covers(self, address: str) -> bool:
        """Whether an address is one of the customer's."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in networks_of(self.customer))

    def finding(self, cause: str, *, proof: Iterable[str] = (), time: float | None = None, **words: str) -> Finding:
        """A finding with the texts of its cause."""
        exchange = self.exchange
        ports = [str(port) for port in (*exchange.explicit_ports, *exchange.implicit_ports)]
        known = {
            "fqdn": exchange.fqdn,
            "networks": ", ".join(self.networks) or "none",
            "accounts": ", ".join(account.name for account in self.customer.accounts) or "none",
            "ports": " and ".join(ports),
            "passive": ", ".join(f"{first}-{last}" for first, last in exchange.passive_ranges),
            "account": self.account_name or "the account",
            "address": self.address or "an unknown address",
            "detail": "",
            **{key: value for key, value in words.items() if value},
        }
        chosen = CAUSES[cause]
        return Finding(
            chosen,
            chosen.verdict.format(**known),
            chosen.remedy.format(**known),
            chosen.sentence.format(**known),
            tuple(proof),
            time,
        )


def networks_of(customer: Customer) -> tuple[Network, ...]:
    """The networks of a customer, IPv4 first."""
    return (*customer.sources4, *customer.sources6)


def ask(model: Model, customer: str, account: str, address: str, evidence: Evidence) -> Question:
    """The question, with names that exist; raises ExchangeError with the nearest one."""
    by_name = {one.name: one for one in model.customers}
    if account and not customer:
        owners = [one for one in model.customers if any(own.name == account for own in one.accounts)]
        customer = owners[0].name if owners else ""
    if address and not customer and not account:
        customer = next(iter(owners_of(model, address)), "")
    if customer not in by_name:
        asked = customer or account or address
        guess = nearest(asked, by_name) if asked else None
        raise ExchangeError(
            "is no customer of this inventory" if asked else "is missing",
            field="CUSTOMER" if customer or not asked else "ACCOUNT" if account else "ADDRESS",
            value=asked or None,
            remedy=f"Did you mean {guess}?" if guess else "Give CUSTOMER=, or an ACCOUNT= or ADDRESS= of a customer",
        )
    if address and not plain_address(address):
        raise ExchangeError(
            "is not an address", field="ADDRESS", value=address, remedy="Write one address, such as 198.51.100.20"
        )
    found = next((own for own in by_name[customer].accounts if own.name == account), None)
    return Question(model, by_name[customer], found, account, plain_address(address), evidence)


def owners_of(model: Model, address: str) -> list[str]:
    """The customers that an address belongs to."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return []
    return [
        one.name
        for one in model.customers
        if one.state != "absent" and any(parsed in network for network in networks_of(one))
    ]


def findings(question: Question) -> list[Finding]:
    """Every finding, the verdict first. There is always one."""
    happened = [event for server in question.evidence.servers for event in events(server.journal, server.tls)]
    happened.sort(key=lambda event: event.time)
    mine = [event for event in happened if _concerns(question, event)]
    found = [
        *_of_the_model(question),
        *_of_the_service(question),
        *_of_the_account_name(question),
        *_of_the_directory(question, mine),
        *_of_the_address(question),
        *_of_the_firewalls(question),
        *_of_bans(question),
        *_of_events(question, mine),
        *_of_sessions(question),
        *_of_exits(question, mine),
        *_of_transfers(question),
    ]
    # The latest attempt explains what the customer sees now; what holds now comes before it
    states = [one for one in found if one.time is None]
    attempts = sorted((one for one in found if one.time is not None), key=lambda one: -(one.time or 0))
    ordered = _without_repetition([*states, *attempts])
    return ordered or [_otherwise(question, mine)]


def _concerns(question: Question, event: Event) -> bool:
    if question.address and event.address and event.address != question.address:
        return False
    if question.account_name:
        # Lines before the login name no account: they count if they come from the customer's networks
        return event.account.lower() == question.account_name.lower() or (
            not event.account and question.covers(event.address)
        )
    own = {account.name for account in question.customer.accounts}
    return event.account.lower() in own or question.covers(event.address) or (not event.account and not event.address)


def _without_repetition(found: Sequence[Finding]) -> list[Finding]:
    kept: dict[str, Finding] = {}
    for one in found:
        kept.setdefault(one.verdict, one)
    return list(kept.values())


def _of_the_model(question: Question) -> Iterator[Finding]:
    state = question.customer.state
    if state != "present":
        yield question.finding(state, proof=[f"{question.customer.file or question.customer.name}: state: {state}"])


def _of_the_service(question: Question) -> Iterator[Finding]:
    for server in question.evidence.servers:
        stopped = [f"{unit} is {state}" for unit, state in server.services.items() if state != "active"]
        if stopped:
            yield question.finding("service down", detail=f"on {server.host} {', '.join(stopped)}")
        if server.closed:
            yield question.finding("directory down", proof=[f"{server.host}: /etc/shutmsg exists"])
        ends = server.certificate.get("ends")
        if ends and datetime.datetime.fromisoformat(str(ends)).timestamp() < server.now:
            yield question.finding("certificate ended", detail=str(ends)[:10])
        for what, unit in (("bytes", "bytes"), ("files", "inodes")):
            free, total = server.disk.get(f"{what}_free"), server.disk.get(f"{what}_total")
            if free is not None and total and free * 100 < total * FULL_PERCENT:
                yield question.finding("disk full", detail=f"{free} of {total} {unit} are free on {server.host}")


def _of_the_account_name(question: Question) -> Iterator[Finding]:
    if question.account_name and question.account is None:
        folded = {account.name.lower(): account.name for account in question.customer.accounts}
        right = folded.get(question.account_name.lower())
        if right:
            yield question.finding("spelling", account=right, detail=question.account_name)
        else:
            yield question.finding("account unknown")


def _of_the_directory(question: Question, mine: Sequence[Event]) -> Iterator[Finding]:
    if question.customer.state != "present":
        return
    for account in question.accounts:
        for one in _of_one_account(question, account):
            # An account that nobody tries explains nothing
            if question.account or len(question.customer.accounts) == 1 or _fails(question, account.name, mine):
                yield one


def _fails(question: Question, account: str, mine: Sequence[Event]) -> bool:
    return any(
        event.account == account and event.kind in FAILURES and not _superseded(question, event, mine) for event in mine
    )


def _of_one_account(question: Question, account: Account) -> Iterator[Finding]:
    name, now = account.name, question.evidence.now
    if account.disabled_because == "expired":
        yield question.finding("account expired", account=name, detail=f"last day {account.expires}")
        return
    states = question.evidence.directory
    if states is None:
        return
    state = states.get(name)
    if state is None:
        yield question.finding("account missing", account=name)
        return
    if not state.enabled:
        yield question.finding("account disabled", account=name, proof=[f"directory: {name} is disabled"])
    if state.expires is not None and state.expires <= now:
        yield question.finding("account expired", account=name, detail=f"in the directory, {moment(state.expires)}")
    if state.locked:
        until = f"until {moment(state.locked_until)}" if state.locked_until else "until somebody unlocks it"
        yield question.finding("locked out", account=name, detail=until)
    wanted = set(memberships(question.model, question.customer, account))
    for server in question.evidence.servers:
        differs = _difference(question, wanted, server.groups.get(name))
        if differs:
            yield question.finding("groups differ", account=name, detail=f"on {server.host}, {differs}")


def _difference(question: Question, wanted: set[str], has: Sequence[str] | None) -> str:
    if has is None:
        return "the server does not know the account"
    own = {group for group in has if group.startswith(question.exchange.directory.group_prefix)}
    lacks, more = sorted(wanted - own), sorted(own - wanted)
    texts = [f"it lacks {', '.join(lacks)}"] if lacks else []
    return "; ".join([*texts, f"it has {', '.join(more)}"] if more else texts)


def _of_the_address(question: Question) -> Iterator[Finding]:
    if question.address and question.customer.state == "present" and not question.covers(question.address):
        proof = [f"{question.customer.name} has {', '.join(question.networks) or 'no networks'}"]
        for edge in question.evidence.edges:
            proof += [
                f"{edge.host} refused a packet from {one.source} to port {one.port} at {moment(one.time)}"
                for one in edge.refused
                if one.source == question.address
            ][:3]
        yield question.finding("wrong source address", proof=proof, detail=_whose(question, question.address))


def _whose(question: Question, address: str) -> str:
    others = [name for name in owners_of(question.model, address) if name != question.customer.name]
    return f" (it belongs to {', '.join(others)})" if others else ""


def _of_the_firewalls(question: Question) -> Iterator[Finding]:
    if not question.customer.admitted:
        return
    for firewall in (*question.evidence.edges, *question.evidence.hosts):
        if not firewall.loaded:
            yield question.finding("not deployed", detail=f"of {firewall.host} is not loaded, so it")
            continue
        lacking = [network for network in question.networks if not _in_set(firewall, network)]
        if lacking:
            yield question.finding(
                "not deployed", detail=f"of {firewall.host}", proof=[f"{firewall.host} lacks {', '.join(lacking)}"]
            )


def _in_set(firewall: Firewall, network: str) -> bool:
    """Whether the elements of a set cover a network. (Customers behind one exit share elements.)"""
    wanted = ip_network(network)
    first, last = int(wanted.network_address), int(wanted.broadcast_address)
    covered = 0
    for element in firewall.elements:
        begin, end, version = _interval(element)
        if version == wanted.version and begin <= last and first <= end:
            covered += min(end, last) - max(begin, first) + 1
    return covered >= last - first + 1


def _interval(element: Element) -> tuple[int, int, int]:
    begin, dash, end = element.element.partition("-")
    if dash:
        return int(ip_address(begin)), int(ip_address(end)), ip_address(begin).version
    network = ip_network(element.element)
    return int(network.network_address), int(network.broadcast_address), network.version


def _of_bans(question: Question) -> Iterator[Finding]:
    own = {account.name for account in question.accounts}
    for server in question.evidence.servers:
        for key, entry in server.bans.items():
            account, _, source = key.rpartition(" ")
            until = float(entry.get("until") or 0)
            if until <= server.now or (account and account not in own):
                continue
            if question.address and ip_address(question.address) not in ip_network(source):
                continue
            whose = f"{account} from {source}" if account else f"every new account from {source}"
            proof = [f"{server.host}: {entry.get('refused')} refused passwords, the last at {moment(entry['last'])}"]
            yield question.finding("banned", account=whose, detail=moment(until), proof=proof)


def _superseded(question: Question, event: Event, mine: Sequence[Event]) -> bool:
    """Whether it worked later: with the same account, or, if that is not known, from the same address."""
    if event.kind in ("not resumed", "foreign data"):
        # The login before it was accepted
        return _later_transfer(question, event)
    meant = event.detail if event.kind == "spelling" else event.account
    own = meant in {account.name for account in question.customer.accounts}
    return any(
        later.kind == SUCCESS
        and later.time > event.time
        and (later.account == meant if own else later.address == event.address)
        for later in mine
    )


def _of_events(question: Question, mine: Sequence[Event]) -> Iterator[Finding]:
    for event in mine:
        if event.kind not in FAILURES or _superseded(question, event, mine):
            continue
        if event.kind == "banned" and not list(_of_bans(question)):
            continue  # over
        yield _of_event(question, event)


def _later_transfer(question: Question, event: Event) -> bool:
    return any(
        record.get("outcome") == "ok" and seconds(record) > event.time and record.get("account") == event.account
        for server in question.evidence.servers
        for record in server.transfers
        if record.get("operation") in ("upload", "download")
    )


def _of_event(question: Question, event: Event) -> Finding:
    detail = event.detail
    account = event.account
    cause = _OF_EVENT[event.kind]
    own = account in {one.name for one in question.customer.accounts}
    if event.kind == "unknown account" and own:
        # winbind did not answer in time
        cause = "groups incomplete"
    elif event.kind == "foreign address" and not own:
        cause = "account unknown"
    elif event.kind == "foreign address":
        detail = _whose(question, event.address)
    elif event.kind == "TLS version":
        oldest, newest = question.exchange.tls_minimum_version, question.exchange.tls_maximum_version
        detail = oldest if oldest == newest else f"{oldest} to {newest}"
    elif event.kind == "spelling":
        account, detail = event.detail, event.account
    elif event.kind == "banned":
        return next(iter(_of_bans(question)))
    elif event.kind == "foreign data":
        detail = plain_address(event.detail) or event.detail
    elif event.kind == "certificate refused":
        detail = ""
    where = f" from {event.address}" if event.address else ""
    return question.finding(
        cause,
        proof=[f"{moment(event.time)}{where}: {event.line}"],
        time=event.time,
        account=account,
        address=event.address,
        detail=detail,
    )


def _of_sessions(question: Question) -> Iterator[Finding]:
    own = {account.name for account in question.accounts}
    for server in question.evidence.servers:
        for session in server.sessions:
            if session.account not in own or not session.waiting or session.data:
                continue
            proof = [
                f"{server.host}: session of {session.account} from {session.address} since {moment(session.since)} "
                f"waits at "
                f"port {', '.join(map(str, session.waiting))}"
            ]
            others = [
                packet
                for packet in _from_elsewhere(question, session.address)
                if packet.port in session.waiting and packet.time + CLOCK >= session.since
            ]
            if others:
                yield question.finding(
                    "two addresses",
                    account=session.account,
                    address=session.address,
                    detail=others[0].source,
                    proof=[*proof, *map(_refusal, others[:3])],
                    time=server.now,
                )
            else:
                yield question.finding(
                    "port blocked",
                    account=session.account,
                    detail=str(session.waiting[0]),
                    proof=proof,
                    time=server.now,
                )


def _from_elsewhere(question: Question, address: str) -> list[Refused]:
    """Refused packets, newest first, that can be the data of a session from this address.

    They have the same family. At the server they come from another address of the customer; at the edge from anybody,
    because nobody knows whose an undeclared address is.
    """
    version = ip_address(address).version
    packets = [
        *(packet for edge in question.evidence.edges for packet in edge.refused),
        *(packet for host in question.evidence.hosts for packet in host.refused if question.covers(packet.source)),
    ]
    return sorted(
        (one for one in packets if one.source != address and ip_address(one.source).version == version),
        key=lambda packet: -packet.time,
    )


def _refusal(packet: Refused) -> str:
    return f"{moment(packet.time)}: a connection from {packet.source} to port {packet.port} was refused"


def _of_exits(question: Question, mine: Sequence[Event]) -> Iterator[Finding]:
    """A login, and just after it data from another address of the customer.

    Most clients end the session then, and no log has a line about it.
    """
    for event in mine:
        if event.kind != SUCCESS or not event.address or _later_transfer(question, event):
            continue
        for packet in _from_elsewhere(question, event.address):
            if question.covers(packet.source) and 0 <= packet.time - event.time + CLOCK < DATA_FOLLOWS:
                yield question.finding(
                    "two addresses",
                    account=event.account,
                    address=event.address,
                    detail=packet.source,
                    proof=[f"{moment(event.time)} from {event.address}: {event.line}", _refusal(packet)],
                    time=packet.time,
                )
                break


def seconds(record: Any) -> float:
    """When a record of the transfer log was written, in seconds since 1970."""
    try:
        return datetime.datetime.fromisoformat(str(record.get("time"))).timestamp()
    except ValueError:
        return 0.0


def _of_transfers(question: Question) -> Iterator[Finding]:
    own = {account.name: account for account in question.accounts}
    for server in question.evidence.servers:
        latest: dict[str, Any] = {}
        for record in server.transfers:
            if record.get("operation") in ("upload", "download") and record.get("account") in own:
                latest[str(record["account"])] = record
        for name, record in latest.items():
            if question.address and plain_address(str(record.get("source"))) != question.address:
                continue
            if (
                record.get("outcome") != "ok"
                and (one := _of_transfer(question, own[name], record, _used_up(server.quotas, record))) is not None
            ):
                yield one


def _used_up(quotas: Sequence[Mapping[str, Any]], record: Any) -> str:
    """What the folder of a transfer holds now, if that is all it may; the reply alone does not always say it."""
    folder = "/".join(str(record.get("path") or "").split("/")[:2])
    for quota in quotas:
        if quota["folder"] != folder:
            continue
        space, files = quota["bytes_limit"], quota["files_limit"]
        if space and quota["bytes_used"] * 100 >= space * (100 - FULL_PERCENT):
            return f"{folder} holds {size(quota['bytes_used'])} of {size(space)}"
        if files and quota["files_used"] is not None and quota["files_used"] >= files:
            return f"{folder} holds {quota['files_used']} of {files} files"
    return ""


def _of_transfer(question: Question, account: Account, record: Any, used_up: str) -> Finding | None:
    reason, file = str(record.get("reason") or ""), str(record.get("file") or "")
    proof = [
        f"{record.get('time')}: {record.get('operation')} of {file} {record.get('outcome')}, reply "
        f"{record.get('reply')}" + (f", {reason}" if reason else "")
    ]

    def found(cause: str, detail: str) -> Finding:
        return question.finding(cause, account=account.name, detail=detail, proof=proof, time=seconds(record))

    if "quota" in reason or (used_up and "disk full" in reason):
        return found("quota used up", used_up or file)
    if "disk full" in reason:
        return found("disk full", f"an upload to {file} failed")
    if reason == "data connection not protected":
        return found("no TLS", "")
    if reason == "no data connection":
        if any(one.cause.id == "session not resumed" for one in _resumption(question, record)):
            return None
        return found("port blocked", f"of the range, for {file}")
    if record.get("outcome") == "denied":
        grants = {grant.name: grant for grant in question.customer.shares}
        parts = file.strip("/").split("/")
        if len(parts) > 1 and parts[0] == SHARED and parts[1] not in grants:
            return found("share withdrawn", f"/{SHARED}/{parts[1]}")
        writes = record.get("operation") == "upload"
        share = grants.get(parts[1]) if len(parts) > 1 and parts[0] == SHARED else None
        access = effective_access(account, share) if share else account.access
        if writes and access == "read":
            return found("reader writes", file)
        if writes and used_up:
            return found("quota used up", used_up)
    return None


def _resumption(question: Question, record: Any) -> Iterator[Finding]:
    """The TLS log says why there was no data connection, at the same second."""
    for server in question.evidence.servers:
        for event in events(server.journal, server.tls):
            if event.kind == "not resumed" and abs(event.time - seconds(record)) < 5:
                yield _of_event(question, event)


def _otherwise(question: Question, mine: Sequence[Event]) -> Finding:
    logins = [event for event in mine if event.kind == SUCCESS]
    seen = max(
        (time for server in question.evidence.servers for one in server.seen.values() for time in one.values()),
        default=None,
    )
    evidence = question.evidence
    packets = sum(element.packets for edge in evidence.edges for element in edge.elements)
    if evidence.edges and "edges" not in evidence.silent and not packets and not mine:
        return question.finding(
            "nothing arrives", proof=[f"{edge.host}: all counters are 0" for edge in question.evidence.edges]
        )
    # What no server was asked about is not known, whatever the others say
    if not evidence.servers or "servers" in evidence.silent:
        return question.finding("not known")
    if logins:
        return question.finding("no fault", detail=f": the last login was accepted at {moment(logins[-1].time)}")
    last = f"; the last login was at {moment(seen)}" if seen else ""
    return question.finding("no login", detail=last)


def moment(time: float | None) -> str:
    """A time as the report writes it."""
    if time is None:
        return "never"
    return datetime.datetime.fromtimestamp(float(time), datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
