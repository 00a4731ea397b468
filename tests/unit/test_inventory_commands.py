"""The commands of the README with an inventory as the README has it: copied, filled in, its vault encrypted."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.test_inventory import DEPLOYMENT, HOSTS, VAULT, add, encrypt, line, linux, sub, windows

PROJECT = Path(__file__).parents[2]
NAMED = "is encrypted with ansible-vault, and no vault password was given"
WAYS = ("ANSIBLE_VAULT_PASSWORD_FILE", "ASK_VAULT=1", "--ask-vault-pass")


def environment(more: Mapping[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_") and name != "ASK_VAULT"}
    # As a terminal of its own would be: messages are not wrapped, names are not coloured
    return {**own, "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "COLUMNS": "500", **more}


def run(*command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=PROJECT,
        env=environment(more),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )


def playbook(name: str, inventory: Path, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    program = PROJECT / ".venv" / "bin" / "ansible-playbook"
    return run(program, "--inventory", inventory, f"playbooks/{name}.yml", *options, **more)


@pytest.fixture
def hosts_log(tmp_path: Path) -> Path:
    """Notes every host that somebody tries to reach."""
    program = tmp_path / "ssh"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/reached\nexit 255\n')
    program.chmod(0o755)
    return tmp_path / "reached"


def reached_by(inventory: Path, hosts_log: Path) -> None:
    add(DEPLOYMENT, f"ansible_connection: ssh\nansible_ssh_executable: {hosts_log.parent / 'ssh'}\n")(inventory)


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    file = tmp_path / "vault-password"
    file.write_text("right\n")
    return str(file)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    inventory = linux(tmp_path / "inventories" / "mine")
    encrypt(VAULT)(inventory)
    return inventory


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([".venv/bin/ansible-playbook", "playbooks/site.yml", "--inventory"], id="site.yml"),
        pytest.param(["make", "packs"], id="make packs"),
        pytest.param(["make", "windows-preview"], id="make windows-preview"),
        pytest.param(["make", "verify"], id="make verify"),
    ],
)
def test_a_command_without_the_password_says_how_to_give_it(command: list[str], mine: Path) -> None:
    done = run(*command, str(mine)) if command[0] != "make" else run(*command, f"INVENTORY={mine}")
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert (
        NAMED in said or "encrypted with ansible-vault, and the password that was given, if any, does not fit" in said
    )
    assert [way for way in WAYS if way not in said] == []


def test_the_password_file_of_the_environment_holds_for_every_command(mine: Path, password_file: str) -> None:
    given = {"ANSIBLE_VAULT_PASSWORD_FILE": password_file}
    packs = run("make", "packs", f"INVENTORY={mine}", **given)
    assert packs.returncode == 0, packs.stdout + packs.stderr
    assert (mine.parents[1] / "packs" / "river-survey" / "pack.json").is_file()
    target = mine.parent / "target.json"
    verify = run(PROJECT / ".venv/bin/python", "scripts/verify_target.py", mine, target, **given)
    assert verify.returncode == 0, verify.stderr
    assert target.is_file()


def test_windows_preview_with_the_password(tmp_path: Path, password_file: str) -> None:
    inventory = windows(tmp_path / "inventories" / "mine")
    encrypt(VAULT)(inventory)
    done = run("make", "windows-preview", f"INVENTORY={inventory}", ANSIBLE_VAULT_PASSWORD_FILE=password_file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "reports" / "windows" / "ftps1.dmz.example.com" / "applicationHost.config").is_file()


def test_make_asks_for_the_password(mine: Path) -> None:
    """On a terminal, once."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(PROJECT)
        command = ["make", "packs", f"INVENTORY={mine}", "ASK_VAULT=1"]
        os.execvpe(command[0], command, environment({}))  # noqa: S606
    said, answered = b"", False
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:
            break
        if not chunk:
            break
        said += chunk
        if not answered and b"Vault password" in said:
            os.write(terminal, b"right\n")
            answered = True
    _, status = os.waitpid(child, 0)
    assert answered, said.decode()
    assert os.waitstatus_to_exitcode(status) == 0, said.decode()
    assert (mine.parents[1] / "packs" / "river-survey" / "pack.json").is_file()


