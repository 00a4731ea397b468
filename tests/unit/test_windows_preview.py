"""`make windows-preview`: no host is contacted, and what is shown is what the roles pass to the modules."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ftps_exchange.folders import PREDICTED_DOMAIN_SID
from ftps_exchange.iis.render import exchange_iis_application_host
from ftps_exchange.iis.schema import check_settings

PROJECT = Path(__file__).parents[2]
PLAYBOOK = PROJECT / "playbooks" / "windows_preview.yml"
OWN_MODULES = sorted(path.stem for path in (PROJECT / "plugins" / "modules").glob("win_*.ps1"))

PASSWORD = "never shown"
FOLDERS = "win_folder_tree.json"
SERVER = "ftps1.dmz.example.com"
THUMBPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"


def run(inventory: Path, reports: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "ansible",
            "playbook",
            "--inventory",
            inventory,
            "--extra-vars",
            json.dumps({"windows_preview_dir": str(reports), "iis_ftp_site_probe_password": PASSWORD}),
            PLAYBOOK,
        ],
        cwd=PROJECT,
        env={**os.environ, "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The preview of the example's server, and what the run said."""
    reports = tmp_path_factory.mktemp("reports") / "windows"
    done = run(PROJECT / "inventories" / "example_windows", reports)
    assert done.returncode == 0, done.stdout + done.stderr
    return reports / SERVER, done.stdout


