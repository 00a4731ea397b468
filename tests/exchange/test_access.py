"""Who gets in, from where, and what they see and may do once they are in."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Callable

import pytest

from .ftps_client import FtpsClient, Reply
from .lab import Customer, Lab

Connect = Callable[..., FtpsClient]


def test_a_stranger_meets_silence_on_every_service_port(lab: Lab) -> None:
    for port in (lab.explicit_port, lab.implicit_port or 990, lab.first_port, lab.last_port):
        assert lab.stranger.reaches(lab.public_ip, port) == "silence", port
        assert lab.public_ip6
        assert lab.stranger.reaches(lab.public_ip6, port) == "silence", port


def test_a_customer_reaches_the_service_ports_and_nothing_else(lab: Lab, globex: Customer) -> None:
    assert globex.host.reaches(lab.public_ip, lab.explicit_port) == "open"
    assert globex.host.reaches(lab.public_ip, lab.implicit_port or 0) == "open"
    # Inside the range nobody listens while there is no transfer: the edge lets the packet pass, the server says no.
    assert globex.host.reaches(lab.public_ip, lab.first_port) == "refused"
    for port in (20, 22, 80, 443, 445, 636, 989, lab.first_port - 1, lab.last_port + 1):
        assert globex.host.reaches(lab.public_ip, port) == "silence", port


def test_the_customers_firewall_lets_nothing_else_out(lab: Lab, acme: Customer, globex: Customer) -> None:
    assert acme.host.reaches(lab.public_ip, lab.explicit_port) == "open"
    assert acme.host.reaches(lab.public_ip, 22) == "silence"


@pytest.mark.parametrize(
    "user", ["anonymous", "ftp", "root", "proftpd", "nobody", "Administrator", "krbtgt", "nosuchuser"]
)
def test_nobody_else_logs_in(globex: Customer, connect: Connect, user: str) -> None:
    assert connect(globex.host).start_tls().try_login(user, "Passw0rd.guess").code == 530


def test_a_wrong_password_is_refused(globex: Customer, connect: Connect) -> None:
    assert connect(globex.host).start_tls().try_login(globex.writer.name, "wrong-password").code == 530


def test_the_account_of_another_customer_is_refused_from_here(
    acme: Customer, globex: Customer, connect: Connect
) -> None:
    """The right password from the wrong network, and the other way round."""
    assert connect(globex.host).start_tls().try_login(acme.writer.name, acme.writer.password).code == 530
    assert connect(acme.host).start_tls().try_login(globex.writer.name, globex.writer.password).code == 530


def test_the_root_shows_the_home_and_only_the_shares_granted(lab: Lab, connect: Connect) -> None:
    for customer in lab.customers.values():
        client = connect(customer.host).start_tls().login(customer.writer)
        assert "shared" in client.names()
        assert client.names("/shared") == sorted(path.removeprefix("/shared/") for path in customer.shares)


def test_both_accounts_of_a_customer_see_one_home(acme: Customer, connect: Connect, fresh: str) -> None:
    content = secrets.token_bytes(3000)
    writer = connect(acme.host).start_tls().login(acme.writer)
    reader = connect(acme.host).start_tls().login(acme.reader)
    assert writer.store(fresh, content).code == 226
    assert reader.retrieve(fresh)[1] == content
    for command in (f"DELE {fresh}", f"RNFR {fresh}", "MKD made-by-reader", f"MFMT 20200101000000 {fresh}"):
        assert finished(reader, command, f"{fresh}-renamed").code >= 500, command
    assert reader.store(f"{fresh}-2", content).code >= 500
    assert reader.transfer(f"APPE {fresh}", content)[0].code >= 500
    assert writer.retrieve(fresh)[1] == content
    writer.expect(f"DELE {fresh}", 250)


def test_a_read_share_cannot_be_written(lab: Lab, globex: Customer, connect: Connect, fresh: str) -> None:
    share = lab.share("read", "acme", "globex")
    lab.server.sh(f"printf given > {server_path(lab, share)}/{fresh}")
    client = connect(globex.host).start_tls().login(globex.writer)
    assert client.retrieve(f"{share}/{fresh}")[1] == b"given"
    assert client.store(f"{share}/new", b"x").code >= 500
    assert client.transfer(f"APPE {share}/{fresh}", b"x")[0].code >= 500
    for command in (
        f"DELE {share}/{fresh}",
        f"MKD {share}/new",
        f"RMD {share}",
        f"RNFR {share}/{fresh}",
        f"RNFR {share}",
        f"RMDA {share}/{fresh}",
        f"MFMT 20200101000000 {share}/{fresh}",
        f"SITE CHMOD 666 {share}/{fresh}",
    ):
        assert finished(client, command, f"{share}/renamed").code >= 500, command
    # Renaming into one's own home is a copy (no rename leaves a file system): the share keeps what it has.
    finished(client, f"RNFR {share}/{fresh}", fresh)
    assert client.retrieve(f"{share}/{fresh}")[1] == b"given"
    client.command(f"DELE {fresh}")
    lab.server.sh(f"rm {server_path(lab, share)}/{fresh}")


def test_what_one_writer_makes_in_a_common_share_the_other_can_use(
    lab: Lab, acme: Customer, globex: Customer, connect: Connect, fresh: str
) -> None:
    """Also in a folder that the first one made: umask and the ACL mask must not take the others' rights away."""
    share = lab.share("write", "acme", "globex")
    first = connect(acme.host).start_tls().login(acme.writer)
    second = connect(globex.host).start_tls().login(globex.writer)
    first.expect(f"MKD {share}/{fresh}", 257)
    assert first.store(f"{share}/{fresh}/a", b"from acme").code == 226
    assert second.retrieve(f"{share}/{fresh}/a")[1] == b"from acme"
    assert second.store(f"{share}/{fresh}/b", b"from globex").code == 226
    assert second.transfer(f"APPE {share}/{fresh}/a", b", and globex")[0].code == 226
    assert first.retrieve(f"{share}/{fresh}/a")[1] == b"from acme, and globex"
    first.expect(f"DELE {share}/{fresh}/b", 250)
    second.expect(f"DELE {share}/{fresh}/a", 250)
    second.expect(f"RMD {share}/{fresh}", 250)


