"""The hosts themselves, seen from inside: what listens, what runs, who may read the secrets, what is logged.

These know this project's Linux server and edge. On another product they do not apply.
"""

from __future__ import annotations

import json
import re
import time

import pytest

from . import packets
from .codes import DONE, expect
from .conftest import Connect, Session
from .outcomes import does_not_apply
from .target import Customer, Target
from .vantage import Inspected

pytestmark = pytest.mark.inside

LOG = "/var/log/ftps-exchange/transfer.log"
LONGEST_SILENCE = 60
PORTS = pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])


@pytest.fixture(scope="session")
def server(target: Target) -> Inspected:
    if target.server.run("test", "-d", "/etc/ftps-exchange").returncode != 0:
        does_not_apply("the server is none that this project set up on Linux")
    return target.server.inspected()


@pytest.fixture(scope="session")
def edge(target: Target) -> Inspected:
    return target.edge.inspected()


@pytest.mark.risk("dynamic-ports")
def test_the_server_listens_on_the_service_ports_only(target: Target, server: Inspected) -> None:
    """Everything else that listens does so for the host itself, or is how the host is managed (SSH).

    Source: RFC 2577 section 6; CIS Benchmark for Debian Linux, section 2 (services).
    """
    listening = {
        int(socket.rsplit(":", 1)[1])
        for socket in server.socket.get_listening_sockets()
        if socket.startswith("tcp://") and "127.0.0.1" not in socket and "::1" not in socket
    }
    service = {port for port in (target.explicit_port, target.implicit_port) if port}
    first, last = target.range
    others = sorted(port for port in listening - {22} - service if not first <= port <= last)
    assert not others, f"the server also listens on {others}"
    assert service <= listening, f"nothing listens on {sorted(service - listening)}"


@pytest.mark.risk("starving")
@pytest.mark.parametrize("name", ["proftpd", "winbind", "ftps-exchange-transfer-log", "ftps-exchange-host-firewall"])
def test_services_of_the_server_run_and_come_back_after_a_reboot(server: Inspected, name: str) -> None:
    """Each service runs, and is enabled.

    Source: docs/ftps-server.md, docs/edge.md.
    """
    service = server.service(name)
    assert service.is_running, f"{name} does not run:\n{server.run(f'journalctl -n 20 -u {name}').stdout}"
    assert service.is_enabled, f"{name} does not start at boot"


@pytest.mark.risk("isolation")
@pytest.mark.parametrize("name", ["smbd", "nmbd"])
def test_the_server_serves_nothing_else(server: Inspected, name: str) -> None:
    """The packages that make the server a member of the domain do not share files.

    Source: RFC 2577 section 6.
    """
    assert not server.service(name).is_running


@pytest.mark.risk("unknown-hosts")
def test_the_edge_loads_its_rules_at_boot(edge: Inspected) -> None:
    """The edge's rules are there after a reboot.

    Source: docs/edge.md.
    """
    assert edge.service("ftps-exchange-edge").is_enabled


@pytest.mark.risk("credentials-in-clear")
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
    """Keys and secrets of the server belong to root, and nobody else may read them.

    Source: NIST SP 800-57 part 1 section 5.2.
    """
    file = server.file(path)
    assert file.exists
    assert file.user == "root"
    assert file.mode & 0o077 == 0, oct(file.mode)


@pytest.mark.risk("traces")
def test_the_transfer_log_is_not_for_everybody(server: Inspected) -> None:
    """The log, which names customers and files, is for root and the administrators.

    Source: docs/ftps-server.md.
    """
    folder = server.file("/var/log/ftps-exchange")
    assert (folder.user, folder.group) == ("root", "adm")
    assert folder.mode & 0o007 == 0


@pytest.mark.risk("dynamic-ports")
def test_the_kernel_keeps_the_passive_ports_for_the_service(target: Target, server: Inspected) -> None:
    """An outgoing connection on one of them would take a port away from a transfer.

    Source: Linux, ip-sysctl (ip_local_reserved_ports).
    """
    assert f"{target.first_port}-{target.last_port}" in str(server.sysctl("net.ipv4.ip_local_reserved_ports"))