def test_a_mistake_ends_the_run_before_a_host_is_reached(mine: Path, hosts_log: Path, password_file: str) -> None:
    """A mistake in the values, so behind everything that Ansible loads, and a limit that leaves out the rest."""
    reached_by(mine, hosts_log)
    line(DEPLOYMENT, "edge_management_networks", "edge_management_networks: []")(mine)
    done = playbook("site", mine, "--limit", "edges", ANSIBLE_VAULT_PASSWORD_FILE=password_file)
    assert done.returncode != 0
    assert "edge_management_networks = []: is empty" in done.stdout + done.stderr
    assert "PLAY [Check the model" not in done.stdout
    assert not hosts_log.exists()


def test_a_start_at_a_task_and_a_wrong_tag_end_the_run(mine: Path, hosts_log: Path, password_file: str) -> None:
    """Both would leave out a check that is a task."""
    reached_by(mine, hosts_log)
    done = playbook(
        "site", mine, "--start-at-task", "Edge", "--tags", "egde", ANSIBLE_VAULT_PASSWORD_FILE=password_file
    )
    assert done.returncode != 0
    assert "--start-at-task = 'Edge': would skip the first step of a run" in done.stdout + done.stderr
    assert "--tags = 'egde': is not a tag of these playbooks" in done.stdout + done.stderr
    assert not hosts_log.exists()


def test_hosts_that_nobody_can_read_end_the_run(mine: Path, password_file: str) -> None:
    """Ansible alone warns, goes on without a host and ends with 0."""
    sub(HOSTS, "    edges:\n", "    edges\n")(mine)
    done = playbook("site", mine, ANSIBLE_VAULT_PASSWORD_FILE=password_file)
    assert done.returncode != 0
    assert "\nhosts.yml\n  - line 16: is not valid YAML" in done.stdout + done.stderr


def test_nobody_is_let_in_after_the_directory_failed(mine: Path, hosts_log: Path, password_file: str) -> None:
    """A failure there ends the run for the edges too, which need nothing of the directory."""
    reached_by(mine, hosts_log)
    line(DEPLOYMENT, "directory_runner", "directory_runner: ftps1.dmz.example.com")(mine)
    # Without the look at the hosts, which would stop the run before
    parts = "".join(
        f"- import_playbook: {PROJECT}/playbooks/{name}.yml\n" for name in ("inventory", "model", "directory", "edges")
    )
    (mine.parent / "parts.yml").write_text(parts)
    program = PROJECT / ".venv" / "bin" / "ansible-playbook"
    done = run(program, "--inventory", mine, mine.parent / "parts.yml", ANSIBLE_VAULT_PASSWORD_FILE=password_file)
    assert done.returncode != 0
    assert "ftps1.dmz.example.com" in hosts_log.read_text(), done.stdout + done.stderr
    assert "edge1.example.com" not in hosts_log.read_text(), done.stdout + done.stderr


def test_hosts_that_cannot_be_reached_are_one_table_before_the_first_change(
    mine: Path, hosts_log: Path, password_file: str
) -> None:
    """Also in check mode, before the first run, and in none of Ansible's own words."""
    (hosts_log.parent / "ssh").write_text(
        "#!/bin/sh\necho 'deploy@host: Permission denied (publickey).' >&2\nexit 255\n"
    )
    reached_by(mine, hosts_log)
    line(DEPLOYMENT, "directory_server_uri", "directory_server_uri: ldaps://dc1.ad.invalid")(mine)
    done = playbook("site", mine, "--check", ANSIBLE_VAULT_PASSWORD_FILE=password_file)
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert "problems on 3 hosts; nothing has been changed." in said
    assert said.count("refuses the login as deploy.") >= 2
    assert "the name dc1.ad.invalid does not resolve." in said or "holds no certificate" in said
    assert "UNREACHABLE" not in said
    assert "PLAY [Directory]" not in done.stdout


def test_a_run_for_the_edges_leaves_the_directory_alone(mine: Path, hosts_log: Path, password_file: str) -> None:
    reached_by(mine, hosts_log)
    line(DEPLOYMENT, "directory_runner", "directory_runner: ftps1.dmz.example.com")(mine)
    done = playbook("site", mine, "--limit", "edges", ANSIBLE_VAULT_PASSWORD_FILE=password_file)
    assert "--limit edges: the directory and ftps1.dmz.example.com stay as they are" in " ".join(
        (done.stdout + done.stderr).split()
    )
    assert "edge1.example.com" in hosts_log.read_text(), done.stdout + done.stderr
    assert "ftps1.dmz.example.com" not in hosts_log.read_text()
