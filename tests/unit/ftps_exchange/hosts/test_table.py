"""The table that a person reads."""

from __future__ import annotations

from ftps_exchange.hosts import Finding, table
from ftps_exchange.hosts.findings import title

GOOD = Finding("edge1", "sudo", "good", "the account becomes root")
NOTE = Finding("edge1", "DNS", "note", "does not resolve here.", "Enter it.")
LONG = Finding("ftps1", "sudo", "problem", "asks for a password, and none was given.", "Give it: " + "word " * 12)


def test_problems_come_first_each_once_and_long_texts_wrap() -> None:
    lines = table([GOOD, NOTE, LONG, LONG]).splitlines()
    assert [line[:2] + line[2:].split("  ")[0] for line in lines if line[2:3] not in ("", " ", "-")] == [
        "  host",
        "! ftps1",
        "- edge1",
        "  edge1",
    ]
    assert lines[2].startswith("! ftps1                       sudo           asks for a password, and none was given.")
    assert max(map(len, lines)) <= 140


def test_the_sentence_over_it_counts_problems_and_hosts() -> None:
    other = Finding("edge1", "route", "problem", "x", "y")
    assert title([GOOD, NOTE]) == "The hosts are ready: nothing was found that would stop a run."
    assert title([GOOD, LONG]) == "The hosts have 1 problem on 1 host; nothing has been changed."
    assert title([LONG, other]) == "The hosts have 2 problems on 2 hosts; nothing has been changed."
