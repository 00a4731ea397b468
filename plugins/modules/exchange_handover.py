#!/usr/bin/python
"""New passwords, and the file in which they are handed over."""

from __future__ import annotations

DOCUMENTATION = r"""
module: exchange_handover
short_description: Generate passwords and write them to a hand-over file
version_added: "0.1.0"
description:
  - Generates a password for each account and writes all of them to one new file that only its owner can read. The
    file is on the disk before the module returns, so a password that is set afterwards is never lost.
  - With O(vault_id), C(ansible-vault) encrypts the file. It gets the text through a pipe, so the clear text is never
    on the disk.
  - A password has 24 random characters out of 57 in four groups (C(k7TmPz-…), 139 bits). No two characters of the
    alphabet are easily confused. A password always contains upper case, lower case, digits and a hyphen, and never
    the account's name, so it meets the complexity rules of Active Directory.
  - Runs on the control node.
options:
  accounts:
    description: The accounts. Each has V(name) and V(customer); other keys are ignored.
    type: list
    elements: dict
    required: true
  exchange:
    description: Name of the exchange, for the reader of the file.
    type: str
    required: true
  directory:
    description: Folder of the file, as an absolute path. It is created with mode 0700. A symbolic link is refused.
    type: path
    required: true
  vault_id:
    description:
      - Encrypt the file with this vault identity, V(label@source). The source is a file, or a script that prints the
        password; V(prompt) is refused, because nobody can answer it in a module.
    type: str
  vault_base:
    description: Base folder of a relative source in O(vault_id).
    type: path
  only_account:
    description: Only the account of this name. Fails if there is none in O(accounts), and suggests the nearest name.
    type: str
  only_customer:
    description: Only the accounts of this customer. Fails if there are none in O(accounts), and suggests the nearest
      name.
    type: str
notes:
  - Returns the passwords, so that they can be set. Use C(no_log) on the task. No message of this module contains one.
attributes:
  check_mode:
    support: full
    description: Selects the accounts and writes nothing. No passwords are returned.
  diff_mode:
    support: none
    description: Everything would be secret.
seealso:
  - module: ftps.exchange.ldap_passwords
author: the ftps-exchange authors
"""

EXAMPLES = r"""
- name: Make initial passwords and write them down
  ftps.exchange.exchange_handover:
    accounts: "{{ directory_result.accounts_without_password }}"
    exchange: lab
    directory: "{{ playbook_dir | dirname }}/.handover/lab"
    vault_id: handover@~/.vault/handover
  delegate_to: localhost
  no_log: true
  register: handover
"""

RETURN = r"""
path:
  description: The file. In check mode its directory.
  type: str
  returned: success
accounts:
  description: The selected accounts.
  type: list
  elements: dict
  returned: success
  sample: [{name: acme-up, customer: acme}]
passwords:
  description: The password of each account, by name. Empty in check mode.
  type: dict
  returned: success
encrypted:
  description: Whether the file is encrypted.
  type: bool
  returned: success
"""

import difflib
import json
import os
import secrets
import shutil
import stat
import string
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ansible.module_utils.basic import AnsibleModule

LOWER: Final = "".join(char for char in string.ascii_lowercase if char not in "l")
UPPER: Final = "".join(char for char in string.ascii_uppercase if char not in "IO")
DIGITS: Final = "23456789"
GROUPS: Final = 4
GROUP_LENGTH: Final = 6
FILES_A_SECOND: Final = 100
SECONDS_TO_ENCRYPT: Final = 60


class HandoverError(Exception):
    """What a person needs to know: what happened, where, and what to do about it."""


def make_password(account: str) -> str:
    """Random characters until the rules are met, which is nearly always the first time."""
    while True:
        groups = ["".join(secrets.choice(LOWER + UPPER + DIGITS) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS)]
        password = "-".join(groups)
        if is_complex(password, account):
            return password


def is_complex(password: str, account: str) -> bool:
    """Active Directory wants three of the classes, and refuses the account's name (of three characters or more)."""
    classes = all(any(char in alphabet for char in password) for alphabet in (LOWER, UPPER, DIGITS))
    return classes and not (len(account) >= 3 and account.casefold() in password.casefold())


def select(
    accounts: Sequence[Mapping[str, Any]], only_account: str | None, only_customer: str | None
) -> list[dict[str, str]]:
    """The accounts that are meant; a name that nobody has is most likely a slip of the pen."""
    selected = [{"name": str(account["name"]), "customer": str(account["customer"])} for account in accounts]
    for key, label, wanted in (
        ("name", "account", only_account),
        ("customer", "customer with an account", only_customer),
    ):
        if not wanted:
            continue
        known = sorted({account[key] for account in selected})
        selected = [account for account in selected if account[key] == wanted]
        if not selected:
            near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise HandoverError(f"The model has no {label} called {wanted!r}.{hint}")
    return sorted(selected, key=lambda account: account["name"])


