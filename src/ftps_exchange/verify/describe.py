"""What is to be verified: one description, made from a lab's lab.json or from any inventory.

    {"name", "fqdn", "public_ip", "public_ip6", "explicit_port", "implicit_port", "passive_ports",
     "tls_minimum_version", "tls_maximum_version", "quotas", "ca_file", "warn_days", "folder", "complete",
     "real_customers",
     "customers": [{"name", "host": HOST | null, "firewall": HOST | null, "accounts": [{"name", "password", "access"}],
                    "shares": [{"path", "access"}]}],
     "stranger": HOST | null, "server": HOST | null, "edge": HOST | null, "edges": [HOST],
     "directory": HOST | null}

HOST is {"name", "connection": "local" | "podman" | "ssh" | "namespace", …}. ``complete`` means that there is a host for
everything, so that everything that could not be checked is a fault. With
``real_customers`` nothing is done that they would notice.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ftps_exchange.errors import ExchangeError
from ftps_exchange.model.check import check_model
from ftps_exchange.model.view import Customer, Model, former_value, read_model
from ftps_exchange.quotas import exchange_quotas

type Description = dict[str, Any]

WARN_DAYS: Final = 21
_SERVICE_KEYS: Final = (
    *("fqdn", "public_ip", "public_ip6", "explicit_port", "implicit_port", "passive_ports"),
    *("tls_minimum_version", "tls_maximum_version", "quotas", "also"),
)
_TARGET_KEYS: Final = frozenset({"name", "ca_file", "warn_days", "folder", "customers", *_SERVICE_KEYS})
_PODMAN: Final = frozenset({"podman", "containers.podman.podman"})
_SSH: Final = frozenset({"ssh", "ansible.builtin.ssh", "smart", "paramiko", "paramiko_ssh"})
_LOCAL: Final = frozenset({"local", "ansible.builtin.local"})


def service_facts(model: Model) -> dict[str, Any]:
    """What everybody may know of the service."""
    exchange = model.exchange
    facts = {
        "fqdn": exchange.fqdn,
        "public_ip": None if exchange.public_ip4 is None else str(exchange.public_ip4),
        "public_ip6": None if exchange.public_ip6 is None else str(exchange.public_ip6),
        "explicit_port": exchange.explicit_port,
        "implicit_port": exchange.implicit_port,
        "passive_ports": list(exchange.announced_ports),
        "tls_minimum_version": exchange.tls_minimum_version,
        "tls_maximum_version": exchange.tls_maximum_version,
        "quotas": exchange_quotas(model),
    }
    # Served besides, while the service moves (docs/changing-addresses.md)
    also = {
        "public_ips": [
            str(former.value) for former in (exchange.also_public_ip4, exchange.also_public_ip6) if former is not None
        ],
        "explicit_port": former_value(exchange.also_explicit_port),
        "implicit_port": former_value(exchange.also_implicit_port),
        "passive_ranges": [list(ports) for ports in exchange.passive_ranges] if exchange.also_passive_ports else [],
    }
    return {**facts, "also": {key: value for key, value in also.items() if value}} if any(also.values()) else facts


def share_facts(customer: Customer) -> list[dict[str, str]]:
    """A customer's shares, as it finds them."""
    return [{"path": share.path, "access": share.access} for share in customer.shares]


def from_lab(lab: Mapping[str, Any]) -> Description:
    """The description of a lab, all of whose hosts are containers of this machine."""

    def container(name: str | None) -> dict[str, str] | None:
        return None if name is None else {"name": name, "connection": "podman"}

    return {
        "name": f"lab ({lab['inventory']})" if lab.get("inventory") else "lab",
        **{key: lab.get(key) for key in _SERVICE_KEYS},
        "ca_file": lab["ca_file"],
        "warn_days": WARN_DAYS,
        "folder": "",
        "complete": True,
        "real_customers": False,
        "customers": [
            {
                "name": customer["name"],
                "host": container(customer["container"]),
                "firewall": container(lab.get("customer_firewalls", {}).get(customer["name"])),
                "accounts": customer["accounts"],
                "shares": customer["shares"],
            }
            for customer in lab["customers"]
        ],
        "stranger": container(lab.get("stranger_container")),
        "server": container(lab.get("server_container")),
        "servers": [container(name) for name in lab.get("server_containers", ())],
        "edge": container(lab.get("edge_container")),
        "edges": [container(name) for name in lab.get("edge_containers", ())],
        "directory": container(lab.get("directory_container")),
    }


