"""Uploads that never begin, that break off, or whose client dies: what is left, and that the rest can follow.

The way that docs/ftps-server.md advises is tried, `STOR x.part` and then a rename, beside the plain one.
"""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest

from .codes import NO_DATA, expect
from .conftest import Scratch, Session
from .ftps_client import FtpsClient, Reply
from .outcomes import does_not_apply
from .recorder import Evidence
from .target import Customer, Target
from .test_transfer import LINGER, STORED, Desk, desk, needs

__all__ = ["desk"]

Measure = Callable[[str, str, Any], None]
BLOCKED, NOT_RESUMED = "data port blocked", "TLS not resumed"
RESUMING = pytest.mark.parametrize("by", ["REST", "APPE"])


def store_in_vain(client: FtpsClient, path: str, how: str) -> Reply | None:
    """An upload that never begins; the reply, if there was one before a client loses patience."""
    if how == NOT_RESUMED:
        return client.transfer(f"STOR {path}", b"never stored", reuse=False)[0]
    client.passive()
    client.send(f"STOR {path}")
    client.control.settimeout(2)
    try:
        return client.reply()
    except TimeoutError:
        return None


def give_up(client: FtpsClient) -> None:
    """End a session that waits for its data connection: it would wait for minutes."""
    client.control.close()
    client.open_data().close()


def cut(client: FtpsClient, path: str, content: bytes, *, reset: bool) -> None:
    """An upload that ends in the middle, by a reset or the way a system closes the connections of a dead program."""
    client.passive()
    data = client.open_data()
    expect(client.command(f"STOR {path}"), (125, 150), f"STOR {path}")
    secured = client.secure_data(data)
    secured.sendall(content)
    if reset:
        # What was sent must have arrived: a reset throws away what the server has not read
        time.sleep(0.5)
        secured.setsockopt(*LINGER)
    secured.close()
    client.note("the data connection is reset" if reset else "the data connection is closed without a goodbye of TLS")
    client.reply()


def follow_up(client: FtpsClient, path: str, content: bytes, by: str) -> None:
    """Send what is missing."""
    size = client.command(f"SIZE {path}")
    assert size.code == 213, f"of an upload that was cut nothing is left: {size}"
    there = int(size.text)
    assert 0 < there < len(content), f"of {len(content)} bytes, cut after a part, {there} are there"
    if by == "REST":
        expect(client.command(f"REST {there}"), (350,), f"REST {there}")
        expect(client.store(path, content[there:]), STORED, "STOR after REST")
    else:
        expect(client.transfer(f"APPE {path}", content[there:])[0], STORED, "APPE")


def replace(target: Target, client: FtpsClient, part: str, path: str) -> None:
    reply = client.rename(part, path)
    if reply.code >= 500 and not target.complete:
        does_not_apply(f"this server does not rename over a file that is there ({reply})")
    expect(reply, (250,), f"rename {part} to {path}")


@pytest.mark.risk("transfers", decides=True)
@pytest.mark.parametrize("how", [BLOCKED, NOT_RESUMED])
def test_an_upload_that_never_begins_leaves_the_old_file(
    target: Target, customer: Customer, session: Session, scratch: Scratch, measure: Measure, how: str
) -> None:
    """If the data connection fails, the file that a rename would have replaced is as it was.

    The next try succeeds, also after a failed one.

    Source: RFC 959 section 5.4 (425); docs/ftps-server.md (x.part and rename).
    """
    client, broken = session(customer), session(customer)
    path, part = scratch(client), scratch(client, ".part")
    old, new = secrets.token_bytes(50_000), secrets.token_bytes(60_000)
    expect(client.store(path, old), STORED, "the old file")
    reply = store_in_vain(broken, part, how)
    if reply:
        measure("Replies", f"STOR, {how}", str(reply))
        expect(reply, (*NO_DATA, 150), f"STOR, {how}")
    assert client.retrieve(path)[1] == old, "the old file is another one"
    if how == BLOCKED:
        give_up(broken)
    expect(client.store(part, new), STORED, "the next try")
    replace(target, client, part, path)
    assert client.retrieve(path)[1] == new, "the file is not the new one"
    assert client.command(f"SIZE {part}").code == 550, "the other name is still there"


@pytest.mark.risk("transfers", decides=True)
@RESUMING
def test_an_upload_that_breaks_off_leaves_the_old_file_and_resumes(
    target: Target, customer: Customer, session: Session, scratch: Scratch, by: str
) -> None:
    """Cut in the middle, the old file is as it was, the rest follows, and the rename makes the new one whole.

    Source: RFC 3659 section 5 (REST); RFC 959 section 4.1.3 (APPE); docs/ftps-server.md.
    """
    client = session(customer)
    path, part = scratch(client), scratch(client, ".part")
    old, new = secrets.token_bytes(50_000), secrets.token_bytes(400_000)
    expect(client.store(path, old), STORED, "the old file")
    cut(session(customer), part, new[:250_000], reset=True)
    assert client.retrieve(path)[1] == old, "the old file is another one"
    again = session(customer)
    follow_up(again, part, new, by)
    assert again.retrieve(path)[1] == old, "the old file is another one"
    replace(target, again, part, path)
    assert again.retrieve(path)[1] == new, "the file is not the new one"


