"""What a customer sees and may do: the own home and the granted shares, each as it was granted, and nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .codes import DONE, NO_FILE, expect, refused
from .conftest import Commands, Scratch, Session
from .outcomes import not_tested
from .target import Customer, Target

Measure = Callable[[str, str, Any], None]
STORED = (226, 250)


@pytest.mark.quick
@pytest.mark.risk("isolation", decides=True)
def test_the_shares_are_those_granted(everybody: list[Customer], session: Session) -> None:
    """Each customer sees exactly the granted shares, with every listing command.

    Source: RFC 3659 section 7 (MLSD); RFC 959 section 4.1.3 (NLST, LIST). IIS hides virtual directories unless
    directoryBrowse/showFlags has DisplayVirtualDirectories.
    """
    for customer in everybody:
        parents = {path.rsplit("/", 1)[0] or "/" for path in customer.shares}
        client = session(customer)
        for parent in parents:
            declared = sorted(
                path.rsplit("/", 1)[1] for path in customer.shares if (path.rsplit("/", 1)[0] or "/") == parent
            )
            reply, listing = client.transfer(f"NLST {parent}")
            expect(reply, STORED, f"NLST {parent}")
            seen = sorted(line.rsplit("/", 1)[-1] for line in listing.decode("utf-8", "replace").split("\r\n") if line)
            if parent == "/":
                missing = set(declared) - set(seen)
                assert not missing, f"{customer.name} does not see {', '.join(sorted(missing))}"
            else:
                assert seen == declared, f"{customer.name} sees {seen} in {parent}; granted are {declared}"


@pytest.mark.risk("isolation")
def test_listings_agree(customer: Customer, session: Session, scratch: Scratch) -> None:
    """MLSD and NLST name the same, and STAT of a folder shows nothing more.

    Source: RFC 3659 section 7; RFC 1123 section 4.1.3.4 for NLST.
    """
    client = session(customer)
    path = scratch(client)
    expect(client.store(path, b"x"), STORED, "upload")
    folder = path.rpartition("/")[0]
    reply, listing = client.transfer(f"NLST {folder}".rstrip())
    expect(reply, STORED, "NLST")
    plain = sorted(line.rsplit("/", 1)[-1] for line in listing.decode("utf-8", "surrogateescape").split("\r\n") if line)
    assert client.command("FEAT").text.upper().find("MLST") >= 0, "MLSD is not offered (FEAT)"
    with_facts = client.names(folder)
    hidden = [name for name in with_facts if name not in plain and not name.startswith(".")]
    assert not hidden, f"MLSD names {hidden}, NLST does not"
    invented = [name for name in plain if name not in with_facts and name not in (".", "..")]
    assert not invented, f"NLST names {invented}, MLSD does not"


@pytest.mark.risk("isolation", decides=True)
def test_both_accounts_of_a_customer_see_one_home(
    everybody: list[Customer], session: Session, scratch: Scratch
) -> None:
    """A reading account reads what the writing one brought, and can change nothing.

    Source: the customer's file (access: read); RFC 959 section 5.4 (550, 553).
    """
    both = [one for one in everybody if {account.access for account in one.accounts} >= {"read", "write"}]
    if not both:
        not_tested("no customer has a reading and a writing account with known passwords")
    owner = both[0]
    content = secrets.token_bytes(3000)
    writer, reader = session(owner), session(owner, owner.reader)
    path = scratch(writer)
    expect(writer.store(path, content), STORED, "upload by the writer")
    assert reader.retrieve(path)[1] == content, "the reader does not get what the writer brought"
    for command in (f"DELE {path}", f"MKD {path}-folder", f"MFMT 20200101000000 {path}", f"SITE CHMOD 666 {path}"):
        refused(reader.command(command), f"{command.split()[0]} by the reader")
    refused(reader.rename(path, f"{path}-renamed"), "RNFR and RNTO by the reader")
    refused(reader.store(f"{path}-2", content), "STOR by the reader")
    refused(reader.transfer(f"APPE {path}", content)[0], "APPE by the reader")
    assert writer.retrieve(path)[1] == content, "the file has changed"


@pytest.fixture
def given(target: Target, customer: Customer, session: Session, fresh: str) -> Iterator[tuple[str, str, bytes | None]]:
    """A read-only share, and a file in it: put there on the server, or one that lies there."""
    share = next((path for path, access in customer.shares.items() if access == "read"), None)
    if share is None:
        not_tested(f"customer {customer.name} has no share that is for reading only")
    placed = target.description.get("server") is not None and _on_server(target, share) is not None
    if placed:
        where = _on_server(target, share)
        target.server.sh(f"printf given > '{where}/{fresh}'")
        yield share, f"{share}/{fresh}", b"given"
        target.server.sh(f"rm -f '{where}/{fresh}'")
        return
    _, listing = session(customer).transfer(f"NLST {share}")
    names = [line.rsplit("/", 1)[-1] for line in listing.decode("utf-8", "replace").split("\r\n") if line]
    yield share, f"{share}/{names[0]}" if names else "", None


def _on_server(target: Target, share: str) -> str | None:
    """Where a share lies on a Linux server of this project."""
    root = target.description.get("root", "/srv/ftps-exchange")
    folder = f"{root}/shares/{share.rsplit('/', 1)[-1]}"
    return folder if target.server.run("test", "-d", folder).returncode == 0 else None


@pytest.mark.elsewhere
@pytest.mark.risk("isolation", decides=True)
def test_a_read_share_cannot_be_written(
    customer: Customer, session: Session, given: tuple[str, str, bytes | None], fresh: str
) -> None:
    """In a share for reading a file can be read, and nothing written, appended, removed, renamed, touched or made.

    Source: the customer's file (access: read); RFC 959 section 5.4 (550, 553); RFC 3659 section 3.
    """
    share, path, content = given
    client = session(customer)
    stored = client.store(f"{share}/{fresh}-new", b"x")
    if stored.code < 400:
        client.answer(f"DELE {share}/{fresh}-new")
    refused(stored, f"STOR into {share}")
    made = client.answer(f"MKD {share}/{fresh}-folder")
    if made.code < 400:
        client.answer(f"RMD {share}/{fresh}-folder")
    refused(made, f"MKD in {share}")
    refused(client.answer(f"RMD {share}"), f"RMD {share}")
    refused(client.rename(share, f"{share}-gone"), f"renaming {share}")
    if not path:
        not_tested(f"nothing can be written into {share}; it is empty, so reading could not be tried")
    reply, received = client.retrieve(path)
    expect(reply, STORED, f"RETR {path}")
    if content is None:
        return
    assert received == content, "the file is not what was put there"
    for command in (f"DELE {path}", f"MFMT 20200101000000 {path}", f"SITE CHMOD 666 {path}", f"RMDA {path}"):
        refused(client.command(command), f"{command.split()[0]} in {share}")
    refused(client.transfer(f"APPE {path}", b"x")[0], f"APPE in {share}")
    refused(client.rename(path, f"{share}/{fresh}-renamed"), f"renaming in {share}")
    # Renaming into one's own home may be a copy (no rename leaves a file system): the share keeps what it has
    client.rename(path, fresh)
    assert client.retrieve(path)[1] == content, "the file is gone from the share, or changed"
    client.answer(f"DELE {fresh}")


@pytest.mark.elsewhere
@pytest.mark.risk("isolation", decides=True)
def test_writers_of_a_common_share_can_work_together(
    target: Target, customer: Customer, neighbour: Customer, session: Session, fresh: str
) -> None:
    """What one customer makes in a share that both may write, the other can use, also in a folder made by the first.

    Source: docs/permissions.md. Umask, inheritance and the mask of an ACL must not take the other's rights away.
    """
    share = target.share("write", customer.name, neighbour.name)
    first, second = session(customer), session(neighbour)
    folder = f"{share}/{fresh}"
    expect(first.command(f"MKD {folder}"), {257}, "MKD")
    try:
        expect(first.store(f"{folder}/a", b"from the first"), STORED, "upload by the first")
        assert second.retrieve(f"{folder}/a")[1] == b"from the first", "the second cannot read it"
        expect(second.store(f"{folder}/b", b"from the second"), STORED, "upload by the second")
        expect(second.transfer(f"APPE {folder}/a", b", and the second")[0], STORED, "APPE by the second")
        assert first.retrieve(f"{folder}/a")[1] == b"from the first, and the second"
    finally:
        for command in (f"DELE {folder}/a", f"DELE {folder}/b", f"RMD {folder}"):
            second.answer(command)


@pytest.mark.quick
@pytest.mark.risk("isolation", decides=True)
def test_a_share_not_granted_does_not_exist(
    target: Target, customer: Customer, neighbour: Customer, commands: Commands
) -> None:
    """A share that only another customer has cannot be entered, listed or read.

    Source: the customer's file; RFC 959 section 5.4 (550).
    """
    for owner, other in ((customer, neighbour), (neighbour, customer)):
        try:
            share = target.share_only_of(owner.name)
        except pytest.skip.Exception:
            continue
        client = commands(other)
        expect(client.answer(f"CWD {share}"), NO_FILE, f"CWD {share} as {other.name}")
        for verb in ("NLST", "MLSD", "LIST"):
            _, listing = client.transfer(f"{verb} {share}")
            # Some clients' wildcards are answered with an empty listing and 226
            words = listing.decode("utf-8", "replace").strip()
            assert words == "" or "no such" in words.lower(), f"{verb} {share} as {other.name} lists {words[:80]!r}"
        return
    not_tested("neither customer has a share of its own")


PATHS = {
    "parent": "..",
    "parent of the root": "/..",
    "many parents": "/../../../..",
    "neighbour by parent": "../{neighbour}",
    "neighbour's home": "/homes/{neighbour}",
    "LocalUser": "/LocalUser/{neighbour}",
    "system folder": "/etc",
    "drive": "C:\\",
    "backslashes": "..\\..\\{neighbour}",
    "encoded": "%2e%2e/%2e%2e",
    "home of a user": "~{account}",
    "home of root": "~root",
    "dots": "....//....//",
    "device": "//./C:/",
    "share of Windows": "\\\\localhost\\c$",
    "wildcard": "/*/../..",
}


@pytest.mark.risk("isolation", decides=True)
@pytest.mark.parametrize("path", list(PATHS))
def test_nobody_leaves_the_home(target: Target, customer: Customer, commands: Commands, path: str) -> None:
    """No spelling of a path leads out of the home: CWD stays inside or fails, and listings show nothing of others.

    Source: RFC 2577 section 7; CWE-22 (path traversal); IIS isolation modes 1 and 3.
    """
    others = [name for name in target.customers if name != customer.name]
    neighbour = others[0] if others else "neighbour"
    account = (
        target.customers[neighbour].accounts[0].name if others and target.customers[neighbour].accounts else "admin"
    )
    tried = PATHS[path].format(neighbour=neighbour, account=account)
    client = commands(customer)
    _, home = client.transfer("NLST /")
    own = {name.rsplit("/", 1)[-1] for name in home.decode("utf-8", "replace").lower().split("\r\n") if name}
    reply = client.answer(f"CWD {tried}")
    expect(reply, (*NO_FILE, 250), f"CWD {tried}")
    if reply.code == 250:
        where = client.command("PWD").text
        inside = where.split('"')[1].lower() if where.count('"') > 1 else where
        assert inside == "/" or inside.split("/")[1] in own, f"after CWD {tried} the folder is {where}"
        client.answer("CWD /")
    for verb in ("NLST", "LIST"):
        _, listing = client.transfer(f"{verb} {tried}")
        text = listing.decode("utf-8", "replace").lower()
        for telltale in ("passwd", "shadow", "windows", "program files", "inetpub", "ftps-exchange", *others):
            seen = telltale in text and not any(telltale in name for name in own)
            # A listing may name the path that was asked for ("no such file")
            assert not seen or telltale in tried.lower(), f"{verb} {tried} names {telltale}: {text[:200]!r}"


@pytest.mark.risk("isolation")
@pytest.mark.parametrize(
    "file", ["/etc/passwd", "../../../../etc/passwd", "C:\\Windows\\win.ini", "/proc/self/environ"]
)
def test_files_of_the_system_cannot_be_read(customer: Customer, commands: Commands, file: str) -> None:
    """RETR and SIZE find no file of the server's own system.

    Source: CWE-22; path-mapping jails that check CWD and forget RETR (ProFTPD's mod_vroot).
    """
    client = commands(customer)
    reply, content = client.retrieve(file)
    assert not content, f"RETR {file} gives {len(content)} bytes"
    refused(reply, f"RETR {file}")
    refused(client.answer(f"SIZE {file}"), f"SIZE {file}")


@pytest.mark.inside
@pytest.mark.elsewhere
@pytest.mark.risk("isolation", decides=True)
def test_a_symbolic_link_leads_nowhere(target: Target, customer: Customer, session: Session, fresh: str) -> None:
    """A link in the home that points out of it, as an unpacked archive may bring one, gives nothing away.

    Source: CWE-59; mod_vroot follows such a link in RETR although CWD refuses it. A real chroot has nothing to follow.
    """
    root = target.description.get("root", "/srv/ftps-exchange")
    home = f"{root}/homes/{customer.name}"
    if target.server.run("test", "-d", home).returncode != 0:
        not_tested("the server is not one of this project's on Linux, so no link could be put into a home")
    others = [name for name in target.customers if name != customer.name]
    links = {fresh: "/etc", **({f"{fresh}-other": f"{root}/homes/{others[0]}"} if others else {})}
    for link, to in links.items():
        target.server.sh(f"ln -s {to} {home}/{link}")
    try:
        client = session(customer)
        for command in (f"RETR {fresh}/passwd", f"NLST {fresh}/", f"MLSD {fresh}", *(f"NLST {link}" for link in links)):
            _, content = client.transfer(command)
            assert b"root:" not in content, f"{command} gives the server's own file"
            text = content.replace(f"{fresh}/passwd".encode(), b"")
            assert b"passwd" not in text, f"{command} lists the server's own folder"
    finally:
        target.server.sh(f"rm -f {' '.join(f'{home}/{link}' for link in links)}")


@pytest.mark.elsewhere
@pytest.mark.risk("isolation")
def test_the_folder_of_the_shares_stays(customer: Customer, session: Session) -> None:
    """The folder in which the shares stand cannot be removed, moved or written to.

    Source: docs/folders.md. Whoever replaces it by a folder of their own hides the shares from the others.
    """
    parent = next((path.rsplit("/", 1)[0] for path in customer.shares if path.count("/") > 1), None)
    if not parent:
        not_tested("the customer's shares stand in no folder of their own")
    client = session(customer)
    refused(client.command(f"RMD {parent}"), f"RMD {parent}")
    refused(client.rename(parent, "/gone"), f"renaming {parent}")
    refused(client.command(f"MKD {parent}/new"), f"MKD {parent}/new")
    refused(client.store(f"{parent}/new", b"x"), f"STOR {parent}/new")


NAMES = {
    "UTF-8": "Grüße €ł 日本",
    "spaces": "two words",
    "quotes": 'a "quoted" name',
    "semicolons": "a; type=dir; b",
    "percent": "100%25 $(id) `id`",
    "dash": "-l",
    "long": "n" * 180,
}


@pytest.mark.risk("transfers")
@pytest.mark.parametrize("kind", list(NAMES))
def test_any_name_goes_through(customer: Customer, session: Session, scratch: Scratch, kind: str) -> None:
    """Names with letters of any language, blanks, quotes and other signs come back as they were given.

    Source: RFC 2640 (UTF-8); RFC 3659 section 7.2 (names in MLSD need no quoting).
    """
    client = session(customer)
    client.answer("OPTS UTF8 ON")
    name = f" {NAMES[kind]}"
    path = scratch(client, name)
    expect(client.store(path, kind.encode()), STORED, "upload")
    folder, _, shown = path.rpartition("/")
    reply, content = client.retrieve(path)
    assert content == kind.encode(), f"RETR: {reply}"
    assert shown in client.names(folder), f"MLSD does not name {shown!r}"


@pytest.mark.risk("traces")
@pytest.mark.risk("isolation")
def test_control_characters_in_names_are_refused(customer: Customer, commands: Commands, scratch: Scratch) -> None:
    """A name with a line break, which would forge lines in listings and logs, is refused or does not arrive as such.

    Source: CWE-93 (injection of line breaks); RFC 959 section 3.1.1.5.2.
    """
    client = commands(customer)
    for sign in ("\t", "\x07", "\x1b[31m"):
        path = scratch(client, f"-a{sign}b")
        reply = client.answer(f"MKD {path}")
        if reply.code == 257:
            client.answer(f"RMD {path}")
        refused(reply, f"MKD with {sign!r} in the name")


@pytest.mark.risk("transfers")
def test_upload_and_rename(customer: Customer, session: Session, scratch: Scratch, measure: Measure) -> None:
    """An upload under another name and a rename, by which consumers recognise a finished file, work.

    Whether a rename replaces an existing file is the service's policy: it is measured and reported.

    Source: docs/ftps-server.md; RFC 959 section 4.1.3 (350, 250); IIS allowReplaceOnRename.
    """
    client = session(customer)
    part, final = scratch(client, ".part"), scratch(client, ".final")
    expect(client.store(part, b"first"), STORED, "upload")
    expect(client.rename(part, final), DONE, "rename")
    assert client.retrieve(final)[1] == b"first"
    expect(client.store(part, b"second"), STORED, "second upload")
    reply = client.rename(part, final)
    measure("Replies", "rename over an existing file", str(reply))
    content = client.retrieve(final)[1]
    assert content == (b"second" if reply.code < 400 else b"first"), f"after {reply} the file holds {content!r}"


@pytest.mark.risk("transfers")
def test_folders_can_be_made_and_removed(customer: Customer, session: Session, scratch: Scratch) -> None:
    """A folder can be made, used and removed again.

    Source: RFC 959 section 4.1.3 (257, 250).
    """
    client = session(customer)
    folder = scratch(client, "-folder")
    expect(client.command(f"MKD {folder}"), {257}, "MKD")
    try:
        expect(client.store(f"{folder}/x", b"x"), STORED, "upload into it")
        refused(client.answer(f"RMD {folder}"), "RMD of a folder that is not empty")
        expect(client.command(f"DELE {folder}/x"), DONE, "DELE")
    finally:
        expect(client.command(f"RMD {folder}"), DONE, "RMD")
