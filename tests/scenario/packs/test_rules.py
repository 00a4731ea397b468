"""A firewall that denies everything gets exactly the generated rules: the transfer works, and nothing else gets out."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.exchange.lab import Customer, Lab
from tests.scenario.packs.conftest import INSIDE, OUTSIDE, Firewall

FAMILIES = ("4", "6")
Loader = Callable[[Firewall, Path, int | None], list[str]]
"""Loads the rules of a pack, without one of them; gives all there are."""


def load_nftables(firewall: Firewall, pack: Path, without: int | None) -> list[str]:
    lines = (pack / "rules/nftables-customer.nft").read_text().split("\n")
    rules = [number for number, line in enumerate(lines) if line.startswith("\t\t")]
    if without is not None:
        lines[rules[without]] = ""
    firewall.nft("\n".join(lines))
    # As the file's head says
    chain = re.search(r"nft (insert rule inet filter forward jump \S+)", "\n".join(lines))
    assert chain is not None
    firewall.nft(chain.group(1))
    return [lines[number] for number in rules]


def load_iptables(firewall: Firewall, pack: Path, without: int | None) -> list[str]:
    """The deny-all of iptables instead of nft's, then both files as their heads say."""
    firewall.nft("delete table inet filter")
    found: list[str] = []
    for program in ("iptables", "ip6tables"):
        firewall.iptables(program, "-P", "FORWARD", "DROP")
        lines = (pack / f"rules/{program}-customer.rules").read_text().split("\n")
        rules = [number for number, line in enumerate(lines) if line.startswith("-A ")]
        for index, number in enumerate(rules):
            if len(found) + index == without:
                lines[number] = ""
        found += ["" if without is not None and not lines[number] else lines[number] for number in rules]
        firewall.iptables(f"{program}-restore", "--noflush", stdin="\n".join(lines))
        jump = re.search(rf"{program} (-I FORWARD -j \S+)", "\n".join(lines))
        assert jump is not None
        firewall.iptables(program, *jump.group(1).split())
    return found


LOADERS: dict[str, Loader] = {"nftables": load_nftables, "iptables": load_iptables}


@pytest.fixture(params=LOADERS)
def load(request: pytest.FixtureRequest) -> Loader:
    return LOADERS[request.param]


@pytest.fixture
def transfer(lab: Lab, acme: Customer) -> Iterator[Callable[[str], bool]]:
    """Whether acme can send a file and fetch it again, over IPv4 or IPv6."""
    ca, login = "/tmp/packs-ca.pem", "/tmp/packs-login"
    acme.host.write(ca, Path(str(lab.ca_file)).read_bytes())
    acme.host.write(login, f"machine {lab.fqdn} login {acme.writer.name} password {acme.writer.password}\n".encode())

    def _transfer(family: str) -> bool:
        name = f"packs-{secrets.token_hex(6)}"
        curl = f"curl -q -sS -{family} --ssl-reqd --cacert {ca} --netrc-file {login} --connect-timeout 2 --max-time 20"
        url = f"ftp://{lab.fqdn}:{lab.explicit_port}/{name}"
        done = acme.host.run(
            "sh",
            "-ec",
            f"head -c 300000 /dev/urandom > /tmp/{name}; {curl} -T /tmp/{name} {url}; "
            f"{curl} -o /tmp/{name}.back -Q '-DELE {name}' {url}; cmp /tmp/{name} /tmp/{name}.back; rm /tmp/{name}*",
        )
        return done.returncode == 0

    yield _transfer
    acme.host.sh(f"rm -f {ca} {login} /tmp/packs-*")


def test_exactly_the_generated_rules_let_the_transfer_through(
    firewall: Firewall, packs: Path, load: Loader, transfer: Callable[[str], bool]
) -> None:
    firewall.deny_everything()
    firewall.forget_connections()
    assert not transfer("4"), "the firewall denies nothing, so this would prove nothing"
    load(firewall, packs / "acme", None)
    assert [transfer(family) for family in FAMILIES] == [True, True]


def test_without_any_single_rule_it_does_not(
    firewall: Firewall, packs: Path, load: Loader, transfer: Callable[[str], bool]
) -> None:
    firewall.deny_everything()
    rules = load(firewall, packs / "acme", None)
    assert len(rules) == 4
    for number, rule in enumerate(rules):
        firewall.own_rules()
        firewall.deny_everything()
        firewall.forget_connections()
        load(firewall, packs / "acme", number)
        assert not transfer("6" if "::" in rule else "4"), rule


def test_nothing_else_gets_out(firewall: Firewall, lab: Lab, acme: Customer, packs: Path, load: Loader) -> None:
    firewall.deny_everything()
    firewall.forget_connections()
    load(firewall, packs / "acme", None)
    ports = f"{{ {lab.explicit_port}, {lab.implicit_port}, {lab.first_port}-{lab.last_port} }}"
    service = f"ip daddr {lab.public_ip} tcp dport {ports}", f"ip6 daddr {lab.public_ip6} tcp dport {ports}"
    # What came from inside, and what was let through: only packets that every chain before has accepted get that far.
    firewall.nft(f"""
        table inet watch {{
            counter tried {{ }}
            counter served {{ }}
            counter escaped {{ }}
            chain arriving {{
                type filter hook prerouting priority mangle;
                {service[0]} return
                {service[1]} return
                iifname "{INSIDE}" meta l4proto {{ tcp, udp, icmp }} counter name tried
            }}
            chain judge {{
                {service[0]} counter name served return
                {service[1]} counter name served return
                counter name escaped
            }}
            chain leaving {{
                type filter hook forward priority 300;
                iifname "{INSIDE}" oifname "{OUTSIDE}" jump judge
            }}
        }}
    """)
    # Neighbours on the lab's internet answer any port, by refusing it: silence there is acme's firewall.
    neighbours = {customer.name: _address(customer.host.name) for customer in lab.customers.values()}
    there = [neighbours["globex"], _address(lab.stranger.name)]
    asked = dict.fromkeys(there, (lab.explicit_port, 22, 80, 443, lab.first_port, lab.last_port + 1))
    asked[lab.public_ip] = (20, 22, 53, 443, lab.first_port - 1, lab.last_port + 1)
    for address, numbers in asked.items():
        assert acme.host.scan(address, numbers, 0.6) == {}, address
    acme.host.run("ping", "-c", "1", "-W", "1", there[0])
    acme.host.run(
        "sh", "-c", f"echo x | nc -u -w 1 {there[0]} 53; echo x | nc -u -w 1 {lab.public_ip} {lab.first_port}"
    )
    assert acme.host.reaches(lab.public_ip, lab.explicit_port) == "open"
    assert acme.host.reaches(lab.public_ip, lab.last_port) == "refused"
    counted = firewall.host.sh("nft list counters table inet watch")
    tried, served, escaped = (
        int(re.search(rf"counter {name} {{\s*packets (\d+)", counted).group(1))  # type: ignore[union-attr]
        for name in ("tried", "served", "escaped")
    )
    assert tried >= 20, counted
    assert served >= 4, counted
    assert escaped == 0, counted


def _address(container: str) -> str:
    shown = subprocess.run(
        ["podman", "exec", container, "hostname", "-I"], capture_output=True, text=True, check=True
    ).stdout.split()
    return next(address for address in shown if ":" not in address)
