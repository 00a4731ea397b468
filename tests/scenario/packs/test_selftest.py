"""The self-test that customers get names the right cause, when one thing at a time is broken on the way."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.exchange.lab import Customer, Lab
from tests.scenario.exits import two_exits
from tests.scenario.packs.conftest import Firewall

FOLDER = "/tmp/packs-selftest"


@dataclass
class Told:
    """What the self-test said and ended with."""

    code: int
    output: str

    def who(self) -> str:
        found = re.search(r"^Who fixes it: +(.*)$", self.output, re.M)
        return found.group(1) if found else ""


SelfTest = Callable[..., Told]


@pytest.fixture
def selftest(acme: Customer, packs: Path) -> Iterator[SelfTest]:
    """Run acme's self-test on acme's computer."""
    acme.host.sh(f"mkdir -p {FOLDER}")
    for name in ("selftest.sh", "ca.pem"):
        acme.host.write(f"{FOLDER}/{name}", (packs / "acme" / name).read_bytes())

    def _run(*options: str, password: str | None = acme.writer.password) -> Told:
        stdin = None if password is None else f"{password}\n".encode()
        given = () if password is None else ("--password-stdin",)
        done = acme.host.run("sh", f"{FOLDER}/selftest.sh", *given, *options, stdin=stdin)
        output = done.stdout.decode() + done.stderr.decode()
        assert acme.writer.password not in output
        assert acme.host.sh("ls -d /tmp/ftps-selftest.* 2>/dev/null || true") == "", "it leaves something behind"
        return Told(done.returncode, output)

    yield _run
    acme.host.sh(f"rm -rf {FOLDER}")


def sabotage(firewall: Firewall, rule: str) -> None:
    """One thing more that acme's firewall does, before its own rules."""
    firewall.forget_connections()
    firewall.nft(f"""
        table inet sabotage {{
            chain forward {{
                type filter hook forward priority -10;
                {rule}
            }}
        }}
    """)


def test_all_is_well(firewall: Firewall, selftest: SelfTest, lab: Lab) -> None:
    told = selftest()
    assert told.code == 0, told.output
    assert told.output.endswith("Everything works.\n")
    assert f"EPSV           ok    {lab.public_ip}" in told.output
    assert f"transfer       ok    {lab.public_ip6 or lab.public_ip}: three files" in told.output


def test_a_reader_sends_nothing(firewall: Firewall, selftest: SelfTest, acme: Customer) -> None:
    told = selftest("--account", acme.reader.name, password=acme.reader.password)
    assert told.code == 0, told.output
    assert "may only read: nothing was uploaded" in told.output


def test_port_21_blocked(firewall: Firewall, selftest: SelfTest, lab: Lab) -> None:
    sabotage(firewall, f"tcp dport {lab.explicit_port} drop")
    told = selftest("--no-login", password=None)
    assert (told.code, told.who()) == (21, "your side (network or workstation)"), told.output
    assert f"Open TCP {lab.explicit_port} outwards" in told.output


def test_implicit_port_blocked(firewall: Firewall, selftest: SelfTest, lab: Lab) -> None:
    sabotage(firewall, f"tcp dport {lab.implicit_port} drop")
    told = selftest("--no-login", password=None)
    assert (told.code, told.who()) == (23, "your side (network or workstation)"), told.output
    assert selftest("--no-login", "--no-implicit", password=None).code == 0


@pytest.mark.parametrize("half", ["first", "last"])
def test_half_of_the_range_blocked(firewall: Firewall, selftest: SelfTest, lab: Lab, half: str) -> None:
    middle = (lab.first_port + lab.last_port) // 2
    blocked = f"{lab.first_port}-{middle}" if half == "first" else f"{middle + 1}-{lab.last_port}"
    sabotage(firewall, f"tcp dport {blocked} drop")
    told = selftest("--no-login", password=None)
    assert (told.code, told.who()) == (61, "your side (network or workstation)"), told.output
    assert f"all of TCP {lab.first_port} to {lab.last_port}" in told.output
    silent = re.search(r"no answer at((?: \d+)+);", told.output)
    assert silent is not None, told.output
    assert {int(port) <= middle for port in silent.group(1).split()} == {half == "first"}


def test_the_whole_range_blocked(firewall: Firewall, selftest: SelfTest, lab: Lab) -> None:
    sabotage(firewall, f"tcp dport {lab.first_port}-{lab.last_port} drop")
    told = selftest("--no-login", password=None)
    assert (told.code, told.who()) == (60, "your side (network or workstation)"), told.output


@pytest.mark.parametrize("how", ["reject with tcp reset", "drop"])
def test_tls_cut(firewall: Firewall, selftest: SelfTest, lab: Lab, how: str) -> None:
    # A TLS record behind a TCP header without options (20 bytes, ADR 0034), as an inspecting device cuts it
    sabotage(firewall, f"tcp dport {lab.explicit_port} @th,160,16 0x1603 {how}")
    told = selftest("--no-login", password=None)
    assert (told.code, told.who()) == (30, "your side (network or workstation)"), told.output
    assert "inspection" in told.output


def test_large_packets_lost(firewall: Firewall, selftest: SelfTest, lab: Lab) -> None:
    """As on a tunnel that is narrower than it says: small packets pass, the server's certificate does not."""
    sabotage(firewall, f"tcp sport {lab.explicit_port} meta length > 600 drop")
    told = selftest("--no-login", password=None)
    assert (told.code, told.who()) == (31, "your side (network or workstation)"), told.output
    assert "MSS" in told.output


