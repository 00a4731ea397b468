"""Local networks: whole networks that a host takes for its own."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from ansible_collections.ftps.exchange.plugins.module_utils.network import local_networks as module
from ansible_collections.ftps.exchange.plugins.module_utils.network.local_networks import RouteError

LISTED = [
    {"type": "local", "dst": "127.0.0.0/8", "dev": "lo"},
    {"type": "local", "dst": "10.77.10.11", "dev": "dmz"},
    {"type": "broadcast", "dst": "10.77.10.255", "dev": "dmz"},
]


class Kernel:
    def __init__(self) -> None:
        self.routes = list(LISTED)
        self.commands: list[str] = []

    def run(self, command: Sequence[str]) -> tuple[int, str, str]:
        if "show" in command:
            version = command[1]
            return 0, json.dumps([route for route in self.routes if (":" in route["dst"]) == (version == "-6")]), ""
        self.commands.append(" ".join(command))
        self.routes.append({"type": "local", "dst": command[5], "dev": "lo"})
        return 0, "", ""


def test_what_is_missing_is_added_once() -> None:
    kernel = Kernel()
    networks = module.parse(["240.0.0.0/4", "e000::/4", "127.0.0.0/8"])
    module.add(kernel.run, module.missing(kernel.run, networks))
    assert kernel.commands == [
        "ip -4 route add local 240.0.0.0/4 dev lo",
        "ip -6 route add local e000::/4 dev lo",
    ]
    assert module.missing(kernel.run, networks) == []


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(RouteError, match=r"without host bits, such as 240\.0\.0\.0/4"):
        module.parse(["240.0.0.1/4"])


def test_a_kernel_that_refuses_is_reported() -> None:
    with pytest.raises(RouteError, match=r"cannot add the local network 240\.0\.0\.0/4: not permitted"):
        module.add(lambda command: (2, "", "not permitted\n"), module.parse(["240.0.0.0/4"]))
