#!/usr/bin/env python3
"""Writes down what `make verify` is to look at, from an inventory: what tests/exchange reads.

    scripts/verify_target.py INVENTORY FILE

Passwords come from the file PASSWORDS (mode 0600; may be encrypted with ansible-vault) and from variables of the
environment, FTPS_EXCHANGE_PASSWORD_<ACCOUNT>. FILE is written with mode 0600, since they stand in it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ftps_exchange.errors import ExchangeError
from ftps_exchange.inventory.files import VAULT_REMEDY
from ftps_exchange.model.problems import ModelError
from ftps_exchange.verify import describe


def listing(inventory: str) -> Mapping[str, Any]:
    """What Ansible makes of the inventory; files that are encrypted as a whole are decrypted by its own settings."""
    done = subprocess.run(
        ["ansible-inventory", "--inventory", inventory, "--list"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 and re.search("vault (secrets|password)|Decryption failed", done.stderr):
        raise ExchangeError(
            "has a file that is encrypted with ansible-vault, and the password that was given, if any, does not fit",
            field="INVENTORY",
            value=inventory,
            remedy=VAULT_REMEDY,
        )
    if done.returncode != 0:
        raise ExchangeError(
            done.stderr.strip() or "ansible-inventory failed",
            field="INVENTORY",
            value=inventory,
            remedy="See what `ansible-inventory --list` says about it",
        )
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def read_passwords(path: Path) -> Any:
    """The content of a file that nobody else may read."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ExchangeError(
            f"cannot be read: {error.strerror}", field="PASSWORDS", value=str(path), remedy="Name a file that exists"
        ) from error
    if text.startswith("$ANSIBLE_VAULT;"):
        done = subprocess.run(["ansible-vault", "view", str(path)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ExchangeError(
                "cannot be decrypted",
                field="PASSWORDS",
                value=str(path),
                remedy=VAULT_REMEDY,
            )
        text = done.stdout
    elif mode & 0o077:
        raise ExchangeError(
            "can be read by others", field="PASSWORDS", value=str(path), remedy=f"chmod 600 {path}, or encrypt it"
        )
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        # The parser's message would quote a line with a password
        raise ExchangeError(
            "is not YAML", field="PASSWORDS", value=str(path), remedy="Write one line per account: name: password"
        ) from error


def main(arguments: list[str]) -> int:
    inventory, target = arguments
    folder = Path(inventory) if Path(inventory).is_dir() else Path(inventory).parent
    try:
        if not Path(inventory).exists():
            raise ExchangeError("does not exist", field="INVENTORY", value=inventory, remedy="Name an inventory")
        file = os.environ.get("PASSWORDS")
        content = read_passwords(Path(file)) if file else None
        found = listing(inventory)
        known = describe.passwords_of(content, os.environ, describe.accounts(found, folder), file or "PASSWORDS")
        description = describe.from_inventory(found, folder, known, full=bool(os.environ.get("FULL")))
    except (ExchangeError, ModelError) as error:
        print(error, file=sys.stderr)
        return 2
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as output:
        json.dump(description, output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
