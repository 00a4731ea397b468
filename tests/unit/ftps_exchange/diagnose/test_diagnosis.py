"""Each cause is named from the lines that it leaves, and nothing else is named instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from ftps_exchange.diagnose.causes import CAUSES
from ftps_exchange.diagnose.report import exchange_diagnosis, exchange_diagnosis_subject
from ftps_exchange.errors import ExchangeError
from tests.unit.ftps_exchange.diagnose.recorded import (
    NOW,
    SOURCE,
    TLS,
    account,
    firewall,
    journal,
    model,
    record,
    results,
    tls,
)
from tests.unit.ftps_exchange.model_inputs import Inventory


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    inventory = Inventory(tmp_path)
    inventory.check()
    return inventory


@pytest.fixture
def checked(inventory: Inventory) -> str:
    return model(inventory)


def cause(checked: str, found: dict[str, Any], **asked: str) -> str:
    return exchange_diagnosis(checked, found, **{"customer": "acme", **asked})["cause"]


def test_all_is_well(checked: str) -> None:
    told = exchange_diagnosis(
        checked, results(journal=journal("login")), customer="acme", pack='{"date": "2026-11-01"}'
    )
    assert (told["cause"], told["also"]) == ("no fault", [])
    assert told["report"][0] == "Verdict: No fault found: the last login was accepted at 2026-11-30 23:34:02 UTC."
    assert told["report"][-1].startswith("For the customer: We see no fault")
    assert any("pack: 2026-11-01" in line for line in told["evidence"])


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("foreign address", "wrong source address"),
        ("wrong password", "wrong password"),
        ("unknown account", "account unknown"),
        ("spelling", "spelling"),
        ("session refused", "session refused"),
        ("groups incomplete", "groups incomplete"),
        ("session limit", "session limit"),
    ],
)
def test_a_refused_login(checked: str, kind: str, named: str) -> None:
    assert cause(checked, results(journal=journal(kind))) == named
    # It worked later, so it explains nothing any more
    later = journal(kind) + journal("login", before=10, pid=2000)
    assert cause(checked, results(journal=later)) == "no fault"
    # And an earlier login that worked does not hide it
    earlier = journal("login", before=600, pid=2000) + journal(kind)
    assert cause(checked, results(journal=earlier)) == named


@pytest.mark.parametrize("kind", TLS)
def test_a_refused_handshake(checked: str, kind: str) -> None:
    named = {"not resumed": "session not resumed", "TLS cut, end": "TLS cut"}.get(kind, kind)
    lines = journal("login" if kind == "not resumed" else "only opened")
    assert cause(checked, results(journal=lines, tls=tls(kind))) == named
    assert cause(checked, results(journal=lines, tls=tls(kind)), account="acme-up") == named
    assert cause(checked, results(journal=lines, tls=tls(kind)), account="acme-up", address="198.51.100.21") != named


def test_a_data_connection_that_works_later(checked: str) -> None:
    found = results(journal=journal("login"), tls=tls("not resumed"), transfers=[record(outcome="ok", reply=226)])
    found["servers"]["ftps1"]["transfers"][0]["time"] = "2026-11-30T23:34:55.000Z"
    assert cause(checked, found) == "no fault"


def test_the_right_password_from_a_wrong_address_is_not_called_a_wrong_password(checked: str) -> None:
    told = exchange_diagnosis(checked, results(journal=journal("foreign address")), customer="acme")
    assert "198.51.100.30 is not one of the customer's networks (it belongs to globex)" in told["verdict"]
    assert "You connect from 198.51.100.30" in told["sentence"]
    assert "globex" not in told["sentence"], "no customer hears of another one"


def test_another_customers_account_from_this_customers_address(checked: str) -> None:
    told = exchange_diagnosis(checked, results(journal=journal("foreign address")), customer="globex")
    named = [told["verdict"], *told["also"]]
    assert any(text.startswith("Account acme-up is not an account of this customer.") for text in named), named
    assert not any("198.51.100.30 is not one of" in text for text in named), named


def test_banned(checked: str) -> None:
    bans = {f"acme-up {SOURCE}": {"refused": 9, "last": NOW - 100, "until": NOW + 800}}
    told = exchange_diagnosis(checked, results(journal=journal("banned"), bans=bans), customer="acme")
    assert told["cause"] == "banned"
    assert "until 2026-11-30 23:48:20 UTC" in told["sentence"]
    assert (
        cause(checked, results(journal=journal("banned"), bans=bans), address="198.51.100.99") == "wrong source address"
    )
    over = {f"acme-up {SOURCE}": {"refused": 9, "last": NOW - 1000, "until": NOW - 1}}
    assert cause(checked, results(journal=journal("banned"), bans=over)) != "banned"


def test_a_ban_of_the_whole_source(checked: str) -> None:
    bans = {"2001:db8:100::/64": {"refused": 45, "last": NOW - 100, "until": NOW + 800}}
    assert cause(checked, results(bans=bans), address="2001:db8:100::20") == "banned"


@pytest.mark.parametrize(
    ("state", "named"),
    [
        (account(enabled=False), "account disabled"),
        (account(expires=NOW - 1), "account expired"),
        (account(locked=True, locked_until=NOW + 60), "locked out"),
        (account(locked=True), "locked out"),
        (None, "account missing"),
    ],
)
def test_what_the_logs_call_a_wrong_password(checked: str, state: Any, named: str) -> None:
    """The domain refuses the password of a disabled, expired or locked account like a wrong one."""
    found = results({"acme-up": state}, journal=journal("wrong password"))
    assert cause(checked, found) == named
    assert cause(checked, found, account="acme-up") == named
    # An account that nobody tries explains nothing about another one
    other = results({"acme-read": state}, journal=journal("wrong password"))
    assert cause(checked, other) == "wrong password"


def test_an_account_that_expired_in_the_model(inventory: Inventory) -> None:
    inventory.acme["accounts"][0]["expires"] = "2026-06-01"
    inventory.check()
    found = results(journal=journal("wrong password"))
    told = exchange_diagnosis(model(inventory), found, account="acme-up")
    assert told["cause"] == "account expired"
    assert "2026-06-01" in told["sentence"]


@pytest.mark.parametrize("state", ["suspended", "absent"])
def test_state_of_the_customer(inventory: Inventory, state: str) -> None:
    inventory.acme["state"] = state
    inventory.check()
    assert cause(model(inventory), results(journal=journal("wrong password"))) == state


def test_groups(checked: str) -> None:
    found = results(journal=journal("session refused"))
    found["servers"]["ftps1"]["groups"]["acme-up"].remove("ftpsx-share-maps-read")
    told = exchange_diagnosis(checked, found, customer="acme")
    assert told["cause"] == "groups differ"
    assert "it lacks ftpsx-share-maps-read" in told["verdict"]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"services": {"proftpd.service": "failed"}}, "service down"),
        ({"closed": True}, "directory down"),
        ({"certificate": {"ends": "2026-11-01T00:00:00Z"}}, "certificate ended"),
        ({"disk": {"bytes_free": 1, "bytes_total": 10**9}}, "disk full"),
        ({"disk": {"files_free": 0, "files_total": 10**6}}, "disk full"),
    ],
)
def test_the_service_comes_first(checked: str, values: dict[str, Any], named: str) -> None:
    assert cause(checked, results(journal=journal("wrong password"), **values)) == named


def test_an_address_that_is_not_theirs(checked: str) -> None:
    edge = {"refused": [{"time": NOW - 5, "source": "203.0.113.9", "port": 21}]}
    told = exchange_diagnosis(checked, results(edge=edge), customer="acme", address="203.0.113.9")
    assert told["cause"] == "wrong source address"
    assert any("edge1 refused a packet from 203.0.113.9 to port 21" in line for line in told["evidence"])


def test_a_firewall_that_was_not_updated(checked: str) -> None:
    lacking = {"elements": firewall()["elements"][:1]}
    told = exchange_diagnosis(checked, results(edge=lacking), customer="acme")
    assert (told["cause"], told["evidence"][0]) == ("not deployed", "edge1 lacks 2001:db8:100::20/128")
    assert cause(checked, results(edge={"loaded": False, "elements": []})) == "not deployed"
    # Customers behind one exit share elements, which may be cut into pieces
    pieces = [
        {"element": element, "comment": "acme, globex", "packets": 1, "bytes": 1}
        for element in (SOURCE, "2001:db8:100::20-2001:db8:100::21")
    ]
    assert cause(checked, results(edge={"elements": pieces})) == "no login"


def session(**values: Any) -> dict[str, Any]:
    return {"account": "acme-up", "address": SOURCE, "since": NOW - 30, "waiting": [50007], "data": [], **values}


def test_a_blocked_port(checked: str) -> None:
    told = exchange_diagnosis(checked, results(journal=journal("login"), sessions=[session()]), customer="acme")
    assert told["cause"] == "port blocked"
    assert "50000-50099" in told["sentence"]
    assert cause(checked, results(journal=journal("login"), sessions=[session(waiting=[])])) == "no fault"
    assert cause(checked, results(journal=journal("login"), sessions=[session(data=[f"{SOURCE}:50007"])])) == "no fault"


def test_two_exits(checked: str) -> None:
    """The edge refuses the second address, so nothing of it reaches the server."""
    edge = {"refused": [{"time": NOW - 5, "source": "198.51.100.21", "port": 50007}]}
    told = exchange_diagnosis(
        checked, results(edge=edge, journal=journal("login"), sessions=[session()]), customer="acme"
    )
    assert told["cause"] == "two addresses"
    assert f"from {SOURCE}, your data connection from 198.51.100.21" in told["sentence"]
    for other in (
        {"time": NOW - 5, "source": "198.51.100.21", "port": 21},
        {"time": NOW - 5000, "source": "198.51.100.21", "port": 50007},
    ):
        found = results(edge={"refused": [other]}, journal=journal("login"), sessions=[session()])
        assert cause(checked, found) == "port blocked"


def test_two_exits_in_the_second_of_the_login(checked: str) -> None:
    """A set of the packet filter tells its times in whole seconds, rounded to the past."""
    edge = {"refused": [{"time": NOW - 30.8, "source": "198.51.100.21", "port": 50007}]}
    assert cause(checked, results(edge=edge, journal=journal("login"), sessions=[session()])) == "two addresses"


def declares_two_exits(inventory: Inventory) -> tuple[str, list[dict[str, Any]]]:
    """The model, and the elements of the firewalls."""
    inventory.acme["sources"] += ["198.51.100.21/32"]
    inventory.check()
    element = {"element": "198.51.100.21", "comment": "acme", "packets": 9, "bytes": 9}
    return model(inventory), [*firewall()["elements"], element]


@pytest.mark.parametrize(
    ("source", "named"),
    [("198.51.100.21", "two addresses"), (SOURCE, "port blocked"), ("198.51.100.30", "port blocked")],
    ids=["the other exit", "the same", "another customer's"],
)
def test_two_declared_exits(inventory: Inventory, source: str, named: str) -> None:
    """The edge lets both in, and the server refuses the second."""
    both, elements = declares_two_exits(inventory)
    host = {"elements": elements, "refused": [{"time": NOW - 5, "source": source, "port": 50007}]}
    found = results(edge={"elements": elements}, host=host, journal=journal("login"), sessions=[session()])
    assert cause(both, found) == named


@pytest.mark.parametrize(
    ("source", "after", "named"),
    [
        ("198.51.100.21", 1, "two addresses"),
        ("198.51.100.21", 600, "no fault"),
        ("198.51.100.21", -60, "no fault"),
        ("2001:db8:100::20", 1, "no fault"),
        (SOURCE, 1, "no fault"),
    ],
)
def test_two_declared_exits_after_the_session(inventory: Inventory, source: str, after: int, named: str) -> None:
    """The client has given up, and no log says why. At the edge anybody may try ports."""
    both, elements = declares_two_exits(inventory)
    lines = journal("login")
    login = max(line["time"] for line in lines)
    host = {"elements": elements, "refused": [{"time": login + after, "source": source, "port": 50007}]}
    edge = {"elements": elements, "refused": [{"time": login + after, "source": "203.0.113.99", "port": 50007}]}
    assert cause(both, results(edge=edge, host=host, journal=lines)) == named


@pytest.mark.parametrize(
    "text",
    [
        "SECURITY VIOLATION: Passive connection from 198.51.100.21 rejected.",
        "Passive connection from foreign IP address 198.51.100.21",
    ],
)
def test_two_exits_as_proftpd_writes_it(checked: str, text: str) -> None:
    """From its source: behind this project's firewall such a connection does not reach it (ADR 0028)."""
    line = {"time": NOW - 50, "pid": 1156, "program": "proftpd", "text": f"10.84.10.11 ({SOURCE}[{SOURCE}]) - {text}"}
    told = exchange_diagnosis(checked, results(journal=[*journal("login"), line]), customer="acme")
    assert told["cause"] == "two addresses"
    assert "198.51.100.21" in told["sentence"]


