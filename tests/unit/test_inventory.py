"""What a new user gets wrong in an inventory: each mistake ends with one message that says where and what to do.

Each runs the lookup and the action of the first play, in this process. That such a run ends with an exit status, and
contacts nobody, is shown once, with the real command: test_inventory_commands.py.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from ftps_exchange.inventory import files as inventory_files
from tests.unit.inventories import Run, message

PROJECT = Path(__file__).parents[2]
HOSTS = "hosts.yml"
DEPLOYMENT = "group_vars/all/deployment.yml"
EXCHANGE = "group_vars/all/exchange.yml"
VAULT = "group_vars/all/vault.yml"
ACME = "customers/river-survey.yml"

type Change = Callable[[Path], None]


def sub(file: str, old: str, new: str) -> Change:
    """Replace a piece of text that is there."""

    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text, (file, old)
        (folder / file).write_text(text.replace(old, new, 1))

    return change


def line(file: str, name: str, new: str) -> Change:
    """Replace the line of a variable, or remove it with an empty text."""

    def change(folder: Path) -> None:
        text, count = re.subn(
            rf"^( *){re.escape(name)}:.*\n", rf"\1{new}\n" if new else "", (folder / file).read_text(), flags=re.M
        )
        assert count == 1, (file, name, count)
        (folder / file).write_text(text)

    return change


def add(file: str, text: str) -> Change:
    """Append to a file, or make it."""

    def change(folder: Path) -> None:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        with (folder / file).open("a") as output:
            output.write(text)

    return change


def both(*changes: Change) -> Change:
    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def acme_ca(*lines: str) -> Change:
    """A CA that speaks ACME, with more lines."""
    settings = ("acme_certificate_url: https://acme.example.com/directory", "acme_certificate_terms_agreed: true")
    return both(
        line(DEPLOYMENT, "certificate_provider", "certificate_provider: acme"),
        add(DEPLOYMENT, "".join(f"{one}\n" for one in (*settings, *lines))),
    )


def move(old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        (folder / new).parent.mkdir(exist_ok=True)
        (folder / old).rename(folder / new)

    return change


def write(file: str, text: str) -> Change:
    """Replace a whole file."""

    def change(folder: Path) -> None:
        (folder / file).write_text(text)

    return change


def remove(file: str) -> Change:
    return lambda folder: (folder / file).unlink()


def encrypt(file: str) -> Change:
    def change(folder: Path) -> None:
        path = folder / file
        path.write_bytes(VaultLib().encrypt(path.read_bytes(), secret=VaultSecret(b"right")))

    return change


def linux(folder: Path) -> Path:
    """The example for Linux, ready to run."""
    shutil.copytree(PROJECT / "inventories" / "example_linux", folder)
    (folder / "certificates").mkdir()
    (folder / "certificates" / "directory-ca.pem").write_text("a certificate\n")
    line(VAULT, "vault_directory_bind_password", "vault_directory_bind_password: s3cret-bind")(folder)
    line(VAULT, "vault_domain_member_join_password", "vault_domain_member_join_password: s3cret-join")(folder)
    return folder


def windows(folder: Path) -> Path:
    """The example for Windows, ready to run."""
    shutil.copytree(PROJECT / "inventories" / "example_windows", folder)
    (folder / "certificates").mkdir()
    for name in ("directory-ca.pem", "winrm-ca.pem"):
        (folder / "certificates" / name).write_text("a certificate\n")
    line(VAULT, "vault_directory_bind_password", "vault_directory_bind_password: s3cret-bind")(folder)
    line(VAULT, "vault_iis_servers_password", "vault_iis_servers_password: s3cret-winrm")(folder)
    return folder


SERVER = '          edge_server: {name: ftps1, ip4: 10.20.30.11, ip6: "fd20:30::11"}\n'
SECOND = '        ftps2.dmz.example.com:\n          edge_server: {name: ftps2, ip4: 10.20.30.12, ip6: "fd20:30::12"}\n'

WINDOWS_SERVER = "              edge_server: {name: ftps1, ip4: 10.20.30.11}\n"
SERVICE = "group_vars/iis_servers/service.yml"
FILES = "files1.dmz.example.com"


def second_windows(folder: Path) -> None:
    """A second server with Windows."""
    second = "            ftps2.dmz.example.com:\n              edge_server: {name: ftps2, ip4: 10.20.30.12}\n"
    sub(HOSTS, WINDOWS_SERVER, WINDOWS_SERVER + second)(folder)


def on_a_share(share: str = r"iis_root: '\\files.example.com\ftps$\exchange'") -> Change:
    """Two servers with Windows, whose content is on a share."""
    return both(
        second_windows, add(SERVICE, f"{share}\n"), add(HOSTS, f"    iis_file_servers: {{hosts: {{{FILES}: }}}}\n")
    )


RECEIVER = """  event_receivers:
    - name: gis
      webhook: {url: "https://gis.example.com/", addresses: [10.20.60.21]}
