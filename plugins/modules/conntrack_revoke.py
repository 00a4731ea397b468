#!/usr/bin/python
"""End the tracked connections of sources that a service no longer admits."""

from __future__ import annotations

DOCUMENTATION = r"""
module: conntrack_revoke
short_description: Ends tracked connections of sources that a service no longer admits
description:
  - Runs on the edge, a host with Linux.
  - Deletes the tracked connections from a source outside O(sets) to one of O(destinations) at one of O(ports). It
    touches nothing else and does not affect admitted sources.
  - Addresses and ports are those of the original direction, as the client sees them, so before any translation.
  - Without its entry a connection loses its translation, and its next packet is treated like a first one.
options:
  destinations:
    description: Addresses of the service, IPv4 and IPv6.
    type: list
    elements: str
    required: true
  ports:
    description: TCP ports of the service, single ones or ranges C(first-last).
    type: list
    elements: str
    required: true
  sets:
    description:
      - Who is admitted, as in M(ftps.exchange.nftables_table). C(element) is a network, an address or a range
        C(first-last).
    type: json
    required: true
requirements:
  - conntrack 1.4.7 or later (package conntrack)
  - CAP_NET_ADMIN
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: ftps-exchange
"""

EXAMPLES = r"""
- name: End connections of sources that are no longer admitted
  ftps.exchange.conntrack_revoke:
    destinations: [198.51.100.10, "2001:db8:100::10"]
    ports: ["21", "990", "50000-50099"]
    sets: "{{ edge_customer_sets }}"
"""

RETURN = r"""
revoked:
  description: The connections that were ended, or would be in check mode.
  type: list
  elements: str
  returned: always
  sample: ["198.51.100.66:40112 -> 198.51.100.10:21"]
"""

import bisect
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftps.exchange.plugins.module_utils.arguments import from_json
from ansible_collections.ftps.exchange.plugins.module_utils.commands import runner

Run = Callable[[Sequence[str], str], tuple[int, str, str]]


class RevokeError(Exception):
    """An error for the user: what, where, remedy."""


class Connection(NamedTuple):
    source: str
    destination: str
    source_port: int
    destination_port: int

    def __str__(self) -> str:
        def host(address: str) -> str:
            return f"[{address}]" if ":" in address else address

        return (
            f"{host(self.source)}:{self.source_port} -> {host(self.destination)}:{self.destination_port}"  # as in a URL
        )

    def deletion(self) -> str:
        """The line of 'conntrack --load-file' that deletes exactly this one."""
        family = "ipv6" if ":" in self.source else "ipv4"
        return (
            f"-D -f {family} -p tcp -s {self.source} -d {self.destination} "
            f"--sport {self.source_port} --dport {self.destination_port}\n"
        )


def elements(sets: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """The option 'sets' -> every element of every set."""
    try:
        return [item["element"] for items in sets.values() for item in items]
    except (KeyError, TypeError):
        raise RevokeError("sets: every set is a list of dictionaries with an 'element'") from None


class Admitted:
    """Is an address in any of many networks? Thousands of networks, thousands of connections: by bisection."""

    def __init__(self, sources: Iterable[str]) -> None:
        ranges = sorted(_range(source) for source in sources)
        self._starts = [(version, start) for version, start, _ in ranges]
        self._ends = []
        highest = (0, 0)
        for version, _, end in ranges:
            # The furthest end so far, so that one network within another hides nothing.
            highest = max(highest, (version, end))
            self._ends.append(highest)

    def __contains__(self, address: str) -> bool:
        parsed = ipaddress.ip_address(address)
        key = (parsed.version, int(parsed))
        position = bisect.bisect_right(self._starts, key)
        return position > 0 and key <= self._ends[position - 1]


def _range(source: str) -> tuple[int, int, int]:
    try:
        if "-" in source:
            first, last = (ipaddress.ip_address(part.strip()) for part in source.split("-"))
            return first.version, int(first), int(last)
        network = ipaddress.ip_network(source)
    except ValueError as error:
        raise RevokeError(f"sets: '{source}' is not an address, network or range: {error}") from None
    return network.version, int(network[0]), int(network[-1])


def port_ranges(ports: Iterable[str]) -> list[range]:
    ranges = []
    for port in ports:
        match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", port)
        if match is None:
            raise RevokeError(f"ports: '{port}' is neither a port nor a range first-last")
        ranges.append(range(int(match[1]), int(match[2] or match[1]) + 1))
    return ranges


# Only the first of the two tuples of a line: the original direction.
ENTRY = re.compile(r"^tcp\s+6\s.*?\bsrc=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)")


def read_connections(listing: str) -> list[Connection]:
    """What 'conntrack -L -p tcp' prints -> the connections."""
    matches = (ENTRY.match(line) for line in listing.splitlines())
    return [Connection(m[1], m[2], int(m[3]), int(m[4])) for m in matches if m]


def to_revoke(
    connections: Iterable[Connection], destinations: Iterable[str], ports: Sequence[range], admitted: Admitted
) -> list[Connection]:
    """Connections to the service from sources that are not admitted, in a stable order."""
    service = {str(ipaddress.ip_address(destination)) for destination in destinations}
    return sorted(
        connection
        for connection in connections
        if connection.destination in service
        and any(connection.destination_port in ports_ for ports_ in ports)
        and connection.source not in admitted
    )


def list_connections(run: Run, destinations: Iterable[str]) -> list[Connection]:
    connections: list[Connection] = []
    for destination in destinations:
        family = "ipv6" if ":" in destination else "ipv4"
        code, output, error = run(["conntrack", "-L", "-f", family, "-p", "tcp", "--orig-dst", destination], "")
        if code:
            raise RevokeError(f"conntrack cannot list the connections to {destination}: {error.strip()}")
        connections += read_connections(output)
    return connections


def revoke(run: Run, connections: Sequence[Connection]) -> None:
    """All in one call. A connection that has already ended is not an error."""
    code, _, error = run(["conntrack", "--load-file", "-"], "".join(c.deletion() for c in connections))
    if code:
        raise RevokeError(f"conntrack could not end {len(connections)} connections: {error.strip()}")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "destinations": {"type": "list", "elements": "str", "required": True},
            "ports": {"type": "list", "elements": "str", "required": True},
            "sets": {"type": "json", "required": True},
        },
        supports_check_mode=True,
    )
    run = runner(module)

    params: dict[str, Any] = module.params
    found: list[Connection] = []
    try:
        admitted, ports = Admitted(elements(from_json(module, "sets", dict))), port_ranges(params["ports"])
        if module.get_bin_path("conntrack", opt_dirs=["/usr/sbin", "/sbin"]) is None:
            # Check mode before the package is there: no connection is tracked for a service that does not exist.
            if not module.check_mode:
                raise RevokeError("conntrack is not installed: install the package conntrack")
        else:
            found = to_revoke(list_connections(run, params["destinations"]), params["destinations"], ports, admitted)
            if found and not module.check_mode:
                revoke(run, found)
    except (RevokeError, ValueError) as error:
        module.fail_json(msg=str(error))
    revoked = [str(connection) for connection in found]
    module.exit_json(
        changed=bool(revoked),
        revoked=revoked,
        diff={
            "before_header": "tracked connections of sources no longer admitted",
            "after_header": "tracked connections of sources no longer admitted",
            "before": "".join(f"{line}\n" for line in revoked),
            "after": "",
        },
    )


if __name__ == "__main__":
    main()
