"""On which systems each role has run: the one place that says so.

A release is in here for a role only after the role ran there and the live checks passed: docs/platforms.md says what
ran, and what has no result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

RELEASES: Final[Mapping[str, tuple[str, str, str]]] = {
    "bookworm": ("debian", "12", "Debian 12"),
    "trixie": ("debian", "13", "Debian 13"),
}
"""Code name -> ID and VERSION_ID of os-release(5), and the name for people."""

SERVERS_AND_EDGES: Final[Mapping[str, Sequence[str]]] = {
    "backup": ("trixie",),
    "certificate": ("bookworm", "trixie"),
    "directory": ("bookworm", "trixie"),
    "domain_member": ("bookworm", "trixie"),
    "edge": ("bookworm", "trixie"),
    "events": ("bookworm", "trixie"),
    "folder_tree": ("bookworm", "trixie"),
    "ftps_server": ("bookworm", "trixie"),
    "host_firewall": ("bookworm", "trixie"),
    "metrics": ("bookworm", "trixie"),
    "nftables_table": ("bookworm", "trixie"),
    "quota": ("bookworm", "trixie"),
    "retention": ("bookworm", "trixie"),
}
"""Releases by role, for what site.yml does on hosts with Linux."""

TWO_EDGES: Final[Mapping[str, Sequence[str]]] = {
    "connection_sync": ("trixie",),
    "virtual_addresses": ("trixie",),
}
"""Those of exchanges with two edges."""

SEVERAL_SERVERS: Final[Mapping[str, Sequence[str]]] = {
    "server_drain": ("trixie",),
    "server_health": ("trixie",),
    "shared_root": ("trixie",),
}
"""Those of exchanges with several servers, which need ``virtual_addresses`` too."""

CONTROL_NODE: Final[Mapping[str, Sequence[str]]] = {
    "acme_certificate": ("bookworm",),
    "customer_packs": ("bookworm", "trixie"),
    "exchange_model": ("bookworm", "trixie"),
    "notices": ("bookworm",),
}
"""Those that run where ansible-playbook does."""

LAB: Final[Mapping[str, Sequence[str]]] = {
    "lab_ca": ("bookworm",),
    "lab_clients": ("bookworm",),
    "lab_customer": ("trixie",),
    "lab_customer_firewall": ("trixie",),
    "lab_directory_controller": ("trixie",),
    "lab_hosts": ("bookworm",),
    "lab_shared_storage": ("trixie",),
}
"""Those of the lab: on its machine, and in its containers."""

ROLES: Final[Mapping[str, Sequence[str]]] = {**SERVERS_AND_EDGES, **TWO_EDGES, **SEVERAL_SERVERS, **CONTROL_NODE, **LAB}
"""Every role that has run. None of the roles for Windows has: docs/windows.md."""

ADDITIONS: Final = frozenset({"backup", "events", "metrics", "quota"})
"""Roles of servers without which customers still transfer files: one that has not run on a release is only a note."""

PROVEN: Final[Mapping[tuple[str, str], str]] = {
    (identifier, version): name
    for code, (identifier, version, name) in RELEASES.items()
    if all(code in releases for role, releases in SERVERS_AND_EDGES.items() if role not in ADDITIONS)
}
"""ID and VERSION_ID -> name of the systems on which servers and edges have run."""

UNTRIED: Final[Mapping[tuple[str, str], Sequence[str]]] = {
    (identifier, version): untried
    for code, (identifier, version, _) in RELEASES.items()
    if (identifier, version) in PROVEN
    and (untried := [role for role, releases in SERVERS_AND_EDGES.items() if code not in releases])
}
"""ID and VERSION_ID -> the additions that have not run there, for systems where the rest has."""


def proven() -> str:
    """The names, for messages."""
    return ", ".join(PROVEN.values())
