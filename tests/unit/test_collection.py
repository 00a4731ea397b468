"""The tree as a collection: built, installed into an empty folder, and used from there by full names.

The virtual environment has the pinned requirements and not the package of this checkout, as a user's would. The whole
of site.yml from such a folder runs in the scenario: tests/scenario/change.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.installed import Folder

PROJECT = Path(__file__).resolve().parents[2]

PLAY = """
- name: One role, one filter and one module by their full names
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: The role
      ansible.builtin.include_role:
        name: ftps.exchange.customer_packs
      vars:
        customer_packs_exchange: "{{ exchange }}"
        customer_packs_customers_dir: "{{ inventory_dir }}/customers"
        customer_packs_ca_file: ""
    - name: The module
      ftps.exchange.exchange_model:
        exchange: "{{ exchange }}"
        customers_dir: "{{ inventory_dir }}/customers"
      register: checked
    - name: The filter
      ansible.builtin.copy:
        content: "{{ checked.model | ftps.exchange.exchange_edge_sets | to_json }}"
        dest: "{{ playbook_dir }}/sets.json"
        mode: "0644"
      vars:
        ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = Folder(tmp_path_factory.mktemp("own"))
    shutil.copytree(PROJECT / "inventories" / "lab", folder.path / "inventories" / "mine")
    # A host of our own, which needs nothing of the lab's
    (folder.path / "inventories" / "mine" / "hosts.yml").write_text("all: {hosts: {localhost: }}\n")
    return folder


def test_nothing_of_the_checkout_is_on_its_way_in(folder: Folder) -> None:
    done = folder.run("python", "-c", "import ftps_exchange")
    assert "No module named 'ftps_exchange'" in done.stderr, "this test would not notice what the archive lacks"


def test_role_filter_and_module_by_their_full_names(folder: Folder) -> None:
    (folder.path / "play.yml").write_text(PLAY)
    done = folder.run("ansible", "playbook", "play.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in (folder.path / "packs").iterdir()} >= {"acme", "globex"}
    sets = json.loads((folder.path / "sets.json").read_text())
    assert "198.51.100.20" in json.dumps(sets)


@pytest.mark.parametrize("playbook", ["site", "customer_packs", "renew_certificate", "rotate_password"])
def test_playbooks_are_found(folder: Folder, playbook: str) -> None:
    done = folder.run("ansible", "playbook", f"ftps.exchange.{playbook}", "--list-tasks")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_inventory_is_checked_from_there_too(folder: Folder) -> None:
    """With nothing but the installed collection, and an inventory with no host for it."""
    done = folder.run("ansible", "playbook", "ftps.exchange.site", "--tags", "egde")
    assert done.returncode != 0
    assert "--tags = 'egde': is not a tag of these playbooks" in done.stderr
    done = folder.run("ansible", "playbook", "ftps.exchange.site")
    assert done.returncode != 0
    assert "ftps_servers: is missing" in done.stdout + done.stderr


def test_ansible_doc_knows_every_role_module_and_filter(folder: Folder) -> None:
    plugins = PROJECT / "plugins"
    wanted = {
        "module": {path.stem for path in (plugins / "modules").iterdir() if path.suffix in (".py", ".yml")},
        "filter": {path.stem for path in (plugins / "filter").glob("*.yml")},
        "lookup": {path.stem for path in (plugins / "lookup").glob("*.py")},
        "role": {path.name for path in (PROJECT / "roles").iterdir()},
    }
    for kind, names in wanted.items():
        asked = sorted(f"ftps.exchange.{name}" for name in names - {"__pycache__"})
        done = folder.run("ansible", "doc", "--type", kind, "--json", *asked)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert sorted(found) == asked
        if kind == "module":
            assert "ca_cert" in found["ftps.exchange.ldap_passwords"]["doc"]["options"], "a doc fragment is missing"
        assert "ftps/exchange" not in done.stderr


def test_one_version_everywhere() -> None:
    galaxy = yaml.safe_load((PROJECT / "galaxy.yml").read_text())
    assert f'\nversion = "{galaxy["version"]}"\n' in (PROJECT / "pyproject.toml").read_text()


def test_the_archive_comes_with_the_list_of_what_users_install(folder: Folder) -> None:
    (sbom,) = folder.path.glob("ftps-exchange-*.cdx.json")
    found = json.loads(sbom.read_text())
    root = found["metadata"]["component"]
    assert (root["name"], root["version"]) == ("ftps-exchange", sbom.name.split("-")[2].removesuffix(".cdx.json"))
    pinned = set(re.findall(r"^([\w.-]+)==(\S+)", (PROJECT / "requirements.txt").read_text(), re.MULTILINE))
    assert {(one["name"], one["version"]) for one in found["components"]} == pinned
    assert all(one["externalReferences"][0]["hashes"] for one in found["components"])