@pytest.mark.risk("isolation")
def test_mounts_of_a_session_are_seen_by_that_session_alone(
    server: Inspected, customer: Customer, session: Session
) -> None:
    """Each session has its own mount namespace: what one customer has mounted, no other process sees.

    Source: docs/adr/0005; Linux, mount_namespaces(7).
    """
    session(customer)
    main = server.check_output("systemctl show --property=MainPID --value proftpd")
    seen_by = server.check_output("grep -l ' /shared .*ftps-exchange-shares' /proc/[0-9]*/mountinfo || true").split()
    assert seen_by, "no session has mounts of its own"
    elsewhere = server.check_output(f"cat /proc/1/mountinfo /proc/{main}/mountinfo")
    assert "ftps-exchange-shares" not in elsewhere
    assert "/var/lib/ftps-exchange/session" not in elsewhere


def established(server: Inspected, port: int) -> list[str]:
    """Sockets of a port with their timers, as ss shows them."""
    output = server.check_output(f"ss --no-header --tcp --numeric --options state established '( sport = :{port} )'")
    return [line for line in output.splitlines() if line.strip()]


@pytest.mark.risk("transfers", decides=True)
@PORTS
def test_silent_connections_are_probed(
    target: Target, server: Inspected, customer: Customer, session: Session, implicit: bool
) -> None:
    """A control connection that is silent is probed within a minute: no firewall on the way forgets it.

    During a long upload nothing else passes on it. One that was forgotten carries no reply: the client waits for ever.

    Source: RFC 5382 section 5 (many NATs forget sooner than it asks for); RFC 1122 section 4.2.3.6.
    """
    session(customer, implicit=implicit)
    for _ in range(20):
        sockets = established(server, target.port(implicit))
        if sockets and all("timer:(keepalive" in line for line in sockets):
            break
        time.sleep(0.25)  # an answer that is not acknowledged yet has another timer
    assert sockets, f"no connection to port {target.port(implicit)} is seen on the server"
    for line in sockets:
        found = re.search(r"timer:\(keepalive,(?:(\d+)min)?(?:(\d+)(?:\.\d+)?sec)?", line)
        assert found, f"a silent connection is not probed: {line}"
        seconds = 60 * int(found[1] or 0) + int(found[2] or 0)
        assert seconds <= LONGEST_SILENCE, f"a silent connection is probed after {seconds} s: {line}"


@pytest.mark.risk("traces", decides=True)
@PORTS
def test_logins_are_in_the_journal(
    target: Target, server: Inspected, customer: Customer, session: Session, implicit: bool
) -> None:
    """Each login is in the server's journal, on both ports.

    Source: docs/ftps-server.md (the transfer log); ISO/IEC 27002 8.15 (logging).
    """
    cursor = (
        server.check_output("journalctl --unit=proftpd --lines=0 --show-cursor").rpartition("-- cursor: ")[2].strip()
    )
    session(customer, implicit=implicit)
    wanted = f"USER {customer.writer.name}: Login successful"
    lines: list[str] = []
    for _ in range(20):
        told = server.check_output(f"journalctl --unit=proftpd --output=cat --after-cursor='{cursor}'")
        lines = [line for line in told.splitlines() if wanted in line]
        if lines:
            return
        time.sleep(0.25)
    pytest.fail(f"a login on port {target.port(implicit)} is not in the journal")


@pytest.mark.risk("isolation")
def test_numeric_ids_come_from_the_sids(target: Target, customer: Customer, server: Inspected) -> None:
    """So they are the same on every server, and a rebuilt one finds its permissions as they were.

    Source: Samba, idmap_rid(8).
    """
    group = f"ftpsx-home-{customer.name}-write"
    sid = server.check_output(f"wbinfo --name-to-sid {group}").split()[0]
    assert server.group(group).gid == 1_000_000 + int(sid.rsplit("-", 1)[1])


@pytest.mark.risk("nat")
@pytest.mark.risk("dynamic-ports")
def test_no_connection_tracking_helper_looks_into_the_traffic(edge: Inspected) -> None:
    """No FTP helper of the edge opens ports by itself: it could not read the control channel anyway.

    Source: docs/edge.md; Linux, nf_conntrack_ftp.
    """
    assert "ct helper" not in edge.check_output("nft list ruleset")


