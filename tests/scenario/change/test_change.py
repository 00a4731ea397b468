"""Customers come, go and change while others work; manual changes are corrected."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.exchange.ftps_client import FtpsClient
from tests.exchange.lab import PROJECT, Account, Customer, Host, Lab
from tests.installed import Folder
from tests.scenario.fixtures import neighbour
from tests.scenario.playbooks import Run, changes

from .conftest import CUSTOMERS, UPLOAD, Change, packets, password_of

Connect = Callable[..., FtpsClient]


def test_the_running_upload_of_another_customer_is_untouched(change: Change) -> None:
    change.acme_upload.sendall(UPLOAD[1_000_000:])
    change.acme_upload.unwrap().close()  # type: ignore[attr-defined]
    assert change.acme_session.reply().code == 226
    assert change.acme_session.retrieve("half-done")[1] == UPLOAD
    change.acme_session.expect("DELE half-done", 250)


def test_the_daemon_was_reloaded_and_not_restarted(lab: Lab, change: Change) -> None:
    assert lab.server.sh("systemctl show --property=MainPID --value proftpd") == change.main_pid_before


def has_ended(session: FtpsClient) -> bool:
    session.control.settimeout(5)
    try:
        return session.command("NOOP").code == 421
    except TimeoutError:
        return False
    except (EOFError, OSError):
        return True


def test_the_suspended_customers_session_ended_at_once(change: Change) -> None:
    assert has_ended(change.globex_session)


def test_the_session_with_the_withdrawn_share_ended_at_once_and_the_preview_said_so(
    change: Change, acme: Customer
) -> None:
    assert has_ended(change.maps_session)
    assert f"{acme.reader.name} from " in change.preview.output
    assert "has no right to share maps" in change.preview.output


def test_the_edge_tracks_nothing_of_the_suspended_customer(lab: Lab, change: Change, globex: Customer) -> None:
    tracked = lab.edge.sh("conntrack -L --proto tcp 2>/dev/null || true")
    assert neighbour(lab, 20) not in tracked, tracked


def test_the_suspended_customer_meets_silence(lab: Lab, change: Change, globex: Customer) -> None:
    assert globex.host.reaches(lab.public_ip, lab.explicit_port) == "silence"
    assert lab.public_ip6
    assert globex.host.reaches(lab.public_ip6, lab.explicit_port) == "silence"


def test_the_suspended_account_is_refused_from_anywhere(
    lab: Lab, change: Change, acme: Customer, globex: Customer, connect: Connect
) -> None:
    assert connect(acme.host).start_tls().try_login(globex.writer.name, globex.writer.password).code == 530
    control = lab.directory.sh(
        "ldbsearch -H /var/lib/samba/private/sam.ldb '(sAMAccountName=globex-up)' userAccountControl"
    )
    flags = int(control.split("userAccountControl: ")[1].split()[0])
    assert flags & 0x2, "the account is not disabled"


def test_the_new_customer_works_at_once(change: Change, umbrella_host: Host, connect: Connect) -> None:
    content = secrets.token_bytes(50_000)
    client = connect(umbrella_host).start_tls().login(change.umbrella)
    assert client.store("first-file", content).code == 226
    assert client.retrieve("first-file")[1] == content
    assert client.names("/shared") == ["maps"]
    assert client.store("/shared/maps/x", b"x").code >= 500


def test_the_withdrawn_share_is_gone_at_the_next_login(change: Change, acme: Customer, connect: Connect) -> None:
    client = connect(acme.host).start_tls().login(acme.writer)
    assert client.names("/shared") == ["acme-plans", "dropbox"]


def test_a_grant_or_withdrawal_in_the_directory_holds_at_the_next_login(
    lab: Lab, change: Change, acme: Customer, connect: Connect, fresh: str
) -> None:
    """Made with the directory's own tool, with a login in between so that every cache is warm."""
    group = "ftpsx-share-maps-write"
    connect(acme.host).start_tls().login(acme.writer)
    lab.directory.sh(f"samba-tool group addmembers {group} {acme.writer.name}; sleep 2")
    granted = connect(acme.host).start_tls().login(acme.writer)
    assert granted.store(f"/shared/maps/{fresh}", b"x").code == 226
    granted.expect(f"DELE /shared/maps/{fresh}", 250)
    lab.directory.sh(f"samba-tool group removemembers {group} {acme.writer.name}; sleep 2")
    withdrawn = connect(acme.host).start_tls().login(acme.writer)
    assert "maps" not in withdrawn.names("/shared")


