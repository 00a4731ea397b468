"""Question and findings -> the report: one verdict, then its evidence, and at the end the sentence for the customer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from ftps_exchange.amounts import size
from ftps_exchange.model.problems import printable
from ftps_exchange.model.view import read_model

from .evidence import Evidence, Firewall, Server, answers, read_directory, read_firewall, read_server
from .verdict import Finding, Question, ask, findings, moment

_TRANSFERS_SHOWN = 5


class Subject(TypedDict):
    """What the hosts are asked about."""

    customer: str
    accounts: list[str]
    networks: list[str]


class Diagnosis(TypedDict):
    """The verdict and everything behind it."""

    cause: str
    verdict: str
    remedy: str
    sentence: str
    evidence: list[str]
    also: list[str]
    missing: list[str]
    report: list[str]


def exchange_diagnosis_subject(model: object, customer: str = "", account: str = "", address: str = "") -> Subject:
    """Checked model and what is asked -> the customer, its accounts and its networks."""
    question = ask(read_model(model), customer, account, address, Evidence(now=0))
    return {
        "customer": question.customer.name,
        "accounts": sorted({own.name for own in question.customer.accounts} | ({account} if account else set())),
        "networks": [*question.networks, *([question.address] if question.address else [])],
    }


def exchange_diagnosis(
    model: object,
    results: Mapping[str, Mapping[str, Any]],
    customer: str = "",
    account: str = "",
    address: str = "",
    pack: str = "",
) -> Diagnosis:
    """Checked model and results by kind and host -> verdict, evidence, and a sentence for the customer."""
    question = ask(read_model(model), customer, account, address, read_evidence(results, pack))
    found = findings(question)
    first = found[0]
    diagnosis: Diagnosis = {
        "cause": first.cause.id,
        "verdict": first.verdict,
        "remedy": first.remedy,
        "sentence": first.sentence,
        "evidence": [*first.evidence, *_facts(question)],
        "also": [f"{one.verdict} {one.remedy}" for one in found[1:6]],
        "missing": list(question.evidence.missing),
        "report": [],
    }
    diagnosis["report"] = list(_report(question, first, diagnosis))
    return diagnosis


def read_evidence(results: Mapping[str, Mapping[str, Any]], pack: str) -> Evidence:
    """Results by kind (servers, edges, hosts, directory) and host; one that failed is named in ``missing``."""
    missing: list[str] = []
    silent: set[str] = set()

    def good(kind: str, what: str) -> list[tuple[str, Mapping[str, Any]]]:
        before = len(missing)
        found = list(answers(results, kind, what, missing))
        if len(missing) > before:
            silent.add(kind)
        return found

    servers = tuple(read_server(host, result) for host, result in good("servers", "server"))
    edges = tuple(read_firewall(host, result) for host, result in good("edges", "edge"))
    hosts = tuple(read_firewall(host, result) for host, result in good("hosts", "firewall of"))
    directories = [result for _, result in good("directory", "directory, asked by")]
    now = max([server.now for server in servers] + [float(result["now"]) for result in directories], default=0.0)
    return Evidence(
        now=now,
        servers=servers,
        edges=edges,
        hosts=hosts,
        directory=read_directory(directories[0]) if directories else None,
        pack_made=_pack_date(pack),
        missing=tuple(missing),
        silent=frozenset(silent),
    )


def _pack_date(pack: str) -> str | None:
    try:
        content = json.loads(pack)
    except ValueError:
        return None
    return f"{content.get('date')}, version {str(content.get('version'))[:12]}" if isinstance(content, dict) else None


def _report(question: Question, first: Finding, diagnosis: Diagnosis) -> Iterator[str]:
    yield f"Verdict: {first.verdict}"
    yield f"To do: {first.remedy}"
    yield "Evidence:"
    yield from (f"  - {printable(line)}" for line in diagnosis["evidence"])
    if diagnosis["also"]:
        yield "Also found:"
        yield from (f"  - {printable(line)}" for line in diagnosis["also"])
    if question.evidence.missing:
        yield "Not looked at:"
        yield from (f"  - {printable(line)}" for line in question.evidence.missing)
    yield f"For the customer: {first.sentence}"


def _facts(question: Question) -> Iterator[str]:
    customer = question.customer
    yield f"model: {customer.name} is {customer.state}; networks {', '.join(question.networks) or 'none'}"
    yield from _accounts(question)
    for firewall in question.evidence.edges:
        yield from _counters("edge", firewall)
    for firewall in question.evidence.hosts:
        yield from _counters("server's firewall", firewall)
    for server in question.evidence.servers:
        yield from _server(question, server)
    yield f"pack: {question.evidence.pack_made}" if question.evidence.pack_made else "pack: none in the folder of packs"


def _accounts(question: Question) -> Iterator[str]:
    states = question.evidence.directory
    for account in question.accounts:
        text = f"account {account.name}: {account.access}"
        if account.expires:
            text += f", last day {account.expires}"
        state = states.get(account.name) if states else None
        if state is not None:
            text += f"; in the directory {'enabled' if state.enabled else 'disabled'}"
            text += f", locked out until {moment(state.locked_until)}" if state.locked else ""
            if state.password_set is not None:
                text += f", password {int((question.evidence.now - state.password_set) // 86400)} days old"
            text += f", last login {moment(state.last_login)}"
        yield text


def _counters(what: str, firewall: Firewall) -> Iterator[str]:
    if not firewall.loaded:
        yield f"{what} {firewall.host}: its table is not loaded"
    for element in firewall.elements[:6]:
        counted = f"{element.packets} packets, {size(element.bytes)}"
        yield f"{what} {firewall.host}: {element.element} ({element.comment}): {counted}"


def _server(question: Question, server: Server) -> Iterator[str]:
    own = {account.name for account in question.accounts}
    yield f"server {server.host}: journal read back to {moment(server.reached)}"
    for session in server.sessions:
        if session.account in own:
            since = moment(session.since)
            yield f"server {server.host}: {session.account} is logged in from {session.address} since {since}"
    for name in sorted(own):
        addresses = server.seen.get(name) or {}
        if addresses:
            address, time = max(addresses.items(), key=lambda entry: entry[1])
            yield f"server {server.host}: last login of {name} at {moment(time)} from {address}"
    shown = [record for record in server.transfers if record.get("account") in own]
    for record in shown[-_TRANSFERS_SHOWN:]:
        reason = f", {record['reason']}" if record.get("reason") else ""
        yield (
            f"server {server.host}: {str(record.get('time'))[:19]} {record.get('account')} {record.get('operation')} "
            f"{record.get('file')}: {record.get('outcome')}, {size(record.get('bytes'))}{reason}"
        )
    ends, free = server.certificate.get("ends"), server.disk.get("bytes_free")
    until = str(ends)[:10] if ends else str(server.certificate.get("error"))
    yield f"server {server.host}: certificate until {until}; {size(free)} free"