def from_inventory(
    listing: Mapping[str, Any], folder: Path, passwords: Mapping[str, str], *, full: bool = False
) -> Description:
    """The description of a deployment, from what `ansible-inventory --list` says.

    ``folder`` is the inventory's; ``passwords`` are by account. With ``full`` nothing is left out: no real customers.
    """
    variables = _common_variables(listing)
    service = _service(variables, folder)
    vantage = _vantage_points(listing)
    customers = []
    for customer in service.pop("customers"):
        accounts = [
            {
                "name": account["name"],
                "access": account.get("access", "write"),
                "password": passwords.get(account["name"]),
            }
            for account in customer.get("accounts", [])
        ]
        customers.append(
            {
                "name": customer["name"],
                "host": vantage.pop(customer["name"], None),
                "accounts": sorted(accounts, key=lambda account: account["access"] != "write"),
                "shares": customer.get("shares", []),
            }
        )
    stranger = vantage.pop("stranger", None)
    if vantage:
        name, host = next(iter(vantage.items()))
        raise ExchangeError(
            "is neither a present customer nor 'stranger'",
            field=f"verify_as of {host['name']}",
            value=name,
            remedy="Write the name of a customer, as in customers/<name>.yml, or stranger",
        )
    nobody = not stranger and not any(customer["host"] for customer in customers)
    if nobody:
        _lend_control_node(customers)
    ca_file = service.get("ca_file")
    return {
        "name": str(folder),
        **dict.fromkeys(_SERVICE_KEYS),
        "warn_days": WARN_DAYS,
        "folder": variables.get("verify_folder") or "",
        **service,
        "ca_file": str(folder / ca_file) if ca_file else None,
        "complete": False,
        "real_customers": not full,
        "customers": customers,
        "stranger": stranger,
        "server": next(_hosts(listing, "ftps_servers"), None),
        "servers": list(_hosts(listing, "ftps_servers")),
        "edge": next(_hosts(listing, "edges"), None),
        "edges": list(_hosts(listing, "edges")),
        "directory": None,
    }


def accounts(listing: Mapping[str, Any], folder: Path) -> list[str]:
    """Names of all accounts of the deployment, for which a password may be known."""
    customers = _service(_common_variables(listing), folder)["customers"]
    return [account["name"] for customer in customers for account in customer.get("accounts", [])]


def _lend_control_node(customers: list[dict[str, Any]]) -> None:
    """Where no vantage point is named, this machine acts as the first customer of whom a password is known."""
    able = [customer for customer in customers if any(account["password"] for account in customer["accounts"])]
    if not customers:
        customers.append({"name": "visitor", "host": None, "accounts": [], "shares": []})
    (able or customers)[0]["host"] = {"name": "localhost", "connection": "local"}