FULL = {"bytes_used": 995, "bytes_limit": 1000, "files_used": None, "files_limit": None}
MANY = {"bytes_used": 1, "bytes_limit": None, "files_used": 20, "files_limit": 20}
ROOM = {"bytes_used": 500, "bytes_limit": 1000, "files_used": 3, "files_limit": 20}


@pytest.mark.parametrize(
    ("quota", "values", "named"),
    [
        (FULL, {"reply": 451, "reason": "disk full, or an error of the disk"}, "quota used up"),
        (MANY, {"outcome": "denied", "reply": 550}, "quota used up"),
        (FULL, {"outcome": "denied", "reply": 550, "account": "acme-read"}, "reader writes"),
        (ROOM, {"reply": 451, "reason": "disk full, or an error of the disk"}, "disk full"),
        (ROOM, {"outcome": "denied", "reply": 550}, "no fault"),
    ],
)
def test_a_full_quota_explains_what_the_reply_does_not(
    checked: str, quota: dict[str, Any], values: dict[str, Any], named: str
) -> None:
    """Within a write ProFTPD answers 451, and to a new file 550."""
    transfers = [record(file="/in/a", path="homes/acme/in/a", **values)]
    quotas = [{"folder": "homes/globex", "kind": "home", **FULL}, {"folder": "homes/acme", "kind": "home", **quota}]
    assert cause(checked, results(journal=journal("login"), transfers=transfers, quotas=quotas)) == named


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"reply": 452, "reason": "disk full"}, "disk full"),
        ({"reply": 451, "reason": "disk full, or an error of the disk"}, "disk full"),
        ({"reply": 552, "reason": "quota used up, or file too large"}, "quota used up"),
        ({"reply": 425, "reason": "no data connection"}, "port blocked"),
        ({"outcome": "denied", "reply": 550, "file": "/shared/plans/a", "operation": "download"}, "share withdrawn"),
        ({"outcome": "denied", "reply": 550, "file": "/shared/maps/a"}, "reader writes"),
        ({"outcome": "denied", "reply": 550, "file": "/a", "account": "acme-read"}, "reader writes"),
        ({"outcome": "denied", "reply": 550, "file": "/a"}, "no fault"),
        ({"reply": 426, "reason": "data connection lost"}, "no fault"),
    ],
)
def test_a_transfer_that_failed(checked: str, values: dict[str, Any], named: str) -> None:
    assert cause(checked, results(journal=journal("login"), transfers=[record(**values)])) == named
    later = [record(**values), record(outcome="ok", account=values.get("account", "acme-up"))]
    assert cause(checked, results(journal=journal("login"), transfers=later)) == "no fault"