def test_a_share_not_granted_does_not_exist(lab: Lab, globex: Customer, connect: Connect) -> None:
    share = lab.share_only_of("acme")
    client = connect(globex.host).start_tls().login(globex.writer)
    assert client.command(f"CWD {share}").code == 550
    assert client.store(f"{share}/x", b"x").code >= 500


@pytest.mark.parametrize(
    "path",
    ["..", "/..", "/../..", "../../homes/acme", "/homes/acme", "/etc", "/srv", "C:\\", "..\\..", "~acme-up", "~root"],
)
def test_nobody_leaves_the_home(globex: Customer, connect: Connect, path: str) -> None:
    client = connect(globex.host).start_tls().login(globex.writer)
    reply = client.command(f"CWD {path}")
    assert reply.code in (250, 550)
    assert '"/"' in client.expect("PWD", 257).text
    for verb in ("NLST", "MLSD", "LIST"):
        reply, listing = client.transfer(f"{verb} {path}")
        for telltale in (b"passwd", b"acme", b"initech", b"ftps-exchange"):
            assert telltale not in listing, (verb, path, listing)


def test_a_symbolic_link_leads_nowhere(lab: Lab, globex: Customer, connect: Connect, fresh: str) -> None:
    """The leak of path-mapping jails: CWD says no, but RETR follows the link. A real chroot has nothing to follow."""
    home = f"{server_root(lab)}/homes/globex"
    lab.server.sh(f"ln -s /etc {home}/{fresh}; ln -s {server_root(lab)}/homes/acme {home}/{fresh}-acme")
    try:
        client = connect(globex.host).start_tls().login(globex.writer)
        for command in (f"RETR {fresh}/passwd", f"NLST {fresh}/", f"MLSD {fresh}-acme"):
            _, content = client.transfer(command)
            assert b"root:" not in content, command
            assert b"passwd" not in content.replace(f"{fresh}/passwd".encode(), b""), command
    finally:
        lab.server.sh(f"rm {home}/{fresh} {home}/{fresh}-acme")


def test_the_folder_of_the_shares_cannot_be_moved_away(globex: Customer, connect: Connect) -> None:
    client = connect(globex.host).start_tls().login(globex.writer)
    assert client.command("RMD /shared").code >= 500
    assert finished(client, "RNFR /shared", "/gone").code >= 500
    assert client.command("MKD /shared/new").code >= 500
    assert client.store("/shared/new", b"x").code >= 500