def test_a_client_without_ecdhe(firewall: Firewall, selftest: SelfTest, acme: Customer) -> None:
    acme.host.write(
        f"{FOLDER}/openssl.cnf",
        b"openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
        b"CipherString = AES256-SHA\nMaxProtocol = TLSv1.2\n",
    )
    acme.host.sh(f"sed -i '2i export OPENSSL_CONF={FOLDER}/openssl.cnf' {FOLDER}/selftest.sh")
    told = selftest("--no-login", password=None)
    assert (told.code, told.who()) == (32, "your side (network or workstation)"), told.output


def test_wrong_ca(firewall: Firewall, selftest: SelfTest, acme: Customer) -> None:
    """As behind a device that shows certificates of its own: the pack's CA did not sign them."""
    acme.host.sh(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=Inspecting firewall' "
        f"-keyout /dev/null -out {FOLDER}/other.pem 2>/dev/null"
    )
    told = selftest("--ca", f"{FOLDER}/other.pem", "--no-login", password=None)
    assert (told.code, told.who()) == (40, "your side first, then our side (the provider)"), told.output
    assert "signed by" in told.output


def test_wrong_ca_without_openssl(firewall: Firewall, selftest: SelfTest, acme: Customer) -> None:
    """curl alone finds it too, before the password has left."""
    acme.host.sh(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=Inspecting firewall' "
        f"-keyout /dev/null -out {FOLDER}/other.pem 2>/dev/null; mv /usr/bin/openssl /usr/bin/openssl.away"
    )
    try:
        told = selftest("--ca", f"{FOLDER}/other.pem")
    finally:
        acme.host.sh("mv /usr/bin/openssl.away /usr/bin/openssl")
    assert told.code == 40, told.output


def test_wrong_password(firewall: Firewall, selftest: SelfTest) -> None:
    told = selftest(password='not "this" one\\')
    assert (told.code, told.who()) == (50, "your side first, then our side (the provider)"), told.output
    assert "530" in told.output


def test_provider_does_not_know_the_address(firewall: Firewall, selftest: SelfTest, lab: Lab, acme: Customer) -> None:
    table = "inet ftps_exchange_edge"
    sources = {
        family: re.findall(
            r'([0-9a-f:.]+)(?= counter[^"]* comment "acme")', lab.edge.sh(f"nft list set {table} {family}")
        )
        for family in ("customers4", "customers6")
    }
    assert all(len(found) == 1 for found in sources.values()), sources
    for family, (address,) in sources.items():
        lab.edge.sh(f"nft delete element {table} {family} '{{ {address} }}'; conntrack --flush")
    try:
        told = selftest("--no-login", password=None)
    finally:
        for family, (address,) in sources.items():
            lab.edge.sh(f"nft add element {table} {family} '{{ {address} comment \"acme\" }}'")
    assert told.code == 20, told.output
    assert "our firewall does not know your address" in told.output


def test_acmes_firewall_has_no_rule_at_all(firewall: Firewall, selftest: SelfTest) -> None:
    """The same code: from inside, both look the same, and the text says how to find out which it is."""
    firewall.deny_everything()
    firewall.forget_connections()
    told = selftest("--no-login", password=None)
    assert told.code == 20, told.output
    assert "does your firewall have the rules" in told.output


def test_an_exit_that_the_provider_does_not_know(
    firewall: Firewall, selftest: SelfTest, lab: Lab, acme: Customer
) -> None:
    with two_exits(lab, acme):
        told = selftest("--no-login", password=None)
    assert (told.code, told.who()) == (62, "your side (network or workstation)"), told.output
    assert "the same ports answer one time and not the next" in told.output


# PowerShell: the engine runs here, in the network of acme's computer. It has no prompt, so a stand-in answers.

WRAPPER = """
param([string] $Script)
function global:Read-Host {
    param([string] $Prompt, [switch] $AsSecureString)
    ConvertTo-SecureString $env:PACKS_PASSWORD -AsPlainText -Force
}
& $Script
exit $LASTEXITCODE
"""


@pytest.fixture
def powershell_selftest(pwsh: Path, acme: Customer, packs: Path, firewall: Firewall, tmp_path: Path) -> SelfTest:
    (tmp_path / "wrapper.ps1").write_text(WRAPPER)
    (tmp_path / "hosts").write_text(acme.host.sh("cat /etc/hosts"))
    inspect = ["podman", "inspect", "--format", "{{.State.Pid}}", acme.host.name]
    pid = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.strip()

    def _run(password: str = acme.writer.password) -> Told:
        engine: list[str | Path] = [pwsh, "-NoProfile", "-File", tmp_path / "wrapper.ps1", packs / "acme/selftest.ps1"]
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-ec", 'mount --bind "$0" /etc/hosts; exec "$@"', tmp_path / "hosts",
             "nsenter", "--target", pid, "--net", *engine],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120,
            env=os.environ | {"PACKS_PASSWORD": password},
        )  # fmt: skip
        assert acme.writer.password not in done.stdout + done.stderr
        return Told(done.returncode, done.stdout + done.stderr)

    return _run


def test_powershell_all_is_well(powershell_selftest: SelfTest) -> None:
    told = powershell_selftest()
    assert told.code == 0, told.output
    assert told.output.rstrip().endswith("Everything works.")


def test_powershell_wrong_password(powershell_selftest: SelfTest) -> None:
    told = powershell_selftest("not this one")
    assert told.code == 50, told.output


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("tcp dport {port} drop", 21),
        ("tcp dport {first}-{middle} drop", 61),
        ("tcp dport {port} @th,160,16 0x1603 reject with tcp reset", 30),
    ],
)
def test_powershell_names_the_cause(
    powershell_selftest: SelfTest, firewall: Firewall, lab: Lab, rule: str, code: int
) -> None:
    middle = (lab.first_port + lab.last_port) // 2
    sabotage(firewall, rule.format(port=lab.explicit_port, first=lab.first_port, middle=middle))
    told = powershell_selftest()
    assert told.code == code, told.output
