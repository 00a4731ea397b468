"""What is verified, from a lab or from an inventory, and what is refused with a remedy."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ftps_exchange.errors import ExchangeError
from ftps_exchange.verify import describe

FOLDER = Path("/inventory")
PROJECT = Path(__file__).resolve().parents[4]
TARGET = {
    "fqdn": "ftp.example",
    "public_ip": "203.0.113.10",
    "explicit_port": 21,
    "customers": [
        {"name": "acme", "accounts": [{"name": "acme-read", "access": "read"}, {"name": "acme-up"}]},
        {"name": "globex", "accounts": [{"name": "globex-up"}]},
    ],
}


def listing(**hosts: dict[str, Any]) -> dict[str, Any]:
    """What ansible-inventory prints: all of these hosts are vantage points, unless a group is named."""
    groups: dict[str, Any] = {"_meta": {"hostvars": {}}}
    for name, variables in hosts.items():
        name, variables = name.replace("_", "-"), dict(variables)
        groups.setdefault(variables.pop("group", "vantage_points"), {"hosts": []})["hosts"].append(name)
        groups["_meta"]["hostvars"][name] = {"verify_target": deepcopy(TARGET), **variables}
    return groups


def test_hosts_act_as_whom_the_inventory_says() -> None:
    found = describe.from_inventory(
        listing(
            pc1={"verify_as": "acme", "ansible_host": "10.0.0.1", "ansible_user": "me", "ansible_port": 2222},
            pc2={"verify_as": "stranger", "ansible_connection": "local"},
            server={"group": "ftps_servers", "ansible_user": "deploy"},
            windows={"group": "edges", "ansible_connection": "psrp"},
        ),
        FOLDER,
        {"acme-up": "secret"},
    )
    acme, globex = found["customers"]
    assert acme["host"] == {
        "name": "pc1",
        "connection": "ssh",
        "address": "10.0.0.1",
        "options": ["-p", "2222", "-l", "me"],
        "sudo": False,
    }
    assert globex["host"] is None
    assert found["stranger"] == {"name": "pc2", "connection": "local"}
    assert found["server"]["sudo"] is True
    assert found["edge"] is None, "no shell can be had on a Windows host"
    assert [account["name"] for account in acme["accounts"]] == ["acme-up", "acme-read"], "who writes comes first"
    assert [account["password"] for account in acme["accounts"]] == ["secret", None]


def test_without_vantage_points_this_machine_acts_as_who_has_a_password() -> None:
    found = describe.from_inventory(listing(other={"group": "edges"}), FOLDER, {"globex-up": "secret"})
    assert [customer["host"] for customer in found["customers"]] == [
        None,
        {"name": "localhost", "connection": "local"},
    ]


def test_without_customers_there_is_still_a_visitor() -> None:
    hosts = listing(other={"group": "edges"})
    hosts["_meta"]["hostvars"]["other"]["verify_target"]["customers"] = []
    found = describe.from_inventory(hosts, FOLDER, {})
    assert [(customer["name"], customer["accounts"]) for customer in found["customers"]] == [("visitor", [])]


def test_real_customers_are_assumed_unless_told_otherwise() -> None:
    assert describe.from_inventory(listing(pc={"verify_as": "acme"}), FOLDER, {})["real_customers"] is True
    assert describe.from_inventory(listing(pc={"verify_as": "acme"}), FOLDER, {}, full=True)["real_customers"] is False


def test_the_authority_lies_beside_the_inventory() -> None:
    hosts = listing(pc={"verify_as": "acme", "verify_ca_file": "root.pem"})
    assert describe.from_inventory(hosts, FOLDER, {})["ca_file"] == "/inventory/root.pem"


@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        ({"pc": {}}, "verify_as of pc: is missing"),
        ({"pc": {"verify_as": "acne"}}, "verify_as of pc = 'acne': is neither a present customer nor 'stranger'"),
        ({"pc": {"verify_as": "acme"}, "pc2": {"verify_as": "acme"}}, "is already the role of pc"),
        ({"pc": {"verify_as": "acme", "ansible_connection": "psrp"}}, "cannot be used for a vantage point"),
        ({"pc": {"verify_as": "acme", "ansible_user": "{{ me }}"}}, "is a template"),
        ({"pc": {"verify_as": "acme", "verify_target": {"fqdm": "x"}}}, "verify_target.fqdm: is not known"),
        ({"pc": {"verify_as": "acme", "verify_target": {"fqdn": "x"}}}, "verify_target.explicit_port: is missing"),
        (
            {"pc": {"verify_as": "acme", "verify_target": {**TARGET, "tls_maximum_version": 1.3}}},
            "verify_target.tls_maximum_version = 1.3: is not a TLS version",
        ),
        (
            {"pc": {"verify_as": "acme", "verify_target": {"fqdn": "x", "explicit_port": 21}}},
            "verify_target.public_ip: is missing",
        ),
    ],
)
def test_what_is_wrong_is_told_with_a_remedy(hosts: dict[str, dict[str, Any]], said: str) -> None:
    with pytest.raises(ExchangeError) as caught:
        describe.from_inventory(listing(**hosts), FOLDER, {})
    assert said in str(caught.value)
    assert caught.value.remedy


def test_an_inventory_without_hosts_is_refused() -> None:
    with pytest.raises(ExchangeError, match="names no host"):
        describe.from_inventory({"_meta": {"hostvars": {}}}, FOLDER, {})


def test_a_real_inventory_is_described_from_its_model(project: Path) -> None:
    """The example, as `ansible-inventory --list` would say it: names and ports come from the checked model."""
    folder = project / "inventories" / "example_linux"
    exchange = yaml.safe_load((folder / "group_vars/all/exchange.yml").read_text())["exchange"]
    hosts = {
        "_meta": {"hostvars": {"edge1": {"exchange": exchange}}},
        "edges": {"hosts": ["edge1"]},
    }
    found = describe.from_inventory(hosts, folder, {})
    assert found["fqdn"] == exchange["fqdn"]
    assert found["passive_ports"] == exchange["passive_ports"]
    assert {customer["name"] for customer in found["customers"]} < {
        file.stem for file in (folder / "customers").glob("*.yml")
    }, "only those who are present"


def test_a_lab_is_complete_and_has_no_real_customers() -> None:
    lab = {
        "fqdn": "f",
        "public_ip": "198.51.100.10",
        "explicit_port": 21,
        "passive_ports": [1, 2],
        "ca_file": "c",
        "customers": [
            {"name": "acme", "container": "x-acme", "accounts": [], "shares": []},
            {"name": "globex", "container": "x-globex", "accounts": [], "shares": []},
        ],
        "customer_firewalls": {"acme": "x-acme-fw"},
        "server_container": "x-ftps1",
        "edge_container": "x-edge1",
        "edge_containers": ["x-edge1", "x-edge2"],
    }
    found = describe.from_lab(lab)
    assert (found["complete"], found["real_customers"]) == (True, False)
    assert found["customers"][0]["host"] == {"name": "x-acme", "connection": "podman"}
    assert found["customers"][0]["firewall"] == {"name": "x-acme-fw", "connection": "podman"}
    assert found["customers"][1]["firewall"] is None
    assert found["server"] == {"name": "x-ftps1", "connection": "podman"}
    edges = [{"name": name, "connection": "podman"} for name in ("x-edge1", "x-edge2")]
    assert (found["edge"], found["edges"]) == (edges[0], edges)
    del lab["edge_containers"], lab["edge_container"]
    found = describe.from_lab(lab)
    assert (found["edge"], found["edges"]) == (None, [])


def test_lab_json_keeps_the_names_that_tools_outside_read() -> None:
    declared = yaml.safe_load((PROJECT / "playbooks" / "vars" / "lab_description.yml").read_text(encoding="utf-8"))
    assert {
        "ca_file", "inventory", "server_container", "edge_container", "directory_container", "stranger_container",
    } <= declared["lab_description_more"].keys()  # fmt: skip


def test_passwords_come_from_a_file_a_handover_file_or_the_environment() -> None:
    environment = {"FTPS_EXCHANGE_PASSWORD_ACME_UP": "from the environment"}
    accounts = ["acme-up", "globex-up"]
    assert describe.passwords_of({"acme-up": "a"}, {}, accounts, "f") == {"acme-up": "a"}
    handover = {"accounts": {"acme-up": {"password": "b"}}}
    assert describe.passwords_of(handover, {}, accounts, "f") == {"acme-up": "b"}
    assert describe.passwords_of(handover, environment, accounts, "f") == {"acme-up": "from the environment"}
    for wrong in (["x"], {"acme-up": 12345}, {"acme-up": ""}):
        with pytest.raises(ExchangeError):
            describe.passwords_of(wrong, {}, accounts, "f")
