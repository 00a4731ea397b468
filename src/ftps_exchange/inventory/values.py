"""The rules for the values of each host's variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Final

from ftps_exchange.iis.pool import FILE_SERVERS
from ftps_exchange.iis.pool import pool_problems as windows_pool_problems
from ftps_exchange.inventory.files import Files
from ftps_exchange.inventory.specs import Known, flaws
from ftps_exchange.model.problems import Problem, looks_secret, nearest, shorten
from ftps_exchange.model.receiving import KINDS
from ftps_exchange.model.rules import HIGHEST_PORT
from ftps_exchange.pair import pair_problems
from ftps_exchange.pool import pool_problems
from ftps_exchange.preflight import (
    LARGEST_PACKET,
    SHORTEST_ROLLBACK_SECONDS,
    SMALLEST_PACKET,
    acme_flaws,
    outbound_flaws,
    secret_flaw,
)

DEPLOYMENT_FILE: Final = "group_vars/all/deployment.yml"
VAULT_FILE: Final = "group_vars/all/vault.yml"

# The roles of each group, whose required variables an inventory must set
_ROLES: Final = {
    "servers": ("directory", "domain_member", "folder_tree", "certificate", "host_firewall", "ftps_server"),
    "windows": ("directory", "windows_host", "windows_certificate", "windows_folder_tree", "iis_ftp_site"),
    "edges": ("edge",),
}
# Files that must exist on the control node before a run
_FILES: Final = (
    "directory_ca_file",
    "certificate_ca_file",
    "windows_certificate_ca_file",
    "windows_certificate_pfx_file",
    "customer_packs_ca_file",
    "ansible_winrm_ca_trust_path",
    "ansible_winrm_cert_pem",
    "ansible_winrm_cert_key_pem",
    "ansible_ssh_private_key_file",
)
_FILES_BY_PROVIDER: Final = {
    "own_ca": {"own_ca_certificate": True, "own_ca_key": True},
    "signed_file": {"request_copy": False, "signed_file": False},
    "pfx": {"pfx_file": True},
}
# Lowest and highest; 0 switches each of them off
_RANGES: Final = {
    "edge_rollback_seconds": (SHORTEST_ROLLBACK_SECONDS, 86400),
    "host_firewall_rollback_seconds": (SHORTEST_ROLLBACK_SECONDS, 86400),
    "edge_max_packet_size": (SMALLEST_PACKET, LARGEST_PACKET),
}
_PORTS: Final = ("edge_management_ports", "host_firewall_management_ports")
_CONNECTION_PASSWORDS: Final = ("ansible_password", "ansible_become_password")
# Besides the variables of roles and playbooks
ALSO_LOOKED_AT: Final = (*_CONNECTION_PASSWORDS, *(name for name in _FILES if name.startswith("ansible_")))


@dataclass(frozen=True, slots=True)
class NotTemplated:
    """A value that Ansible cannot compute, and the reason."""

    reason: str


@dataclass(frozen=True)
class Loaded:
    """The inventory as Ansible loaded it."""

    groups: Mapping[str, Sequence[str]]
    hosts: Mapping[str, Mapping[str, object]]
    """The known variables of each managed host."""
    extra: Sequence[str] = ()
    """Names that the command line gave."""
    deploys: bool = True
    """Whether the run changes hosts. Then passwords and files must exist."""
    is_file: Callable[[str], bool] = field(default=lambda path: True)
    short_lived: str | None = None
    """The folder of an AWX job, which is deleted after the job."""


def check_values(files: Files, known: Known, loaded: Loaded) -> Iterator[Problem]:
    """Yield the problems of the values. The same problem of several hosts is reported once."""
    return iter(dict.fromkeys(_Check(files, known, loaded).problems()))


class _Check:
    def __init__(self, files: Files, known: Known, loaded: Loaded) -> None:
        self.files = files
        self.known = known
        self.loaded = loaded
        self.groups = loaded.groups
        self.of_host: dict[str, list[str]] = {}
        for group, hosts in loaded.groups.items():
            for host in hosts:
                self.of_host.setdefault(host, []).append(group)
        self.edges = list(self.groups.get("edges", ()))
        self.windows = list(self.groups.get("iis_servers", ()))
        self.servers = list(self.groups.get("ftps_servers", ()))
        self.linux = [host for host in self.servers if host not in self.windows]

    def problems(self) -> Iterator[Problem]:
        for host, values in self.loaded.hosts.items():
            yield from self._types(host, values)
            if self.loaded.deploys:
                yield from self._passwords(host, values)
                yield from self._files(host, values)
                yield from self._certificates(host, values)
            yield from self._networks(host, values)
            yield from self._outbound(host, values)
            yield from self._ranges(host, values)
        yield from self._servers()
        yield from self._pair()
        yield from self._pool()
        yield from self._windows_pool()
        if self.loaded.deploys:
            yield from self._required()
            yield from self._directory()
            yield from self._members()
            yield from self._handover()
            yield from self._events()

    # -- messages ------------------------------------------------------------------------------------------------------

    def _problem(self, host: str, name: str, value: object, message: str, remedy: str, *, part: str = "") -> Problem:
        file, line = self.files.place(name, host, self.of_host.get(host, ()))
        spec = self.known.options.get(name, {})
        encrypted = any(variable.encrypted for variable in self.files.of(name))
        secret = spec.get("no_log") or encrypted or looks_secret((name, part)) or name in _CONNECTION_PASSWORDS
        hidden = value is None or (secret and value != "")
        # Keep the whole path: the mistake may be anywhere in it
        text = repr(value) if isinstance(value, str) and "/" in value and value.isprintable() else shorten(value)
        return Problem(file, part or name, None if hidden else text[:300], message, remedy, line)

    def _value(self, host: str, name: str, default: object = None) -> Any:
        value = self.loaded.hosts.get(host, {}).get(name, default)
        return default if isinstance(value, NotTemplated) else value

    def _any(self, name: str, hosts: Sequence[str]) -> bool:
        return any(name in self.loaded.hosts.get(host, {}) for host in hosts)

    # -- each value ----------------------------------------------------------------------------------------------------

    def _types(self, host: str, values: Mapping[str, object]) -> Iterator[Problem]:
        for name, value in values.items():
            if isinstance(value, NotTemplated):
                if self.loaded.deploys or not self._is_password(name):
                    yield self._not_templated(host, name, value)
                continue
            # The model's own check covers exchange
            spec = self.known.options.get(name)
            if spec is None or name == "exchange" or name in self.known.computed:
                continue
            for part, found, message, remedy in flaws(spec, value, name):
                yield self._problem(host, name, found, message, remedy, part=part)

    def _is_password(self, name: str) -> bool:
        spec = self.known.options.get(name)
        text = spec is not None and spec.get("type") == "str" and (spec.get("no_log") or looks_secret((name,)))
        return bool(text) or name in _CONNECTION_PASSWORDS

    def _not_templated(self, host: str, name: str, value: NotTemplated) -> Problem:
        undefined = re.search(r"'([A-Za-z_][A-Za-z0-9_]*)' is undefined", value.reason)
        if not undefined:
            return self._problem(
                host, name, None, f"cannot be computed: {shorten(value.reason)}.", "Correct the template."
            )
        lacks = undefined[1]
        vaulted = lacks.startswith("vault_")
        names = {variable.name for variable in self.files.variables} - {name}
        guess = nearest(lacks, {other for other in names if other.startswith("vault_")} if vaulted else names)
        where = VAULT_FILE if vaulted else "the inventory"
        return self._problem(
            host,
            name,
            None,
            f"gets its value from {lacks}, which is not set anywhere.",
            f"Did you mean '{guess}'?" if guess else f"Set {lacks} in {where}.",
        )

    def _passwords(self, host: str, values: Mapping[str, object]) -> Iterator[Problem]:
        for name, value in values.items():
            if self._is_password(name) and isinstance(value, str) and not value.strip():
                # Unused variables and the passphrase of an unprotected key may be empty
                if name.endswith("_passphrase"):
                    continue
                yield self._empty_password(host, name)

    def _empty_password(self, host: str, name: str) -> Problem:
        """Report an empty variable of the vault and the variable that uses it."""
        for variable in self.files.of(name):
            for text in variable.texts():
                for reference in re.findall(r"{{\s*([A-Za-z_]\w*)\s*}}", text):
                    for source in self.files.of(reference):
                        return Problem(
                            source.file,
                            reference,
                            '""',
                            f"is empty, and {name} ({variable.file}) gets its value from it.",
                            "Write the password there, then: ansible-vault encrypt " + source.file.rpartition("/")[2],
                            source.line,
                        )
        remedy = f"Give the password, from {VAULT_FILE}."
        if name == "domain_member_join_password":
            remedy += " Remove the variable once all servers are members."
        return self._problem(host, name, "", "is empty.", remedy)

    def _files(self, host: str, values: Mapping[str, object]) -> Iterator[Problem]:
        for name in _FILES:
            path = values.get(name)
            if not isinstance(path, str):
                continue
            if not path and name == "directory_ca_file":
                yield self._problem(
                    host, name, "", "is empty.", "Name the PEM file with the CA of the domain controllers."
                )
            elif path and not self.loaded.is_file(path):
                yield self._problem(host, name, path, "is not a file on the control node.", self._file_remedy(name))

    @staticmethod
    def _file_remedy(name: str) -> str:
        if name == "directory_ca_file":
            return "Put the CA certificate of the domain controllers there, as PEM."
        if name.endswith(("_ca_file", "_ca_trust_path")):
            return "Put the CA certificate there, as PEM, or correct the path."
        return "Put the file there, or correct the path."

    def _certificates(self, host: str, values: Mapping[str, object]) -> Iterator[Problem]:
        for role, hosts, default in (
            ("certificate", self.linux, "own_ca"),
            ("windows_certificate", self.windows, "signed_file"),
        ):
            if host not in hosts:
                continue
            provider = str(self._value(host, f"{role}_provider", default))
            for option, must_exist in _FILES_BY_PROVIDER.get(provider, {}).items():
                name = f"{role}_{option}"
                path = values.get(name, "")
                if isinstance(path, NotTemplated):
                    continue
                if not path:
                    given = name in values
                    problem = self._problem(
                        host,
                        name,
                        "" if given else None,
                        ("is empty" if given else "is missing") + f", and {role}_provider {provider} needs it.",
                        f"Give the path of the file on the control node, or another {role}_provider "
                        "(docs/certificates.md).",
                    )
                    yield problem if given else self._at(problem, DEPLOYMENT_FILE)
                elif must_exist and name not in _FILES and not self.loaded.is_file(str(path)):
                    yield self._problem(
                        host,
                        name,
                        path,
                        "is not a file on the control node.",
                        "Put the file there, or correct the path.",
                    )
            if provider == "acme":
                yield from self._acme(host, values, windows=role == "windows_certificate")
            valid = _number(values.get(f"{role}_valid_days", 365))
            renew = _number(values.get(f"{role}_renew_days", 0))
            if provider == "own_ca" and valid is not None and renew is not None and valid <= renew:
                name = f"{role}_valid_days" if f"{role}_valid_days" in values else f"{role}_renew_days"
                yield self._problem(
                    host,
                    name,
                    values[name],
                    f"leaves no days: {role}_valid_days is {valid} and {role}_renew_days {renew}.",
                    f"Give more days to {role}_valid_days than to {role}_renew_days.",
                )

    def _acme(self, host: str, values: Mapping[str, object], *, windows: bool) -> Iterator[Problem]:
        if windows:
            # The choices of the variable are reported already
            yield self._problem(
                host,
                "windows_certificate_provider",
                "acme",
                "is for servers with Linux: this project does not get certificates for Windows by ACME.",
                "Have an ACME client on the server put the certificate into its store and use the provider store, or "
                "signed_file (docs/certificates.md).",
            )
            return
        known = {name: value for name, value in values.items() if not isinstance(value, NotTemplated)}
        for name, message, remedy in acme_flaws({**known, "acme_certificate_edges": self.edges}):
            if isinstance(values.get(name), NotTemplated):
                continue
            problem = self._problem(host, name, values.get(name), f"{message}.", f"{remedy[:1].upper()}{remedy[1:]}.")
            yield problem if name in values else self._at(problem, DEPLOYMENT_FILE)
        tasks = known.get("acme_certificate_dns_tasks")
        if tasks and not self.loaded.is_file(str(tasks)):
            yield self._problem(
                host,
                "acme_certificate_dns_tasks",
                tasks,
                "is not a file on the control node.",
                "Put your tasks there, or correct the path.",
            )
        if self.loaded.short_lived and not values.get("acme_certificate_account_key"):
            yield self._at(
                self._problem(
                    host,
                    "acme_certificate_account_key",
                    None,
                    "is missing, and the file with the key of the ACME account would be deleted after this AWX job: "
                    "each job would register another account.",
                    "Make a key (openssl ecparam -genkey -name prime256v1 -noout) and keep it in the vault.",
                ),
                DEPLOYMENT_FILE,
            )

    @staticmethod
    def _at(problem: Problem, file: str) -> Problem:
        return Problem(file, problem.field, problem.value, problem.message, problem.remedy)

    def _networks(self, host: str, values: Mapping[str, object]) -> Iterator[Problem]:
        for role, hosts in (("edge", self.edges), ("host_firewall", self.linux)):
            if host not in hosts:
                continue
            name = f"{role}_management_networks"
            networks = values.get(name, [])
            by_network = str(self._value(host, f"{role}_management_by_network", True)).lower() in (
                "true",
                "yes",
                "1",
                "on",
            )
            if networks == [] and by_network and self.loaded.deploys:
                given = name in values
                problem = self._problem(
                    host,
                    name,
                    networks if given else None,
                    ("is empty" if given else "is missing") + ": the new rules would lock you out of the host.",
                    "Write the networks from which it is managed, [10.20.40.0/24]. Where it is not managed over the "
                    f"network: {role}_management_by_network: false.",
                )
                yield problem if given else self._at(problem, DEPLOYMENT_FILE)
            if not isinstance(networks, list):
                continue
            for index, network in enumerate(networks):
                yield from self._network(host, name, index, network)

    def _outbound(self, host: str, values: Mapping[str, object]) -> Iterator[Problem]:
        """What the servers may open through the edge: addresses, because rules have no names."""
        if host not in self.edges:
            return
        controllers, flows = values.get("edge_directory_servers"), values.get("edge_outbound")
        for index, address in enumerate(controllers if isinstance(controllers, list) else []):
            try:
                ip_address(str(address))
            except ValueError:
                yield self._problem(
                    host,
                    "edge_directory_servers",
                    address,
                    "is not an address.",
                    "Write the addresses of the domain controllers, [10.20.50.2].",
                    part=f"edge_directory_servers[{index}]",
                )
        for index, flow in enumerate(flows if isinstance(flows, list) else []):
            if isinstance(flow, Mapping):
                for flaw in outbound_flaws(flow):
                    yield self._problem(
                        host,
                        "edge_outbound",
                        None,
                        flaw.rpartition(": ")[0] + ".",
                        flaw.rpartition(": ")[2] + ".",
                        part=f"edge_outbound[{index}]",
                    )

    def _events(self) -> Iterator[Problem]:
        """A receiver of events whose secret is missing would stop the run in the middle."""
        for host in self.linux[:1]:
            exchange, secrets = self._value(host, "exchange"), self._value(host, "events_secrets", {})
            receivers = exchange.get("event_receivers") if isinstance(exchange, Mapping) else None
            for receiver in receivers if isinstance(receivers, list) else []:
                kind = next((kind for kind in KINDS if isinstance(receiver, Mapping) and receiver.get(kind)), None)
                if kind is None or not isinstance(receiver[kind], Mapping) or not isinstance(secrets, Mapping):
                    continue
                flaw = secret_flaw({**receiver[kind], "name": receiver.get("name"), "kind": kind}, secrets)
                if flaw:
                    message, _, remedy = flaw.partition(": ")
                    remedy = remedy[0].upper() + remedy[1:]
                    part = f"events_secrets.{receiver.get('name')}"
                    problem = self._problem(host, "events_secrets", None, f"{message}.", f"{remedy}.", part=part)
                    yield problem if secrets else self._at(problem, VAULT_FILE)

    def _network(self, host: str, name: str, index: int, network: object) -> Iterator[Problem]:
        part = f"{name}[{index}]"
        try:
            # Without "/", a plain number would count as an address
            found = ip_network(str(network), strict=False)
        except ValueError:
            yield self._problem(host, name, network, "is not a network.", "Write it as 10.20.40.0/24.", part=part)
            return
        if str(found.network_address) != str(network).partition("/")[0].lower() and "/" in str(network):
            yield self._problem(
                host, name, network, "has host bits set.", f"Write {found}, or the address alone.", part=part
            )

    def _ranges(self, host: str, values: Mapping[str, object]) -> Iterator[Problem]:
        for name, (low, high) in _RANGES.items():
            number = _number(values.get(name))
            if number is not None and number != 0 and not low <= number <= high:
                yield self._problem(
                    host, name, values[name], f"is neither 0 nor {low} to {high}.", "Give such a number."
                )
        for name in _PORTS:
            ports = values.get(name)
            for index, port in enumerate(ports if isinstance(ports, list) else []):
                number = _number(port)
                if number is not None and not 1 <= number <= HIGHEST_PORT:
                    yield self._problem(
                        host, name, port, "is not a port.", "Give a number from 1 to 65535.", part=f"{name}[{index}]"
                    )

    # -- between hosts -------------------------------------------------------------------------------------------------

    def _required(self) -> Iterator[Problem]:
        """Report missing required variables."""
        roles = {
            role
            for kind, hosts in (("servers", self.linux), ("windows", self.windows), ("edges", self.edges))
            if hosts
            for role in _ROLES[kind]
        }
        for name, spec in self.known.options.items():
            role = (self.known.prefix_of(name) or "").rstrip("_")
            if role not in roles or name not in self.known.required or name in self.known.computed:
                continue
            hosts = (
                self.edges if role == "edge" else self.windows if role.startswith(("windows", "iis")) else self.linux
            )
            hosts = self.servers if role == "directory" else hosts
            if not self._any(name, hosts) and name not in self.loaded.extra:
                text = spec.get("description", "")
                description = text if isinstance(text, str) else str(text[0])
                yield Problem(DEPLOYMENT_FILE, name, None, "is missing.", f"Add it: {_plain(description)}")

    def _servers(self) -> Iterator[Problem]:
        service = self._service()
        families = [family for family in (4, 6) if service.get(f"public_ip{family}")]
        names: dict[str, str] = {}
        addresses: dict[str, str] = {}
        for host in self.servers:
            values = self.loaded.hosts.get(host, {})
            file, line = self.files.host_lines.get(host, ("hosts.yml", None))
            server = values.get("edge_server")
            if isinstance(server, NotTemplated):
                continue
            if server is None:
                if self.edges and "edge_server" not in values:
                    yield Problem(
                        file,
                        f"{host}.edge_server",
                        None,
                        "is missing, so the edge does not know the address of this server.",
                        "Write below the host: 'edge_server: {name: ftps1, ip4: 10.20.30.11}'.",
                        line,
                    )
                continue
            if not isinstance(server, Mapping):
                continue
            # A mistyped key is reported already, and may be the missing address
            sound = set(server) <= {"name", "ip4", "ip6"}
            for family in (4, 6):
                needed = sound and family in families
                yield from self._server_address(host, server, family, service, addresses, needed=needed)
            name = str(server.get("name", host))
            if names.setdefault(name, host) != host:
                yield self._problem(
                    host,
                    "edge_server",
                    name,
                    f"is the name of {names[name]} too.",
                    "Give each server its own name.",
                    part="edge_server.name",
                )

    def _pair(self) -> Iterator[Problem]:
        if not self.edges:
            return
        virtual = self._value(self.edges[0], "edge_virtual_addresses", {})
        fixed = {host: self._value(host, "edge_pair", {}) for host in self.edges}
        if not all(isinstance(one, Mapping) for one in (virtual, *fixed.values())):
            return
        sync = str(self._value(self.edges[0], "connection_sync_interface", ""))
        for host, name, key, value, message, remedy in pair_problems(virtual, fixed, sync):
            yield self._problem(host, name, value, message, remedy, part=f"{host}.{name}.{key}".rstrip("."))

    def _pool(self) -> Iterator[Problem]:
        members = {
            host: (self._value(host, "edge_server", {}), self._value(host, "server_pool", {})) for host in self.linux
        }
        if not all(isinstance(part, Mapping) for both in members.values() for part in both):
            return
        for host, name, key, value, message, remedy in pool_problems(members):
            yield self._problem(host, name, value, message, remedy, part=f"{host}.{name}.{key}".rstrip("."))

    def _windows_pool(self) -> Iterator[Problem]:
        def variables(hosts: Sequence[str]) -> dict[str, dict[str, Any]]:
            values = {host: self.loaded.hosts.get(host, {}) for host in hosts}
            return {
                host: {name: value for name, value in own.items() if not isinstance(value, NotTemplated)}
                for host, own in values.items()
            }

        found = windows_pool_problems(
            variables(self.windows), variables(self.groups.get(FILE_SERVERS, ())), self._service().get("root", "")
        )
        for host, name, key, value, message, remedy in found:
            if name in self.loaded.hosts.get(host, {}):
                yield self._problem(host, name, value, message, remedy, part=f"{name}.{key}".rstrip("."))
            else:
                file, line = self.files.host_lines.get(host, ("hosts.yml", None))
                yield Problem(file, f"{host}.{name}".rstrip("."), None, message, remedy, line)

    def _server_address(
        self,
        host: str,
        server: Mapping[str, Any],
        family: int,
        service: Mapping[str, Any],
        addresses: dict[str, str],
        *,
        needed: bool,
    ) -> Iterator[Problem]:
        key, text = f"ip{family}", server.get(f"ip{family}")
        part = f"edge_server.{key}"

        def refuse(message: str, remedy: str) -> Problem:
            return self._problem(host, "edge_server", text, message, remedy, part=part)

        if text is None:
            if needed and self.edges:
                yield refuse(
                    f"is missing for {host}, and the service has public_{key}.",
                    f"Give the IPv{family} address at which the edge reaches it, or remove exchange.public_{key}.",
                )
            return
        try:
            address = ip_address(str(text))
        except ValueError:
            what = "a network" if "/" in str(text) else f"no IPv{family} address"
            yield refuse(f"is {what}.", f"Give the server's own IPv{family} address, such as 10.20.30.11.")
            return
        if address.version != family:
            yield refuse(f"is an IPv{address.version} address.", f"Write it as ip{address.version}.")
        elif address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local:
            yield refuse("is an address that other hosts cannot reach.", "Give the server's address in the DMZ.")
        elif str(address) in _public_addresses(service):
            yield refuse("is the public address of the service.", "Give the server's own address behind the edge.")
        elif addresses.setdefault(str(address), host) != host:
            yield refuse(f"is the address of {addresses[str(address)]} too.", "Give each server its own address.")

    def _service(self) -> Mapping[str, Any]:
        for host in self.servers:
            service = self._value(host, "exchange")
            if isinstance(service, Mapping):
                return service
        return {}

    def _directory(self) -> Iterator[Problem]:
        host = self.servers[0] if self.servers else ""
        uri = self._value(host, "directory_server_uri")
        for word in uri.split() if isinstance(uri, str) else ():
            if not re.fullmatch(r"ldaps://[^/:\s]+(:[0-9]+)?/?", word):
                yield self._problem(
                    host,
                    "directory_server_uri",
                    word,
                    "is not encrypted." if word.startswith("ldap://") else "is not the address of a directory.",
                    "Write ldaps:// and the controller's name as its certificate has it.",
                )
        if isinstance(uri, str) and not uri.strip():
            yield self._problem(
                host, "directory_server_uri", uri, "is empty.", "Write ldaps:// and the name of a domain controller."
            )
        user = self._value(host, "directory_bind_dn")
        if isinstance(user, str) and not user.strip():
            yield self._problem(
                host, "directory_bind_dn", user, "is empty.", "Name the account that may write below the managed OU."
            )
        runner = self._value(host, "directory_runner")
        known = {"localhost", *self.groups.get("all", ())}
        if isinstance(runner, str) and runner not in known:
            guess = nearest(runner, known) or next((name for name in known if name.startswith(f"{runner}.")), None)
            yield self._problem(
                host,
                "directory_runner",
                runner,
                "is not a host of the inventory.",
                f"Did you mean '{guess}'?" if guess else "Name localhost or a host in hosts.yml.",
            )
        elif runner in self.windows:
            yield self._problem(
                host,
                "directory_runner",
                runner,
                "is a Windows host, and the runner needs Python with python-ldap.",
                "Name localhost, or a host with Linux that reaches the directory by LDAPS.",
            )

    def _members(self) -> Iterator[Problem]:
        names: dict[str, str] = {}
        for host in self.linux:
            given = self._value(host, "domain_member_netbios_name")
            name = str(given) if given else host.partition(".")[0].upper()
            file, line = self.files.host_lines.get(host, ("hosts.yml", None))
            if given:
                file, line = self.files.place("domain_member_netbios_name", host, self.of_host.get(host, ()))
            if len(name) > 15:
                yield Problem(
                    file,
                    f"{host}.domain_member_netbios_name",
                    shorten(name),
                    "has more than 15 characters, the limit for a computer account.",
                    "Give the host a short one: 'domain_member_netbios_name: FTPS1'.",
                    line,
                )
            elif names.setdefault(name.upper(), host) != host:
                yield Problem(
                    file,
                    f"{host}.domain_member_netbios_name",
                    shorten(name),
                    f"is the computer account of {names[name.upper()]} too: each server would lock out the other.",
                    "Give one of them a different name: 'domain_member_netbios_name: FTPS2'.",
                    line,
                )

    def _handover(self) -> Iterator[Problem]:
        host = self.servers[0] if self.servers else ""
        identity = self._value(host, "directory_handover_vault_id")
        if isinstance(identity, str) and identity:
            label, at, source = identity.rpartition("@")
            if not at or not label or not source:
                yield self._problem(
                    host,
                    "directory_handover_vault_id",
                    identity,
                    "is not a vault identity.",
                    "Write label@file, such as handover@~/.vault-ftps-exchange.",
                )
            elif source.startswith("prompt"):
                yield self._problem(
                    host,
                    "directory_handover_vault_id",
                    identity,
                    "would ask for input in the middle of a run.",
                    "Name a file with the vault password, or a script that prints it.",
                )
        if self.loaded.short_lived:
            folder = self._value(host, "directory_handover_dir")
            inside = isinstance(folder, str) and f"{folder}/".startswith(f"{self.loaded.short_lived.rstrip('/')}/")
            if folder is None or inside:
                problem = self._problem(
                    host,
                    "directory_handover_dir",
                    folder,
                    ("lies on" if inside else "is missing, and its default lies on")
                    + " the disk of this AWX job, which is deleted after the job: new passwords would be lost.",
                    "Name a folder on a permanent volume that is mounted into the execution environment.",
                )
                yield problem if inside else self._at(problem, DEPLOYMENT_FILE)


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]{1,18}", str(value)):
        return None
    return int(str(value))


def _plain(text: str) -> str:
    return re.sub(r"[A-Z]\(([^)]*)\)", r"\1", " ".join(text.split()))


def _public_addresses(service: Mapping[str, Any]) -> set[str]:
    """The public addresses as they are written, also former ones."""
    former = (service.get(f"also_public_ip{family}") for family in (4, 6))
    return {str(service.get(f"public_ip{family}")) for family in (4, 6)} | {
        str(entry.get("address")) for entry in former if isinstance(entry, Mapping)
    }
