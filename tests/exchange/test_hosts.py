"""The hosts themselves, seen from inside: what listens, what runs, who may read the secrets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import testinfra
from testinfra.host import Host as Inspected

from .ftps_client import FtpsClient
from .lab import Customer, Lab


@pytest.fixture(scope="module")
def server(lab: Lab) -> Inspected:
    return testinfra.get_host(f"podman://{lab.server.container}")


@pytest.fixture(scope="module")
def edge(lab: Lab) -> Inspected:
    return testinfra.get_host(f"podman://{lab.edge.container}")


def test_the_server_listens_on_the_service_ports_only(lab: Lab, server: Inspected) -> None:
    """Everything else that listens does so for the host itself, or is how the host is managed (SSH)."""
    listening = {
        int(socket.rsplit(":", 1)[1])
        for socket in server.socket.get_listening_sockets()
        if socket.startswith("tcp://") and "127.0.0.1" not in socket and "::1" not in socket
    }
    assert listening - {22} == {lab.explicit_port, lab.implicit_port}


@pytest.mark.parametrize("name", ["proftpd", "winbind", "ftps-exchange-transfer-log", "ftps-exchange-host-firewall"])
def test_services_of_the_server_run_and_come_back_after_a_reboot(server: Inspected, name: str) -> None:
    service = server.service(name)
    assert service.is_running
    assert service.is_enabled


@pytest.mark.parametrize("name", ["smbd", "nmbd"])
def test_the_server_serves_nothing_else(server: Inspected, name: str) -> None:
    assert not server.service(name).is_running


def test_the_edge_loads_its_rules_at_boot(edge: Inspected) -> None:
    assert edge.service("ftps-exchange-edge").is_enabled


@pytest.mark.parametrize(
    "path",
    [
        "/etc/ftps-exchange/tls/server.pem",
        "/etc/ftps-exchange/access.conf",
        "/etc/krb5.keytab",
        "/var/lib/samba/private/secrets.tdb",
    ],
)
def test_secrets_are_for_root_alone(server: Inspected, path: str) -> None:
    file = server.file(path)
    assert file.exists
    assert file.user == "root"
    assert file.mode & 0o077 == 0, oct(file.mode)


def test_the_transfer_log_is_not_for_everybody(server: Inspected) -> None:
    folder = server.file("/var/log/ftps-exchange")
    assert (folder.user, folder.group) == ("root", "adm")
    assert folder.mode & 0o007 == 0


def test_the_kernel_keeps_the_passive_ports_for_the_service(lab: Lab, server: Inspected) -> None:
    """An outgoing connection on one of them would take a port away from a transfer."""
    assert f"{lab.first_port}-{lab.last_port}" in str(server.sysctl("net.ipv4.ip_local_reserved_ports"))


def test_mounts_of_a_session_are_seen_by_that_session_alone(
    server: Inspected, globex: Customer, connect: Callable[..., FtpsClient]
) -> None:
    connect(globex.host).start_tls().login(globex.writer)
    main = server.check_output("systemctl show --property=MainPID --value proftpd")
    seen_by = server.check_output("grep -l ' /shared .*ftps-exchange-shares' /proc/[0-9]*/mountinfo || true").split()
    assert seen_by, "no session has mounts of its own"
    elsewhere = server.check_output(f"cat /proc/1/mountinfo /proc/{main}/mountinfo")
    assert "ftps-exchange-shares" not in elsewhere
    assert "/var/lib/ftps-exchange/session" not in elsewhere


def test_numeric_ids_come_from_the_sids(lab: Lab, server: Inspected) -> None:
    """So they are the same on every server, and a rebuilt one finds its permissions as they were."""
    sid = server.check_output("wbinfo --name-to-sid ftpsx-home-acme-write").split()[0]
    assert server.group("ftpsx-home-acme-write").gid == 1_000_000 + int(sid.rsplit("-", 1)[1])


def test_no_connection_tracking_helper_looks_into_the_traffic(edge: Inspected) -> None:
    rules = edge.check_output("nft list ruleset")
    assert "ct helper" not in rules
