"""The questions that the report answers first, in the order in which it answers them.

A check names the risks it belongs to by ``@pytest.mark.risk("<id>")``. One that is marked ``decides=True`` must have
passed before the answer is yes; any check that fails makes it no.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Risk:
    """One row: what may go wrong, and what a good service does about it."""

    id: str
    risk: str
    answer: str


RISKS: Final = (
    Risk("server-connects", "The server connects to the client", "Passive only; PORT and EPRT refused"),
    Risk(
        "dynamic-ports",
        "Dynamic ports",
        "One small range, the same in server, edge and customer pack; nothing outside it ever answers",
    ),
    Risk(
        "server-not-verified",
        "The server is not verified",
        "Certificate from a trusted CA: chain, name and dates checked",
    ),
    Risk("credentials-in-clear", "Credentials in clear", "TLS before USER, no downgrade"),
    Risk(
        "data-in-clear",
        "Data in clear",
        "PROT P or refused; the data channel resumes the control channel's session "
        "(IIS cannot enforce that: there it is measured and reported)",
    ),
    Risk(
        "unknown-hosts",
        "Unknown hosts",
        "Allow-list at the edge and per account at the server; everything else dropped",
    ),
    Risk(
        "nat",
        "NAT rewrites nothing in TLS",
        "Public address announced in PASV, EPSV offered, static translation of the same ports",
    ),
    Risk(
        "several-addresses",
        "Load balancers and several addresses",
        "Control and data from one address and to one node, or refused and explained",
    ),
    Risk("isolation", "A customer sees or changes another customer's data", "Home and granted shares only, enforced"),
    Risk(
        "guessing",
        "Passwords are guessed, accounts are discovered",
        "Attempts limited, the same answer for every refusal",
    ),
    Risk("starving", "One client keeps the others out", "Sessions, time and addresses limited"),
    Risk("transfers", "Files are lost or damaged on the way", "Complete, in both directions, with ordinary clients"),
    Risk("traces", "Nobody knows who did what", "Every transfer in a log that cannot be forged"),
)

BY_ID: Final = {risk.id: risk for risk in RISKS}
