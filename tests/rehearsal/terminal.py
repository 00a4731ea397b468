"""The operator's terminal on the control node, and a transcript of what was typed and what came back."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

CONTROL = "rehearsal-control"
USER = "operator"
HOME = f"/home/{USER}"
# What the documents name
FOLDER, VAULT_PASSWORD = f"{HOME}/exchange", "~/.vault-ftps-exchange"
EDGE, SERVER = "edge1.example.com", "ftps1.dmz.example.com"
MINE = "inventories/mine"
SUDO_PROMPT = r"\[sudo\] password for {}: $"
BECOME_PROMPT = r"BECOME password: $"
# Colours, and what a pager sends first
_CONTROLS = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[=>])")


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit status."""

    status: int
    text: str
    seconds: float

    @property
    def changed(self) -> dict[str, int]:
        """Changed tasks by host, from Ansible's recap."""
        return {host: int(count) for host, count in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", self.text, re.M)}

    @property
    def flat(self) -> str:
        """The text in one line, cells of tables joined: for a search of what a table wraps."""
        return " ".join(self.text.split())


def inside(host: str, command: str, stdin: str = "") -> str:
    """Run a command of a shell as root on a host, past the operator: what happens to a host, or what is read of it."""
    done = subprocess.run(
        ["podman", "exec", "--interactive", host, "sh", "-c", command],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{host}: {command}\n{done.stdout}{done.stderr}"
    return done.stdout


class Terminal:
    """Each command gets a terminal of its own, since sudo and Ansible ask for passwords there."""

    def __init__(self, transcript: Path, answers: Mapping[str, str]) -> None:
        self._answers = answers
        self._secrets = set(answers.values())
        self.folder = HOME
        self.variables: dict[str, str] = {}
        # Later steps alone go on where the operator was
        if self.read(f"{FOLDER}/ansible.cfg", missing=""):
            self.folder = FOLDER
            self.variables["ANSIBLE_VAULT_PASSWORD_FILE"] = VAULT_PASSWORD
        self._transcript = transcript
        transcript.parent.mkdir(parents=True, exist_ok=True)
        if self.folder == HOME:
            transcript.write_text("", encoding="utf-8")

    def type(
        self, command: str, answers: Mapping[str, str] | None = None, fails: bool = False, timeout: float = 300
    ) -> Said:
        """Type a command, answer what it asks, and expect that it succeeds or fails."""
        if exported := re.fullmatch(r"export (\w+)=(\S+)", command):
            self.variables[exported[1]] = exported[2]
            self._note(f"$ {command}")
            return Said(0, "", 0)
        exports = "".join(f"export {name}={value}; " for name, value in self.variables.items())
        start = time.monotonic()
        status, text = self._run(f"{exports}{command}", {**self._answers, **(answers or {})}, timeout)
        said = Said(status, text, time.monotonic() - start)
        # A line that was written over and over shows its last state
        lasting = re.sub(r"[^\n]*\r(?!\n)", "", text.rstrip())
        self._note(f"$ {command}\n{lasting}\n[{status}, {said.seconds:.0f} s]")
        assert (status != 0) is fails, f"$ {command}\n{text}"
        if changed := re.search(r"(?:^|&& )cd (\S+)$", command):
            self.folder = str(Path(self.folder) / changed[1])
        return said

    def keep_out(self, secrets: Iterable[str]) -> None:
        """Keep passwords out of the transcript."""
        self._secrets.update(secrets)
        for secret in self._secrets:
            self._transcript.write_text(
                self._transcript.read_text(encoding="utf-8").replace(secret, "***"), encoding="utf-8"
            )

    def write(self, path: str, content: str) -> None:
        """Write a file in the folder, as with an editor."""
        target = shlex.quote(str(Path(self.folder) / path))
        self._root(f"mkdir -p $(dirname {target}) && cat > {target}", content)
        self._note(f"# written: {path}")

    def edit(self, path: str, changes: Mapping[str, str]) -> None:
        """Replace text in a file, as with an editor; all of it must be there."""
        content = self.read(path)
        for old, new in changes.items():
            assert old in content, f"{path} has no {old!r}"
            content = content.replace(old, new)
        self.write(path, content)
        for old, new in changes.items():
            self._note(f"#   {old} -> {new}")

    def read(self, path: str, missing: str | None = None) -> str:
        """The content of a file; a missing one is an error unless it says what to return."""
        target = shlex.quote(str(Path(self.folder) / path))
        return self._root(f"cat {target}" if missing is None else f"cat {target} 2> /dev/null || printf %s '{missing}'")

    def _root(self, command: str, stdin: str = "") -> str:
        return inside(CONTROL, f"runuser -u {USER} -- sh -c {shlex.quote(command)}", stdin)

    def _note(self, text: str) -> None:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        with self._transcript.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n\n")

    def _run(self, command: str, answers: Mapping[str, str], timeout: float) -> tuple[int, str]:
        outer, inner = pty.openpty()
        podman = ["podman", "exec", "--interactive", "--tty", "--user", USER, "--env", f"HOME={HOME}"]
        process = subprocess.Popen(
            [*podman, "--workdir", "/", CONTROL, "bash", "-c", f"cd {self.folder} && stty cols 160 && {command}"],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)
        end = time.monotonic() + timeout
        text = ""
        answered = 0
        try:
            while True:
                assert time.monotonic() < end, f"no end after {timeout:.0f} s:\n{text}"
                if not select.select([outer], [], [], 1)[0]:
                    continue
                try:
                    more = os.read(outer, 65536)
                except OSError:  # the other end is closed
                    break
                if not more:
                    break
                text = _CONTROLS.sub("", text + more.decode(errors="replace").replace("\r\n", "\n"))
                for prompt, answer in answers.items():
                    if re.search(prompt, text[answered:]):
                        os.write(outer, f"{answer}\n".encode())
                        answered = len(text)
        finally:
            os.close(outer)
            if process.poll() is None and time.monotonic() >= end:
                process.kill()
        return process.wait(), text
