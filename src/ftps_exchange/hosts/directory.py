"""What the directory answered to the accounts of a deployment -> what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ftps_exchange.hosts.findings import Finding

NEEDED: Final = ("user", "group", "organizationalunit")

_SERVERS: Final[Mapping[str, tuple[str, str]]] = {
    "name_unknown": (
        "the name {detail} does not resolve.",
        "Correct directory_server_uri or the DNS.",
    ),
    "refused": (
        "{uri} refuses connections.",
        "Check the port, and that the controller has a certificate for LDAPS.",
    ),
    "silent": (
        "{uri} does not answer ({detail}).",
        "Open the way to it, start the controller, or set directory_runner to a host that reaches it.",
    ),
    "ca": (
        "the certificate of {uri} is not from the CA in directory_ca_file ({detail}).",
        "Put the CA of the domain controllers into directory_ca_file.",
    ),
    "ca_file": (
        "directory_ca_file holds no certificate ({detail}).",
        "Put the CA of the domain controllers there, as PEM.",
    ),
    "name": (
        "the certificate of {uri} is for another name ({detail}).",
        "Write the name of the certificate into directory_server_uri.",
    ),
    "dates": (
        "the certificate of {uri} is not valid now ({detail}).",
        "Renew it on the controller, or correct the clock of the host that connects.",
    ),
    "tls": ("{uri} does not speak TLS as expected ({detail}).", "Check the port: LDAPS is 636."),
    "strange": ("{uri} sends {detail}.", "Check that it is a domain controller."),
}


def directory_findings(facts: Mapping[str, Any], runner: str, asked: Mapping[str, str]) -> list[Finding]:
    """``asked`` has the accounts and the OU: bind_dn, join_user, ou."""
    return list(_findings(facts, runner, asked))


def _findings(facts: Mapping[str, Any], runner: str, asked: Mapping[str, str]) -> Iterator[Finding]:
    good = [server for server in facts["servers"] if not server["kind"]]
    for server in facts["servers"]:
        if server["kind"]:
            found, remedy = _SERVERS[server["kind"]]
            yield Finding(runner, "LDAPS", "note" if good else "problem", found.format(**server), remedy)
        else:
            yield Finding(runner, "LDAPS", "good", f"{server['uri']} answers with a certificate of the CA")
    bind = facts.get("bind")
    if bind is None:
        return
    if bind["code"]:
        yield Finding(
            runner,
            "bind account",
            "problem",
            f"the directory refuses {asked['bind_dn']}: {bind['reason']}.",
            "Correct directory_bind_dn or directory_bind_password, or the account in the directory.",
        )
    else:
        yield Finding(runner, "bind account", "good", f"the directory accepts {asked['bind_dn']}")
        yield from _ou(facts["ou"], runner, asked)
    join = facts.get("join")
    if join and join["code"]:
        yield Finding(
            runner,
            "join account",
            "problem",
            f"the directory refuses {asked['join_user']}: {join['reason']}.",
            "Correct domain_member_join_user or domain_member_join_password; remove both once all servers are members.",
        )
    elif join:
        yield Finding(runner, "join account", "good", f"the directory accepts {asked['join_user']}")


def _ou(ou: Mapping[str, Any], runner: str, asked: Mapping[str, str]) -> Iterator[Finding]:
    managed = asked["ou"]
    if not ou["found"]:
        yield Finding(
            runner,
            "OU",
            "problem",
            f"nothing above {managed} can be read.",
            "Correct exchange.directory.managed_ou: it ends with the domain, DC=….",
        )
        return
    needed = NEEDED if ou["exists"] else ("organizationalunit",)
    lacks = [kind for kind in needed if kind not in ou["may_create"]]
    if lacks:
        where = managed if ou["exists"] else f"{ou['found']}, where {managed} has to be made"
        yield Finding(
            runner,
            "OU",
            "problem",
            f"{asked['bind_dn']} may not create {', '.join(lacks)} in {where}.",
            "Let an administrator create the OU and give the account full control of it and what is below."
            if not ou["exists"]
            else "Give the account full control of the OU and what is below (docs/passwords.md).",
        )
    elif ou["exists"]:
        yield Finding(runner, "OU", "good", f"{asked['bind_dn']} may create accounts and groups in {managed}")
    else:
        yield Finding(runner, "OU", "good", f"{managed} will be made in {ou['found']}")
