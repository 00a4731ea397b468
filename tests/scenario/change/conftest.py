"""One change of everything at once, made while customers work: the tests of this folder look at what it did."""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.exchange.ftps_client import FtpsClient
from tests.exchange.lab import Account, Host, Lab
from tests.scenario.fixtures import acme, connect, fresh, globex, lab, neighbour
from tests.scenario.playbooks import Run

__all__ = ["acme", "connect", "fresh", "globex", "lab"]

CUSTOMERS = Path(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", "")) / "customers"
UPLOAD = secrets.token_bytes(2_000_000)


@dataclass
class Change:
    """What the tests need to know about the run that changed everything."""

    preview: Run
    run: Run
    acme_session: FtpsClient
    maps_session: FtpsClient
    acme_upload: socket.socket
    globex_session: FtpsClient
    globex_packets_before: int
    acme_packets_before: int
    main_pid_before: str
    umbrella: Account


def packets(lab: Lab, comment: str) -> int:
    """Packets that the edge has counted for a customer."""
    listing = lab.edge.sh("nft list set inet ftps_exchange_edge customers4")
    counted = re.search(rf'counter packets (\d+) bytes \d+ comment "{comment}"', listing)
    return int(counted.group(1)) if counted else -1


def password_of(account: str) -> str:
    """From the newest hand-over file that names the account."""
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "lab" / "handover"
    for file in sorted(folder.glob("*.yml"), reverse=True):
        accounts = yaml.safe_load(file.read_text())["accounts"]
        if account in accounts:
            return str(accounts[account]["password"])
    raise AssertionError(f"no hand-over file in {folder} names {account}")


@pytest.fixture(scope="session")
def change(lab: Lab) -> Iterator[Change]:
    acme, globex = lab.customers["acme"], lab.customers["globex"]

    # Customers at work: an upload that is half done, and an idle session of somebody about to be suspended.
    # One session of acme has the share that will be withdrawn from it, the one that uploads never had it
    maps_session = FtpsClient(lab, acme.host).start_tls().login(acme.reader)
    lab.directory.sh("samba-tool group removemembers ftpsx-share-maps-read acme-up; sleep 2")
    acme_session = FtpsClient(lab, acme.host, timeout=120).start_tls().login(acme.writer)
    acme_session.epsv()
    plain = acme_session.open_data()
    assert acme_session.command("STOR half-done").code == 150
    upload = acme_session.secure_data(plain)
    upload.sendall(UPLOAD[:1_000_000])
    globex_session = FtpsClient(lab, globex.host, timeout=120).start_tls().login(globex.writer)
    # In a folder whose name is not UTF-8: ProFTPD's own list of sessions (ftpwho) crashes at it.
    assert globex_session.command(b"MKD f\xfcr").code == 257
    assert globex_session.command(b"CWD f\xfcr").code == 250
    before = packets(lab, "acme"), packets(lab, "globex")
    main_pid = lab.server.sh("systemctl show --property=MainPID --value proftpd")

    # Declared changes: a new customer (who was the stranger), a suspension, a share withdrawn.
    stranger = neighbour(lab, 56)
    (CUSTOMERS / "umbrella.yml").write_text(
        f"state: present\nsources: [{stranger}/32]\n"
        "accounts:\n  - {name: umbrella-up, access: write}\nshares:\n  - {name: maps, access: read}\n"
    )
    rewrite(CUSTOMERS / "globex.yml", "state: present", "state: suspended")
    rewrite(CUSTOMERS / "acme.yml", "  - {name: maps, access: read}\n", "")

    # Meddling by hand: an ACL, a mode, a group, the packet filter, the daemon's configuration.
    root = lab.data.get("root", "/srv/ftps-exchange")
    lab.server.sh(
        f"setfacl -m g:ftpsx-home-globex-write:rwx {root}/homes/acme; chmod 0777 {root}/shares/acme-plans;"
        "printf 'TLSRequired off\\n' >> /etc/ftps-exchange/proftpd.conf"
    )
    lab.directory.sh("samba-tool group addmembers ftpsx-share-acme-plans-write globex-up")
    lab.edge.sh(
        f"nft add element inet ftps_exchange_edge customers4 '{{ {neighbour(lab, 67)} comment \"meddler\" }}';"
        "nft insert rule inet ftps_exchange_edge forward accept"
    )

    preview = Run(lab, "playbooks/site.yml", "--check", "--diff")
    run = Run(lab, "playbooks/site.yml", "--diff")
    yield Change(
        preview,
        run,
        acme_session,
        maps_session,
        upload,
        globex_session,
        before[1],
        before[0],
        main_pid,
        Account("umbrella-up", password_of("umbrella-up"), "write"),
    )
    acme_session.control.close()
    maps_session.control.close()
    globex_session.control.close()


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.fixture
def umbrella_host(lab: Lab) -> Host:
    return lab.stranger
