"""The PowerShell engine that tests run the project's Windows modules with.

It is looked for in the variable FTPS_EXCHANGE_PWSH, then as ``pwsh`` on the PATH. There are two ways to run a module:

* :class:`PowerShell` keeps one process and runs any number of modules and scripts in it, some milliseconds each;
* :func:`by_ansible` lets Ansible run the module through its own wrapper, as it does on a host: five seconds each.

What only Windows has is replaced by stand-ins, in tests/windows/stand_ins/.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, ClassVar

import ansible.module_utils

PROJECT = Path(__file__).resolve().parents[2]
HOST = Path(__file__).with_name("host.ps1")
VARIABLE = "FTPS_EXCHANGE_PWSH"
CSHARP = Path(next(iter(ansible.module_utils.__path__))) / "csharp"
COMPILER = Path(next(iter(ansible.module_utils.__path__))) / "powershell" / "Ansible.ModuleUtils.AddType.psm1"
REQUIRES = re.compile(r"^#\s*AnsibleRequires\s+-(CSharpUtil|PowerShell)\s+(\S+)", re.MULTILINE | re.IGNORECASE)


def find() -> Path | None:
    """The program, or none: then the checks that need it are left out, and the summary of pytest says how many."""
    named = os.environ.get(VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            raise RuntimeError(f"{VARIABLE} names {named}, which is no program that can be run")
        return Path(named).absolute()
    found = shutil.which("pwsh")
    return Path(found).absolute() if found else None


class PowerShellError(Exception):
    """A script failed, or the process ended or did not answer in time."""


def _processor_time(pid: int) -> float:
    """Seconds of processor time that a process has used: they do not depend on what else the machine does."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class PowerShell:
    """One process that runs modules and scripts one after the other."""

    # For mutants.py, which runs the same tests many times: what takes the place of a module's text, how many seconds of
    # processor time a call may use (four times that by the clock), and processes that outlive a session of tests
    instead: ClassVar[dict[Path, str]] = {}
    longest: ClassVar[float] = float("inf")
    kept: ClassVar[dict[Path, PowerShell] | None] = None

    @classmethod
    @contextmanager
    def session(cls, program: Path) -> Iterator[PowerShell]:
        """A process for a session of tests."""
        if cls.kept is not None:
            if program not in cls.kept:
                cls.kept[program] = cls(program)
            yield cls.kept[program]
            return
        process = cls(program)
        try:
            yield process
        finally:
            process.close()

    def __init__(self, program: Path, environment: Mapping[str, str] | None = None) -> None:
        self.program = program
        self.environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        # Standard input will not do: the engine reads it to its end before it starts a script
        self._folder = tempfile.TemporaryDirectory(prefix="ftps-exchange-powershell-")
        self.folder = Path(self._folder.name)
        self._request = self.folder / "request.json"
        os.mkfifo(self.folder / "bell")
        self._bell = os.open(self.folder / "bell", os.O_RDWR)

    def close(self) -> None:
        self._end()
        os.close(self._bell)
        self._log.close()
        self._folder.cleanup()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            files = (self.folder / "bell", self._request, CSHARP / "Ansible.Basic.cs", COMPILER)
            self._process = subprocess.Popen(
                [self.program, "-NoProfile", "-NonInteractive", "-File", HOST, *files],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=os.environ | self.environment,
            )
        return self._process

    def processor_seconds(self) -> float:
        """What the process has used of a processor: other than the clock, it does not tell who else was busy."""
        # The name, in parentheses, may have blanks; see proc_pid_stat(5)
        fields = Path(f"/proc/{self._running().pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _ask(self, request: dict[str, Any], timeout: float) -> Any:
        self._request.write_text(json.dumps(request), encoding="utf-8")
        process = self._running()
        assert process.stdout is not None
        os.write(self._bell, b"\n")
        os.set_blocking(process.stdout.fileno(), False)
        timeout = min(timeout, 4 * self.longest)
        received = b""
        deadline = time.monotonic() + timeout
        enough = _processor_time(process.pid) + self.longest
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not received.endswith(b"\n"):
                left = deadline - time.monotonic()
                if not selector.select(max(0.0, min(left, 1.0))):
                    if left <= 0:
                        raise self._ended(f"did not answer within {timeout:g} s")
                    if _processor_time(process.pid) > enough:
                        raise self._ended(f"used more than {self.longest:g} s of processor time")
                    continue
                part = process.stdout.read(1 << 20)
                if part == b"":
                    raise self._ended("ended before it answered")
                received += part or b""
        # What a script prints goes to the same place; an answer is the last line
        return json.loads(received.splitlines()[-1])

    def _ended(self, what: str) -> PowerShellError:
        self._end()
        self._log.seek(0)
        said = self._log.read().decode(errors="replace")[-4000:]
        return PowerShellError(f"The PowerShell process {what}. {said}")

    def script(
        self, text: str, *arguments: Any, environment: Mapping[str, str] | None = None, timeout: float = 120
    ) -> list[Any]:
        """Run a script with arguments that JSON can carry; what it puts out, as a list."""
        request = {
            "kind": "script",
            "name": "script",
            "text": text,
            "arguments": arguments,
            "environment": dict(environment or {}),
        }
        answer = self._ask(request, timeout)
        if "error" in answer:
            raise PowerShellError(answer["error"])
        value: list[Any] = answer["value"]
        return value

    def module(
        self,
        path: Path,
        arguments: Mapping[str, Any],
        *,
        check: bool = False,
        diff: bool = True,
        environment: Mapping[str, str] | None = None,
        text: str | None = None,
        utils: Mapping[str, Path] | None = None,
        timeout: float = 120,
    ) -> dict[str, Any]:
        """Run a module and give its result. ``crashed`` reports a crash: a module should fail with FailJson.

        ``text`` stands in for what the file holds (a mutant of it), ``utils`` for the files of the utils it requires.
        """
        if text is None:
            text = self.instead.get(path) or path.read_text(encoding="utf-8")
        required = required_utils(text) | dict(utils or {})
        request = {
            "kind": "module",
            "name": str(path),
            "text": text,
            "csharp": [str(util) for util in required.values() if util.suffix == ".cs"],
            "powershell": [str(util) for util in required.values() if util.suffix == ".psm1"],
            "arguments": {**arguments, "_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_verbosity": 3},
            "environment": dict(environment or {}),
        }
        answer: dict[str, Any] = self._ask(request, timeout)
        if "error" in answer:
            raise PowerShellError(answer["error"])
        return answer


def required_utils(text: str) -> dict[str, Path]:
    """The files of the utils that a module requires, by name, without Ansible.Basic, which is always there."""
    found: dict[str, Path] = {}
    for kind, name in REQUIRES.findall(text):
        if name == "Ansible.Basic":
            continue
        folder, suffix = ("csharp", ".cs") if kind.lower() == "csharputil" else ("powershell", ".psm1")
        ours = name.startswith("ansible_collections.ftps.exchange.")
        place = PROJECT / "plugins" / "module_utils" if ours else CSHARP.parent / folder
        found[name] = place / f"{name.rpartition('.')[2] if ours else name}{suffix}"
    return found


def collections_with(stand_in: Path, folder: Path) -> Path:
    """This checkout as a collection, with a stand-in for one of the utils: a folder for ANSIBLE_COLLECTIONS_PATH."""
    ours = folder / "ansible_collections" / "ftps" / "exchange"
    utils = ours / "plugins" / "module_utils"
    utils.mkdir(parents=True)
    for path in (PROJECT / "plugins").iterdir():
        if path.name != "module_utils":
            (ours / "plugins" / path.name).symlink_to(path)
    for path in (PROJECT / "plugins" / "module_utils").iterdir():
        (utils / path.name).symlink_to(stand_in if path.name == stand_in.name else path)
    return folder


def by_ansible(
    program: Path,
    module: str,
    arguments: Mapping[str, Any],
    *,
    check: bool = False,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Let Ansible run a module on this machine, by the wrapper that it uses on Windows; the module's result."""
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_pwsh_interpreter": str(program)},
        "tasks": [{"name": module, module: dict(arguments), "environment": dict(environment or {})}],
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "play.yml"
        file.write_text(json.dumps([play]), encoding="utf-8")
        done = subprocess.run(
            ["ansible-playbook", "--inventory", "localhost,", "--diff", *(["--check"] if check else []), file],
            cwd=PROJECT,
            env=os.environ
            | {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
                "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
                "ANSIBLE_LOCAL_TEMP": folder,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        # Warnings stand before it
        told = json.loads(done.stdout[done.stdout.index("{") :])
        result: dict[str, Any] = told["plays"][0]["tasks"][0]["hosts"]["localhost"]
    except (ValueError, LookupError):
        raise PowerShellError(f"Ansible did not run {module}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}") from None
    return result