def test_every_login_and_transfer_is_told_apart_in_one_log_line(
    lab: Lab, globex: Customer, connect: Connect, fresh: str
) -> None:
    awkward = f'{fresh} "quoted" \\back; customer=acme'
    client = connect(globex.host).start_tls().login(globex.writer)
    assert client.store(awkward, b"12345").code == 226
    client.expect(f"DELE {awkward}", 250)
    program = (
        "import json,sys,time\n"
        "for attempt in range(20):\n"
        "    lines=[json.loads(l) for l in open('/var/log/ftps-exchange/transfer.log')]\n"
        "    hit=[l for l in lines if sys.argv[1] in json.dumps(l)]\n"
        "    if hit: break\n"
        "    time.sleep(0.25)\n"
        "print(json.dumps(hit))\n"
    )
    lines = json.loads(lab.server.run("python3", "-c", program, fresh).stdout)
    stored = [line for line in lines if line.get("bytes") == 5]
    assert len(stored) == 1, lines
    line = stored[0]
    assert line["account"] == globex.writer.name
    assert line["customer"] == "globex"
    assert awkward in line["file"]


def test_nobody_forges_a_record_of_the_log(lab: Lab, globex: Customer, connect: Connect, fresh: str) -> None:
    """A refused command is logged as it was typed; what follows a line break in it must not pass for a line."""
    sample = lab.server.sh("tail -n 1 /var/log/ftps-exchange/transfer.raw").rstrip("\n").split("\t")
    made_up = ["1795456924.936", "s", "acme-up", "198.51.100.20", "TLSv1.3", "STOR", "226", "success", "9", "0", "9"]
    made_up += ["5", "1", "1", "", "-", f"/{fresh}", fresh]
    for line in (made_up, ["", *made_up], ["-", *made_up], ["0" * len(sample[0]), *made_up]):
        connect(globex.host).command(f"MKD x\n{chr(9).join(line)}")
        connect(globex.host).start_tls().login(globex.writer).send(f"STOR x\n{chr(9).join(line)}")
    time.sleep(1.5)
    log = lab.server.sh(f"grep {fresh} /var/log/ftps-exchange/transfer.log").splitlines()
    assert len(log) >= 8
    assert not [line for line in log if json.loads(line)["outcome"] not in ("unreadable", "denied")], log
    assert not [line for line in log if json.loads(line).get("account") == "acme-up"], log


def test_one_address_does_not_take_every_session(lab: Lab, globex: Customer, acme: Customer, connect: Connect) -> None:
    refused = 0
    for implicit in (False, True):
        for _ in range(26):
            try:
                refused += connect(globex.host, implicit=implicit).greeting.code == 530
            except ConnectionRefusedError:
                refused += 1
    assert refused, "there was room for everything: this test says nothing"
    connect(acme.host).start_tls().login(acme.writer)


def test_connections_that_never_shake_hands_leave_room_for_others(
    lab: Lab, globex: Customer, acme: Customer, connect: Connect
) -> None:
    assert lab.implicit_port
    refused = 0
    with contextlib.ExitStack() as silent:
        for _ in range(60):
            try:
                silent.enter_context(globex.host.connect(lab.public_ip, lab.implicit_port, timeout=3))
            except ConnectionRefusedError:
                refused += 1
        assert refused, "there was room for everything: this test says nothing"
        connect(acme.host).start_tls().login(acme.writer)


def test_a_connection_without_a_handshake_does_not_last(lab: Lab, globex: Customer) -> None:
    assert lab.implicit_port
    silent = globex.host.connect(lab.public_ip, lab.implicit_port, timeout=20)
    with silent, contextlib.suppress(ConnectionResetError):
        while silent.recv(4096):  # 421, then the end; a timeout fails the test
            pass


def finished(client: FtpsClient, command: str, new_name: str) -> Reply:
    """The reply that counts: of a rename, the second one."""
    reply = client.command(command)
    return client.command(f"RNTO {new_name}") if reply.code == 350 else reply


def server_root(lab: Lab) -> str:
    """Where the data lies on the server, as its own mount table or the model says."""
    return str(lab.data.get("root", "/srv/ftps-exchange"))


def server_path(lab: Lab, share: str) -> str:
    return f"{server_root(lab)}/shares/{share.removeprefix('/shared/')}"
