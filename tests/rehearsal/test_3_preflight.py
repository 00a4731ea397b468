"""What is wrong with hosts and accounts: the first look names it with a remedy, and changes nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from tests.rehearsal.documents import PREFLIGHT, shown
from tests.rehearsal.terminal import BECOME_PROMPT, EDGE, MINE, SERVER, Said, Terminal, inside

DIRECTORY, EDGE_HOST, SERVER_HOST = "rehearsal-dc1", "rehearsal-edge1", "rehearsal-ftps1"
BIND = "svc-ftps-exchange@ad.example.com"
JOIN = "svc-join@ad.example.com"
URI = "ldaps://dc1.ad.example.com"


@contextmanager
def happens(host: str, breaks: str, repairs: str) -> Iterator[None]:
    """Break a host, and repair it in any case."""
    try:
        inside(host, breaks)
        yield
    finally:
        inside(host, repairs)


def look(terminal: Terminal, *options: str, answers: Mapping[str, str] | None = None) -> Said:
    """What the look says; it fails, and changes nothing."""
    # A connection that is still open would hide what is wrong with SSH
    command = " ".join(("ANSIBLE_SSH_ARGS='-o ControlPath=none'", shown(PREFLIGHT), *options))
    said = terminal.type(command, answers, fails=True)
    assert "nothing has been changed." in said.flat, said.text
    assert set(said.changed.values()) <= {0}
    return said


def cells(said: Said) -> str:
    """The rows of the table that are not good, each in one line."""
    rows: list[list[str]] = []
    inside_row = False
    for line in said.text.splitlines():
        if line[:2] in ("! ", "- "):
            rows.append([line])
        elif inside_row and line[:30].strip() == "" and line.strip():
            rows[-1].append(line)
        inside_row = line[:2] in ("! ", "- ") or (inside_row and line[:30].strip() == "")
    spans = list(itertools.pairwise((2, 30, 45, 91, 140)))
    return "\n".join(" | ".join(" ".join(line[a:b].strip() for line in row).strip() for a, b in spans) for row in rows)


@dataclass(frozen=True)
class Fault:
    """Something that is wrong on a host, and the row that reports it."""

    host: str
    breaks: str
    repairs: str
    row: str


# Hosts: all of these at once, in one table
HOST_FAULTS: Sequence[Fault] = (
    Fault(
        EDGE_HOST,
        'cp -L /etc/os-release /root/os-release && rm /etc/os-release && sed \'s/^VERSION_ID=.*/VERSION_ID="14"/; '
        's/^PRETTY_NAME=.*/PRETTY_NAME="Debian GNU Linux 14"/\' /root/os-release > /etc/os-release',
        "ln -sf ../usr/lib/os-release /etc/os-release",
        f"{EDGE} | system | Debian GNU Linux 14: the roles have not run there. | Use one of: Debian",
    ),
    Fault(
        EDGE_HOST,
        "sed -i.kept s/packages.example.com/10.82.50.99/ /etc/apt/sources.list",
        "mv /etc/apt/sources.list.kept /etc/apt/sources.list",
        f"{EDGE} | packages | no package source answers: 10.82.50.99:80. | Open the way to it (docs/edge.md:",
    ),
    Fault(
        EDGE_HOST,
        "mv /var/lib/apt/lists /root && mkdir -p /var/lib/apt/lists",
        "rm -rf /var/lib/apt/lists && mv /root/lists /var/lib/apt",
        f"{EDGE} | packages | apt has no lists of packages: --check needs them. | apt update.",
    ),
    Fault(
        EDGE_HOST,
        "ip route add unreachable 198.51.102.20/32",
        "ip route del unreachable 198.51.102.20/32",
        f"{EDGE} | route | no route to customers: 198.51.102.20. | Set the default route of the edge to the internet",
    ),
    Fault(
        SERVER_HOST,
        "systemctl stop proftpd && (python3 -m http.server 21 > /dev/null 2>&1 & echo $! > /root/pid; sleep 1)",
        "kill $(cat /root/pid); sleep 1; systemctl start proftpd",
        f"{SERVER} | ports | port 21 is taken by python3. | Stop python3",
    ),
    Fault(
        SERVER_HOST,
        "mount -t tmpfs -o size=100m tmpfs /srv",
        "umount /srv",
        f"{SERVER} | disk | /srv/ftps-exchange has 104 MB free, and 1000 MB are needed. | Make space",
    ),
    Fault(
        SERVER_HOST,
        "ip route add 10.82.0.0/16 via 10.82.30.1 && ip route replace default via 10.82.30.77",
        "ip route replace default via 10.82.30.1; ip route del 10.82.0.0/16",
        f"{SERVER} | route | the default route leads to 10.82.30.77, which is not the edge: customers get no replies. "
        "| Set it to the edge: 10.82.30.1",
    ),
)


def test_faults_of_hosts_come_in_one_table(terminal: Terminal) -> None:
    with ExitStack() as faults:
        for fault in HOST_FAULTS:
            faults.enter_context(happens(fault.host, fault.breaks, fault.repairs))
        rows = cells(look(terminal))
    assert [fault.row for fault in HOST_FAULTS if fault.row not in rows] == [], rows


def test_a_name_server_that_does_not_answer(terminal: Terminal) -> None:
    """The server is a member of the domain: sudo itself waits for names."""
    breaks = "sed -i.kept s/10.82.50.2/10.82.50.10/ /etc/resolv.conf"
    with happens(SERVER_HOST, breaks, "cat /etc/resolv.conf.kept > /etc/resolv.conf; rm /etc/resolv.conf.kept"):
        rows = cells(look(terminal))
    assert f"{SERVER} | sudo | does not answer in time as deploy: it waits for a name server or for the domain." in rows
    assert "Check /etc/resolv.conf there" in rows


def test_a_wrong_sudo_password(terminal: Terminal) -> None:
    rows = cells(look(terminal, answers={BECOME_PROMPT: "wrong"}))
    assert f"{EDGE} | sudo | refuses the password. | Give the password of the account on that host: -K" in rows
    assert f"{SERVER} | sudo | refuses the password." in rows


def test_another_host_key(terminal: Terminal) -> None:
    terminal.type("cp ~/.ssh/known_hosts ~/.ssh/kept")
    try:
        # The edge with the key of the server
        terminal.type(f"ssh-keygen -R {EDGE}")
        terminal.type(f"ssh-keyscan -t ed25519 {SERVER} 2> /dev/null | sed s/{SERVER}/{EDGE}/ >> ~/.ssh/known_hosts")
        rows = cells(look(terminal))
    finally:
        terminal.type("mv ~/.ssh/kept ~/.ssh/known_hosts")
    assert f"{EDGE} | host key | has another key than the known one" in rows
    assert f"ssh-keygen -R {EDGE}; ssh deploy@{EDGE}" in rows


def test_an_account_that_the_host_does_not_know(terminal: Terminal) -> None:
    rows = cells(look(terminal, "-e ansible_user=nobody-here"))
    assert (
        f"{EDGE} | user | refuses the login as nobody-here. | Put your key into the account's authorized_keys" in rows
    )


def test_an_account_that_may_not_become_root(terminal: Terminal) -> None:
    with happens(EDGE_HOST, "gpasswd --delete deploy sudo", "gpasswd --add deploy sudo"):
        rows = cells(look(terminal))
    assert f"{EDGE} | sudo | does not let the account become root as deploy. | Add it to the group sudo there" in rows


def test_a_host_without_ssh(terminal: Terminal) -> None:
    with happens(EDGE_HOST, "systemctl stop ssh", "systemctl start ssh"):
        rows = cells(look(terminal))
    assert (
        f"{EDGE} | SSH | refuses connections: no SSH server at this port. | Start it (systemctl enable --now ssh)"
        in rows
    )


@pytest.mark.parametrize(
    ("options", "row"),
    [
        ("-e directory_bind_password=another", f"bind account | the directory refuses {BIND}: the password is wrong"),
        (
            "-e domain_member_join_password=another",
            f"join account | the directory refuses {JOIN}: the password is wrong",
        ),
        (
            "-e directory_server_uri=ldaps://10.82.50.2",
            "LDAPS | the certificate of ldaps://10.82.50.2 is for another name",
        ),
        ("-e directory_server_uri=ldaps://dc9.ad.example.com", "LDAPS | the name dc9.ad.example.com does not resolve."),
        (f"-e directory_server_uri={URI}:637", f"LDAPS | {URI}:637 refuses connections."),
        (
            f"-e directory_ca_file=$PWD/{MINE}/certificates/root.pem",
            f"LDAPS | the certificate of {URI} is not from the CA in directory_ca_file",
        ),
        (
            "-e '{\"edge_directory_servers\": []}'",
            f"{SERVER} | directory | 10.82.50.2 is beyond the edge, which will drop packets to it. | Add it to "
            "edge_directory_servers.",
        ),
    ],
)
def test_settings_that_do_not_fit_the_directory(terminal: Terminal, options: str, row: str) -> None:
    assert row in (rows := cells(look(terminal, options))), rows


def test_an_account_without_rights_on_the_ou(terminal: Terminal, passwords: Mapping[str, str]) -> None:
    # The account that joins, in place of the one that manages the OU
    rows = cells(look(terminal, f"-e directory_bind_dn={JOIN} -e directory_bind_password={passwords['join']}"))
    assert f"OU | {JOIN} may not create user, group, organizationalunit in OU=FTPS" in rows


def test_an_account_that_is_disabled(terminal: Terminal) -> None:
    with happens(DIRECTORY, "samba-tool user disable svc-ftps-exchange", "samba-tool user enable svc-ftps-exchange"):
        rows = cells(look(terminal))
    assert f"bind account | the directory refuses {BIND}: the account is disabled" in rows


def test_a_directory_that_does_not_run(terminal: Terminal) -> None:
    with happens(DIRECTORY, "systemctl stop samba-ad-dc", "systemctl start samba-ad-dc; sleep 5"):
        rows = cells(look(terminal))
    assert f"{SERVER} | sudo | does not answer in time as deploy: it waits for a name server or for the domain." in rows
    assert "localhost | LDAPS | the name dc1.ad.example.com does not resolve." in rows


def test_then_everything_is_well_again(terminal: Terminal) -> None:
    assert "The hosts are ready" in terminal.type(shown(PREFLIGHT)).text
