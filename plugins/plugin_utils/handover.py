"""New passwords, and the file in which they are handed over."""

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
        "# New passwords. Hand each to its customer by a way on which nobody else reads along, then delete this file:",
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


def write_new_file(folder: str, now: datetime, text: str) -> str:
    """A new file, whole and on the disk when this returns. Follows no symbolic link that stands in its place.

    Not ``replace_file``: no earlier file may be replaced, and the folder stays open from its check to the end.
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
            # Sorted by name, files stand in the order in which they were made
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