def content(exchange: str, now: datetime, accounts: Sequence[Mapping[str, str]], passwords: Mapping[str, str]) -> str:
    """YAML, of the kind that is JSON inside: no value can be read as something else."""
    lines = [
        "---",
        "# New passwords. Send each to its customer over a channel that nobody else can read, then delete this file:",
        "# the service does not need it. A password that got lost is replaced by playbooks/rotate_password.yml.",
        f"exchange: {json.dumps(exchange)}",
        f"created: {json.dumps(now.strftime('%Y-%m-%dT%H:%M:%SZ'))}",
        "accounts:",
    ]
    for account in accounts:
        value = {"customer": account["customer"], "password": passwords[account["name"]]}
        lines.append(f"  {json.dumps(account['name'])}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def encrypt(text: str, vault_id: str, base: str) -> str:
    """The text as ansible-vault encrypts it. It goes there by a pipe."""
    label, at, source = vault_id.partition("@")
    if not at or not label or not source:
        raise HandoverError(
            f"vault id {vault_id!r}: write label@source, where the source is a file or a script that gives the "
            "vault's password."
        )
    if source.startswith("prompt"):
        raise HandoverError(
            f"vault id {vault_id!r}: nobody can answer a prompt here. Name a file or a script that gives the "
            "vault's password."
        )
    path = Path(base, Path(source).expanduser())
    if not path.is_file():
        raise HandoverError(
            f"vault id {vault_id!r}: {path} does not exist. Create it, or correct directory_handover_vault_id."
        )
    try:
        result = subprocess.run(
            [vault_program(), "encrypt", "--vault-id", f"{label}@{path}", "--encrypt-vault-id", label, "--output", "-"],
            input=text.encode(),
            capture_output=True,
            check=False,
            cwd="/",
            # Another vault identity of the caller, one that prompts perhaps, has no say in this.
            env={name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            timeout=SECONDS_TO_ENCRYPT,
        )
    except subprocess.TimeoutExpired:
        # Not chained: the exception carries what ansible-vault was given to encrypt.
        raise HandoverError(
            f"vault id {vault_id!r}: ansible-vault gave no answer for {SECONDS_TO_ENCRYPT} s."
        ) from None
    encrypted = result.stdout.decode(errors="replace")
    if result.returncode != 0 or not encrypted.startswith("$ANSIBLE_VAULT;"):
        words = " ".join(result.stderr.decode(errors="replace").split())[-300:]
        raise HandoverError(f"vault id {vault_id!r}: ansible-vault failed: {words}")
    return encrypted if encrypted.endswith("\n") else encrypted + "\n"


def vault_program() -> str:
    """The ansible-vault that stands beside the Python that runs this, else the one of the path."""
    beside = Path(sys.executable).parent / "ansible-vault"
    program = str(beside) if beside.is_file() else shutil.which("ansible-vault")
    if program is None:
        raise HandoverError("ansible-vault is not installed beside this Python; it comes with ansible-core.")
    return program


def write_new_file(directory: str, now: datetime, text: str) -> str:
    """A new file, whole and on the disk when this returns. Follows no symbolic link that stands in its place."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    try:
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise HandoverError(
            f"{directory} is no directory of its own ({error.strerror}). Passwords are not written through a "
            "link; give another path."
        ) from error
    try:
        details = os.fstat(folder)
        if details.st_uid != os.geteuid():
            raise HandoverError(
                f"{directory} belongs to another user (uid {details.st_uid}), who could read what is written "
                "there. Give another path."
            )
        if stat.S_IMODE(details.st_mode) & 0o077:
            os.fchmod(folder, 0o700)
        stamp = now.strftime("%Y-%m-%dT%H%M%SZ")
        for number in range(1, FILES_A_SECOND + 1):
            # Sorted by name, files stand in the order in which they were made
            name = f"{stamp}.yml" if number == 1 else f"{stamp}_{number:02d}.yml"
            try:
                file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
            except FileExistsError:
                continue
            with os.fdopen(file, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.fsync(folder)
            return os.path.join(directory, name)
        raise HandoverError(f"{directory} holds {FILES_A_SECOND} files of this second already.")
    finally:
        os.close(folder)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "accounts": {"type": "list", "elements": "dict", "required": True},
            "exchange": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "vault_id": {"type": "str"},
            "vault_base": {"type": "path"},
            "only_account": {"type": "str"},
            "only_customer": {"type": "str"},
        },
        supports_check_mode=True,
    )
    options = module.params
    directory: str = options["directory"]
    passwords: dict[str, str] = {}
    path = directory
    try:
        accounts = select(options["accounts"], options["only_account"], options["only_customer"])
        if not os.path.isabs(directory):
            raise HandoverError(f"{directory}: give an absolute path.")
        if accounts and not module.check_mode:
            now = datetime.now(UTC)
            passwords = {account["name"]: make_password(account["name"]) for account in accounts}
            text = content(options["exchange"], now, accounts, passwords)
            if options["vault_id"]:
                text = encrypt(text, options["vault_id"], options["vault_base"] or os.getcwd())
            path = write_new_file(directory, now, text)
    except HandoverError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or directory}: {error.strerror}. No password was handed over.")
    module.exit_json(
        changed=bool(accounts), path=path, accounts=accounts, passwords=passwords, encrypted=bool(options["vault_id"])
    )


if __name__ == "__main__":
    main()
