"""Where each directive of ProFTPD's configuration stands: the port of implicit TLS is a server that inherits nothing.

How ProFTPD 1.3.8c reads them was found in its source, and by asking both ports (docs/ftps-server.md, "Two servers").
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.unit.roles.rendering import render

SERVICE: dict[str, Any] = {"ftps_server_fqdn": "ftps.exchange.example", "ftps_server_public_ip4": "198.51.100.10"}

OF_THE_DAEMON = frozenset(
    {
        *(
            "AdminControlsACLs",
            "AdminControlsEngine",
        ),
        *("ControlsACLs", "ControlsEngine", "ControlsSocket", "ControlsSocketACL", "ControlsSocketOwner"),
        *("DefaultServer", "Group", "LoadModule", "LogFormat", "MaxInstances", "ModulePath", "PidFile"),
        *(
            "ScoreboardFile",
            "ServerType",
            "TLSSessionCache",
            "TLSSessionTicketKeys",
            "UseIPv6",
            "UseReverseDNS",
            "User",
        ),
    }
)
"""What the daemon reads once, for all servers."""

OF_EACH_SERVER = frozenset({"Port", "ServerAdmin", "ServerName", "SocketOptions"})
"""What <Global> does not take, or what differs."""


OF_BOTH = frozenset({"LogOptions"})
"""What the daemon reads once for itself, and each session for its server."""


def contexts(**given: Any) -> dict[str, dict[str, list[str]]]:
    """The directives with their values, by the context they stand in."""
    found: dict[str, dict[str, list[str]]] = {}
    open_ones = ["main"]
    for line in map(str.strip, render("ftps_server", "proftpd.conf.j2", SERVICE | given).splitlines()):
        name, _, value = line.partition(" ")
        if not line or line.startswith("#"):
            continue
        if re.fullmatch(r"</?IfModule.*>", line):
            continue  # not a context
        if block := re.fullmatch(r"<(/?)(\w+).*>", line):
            open_ones = open_ones[:-1] if block[1] else [*open_ones, block[2]]
            continue
        found.setdefault(open_ones[-1], {}).setdefault(name, []).append(value.strip())
    return found


def test_a_setting_of_sessions_stands_where_both_servers_get_it() -> None:
    found = contexts()
    assert set(found["main"]) - OF_EACH_SERVER - OF_BOTH <= OF_THE_DAEMON
    assert set(found["main"]) >= OF_EACH_SERVER
    assert set(found["VirtualHost"]) == OF_EACH_SERVER | {"ServerAlias", "TLSOptions"}
    assert not set(found["Global"]) & (OF_THE_DAEMON | OF_EACH_SERVER)
    assert set(found["Global"]) >= OF_BOTH


def test_both_servers_probe_silent_connections_alike() -> None:
    found = contexts()
    assert (
        found["main"]["SocketOptions"] == found["VirtualHost"]["SocketOptions"] == ["keepalive 60:5:15 sndbuf 131072"]
    )


@pytest.mark.parametrize(("address", "expected"), [("198.51.100.10", "off"), (None, 'on "ftps.exchange.example"')])
def test_neither_greeting_nor_csid_says_more_than_clients_know(address: str | None, expected: str) -> None:
    assert contexts(ftps_server_public_ip4=address)["Global"]["ServerIdent"] == [expected]


def test_a_refusal_waits_on_both_ports_and_no_session_ends_before_it_has() -> None:
    found = contexts()["Global"]
    assert found["ExecBeforeCommand"] == ["PASS /usr/local/sbin/ftps-exchange-attempt"]
    assert found["ExecOnError"] == ["PASS /usr/local/sbin/ftps-exchange-guard answer"]
    assert found["MaxLoginAttempts"] == ["none"]


def test_only_a_password_that_the_directory_refused_is_counted() -> None:
    """PAM's stack: the refusal of an address comes before the count, and an outage jumps over it."""
    lines = [line.split() for line in render("ftps_server", "pam.j2", SERVICE).splitlines() if line.startswith("auth")]
    address, ban, _, password, count, deny, permit = lines
    assert address[1] == "requisite"
    assert "accessfile=/etc/ftps-exchange/access.conf" in address
    assert "accessfile=/var/lib/ftps-exchange/guard/bans.conf" in ban
    # What Linux-PAM 1.5.2 (Debian 12) knows too: it reports an unknown one at each login
    assert {option.partition("=")[0] for option in address[3:] + ban[4:]} <= {
        *("accessfile", "fieldsep", "nodefgroup", "noaudit"),
    }
    assert password[1:4] == ["[success=2", "authinfo_unavail=1", "default=ignore]"]
    assert count[-1] == "refused"
    assert (deny[1:], permit[1:]) == (["requisite", "pam_deny.so"], ["required", "pam_permit.so"])


def test_an_account_with_many_networks_has_lines_that_pam_access_reads() -> None:
    networks = [f"2001:db8:ffff:ffff:ffff:ffff:ffff:{number:x}/128" for number in range(0x1000, 0x1000 + 1000)]
    accounts = [{"name": "acme-up", "networks": networks}, {"name": "acme-read", "networks": networks[:1]}]
    text = render("ftps_server", "access.conf.j2", SERVICE | {"ftps_server_accounts": accounts})
    lines = [line.split("|") for line in text.splitlines() if not line.startswith("#")]
    assert max(map(len, text.splitlines())) < 8192 - len("\n")
    assert [network for sign, name, found in lines[:-2] for network in found.split()] == networks
    assert {(sign, name) for sign, name, _ in lines[:-2]} == {("+", "acme-up")}
    assert lines[-2:] == [["+", "acme-read", networks[0]], ["-", "ALL", "ALL"]]


