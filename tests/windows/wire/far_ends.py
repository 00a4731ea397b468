"""Who answers for the Windows host: the PowerShell engine for this project's modules, scripts for everybody else's.

A module of ours is run with what arrived over the wire: the same command, the same standard input. What only Windows
has is replaced by stand-ins (tests/windows/stand_ins), in the environment that a far end is given. Two things are
exchanged in what arrived: the utils that stand-ins stand in for, and drives, which are folders here.

A module of others is not run at all. Its answer is *scripted*: it says that something changed when it is asked for
something the first time outside check mode, and that nothing changed when it is asked for the same again. So such a
call proves what was sent, and nothing of what it would do.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from .calls import SEPARATOR, Call, Received
from .endpoint import Answer, FarEnd

PATHS: Final = frozenset({"root", "request_file"})
"""Options of this project's modules that name a place on the host."""

type Result = dict[str, Any]
type Script = Callable[[Call], Result]


def as_answer(result: Mapping[str, Any]) -> Answer:
    """What a module that ends with this result writes."""
    return Answer(json.dumps(result).encode(), exit_code=1 if result.get("failed") else 0)


class Scripted(FarEnd):
    """Answers by scripts; remembers what was asked for, as a host would have become it."""

    def __init__(self, scripts: Mapping[str, Script] | None = None) -> None:
        self.scripts = dict(scripts or {})
        self.files: dict[str, bytes] = {}
        self._done: set[str] = set()

    def module(self, call: Call) -> Answer:
        script = self.scripts.get(call.module)
        return as_answer(self.as_wished(call) | (script(call) if script else {}))

    def other(self, received: Received) -> Answer:
        """What Ansible does besides calling modules: a temporary folder, a file in it, and away with both."""
        manifest, data = received.manifest
        action: dict[str, Any] = manifest["actions"][-1] if manifest else {"name": ""}
        match action["name"]:
            case "winrm_put_file.ps1":
                content = b"".join(base64.b64decode(line) for line in data.split())
                self.files[action["params"]["Path"]] = content
                return Answer(json.dumps({"sha1": hashlib.sha1(content, usedforsecurity=False).hexdigest()}).encode())
            case "powershell_mkdtemp.ps1":
                return Answer(rf"C:\Windows\Temp\{action['params']['Name']}".encode())
        if "Remove-Item" in received.script:
            return Answer()
        return super().other(received)

    def as_wished(self, call: Call) -> Result:
        """Changed when the host has not been told this before."""
        wish = json.dumps([call.full_name, call.arguments], sort_keys=True)
        changed = wish not in self._done
        if not call.check_mode:
            self._done.add(wish)
        return {"changed": changed}


class Engine(Scripted):
    """Runs this project's modules by the PowerShell engine, and answers others' by scripts."""

    def __init__(
        self,
        program: Path,
        directory: Path,
        environment: Mapping[str, str] | None = None,
        scripts: Mapping[str, Script] | None = None,
        utils: Mapping[str, Path] | None = None,
    ) -> None:
        super().__init__(scripts)
        self.drives = directory / "drives"
        self.utils = {name: base64.b64encode(path.read_bytes()).decode() for name, path in (utils or {}).items()}
        # Ansible's wrapper on the host looks the program up by the name that Windows has for it
        self.program = directory / "bin" / "powershell"
        self.program.parent.mkdir(parents=True, exist_ok=True)
        self.program.symlink_to(program)
        path = f"{self.program.parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**(environment or {}), "PATH": path}
        self.ran: list[str] = []

    def module(self, call: Call) -> Answer:
        if not call.is_ours or call.module in self.scripts:
            return super().module(call)
        self.ran.append(call.module)
        return self.run(Received(call.received.command_line, self.at_home(call.received.standard_input)))

    def at_home(self, standard_input: bytes) -> bytes:
        """What arrived, with the utils of the stand-ins, and with paths of this machine in place of a drive's."""
        first, separator, manifest_text = standard_input.partition(SEPARATOR)
        manifest = json.loads(manifest_text)
        for name, script in self.utils.items():
            if name in manifest["scripts"]:
                manifest["scripts"][name]["script"] = script
        for variable in manifest["actions"][-1]["params"]["Variables"]:
            for name in PATHS & variable["Value"].keys():
                variable["Value"][name] = str(self.local(variable["Value"][name]))
        return first + separator + json.dumps(manifest).encode()

    def local(self, path: str) -> Path:
        """Where a path of Windows is on this machine."""
        return self.drives.joinpath(path[0], *path[3:].split("\\"))

    def run(self, received: Received) -> Answer:
        """Run a command as the host would: the program of the command line is the one that the engine stands for."""
        program, *switches = received.command_line.split()
        if program.lower() not in ("powershell", "powershell.exe"):
            raise ValueError(f"the command begins with {program}")
        done = subprocess.run(
            [self.program, *switches],
            input=received.standard_input,
            env=os.environ | self.environment,
            capture_output=True,
            timeout=300,
            check=False,
        )
        return Answer(done.stdout, done.stderr, done.returncode)
