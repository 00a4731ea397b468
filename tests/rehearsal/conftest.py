"""What the steps of the rehearsal share: the operator's terminal, the passwords, the archives of the collection."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rehearsal.documents import PROJECT
from tests.rehearsal.terminal import BECOME_PROMPT, CONTROL, HOME, SUDO_PROMPT, Terminal


@pytest.fixture(scope="session")
def scenario() -> Path:
    """Molecule's folder of this scenario."""
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])


@pytest.fixture(scope="session")
def passwords(scenario: Path) -> Mapping[str, str]:
    """Of the directory's two accounts, and of the account on the hosts."""
    found: Mapping[str, str] = json.loads((scenario / "passwords.json").read_text())
    return found


@pytest.fixture(scope="session")
def terminal(passwords: Mapping[str, str]) -> Terminal:
    """The operator at the control node. reports/rehearsal.txt is what was typed and what came back."""
    answers = {SUDO_PROMPT.format(name): passwords[name] for name in ("deploy", "operator")}
    answers[BECOME_PROMPT] = passwords["deploy"]
    terminal = Terminal(PROJECT / "reports" / "rehearsal.txt", answers)
    terminal.keep_out(passwords.values())
    return terminal


def build(source: Path, folder: Path, version: str) -> Path:
    """The archive of a tree under another version, as `make collection` builds it, at the operator's home."""
    folder.mkdir()
    galaxy = source / "galaxy.yml"
    lines = galaxy.read_text().splitlines()
    galaxy.write_text("".join(f"{f'version: {version}' if line.startswith('version:') else line}\n" for line in lines))
    command = ["ansible-galaxy", "collection", "build", "--force", "--output-path", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True, cwd=PROJECT)
    (archive,) = folder.glob("*.tar.gz")
    subprocess.run(["podman", "cp", archive, f"{CONTROL}:{HOME}/{archive.name}"], check=True)
    return archive


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Names of two archives: an older one, and this tree under a higher version.

    REHEARSAL_FROM names the commit of the older one; without it, it is this tree under a lower version.
    """
    work = tmp_path_factory.mktemp("collection")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=PROJECT, capture_output=True, check=True).stdout
    for folder in ("old", "new"):
        (work / folder).mkdir()
        copy = ["xargs", "-0", "cp", "--no-dereference", "--parents", "--target-directory", str(work / folder)]
        if folder == "old" and (commit := os.environ.get("REHEARSAL_FROM")):
            archive = work / "old.tar"
            subprocess.run(["git", "archive", "--output", archive, commit], cwd=PROJECT, check=True)
            with tarfile.open(archive) as tree:
                tree.extractall(work / folder, filter="tar")
        else:
            subprocess.run(copy, input=names, cwd=PROJECT, check=True)
    return {
        "old": build(work / "old", work / "built-old", "0.0.1").name,
        "new": build(work / "new", work / "built-new", "0.0.2").name,
    }