"""

# What is changed in the example, and what the message has to say, besides "no host has been touched"
MISTAKES: dict[str, tuple[Change, list[str]]] = {
    # -- hosts.yml
    "a broken hosts.yml": (
        sub(HOSTS, "    edges:\n", "    edges\n"),
        ["hosts.yml", "line 1", "is not valid YAML", "a missing colon"],
    ),
    "a tab in hosts.yml": (
        sub(HOSTS, "    edges:\n", "\tedges:\n"),
        ["hosts.yml", "line 1", "contains a tab", "Replace the tab with spaces"],
    ),
    "an empty hosts.yml": (
        write(HOSTS, "---\n"),
        ["hosts.yml", "contains no hosts and groups", "inventories/example_linux/hosts.yml"],
    ),
    "hosts.yml is a list": (
        write(HOSTS, "- ftps1.example.com\n"),
        ["hosts.yml", "is a list, not a mapping of groups"],
    ),
    "no hosts.yml": (remove(HOSTS), ["hosts.yml", "ftps_servers: is missing", "Put your FTPS servers into this group"]),
    "edge for edges": (
        sub(HOSTS, "    edges:\n", "    edge:\n"),
        ["hosts.yml", "line 15: edge: is not a group of the exchange", "Did you mean 'edges'?"],
    ),
    "ftps_server for ftps_servers": (
        sub(HOSTS, "    ftps_servers:\n", "    ftps_server:\n"),
        ["hosts.yml", "line 7: ftps_server: is not a group of the exchange", "Did you mean 'ftps_servers'?"],
    ),
    "ftps-servers for ftps_servers": (
        sub(HOSTS, "    ftps_servers:\n", "    ftps-servers:\n"),
        ["hosts.yml", "ftps-servers: is not a group of the exchange", "Did you mean 'ftps_servers'?"],
    ),
    "iis_server for iis_servers": (
        sub(HOSTS, "        iis_servers:\n", "        iis_server:\n"),
        ["hosts.yml", "iis_server: is not a group of the exchange", "Did you mean 'iis_servers'?"],
    ),
    "no FTPS server": (
        sub(HOSTS, "        ftps1.dmz.example.com:\n          # Where the edge finds this server\n" + SERVER, ""),
        ["hosts.yml", "line 7: ftps_servers: has no host", "Put your FTPS servers into this group"],
    ),
    "a host in no group": (
        add(HOSTS, "  hosts:\n    ftps9.example.com:\n"),
        ["hosts.yml", "ftps9.example.com: is in no group", "ftps_servers or edges"],
    ),
    "a host in two roles": (
        sub(HOSTS, "        edge1.example.com:\n", "        ftps1.dmz.example.com:\n"),
        ["hosts.yml", "ftps1.dmz.example.com: is in edges and in ftps_servers", "Use two hosts"],
    ),
    "host for hosts": (
        sub(HOSTS, "      hosts:\n        edge1", "      host:\n        edge1"),
        ["hosts.yml", "edges.host: is not a key of a group", "Did you mean 'hosts'?"],
    ),
    "hosts as a list": (
        sub(HOSTS, "        edge1.example.com:\n", "        - edge1.example.com\n"),
        ["hosts.yml", "edges.hosts: is a list, not a mapping", "with a colon after it"],
    ),
    "an address instead of variables": (
        sub(HOSTS, "        edge1.example.com:\n", "        edge1.example.com: 10.20.30.1\n"),
        ["hosts.yml", "edges.hosts.edge1.example.com: is text, not a mapping of variables"],
    ),
    "a host twice": (
        sub(HOSTS, "        edge1.example.com:\n", "        edge1.example.com:\n        edge1.example.com:\n"),
        ["hosts.yml", "line 18", "is here a second time (first in line 17)", "Keep one"],
    ),
    "edge_server is missing": (
        sub(HOSTS, SERVER, ""),
        ["hosts.yml", "ftps1.dmz.example.com.edge_server: is missing", "Write below the host: 'edge_server: {"],
    ),
    "edge_servr for edge_server": (
        sub(HOSTS, "edge_server:", "edge_servr:"),
        ["hosts.yml", "line 14: edge_servr: is not a variable of this project", "Did you mean 'edge_server'?"],
    ),
    "edge_server is an address": (
        sub(HOSTS, SERVER, "          edge_server: 10.20.30.11\n"),
        ["hosts.yml", "edge_server = '10.20.30.11': is text, not a mapping", "name, ip4, ip6"],
    ),
    "a key of edge_server is mistyped": (
        sub(HOSTS, "ip4: 10.20.30.11", "ipv4: 10.20.30.11"),
        ["hosts.yml", "edge_server.ipv4 = '10.20.30.11': is not a known key", "Did you mean 'ip4'?"],
    ),
    "edge_server has no name": (
        sub(HOSTS, "{name: ftps1, ip4", "{ip4"),
        ["hosts.yml", "edge_server.name: is missing", "Add it"],
    ),
    "edge_server lacks a family of the service": (
        sub(HOSTS, ', ip6: "fd20:30::11"', ""),
        ["hosts.yml", "edge_server.ip6: is missing for ftps1.dmz.example.com, and the service has public_ip6"],
    ),
    "edge_server is not an address": (
        sub(HOSTS, "10.20.30.11", "10.20.30.311"),
        ["hosts.yml", "edge_server.ip4 = '10.20.30.311': is no IPv4 address", "such as 10.20.30.11"],
    ),
    "edge_server is a network": (
        sub(HOSTS, "10.20.30.11", "10.20.30.11/24"),
        ["hosts.yml", "edge_server.ip4 = '10.20.30.11/24': is a network", "the server's own IPv4 address"],
    ),
    "edge_server has the families exchanged": (
        sub(HOSTS, "ip4: 10.20.30.11", 'ip4: "fd20:30::12"'),
        ["hosts.yml", "edge_server.ip4 = 'fd20:30::12': is an IPv6 address", "Write it as ip6"],
    ),
    "edge_server is this machine": (
        sub(HOSTS, "10.20.30.11", "127.0.0.1"),
        ["hosts.yml", "edge_server.ip4 = '127.0.0.1'", "other hosts cannot reach"],
    ),
    "edge_server is the public address": (
        sub(HOSTS, "10.20.30.11", "203.0.113.10"),
        ["hosts.yml", "edge_server.ip4 = '203.0.113.10': is the public address of the service"],
    ),
    "two servers with one address": (
        sub(HOSTS, SERVER, SERVER + SECOND.replace("10.20.30.12", "10.20.30.11")),
        ["hosts.yml", "edge_server.ip4 = '10.20.30.11': is the address of ftps1.dmz.example.com too"],
    ),
    "two servers with one name": (
        sub(HOSTS, SERVER, SERVER + SECOND.replace("name: ftps2", "name: ftps1")),
        ["hosts.yml", "edge_server.name = 'ftps1': is the name of ftps1.dmz.example.com too"],
    ),
    "two computer accounts with one name": (
        sub(HOSTS, SERVER, SERVER + SECOND.replace("ftps2.dmz", "ftps1.other")),
        ["hosts.yml", "ftps1.other.example.com.domain_member_netbios_name = 'FTPS1'", "lock out the other"],
    ),
    "a name too long for a computer account": (
        sub(HOSTS, "ftps1.dmz.example.com", "ftps-server-number-1.dmz.example.com"),
        ["hosts.yml", "domain_member_netbios_name = 'FTPS-SERVER-NUMBER-1': has more than 15 characters"],
    ),
    # -- folders of variables
    "group_vars of a group that does not exist": (
        add("group_vars/edge/connection.yml", "ansible_user: deploy\n"),
        ["group_vars/edge", "belongs to no group, so nothing in it is loaded", "Did you mean 'group_vars/edges'?"],
    ),
    "host_vars of a host that does not exist": (
        add("host_vars/edge1.yml", "ansible_host: 10.20.30.1\n"),
        ["host_vars/edge1.yml", "belongs to no host", "Did you mean 'host_vars/edge1.example.com'?"],
    ),
    "a file that is not loaded": (
        move(VAULT, "group_vars/all/vault.yml.encrypted"),
        [
            "group_vars/all/vault.yml.encrypted",
            "is not a .yml file, so Ansible does not load it",
            "Rename it to vault.yml",
        ],
    ),
    # -- the service
    "exchange is missing": (
        write(EXCHANGE, "---\n"),
        [EXCHANGE, "exchange: is missing", "below 'exchange:'"],
    ),
    "no exchange.yml": (remove(EXCHANGE), [EXCHANGE, "exchange: is missing"]),
    "exchange is mistyped": (
        sub(EXCHANGE, "\nexchange:", "\nexchnage:"),
        [EXCHANGE, "line 6: exchnage: is not a variable of this project", "Did you mean 'exchange'?"],
    ),
    "a key of the service is not indented": (
        sub(EXCHANGE, "  removal_limit_percent: 20", "removal_limit_percent: 20"),
        [EXCHANGE, "removal_limit_percent: is a key of the service and must be inside it", "Indent it"],
    ),
    "a tab in exchange.yml": (
        sub(EXCHANGE, "  fqdn:", "\tfqdn:"),
        [EXCHANGE, "line 11: contains a tab", "Replace the tab with spaces"],
    ),
    "a bracket that is not closed": (
        sub(EXCHANGE, "[50000, 50199]", "[50000, 50199"),
        [EXCHANGE, "is not valid YAML", "bracket"],
    ),
    "a second exchange in the file": (
        add(EXCHANGE, "exchange:\n  name: other\n"),
        [EXCHANGE, "exchange: is here a second time (first in line 6)", "Keep one"],
    ),
    "a second key of the service": (
        sub(EXCHANGE, "  fqdn: ftps.example.com\n", "  fqdn: ftps.example.com\n  fqdn: ftps.example.org\n"),
        [EXCHANGE, "exchange.fqdn: is a duplicate", "Keep one"],
    ),
    "exchange in two files": (
        add("group_vars/all/service.yml", "exchange: {name: other}\n"),
        ["group_vars/all/service.yml", f"exchange: stands in {EXCHANGE} too (line 6)", "Keep one"],
    ),
    "exchange for one group": (
        move(EXCHANGE, "group_vars/edges/exchange.yml"),
        ["group_vars/edges/exchange.yml", "is set for edges alone", f"Move it to {EXCHANGE}"],
    ),
    "TLS 1.0": (
        sub(EXCHANGE, 'tls_minimum_version: "1.2"', 'tls_minimum_version: "1.0"'),
        [EXCHANGE, "exchange.tls_minimum_version = '1.0': is not one of the choices", "Use '1.2' or '1.3'."],
    ),
    "an encrypted customer file": (
        encrypt(ACME),
        [ACME, "is encrypted with ansible-vault", "ansible-vault decrypt river-survey.yml"],
    ),
    # -- deployment.yml
    "directory_cafile for directory_ca_file": (
        sub(DEPLOYMENT, "directory_ca_file:", "directory_cafile:"),
        [
            DEPLOYMENT,
            "line 13: directory_cafile: is not a variable of this project",
            "Did you mean 'directory_ca_file'?",
        ],
    ),
    "a variable with the beginning of a role and no meaning": (
        add(DEPLOYMENT, "edge_zzz: 1\n"),
        [DEPLOYMENT, "edge_zzz: is not a variable of this project", "docs/roles/edge.md"],
    ),
    "a variable that follows from the model": (
        add(DEPLOYMENT, "ftps_server_max_sessions: 300\n"),
        [
            DEPLOYMENT,
            "ftps_server_max_sessions: is computed from the model",
            f"set exchange.max_sessions in {EXCHANGE}",
        ],
    ),
    "a variable in two files": (
        add("group_vars/all/more.yml", "directory_runner: localhost\n"),
        ["group_vars/all/more.yml", f"directory_runner: stands in {DEPLOYMENT} too (line 15)", "Keep one"],
    ),
    "a variable twice in one file": (
        add(DEPLOYMENT, "directory_runner: localhost\n"),
        [DEPLOYMENT, "directory_runner: is here a second time (first in line 15)", "Keep one"],
    ),
    "deployment.yml is a list": (
        write(DEPLOYMENT, "- ansible_user: deploy\n"),
        [DEPLOYMENT, "is a list, not a mapping of variables", "name: value"],
    ),
    "no management network of the edge": (
        line(DEPLOYMENT, "edge_management_networks", "edge_management_networks: []"),
        [DEPLOYMENT, "edge_management_networks = []: is empty", "lock you out", "edge_management_by_network: false"],
    ),
    "management networks of the edge left out": (
        line(DEPLOYMENT, "edge_management_networks", ""),
        [DEPLOYMENT, "edge_management_networks: is missing", "lock you out", "[10.20.40.0/24]"],
    ),
    "management networks of the servers left out": (
        line(DEPLOYMENT, "host_firewall_management_networks", ""),
        [DEPLOYMENT, "host_firewall_management_networks: is missing", "lock you out"],
    ),
    "a management network without brackets": (
        line(DEPLOYMENT, "edge_management_networks", "edge_management_networks: 10.20.40.0/24"),
        [
            DEPLOYMENT,
            "edge_management_networks = '10.20.40.0/24': is text, not a list",
            "Write a list: [10.20.40.0/24].",
        ],
    ),
    "a management network that is none": (
        line(DEPLOYMENT, "edge_management_networks", "edge_management_networks: [10.20.40.0/33]"),
        [DEPLOYMENT, "edge_management_networks[0] = '10.20.40.0/33': is not a network", "10.20.40.0/24"],
    ),
    "a management network with host bits": (
        line(DEPLOYMENT, "edge_management_networks", "edge_management_networks: [10.20.40.7/24]"),
        [
            DEPLOYMENT,
            "edge_management_networks[0] = '10.20.40.7/24': has host bits set",
            "Write 10.20.40.0/24",
        ],
    ),
    "a management port that is none": (
        add(DEPLOYMENT, "edge_management_ports: [70000]\n"),
        [DEPLOYMENT, "edge_management_ports[0] = 70000: is not a port", "1 to 65535"],
    ),
    "a service name as a port": (
        add(DEPLOYMENT, "edge_management_ports: [ssh]\n"),
        [DEPLOYMENT, "edge_management_ports[0] = 'ssh': is text, not a whole number"],
    ),
    "a rollback too short": (
        add(DEPLOYMENT, "edge_rollback_seconds: 5\n"),
        [DEPLOYMENT, "edge_rollback_seconds = 5: is neither 0 nor 20 to 86400"],
    ),
    "a name for a controller's address": (
        sub(DEPLOYMENT, '[10.20.50.2, "fd20:50::2"]', "[dc1.ad.example.com]"),
        [DEPLOYMENT, "edge_directory_servers[0] = 'dc1.ad.example.com': is not an address", "[10.20.50.2]"],
    ),
    "a port that has a name": (
        sub(DEPLOYMENT, 'ports: ["443"]', "ports: [https]"),
        [DEPLOYMENT, "edge_outbound[0]: 'https' is neither a port nor a range", "numbers from 1 to 65535"],
    ),
    "a webhook without a secret": (
        sub("group_vars/all/exchange.yml", "  removal_limit_percent:", f"{RECEIVER}  removal_limit_percent:"),
        [VAULT, "events_secrets.gis: is missing, and this webhook needs it", "Put it into the vault"],
    ),
    "a webhook with a secret that signs nothing": (
        both(
            sub("group_vars/all/exchange.yml", "  removal_limit_percent:", f"{RECEIVER}  removal_limit_percent:"),
            add(VAULT, "events_secrets: {gis: hunter2}\n"),
        ),
        [VAULT, "events_secrets.gis: is not whsec_ and 24 to 64 bytes in base64", "openssl rand -base64 32"],
    ),
    "a packet too small": (
        add(DEPLOYMENT, "edge_max_packet_size: 100\n"),
        [DEPLOYMENT, "edge_max_packet_size = 100: is neither 0 nor 576 to 9000"],
    ),
    "a truth that is none": (
        add(DEPLOYMENT, "edge_management_by_network: maybe\n"),
        [DEPLOYMENT, "edge_management_by_network = 'maybe': is text, not true or false"],
    ),
    "a number that is none": (
        add(DEPLOYMENT, "certificate_renew_days: a month\n"),
        [DEPLOYMENT, "certificate_renew_days = 'a month': is text, not a whole number"],
    ),
    "an empty variable": (
        line(DEPLOYMENT, "directory_server_uri", "directory_server_uri:"),
        [DEPLOYMENT, "directory_server_uri: is empty, not text"],
    ),
    "a choice that is none": (
        line(DEPLOYMENT, "certificate_provider", "certificate_provider: signed_files"),
        [DEPLOYMENT, "certificate_provider = 'signed_files': is not one of the choices", "Did you mean 'signed_file'?"],
    ),
    "a provider without its files": (
        line(DEPLOYMENT, "certificate_provider", "certificate_provider: own_ca"),
        [DEPLOYMENT, "certificate_own_ca_key: is missing, and certificate_provider own_ca needs it"],
    ),
    "a key of the own CA that is not there": (
        both(
            line(DEPLOYMENT, "certificate_provider", "certificate_provider: own_ca"),
            add(
                DEPLOYMENT, "certificate_own_ca_certificate: /nowhere/ca.pem\ncertificate_own_ca_key: /nowhere/ca.key\n"
            ),
        ),
        [
            DEPLOYMENT,
            "certificate_own_ca_key = '/nowhere/ca.key': is not a file on the control node",
            "correct the path",
        ],
    ),
    "a certificate that would be due at once": (
        both(
            line(DEPLOYMENT, "certificate_provider", "certificate_provider: own_ca"),
            add(DEPLOYMENT, "certificate_valid_days: 20\ncertificate_renew_days: 30\n"),
        ),
        [DEPLOYMENT, "certificate_valid_days = 20: leaves no day"],
    ),
    "ACME without an answer to anything": (
        line(DEPLOYMENT, "certificate_provider", "certificate_provider: acme"),
        [
            DEPLOYMENT,
            "acme_certificate_url: is missing",
            "Give the URL of the CA's ACME directory",
            "acme_certificate_terms_agreed: is not true",
        ],
    ),
    "ACME with a mistyped variable": (
        acme_ca("acme_certificate_chalenge: dns-01"),
        [DEPLOYMENT, "acme_certificate_chalenge: is not a variable", "Did you mean 'acme_certificate_challenge'?"],
    ),
    "ACME by DNS without tasks": (
        acme_ca("acme_certificate_challenge: dns-01"),
        [DEPLOYMENT, "acme_certificate_dns_tasks: is missing", "Name a file with tasks"],
    ),
    "ACME by DNS with tasks that are not there": (
        acme_ca("acme_certificate_challenge: dns-01", "acme_certificate_dns_tasks: /nowhere/dns.yml"),
        [DEPLOYMENT, "acme_certificate_dns_tasks = '/nowhere/dns.yml': is not a file on the control node"],
    ),
    "ACME over HTTP without an edge": (
        both(acme_ca(), sub(HOSTS, "      hosts:\n        edge1.example.com:\n", "")),
        [DEPLOYMENT, "acme_certificate_challenge: is http-01, and no host of the group edges", "Use dns-01"],
    ),
    "half of an external account": (
        acme_ca("acme_certificate_external_account_id: kid-1"),
        [DEPLOYMENT, "acme_certificate_external_account_key: is missing", "Give both"],
    ),
    "a signed file without a path": (
        line(DEPLOYMENT, "certificate_signed_file", ""),
        [DEPLOYMENT, "certificate_signed_file: is missing, and certificate_provider signed_file needs it"],
    ),
    "no directory": (
        line(DEPLOYMENT, "directory_server_uri", ""),
        [DEPLOYMENT, "directory_server_uri: is missing", "ldaps://"],
    ),
    "no bind account": (
        line(DEPLOYMENT, "directory_bind_dn", ""),
        [DEPLOYMENT, "directory_bind_dn: is missing", "Add it"],
    ),
    "a directory without encryption": (
        sub(DEPLOYMENT, "ldaps://dc1", "ldap://dc1"),
        [DEPLOYMENT, "directory_server_uri = 'ldap://dc1.ad.example.com': is not encrypted", "ldaps://"],
    ),
    "a directory without ldaps://": (
        sub(DEPLOYMENT, "ldaps://dc1", "dc1"),
        [DEPLOYMENT, "directory_server_uri = 'dc1.ad.example.com': is not the address of a directory", "ldaps://"],
    ),
    "no CA of the directory": (
        remove("certificates/directory-ca.pem"),
        [DEPLOYMENT, "line 13: directory_ca_file", "is not a file on the control node", "as PEM"],
    ),
    "a runner that is not a host": (
        line(DEPLOYMENT, "directory_runner", "directory_runner: ftps1"),
        [
            DEPLOYMENT,
            "directory_runner = 'ftps1': is not a host of the inventory",
            "Did you mean 'ftps1.dmz.example.com'?",
        ],
    ),
    "a vault identity that is none": (
        add(DEPLOYMENT, "directory_handover_vault_id: ~/.vault\n"),
        [DEPLOYMENT, "directory_handover_vault_id = '~/.vault': is not a vault identity", "label@file"],
    ),
    "a vault identity that asks": (
        add(DEPLOYMENT, "directory_handover_vault_id: handover@prompt\n"),
        [DEPLOYMENT, "directory_handover_vault_id", "would ask for input", "Name a file with the vault password"],
    ),
    "a template that refers to nothing": (
        line(DEPLOYMENT, "directory_bind_dn", 'directory_bind_dn: "{{ bind_account }}"'),
        [DEPLOYMENT, "directory_bind_dn: gets its value from bind_account, which is not set anywhere"],
    ),
    "a template with a mistake": (
        line(DEPLOYMENT, "directory_bind_dn", 'directory_bind_dn: "{{ inventory_dir "'),
        [DEPLOYMENT, "directory_bind_dn: cannot be computed", "Correct the template"],
    ),
    # -- vault.yml
    "an empty password": (
        line(VAULT, "vault_directory_bind_password", 'vault_directory_bind_password: ""'),
        [VAULT, 'line 4: vault_directory_bind_password = "": is empty', f"directory_bind_password ({DEPLOYMENT})"],
    ),
    "an empty password of the joining account": (
        line(VAULT, "vault_domain_member_join_password", 'vault_domain_member_join_password: ""'),
        [VAULT, 'line 5: vault_domain_member_join_password = "": is empty', "domain_member_join_password"],
    ),
    "an empty password in place": (
        line(DEPLOYMENT, "directory_bind_password", 'directory_bind_password: ""'),
        [DEPLOYMENT, "directory_bind_password = '': is empty", f"from {VAULT}"],
    ),
    "an unset variable of the vault": (
        line(VAULT, "vault_directory_bind_password", ""),
        [DEPLOYMENT, "directory_bind_password: gets its value from vault_directory_bind_password", "not set anywhere"],
    ),
    "a mistyped variable of the vault": (
        line(VAULT, "vault_directory_bind_password", "vault_directory_bind_pasword: s3cret-bind"),
        [DEPLOYMENT, "vault_directory_bind_password", "Did you mean 'vault_directory_bind_pasword'?"],
    ),
    "a password that is a list": (
        line(VAULT, "vault_directory_bind_password", "vault_directory_bind_password: [s3cret-bind]"),
        [DEPLOYMENT, "directory_bind_password: is a list, not text"],
    ),
    "a vault without its password": (
        encrypt(VAULT),
        [
            VAULT,
            "is encrypted with ansible-vault, and no vault password was given",
            "ANSIBLE_VAULT_PASSWORD_FILE",
            "ASK_VAULT=1",
            "--ask-vault-pass",
        ],
    ),
}


WINDOWS_MISTAKES: dict[str, tuple[Change, list[str]]] = {
    "a Windows host outside ftps_servers": (
        write(
            HOSTS,
            "all:\n  children:\n"
            "    ftps_servers: {hosts: {ftps9.example.com: {edge_server: {name: ftps9, ip4: 10.20.30.9}}}}\n"
            "    iis_servers: {hosts: {ftps1.dmz.example.com: {edge_server: {name: ftps1, ip4: 10.20.30.11}}}}\n",
        ),
        [HOSTS, "ftps1.dmz.example.com: is in iis_servers and not in ftps_servers", "a child of ftps_servers"],
    ),
    "an empty password of the Windows hosts": (
        line(VAULT, "vault_iis_servers_password", 'vault_iis_servers_password: ""'),
        [
            VAULT,
            'vault_iis_servers_password = "": is empty',
            "ansible_password (group_vars/iis_servers/connection.yml)",
        ],
    ),
    "no CA of the WinRM listener": (
        remove("certificates/winrm-ca.pem"),
        ["group_vars/iis_servers/connection.yml", "ansible_winrm_ca_trust_path", "is not a file on the control node"],
    ),
    "iis_option for iis_options": (
        sub("group_vars/iis_servers/service.yml", "iis_options:", "iis_option:"),
        ["group_vars/iis_servers/service.yml", "iis_option: is not a variable", "Did you mean 'iis_options'?"],
    ),
    "a runner with Windows": (
        line(DEPLOYMENT, "directory_runner", "directory_runner: ftps1.dmz.example.com"),
        [DEPLOYMENT, "directory_runner = 'ftps1.dmz.example.com': is a Windows host", "Name localhost"],
    ),
    "a certificate provider of Linux": (
        line(DEPLOYMENT, "windows_certificate_provider", "windows_certificate_provider: signedfile"),
        [DEPLOYMENT, "windows_certificate_provider = 'signedfile'", "Did you mean 'signed_file'?"],
    ),
    "ACME on Windows": (
        line(DEPLOYMENT, "windows_certificate_provider", "windows_certificate_provider: acme"),
        [
            DEPLOYMENT,
            "windows_certificate_provider = 'acme': is not one of the choices",
            "windows_certificate_provider = 'acme': is for servers with Linux",
            "use the provider store, or signed_file",
        ],
    ),
    "a PFX file that is not there": (
        both(
            line(DEPLOYMENT, "windows_certificate_provider", "windows_certificate_provider: pfx"),
            add(DEPLOYMENT, "windows_certificate_pfx_file: /nowhere/server.pfx\n"),
        ),
        [DEPLOYMENT, "windows_certificate_pfx_file = '/nowhere/server.pfx': is not a file on the control node"],
    ),
    "one address for all servers with Windows": (
        both(second_windows, sub(SERVICE, '"{{ edge_server.ip4 }}"', "10.20.30.11")),
        [
            SERVICE,
            "iis_options.address = '10.20.30.11': is the address of ftps1.dmz.example.com too",
            "edge_server.ip4",
        ],
    ),
    "one request for the keys of two servers": (
        both(second_windows, sub(DEPLOYMENT, "{{ inventory_hostname }}.csr", "server.csr")),
        [
            DEPLOYMENT,
            "windows_certificate_request_copy = '",
            "is the file of ftps1.dmz.example.com too",
            "Put {{ inventory_hostname }} into the path",
        ],
    ),
    "a share, and nobody who makes its folders": (
        both(on_a_share(), sub(HOSTS, f"    iis_file_servers: {{hosts: {{{FILES}: }}}}\n", "")),
        [SERVICE, "iis_root = ", "the group iis_file_servers has no host", "Put the file server into iis_file_servers"],
    ),
    "a file server, and nobody who serves its share": (
        on_a_share("# iis_root: later"),
        [HOSTS, f"{FILES}: is in iis_file_servers, and no server with Windows serves a share", "Set iis_root in"],
    ),
    "a share on one server, a folder on the other": (
        both(on_a_share(), add("host_vars/ftps2.dmz.example.com.yml", "iis_root: 'D:\\ftps-exchange'\n")),
        [
            "host_vars/ftps2.dmz.example.com.yml",
            "line 1: iis_root = ",
            "is a folder of this host, and not the share of ftps1.dmz.example.com",
            "set iis_root in group_vars/iis_servers/service.yml",
        ],
    ),
    "two shares": (
        both(on_a_share(), add("host_vars/ftps2.dmz.example.com.yml", "iis_root: '\\\\files2.example.com\\ftps$'\n")),
        ["host_vars/ftps2.dmz.example.com.yml", "is not the share of ftps1.dmz.example.com"],
    ),
    "a file server that would make its folders over the network": (
        both(on_a_share(), add(f"host_vars/{FILES}.yml", "iis_root: '\\\\files.example.com\\ftps$'\n")),
        [
            f"host_vars/{FILES}.yml",
            "line 1: iis_root = ",
            "is no folder on a disk of the file server",
            "iis_root: 'D:\\ftps-exchange'",
        ],
    ),
    "a root of Linux for a file server": (
        both(on_a_share(), line(EXCHANGE, "root", "root: /srv/ftps-exchange")),
        [HOSTS, f"{FILES}.iis_root: is missing, and exchange.root is no folder on a disk of the file server"],
    ),
    "two backslashes in double quotes": (
        on_a_share(r'iis_root: "\\files.example.com\\ftps$"'),
        [SERVICE, "iis_root", "does not begin with two backslashes", "in single quotes"],
    ),
    "a share by address": (on_a_share(r"iis_root: '\\10.20.30.40\ftps'"), [SERVICE, "iis_root", "by its address"]),
    "a share of administrators": (
        on_a_share(r"iis_root: '\\files.example.com\D$\ftps'"),
        [SERVICE, "iis_root", "is an administrative share", "Make a share for this service"],
    ),
    "a file server and no share": (
        on_a_share(r"iis_root: '\\files.example.com'"),
        [SERVICE, "iis_root", "has no share", r"such as '\\files.example.com\ftps-exchange'"],
    ),
    "a folder of the system for a server with Windows": (
        add(SERVICE, "iis_root: 'C:\\Windows\\ftps'\n"),
        [SERVICE, "iis_root", "belongs to the operating system"],
    ),
    "accounts of the host on a share": (
        both(on_a_share(), sub(SERVICE, "iis_options:\n", "iis_options:\n  homes_below: LocalUser\n")),
        [SERVICE, "iis_options.homes_below = 'LocalUser': is for accounts of the host itself", "Remove it"],
    ),
    "a file server that serves": (
        both(on_a_share(), sub(HOSTS, f"{FILES}: ", "edge1.example.com: ")),
        [HOSTS, "edge1.example.com: is in iis_file_servers and in edges", "Use two hosts"],
    ),
    "two file servers": (
        both(on_a_share(), sub(HOSTS, f"{FILES}: ", f"{FILES}: , files2.dmz.example.com: ")),
        [HOSTS, "files2.dmz.example.com: is the second host in iis_file_servers", "For a cluster"],
    ),
    "file_servers for iis_file_servers": (
        both(on_a_share(), sub(HOSTS, "iis_file_servers", "file_servers")),
        [HOSTS, "file_servers: is not a group of the exchange", "Did you mean 'iis_file_servers'?"],
    ),
}

# Mistakes that are more than one, or make others
SEVERAL: dict[str, int] = {
    "a file that is not loaded": 3,
    "a provider without its files": 2,
    "a key of the own CA that is not there": 2,
    "a certificate that would be due at once": 3,
    "ACME without an answer to anything": 2,
    "ACME on Windows": 2,
    "a Windows host outside ftps_servers": 4,
    # Also: a share, and nobody who makes its folders
    "file_servers for iis_file_servers": 2,
}


@pytest.mark.parametrize("mistake", [*MISTAKES, *WINDOWS_MISTAKES])
def test_a_mistake_ends_with_one_message_that_says_what_to_do(mistake: str, tmp_path: Path) -> None:
    change, expected = {**MISTAKES, **WINDOWS_MISTAKES}[mistake]
    inventory = (windows if mistake in WINDOWS_MISTAKES else linux)(tmp_path / "mine")
    change(inventory)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    said = message(inventory)
    assert [text for text in expected if text not in said] == [], said
    head = re.match(
        r"The (?:inventory|model) has ([0-9]+) problems? in [0-9]+ files?; no host has been touched\.\n", said
    )
    assert head, said
    # About this mistake and nothing else
    assert int(head[1]) == SEVERAL.get(mistake, 1), said
    assert "s3cret" not in said
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_servers_with_one_share_and_a_file_server_have_no_problem(tmp_path: Path) -> None:
    inventory = windows(tmp_path / "mine")
    on_a_share()(inventory)
    assert message(inventory) == ""


def test_servers_whose_folders_the_company_replicates_have_no_problem(tmp_path: Path) -> None:
    inventory = windows(tmp_path / "mine")
    second_windows(inventory)
    assert message(inventory) == ""


def test_a_run_for_the_servers_alone_says_that_the_file_server_stays(tmp_path: Path) -> None:
    inventory = windows(tmp_path / "mine")
    on_a_share()(inventory)
    [warning, *_] = Run(inventory, subset="iis_servers").check()["warnings"][-1:]
    assert FILES in warning


@pytest.mark.parametrize("example", [linux, windows])
def test_an_example_that_is_filled_in_has_no_problem(example: Callable[[Path], Path], tmp_path: Path) -> None:
    assert message(example(tmp_path / "mine")) == ""


@pytest.mark.parametrize("inventory", ["inventories/lab", "molecule/default/inventory"])
def test_the_inventories_of_the_lab_have_no_problem(inventory: str, tmp_path: Path) -> None:
    """Without the lab: all but the files that its steps make, and the values of lookups, which nobody finds here."""
    (tmp_path / "customers").mkdir()
    run = Run(PROJECT / inventory)
    run.loader.set_basedir(str(tmp_path / "playbooks"))
    assert run.first_play() is None
    known = ("is not a file on the control node.", "cannot be computed: ")
    problems = run.check().get("problems", [])
    assert [problem for problem in problems if not problem["message"].startswith(known)] == []


@pytest.mark.parametrize("inventory", ["inventories/example_linux", "inventories/example_windows"])
def test_what_contacts_nobody_needs_no_password_and_no_certificate(inventory: str) -> None:
    """`make packs` and `make windows-preview` work with the examples as they are; a deployment does not."""
    assert message(PROJECT / inventory, deploys=False) == ""
    assert "is empty" in message(PROJECT / inventory)


def test_everything_comes_at_once_the_customers_too(tmp_path: Path) -> None:
    inventory = linux(tmp_path / "mine")
    sub(HOSTS, "edge_server:", "edge_servr:")(inventory)
    line(DEPLOYMENT, "edge_management_networks", "")(inventory)
    sub(EXCHANGE, "fqdn: ftps.example.com", "fqdn: ftps")(inventory)
    sub(ACME, "state: present", "state: here")(inventory)
    said = message(inventory)
    for file in (HOSTS, DEPLOYMENT, EXCHANGE, ACME):
        assert f"\n{file}\n" in said


def test_everything_in_the_files_comes_with_what_cannot_be_read(tmp_path: Path) -> None:
    inventory = linux(tmp_path / "mine")
    sub(EXCHANGE, "  fqdn:", "\tfqdn:")(inventory)
    sub(HOSTS, "    edges:\n", "    edge:\n")(inventory)
    sub(DEPLOYMENT, "directory_ca_file:", "directory_cafile:")(inventory)
    encrypt(VAULT)(inventory)
    said = message(inventory)
    assert said.startswith("The inventory has 4 problems in 4 files; no host has been touched.\n")


def test_variables_of_users_are_theirs(tmp_path: Path) -> None:
    inventory = linux(tmp_path / "mine")
    add(DEPLOYMENT, "department: maps\nedgewise: 1\nmy_directory_ca_file: x\n__edge_x: 1\n")(inventory)
    sub(HOSTS, "    # Nothing is deployed", "    berlin:\n      children:\n        edges:\n    # Nothing is deployed")(
        inventory
    )
    assert message(inventory) == ""


def test_an_inventory_that_is_no_yaml_is_judged_by_its_values(tmp_path: Path) -> None:
    hosts = "[ftps_servers]\nftps1.dmz.example.com\n[edges]\nedge1.example.com\n"
    for name in ("with", "without"):
        inventory = linux(tmp_path / name)
        remove(HOSTS)(inventory)
        (inventory / "hosts.ini").write_text(hosts)
    assert "ftps1.dmz.example.com.edge_server: is missing" in message(inventory)
    inventory = tmp_path / "with"
    (inventory / "host_vars").mkdir()
    (inventory / "host_vars" / "ftps1.dmz.example.com.yml").write_text(
        'edge_server: {name: ftps1, ip4: 10.20.30.11, ip6: "fd20:30::11"}\n'
    )
    assert message(inventory) == ""


# -- the vault ---------------------------------------------------------------------------------------------------------


def test_an_encrypted_vault_with_its_password_is_read(tmp_path: Path) -> None:
    inventory = linux(tmp_path / "mine")
    line(VAULT, "vault_directory_bind_password", 'vault_directory_bind_password: ""')(inventory)
    encrypt(VAULT)(inventory)
    said = message(inventory, password="right")
    assert f'{VAULT}\n  - line 4: vault_directory_bind_password = "": is empty' in said
    line_of_it = message(inventory, password="wrong")
    assert f"{VAULT}\n  - is encrypted with a different password." in line_of_it
    assert "ANSIBLE_VAULT_PASSWORD_FILE" in line_of_it


@pytest.mark.parametrize("broken", ["vault_x: [s3cret-one\n", "\tvault_x: s3cret-one\n", "- s3cret-one\n"])
def test_nothing_of_an_encrypted_file_is_shown(broken: str, tmp_path: Path) -> None:
    inventory = linux(tmp_path / "mine")
    (inventory / VAULT).write_text(broken)
    encrypt(VAULT)(inventory)
    said = message(inventory, password="right")
    assert f"\n{VAULT}\n" in said
    assert "s3cret" not in said


# -- the command line --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            {"tags": ("edgee",)},
            "--tags = 'edgee': is not a tag of these playbooks, so it selects nothing.\n      Did you mean 'edge'?",
        ),
        ({"tags": ("host_firewall", "ftpsserver")}, "--tags = 'ftpsserver': is not a tag of these playbooks"),
        ({"tags": ("zzz",)}, "Use one of "),
        ({"skip_tags": ("certficate",)}, "--skip-tags = 'certficate': is not a tag of these playbooks"),
        ({"skip_tags": ("always",)}, "--skip-tags = 'always': would skip the check of the model"),
        ({"start_at_task": "Edge"}, "--start-at-task = 'Edge': would skip the first step of a run"),
    ],
)
def test_what_the_command_line_cannot_mean(arguments: dict[str, Any], expected: str, tmp_path: Path) -> None:
    said = message(linux(tmp_path / "mine"), **arguments)
    assert f"\ncommand line\n  - {expected}" in said or f" {expected}" in said


def test_tags_that_exist_are_known(tmp_path: Path) -> None:
    own = tmp_path / "own.yml"
    own.write_text("- hosts: all\n  tasks:\n    - ansible.builtin.debug:\n      tags: mine\n")
    for tags in (("edge",), ("directory", "folder_tree"), ("iis_ftp_site",), ("all",), ("never", "edge"), ("mine",)):
        run = Run(linux(tmp_path / "-".join(tags)), tags=tags, args=(str(own),))
        assert run.first_play() is None
    assert (
        Run(
            linux(tmp_path / "molecule"), skip_tags=("molecule-notest", "notest", "molecule-idempotence-notest")
        ).first_play()
        is None
    )


def test_a_variable_on_the_command_line_is_checked_too(tmp_path: Path) -> None:
    inventory = linux(tmp_path / "mine")
    said = message(inventory, extra={"certificate_renw": True})
    assert (
        "command line\n  - certificate_renw: is not a variable of this project.\n"
        "      Did you mean 'certificate_renew'?" in said
    )
    assert message(inventory, extra={"certificate_new_key": True, "account": "x", "edge_service_ports": [21]}) == ""


def test_a_listing_looks_at_nothing(tmp_path: Path) -> None:
    assert Run(linux(tmp_path / "mine"), tags=("edgee",), listtags=True).first_play() is None


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, []),
        (
            "edges",
            ["--limit edges: the directory and ftps1.dmz.example.com stay as they are until a run without --limit."],
        ),
        ("ftps_servers", ["All hosts share one directory, so this run updates it too"]),
    ],
)
def test_what_a_limit_leaves_is_said(limit: str | None, expected: list[str], tmp_path: Path) -> None:
    inventory = linux(tmp_path / "mine")
    encrypt(VAULT)(inventory)
    warnings = Run(inventory, password="right", subset=limit).check()["warnings"]
    assert len(warnings) == len(expected)
    for text, warning in zip(expected, warnings, strict=True):
        assert text in warning


def test_an_exchange_without_an_edge_is_said(tmp_path: Path) -> None:
    inventory = linux(tmp_path / "mine")
    sub(HOSTS, "      hosts:\n        edge1.example.com:\n", "")(inventory)
    encrypt(VAULT)(inventory)
    (warning,) = Run(inventory, password="right").check()["warnings"]
    assert warning.startswith("The group edges has no hosts, so this run manages no edge.")


def test_a_vault_that_nobody_encrypted_is_said(tmp_path: Path) -> None:
    inventory = linux(tmp_path / "mine")
    (warning,) = Run(inventory).check()["warnings"]
    assert warning == f"{VAULT} holds passwords and is not encrypted: ansible-vault encrypt {VAULT}"


# -- AWX ---------------------------------------------------------------------------------------------------------------


def test_a_job_of_awx_keeps_new_passwords_somewhere_that_stays(tmp_path: Path) -> None:
    inventory = linux(tmp_path / "mine")
    job = {"awx_job_id": 7, "tower_job_id": 7}
    said = message(inventory, extra=job)
    assert (
        f"{DEPLOYMENT}\n  - directory_handover_dir: is missing, and its default lies on the disk of this AWX job"
        in said
    )
    add(DEPLOYMENT, "directory_handover_dir: /runner/project/handover\n")(inventory)
    said = message(inventory, extra=job)
    assert "directory_handover_dir = '/runner/project/handover': lies on the disk of this AWX job" in said
    line(DEPLOYMENT, "directory_handover_dir", "directory_handover_dir: /var/lib/handover")(inventory)
    assert message(inventory, extra=job) == ""


def test_a_job_of_awx_keeps_its_account_with_an_acme_ca(tmp_path: Path) -> None:
    inventory = linux(tmp_path / "mine")
    acme_ca("directory_handover_dir: /var/lib/handover")(inventory)
    job = {"awx_job_id": 7}
    assert message(inventory) == ""
    assert "acme_certificate_account_key: is missing" in message(inventory, extra=job)
    add(DEPLOYMENT, "acme_certificate_account_key: a key\n")(inventory)
    assert "acme_certificate_account_key" not in message(inventory, extra=job)


# -- what it costs -----------------------------------------------------------------------------------------------------


def test_customers_cost_nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their files are the model's affair: none is opened."""
    inventory = linux(tmp_path / "mine")
    opened: list[str] = []
    composed = inventory_files._compose

    def compose(path: Path, *rest: Any) -> Any:
        opened.append(path.name)
        return composed(path, *rest)

    monkeypatch.setattr(inventory_files, "_compose", compose)
    assert message(inventory) == ""
    assert sorted(set(opened)) == ["deployment.yml", "exchange.yml", "hosts.yml", "vault.yml"]
