"""The packs of the lab's customers, and acme's firewall in the hands of the tests.

Acme's own rules are put away while a test of this folder runs, and loaded again after it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange.lab import Container, Lab
from tests.scenario.fixtures import acme, lab
from tests.scenario.playbooks import Run

__all__ = ["acme", "lab"]

INSIDE, OUTSIDE = "acme", "internet"
"""Interfaces of acme's firewall."""


class Firewall:
    """Acme's firewall: its rules are loaded by the tools of nftables or of iptables, in its own network."""

    def __init__(self, container: str) -> None:
        self.host = Container(container)
        inspect = ["podman", "inspect", "--format", "{{.State.Pid}}", container]
        self.pid = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.strip()

    def nft(self, rules: str) -> str:
        return self.host.sh("nft -f -", stdin=rules.encode())

    def iptables(self, *command: str, stdin: str | None = None) -> None:
        """This machine's iptables, in the firewall's network: the lab's image has only nft."""
        done = subprocess.run(
            ["nsenter", "--target", self.pid, "--net", *command],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"

    def deny_everything(self) -> None:
        """What a customer has before the pack comes: nothing is forwarded, and addresses are translated."""
        self.nft(f"""
            flush ruleset
            table inet filter {{
                chain forward {{ type filter hook forward priority filter; policy drop; }}
            }}
            table inet nat {{
                chain postrouting {{
                    type nat hook postrouting priority srcnat;
                    oifname "{OUTSIDE}" masquerade
                }}
            }}
        """)

    def own_rules(self) -> None:
        """What the lab's role has written there, which begins with a flush."""
        self.host.sh("nft -f /etc/nftables.conf")

    def forget_connections(self) -> None:
        """A tracked connection of the test before would pass as established."""
        self.host.sh("conntrack --flush")


@pytest.fixture(scope="session")
def packs(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packs, made by the playbook that operators use."""
    folder = tmp_path_factory.mktemp("packs")
    Run(
        lab,
        "playbooks/customer_packs.yml",
        "--extra-vars",
        f'{{"customer_packs_dir": "{folder}", "customer_packs_ca_file": "{lab.ca_file}", '
        '"customer_packs_formats": ["nftables", "iptables"]}',
    )
    return folder


@pytest.fixture
def firewall(lab: Lab) -> Iterator[Firewall]:
    """Acme's firewall with its own rules, which it gets back."""
    firewall = Firewall(f"{lab.customers['acme'].host.name}-fw")
    firewall.own_rules()
    yield firewall
    firewall.own_rules()
    firewall.forget_connections()
