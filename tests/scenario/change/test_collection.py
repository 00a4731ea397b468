"""The exchange run from the archive of the collection, in a folder that has an inventory and nothing else of ours."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.exchange.lab import PROJECT, Lab
from tests.installed import Folder


def test_an_installed_collection_finds_everything_as_declared(lab: Lab, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    shutil.copytree(PROJECT / lab.data["inventory"], folder.path / "inventories" / "mine")
    done = folder.run("ansible", "playbook", "ftps.exchange.site", "-e", f"lab_state_dir={lab.path.parent}")
    assert done.returncode == 0, done.stdout + done.stderr
    changed = dict(re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", done.stdout, re.M))
    assert set(changed.values()) == {"0"}, done.stdout
    assert len(changed) >= 2, "it met no hosts"
