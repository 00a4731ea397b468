"""From nothing to a verified exchange, with what README.md and docs/collection.md show.

The steps are in the order in which a new user takes them, and each needs the one before.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.rehearsal.documents import (
    COLLECTION,
    PREFLIGHT,
    PREVIEW,
    PROJECT,
    README,
    REAL_HOSTS,
    SET_UP,
    SITE,
    block,
    commands,
    shown,
)
from tests.rehearsal.terminal import CONTROL, EDGE, HOME, MINE, SERVER, USER, VAULT_PASSWORD, Terminal, inside

VARIABLES = f"{MINE}/group_vars/all"
CUSTOMER_HOST = "rehearsal-harbour"


def test_the_folder_is_set_up(terminal: Terminal, archives: Mapping[str, str]) -> None:
    for command in commands(COLLECTION, SET_UP):
        terminal.type(re.sub(r"ftps-exchange-[\d.]+\.tar\.gz", archives["old"], command), timeout=590)
    for name, language in (("ansible.cfg", "ini"), (".gitignore", "")):
        terminal.write(name, block(COLLECTION, SET_UP, language))
    # From here on nothing needs a right on the control node
    inside(CONTROL, f"gpasswd --delete {USER} sudo")


def test_the_example_is_edited(terminal: Terminal, passwords: Mapping[str, str]) -> None:
    mine = {"10.20.": "10.82.", "fd20:": "fd82:"}
    terminal.edit(f"{MINE}/hosts.yml", mine)
    public = {"203.0.113.10": "198.51.102.10", "2001:db8:113::10": "2001:db8:802::10"}
    terminal.edit(f"{VARIABLES}/exchange.yml", public)
    terminal.edit(
        f"{VARIABLES}/deployment.yml",
        {
            **mine,
            "10.82.60.10": "10.82.50.10",
            'ports: ["443"]': 'ports: ["80"]',
            # The certificate is not from a public CA (docs/certificates.md)
            "certificate_provider: signed_file": "certificate_provider: signed_file\n"
            'certificate_ca_file: "{{ inventory_dir }}/certificates/root.pem"',
        },
    )
    terminal.edit(
        f"{VARIABLES}/vault.yml",
        {
            'bind_password: ""': f"bind_password: {passwords['bind']}",
            'join_password: ""': f"join_password: {passwords['join']}",
        },
    )
    # "Replace its customers with yours"
    terminal.type(f"cd {MINE}/customers && rm alder-consult.yml birch-consult.yml old-quarry.yml river-survey.yml")
    addresses = {"192.0.2.16/29": "198.51.102.20/32", "2001:db8:16::/48": "2001:db8:802::20/128"}
    terminal.edit(f"{MINE}/customers/harbour-works.yml", addresses)
    terminal.type(f"mkdir -p {MINE}/certificates && cp ../directory-ca.pem {MINE}/certificates/")


def test_a_ca_signs_for_the_company(terminal: Terminal) -> None:
    """What a commercial CA, or a PKI department, has."""
    terminal.type("mkdir -m 700 ../ca")
    subject = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj '/CN=Company CA'"
    terminal.type(f"{subject} -keyout ../ca/root.key -out ../ca/root.pem")
    terminal.type(f"cp ../ca/root.pem {MINE}/certificates/")


def test_the_vault_is_encrypted(terminal: Terminal) -> None:
    terminal.type(f"umask 077; head -c 24 /dev/urandom | base64 > {VAULT_PASSWORD}")
    for command in commands(README, REAL_HOSTS):
        terminal.type(command)
    assert terminal.read(f"{VARIABLES}/vault.yml").startswith("$ANSIBLE_VAULT;")


def test_the_inventory_goes_into_git(terminal: Terminal) -> None:
    who = "-c user.name=Operator -c user.email=operator@example.com"
    terminal.type(f"git add . && git {who} commit --quiet --message 'The exchange'")
    # Nothing else belongs there, nothing secret is in it
    assert terminal.type("git status --porcelain --untracked-files=all").text == ""
    listed = terminal.type("git ls-files").text.split()
    assert {name.split("/")[0] for name in listed} <= {".gitignore", "ansible.cfg", "inventories", "requirements.txt"}


def test_the_first_look_reports_what_is_missing(terminal: Terminal) -> None:
    said = terminal.type(shown(PREFLIGHT), fails=True)
    assert f"! {EDGE} host key has a key that this machine does not know." in said.flat
    # It is behind the edge, which forwards nothing yet
    assert f"! {SERVER} SSH does not answer." in said.flat
    assert set(said.changed.values()) <= {0}


def has_packages(terminal: Terminal, host: str) -> None:
    """Log in for the first time, and see that there is a source of packages."""
    terminal.type(f"ssh -t -o StrictHostKeyChecking=accept-new deploy@{host} sudo apt-get update")


def test_a_new_edge_comes_first(terminal: Terminal) -> None:
    has_packages(terminal, EDGE)
    (limited,) = [command for command in commands(README, REAL_HOSTS, 2) if "--limit" in command]
    command = f"{shown(SITE)} {limited[limited.index('--limit') :]}"
    previewed = terminal.type(f"{command} --check --diff")
    done = terminal.type(command)
    assert previewed.changed[EDGE] > 0
    assert done.changed[EDGE] > 0
    has_packages(terminal, SERVER)


def test_a_look_without_the_sudo_password_says_how_to_give_it(terminal: Terminal) -> None:
    said = terminal.type(shown(PREFLIGHT).replace(" -K", ""), fails=True)
    assert f"! {EDGE} sudo asks for a password, and none was given. Give it: -K with ansible-playbook" in said.flat


def test_the_hosts_are_ready(terminal: Terminal) -> None:
    said = terminal.type(shown(PREFLIGHT))
    assert "The hosts are ready: nothing was found that would stop a run." in said.text
    assert "problem" not in said.text


def test_the_preview_works_before_the_first_run(terminal: Terminal) -> None:
    said = terminal.type(shown(PREVIEW))
    assert said.changed[SERVER] > 0


def test_the_first_run_waits_for_the_certificate(terminal: Terminal) -> None:
    said = terminal.type(shown(SITE), fails=True, timeout=590)
    assert f"{SERVER}.csr" in said.text
    # The accounts are there
    assert "/.handover/mapping/" in said.text


def test_the_ca_signs_the_request(terminal: Terminal) -> None:
    request = f"{MINE}/certificates/{SERVER}"
    terminal.type(
        f"openssl x509 -req -in {request}.csr -copy_extensions copy -days 90 -CA ../ca/root.pem -CAkey ../ca/root.key "
        f"-out {request}.pem"
    )


def test_the_next_run_finishes(terminal: Terminal) -> None:
    said = terminal.type(shown(SITE), timeout=590)
    assert "The end of the run" not in said.text, "the lock or the record of the run failed"


def test_a_second_run_changes_nothing(terminal: Terminal) -> None:
    said = terminal.type(shown(SITE))
    assert set(said.changed.values()) == {0}, said.text
    record = inside("rehearsal-edge1", "tail -n 1 /var/lib/ftps-exchange-runs/runs.jsonl")
    assert json.loads(record)["result"] == "ok", record


def handed_over(terminal: Terminal) -> Mapping[str, str]:
    """The accounts' passwords, from the encrypted hand-over file."""
    said = terminal.type(".venv/bin/ansible-vault view .handover/mapping/*.yml")
    assert "$ANSIBLE_VAULT" in terminal.type("head -c 14 .handover/mapping/*.yml").text
    accounts = yaml.safe_load(said.text)["accounts"]
    passwords = {name: account["password"] for name, account in accounts.items()}
    terminal.keep_out(passwords.values())
    return passwords