@pytest.mark.risk("transfers")
@RESUMING
def test_the_rest_follows_under_the_final_name_too(
    customer: Customer, session: Session, scratch: Scratch, by: str
) -> None:
    """What a dead client sent passes for a whole file, since its system says goodbye; the rest follows all the same.

    Source: RFC 959 section 3.4.1 (the end of the connection is the end of the file); RFC 3659 section 5.
    """
    client = session(customer)
    path = scratch(client)
    content = secrets.token_bytes(400_000)
    cut(session(customer), path, content[:250_000], reset=False)
    follow_up(client, path, content, by)
    assert client.retrieve(path)[1] == content, "the file is not whole"


@pytest.mark.risk("transfers")
@pytest.mark.parametrize("how", [BLOCKED, NOT_RESUMED])
def test_whoever_uploads_under_the_final_name_learns_of_a_failure(
    customer: Customer, session: Session, scratch: Scratch, measure: Measure, how: str
) -> None:
    """Without the rename the client gets an error too; what is left of the old file is up to the server.

    Source: RFC 959 section 5.4 (425); docs/ftps-server.md says what is left.
    """
    client, broken = session(customer), session(customer)
    path = scratch(client)
    old, new = secrets.token_bytes(50_000), secrets.token_bytes(60_000)
    expect(client.store(path, old), STORED, "the old file")
    reply = store_in_vain(broken, path, how)
    left = client.command(f"SIZE {path}")
    measure("Replies", f"What is left of a file of {len(old)} bytes: STOR, {how}", left.text)
    if reply:
        expect(reply, (*NO_DATA, 150), f"STOR, {how}")
    assert left.text in ("0", str(len(old))), f"of an upload that never began there are {left.text} bytes"
    if how == BLOCKED:
        give_up(broken)
    expect(client.store(path, new), STORED, "the next try")
    assert client.retrieve(path)[1] == new, "the file is not the new one"


@pytest.mark.risk("transfers")
def test_a_program_that_is_killed_gives_no_final_name(
    desk: Desk, session: Session, scratch: Scratch, evidence: Evidence
) -> None:
    """curl, killed in the middle of an upload to x.part, leaves no x; started again it sends the rest and renames.

    Source: docs/ftps-server.md (How a consumer recognises a finished file); curl's manual (--continue-at, --quote).
    """
    needs(desk, "curl")
    client = session(desk.customer)
    path, part = scratch(client), scratch(client, ".part")
    name = path.rpartition("/")[2]
    sent = desk.random_file(4_000_000)
    upload = [f"ftp://{desk.target.fqdn}:{desk.target.explicit_port}/{desk.remote}{name}.part", "-T", "sent"]
    upload += ["-Q", f"-RNFR {name}.part", "-Q", f"-RNTO {name}"]
    trust = ["--cacert", "ca.pem"] if desk.target.ca_file else []
    resolve = f"{desk.target.fqdn}:{desk.target.explicit_port}:{desk.target.public_ip}"
    slow = ["curl", "-sS", "--ssl-reqd", *trust, "--netrc-file", "login", "--resolve", resolve]
    slow += ["--limit-rate", "500k", *upload]
    evidence(f"{desk.customer.host.name}: {shlex.join(slow)}, killed")
    desk.sh(
        f"{shlex.join(slow)} & pid=$!; sleep 3; kill -KILL $pid;"
        " status=0; wait $pid || status=$?; [ $status -eq 137 ] || { echo curl ended with $status by itself; exit 1; }"
    )
    for _ in range(20):
        time.sleep(0.25)
        arrived = client.command(f"SIZE {part}")
        if arrived.code == 213 and int(arrived.text) > 0:
            break
    assert arrived.code == 213, f"nothing of the upload is there: {arrived}"
    assert 0 < int(arrived.text) < 4_000_000, f"{arrived.text} bytes are there: it was not killed in the middle"
    assert client.command(f"SIZE {path}").code == 550, "a part of the file has the final name"
    desk.curl("-C", "-", *upload)
    received = client.retrieve(path)[1]
    desk.customer.host.write(f"{desk.folder}/back", received)
    assert desk.digest("back") == sent, "the file is not whole"


@pytest.mark.risk("transfers")
@pytest.mark.parametrize("where", ["home", pytest.param("share", marks=pytest.mark.elsewhere)])
def test_a_rename_replaces_a_file_in_one_step(
    target: Target, customer: Customer, session: Session, scratch: Scratch, fresh: str, where: str
) -> None:
    """Readers always find the old file or the new one, never none or half of one.

    Source: POSIX, rename(); IIS fileHandling/allowReplaceOnRename; RFC 959 says nothing of files that are there.
    """
    client, reader = session(customer), session(customer)
    path = scratch(client) if where == "home" else f"{target.share('write', customer.name)}/{fresh}"
    sizes, seen, done = (50_000, 60_000), set[str](), Event()
    expect(client.store(path, b"x" * sizes[0]), STORED, "the old file")

    def look() -> None:
        while not done.is_set():
            seen.add(str(reader.command(f"SIZE {path}")))

    watching = Thread(target=look)
    watching.start()
    try:
        for turn in range(1, 13):
            expect(client.store(f"{path}.part", b"y" * sizes[turn % 2]), STORED, "the new file")
            replace(target, client, f"{path}.part", path)
    finally:
        done.set()
        watching.join(30)
        for name in (path, f"{path}.part"):
            client.command(f"DELE {name}")
    assert seen == {f"213 {size}" for size in sizes}, f"somebody who looked saw {sorted(seen)}"
