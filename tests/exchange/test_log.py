"""The transfer log under attack and after faults: each record of a transfer is there, once.

These know this project's Linux server. On another product they do not apply.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from .codes import DONE, expect
from .conftest import Connect, Session
from .meddling import undone
from .target import Customer, Target
from .test_disk import data_root
from .test_hosts import LOG, server
from .test_transfer import STORED
from .vantage import Inspected

__all__ = ["server"]

pytestmark = [pytest.mark.inside, pytest.mark.elsewhere]
Measure = Callable[[str, str, Any], None]

UNIT = "ftps-exchange-transfer-log"
STATE = "/var/lib/ftps-exchange/log/state"
LONG = "DELE " + "x" * 2200
"""ProFTPD logs the argument of a refused command twice, as a path and as it was typed, and cuts the record off."""


def uploads(target: Target, fresh: str, expected: Iterable[str], patience: float = 10) -> list[str]:
    """Paths of the uploads that the log has, as soon as it has all that are expected, or after a while."""
    deadline = time.monotonic() + patience
    while True:
        text = target.server_of_sessions.sh(f"grep -F {fresh} {LOG} || true")
        records = [record for record in map(json.loads, text.splitlines()) if record.get("operation") == "upload"]
        found = [record["file"] for record in records if record["outcome"] == "ok"]
        if set(expected) <= set(found) or time.monotonic() > deadline:
            return found
        time.sleep(0.25)


@pytest.mark.risk("traces", decides=True)
@pytest.mark.parametrize("logged_in", [False, True], ids=["without a login", "logged in"])
def test_refused_commands_swallow_no_record_of_others(
    target: Target,
    server: Inspected,
    customer: Customer,
    neighbour: Customer,
    connect: Connect,
    session: Session,
    measure: Measure,
    fresh: str,
    logged_in: bool,
) -> None:
    """Refused commands of 2 KB neither stop the log, nor swallow records of another customer, nor fill it.

    Source: CWE-117, CWE-779 (logging of excessive data); ISO/IEC 27002 8.15.
    """
    victim = session(customer)
    attacker = session(neighbour) if logged_in else connect(neighbour.host).start_tls()
    before = server.file(LOG).size
    expected = [f"/{fresh}-{number}" for number in range(6)]
    for path in expected:
        for _ in range(12):
            assert attacker.command(LONG).code >= 400, "a DELE of a name that nobody has succeeded"
        expect(victim.store(path, b"12345"), STORED, "upload")
    found = uploads(target, fresh, expected)
    grown = server.file(LOG).size - before
    measure("Transfer log", f"bytes after {12 * len(expected) * len(LONG)} in refused commands, {fresh}", grown)
    for path in expected:
        expect(victim.command(f"DELE {path}"), DONE, "DELE")
    assert sorted(found) == expected, f"{len(found)} of {len(expected)} uploads of another customer are in the log"
    assert grown < len(expected) * 1000 + (60 * 2_500 if logged_in else 1_000), f"the log grew by {grown} bytes"


@pytest.mark.hard
@pytest.mark.risk("traces", decides=True)
def test_a_killed_log_loses_and_doubles_nothing(
    target: Target, server: Inspected, customer: Customer, session: Session, fresh: str
) -> None:
    """Killed in its work, and with an empty state file, the log goes on by itself; each record is there once.

    Source: docs/ftps-server.md (the transfer log); ISO/IEC 27002 8.15.
    """
    client = session(customer)
    expected = [f"/{fresh}-{number}" for number in range(6)]
    # The service always runs afterwards.
    with undone(target.server_of_sessions, "ftpsx-log", f"systemctl start {UNIT}"):
        for number, path in enumerate(expected):
            expect(client.store(path, b"12345"), STORED, "upload")
            if number == 1:
                target.server_of_sessions.sh(f"systemctl kill --signal=KILL {UNIT}")
            elif number == 3:
                target.server_of_sessions.sh(f"systemctl kill --signal=KILL {UNIT}; : > {STATE}")
            time.sleep(0.3)
        found = uploads(target, fresh, expected, patience=20)
        state = target.server_of_sessions.sh(f"systemctl is-active {UNIT} || true").strip()
    for path in expected:
        client.command(f"DELE {path}")
    assert sorted(found) == expected, f"of {len(expected)} uploads the log has {len(found)}: {found}"
    assert state == "active", f"{UNIT} is {state}"


@pytest.mark.hard
@pytest.mark.risk("traces", decides=True)
def test_a_session_that_is_killed_leaves_a_record(
    target: Target, server: Inspected, customer: Customer, session: Session, fresh: str
) -> None:
    """A session whose process dies in the middle of an upload leaves a record, although it cannot write one.

    Source: docs/ftps-server.md (the transfer log); ISO/IEC 27002 8.15.
    """
    client = session(customer)
    client.passive()
    client.send(f"STOR {fresh}")
    cut = ""
    with client.open_data():
        process = ""
        for _ in range(20):
            process = target.server_of_sessions.sh(
                f"pgrep --full '^proftpd: {customer.writer.name} .*STOR {fresh}' || true"
            ).strip()
            if process:
                break
            time.sleep(0.1)
        assert process, "no process of the session is seen"
        before = int(target.server_of_sessions.sh(f"wc -l < {LOG}"))
        target.server_of_sessions.sh(f"kill -KILL {process}")
        for _ in range(40):
            cut = target.server_of_sessions.sh(f"tail -n +{before + 1} {LOG} | grep -F '\"interrupted\"' || true")
            if cut:
                break
            time.sleep(0.25)
    session(customer).command(f"DELE {fresh}")
    assert cut, "no record says that the session was cut off"
    record = json.loads(cut.splitlines()[-1])
    assert record["account"] == customer.writer.name
    assert record["customer"] == customer.name


@pytest.mark.hard
@pytest.mark.risk("starving")
def test_one_listing_is_bounded(
    target: Target, server: Inspected, customer: Customer, session: Session, measure: Measure, fresh: str
) -> None:
    """A folder of ten thousand files is listed as a whole; of a far larger one LIST and NLST show a part.

    Each entry costs the server memory and time. MLSD, which keeps nothing, shows all.

    Source: RFC 2577 section 6 (exhaustion of resources); docs/ftps-server.md (Listings).
    """
    client = session(customer)
    folder = f"{data_root(target)}/homes/{customer.name}/{fresh}"
    with undone(target.server, "ftpsx-listing", f"rm -rf {folder}"):
        expect(client.command(f"MKD {fresh}"), DONE, "MKD")
        for entries, shown in ((10_000, 10_000), (25_000, 20_000)):
            target.server.sh(f"cd {folder} && seq -f f%g {entries} | xargs touch")
            for command in ("LIST", "NLST"):
                begin = time.monotonic()
                reply, listing = client.transfer(f"{command} {fresh}")
                seconds = time.monotonic() - begin
                expect(reply, STORED, command)
                measure("Listings", f"{command} of {entries} files, seconds", round(seconds, 2))
                lines = len(listing.splitlines())
                assert abs(lines - shown) <= 1, f"{command} of {entries} files shows {lines}, not {shown}"
