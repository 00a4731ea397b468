"""This run of Ansible: by whom, on which node, which process."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import socket
from pathlib import Path
from typing import Any

from ansible import context


def this_run() -> dict[str, Any]:
    """Return what the lock says about this run, and which processes its node has."""
    return {
        "by": f"{_user()}@{socket.gethostname()}",
        "playbook": ", ".join(Path(name).name for name in context.CLIARGS.get("args") or ()) or "ansible",
        "node": _node(),
        "process": process_id(_main()),
        "alive": sorted(_alive()),
    }


def _user() -> str:
    """The person behind sudo, else the owner of the process."""
    sudo = os.environ.get("SUDO_USER")
    if sudo and os.getuid() == 0:
        return sudo
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _node() -> str:
    """Where process numbers mean the same: one boot of one machine, and one namespace of processes in it."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    # Where users do not see each other's processes (hidepid), each user is a node of its own
    of_user = "" if process_id(1) else f"/{os.getuid()}"
    return f"{boot}/{os.readlink('/proc/self/ns/pid')}{of_user}"


def _main() -> int:
    """The process that lives as long as the run; tasks and their templates are worked out in its children."""
    parent = multiprocessing.parent_process()
    return parent.pid if parent and parent.pid else os.getpid()


def process_id(number: int) -> str:
    """A process with the moment of its start, because numbers are used again. Empty: there is no such process."""
    try:
        text = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name, in brackets, may contain anything
    state, *fields = text.rpartition(")")[2].split()
    return "" if state in "ZX" else f"{number}:{fields[18]}"


def _alive() -> set[str]:
    return {found for entry in os.listdir("/proc") if entry.isdigit() and (found := process_id(int(entry)))}
