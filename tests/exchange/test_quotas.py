"""A quota that is used up: the customer gets an error, existing files stay, and nobody else notices."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest

from .codes import DONE, expect
from .conftest import Session
from .outcomes import does_not_apply
from .recorder import Evidence
from .target import Customer, Target
from .test_transfer import STORED

Measure = Callable[[str, str, Any], None]

SMALL = 64 << 20
"""Bytes. A larger quota is not filled."""
USED_UP = (451, 452, 552)
"""RFC 959 section 4.2.2. 552 is the right one; XFS says that there is no space, and within a write it is an error."""
NO_NEW_FILE = (550, *USED_UP)
"""ProFTPD answers 550 to a file that cannot be created."""
SOON = 60
"""Seconds after which deleted bytes are free again; btrfs counts them at its next commit."""


def small_share(target: Target, customers: list[Customer]) -> tuple[Customer, str, int]:
    """A customer that may write in a share with a small quota, the share's path, and the quota."""
    limits = {entry["path"]: entry["bytes_limit"] for entry in target.description.get("quotas") or ()}
    for customer in customers:
        for path, access in customer.shares.items():
            limit = limits.get(f"shares/{path.rpartition('/')[2]}")
            if access == "write" and limit and limit <= SMALL:
                return customer, path, limit
    return does_not_apply(f"no share with a quota of at most {SMALL >> 20} MiB, in which a customer may write")


@pytest.mark.hard
@pytest.mark.risk("transfers")
def test_a_quota_that_is_used_up_harms_nobody_else(
    target: Target,
    everybody: list[Customer],
    session: Session,
    measure: Measure,
    fresh: str,
) -> None:
    """An upload beyond the quota is answered with no, and nothing else changes: not even an upload of the same session
    to another folder.

    Source: RFC 959 section 4.2.2 (452, 552); docs/quotas.md.
    """
    customer, share, limit = small_share(target, everybody)
    others = [one for one in everybody if one is not customer]
    client = session(customer)
    path, part, more = (f"{share}/{fresh}{end}" for end in ("", ".part", ".more"))
    old = secrets.token_bytes(16_384)
    try:
        expect(client.store(path, old), STORED, "a file within the quota")
        reply = client.store(part, bytes(limit))
        measure("Replies", "STOR, quota used up", str(reply))
        expect(reply, USED_UP, "STOR beyond the quota")
        assert client.retrieve(path)[1] == old, "the old file is another one"
        expect(client.command(f"SIZE {part}"), (213,), "SIZE of what arrived")
        expect(client.store(more, bytes(1 << 20)), NO_NEW_FILE, "the next upload")

        expect(client.store(fresh, old), STORED, "an upload to the home, with the quota of a share used up")
        for other in others[:1]:
            neighbour = session(other)
            expect(neighbour.store(fresh, old), STORED, f"an upload of {other.name}")
            expect(neighbour.command(f"DELE {fresh}"), DONE, f"DELE of {other.name}")
            neighbour.control.close()

        expect(client.command(f"DELE {part}"), DONE, "DELE with the quota used up")
        begin = time.monotonic()
        while (reply := client.store(part, bytes(limit // 2))).code not in STORED:
            assert time.monotonic() - begin < SOON, f"deleted bytes are not free again after {SOON} s: {reply}"
            time.sleep(1)
        measure("Quotas", "seconds until deleted bytes are free", round(time.monotonic() - begin, 1))
    finally:
        for name in (path, part, more, fresh):
            client.command(f"DELE {name}")
        client.control.close()


@pytest.mark.inside
@pytest.mark.risk("transfers")
def test_quotas_are_those_declared(target: Target, evidence: Evidence) -> None:
    """The file system has the limits that the model declares, and no others.

    Source: docs/quotas.md.
    """
    declared = {
        entry["path"]: (entry["bytes_limit"], entry["files_limit"]) for entry in target.description.get("quotas") or ()
    }
    if not declared:
        does_not_apply("the model has no quota")
    listing = json.loads(target.server.sh("ftps-exchange-quota --json"))
    evidence(f"ftps-exchange-quota --json: {listing}")
    found = {entry["folder"]: (entry["bytes_limit"], entry["files_limit"]) for entry in listing}
    assert found == declared
