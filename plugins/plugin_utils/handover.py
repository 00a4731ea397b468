"""New passwords, and the hand-over file."""

from __future__ import annotations

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
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ansible import constants
from ansible.errors import AnsibleError
from ansible.parsing.vault import VaultLib, match_encrypt_secret

LOWER: Final = "".join(char for char in string.ascii_lowercase if char not in "l")
UPPER: Final = "".join(char for char in string.ascii_uppercase if char not in "IO")
DIGITS: Final = "23456789"
GROUPS: Final = 4
GROUP_LENGTH: Final = 6
FILES_A_SECOND: Final = 100
SECONDS_TO_ENCRYPT: Final = 60


class HandoverError(Exception):
    """An error for the user: what happened, where, and the remedy."""


def make_password(account: str) -> str:
    """Generate random characters until they meet the rules, nearly always at the first attempt."""
    while True:
        groups = ["".join(secrets.choice(LOWER + UPPER + DIGITS) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS)]
        password = "-".join(groups)
        if is_complex(password, account):
            return password


def is_complex(password: str, account: str) -> bool:
    """Active Directory requires three of the classes, and refuses the account's name (of three characters or more)."""
    classes = all(any(char in alphabet for char in password) for alphabet in (LOWER, UPPER, DIGITS))
    return classes and not (len(account) >= 3 and account.casefold() in password.casefold())


def select(
    accounts: Sequence[Mapping[str, Any]], only_account: str | None, only_customer: str | None
) -> list[dict[str, str]]:
    """Select accounts; an unknown name is most likely a typing error."""
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
    """Return YAML with JSON values, so no value can be read as another type."""
    lines = [
        "---",
        "# New passwords. Send each to its customer over a channel that nobody else can read, then delete this file:",
        "# the service does not need it. To replace a lost password, run playbooks/rotate_password.yml.",
        f"exchange: {json.dumps(exchange)}",
        f"created: {json.dumps(now.strftime('%Y-%m-%dT%H:%M:%SZ'))}",
        "accounts:",
    ]
    for account in accounts:
        value = {"customer": account["customer"], "password": passwords[account["name"]]}
        lines.append(f"  {json.dumps(account['name'])}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def encrypt(text: str, vault_id: str, base: str) -> str:
    """Encrypt the text with ansible-vault, which gets it through a pipe."""
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
            # Ignore other vault identities of the caller, which may prompt.
            env={name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            timeout=SECONDS_TO_ENCRYPT,
        )
    except subprocess.TimeoutExpired:
        # Not chained: the exception contains the clear text.
        raise HandoverError(
            f"vault id {vault_id!r}: ansible-vault gave no answer for {SECONDS_TO_ENCRYPT} s."
        ) from None
    encrypted = result.stdout.decode(errors="replace")
    if result.returncode != 0 or not encrypted.startswith("$ANSIBLE_VAULT;"):
        words = " ".join(result.stderr.decode(errors="replace").split())[-300:]
        raise HandoverError(f"vault id {vault_id!r}: ansible-vault failed: {words}")
    return encrypted if encrypted.endswith("\n") else encrypted + "\n"


def encrypt_like_the_inventory(text: str, vault: VaultLib) -> str:
    """The text, encrypted with the password that this run was given for the inventory's own files."""
    wanted = constants.config.get_config_value("DEFAULT_VAULT_ENCRYPT_IDENTITY")
    try:
        label, secret = match_encrypt_secret(vault.secrets, encrypt_vault_id=wanted)
        encrypted: bytes = VaultLib().encrypt(text.encode(), secret=secret, vault_id=label)
    except AnsibleError:
        # Not chained, and in words of its own: nothing of the text may be in the message
        raise HandoverError(
            f"The vault of this run has no identity {wanted!r} to encrypt new passwords with. Correct "
            "ANSIBLE_VAULT_ENCRYPT_IDENTITY, or set directory_handover_vault_id."
        ) from None
    return encrypted.decode()


def vault_program() -> str:
    """Find the ansible-vault beside this Python, or else in the PATH."""
    beside = Path(sys.executable).parent / "ansible-vault"
    program = str(beside) if beside.is_file() else shutil.which("ansible-vault")
    if program is None:
        raise HandoverError("ansible-vault is not installed beside this Python; it comes with ansible-core.")
    return program


def write_new_file(folder: str, now: datetime, text: str) -> str:
    """Write a new, complete file, which is on the disk on return. Follows no symbolic link.

    Not ``replace_file``: it must not replace an earlier file, and the folder stays open from its check to the end.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise HandoverError(
            f"{folder} is no folder of its own ({error.strerror}). Passwords are not written through a "
            "link; give another path."
        ) from error
    try:
        details = os.fstat(handle)
        if details.st_uid != os.geteuid():
            raise HandoverError(
                f"{folder} belongs to another user (uid {details.st_uid}), who could read what is written "
                "there. Give another path."
            )
        if stat.S_IMODE(details.st_mode) & 0o077:
            os.fchmod(handle, 0o700)
        stamp = now.strftime("%Y-%m-%dT%H%M%SZ")
        for number in range(1, FILES_A_SECOND + 1):
            # Sorted by name, files are in the order of their creation
            name = f"{stamp}.yml" if number == 1 else f"{stamp}_{number:02d}.yml"
            try:
                file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=handle)
            except FileExistsError:
                continue
            with os.fdopen(file, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.fsync(handle)
            return os.path.join(folder, name)
        raise HandoverError(f"{folder} holds {FILES_A_SECOND} files of this second already.")
    finally:
        os.close(handle)
