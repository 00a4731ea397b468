"""Type checkers follow every import of this project's own code: none of it is Any, where mistakes would go unseen."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
OWN = re.compile(r"^\s*from (ansible_collections\.ftps\.exchange\.[\w.]+|ftps_exchange[\w.]*) import (.+?)$", re.M)


def test_no_import_of_our_own_is_any(tmp_path: Path) -> None:
    modules = {
        match[1]
        for folder in ("plugins", "tests", "scripts")
        for path in sorted((PROJECT / folder).rglob("*.py"))
        for match in OWN.finditer(path.read_text(encoding="utf-8"))
    }
    assert any("module_utils" in module for module in modules)
    probe = tmp_path / "probe.py"
    imports = "".join(f"import {module}\n" for module in sorted(modules))
    probe.write_text(imports + "".join(f"reveal_type({module})\n" for module in sorted(modules)))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", PROJECT / "pyproject.toml", probe],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", "MYPY_CONFIG_FILE_DIR": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    revealed = re.findall(r'Revealed type is "(.*?)"', done.stdout)
    assert len(revealed) == len(modules), done.stdout + done.stderr
    assert [kind for kind in revealed if "Any" in kind] == []
