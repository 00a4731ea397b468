"""Replies that are as good as each other: where a standard leaves the choice, or servers differ, each is in the set.

The texts of replies are never compared: they are for people, and every product has its own (RFC 959 section 4.2).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .ftps_client import Reply

DONE = (200, 202, 226, 250, 257)
"""A command or a transfer that was carried out."""

UNKNOWN = (500, 501, 502, 503, 504)
"""RFC 959 section 4.2.1: the server does not know the command, or not in this form or at this point."""

TLS_FIRST = (421, *UNKNOWN, 522, 530, 533, 534, 550)
"""Before AUTH. RFC 4217 section 4 and RFC 2228 section 8 say 530 to 534; ProFTPD 550, IIS 534, Pure-FTPd 421."""

NO_LOGIN = (421, 530)
"""RFC 959 section 5.4. 421 where the server also ends the connection."""

NO_CLEAR_DATA = (421, 425, 426, 431, 500, 504, 521, 522, 530, 533, 534, 535, 536, 550)
"""RFC 4217 says 521 in section 11.2 and 522 in 12.4; RFC 2228 section 8 has 533 to 536."""

NO_DATA = (421, 425, 426, 450, 451, 522, 534)
"""The data connection was not accepted (RFC 959 section 5.4; 522 from RFC 4217)."""

NO_ACTIVE = (421, *UNKNOWN, 522, 530, 534, 550)
"""RFC 2577 section 3 asks for 504; 522 is RFC 2428's; many servers have no such command (500, 502)."""

NO_FILE = (421, *UNKNOWN, 530, 532, 550, 553)
"""The name is not there, or nothing may be done with it (RFC 959 section 5.4)."""


def explain(reply: Reply, wanted: Collection[int], what: str) -> str:
    """What a failed comparison says: what was asked, what came, what would have been right."""
    acceptable = ", ".join(str(code) for code in sorted(set(wanted)))
    return f"{what}: the server answered {str(reply)!r}. Acceptable: {acceptable}."


def expect(reply: Reply, wanted: Collection[int], what: str) -> None:
    assert reply.code in wanted, explain(reply, wanted, what)


def refused(reply: Reply, what: str, *, but: Sequence[int] = ()) -> None:
    """Any reply that means no: 4xx and 5xx (RFC 959 section 4.2), or one of the given."""
    assert reply.code >= 400 or reply.code in but, f"{what}: the server answered {str(reply)!r}, which means yes."
