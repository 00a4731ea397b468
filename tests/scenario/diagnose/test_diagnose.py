"""make diagnose names the cause that was provoked, from what the real daemons have logged and know."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.exchange.ftps_client import FtpsClient
from tests.exchange.lab import PROJECT, Customer, Lab
from tests.scenario.exits import Exits
from tests.scenario.playbooks import Run


def verdict(lab: Lab, **asked: str) -> str:
    """The report about a question; it must leave every host as it is."""
    named = {key if "_" in key else f"diagnose_{key}": value for key, value in asked.items()}
    options = [option for key, value in named.items() for option in ("--extra-vars", f"{key}={value}")]
    run = Run(lab, "playbooks/diagnose.yml", *options)
    assert set(run.changed.values()) == {0}, run.output
    found = re.search(r"Verdict: .*For the customer: .*?$", run.output, re.S | re.M)
    assert found is not None, run.output
    return found[0]


def test_the_right_password_from_a_wrong_address(
    lab: Lab, acme: Customer, globex: Customer, connect: Callable[..., FtpsClient]
) -> None:
    """ProFTPD logs a wrong password."""
    assert connect(globex.host).start_tls().try_login(acme.reader.name, acme.reader.password).code == 530
    report = verdict(lab, account=acme.reader.name)
    assert "is not one of the customer's networks (it belongs to globex)." in report.splitlines()[0], report
    assert acme.reader.password not in report


def test_a_data_connection_that_never_comes(
    lab: Lab, acme: Customer, connect: Callable[..., FtpsClient], fresh: str
) -> None:
    client = connect(acme.host).start_tls().login(acme.writer)
    client.pasv()
    client.send(f"STOR {fresh}.part")
    time.sleep(1)
    report = verdict(lab, account=acme.writer.name)
    # Otherwise the session waits on, and is what the next tests find
    client.open_data().close()
    client.reply()
    client.command(f"DELE {fresh}.part")
    assert report.startswith("Verdict: A data connection does not arrive: the server waits for it at port 5"), report


def test_an_account_that_somebody_disabled_by_hand(
    lab: Lab, globex: Customer, connect: Callable[..., FtpsClient]
) -> None:
    """The directory refuses its password like a wrong one."""
    directory = lab.directory
    directory.sh(f"samba-tool user disable {globex.writer.name}")
    try:
        assert connect(globex.host).start_tls().try_login(globex.writer.name, globex.writer.password).code == 530
        report = verdict(lab, customer="globex")
    finally:
        directory.sh(f"samba-tool user enable {globex.writer.name}")
    assert report.startswith(f"Verdict: Account {globex.writer.name} is disabled in the directory"), report
    # The evidence has the refused login as well
    assert f"The password for {globex.writer.name} is wrong." in report


def test_a_suspended_customer(lab: Lab) -> None:
    report = verdict(lab, customer="initech")
    assert report.startswith("Verdict: The customer is suspended"), report


def test_a_quota_that_is_used_up(lab: Lab, acme: Customer, connect: Callable[..., FtpsClient], fresh: str) -> None:
    """The quota of this share is 32 MiB."""
    client = connect(acme.host).start_tls().login(acme.writer)
    path = f"shared/acme-plans/{fresh}"
    try:
        assert client.store(path, bytes(40 << 20)).code == 552
        report = verdict(lab, account=acme.writer.name)
    finally:
        client.command(f"DELE {path}")
    assert report.startswith("Verdict: A quota is used up: "), report
    assert "acme-plans" in report.splitlines()[0], report
    assert "your space on" in report


# Two exits: the fixture lasts to the end of this folder, so these tests come last


def test_data_from_an_exit_that_nobody_declared(
    lab: Lab, acme: Customer, exits: Exits, connect: Callable[..., FtpsClient]
) -> None:
    """The edge refuses it, and the session waits."""
    exits.begin()
    client = connect(acme.host, ipv6=True).start_tls().login(acme.writer)
    client.epsv()
    assert client.data_address is not None
    with pytest.raises(TimeoutError):
        acme.host.connect(*client.data_address, 1)
    report = verdict(lab, account=acme.writer.name)
    one, other = exits.ipv6
    assert f"Control and data connections come from two addresses: {one} and {other}." in report.splitlines()[0], report
    assert f"a connection from {other} to port {client.data_address[1]} was refused" in report


def test_data_from_another_exit_that_is_declared(
    lab: Lab, acme: Customer, exits: Exits, connect: Callable[..., FtpsClient], tmp_path: Path
) -> None:
    """The edge lets it in, and the server refuses it. The client gives up, and no log has a line about it."""
    one, other = exits.ipv4
    scenario = os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", PROJECT / lab.data["inventory"])
    shutil.copytree(Path(scenario) / "customers", tmp_path / "customers")
    file = tmp_path / "customers" / "acme.yml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(f"sources: [{one}/32", f"sources: [{one}/32, {other}/32", 1), encoding="utf-8")
    tables = ((lab.edge, "inet ftps_exchange_edge"), (lab.server, "inet ftps_exchange_host"))
    for host, table in tables:
        host.sh(f"nft add element {table} customers4 '{{ {other} comment \"acme\" }}'")
    try:
        exits.begin()
        client = connect(acme.host).start_tls().login(acme.writer)
        client.pasv()
        with pytest.raises(ConnectionRefusedError):
            client.open_data()
        client.command("QUIT")
        report = verdict(lab, account=acme.writer.name, exchange_model_customers_dir=str(tmp_path / "customers"))
    finally:
        for host, table in tables:
            host.sh(f"nft delete element {table} customers4 '{{ {other} }}'")
    assert f"Control and data connections come from two addresses: {one} and {other}." in report.splitlines()[0], report
    assert f"Your control connection comes from {one}, your data connection from {other}." in report