@pytest.mark.parametrize(
    ("oldest", "newest", "spoken"),
    [("1.2", "1.2", "TLSv1.2"), ("1.2", "1.3", "TLSv1.2 TLSv1.3"), ("1.3", "1.3", "TLSv1.3")],
)
def test_the_declared_versions_and_no_others(oldest: str, newest: str, spoken: str) -> None:
    found = contexts(ftps_server_tls_minimum_version=oldest, ftps_server_tls_maximum_version=newest)["Global"]
    assert found["TLSProtocol"] == [spoken]


@pytest.mark.parametrize(
    ("newest", "kems", "groups"),
    [
        ("1.2", None, "X25519:P-256:P-384"),
        ("1.3", "  { X25519, MLKEM } @ default\n  X25519MLKEM768 @ default", "X25519MLKEM768:X25519:P-256:P-384"),
        ("1.3", "  { 1.2.840.113549.1.1.1, 2.5.8.1.1, RSA, rsaEncryption } @ default", "X25519:P-256:P-384"),
    ],
    ids=["TLS 1.2", "OpenSSL 3.5", "OpenSSL 3.0"],
)
def test_no_group_that_openssl_would_refuse(newest: str, kems: str | None, groups: str) -> None:
    asked = {} if kems is None else {"__ftps_server_openssl": {"stdout": kems}}
    found = contexts(ftps_server_tls_maximum_version=newest, **asked)["Global"]
    assert found["TLSECDHCurve"] == [groups]


def test_what_a_daemon_has_compiled_in_is_neither_loaded_twice_nor_left_on() -> None:
    """ProFTPD of Debian 12 has mod_ls, mod_xfer and mod_delay in it, the one of Debian 13 has not."""
    text = [line.strip() for line in render("ftps_server", "proftpd.conf.j2", SERVICE).splitlines()]
    for module, directive in (
        ("!mod_ls.c", "LoadModule"),
        ("!mod_xfer.c", "LoadModule"),
        ("mod_delay.c", "DelayEngine"),
    ):
        place = text.index(f"<IfModule {module}>")
        assert text[place + 1].split()[0] == directive
        assert text[place + 2] == "</IfModule>"
        assert sum(directive in line and module.strip("!") in line for line in text) <= 1
    assert contexts()["Global"]["DelayEngine"] == ["off"]


@pytest.mark.parametrize(("given", "written"), [({}, "off"), ({"ftps_server_tls_session_tickets": True}, "on")])
def test_tickets_are_handed_out_only_where_asked_for(given: dict[str, Any], written: str) -> None:
    assert contexts(**given)["Global"]["TLSSessionTickets"] == [written]


def test_tls_1_3_is_not_spoken_unless_asked_for() -> None:
    assert contexts()["Global"]["TLSProtocol"] == ["TLSv1.2"]


def test_each_listing_command_has_its_options() -> None:
    """ProFTPD takes the first line that is not for another command."""
    lines = [line.split() for line in contexts()["Global"]["ListOptions"]]
    assert [line[0] for line in lines] == ['"+d"'] * 3
    by_command = {
        "LIST": next(line for line in lines if "NLSTOnly" not in line),
        "NLST": next(line for line in lines if "LISTOnly" not in line),
        "STAT": next(line for line in lines if not {"LISTOnly", "NLSTOnly"} & set(line)),
    }
    assert {command: "NoErrorIfAbsent" in line for command, line in by_command.items()} == {
        "LIST": True,
        "NLST": False,
        "STAT": True,
    }


def test_without_implicit_tls_there_is_one_server() -> None:
    assert "VirtualHost" not in contexts(ftps_server_implicit_port=None)


def test_a_former_address_is_announced_at_ports_of_its_own() -> None:
    more = [
        {"port": 2121, "implicit": False},
        {"port": 1021, "implicit": False, "public_ip4": "198.51.100.11"},
        {"port": 1022, "implicit": True, "public_ip4": "198.51.100.11"},
    ]
    text = render("ftps_server", "proftpd.conf.j2", SERVICE | {"ftps_server_more_ports": more})
    servers = {
        re.search(r"Port +(\d+)", block)[1]: block  # type: ignore[index]
        for block in re.findall(r"<VirtualHost [^>]*>.*?</VirtualHost>", text, re.DOTALL)
    }
    assert list(servers) == ["990", "2121", "1021", "1022"]
    announced = {port: re.findall(r"MasqueradeAddress +(\S+)", block) for port, block in servers.items()}
    assert announced == {"990": [], "2121": [], "1021": ["198.51.100.11"], "1022": ["198.51.100.11"]}
    assert [port for port, block in servers.items() if "UseImplicitSSL" in block] == ["990", "1022"]
    assert all("ServerAlias" in block and "SocketOptions" in block for block in servers.values())


def test_more_ports_leave_as_many_sessions_to_others() -> None:
    more = [{"port": 2121}, {"port": 2122}]
    assert contexts()["Global"]["MaxConnectionsPerHost"] == ["20"]
    assert contexts(ftps_server_more_ports=more)["Global"]["MaxConnectionsPerHost"] == ["10"]
