"""Acme's firewall with two exits: new connections leave from them in turn, the first from the declared address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address

from tests.exchange.lab import Container, Customer, Lab
from tests.scenario.playbooks import Run


@dataclass(frozen=True)
class Exits:
    """The exits of one family: the firewall's own address, and the next."""

    firewall: Container
    ipv4: tuple[str, str]
    ipv6: tuple[str, str]

    def begin(self) -> None:
        """The next connection leaves from the firewall's own address."""
        self.firewall.sh("nft -f /etc/nftables.conf")


@contextmanager
def two_exits(lab: Lab, acme: Customer) -> Iterator[Exits]:
    """As the role lab_customer_firewall makes them; afterwards there is one again."""
    firewall = Container(f"{acme.host.name}-fw")
    own = [
        address.split("/")[0]
        for address in firewall.sh("ip -oneline address show dev internet scope global | awk '{print $4}'").split()
    ]
    pairs = {4: ("", ""), 6: ("", "")}
    for address in own:
        pairs[ip_address(address).version] = (address, str(ip_address(address) + 1))
    made = Exits(firewall, pairs[4], pairs[6])
    setting = {"lab_customer_firewall_exits4": made.ipv4, "lab_customer_firewall_exits6": made.ipv6}
    files = "/etc/nftables.conf /etc/systemd/system/exits.service"
    firewall.sh(f"for file in {files}; do cp $file $file.before; done")
    try:
        Run(lab, "playbooks/lab_up.yml", "--limit", firewall.name, "--extra-vars", json.dumps(setting))
        yield made
    finally:
        # As a second run of the playbook would do, in less time
        firewall.sh(
            f"for file in {files}; do mv $file.before $file; done; systemctl daemon-reload; "
            "systemctl restart exits; nft -f /etc/nftables.conf; conntrack --flush"
        )
