"""Networks whose addresses all belong to a host: local routes of the running kernel."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterable, Sequence

Run = Callable[[Sequence[str]], tuple[int, str, str]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class RouteError(Exception):
    """An error for the user: what, where, remedy."""


def parse(networks: Iterable[str]) -> list[Network]:
    try:
        return [ipaddress.ip_network(network) for network in networks]
    except ValueError as error:
        raise RouteError(f"networks: {error}; write a network without host bits, such as 240.0.0.0/4") from None


def local_routes(listing_json: str) -> set[Network]:
    """What 'ip -j route show table local' prints -> the networks that the host has as a whole."""
    routes = json.loads(listing_json or "[]")
    return {
        ipaddress.ip_network(route["dst"])
        for route in routes
        if route.get("type") == "local" and "/" in route.get("dst", "")
    }


def missing(run: Run, networks: Iterable[Network]) -> list[Network]:
    found: set[Network] = set()
    for version in sorted({network.version for network in networks}):
        code, output, error = run(["ip", f"-{version}", "-j", "route", "show", "table", "local"])
        if code:
            raise RouteError(f"ip cannot list the local routes: {error.strip()}")
        found |= local_routes(output)
    return [network for network in networks if network not in found]


def add(run: Run, networks: Iterable[Network]) -> None:
    for network in networks:
        code, _, error = run(["ip", f"-{network.version}", "route", "add", "local", str(network), "dev", "lo"])
        if code:
            raise RouteError(f"ip cannot add the local network {network}: {error.strip()}")