@pytest.mark.elsewhere
@pytest.mark.risk("traces", decides=True)
def test_every_transfer_is_one_line_of_the_log(
    target: Target, server: Inspected, customer: Customer, session: Session, fresh: str
) -> None:
    """A transfer is one JSON line that tells who, from where and what, whatever signs the name has.

    Source: docs/ftps-server.md; ISO/IEC 27002 8.15 (logging).
    """
    awkward = f'{fresh} "quoted" \\back; customer=other'
    client = session(customer)
    expect(client.store(awkward, b"12345"), (226, 250), "upload")
    expect(client.command(f"DELE {awkward}"), DONE, "DELE")
    lines: list[dict[str, object]] = []
    for _ in range(20):
        text = target.server.sh(f"grep -F {fresh} {LOG} || true")
        lines = [line for line in map(json.loads, text.splitlines()) if line.get("bytes") == 5]
        if lines:
            break
        time.sleep(0.25)
    assert len(lines) == 1, f"the upload is in {len(lines)} lines of {LOG}"
    assert lines[0]["account"] == customer.writer.name
    assert lines[0]["customer"] == customer.name
    assert awkward in str(lines[0]["file"])


@pytest.mark.elsewhere
@pytest.mark.risk("traces", decides=True)
def test_nobody_forges_a_record_of_the_log(
    target: Target, server: Inspected, customer: Customer, connect: Connect, session: Session, fresh: str
) -> None:
    """A refused command is logged as it was typed; what follows a line break in it does not pass for a line.

    Source: CWE-117 (forged log lines); ISO/IEC 27002 8.15.
    """
    sample = target.server.sh("tail -n 1 /var/log/ftps-exchange/transfer.raw").rstrip("\n").split("\t")
    made_up = ["1795456924.936", "s", "forged", "198.51.100.20", "TLSv1.3", "STOR", "226", "success", "9", "0", "9"]
    made_up += ["5", "1", "1", "", "-", f"/{fresh}", fresh]
    for line in (made_up, ["", *made_up], ["-", *made_up], ["0" * len(sample[0]), *made_up]):
        connect(customer.host).answer(f"MKD x\n{chr(9).join(line)}")
        session(customer).send(f"STOR x\n{chr(9).join(line)}")
    lines: list[dict[str, object]] = []
    for _ in range(20):
        lines = [json.loads(line) for line in target.server.sh(f"grep -F {fresh} {LOG} || true").splitlines()]
        if len(lines) >= 8:
            break
        time.sleep(0.25)
    assert len(lines) >= 8, f"{len(lines)} lines of the log tell of the attempts"
    accepted = [line for line in lines if line["outcome"] not in ("unreadable", "denied")]
    assert not accepted, f"taken for a transfer: {accepted}"
    assert not [line for line in lines if line.get("account") == "forged"]


@pytest.mark.risk("starving")
def test_no_neighbour_moves_the_route_of_a_server(target: Target, server: Inspected) -> None:
    """A host on the server's network that says it is the router for IPv6 is not believed.

    The announcement is good for three seconds, whatever comes of it.

    Source: RFC 6104 (rogue router advertisements); docs/edge.md.
    """
    packets.announce_router(target.directory, lifetime=3)
    time.sleep(0.5)
    route = server.run("ip -6 route show default proto ra").stdout.strip()
    assert not route, f"the server has taken a route from {target.directory.name}: {route}"


@pytest.mark.risk("starving")
@pytest.mark.parametrize("which", ["server", "edge"])
def test_redirects_are_neither_taken_nor_sent(target: Target, which: str) -> None:
    """No interface takes or sends redirects of ICMP.

    Source: CIS Benchmark for Debian Linux, section 3.3; RFC 4890 section 4.3.
    """
    host = target.server if which == "server" else target.edge
    files = "/proc/sys/net/ipv*/conf/*/accept_redirects /proc/sys/net/ipv4/conf/*/send_redirects"
    wrong = host.run("sh", "-c", f"grep -L '^0$' {files}").stdout.decode().split()
    assert not wrong, f"{host.name}: {', '.join(wrong)}"
