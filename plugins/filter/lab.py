"""The result of a transfer in the lab -> a table for the reader.

Input: what the module lab_ftps_transfer returns, and the connections that the firewalls on the way tracked
(``conntrack -L``). The route is read from these: nothing about it is assumed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TUPLE = re.compile(r"src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)")
_TIMEOUT = re.compile(r"^tcp\s+6\s+(\d+)\s")


@dataclass(frozen=True)
class Connection:
    """One tracked connection: its endpoints before and after address translation."""

    source: str
    destination: str
    source_port: int
    destination_port: int
    answered_by: str
    answered_to: str
    seconds_left: int


def parse_conntrack(listing: str) -> list[Connection]:
    """TCP connections of a listing by ``conntrack -L``."""
    connections = []
    for line in listing.splitlines():
        timeout = _TIMEOUT.match(line)
        tuples = _TUPLE.findall(line)
        if not timeout or len(tuples) != 2:
            continue
        (source, destination, source_port, destination_port), (answered_by, answered_to, _, _) = tuples
        connections.append(
            Connection(
                source=canonical(source),
                destination=canonical(destination),
                source_port=int(source_port),
                destination_port=int(destination_port),
                answered_by=canonical(answered_by),
                answered_to=canonical(answered_to),
                seconds_left=int(timeout[1]),
            )
        )
    return connections


def canonical(address: str) -> str:
    """One spelling for each address; conntrack writes IPv6 in full."""
    return str(ipaddress.ip_address(address))


def newest(connections: Sequence[Connection], source: str, destination: str, port: int) -> Connection | None:
    """Latest connection between two addresses to a port. Closed ones count down from the same time."""
    matching = [
        connection
        for connection in connections
        if (connection.source, connection.destination, connection.destination_port) == (source, destination, port)
    ]
    return max(matching, key=lambda connection: connection.seconds_left, default=None)


def route(
    transfer: Mapping[str, Any],
    firewalls: Mapping[str, str],
    edges: Mapping[str, str],
    names: Mapping[str, str],
) -> list[tuple[str, str]]:
    """Hops of the data channel as (what it is, host and address)."""
    source = canonical(transfer["local_address"])
    destination = canonical(transfer["remote_address"])
    port = int(transfer["passive_port"])

    def named(address: str) -> str:
        return f"{names[address]} {address}" if address in names else address

    hops = [("from", named(source))]
    for listing in firewalls.values():
        seen = newest(parse_conntrack(listing), source, destination, port)
        if seen is not None:
            source = seen.answered_to
            hops.append(("source NAT", named(source)))
    for listing in edges.values():
        seen = newest(parse_conntrack(listing), source, destination, port)
        if seen is not None:
            hops.append(("destination NAT", named(destination)))
            hops.append(("server", named(seen.answered_by)))
            return hops
    raise ValueError(
        f"No edge ({', '.join(edges) or 'none given'}) has tracked the data connection from {source} to {destination} "
        f"port {port}, so the transfer took another way. Remedy: look at the routes of the lab's hosts and at "
        "`conntrack -L` on the edge"
    )


def lab_host_names(hosts: Mapping[str, Any]) -> dict[str, str]:
    """Host by address, from the inventory's lab_hosts_containers."""
    return {
        canonical(address): name
        for name, host in hosts.items()
        for addresses in host.get("networks", {}).values()
        for address in addresses
    }


def lab_transfer_report(
    transfers: Sequence[Mapping[str, Any]],
    customer: str,
    firewalls: Mapping[str, str],
    edges: Mapping[str, str],
    names: Mapping[str, str],
) -> str:
    """A table with one column for each transfer of a customer."""
    columns = []
    for transfer in transfers:
        rows = [
            ("", f"{transfer['direction']}, IPv{transfer['family']}"),
            ("account", str(transfer["account"])),
            ("file", str(transfer["file"])),
            ("bytes", f"{transfer['bytes']:,} in {transfer['seconds']:.2f} s"),
            *route(transfer, firewalls, edges, names),
            ("TLS", str(transfer["tls"])),
            ("passive port", f"{transfer['passive_port']} ({transfer['passive_command']})"),
        ]
        columns.append(rows)
    headings = [heading for heading, _ in columns[0]]
    if any([heading for heading, _ in rows] != headings for rows in columns):
        raise ValueError(f"customer {customer}: upload and download crossed different firewalls")
    headings[0] = customer
    width = max(len(heading) for heading in headings)
    widths = [max(len(text) for _, text in rows) for rows in columns]
    rule = "+".join(["-" * (width + 2), *("-" * (each + 2) for each in widths)])
    lines = [f"+{rule}+"]
    for index, heading in enumerate(headings):
        cells = [f"{rows[index][1]:<{each}}" for rows, each in zip(columns, widths, strict=True)]
        lines.append(f"| {' | '.join([f'{heading:<{width}}', *cells])} |")
        if index == 0:
            lines.append(f"+{rule}+")
    lines.append(f"+{rule}+")
    sent, received = transfers[0]["sha256"], transfers[-1]["sha256"]
    lines.append(f"  SHA-256 sent      {sent}")
    lines.append(f"  SHA-256 received  {received}  {'they match' if sent == received else 'THEY DIFFER'}")
    return "\n".join(lines)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filter names and what they call."""
        return {"lab_host_names": lab_host_names, "lab_transfer_report": lab_transfer_report}