def test_counters_of_the_others_survived(lab: Lab, change: Change) -> None:
    assert change.acme_packets_before > 0
    assert packets(lab, "acme") >= change.acme_packets_before


def test_what_was_meddled_with_is_put_right(lab: Lab, change: Change) -> None:
    root = lab.data.get("root", "/srv/ftps-exchange")
    assert "globex" not in lab.server.sh(f"getfacl -p {root}/homes/acme")
    assert "other::---" in lab.server.sh(f"getfacl -p {root}/shares/acme-plans")
    assert "globex-up" not in lab.directory.sh("samba-tool group listmembers ftpsx-share-acme-plans-write")
    table = lab.edge.sh("nft list table inet ftps_exchange_edge")
    assert neighbour(lab, 67) not in table
    forward = table.split("chain forward {")[1].split("}")[0]
    assert "policy drop" in forward
    assert "accept" not in [line.strip() for line in forward.splitlines()]
    assert "TLSRequired off" not in lab.server.sh("cat /etc/ftps-exchange/proftpd.conf")


def test_the_preview_said_what_the_run_did(change: Change) -> None:
    assert change.preview.changed == change.run.changed
    for telltale in ("umbrella", "meddler", "globex-up", "TLSRequired off"):
        assert telltale in change.preview.output, telltale
        assert telltale in change.run.output, telltale


def test_no_password_is_in_what_the_runs_printed(lab: Lab, change: Change) -> None:
    known = [account.password for customer in lab.customers.values() for account in customer.accounts]
    for password in [*known, change.umbrella.password]:
        assert password not in change.preview.output + change.run.output


def test_a_second_run_of_the_installed_collection_changes_nothing(lab: Lab, change: Change, tmp_path: Path) -> None:
    """Run from its archive, in a folder that has an inventory and nothing else of ours, it finds all as declared."""
    folder = Folder(tmp_path)
    shutil.copytree(PROJECT / lab.data["inventory"], folder.path / "inventories" / "mine")
    done = folder.run("ansible", "playbook", "ftps.exchange.site", "-e", f"lab_state_dir={lab.path.parent}")
    assert done.returncode == 0, done.stdout + done.stderr
    changed = changes(done.stdout)
    assert set(changed.values()) == {0}, done.stdout
    assert len(changed) >= 2, "it met no hosts"


def test_losing_the_customer_files_stops_the_run(lab: Lab, change: Change, tmp_path: Path) -> None:
    """A mass disappearance is more likely a mistake than a wish: nothing may be changed by it."""
    without = ("--extra-vars", f"exchange_model_customers_dir={tmp_path}")
    run = Run(lab, "playbooks/site.yml", *without, succeeds=False)
    assert "2 of the 2 customers" in " ".join(run.output.split()), run.output
    # A part of the run does not come by the directory, and has its own guard
    run = Run(lab, "playbooks/site.yml", "--tags", "edge", *without, succeeds=False)
    assert "2 of the 2 customers in table inet ftps_exchange_edge" in " ".join(run.output.split()), run.output
    assert lab.edge.sh("nft list set inet ftps_exchange_edge customers4").count("comment") == 2, run.output


def test_a_rotated_password_replaces_the_old_one(
    lab: Lab, change: Change, umbrella_host: Host, connect: Connect
) -> None:
    before = change.umbrella
    run = Run(lab, "playbooks/rotate_password.yml", "--extra-vars", f"account={before.name}")
    change.umbrella = Account(before.name, password_of(before.name), before.access)
    assert change.umbrella.password not in run.output
    assert connect(umbrella_host).start_tls().try_login(before.name, before.password).code == 530
    assert connect(umbrella_host).start_tls().try_login(before.name, change.umbrella.password).code == 230