def test_no_data_connection_because_it_was_not_resumed(checked: str) -> None:
    transfers = [record(reply=425, reason="no data connection", time="2026-11-30T23:34:03.000Z")]
    assert (
        cause(checked, results(journal=journal("login"), tls=tls("not resumed"), transfers=transfers))
        == "session not resumed"
    )


def test_nothing_arrives(checked: str) -> None:
    silent = {"elements": [{**one, "packets": 0} for one in firewall()["elements"]]}
    told = exchange_diagnosis(checked, results(edge=silent), customer="acme")
    assert told["cause"] == "nothing arrives"
    assert "ports 21 and 990 and 50000-50099" in told["sentence"]
    assert cause(checked, results()) == "no login"


def test_what_did_not_answer_is_named(checked: str) -> None:
    found = results(journal=journal("wrong password"))
    found["edges"]["edge1"] = {"unreachable": True, "msg": "no route to host\nmore"}
    found["directory"]["ftps1"] = {"failed": True, "msg": "invalid credentials"}
    told = exchange_diagnosis(checked, found, customer="acme")
    assert told["cause"] == "wrong password"
    assert "  - edge edge1: no route to host" in told["report"]
    assert "  - directory, asked by ftps1: invalid credentials" in told["report"]


def test_a_server_that_did_not_answer_is_not_taken_for_no_login(checked: str) -> None:
    found = results()
    assert cause(checked, found) == "no login"
    found["servers"]["ftps1"] = {"failed": True, "msg": "Task failed: Module failed: division by zero"}
    told = exchange_diagnosis(checked, found, customer="acme")
    assert told["cause"] == "not known"
    assert "  - server ftps1: Task failed: Module failed: division by zero" in told["report"]
    # Neither does a login on one server speak for another one
    two = results(journal=journal("login"))
    two["servers"]["ftps2"] = {"unreachable": True, "msg": " \n"}
    told = exchange_diagnosis(checked, two, customer="acme")
    assert (told["cause"], "  - server ftps2: no answer" in told["report"]) == ("not known", True)
    # Only servers with Windows, which are not asked
    assert cause(checked, {**results(), "servers": {}}) == "not known"


