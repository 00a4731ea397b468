"""A full disk: the customer gets an error, the log says so, and the existing file stays."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .codes import DONE, expect
from .conftest import Scratch, Session
from .meddling import undone
from .outcomes import does_not_apply
from .recorder import Evidence
from .target import Target
from .test_hosts import LOG
from .test_transfer import STORED, Desk, desk, needs

__all__ = ["desk"]

Measure = Callable[[str, str, Any], None]
NO_SPACE = (451, 452, 552)
"""RFC 959 section 4.2.2. ProFTPD answers 451 when the disk ended within a write, and 452 when it did between two."""

DISK = 8 << 20
"""Bytes of the disk that is filled: one in memory, mounted for the time of the check."""


def data_root(target: Target) -> str:
    """The folder of the server that has homes/ and shares/."""
    root = target.server.sh(
        "sed -n 's/.*ftps-exchange-session [^ ]* \\(\\/[^ ]*\\) .*/\\1/p' /etc/pam.d/ftps-exchange"
    ).strip()
    if not root:
        does_not_apply("the server is none that this project set up on Linux")
    return root


@contextmanager
def small_disk(target: Target, customer: str) -> Iterator[None]:
    """Give a customer a home of a few MiB."""
    server = target.server_of_sessions
    home = f"{data_root(target)}/homes/{customer}"
    # The daemon has mounts of its own, those that were there when it began
    restart = "systemctl restart proftpd"
    with undone(server, "ftpsx-small-disk", f"umount --lazy {home} 2> /dev/null && {restart}"):
        server.sh(f"mount -t tmpfs -o size={DISK},mode=0777 small-disk {home}; mkdir {home}/shared; {restart}")
        yield


@pytest.mark.hard
@pytest.mark.inside
@pytest.mark.risk("transfers")
@pytest.mark.parametrize("taken", [0, 4096], ids=["between two writes", "within a write"])
def test_a_full_disk_is_told(
    target: Target,
    desk: Desk,
    session: Session,
    scratch: Scratch,
    evidence: Evidence,
    measure: Measure,
    fresh: str,
    taken: int,
) -> None:
    """An upload that finds no more room is answered with no, curl ends with an error, and nothing else is harmed.

    Source: RFC 959 section 4.2.2 (452, 552); docs/ftps-server.md (A full disk).
    """
    needs(desk, "curl")
    with small_disk(target, desk.customer.name):
        client = session(desk.customer)
        path, part = scratch(client), scratch(client, ".part")
        old = secrets.token_bytes(16_384)
        expect(client.store(path, old), STORED, "the old file")
        if taken:
            expect(client.store(scratch(client, ".taken"), bytes(taken)), STORED, "what takes a little room")
        reply = client.store(part, bytes(DISK))
        measure("Replies", f"STOR, disk full {'within a write' if taken else 'between two writes'}", str(reply))
        expect(reply, NO_SPACE, "STOR with a full disk")
        assert client.retrieve(path)[1] == old, "the old file is another one"

        expect(client.command(f"DELE {part}"), DONE, "DELE with a full disk")
        expect(client.store(part, old), STORED, "the next upload in the same session")
        expect(client.command(f"DELE {part}"), DONE, "DELE")

        desk.random_file(DISK)
        url = f"ftp://{target.fqdn}:{target.explicit_port}/{part}"
        with pytest.raises(AssertionError) as told:
            desk.curl("-T", "sent", url, "-Q", f"-RNFR {part}", "-Q", f"-RNTO {path}")
        said = str(told.value).splitlines()
        evidence(f"curl ended {said[0].rpartition('ended ')[2]} {said[-1]}")
        assert client.retrieve(path)[1] == old, "the old file is another one after curl"
        client.command(f"DELE {part}")
        client.control.close()

    records: list[dict[str, Any]] = []
    for _ in range(20):
        text = target.server_of_sessions.sh(f"grep -F {fresh}.part {LOG} || true")
        records = [record for record in map(json.loads, text.splitlines()) if record["operation"] == "upload"]
        if len(records) >= 3:
            break
        time.sleep(0.25)
    outcomes = [record["outcome"] for record in records]
    assert outcomes == ["aborted", "ok", "aborted"], f"the log has these uploads: {outcomes}"
    assert records[0]["reply"] == reply.code
    assert "disk full" in records[0]["reason"], f"the log does not say that the disk was full: {records[0]}"