def arguments(reports: Path, module: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((reports / f"{module}.json").read_text())
    return loaded


def test_there_is_a_file_for_every_own_module_and_the_configuration(shown: tuple[Path, str]) -> None:
    reports, _output = shown
    assert sorted(path.name for path in reports.iterdir()) == sorted(
        [*(f"{name}.json" for name in OWN_MODULES), "applicationHost.config"]
    )


def test_the_settings_are_whole_and_the_configuration_is_theirs(shown: tuple[Path, str]) -> None:
    reports, _output = shown
    settings = json.loads(arguments(reports, "win_iis_settings")["settings"])
    check_settings(settings)
    assert (reports / "applicationHost.config").read_text() == exchange_iis_application_host(
        settings, thumbprint=THUMBPRINT
    )
    assert "/EXAMPLE/" in (reports / "applicationHost.config").read_text()


def test_what_is_made_up_is_named_in_the_output(shown: tuple[Path, str]) -> None:
    reports, output = shown
    said = " ".join(output.split())
    assert arguments(reports, "win_iis_settings")["thumbprint"] == THUMBPRINT
    assert f'serverCertHash="{THUMBPRINT}"' in (reports / "applicationHost.config").read_text()
    assert (
        "Placeholders, because they exist only later: the SIDs of the groups "
        f"(all of the domain {PREDICTED_DOMAIN_SID})" in said
    )
    assert f"the thumbprint of the certificate ({THUMBPRINT})" in said
    assert PREDICTED_DOMAIN_SID in arguments(reports, "win_folder_tree")["folders"]


def test_a_password_is_in_no_file_of_the_preview(shown: tuple[Path, str]) -> None:
    reports, output = shown
    assert arguments(reports, "win_ftps_probe")["password"] == "(not shown)"
    assert PASSWORD not in output + "".join(path.read_text() for path in reports.iterdir())


def test_no_host_is_contacted(tmp_path: Path, shown: tuple[Path, str]) -> None:
    """The hosts of the copy are reached by a program that leaves a mark and fails: nobody calls it."""
    mark, program = tmp_path / "called", tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\ntouch {mark}\nexit 255\n")
    program.chmod(0o755)
    inventory = tmp_path / "inventory"
    shutil.copytree(PROJECT / "inventories" / "example_windows", inventory)
    (inventory / "host_vars").mkdir()
    for host in ("ftps1.dmz.example.com", "edge1.example.com"):
        (inventory / "host_vars" / f"{host}.yml").write_text(
            f"ansible_connection: ssh\nansible_ssh_executable: {program}\n"
        )
    done = run(inventory, tmp_path / "reports")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not mark.exists()
    for path in shown[0].iterdir():
        assert (tmp_path / "reports" / SERVER / path.name).read_text() == path.read_text()


def test_two_servers_with_one_share_and_the_file_server_that_makes_its_folders(
    tmp_path: Path, shown: tuple[Path, str]
) -> None:
    inventory = tmp_path / "inventory"
    shutil.copytree(PROJECT / "inventories" / "example_windows", inventory)
    hosts = inventory / "hosts.yml"
    first = "              edge_server: {name: ftps1, ip4: 10.20.30.11}\n"
    second = "            ftps2:\n              edge_server: {name: ftps2, ip4: 10.20.30.12}\n"
    hosts.write_text(hosts.read_text().replace(first, first + second) + "    iis_file_servers: {hosts: {files1: }}\n")
    with (inventory / "group_vars" / "iis_servers" / "service.yml").open("a") as service:
        service.write("iis_root: '\\\\files.example.com\\ftps$\\exchange'\n")
    done = run(inventory, tmp_path / "reports")
    assert done.returncode == 0, done.stdout + done.stderr
    written = {
        host: sorted(path.name for path in (tmp_path / "reports" / host).iterdir()) for host in (SERVER, "ftps2")
    }
    assert written[SERVER] == written["ftps2"] == sorted({path.name for path in shown[0].iterdir()} - {FOLDERS})
    assert [path.name for path in (tmp_path / "reports" / "files1").iterdir()] == [FOLDERS]
    # The file server makes, on its disk, what a single server makes on its own
    assert (tmp_path / "reports" / "files1" / FOLDERS).read_text() == (shown[0] / FOLDERS).read_text()
    configurations = {
        host: (tmp_path / "reports" / host / "applicationHost.config").read_text() for host in (SERVER, "ftps2")
    }
    # The address is the only difference between the servers, and the place of the content the only one to one server
    assert configurations["ftps2"].replace("10.20.30.12", "10.20.30.11") == configurations[SERVER]
    place = r"\\files.example.com\ftps$\exchange"
    assert (
        configurations[SERVER].replace(place, r"D:\ftps-exchange") == (shown[0] / "applicationHost.config").read_text()
    )
    assert rf'physicalPath="{place}\homes\harbour-works"' in configurations[SERVER]


def test_an_inventory_without_windows_is_told(tmp_path: Path) -> None:
    done = run(PROJECT / "inventories" / "example_linux", tmp_path)
    assert done.returncode != 0
    assert "has no host in the group iis_servers" in " ".join(done.stdout.split())


def test_a_customer_that_iis_cannot_serve_is_told_before_anything_is_written(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory"
    shutil.copytree(PROJECT / "inventories" / "example_windows", inventory)
    service = inventory / "group_vars" / "all" / "exchange.yml"
    service.write_text(service.read_text().replace("  public_ip4:", '  public_ip6: "2001:db8:113::10"\n  public_ip4:'))
    hosts = inventory / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("ip4: 10.20.30.11", 'ip4: 10.20.30.11, ip6: "fd20:30::11"'))
    customer = inventory / "customers" / "six-only.yml"
    customer.write_text(
        "---\nstate: present\ncontact: {name: Jo Doe, email: jo@six-only.example}\n"
        'sources: ["2001:db8:6::/64"]\naccounts:\n  - {name: six-only-up, access: write}\n'
    )
    done = run(inventory, tmp_path / "reports")
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert "customer six-only: sources = ['2001:db8:6::/64']: has IPv6 networks only" in said, done.stderr
    assert not list((tmp_path / "reports").glob("*"))


# -- one place for each fact -------------------------------------------------------------------------------------------


def tasks(content: Any) -> Iterator[dict[str, Any]]:
    """Every task of a file, those of blocks too."""
    for task in content or []:
        if isinstance(task, dict):
            yield task
            for part in ("block", "rescue", "always"):
                yield from tasks(task.get(part))


def calls_in_roles() -> list[tuple[Path, str, dict[str, Any]]]:
    """Role, module and the arguments that stand in the task itself."""
    return [
        (path.parents[1], name, task[full] or {})
        for path in sorted((PROJECT / "roles").glob("*/tasks/*.yml"))
        for task in tasks(yaml.safe_load(path.read_text()))
        for name in OWN_MODULES
        if (full := f"ftps.exchange.{name}") in task
    ]


def test_every_own_module_is_called_by_a_role() -> None:
    assert {name for _role, name, _arguments in calls_in_roles()} == set(OWN_MODULES)


@pytest.mark.parametrize("module", OWN_MODULES)
def test_the_preview_shows_the_arguments_that_a_role_passes(module: str, shown: tuple[Path, str]) -> None:
    """They stand in one variable of the role: the module's defaults in its tasks, and what its preview writes."""
    [role] = {role for role, name, _arguments in calls_in_roles() if name == module}
    first = next(tasks(yaml.safe_load((role / "tasks" / "main.yml").read_text())))
    variable = first["module_defaults"][f"ftps.exchange.{module}"].strip("{} ")
    assert re.search(rf"\b{variable}\b", (role / "tasks" / "preview.yml").read_text())
    common = yaml.safe_load((role / "vars" / "main.yml").read_text())[variable]
    assert arguments(shown[0], module).keys() == common.keys()
    assert [own for _role, name, own in calls_in_roles() if name == module and own.keys() & common.keys()] == []