def _common_variables(listing: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of the whole inventory. Every host has them, so any host will do."""
    hosts = listing.get("_meta", {}).get("hostvars", {})
    if not hosts:
        raise ExchangeError(
            "the inventory names no host with variables",
            field="INVENTORY",
            remedy="Name at least one vantage point: a host in the group vantage_points (docs/verify.md)",
        )
    wanted = [values for values in hosts.values() if "verify_target" in values or "exchange" in values]
    return dict((wanted or list(hosts.values()))[0])


def _service(variables: Mapping[str, Any], folder: Path) -> Description:
    """Names, addresses, ports and customers: from `exchange` and the customer files, then from `verify_target`."""
    service: Description = {}
    if "exchange" in variables:
        model = read_model(check_model(_plain(variables["exchange"], "exchange"), folder / "customers"))
        present = [customer for customer in model.customers if customer.state == "present"]
        service = {
            "name": model.exchange.name,
            **service_facts(model),
            "customers": [
                {
                    "name": customer.name,
                    "accounts": [{"name": account.name, "access": account.access} for account in customer.enabled],
                    "shares": share_facts(customer),
                }
                for customer in present
            ],
        }
    if variables.get("verify_ca_file"):
        service["ca_file"] = _plain(variables["verify_ca_file"], "verify_ca_file")
    own = _plain(variables.get("verify_target") or {}, "verify_target")
    unknown = sorted(set(own) - _TARGET_KEYS)
    if unknown:
        raise ExchangeError(
            "is not known", field=f"verify_target.{unknown[0]}", remedy=f"Known are {', '.join(sorted(_TARGET_KEYS))}"
        )
    service |= own
    for key in ("fqdn", "explicit_port"):
        if not service.get(key):
            raise ExchangeError(
                "is missing",
                field=f"verify_target.{key}",
                remedy="Give the inventory exchange, or verify_target with fqdn, public_ip and explicit_port",
            )
    if not service.get("public_ip") and not service.get("public_ip6"):
        raise ExchangeError(
            "is missing", field="verify_target.public_ip", remedy="Give the address that customers connect to"
        )
    for key in ("tls_minimum_version", "tls_maximum_version"):
        if service.get(key) not in (None, "1.2", "1.3"):
            raise ExchangeError(
                "is not a TLS version that can be requested",
                field=f"verify_target.{key}",
                value=service[key],
                remedy='Write "1.2" or "1.3", in quotes',
            )
    return {"public_ip": None, "customers": [], **service}


def _plain(value: Any, field: str) -> Any:
    """The value, which must not need Ansible to be understood: ansible-inventory does not template."""
    if isinstance(value, str) and "{{" in value:
        raise ExchangeError(
            "is a template, which is not rendered here", field=field, value=value, remedy="Write the value itself"
        )
    if isinstance(value, Mapping):
        return {key: _plain(entry, f"{field}.{key}") for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(entry, field) for entry in value]
    return value


def _group(listing: Mapping[str, Any], name: str) -> list[str]:
    """Hosts of a group and of the groups in it, in the inventory's order."""
    group = listing.get(name, {})
    hosts = list(group.get("hosts", []))
    for child in group.get("children", []):
        hosts += [host for host in _group(listing, child) if host not in hosts]
    return hosts


def _hosts(listing: Mapping[str, Any], group: str) -> Iterator[dict[str, Any]]:
    """The hosts of the group that a shell can be had on: none of Windows."""
    for name in _group(listing, group):
        variables = listing["_meta"]["hostvars"].get(name, {})
        if str(variables.get("ansible_connection", "ssh")) in _PODMAN | _SSH | _LOCAL:
            yield _host(name, variables, sudo=True)


def _vantage_points(listing: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Hosts by as whom they act: a customer's name, or `stranger`."""
    found: dict[str, dict[str, Any]] = {}
    for name in _group(listing, "vantage_points"):
        variables = listing["_meta"]["hostvars"].get(name, {})
        acts_as = variables.get("verify_as")
        if not acts_as:
            raise ExchangeError(
                "is missing",
                field=f"verify_as of {name}",
                remedy="Say whose role the host plays: the name of a customer, or stranger",
            )
        if acts_as in found:
            raise ExchangeError(
                f"is already the role of {found[acts_as]['name']}",
                field=f"verify_as of {name}",
                value=acts_as,
                remedy="One host per customer is enough; remove one of them",
            )
        found[str(acts_as)] = _host(name, variables)
    return found


def _host(name: str, variables: Mapping[str, Any], *, sudo: bool = False) -> dict[str, Any]:
    """How to get onto a host, from Ansible's connection variables."""
    connection = str(variables.get("ansible_connection", "local" if name == "localhost" else "ssh"))
    if variables.get("verify_namespace"):
        return {"name": str(variables["verify_namespace"]), "connection": "namespace"}
    if connection in _LOCAL:
        return {"name": name, "connection": "local"}
    if connection in _PODMAN:
        return {"name": str(variables.get("ansible_host", name)), "connection": "podman"}
    if connection not in _SSH:
        raise ExchangeError(
            "cannot be used for a vantage point",
            field=f"ansible_connection of {name}",
            value=connection,
            remedy="Use ssh, local or containers.podman.podman",
        )
    options: list[str] = []
    user = variables.get("ansible_user")
    if variables.get("ansible_port"):
        options += ["-p", str(variables["ansible_port"])]
    if user:
        options += ["-l", str(_plain(user, f"ansible_user of {name}"))]
    if variables.get("ansible_ssh_private_key_file"):
        key = _plain(variables["ansible_ssh_private_key_file"], f"ansible_ssh_private_key_file of {name}")
        options += ["-i", str(key)]
    if variables.get("ansible_ssh_common_args"):
        common = _plain(variables["ansible_ssh_common_args"], f"ansible_ssh_common_args of {name}")
        options += shlex.split(str(common))
    return {
        "name": name,
        "connection": "ssh",
        "address": str(variables.get("ansible_host", name)),
        "options": options,
        "sudo": sudo and user != "root",
    }


def password_variable(account: str) -> str:
    """The environment variable that may hold the password of an account."""
    return f"FTPS_EXCHANGE_PASSWORD_{re.sub('[^A-Z0-9]', '_', account.upper())}"


def passwords_of(content: Any, environment: Mapping[str, str], accounts: Sequence[str], source: str) -> dict[str, str]:
    """Passwords by account: from the content of a file (a mapping, or a hand-over file), then from the environment."""
    found: dict[str, str] = {}
    if content is not None:
        entries = content.get("accounts", content) if isinstance(content, Mapping) else None
        if not isinstance(entries, Mapping):
            raise ExchangeError("is not a mapping", field=source, remedy="Write one line per account: name: password")
        for account, entry in entries.items():
            password = entry.get("password") if isinstance(entry, Mapping) else entry
            if not isinstance(password, str) or not password:
                raise ExchangeError(
                    "has no password, or one that YAML does not read as text",
                    field=f"{source}: {account}",
                    remedy="Write it in quotes",
                )
            found[str(account)] = password
    for account in accounts:
        if value := environment.get(password_variable(account)):
            found[account] = value
    return found
