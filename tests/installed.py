"""A user's own folder: the collection installed from its archive, and an environment with the pinned requirements."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

CONFIGURATION = """\
[defaults]
inventory = inventories/mine
collections_path = collections
gathering = explicit
[inventory]
ignore_patterns = ^customers$, ^certificates$
"""


class Folder:
    """An empty folder with the collection in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "ansible.cfg").write_text(CONFIGURATION)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", path / "venv"], check=True)
        # Names the pinned packages; what is installed from this checkout is named in a .pth file, which is not followed
        (site,) = (path / "venv").glob("lib/python3*/site-packages")
        (site / "pinned.pth").write_text(sysconfig.get_path("purelib"))
        subprocess.run([PROJECT / "scripts" / "collection", path], check=True, capture_output=True)
        (archive,) = path.glob("ftps-exchange-*.tar.gz")
        done = self.run("ansible", "galaxy", "collection", "install", "--offline", "--no-deps", archive.name)
        assert done.returncode == 0, done.stdout + done.stderr

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program of Python's or Ansible's, without the settings of the user."""
        command = ["-m", *words] if words[0] == "ansible" else list(words[1:])
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
        return subprocess.run(
            [self.path / "venv" / "bin" / "python", *command],
            cwd=self.path,
            env={**kept, "ANSIBLE_HOME": str(self.path / "home"), "ANSIBLE_NOCOLOR": "1", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
