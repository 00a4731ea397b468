"""The rule for every cell of the matrix, what is declared of the clients, and the table in the documentation."""

from __future__ import annotations

import json
import re

import pytest

from tests.clients import table
from tests.clients.clients import CLIENTS, EVERYWHERE, LIST, MODES, ONCE, TICKETS, VERSIONS, Client
from tests.clients.outcome import Cell, Outcome, judge
from tests.clients.service import with_newest_tls

SHIPPED = "1.2"
"""The newest TLS version that the service speaks by default."""


@pytest.mark.parametrize(
    ("whole", "status", "outcome"),
    [
        (10, 0, Outcome.WHOLE),
        (9, 0, Outcome.LOST),
        (0, 0, Outcome.LOST),
        (9, 1, Outcome.REFUSED),
        (10, 1, Outcome.REFUSED),
        (9, 124, Outcome.HANGS),
        (10, 137, Outcome.HANGS),
    ],
)
def test_intact_or_the_client_reports_an_error(whole: int, status: int, outcome: Outcome) -> None:
    assert judge(whole=whole, files=10, status=status).outcome is outcome


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
def test_no_client_may_lose_a_file_of_the_service_as_shipped(client: Client) -> None:
    """And with what a pack brings, none with any version: an expectation cannot make a silent loss green."""
    if client.loses_anyway:
        assert client.advice
        assert not client.of_the_pack
        return
    versions = client.versions if client.of_the_pack else (SHIPPED,)
    for version in versions:
        for action in set(client.actions("E4")) - {LIST}:
            for mode in client.modes():
                assert Outcome.LOST not in client.expected(version, action, mode), f"TLS {version}, {action} {mode}"
        # A listing is not a file; but users of such a client must know
        assert Outcome.LOST not in client.expected(version, LIST, "E4") or client.advice


def test_every_client_is_declared_once_and_for_things_that_exist() -> None:
    assert len({client.id for client in CLIENTS}) == len(CLIENTS)
    for client in CLIENTS:
        assert client.modes()
        assert client.expects.keys() <= set(VERSIONS), client.id
        for expected in client.expects.values():
            assert {key.split()[0] for key in expected} <= {*EVERYWHERE, *ONCE}, client.id


CONFIGURATION = """\
TLSProtocol                 TLSv1.2 TLSv1.3
TLSSessionCache             internal: 3600
<Global>
  TLSEngine                 on
  TLSProtocol               TLSv1.2
  TLSSessionTickets         on
</Global>
"""


@pytest.mark.parametrize(
    ("version", "line", "tickets"),
    [
        ("1.2", "  TLSProtocol TLSv1.2\n", "off"),
        (TICKETS, "  TLSProtocol TLSv1.2\n", "on"),
        ("1.3", "  TLSProtocol TLSv1.2 TLSv1.3\n", "off"),
    ],
)
def test_the_newest_version_is_set_once_and_for_both_ports(version: str, line: str, tickets: str) -> None:
    changed = with_newest_tls(CONFIGURATION, version)
    assert changed.count("TLSProtocol") == 1
    assert re.findall(r"TLSSessionTickets +(\w+)", changed) == [tickets]
    assert changed.index("<Global>") < changed.index(line) < changed.index("TLSEngine")
    assert "TLSSessionCache             internal: 3600\n" in changed


def test_a_configuration_that_cannot_be_changed_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no <Global>"):
        with_newest_tls("Port 21\n", "1.2")


def results(**cells: Cell) -> dict[str, object]:
    """What one client did, in each mode the same."""
    first = CLIENTS[0]
    modes = {mode: {action: cell.to_dict() for action, cell in cells.items()} for mode in MODES}
    known = {"name": first.name, "versions": "curl 8", "cells": dict.fromkeys(VERSIONS, modes)}
    return {"shipped": SHIPPED, "clients": {first.id: known}}


WHOLE = judge(whole=10, files=10, status=0)
LOST = judge(whole=7, files=10, status=0, seconds=1.5, said="a line")
REFUSED = judge(whole=1, files=10, status=18)


@pytest.mark.parametrize(
    ("put", "get", "text", "verdict"),
    [
        (WHOLE, WHOLE, "| intact |", "| works |"),
        (LOST, WHOLE, "| **loses 7/10** · intact · intact |", "| **loses** |"),
        (REFUSED, REFUSED, "| error 1/10 · error 1/10 · intact |", "| works in part |"),
    ],
)
def test_a_row_says_what_the_client_did(put: Cell, get: Cell, text: str, verdict: str) -> None:
    row = table.row(results(put=put, get=get, list=WHOLE), CLIENTS[0], SHIPPED)
    assert text in row
    assert row.endswith(verdict)


def test_what_is_committed_does_not_change_with_the_time_of_the_day() -> None:
    kept = json.dumps(table.lasting(results(put=LOST)))
    assert "seconds" not in kept
    assert "a line" not in kept


def test_the_documentation_has_the_table_of_the_committed_results() -> None:
    """It is written by a run (`make clients`), never by hand."""
    document = table.DOCUMENT.read_text(encoding="utf-8")
    committed = json.loads(table.RESULTS.read_text(encoding="utf-8"))
    assert document == table.with_table(document, committed)


def test_the_committed_results_are_what_is_declared() -> None:
    """Who changes an expectation has to run the matrix."""
    committed = json.loads(table.RESULTS.read_text(encoding="utf-8"))
    for client in CLIENTS:
        for version in client.versions:
            for mode in client.modes():
                cells = table.cells_of(committed, client.id, version, mode)
                # Of other versions a cell may be missing, which the table shows
                whole = cells.keys() == set(client.actions(mode)) or "not_run" in committed["clients"][client.id]
                assert whole or version != committed["shipped"], f"{client.id}, {mode}"
                for action, cell in cells.items():
                    assert cell.outcome in client.expected(version, action, mode), (
                        f"{client.id}, {version}, {mode}, {action}"
                    )
