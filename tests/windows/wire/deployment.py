"""A deployment that ends at the tests' own listener: inventories/example_windows as it is, but for names and secrets.

So the settings of the connection that are tried are those that a reader copies.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.generate import write_customers

from .authority import write_private

HOST = "ftps1.dmz.example.com"
USER = r"EXAMPLE\svc-ansible"


@dataclass(frozen=True, slots=True)
class Run:
    """How a playbook ended."""

    exit_code: int
    output: str
    seconds: float

    @property
    def recap(self) -> dict[str, int]:
        """The counts of the Windows host in the recap: ok, changed, unreachable, failed, …"""
        line = re.search(rf"^{re.escape(HOST)}\s+: (.*)$", self.output, re.MULTILINE)
        assert line, self.output[-3000:]
        return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", line[1])}

    def check(self) -> Run:
        """This run, which has to have succeeded."""
        assert self.exit_code == 0, self.output[-6000:]
        return self


@dataclass(frozen=True)
class Deployment:
    """An inventory in a temporary folder, and how to run playbooks with it."""

    directory: Path
    project: Path
    variables: dict[str, Any] = field(default_factory=dict)

    @property
    def inventory(self) -> Path:
        """Where the inventory is."""
        return self.directory / "inventory"

    @property
    def group_variables(self) -> Path:
        """Where a test may add what it needs; read after the example's own files."""
        return self.inventory / "group_vars" / "iis_servers" / "zz_test.yml"

    def set(self, **variables: Any) -> None:
        """Change variables of the Windows hosts."""
        self.variables.update(variables)
        write_private(self.group_variables, yaml.safe_dump(self.variables).encode())

    def playbook(self, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> Run:
        """Run ansible-playbook with this inventory."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "NTLM_"))}
        started = time.monotonic()
        done = subprocess.run(
            [Path(sys.executable).parent / "ansible-playbook", "--inventory", self.inventory, *arguments],
            cwd=self.project,
            env={
                **clean,
                "ANSIBLE_CONFIG": str(self.project / "ansible.cfg"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_LOCAL_TEMP": str(self.directory / "tmp"),
                "HOME": str(self.directory),
                **(environment or {}),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=540,
            check=False,
        )
        return Run(done.returncode, done.stdout, time.monotonic() - started)


def deploy(directory: Path, project: Path, *, port: int, password: str, authority: Path) -> Deployment:
    """Copy the example into the directory and lead it to the listener at that port."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    inventory = directory / "inventory"
    shutil.copytree(project / "inventories" / "example_windows", inventory)
    (inventory / "certificates").mkdir(exist_ok=True)
    shutil.copy(authority, inventory / "certificates" / "winrm-ca.pem")
    vault = {"vault_directory_bind_password": "not used here", "vault_iis_servers_password": password}
    write_private(inventory / "group_vars" / "all" / "vault.yml", yaml.safe_dump(vault).encode())
    deployment = Deployment(directory, project)
    # The name in the listener's certificate is localhost: this is the one thing in which the connection differs
    deployment.set(ansible_host="localhost", ansible_port=port)
    return deployment


def generate_customers(deployment: Deployment, count: int) -> None:
    """Replace the example's customers by so many generated ones, who have the shares of the example."""
    customers = deployment.inventory / "customers"
    shutil.rmtree(customers)
    write_customers(count, customers, [("base-maps", "read"), ("survey-results", "write")])
