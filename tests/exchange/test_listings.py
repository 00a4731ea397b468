"""Listings with every option and every kind of path: no session may end, no reply may reveal an internal path."""

from __future__ import annotations

import contextlib
import re
import string
from collections.abc import Iterator

import pytest

from .codes import expect
from .conftest import Commands, Scratch, Session
from .ftps_client import FtpsClient, Reply
from .target import Customer

ANSWERS = frozenset({200, 202, 211, 212, 213, 226, 250, 450, 451, 500, 501, 502, 504, 550, 552, 553})
"""Yes or no, and nothing else: RFC 959 section 5.4 (LIST, NLST, STAT), RFC 3659 section 7.2.1 (MLST, MLSD)."""

INNER = re.compile(rb"(?<![\w/.-])/(?:srv|var|home|mnt|data|usr|etc|root|opt|run|tmp)/[\w.-]|\b[A-Z]:\\\w")
"""An absolute path as a server's own system has it. None of these is typed below."""

OPTIONS = [f"-{letter}" for letter in string.ascii_letters + string.digits]
COMBINED = [
    "-la",
    "-ld",
    "-lad",
    "-dl",
    "-ad",
    "-dR",
    "-Rd",
    "-ltr",
    "-lR",
    "-laR",
    "-alF",
    "-lS",
    "-lc",
    "-lu",
    "-lAhn",
]
ODD_OPTIONS = [
    *(
        "-",
        "--",
        "---",
        "-l -d",
        "-d -l",
        "-l -a -d",
        "-ldt -R",
        "-d-",
        "-dd",
        "-l-d",
        "+d",
        "-d .",
        "-d /",
        "-ld ..",
        "-d *",
    ),
    *(
        "-ld *",
        "-lad nothing-here",
        "- d",
        "--help",
        "--all",
        "-la -- ",
        "-é",
        f"-{string.ascii_letters}",
        f"-{'d' * 300}",
    ),
]
PATHS = [
    *(".", "..", "/", "//", "///", "./", "../..", "/../../..", "/.", "nothing-here", "/nothing-here", "nothing/here"),
    *(
        "~",
        "~/",
        "~/.",
        "~/..",
        "~/nothing-here",
        "~/*",
        "~*",
        "~~",
        "~root",
        "~root/",
        "~daemon/x",
        "~nobody-knows-them",
    ),
    *(
        "*",
        "?",
        "[",
        "[a",
        "[a-]*",
        "{a,b}",
        "{",
        "**",
        "*/*",
        "*/../*",
        "/*/*/*",
        "\\*",
        "\\",
        "\\\\",
        "a\\",
        "..\\..",
    ),
    *("a b", " a", "a ", " ", "'", '"', '""', "`id`", "$HOME", "$(id)", ";", "|", "&", "%s%s%n", "%00", "#", "!", "^"),
    *("ä", "日本", "\u202e", "a" * 255, "a" * 256, "a/" * 100, "../" * 300, "*" * 40, "*/" * 40),
]
BYTES = [b"\xff", b"\xc3", b"a\xfe\xffb", b"\xed\xa0\x80", b"~\xff", b"-d \xff", b"*\xff"]
"""Not UTF-8."""
LONG = ["a" * 1000, "~/" + "a" * 1000, "-d " + "a" * 1000, "~/" + "a/" * 1900, "/" + "a" * 3900, "~/" + "b/" * 2020]


def arguments(customer: Customer) -> Iterator[bytes]:
    """Everything that is asked for, with the names of accounts that there are."""
    accounts = [
        f"~{account.name}{rest}" for account in customer.accounts for rest in ("", "/", "/x", "/*", "/" + "c" * 4000)
    ]
    for text in (*OPTIONS, *COMBINED, *ODD_OPTIONS, *PATHS, *LONG, *accounts):
        yield text.encode()
    yield from BYTES


def ask(client: FtpsClient, command: bytes) -> tuple[Reply, bytes]:
    """The reply, and what was listed."""
    if command.split(b" ")[0] in (b"LIST", b"NLST", b"MLSD"):
        return client.transfer(command)
    return client.command(command), b""


