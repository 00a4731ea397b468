#!/usr/bin/python
"""Send new customers of one FTPS server to another one at the edge, while those who have a session there keep it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: edge_drain
short_description: Takes an FTPS server of a pool out of service at the edge, and back
description:
  - Runs on a host with Linux.
  - The host is an edge with several servers behind it (role P(ftps.exchange.edge#role)). It sends each source to the
    server that a hash selects.
  - With V(drained), sources of this server without a control connection go to the substitute. Those with one stay until
    they have none, because their data connections must reach the same server.
  - With V(returning), all sources go to this server again, except those that still have a control connection to the
    substitute.
  - With V(absent), the rules of the edge apply to all.
  - It uses a table of its own, C(ftps_exchange_drain), made from the rules of the edge as they are now. A reboot
    forgets it.
options:
  state:
    description: What to do.
    type: str
    choices: [drained, returning, absent]
    required: true
  own:
    description: Addresses at which the edge reaches the server, C(ip4) and C(ip6). Required unless O(state=absent).
    type: dict
  substitute:
    description: Those of the server that takes its customers.
    type: dict
  ports:
    description: Ports of control connections.
    type: list
    elements: int
    default: [21, 990]
  wait_seconds:
    description: How long to wait until no source has to be excepted any more.
    type: int
    default: 0
attributes:
  check_mode:
    support: full
    details: It predicts that the table changes, and does not wait.
  diff_mode:
    support: none
author: ftps-exchange
"""

EXAMPLES = r"""
- name: Send new customers to the second server, and wait up to five minutes for the sessions on the first one
  ftps.exchange.edge_drain:
    state: drained
    own: {ip4: 10.20.30.21, ip6: "fd20:30::21"}
    substitute: {ip4: 10.20.30.22, ip6: "fd20:30::22"}
    wait_seconds: 300

- name: Send them to the first one again
  ftps.exchange.edge_drain:
    state: absent
"""

RETURN = r"""
remaining:
  description: Sources that still had control connections at the end.
  returned: always
  type: list
  elements: str
seconds:
  description: How long it waited, in seconds.
  returned: always
  type: float
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.commands import Runner, runner

TABLE = "inet ftps_exchange_drain"
EDGE_CHAIN = ("chain", "inet", "ftps_exchange_edge", "translate")
# Of the connections that this table translates: the others of the substitute are its own
MARK = "0x64726169"
# nft prints: dnat ip to jhash ip saddr mod 3 seed 0x46545053 map { 0 : 10.20.30.21, 1 : 10.20.30.22 }:1021
RULE = re.compile(
    r"^(?P<match>.*?) ?dnat (?P<family>ip6?) to "
    r"(?P<hash>jhash ip6? saddr mod \d+ seed 0x[0-9a-f]+) map \{(?P<map>[^}]*)\}"
    r"(?P<port>.*)$"
)
SETS = {"ip": ("sources4", "ipv4_addr"), "ip6": ("sources6", "ipv6_addr")}
# Between two looks at the connections
PAUSE = 1.0


class DrainError(Exception):
    """An error for the user: what, where, remedy."""


def slots(text: str) -> dict[str, str]:
    """'0 : 10.0.0.1, 1 : 10.0.0.2' -> number by address."""
    pairs = (part.split(" : ") for part in text.split(",") if part.strip())
    return {address.strip(): number.strip() for number, address in pairs}


def redirections(chain: str, own: Mapping[str, str], substitute: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Family, and the rule that sends sources of one server to another one, from the edge's own rules."""
    for line in chain.splitlines():
        found = RULE.match(line.strip())
        if not found:
            continue
        family = found["family"]
        key = "ip6" if family == "ip6" else "ip4"
        number = slots(found["map"]).get(own.get(key, ""))
        if number is None or not substitute.get(key):
            continue
        target = f"[{substitute[key]}]" if found["port"].strip() and family == "ip6" else substitute[key]
        match = f"{found['match']} " if found["match"] else ""
        yield (
            family,
            f"{match}{found['hash']} {number} ct mark set {MARK} dnat {family} to {target}{found['port'].rstrip()}",
        )


