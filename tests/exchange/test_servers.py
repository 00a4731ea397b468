"""Several servers with the same files: any of them may serve any customer. With one server these do not apply."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest

from ftps_exchange.verify.edges import rules, servers_of_source

from .conftest import Session
from .target import Customer, Target
from .vantage import Host

pytestmark = pytest.mark.inside

CONFIGURATION = (
    "/etc/ftps-exchange/proftpd.conf",
    "/etc/ftps-exchange/access.conf",
    "/etc/ftps-exchange/guard.json",
    "/etc/pam.d/ftps-exchange",
    "/etc/security/namespace.d/ftps-exchange.conf",
    "/etc/systemd/system/proftpd.service.d/ftps-exchange.conf",
    "/usr/local/sbin/ftps-exchange-session",
    "/usr/local/sbin/ftps-exchange-guard",
    "/etc/krb5.conf",
)
HEALTH = "/usr/local/sbin/ftps-exchange-health"
MARKERS = ".ftps-exchange-servers"


def differing(seen: dict[str, dict[str, str]]) -> list[str]:
    """What is not the same on all hosts: facts by host -> 'fact: value on host, ...'."""
    facts = sorted({fact for found in seen.values() for fact in found})
    return [
        f"{fact}: " + ", ".join(f"{found.get(fact, 'missing')} on {host}" for host, found in seen.items())
        for fact in facts
        if len({found.get(fact) for found in seen.values()}) > 1
    ]


def own_addresses(host: Host) -> list[str]:
    return host.sh("sed -n 's/^[[:space:]]*unicast_src_ip //p' /etc/keepalived/keepalived.conf").split()


def root_of(host: Host) -> str:
    return host.sh("sed -n 's/.*mountpoint --quiet //p' /etc/pam.d/ftps-exchange").strip()


@pytest.mark.risk("transfers")
def test_all_servers_have_the_same_configuration(target: Target) -> None:
    """A customer finds the same service on each of them, with the same limits and the same list of sources.

    Source: docs/pool.md.
    """
    search = f"sha256sum {' '.join(CONFIGURATION)} 2> /dev/null || true"
    seen = {
        server.name: {line.split()[1]: line.split()[0][:12] for line in server.sh(search).splitlines()}
        for server in target.servers
    }
    own = {server.name: own_addresses(server) for server in target.servers}
    for server in target.servers:
        # Each names the others, of which VRRP is accepted
        others = {address for name, found in own.items() if name != server.name for address in found}
        table = rules(server.sh("nft --json list table inet ftps_exchange_host"), others)
        seen[server.name]["the rules of the host firewall"] = hashlib.sha256("".join(table).encode()).hexdigest()[:12]
    found = differing(seen)
    assert not found, f"{len(found)} files differ: {'; '.join(found)}"
    assert len(next(iter(seen.values()))) == len(CONFIGURATION) + 1


@pytest.mark.risk("isolation")
def test_an_account_is_the_same_on_all_servers(target: Target, customer: Customer) -> None:
    """Ids are the same: what a customer uploads through one server is its own on the others.

    Source: docs/pool.md; smb.conf(5), idmap_rid(8).
    """
    account = customer.writer.name
    seen = {
        server.name: {
            "uid": server.sh(f"id -u {account}").strip(),
            "groups": " ".join(sorted(server.sh(f"id -G {account}").split())),
        }
        for server in target.servers
    }
    found = differing(seen)
    assert not found, f"{account}: {'; '.join(found)}"


@pytest.mark.risk("isolation")
def test_all_servers_have_the_same_files(target: Target) -> None:
    """The root is the same mounted file system everywhere, and each server sees the marker of each.

    Source: docs/pool.md.
    """
    seen = {}
    for server in target.servers:
        root = root_of(server)
        assert root, f"{server.name} lets customers in when nothing is mounted"
        assert server.run("mountpoint", "--quiet", root).returncode == 0, (
            f"nothing is mounted at {root} on {server.name}"
        )
        listed = server.sh(f"cd {root}/{MARKERS} && stat --format '%n %i' *")
        seen[server.name] = dict(line.split() for line in listed.splitlines())
    found = differing(seen)
    assert not found, f"they see different files: {'; '.join(found)}"
    assert len(next(iter(seen.values()))) >= len(target.servers)


@pytest.mark.risk("server-not-verified")
def test_each_server_proves_that_it_is_the_service(target: Target) -> None:
    """The certificates are of the same CA for the same names, and none of them ends soon.

    Source: RFC 4217 section 10; docs/pool.md.
    """
    file = "$(sed -n 's/^ *TLSCertificateChainFile *//p' /etc/ftps-exchange/proftpd.conf)"
    look = f"openssl x509 -noout -issuer -ext subjectAltName -enddate -dateopt iso_8601 -in {file}"
    seen = {}
    for server in target.servers:
        text = server.sh(look)
        names = ", ".join(sorted(re.findall(r"(?:DNS|IP Address):\S+", text)))
        seen[server.name] = {"issuer": text.splitlines()[0], "names": names}
        end = datetime.fromisoformat(text.partition("notAfter=")[2].splitlines()[0].replace("Z", "+00:00"))
        assert end - datetime.now(UTC) > timedelta(days=3), f"the certificate of {server.name} ends on {end}"
    found = differing(seen)
    assert not found, "; ".join(found)


@pytest.mark.risk("transfers")
def test_each_server_is_well_and_can_take_the_customers_of_another_one(target: Target) -> None:
    """Each passes its health check, and runs and will run what moves addresses.

    Source: docs/pool.md.
    """
    for server in target.servers:
        done = server.run(HEALTH)
        assert done.returncode == 0, f"{server.name}: {done.stdout.decode(errors='replace').strip()}"
        service = server.inspected().service("keepalived")
        assert service.is_running, f"keepalived does not run on {server.name}"
        assert service.is_enabled, f"keepalived does not start at boot on {server.name}"


@pytest.mark.risk("transfers")
def test_each_address_is_on_one_server(target: Target) -> None:
    """Each address to which the edge sends customers is on exactly one server.

    Source: RFC 9568 section 6; docs/pool.md.
    """
    servers = target.servers
    rules = target.edge.sh("nft list chain inet ftps_exchange_edge translate")
    wanted = {
        address for part in re.findall(r"map \{([^}]*)\}", rules) for address in re.findall(r" : ([0-9a-f.:]+)", part)
    }
    assert wanted, "the edge sends nobody to several servers"
    holders: dict[str, list[str]] = {address: [] for address in wanted}
    for server in servers:
        own = set(re.findall(r"inet6? ([0-9a-f.:]+)/", server.sh("ip address show")))
        for address in wanted & own:
            holders[address].append(server.name)
    wrong = {address: names for address, names in holders.items() if len(names) != 1}
    assert not wrong, f"not on one server: {wrong}"


@pytest.mark.risk("transfers")
@pytest.mark.parametrize("ipv6", [False, True], ids=["ipv4", "ipv6"])
def test_control_and_data_meet_the_same_server(
    target: Target, customer: Customer, session: Session, ipv6: bool
) -> None:
    """All connections of a source go to the server of its first one.

    Source: RFC 4217 section 7; docs/edge.md (several servers).
    """
    assert target.servers
    client = session(customer, ipv6=ipv6)
    port = client.epsv()
    with client.open_data():
        listing = "\n".join(
            edge.sh(f"conntrack --dump --proto tcp --family {'ipv6' if ipv6 else 'ipv4'} 2> /dev/null || true")
            for edge in target.every_edge
        )
    met = servers_of_source(listing, port)
    assert len(met) == 1, f"the connections of one source went to {sorted(met) or 'no server'}"