def test_an_edge_that_did_not_answer_may_have_had_packets(checked: str) -> None:
    silent = {"elements": [{**one, "packets": 0} for one in firewall()["elements"]]}
    found = results(edge=silent)
    found["edges"]["edge2"] = {"failed": True, "msg": "nft cannot list set"}
    assert cause(checked, found) == "no login"
    assert exchange_diagnosis(checked, found, customer="acme")["missing"] == ["edge edge2: nft cannot list set"]
    assert exchange_diagnosis(checked, results(), customer="acme")["missing"] == []


PLAYBOOKS = Path(__file__).resolve().parents[4]
EVIDENCE = ("nftables_evidence", "ldap_evidence", "ftps_server_evidence", "ftps_server_activity")


def blocks(entries: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Every block of tasks, at any depth."""
    for entry in entries:
        if "block" in entry:
            yield entry
        yield from blocks([*entry.get("tasks", []), *entry.get("block", []), *entry.get("rescue", [])])


@pytest.mark.parametrize(
    ("file", "count"),
    [("playbooks/diagnose.yml", 2), ("playbooks/status.yml", 2), ("roles/directory/tasks/evidence.yml", 1)],
)
def test_a_failed_module_stays_marked_as_failed_and_does_not_end_the_report(file: str, count: int) -> None:
    """A rescued task keeps its result. failed_when: false would remove the mark, also from a module that crashed."""
    text = (PLAYBOOKS / file).read_text(encoding="utf-8")
    modules = {f"ftps.exchange.{name}" for name in EVIDENCE}
    asking = [
        (block, task) for block in blocks(yaml.safe_load(text)) for task in block["block"] if modules & task.keys()
    ]
    assert len(asking) == count == sum(text.count(f"{name}:") for name in modules)
    for block, task in asking:
        assert block["rescue"], task
        assert task["register"], task
        assert task["ignore_unreachable"], task
        # If one with run_once fails, Ansible drops the other hosts, and does not rescue them
        assert not task.keys() & {"failed_when", "ignore_errors", "run_once"}, task


def test_whom_the_question_is_about(checked: str) -> None:
    wanted = {"customer": "acme", "accounts": ["acme-read", "acme-up"]}
    networks = ["198.51.100.20/32", "2001:db8:100::20/128"]
    assert exchange_diagnosis_subject(checked, "acme") == {**wanted, "networks": networks}
    assert exchange_diagnosis_subject(checked, account="acme-up") == {**wanted, "networks": networks}
    assert exchange_diagnosis_subject(checked, address=SOURCE) == {**wanted, "networks": [*networks, SOURCE]}
    mistyped = exchange_diagnosis_subject(checked, "acme", "acme-upp")
    assert mistyped["accounts"] == ["acme-read", "acme-up", "acme-upp"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"customer": "acne"}, "CUSTOMER = 'acne': is no customer of this inventory. Did you mean acme?"),
        ({"account": "nobody"}, "ACCOUNT = 'nobody': is no customer"),
        ({"address": "192.0.2.1"}, "ADDRESS = '192.0.2.1': is no customer"),
        ({"customer": "acme", "address": "acme.example"}, "ADDRESS = 'acme.example': is not an address."),
        ({}, "CUSTOMER: is missing."),
    ],
)
def test_questions_about_nobody(checked: str, asked: dict[str, str], message: str) -> None:
    with pytest.raises(ExchangeError, match=re.escape(message)):
        exchange_diagnosis_subject(checked, **asked)


def test_a_mistyped_account(checked: str) -> None:
    assert cause(checked, results(), account="acme-upp") == "account unknown"
    assert cause(checked, results(), account="ACME-UP") == "spelling"


def test_a_line_of_a_log_cannot_upset_a_terminal(checked: str) -> None:
    found = results(journal=journal("login"), transfers=[record(file="/\x1b[31mred", outcome="denied")])
    assert "\x1b" not in "\n".join(exchange_diagnosis(checked, found, customer="acme")["report"])


def test_every_cause_is_documented() -> None:
    page = (Path(__file__).resolve().parents[4] / "docs" / "diagnose.md").read_text(encoding="utf-8")
    assert [cause for cause in CAUSES if f"| {cause} |" not in page] == []


@pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda one: one.id)
def test_texts_are_whole_sentences(cause: Any) -> None:
    for text in (cause.verdict, cause.remedy, cause.sentence):
        assert text.endswith(".") or text.endswith("{detail}."), text
    assert not re.search(r"acme|10\.|winbind|proftpd|ActiveDirectory", cause.sentence, re.IGNORECASE)
    assert json.dumps(cause.id)