def table_text(rules: Sequence[tuple[str, str]], sources: Mapping[str, Sequence[str]], *, only: bool) -> str:
    """The table. ``only``: the rules are for these sources; otherwise for all others."""
    lines = [f"add table {TABLE}", f"delete table {TABLE}", f"table {TABLE} {{"]
    for family, (name, kind) in SETS.items():
        elements = ", ".join(sources.get(family, []))
        lines.append(f"set {name} {{ type {kind}; {'elements = { ' + elements + ' };' if elements else ''} }}")
    lines += ["chain translate {", "type nat hook prerouting priority dstnat - 5; policy accept;"]
    lines += [f"{family} saddr {'' if only else '!= '}@{SETS[family][0]} {rule}" for family, rule in rules]
    return "\n".join([*lines, "}", "}", ""])


def sources_of(listing: str, ports: Sequence[int]) -> list[str]:
    """Sources of established control connections, from the output of conntrack --dump."""
    found = set()
    for line in listing.splitlines():
        if " ESTABLISHED " not in line:
            continue
        original = re.search(r"src=(\S+) dst=\S+ sport=\d+ dport=(\d+)", line)
        if original and int(original[2]) in ports:
            found.add(original[1])
    return sorted(found)


class Edge:
    """The edge on which the module runs."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def run(self, *command: str, data: str = "") -> str:
        code, output, errors = self._run(command, data)
        # conntrack's way to say that there is no such connection
        if code != 0 and command[0] != "conntrack":
            raise DrainError(f"{' '.join(command)} failed: {errors.strip()}")
        return output

    def present(self) -> bool:
        return TABLE in self.run("nft", "list", "tables")

    def rules(self, own: Mapping[str, str], substitute: Mapping[str, str]) -> list[tuple[str, str]]:
        found = list(redirections(self.run("nft", "list", *EDGE_CHAIN), own, substitute))
        if not found:
            raise DrainError(
                f"this edge sends nobody to {own.get('ip4')}. Remedy: run site.yml for the edges first, and name the "
                "address of edge_server"
            )
        return found

    def sources(self, addresses: Mapping[str, str], ports: Sequence[int], mark: str | None) -> dict[str, list[str]]:
        """Sources with control connections to a server, by family."""
        found = {}
        for family, key in (("ip", "ip4"), ("ip6", "ip6")):
            address = addresses.get(key)
            if not address:
                continue
            listing = self.run(
                "conntrack", "--dump", "--family", "ipv4" if family == "ip" else "ipv6", "--proto", "tcp",
                "--reply-src", address, *(["--mark", mark] if mark else []),
            )  # fmt: skip
            found[family] = sources_of(listing, ports)
        return found

    def load(self, text: str) -> None:
        self.run("nft", "-f", "-", data=text)


def redirect(edge: Edge, options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Load the table, and load it again whenever a source has become free, until none is left or the time is over."""
    own, substitute = options["own"] or {}, options["substitute"] or {}
    drained = options["state"] == "drained"
    if not drained and not edge.present():
        return {"changed": False, "remaining": [], "seconds": 0.0}
    rules = edge.rules(own, substitute)
    if check_mode:
        return {"changed": True, "remaining": [], "seconds": 0.0}

    def busy() -> dict[str, list[str]]:
        # A source that the table sends to the substitute has no session here
        return (
            edge.sources(own, options["ports"], None) if drained else edge.sources(substitute, options["ports"], MARK)
        )

    began = time.monotonic()
    loaded: dict[str, list[str]] | None = None
    while True:
        now = busy()
        if now != loaded:
            edge.load(table_text(rules, now, only=not drained))
            loaded = now
        left = [one for sources in now.values() for one in sources]
        if not left or time.monotonic() - began >= options["wait_seconds"]:
            break
        time.sleep(PAUSE)
    if left and drained and options["wait_seconds"]:
        # The time is over: their next session is at the substitute
        edge.load(table_text(rules, {}, only=False))
    return {"changed": True, "remaining": left, "seconds": round(time.monotonic() - began, 1)}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["drained", "returning", "absent"], "required": True},
            "own": {"type": "dict"},
            "substitute": {"type": "dict"},
            "ports": {"type": "list", "elements": "int", "default": [21, 990]},
            "wait_seconds": {"type": "int", "default": 0},
        },
        required_if=[("state", "drained", ["own", "substitute"]), ("state", "returning", ["own", "substitute"])],
        supports_check_mode=True,
    )
    edge = Edge(runner(module))
    try:
        if module.params["state"] == "absent":
            changed = edge.present()
            if changed and not module.check_mode:
                edge.run("nft", "delete", "table", *TABLE.split())
            outcome: dict[str, Any] = {"changed": changed, "remaining": [], "seconds": 0.0}
        else:
            outcome = redirect(edge, module.params, module.check_mode)
    except DrainError as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(**outcome)


if __name__ == "__main__":
    main()
