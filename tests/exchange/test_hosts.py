"""The hosts themselves, seen from inside: what listens, what runs, who may read the secrets, what is logged.

These know this project's Linux server and edge. On another product they do not apply.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from . import packets
from .codes import DONE, expect
from .conftest import Connect, Session
from .ftps_client import Reply
from .meddling import undone
from .outcomes import does_not_apply, not_tested
from .recorder import Evidence
from .target import Customer, Target
from .vantage import Inspected

pytestmark = pytest.mark.inside

Measure = Callable[[str, str, Any], None]

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
@pytest.mark.parametrize(
    "name",
    [
        "proftpd",
        "winbind",
        "ftps-exchange-transfer-log",
        "ftps-exchange-log-rotation.timer",
        "ftps-exchange-metrics.timer",
        "ftps-exchange-directory-watch",
        "ftps-exchange-host-firewall",
    ],
)
def test_services_of_the_server_run_and_come_back_after_a_reboot(server: Inspected, name: str) -> None:
    """Each service runs, and is enabled.

    Source: docs/ftps-server.md, docs/edge.md.
    """
    service = server.service(name)
    assert service.is_running, f"{name} does not run:\n{server.run(f'journalctl -n 20 -u {name}').stdout}"
    assert service.is_enabled, f"{name} does not start at boot"


@pytest.mark.risk("starving")
@pytest.mark.parametrize("name", ["proftpd", "winbind", "ftps-exchange-transfer-log", "ftps-exchange-directory-watch"])
def test_what_a_login_needs_is_started_again_whenever_it_ends(server: Inspected, name: str) -> None:
    """No service stays down, and none is given up after some starts.

    Source: systemd.service(5), Restart; systemd.unit(5), StartLimitIntervalSec.
    """
    shown = server.check_output(f"systemctl show --property=Restart,StartLimitIntervalUSec {name}").split()
    assert set(shown) == {"Restart=always", "StartLimitIntervalUSec=0"}, f"{name}: {shown}"


@pytest.mark.hard
@pytest.mark.risk("starving", decides=True)
def test_logins_work_again_after_a_crash_of_winbind(
    server: Inspected, customer: Customer, session: Session, measure: Measure
) -> None:
    """winbind, which says who is in which group, is killed. Half a minute later the next login works.

    Source: docs/ftps-server.md; CWE-404.
    """
    server.check_output("systemctl kill --signal=KILL winbind")
    began = time.monotonic()
    while time.monotonic() - began < 30:
        time.sleep(1)
        try:
            session(customer)
        except pytest.skip.Exception:
            continue
        measure("Times", "login after a crash of winbind", f"after {time.monotonic() - began:.0f} s")
        return
    pytest.fail(
        f"half a minute after winbind was killed nobody can log in: {server.run('systemctl status winbind').stdout}"
    )


@pytest.mark.hard
@pytest.mark.slow
@pytest.mark.risk("starving", decides=True)
def test_an_outage_of_the_directory_refuses_early_and_bans_nobody(
    target: Target, server: Inspected, customer: Customer, connect: Connect, session: Session, measure: Measure
) -> None:
    """While no controller answers, new connections are refused at once; open sessions go on, and nobody is banned.

    Source: RFC 959 section 4.2.1 (4yz and 5yz before the greeting); docs/ftps-server.md (an outage of the directory).
    """
    if target.directory.run("systemctl", "is-active", "--quiet", "samba-ad-dc").returncode != 0:
        not_tested("the directory controller is none that a check can stop and start again")
    open_one = session(customer)
    with undone(target.directory, "ftpsx-outage", "systemctl start samba-ad-dc"):
        target.directory.sh("systemctl stop samba-ad-dc")
        began = time.monotonic()
        greeting = Reply(0, "")
        while greeting.code < 400 and time.monotonic() - began < 40:
            time.sleep(1)
            asked = time.monotonic()
            greeting = connect(customer.host).greeting
        measure("Times", "refused during an outage of the directory", f"{time.monotonic() - asked:.1f} s")
        assert greeting.code >= 400, f"40 s after the last controller stopped the greeting is {greeting}"
        assert time.monotonic() - asked < 5, "a connection is refused, but late"
        assert open_one.command("NOOP").code == 200, "an open session ended"
        reasons = server.check_output("journalctl --unit=ftps-exchange-directory-watch --lines=3 --output=cat")
        assert "new connections are refused" in reasons, "the journal does not say why"
    while time.monotonic() - began < 120:
        try:
            session(customer)
        except pytest.skip.Exception:
            time.sleep(1)
            continue
        return
    pytest.fail("the directory is back, and the right password is still refused")


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
    for path in ("/var/log/ftps-exchange", "/var/log/ftps-exchange/transfer.log"):
        file = server.file(path)
        assert (file.user, file.group) == ("root", "adm"), path
        assert file.mode & 0o007 == 0, path


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


LARGE_PIECES = 131072


@pytest.mark.risk("transfers", decides=True)
@PORTS
def test_downloads_are_sent_in_large_pieces(
    target: Target, server: Inspected, customer: Customer, session: Session, implicit: bool
) -> None:
    """The send buffer of a data connection begins with 128 KiB, which ProFTPD reads at a time, on both ports.

    With the kernel's own 16 KiB a download takes twice the processor time. A size that ProFTPD itself sets would be
    fixed, and slow over long distances.

    Source: docs/benchmarks.md (data path); tcp(7), tcp_wmem and SO_SNDBUF.
    """
    port = session(customer, implicit=implicit).epsv()
    listening = server.check_output(f"ss -Hltnm 'sport = :{port}'")
    found = re.search(r"skmem:\(.*?,tb(\d+)", listening)
    assert found, f"no listener at port {port} is seen on the server: {listening}"
    assert int(found[1]) == LARGE_PIECES, f"the send buffer begins with {found[1]} bytes"


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


LONGEST_AGE = 180


def metrics_of(server: Inspected) -> dict[str, float]:
    """The metrics of the server without labels, by name."""
    path = json.loads(server.check_output("cat /etc/ftps-exchange/metrics.json"))["file"]
    samples = (line.split() for line in server.check_output(f"cat {path}").splitlines() if not line.startswith("#"))
    return {sample[0]: float(sample[1]) for sample in samples if len(sample) == 2 and "{" not in sample[0]}


@pytest.mark.risk("traces")
def test_the_metrics_are_fresh_and_true(
    target: Target, server: Inspected, customer: Customer, session: Session, measure: Measure
) -> None:
    """Metrics are three minutes old at most, count a login, and agree with the host: those that stand still look fine.

    Source: docs/monitoring.md; ISO/IEC 27002 8.16 (monitoring activities).
    """
    for _ in range(20):
        before = metrics_of(server)
        age = float(server.check_output("date +%s")) - before["ftps_exchange_metrics_time_seconds"]
        if age < LONGEST_AGE:
            break
        time.sleep(0.5)  # the timer was started a moment ago
    measure("Times", "age of the server's metrics", f"{age:.0f} s")
    assert age < LONGEST_AGE, f"the metrics of {target.server.name} are {age:.0f} s old: they stand still"
    session(customer)
    time.sleep(4)  # lines count after three seconds
    server.check_output("systemctl start ftps-exchange-metrics.service")
    after = metrics_of(server)
    counted = after["ftps_exchange_logins_total"] - before["ftps_exchange_logins_total"]
    assert counted >= 1, "a login is not in the metrics"
    assert after["ftps_exchange_sessions"] >= 1, "an open session is not in the metrics"
    root = json.loads(server.check_output("cat /etc/ftps-exchange/metrics.json"))["root"]
    blocks, size = map(int, server.check_output(f"stat --file-system --format='%b %S' {root}").split())
    assert after["ftps_exchange_data_size_bytes"] == blocks * size, "the metrics describe another disk"


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
    """A transfer is one JSON line with account, address and file, for any characters in the name.

    Source: docs/ftps-server.md; ISO/IEC 27002 8.15 (logging).
    """
    awkward = f'{fresh} "quoted" \\back; customer=other'
    client = session(customer)
    expect(client.store(awkward, b"12345"), (226, 250), "upload")
    expect(client.command(f"DELE {awkward}"), DONE, "DELE")
    lines: list[dict[str, object]] = []
    for _ in range(20):
        text = target.server_of_sessions.sh(f"grep -F {fresh} {LOG} || true")
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
    sample = target.server_of_sessions.sh("tail -n 1 /var/log/ftps-exchange/transfer.raw").rstrip("\n").split("\t")
    made_up = ["1795456924.936", "s", "forged", "198.51.100.20", "TLSv1.3", "STOR", "226", "success", "9", "0", "9"]
    made_up += ["5", "1", "1", "", "77", f"/{fresh}", "-", fresh]
    for line in (made_up, ["", *made_up], ["-", *made_up], ["0" * len(sample[0]), *made_up]):
        # Before a login refused commands are counted only.
        connect(customer.host).answer(f"MKD x\n{chr(9).join(line)}")
        session(customer).send(f"STOR x\n{chr(9).join(line)}")
    lines: list[dict[str, object]] = []
    for _ in range(20):
        lines = [
            json.loads(line) for line in target.server_of_sessions.sh(f"grep -F {fresh} {LOG} || true").splitlines()
        ]
        if len(lines) >= 4:
            break
        time.sleep(0.25)
    assert len(lines) >= 4, f"{len(lines)} lines of the log tell of the attempts"
    accepted = [line for line in lines if line["outcome"] not in ("unreadable", "denied")]
    assert not accepted, f"taken for a transfer: {accepted}"
    assert not [line for line in lines if line.get("account") == "forged"]


MEMBER_PORTS = {53, 88, 123, 135, 389, 445, 464, 636}
"""What a member of a domain needs of a controller, besides the ports from 49152 (docs/edge.md)."""
OTHER_SERVICES = {*range(1, 1025), 3268, 3269, 3306, 3389, 5432, 5985, 5986, 8080, 9389} - MEMBER_PORTS


@pytest.mark.quick
@pytest.mark.risk("server-connects")
@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
def test_a_server_opens_nothing_outwards_but_what_it_needs(
    target: Target, server: Inspected, everybody: list[Customer], evidence: Evidence, ipv6: bool
) -> None:
    """Through the edge a server reaches the directory at a member's ports, and no customer at all.

    The controller has services beside these: an answer of one shows that the edge lets it pass. A customer's host
    does not answer an address to which it has no route, so what arrives there is recorded.

    Source: docs/edge.md (what the servers may open); NIST SP 800-41 section 4.1 (outbound traffic).
    """
    database = "ahostsv6" if ipv6 else "ahostsv4"
    found = target.server.run("sh", "-c", f"getent {database} $(sed -n 's/.*default_realm = //p' /etc/krb5.conf)")
    controllers = sorted({line.split()[0] for line in found.stdout.decode().splitlines() if line.strip()})
    if not controllers:
        not_tested(f"the directory has no {'IPv6' if ipv6 else 'IPv4'} address")
    for controller in controllers:
        needed = target.server.scan(controller, sorted(MEMBER_PORTS))
        others = target.server.scan(controller, sorted(OTHER_SERVICES))
        evidence(f"{target.server.name} -> {controller}: a member's ports {sorted(needed)}, others {sorted(others)}")
        assert needed, f"{target.server.name} does not reach its directory at {controller}"
        assert not others, f"{target.server.name} also reaches {controller} at {sorted(others)}"
    for customer in everybody:
        for address in packets.addresses(customer.host, ipv6):
            with packets.arriving(customer.host, address) as seen:
                target.server.scan(address, [21, 443, 50000], timeout=0.5)
            evidence(f"{target.server.name} -> {customer.host.name} ({address}): {len(seen)} packets arrive")
            assert not seen, f"{target.server.name} reaches {customer.host.name} at {address}: {seen[0]}"


@pytest.mark.risk("starving")
def test_no_neighbour_moves_the_route_of_a_server(target: Target, server: Inspected) -> None:
    """A host on the server's network that says it is the router for IPv6 is not believed.

    The announcement is valid for three seconds.

    Source: RFC 6104 (rogue router advertisements); docs/edge.md.
    """
    packets.announce_router(target.edge, lifetime=3)
    time.sleep(0.5)
    route = server.run("ip -6 route show default proto ra").stdout.strip()
    assert not route, f"the server has taken a route from {target.edge.name}: {route}"


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
