"""A stand-in for restic, which keeps plain copies. The real one is used in tests/scenario/backup.

What it must not get, a secret among its arguments, it records as well: ``calls`` beside the program.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROGRAM = """\
#!{python} -IS
import json, os, pathlib, shutil, subprocess, sys, time

here = pathlib.Path(__file__).parent
arguments = [one for one in sys.argv[1:] if one != "--quiet"]
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
command, *options = arguments
named = dict(one[2:].split("=", 1) for one in options if one.startswith("--") and "=" in one)
values = [one for one in options if not one.startswith("--")]
listed = lambda name: [one.split("=", 1)[1] for one in options if one.startswith(f"--{{name}}=")]
repository = pathlib.Path(pathlib.Path(os.environ["RESTIC_REPOSITORY_FILE"]).read_text().strip())
password = pathlib.Path(os.environ["RESTIC_PASSWORD_FILE"]).read_text()
mode = (here / "mode").read_text() if (here / "mode").exists() else ""

if command == "version":
    print("restic 0.18.0 compiled with go")
elif command == "init":
    repository.mkdir()
    (repository / "config").write_text(password)
elif not (repository / "config").exists():
    sys.exit("Fatal: repository does not exist")
elif (repository / "config").read_text() != password:
    sys.exit("Fatal: wrong password")
elif command == "backup":
    number = f"{{len(list(repository.iterdir())):08x}}"
    copy = repository / number
    copy.mkdir()
    about = {{"id": number, "time": str(time.time()), "paths": values, "host": named["host"]}}
    if "--stdin" in options:
        (copy / named["stdin-filename"]).write_bytes(sys.stdin.buffer.read())
    for path in values:
        target = copy / "tree" / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        keeps = "--preserve=mode,ownership" if mode == "loses attributes" else "--preserve=all"
        subprocess.run(["cp", "-r", keeps, path, target], check=True)
    (copy / "about").write_text(json.dumps(about))
    for error in {{"unreadable": ["permission denied"], "vanished": ["no such file or directory"]}}.get(mode, []):
        print(json.dumps({{"message_type": "error", "item": "/x", "error": {{"message": error}}}}), file=sys.stderr)
    print(json.dumps({{"message_type": "summary", "snapshot_id": number}}))
    sys.exit(3 if mode in ("unreadable", "vanished") else 0)
elif command == "snapshots":
    found = [json.loads(one.read_text()) for one in sorted(repository.glob("*/about"))]
    print(json.dumps([one for one in found if one["host"] == named["host"]]))
elif command == "dump":
    sys.stdout.buffer.write((repository / values[0] / values[1].lstrip("/")).read_bytes())
elif command == "restore":
    tree = repository / values[0] / "tree"
    for path in listed("include") or [f"/{{one.name}}" for one in tree.iterdir()]:
        if not (tree / path.lstrip("/")).exists():
            continue
        target = pathlib.Path(named["target"]) / path.lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", "--preserve=all", "-T", tree / path.lstrip("/"), target], check=True)
"""


class FakeRestic:
    """The program in a folder that comes first on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "restic").write_text(PROGRAM.format(python=sys.executable))
        (folder / "restic").chmod(0o755)
        self.path = f"{folder}:{os.environ['PATH']}"

    def calls(self) -> str:
        return (self.folder / "calls").read_text()

    def behave(self, mode: str) -> None:
        """``loses attributes``, ``unreadable``, ``vanished``, or nothing of that."""
        (self.folder / "mode").write_text(mode)