def test_the_customer_transfers_a_file(terminal: Terminal) -> None:
    password = handed_over(terminal)["harbour-upload"]
    inside(CUSTOMER_HOST, "cat > /root/root.pem", terminal.read(f"{MINE}/certificates/root.pem"))
    inside(CUSTOMER_HOST, "echo hello > /root/hello.txt")
    curl = "curl --silent --show-error --config - --ssl-reqd --cacert /root/root.pem --max-time 30"
    config = f'user = "harbour-upload:{password}"\n'
    inside(CUSTOMER_HOST, f"{curl} --upload-file /root/hello.txt ftp://ftps.example.com/hello.txt", config)
    assert inside(CUSTOMER_HOST, f"{curl} ftp://ftps.example.com/hello.txt", config) == "hello\n"


def test_the_customer_gets_a_pack(terminal: Terminal) -> None:
    terminal.type(shown("ftps.exchange.customer_packs"))
    assert "guide" in terminal.type("ls packs/harbour-works").text


def test_verify_finds_nothing(terminal: Terminal, scenario: Path, tmp_path: Path) -> None:
    """`make verify` of a clone, with the operator's inventory, key and network."""
    subprocess.run(["podman", "cp", f"{CONTROL}:{terminal.folder}/{MINE}", tmp_path / "mine"], check=True)
    subprocess.run(["podman", "cp", f"{CONTROL}:{HOME}/.ssh", tmp_path / "ssh"], check=True)
    vault = tmp_path / "vault"
    vault.write_text(terminal.read(VAULT_PASSWORD.replace("~", HOME)))
    vault.chmod(0o600)
    passwords = tmp_path / "passwords.yml"
    passwords.write_text(yaml.safe_dump(dict(handed_over(terminal))))
    passwords.chmod(0o600)
    hosts = {"harbour": "10.82.40.20", "stranger": "10.82.40.66"}
    known = subprocess.run(
        [*_at_control(), "ssh-keyscan", "-t", "ed25519", *hosts.values()], capture_output=True, text=True, check=True
    )
    (tmp_path / "known_hosts").write_text(known.stdout)
    vantage_points = yaml.safe_load(block("docs/verify.md", "From where: vantage points", "yaml"))
    ssh = {
        "ansible_user": "deploy",
        "ansible_ssh_private_key_file": str(tmp_path / "ssh" / "id_ed25519"),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={tmp_path / 'known_hosts'}",
    }
    vantage_points["all"]["children"]["vantage_points"]["hosts"] = {
        name: {"verify_as": as_, "ansible_host": hosts[name], **ssh}
        for name, as_ in (("harbour", "harbour-works"), ("stranger", "stranger"))
    }
    (tmp_path / "mine" / "vantage_points.yml").write_text(yaml.safe_dump(vantage_points))
    variables = [
        f"INVENTORY={tmp_path / 'mine'}",
        f"PASSWORDS={passwords}",
        f"REPORTS={PROJECT / 'reports' / 'rehearsal'}",
    ]
    variables += [f"ANSIBLE_VAULT_PASSWORD_FILE={vault}", "FULL=1", "QUICK=1"]
    done = subprocess.run(
        [*_at_control(), "env", *variables, PROJECT / "scripts" / "verify"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _at_control() -> list[str]:
    """In the network of the control node, where there are ways to the customers' hosts."""
    found = subprocess.run(
        ["podman", "inspect", "--format", "{{.State.Pid}}", CONTROL], capture_output=True, text=True, check=True
    )
    return ["nsenter", f"--net=/proc/{found.stdout.strip()}/ns/net"]
