"""Finds and reads the customer files of one inventory."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftps_exchange.model.problems import (
    NO_SECRETS_HERE,
    FieldPath,
    Problem,
    field_name,
    looks_secret,
    nearest,
    printable,
    shorten,
)
from ftps_exchange.model.yaml_reader import MAXIMUM_BYTES, Document, read_yaml

# Leftovers of editors and version control: not customers, and no reason to stop a run.
_LEFT_BEHIND = re.compile(r".*(~|\.bak|\.orig|\.rej|\.old|\.save|\.tmp|\.swp|\.swo|\.dpkg-\w+)|#.*#", re.IGNORECASE)
# Never a .yml file: a customer may be called readme-x and must not vanish silently.
_ABOUT_THE_FOLDER = re.compile(r"README(\.(md|rst|txt|adoc))?", re.IGNORECASE)
_WRONG_SUFFIX = re.compile(r"(?P<stem>.+)\.(ya?ml|json)", re.IGNORECASE)


@dataclass(slots=True)
class CustomerFile:
    """One customer file that could be read as a mapping, still unchecked."""

    name: str
    label: str
    path: Path
    content: dict[str, Any]
    # Fields already reported by the YAML reader: no second message.
    refused: list[FieldPath] = field(default_factory=list)


@dataclass(slots=True)
class Loaded:
    """All customer files of a directory, and what was wrong with reading them."""

    customers: list[CustomerFile] = field(default_factory=list)
    # Names of all customers that have a file, readable or not.
    names: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def load_customers(directory: Path) -> Loaded:
    """Return every customer file in the directory. No content raises an exception."""
    loaded = Loaded()
    top = _text(directory.name) or "customers"
    try:
        with os.scandir(directory) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except (OSError, ValueError) as error:
        loaded.problems.append(
            Problem(
                file=top,
                field="",
                value=None,
                message=f"is not a readable directory of customer files: {_reason(error)} ({_text(str(directory))}).",
                remedy="Create it beside the inventory (it may be empty), or set exchange_model_customers_dir.",
            )
        )
        return loaded
    for entry in entries:
        _load_entry(entry, f"{top}/{_text(entry.name)}", loaded)
    if not loaded.names and not loaded.problems:
        loaded.notes.append(f"{top}: no customer has a file; every customer known so far counts as absent.")
    return loaded


def _load_entry(entry: os.DirEntry[str], label: str, loaded: Loaded) -> None:
    def refuse(message: str, remedy: str) -> None:
        loaded.problems.append(Problem(file=label, field="", value=None, message=message, remedy=remedy))

    if _LEFT_BEHIND.fullmatch(entry.name) or (entry.name.startswith(".") and entry.name.endswith(".yml")):
        loaded.notes.append(f"{label}: ignored, since its name is that of a backup or of a hidden file.")
        return
    if entry.name.startswith(".") or _ABOUT_THE_FOLDER.fullmatch(entry.name):
        return
    if entry.is_symlink() and not os.path.exists(entry.path):
        refuse("is a symbolic link to nothing.", "Repair or remove the link; to offboard, set state: absent.")
        return
    try:
        mode = os.stat(entry.path).st_mode
    except OSError as error:
        refuse(f"cannot be read: {_reason(error)}.", "Make it readable for the user who runs Ansible.")
        return
    if stat.S_ISDIR(mode):
        refuse("is a directory.", "Keep customer files side by side: directories in here are not read.")
        return
    if not entry.name.endswith(".yml"):
        wrong = _WRONG_SUFFIX.fullmatch(_text(entry.name))
        refuse(
            "is not a .yml file, so it would be overlooked.",
            f"Rename it to {wrong['stem']}.yml." if wrong else "Name customer files <name>.yml; move others elsewhere.",
        )
        return
    name = _text(entry.name.removesuffix(".yml"))
    loaded.names.append((name, label))
    if not stat.S_ISREG(mode):
        refuse("is not a regular file.", "Replace it by a text file.")
        return
    document = _read(Path(entry.path), refuse)
    if document is None:
        return
    for flaw in document.flaws:
        secret = looks_secret(flaw.path)
        loaded.problems.append(
            Problem(
                file=label,
                field=field_name(flaw.path),
                value=None if flaw.value is None or secret else printable(flaw.value),
                message=flaw.message,
                remedy=NO_SECRETS_HERE if secret else flaw.remedy,
                line=flaw.line,
            )
        )
    if document.is_complete and isinstance(document.value, dict):
        loaded.customers.append(
            CustomerFile(name, label, Path(entry.path), document.value, [flaw.path for flaw in document.flaws])
        )
    elif not document.flaws and document.is_empty:
        refuse("is empty.", "Describe the customer, or write 'state: absent' to offboard it.")
    elif not document.flaws:
        refuse(
            f"is not a mapping of keys to values ({shorten(document.value)}).",
            "Write keys such as sources: and accounts:, as in the customer files beside it.",
        )


def _read(path: Path, refuse: Any) -> Document | None:
    try:
        with path.open("rb") as file:
            data = file.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        refuse(f"cannot be read: {_reason(error)}.", "Make it readable for the user who runs Ansible.")
        return None
    if len(data) > MAXIMUM_BYTES:
        refuse(f"is larger than {MAXIMUM_BYTES // 1024} KiB.", "A customer file has some dozens of lines; look at it.")
        return None
    if data.startswith(b"$ANSIBLE_VAULT;"):
        refuse(
            "is encrypted with ansible-vault, and the model is read as it is written.",
            f"Decrypt it: ansible-vault decrypt {_text(path.name)}. No secret stands in a customer file.",
        )
        return None
    return read_yaml(data)


def lines_of(path: Path) -> Document:
    """Return the document with the lines of its fields, as far as it is readable."""
    try:
        with path.open("rb") as file:
            return read_yaml(file.read(MAXIMUM_BYTES), with_lines=True)
    except OSError:
        return Document()


def suggestion(word: str, known: list[str]) -> str:
    """Return the end of a remedy that names the nearest known word."""
    guess = nearest(word, known)
    return f" Did you mean '{printable(guess)}'?" if guess else ""


def _text(name: str) -> str:
    """Return a file name as text that can be printed and sent as JSON (names on Linux are bytes)."""
    return printable(name)


def _reason(error: Exception) -> str:
    return printable(getattr(error, "strerror", None) or str(error))