def test_a_renewed_certificate_breaks_no_running_transfer(
    lab: Lab, change: Change, acme: Customer, connect: Connect, fresh: str
) -> None:
    """The running session keeps what it began with, the next one is served the new certificate."""
    client = connect(acme.host, timeout=120).start_tls().login(acme.writer)
    client.epsv()
    plain = client.open_data()
    assert client.command(f"STOR {fresh}").code == 150
    upload = client.secure_data(plain)
    upload.sendall(UPLOAD[:1_000_000])
    before = client.data_certificate
    Run(lab, "playbooks/renew_certificate.yml", "--extra-vars", "certificate_new_key=true")
    upload.sendall(UPLOAD[1_000_000:])
    upload.unwrap().close()
    assert client.reply().code == 226
    assert client.retrieve(fresh)[1] == UPLOAD
    client.expect(f"DELE {fresh}", 250)
    renewed = connect(acme.host).start_tls().login(acme.writer)
    assert renewed.transfer("MLSD")[0].code == 226
    assert renewed.data_certificate != before


def test_a_bad_configuration_never_reaches_the_daemon(
    lab: Lab, change: Change, acme: Customer, connect: Connect
) -> None:
    """ProFTPD checks the file before it is installed; a daemon that reads a bad one dies."""
    unchanged = lab.server.sh("sha256sum /etc/ftps-exchange/proftpd.conf; systemctl show -p MainPID --value proftpd")
    run = Run(lab, "playbooks/site.yml", "--extra-vars", "ftps_server_tls_ciphers=no-such-cipher", succeeds=False)
    assert "no-such-cipher" in run.output or "TLSCipherSuite" in run.output, run.output
    now = lab.server.sh("sha256sum /etc/ftps-exchange/proftpd.conf; systemctl show -p MainPID --value proftpd")
    assert now == unchanged
    assert connect(acme.host).start_tls().try_login(acme.writer.name, acme.writer.password).code == 230


def test_guessing_is_answered_with_a_ban_that_hits_nobody_else(
    lab: Lab, change: Change, acme: Customer, umbrella_host: Host, connect: Connect
) -> None:
    for _ in range(10):
        try:
            connect(umbrella_host).start_tls().try_login(change.umbrella.name, "a-wrong-guess")
        except (EOFError, OSError):
            break
    try:
        banned = (
            connect(umbrella_host).start_tls().try_login(change.umbrella.name, change.umbrella.password).code != 230
        )
    except (EOFError, OSError):
        banned = True
    assert banned
    assert connect(acme.host).start_tls().try_login(acme.writer.name, acme.writer.password).code == 230


def test_a_customer_whose_file_is_gone_is_out_and_the_data_stays(
    lab: Lab, change: Change, umbrella_host: Host, acme: Customer, connect: Connect
) -> None:
    """The last test about umbrella: absent is not the same as suspended, memberships go as well."""
    (CUSTOMERS / "umbrella.yml").unlink()
    Run(lab, "playbooks/site.yml")
    assert umbrella_host.reaches(lab.public_ip, lab.explicit_port) == "silence"
    assert connect(acme.host).start_tls().try_login(change.umbrella.name, change.umbrella.password).code == 530
    account = lab.directory.sh(
        "ldbsearch -H /var/lib/samba/private/sam.ldb '(sAMAccountName=umbrella-up)' userAccountControl memberOf"
    )
    assert int(account.split("userAccountControl: ")[1].split()[0]) & 0x2, "the account is not disabled"
    assert "memberOf" not in account
    assert "umbrella" not in lab.edge.sh("nft list set inet ftps_exchange_edge customers4")
    root = lab.data.get("root", "/srv/ftps-exchange")
    assert "first-file" in lab.server.sh(f"ls {root}/homes/umbrella")