@pytest.mark.risk("isolation", decides=True)
@pytest.mark.risk("transfers")
@pytest.mark.parametrize("kind", ["LIST", "NLST", "STAT", "MLSD", "MLST"])
def test_listings_of_every_kind(customer: Customer, session: Session, kind: str) -> None:
    """A listing with any option, of any path, is answered, ends no session, and shows no internal path.

    Source: RFC 959 sections 4.1.3 and 5.4; RFC 3659 section 7; RFC 2577 section 7 (information about the server).
    """
    client = session(customer)
    for argument in arguments(customer):
        if kind not in ("LIST", "NLST") and argument.startswith(b"-") and len(argument) > 2:
            continue
        command = kind.encode() + b" " + argument
        shown = command.decode("utf-8", "backslashreplace")[:80]
        try:
            reply, listed = ask(client, command)
        except (EOFError, ConnectionError) as error:
            pytest.fail(f"{shown!r} ended the session: {error}")
        expect(reply, ANSWERS, repr(shown))
        told = INNER.search(reply.text.encode("utf-8", "surrogateescape")) or INNER.search(listed)
        assert not told, f"{shown!r} shows an internal path: {reply}"
        del client.transcript[20:]
    expect(client.command("NOOP"), (200,), "NOOP at the end")
    expect(client.transfer("NLST")[0], (226, 250, 450, 550), "a listing at the end")


@pytest.mark.risk("transfers")
def test_files_whose_names_are_options(customer: Customer, session: Session, scratch: Scratch) -> None:
    """A file that is called like an option or a home is listed or not, and ends no session.

    Source: RFC 959 section 4.1.3 (an argument of LIST is a pathname).
    """
    client = session(customer)
    folder = scratch(client)
    expect(client.command(f"MKD {folder}"), (257, 250), "MKD")
    client.expect(f"CWD {folder}", 250, 200)
    names = ("-d", "-l -d", "-lad", "*", "~", "~root")
    try:
        made = [name for name in names if client.store(name, b"x").code in (226, 250)]
        for kind in ("LIST", "NLST", "STAT", "MLSD", "MLST"):
            for argument in (*names, *(f"-l {name}" for name in names), "-l -d -d", " -d"):
                try:
                    expect(ask(client, f"{kind} {argument}".encode())[0], ANSWERS, f"{kind} {argument}")
                except (EOFError, ConnectionError) as error:
                    pytest.fail(f"'{kind} {argument}' ended the session: {error}")
        for name in made:
            expect(client.command(f"DELE {name}"), (250, 200), f"DELE {name}")
    finally:
        with contextlib.suppress(OSError, EOFError), client.again() as another:
            for name in names:
                another.command(f"DELE {folder}/{name}")
            another.command(f"RMD {folder}")


@pytest.mark.risk("guessing")
@pytest.mark.risk("isolation", decides=True)
@pytest.mark.parametrize("form", ["~{}", "~{}/", "~{}/*", "~{}/nothing-here", "-la ~{}"])
def test_a_tilde_reveals_no_account(
    everybody: list[Customer], customer: Customer, commands: Commands, form: str
) -> None:
    """A tilde and an account's name, the own or another customer's, is answered like one that nobody has.

    Source: RFC 2577 section 6 (no reply reveals accounts); RFC 1123 has no tilde in pathnames.
    """
    client = commands(customer)
    made_up = "nobody-knows-them"

    def told(command: str, name: str) -> str:
        reply, listed = ask(client, f"{command} {form.format(name)}".encode())
        return f"{reply} {listed!r}".replace(name, made_up)

    names = [account.name for one in everybody for account in one.accounts]
    for command in ("LIST", "NLST", "STAT", "MLST", "CWD", "SIZE", "MDTM", "RNFR"):
        nobody = told(command, made_up)
        for name in names:
            found = told(command, name)
            assert found == nobody, (
                f"{command} {form.format(name)} is answered with {found}, for a made-up name: {nobody}"
            )
