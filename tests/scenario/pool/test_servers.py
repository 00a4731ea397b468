"""Three servers with the same files: one dies, one loses them, a copy of them dies, one after the other changes."""

from __future__ import annotations

import secrets
import time

import pytest

from tests.exchange.lab import Container, Lab
from tests.scenario.playbooks import Run

from .conftest import Crowd, Servers, Upload, podman

ROOT = "/srv/ftps-exchange"


def lost(crowd: Crowd, found: list[Upload], host: Container, root: str = ROOT) -> list[str]:
    """Files that a customer believes to have sent, and that are not there as they were sent."""
    stored = crowd.stored(host, root)
    return [one.name for one in found if one.arrived and stored.get(one.name) != one.sha256]


def troubled(found: list[Upload]) -> dict[str, list[str]]:
    """What each customer complained about."""
    return {
        one.customer: [f"{failure['code']}: {failure['error']}" for failure in one.failures]
        for one in found
        if one.failures
    }


def test_when_a_server_dies_its_customers_log_in_elsewhere_and_the_others_notice_nothing(
    servers: Servers, crowd: Crowd
) -> None:
    dying, *others = reversed(servers.owned)
    # A client that waits for a reply hears nothing of a machine without power: its own time limit counts
    with crowd.uploading(40, max_time=25) as uploads:
        # Between two files a customer has no session
        met: set[str] = set()
        for _ in range(50):
            met |= servers.sources(dying)
            time.sleep(0.2)
        on_it = {name for name, address in crowd.address.items() if address in met}
        assert on_it, "nobody was on the server that dies"
        # Silently: a process that is killed would say goodbye to its clients
        servers.host(dying).sh("ip link set storage down; ip link set dmz down")
        podman("kill", "--signal", "KILL", dying)
        try:
            moved = servers.wait_until(dying, has=False)
            again = crowd.login_again(min(on_it))
            # Before it comes back: the return is another story
            found = uploads.result()
        finally:
            podman("start", dying)
            servers.wait_until(dying, has=True)
    complaints = troubled(found)
    print(f"{len(on_it)} of 20 on it; moved after {moved:.1f} s, login after {moved + again:.1f} s; {complaints}")
    assert moved + again < 10, f"the address moved after {moved:.1f} s, and a login succeeded {again:.1f} s later"
    assert complaints, "nobody noticed: the server did not die in the middle of a transfer"
    assert set(complaints) <= on_it, f"others were disturbed: {complaints}"
    assert all(len(one) == 1 for one in complaints.values()), f"more than once: {complaints}"
    assert [one.name for one in found if not one.arrived] == []
    assert lost(crowd, found, servers.host(others[0])) == []


def test_a_server_without_its_files_gives_its_address_away_and_takes_it_back(servers: Servers) -> None:
    name = list(servers.owned)[1]
    host = servers.host(name)
    unit = host.sh(f"systemd-escape --path --suffix=mount {ROOT}").strip()
    host.sh(f"umount --lazy {ROOT}")
    try:
        moved = servers.wait_until(name, has=False)
    finally:
        host.sh(f"systemctl restart '{unit}'; systemctl restart proftpd")
    servers.wait_until(name, has=True)
    assert moved < 10, f"{moved:.1f} s"


def test_nobody_logs_in_on_a_server_without_its_files(servers: Servers) -> None:
    """Also before the address has moved: no empty folder, no old files."""
    [line] = [
        line
        for line in servers.host(next(iter(servers.owned))).sh("cat /etc/pam.d/ftps-exchange").splitlines()
        if "mountpoint" in line
    ]
    assert line.split()[:2] == ["session", "requisite"]
    command = line.partition("open_session ")[2]
    host = servers.host(list(servers.owned)[2])
    assert host.run("sh", "-c", command).returncode == 0
    assert host.run("unshare", "--mount", "sh", "-c", f"umount --lazy {ROOT}; {command}").returncode != 0


def test_a_copy_of_the_files_dies_and_is_healed(servers: Servers, crowd: Crowd) -> None:
    storage = [next(iter(servers.owned)).replace("ftps1", f"storage{number}") for number in (1, 2, 3)]
    dying = storage[1]
    with crowd.uploading(40) as uploads:
        time.sleep(10)
        podman("kill", "--signal", "KILL", dying)
        try:
            time.sleep(15)
        finally:
            podman("start", dying)
        found = uploads.result()
    assert [one.name for one in found if not one.arrived] == [], troubled(found)
    first = Container(storage[0])
    began = time.monotonic()
    while True:
        info = first.sh("gluster volume heal exchange info")
        counts = [line.rpartition(" ")[2] for line in info.splitlines() if line.startswith("Number of entries")]
        if counts == ["0", "0", "0"]:
            break
        assert time.monotonic() - began < 120, info
        time.sleep(2)
    for brick in storage[:2]:
        assert lost(crowd, found, Container(brick), "/srv/brick/exchange") == [], brick
    assert lost(crowd, found, servers.host(next(iter(servers.owned)))) == []


def test_a_change_goes_from_server_to_server_and_no_file_is_lost(servers: Servers, crowd: Crowd, lab: Lab) -> None:
    """The daemon restarts on each server, with twenty customers at work who try again once."""
    before = {name: servers.host(name).sh("systemctl show --property MainPID proftpd") for name in servers.owned}
    with crowd.uploading(560) as uploads:
        time.sleep(5)
        run = Run(lab, "playbooks/site.yml", "-e", f"ftps_server_memory_max={1500 + secrets.randbelow(500)}M")
        during = not uploads.done()
        crowd.enough()
        found = uploads.result()
    after = {name: servers.host(name).sh("systemctl show --property MainPID proftpd") for name in servers.owned}
    assert during, "the customers had gone home before the change was done"
    assert all(before[name] != after[name] for name in servers.owned), run.output
    assert [one.name for one in found if not one.arrived] == [], troubled(found)
    assert lost(crowd, found, servers.host(next(iter(servers.owned)))) == []
    print(f"{len(found)} files, {sum(len(one.failures) for one in found)} attempts failed: {troubled(found)}")
    servers.all_well()


def test_the_first_server_that_fails_ends_the_change(servers: Servers, lab: Lab) -> None:
    first, *others = servers.owned
    look = "md5sum /etc/ftps-exchange/proftpd.conf /etc/systemd/system/proftpd.service.d/*"
    before = {name: servers.host(name).sh(look) for name in servers.owned}
    run = Run(lab, "playbooks/site.yml", "-e", "ftps_server_tls_ciphers=NO-SUCH-CIPHER", succeeds=False)
    assert first in run.output
    assert {name: servers.host(name).sh(look) for name in servers.owned} == before
    assert not any(run.changed.get(name) for name in others), run.output
    servers.all_well()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_after_all_of_it_each_server_has_its_address(servers: Servers, number: int) -> None:
    name = list(servers.owned)[number]
    assert servers.holders(servers.owned[name]) == [name]
