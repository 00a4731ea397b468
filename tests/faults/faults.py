"""The faults of a run: what happens in the middle of it. Each is bounded, and is over by itself or lifted by the test.

A fault is a shell command that runs on the lab's machine at the start of a task. ``{server}``, ``{edge}`` and
``{directory}`` are containers of the lab.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

IN_SERVER = "podman exec {server} sh -c "
IN_EDGE = "podman exec {edge} sh -c "

# A copy of a folder in memory, as large as its content and 64 KiB more, which is then filled: at most that is written
FULL = (
    "'set -e; size=$(du -sk {folder} | cut -f1); [ $size -lt 65536 ]; mkdir /run/ftpsx-fault; "
    "mount -t tmpfs -o mode=$(stat -c %a {folder}),size=$((size + 64))k none /run/ftpsx-fault; "
    "cp -a {folder}/. /run/ftpsx-fault/; mount --bind /run/ftpsx-fault {folder}; "
    "dd if=/dev/zero of={folder}/.ftpsx-fault bs=1k count=$((size + 64)) 2> /dev/null || true'"
)
NOT_FULL = "'umount {folder}; umount /run/ftpsx-fault; rmdir /run/ftpsx-fault; rm -f {folder}/.ftpsx-fault'"
READ_ONLY = "'mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}'"


def _in(host: str, text: str, folder: str) -> str:
    return host + text.replace("{folder}", folder)


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    name: str
    title: str
    command: str = ""
    lift: str = ""
    kill: bool = False
    at: str = ""
    """Only at tasks with these words; otherwise at every n-th task."""
    seconds: int = 0
    """The fault ends by itself after so long."""
    interrupts: bool = True
    """Whether customers may notice it."""
    options: tuple[str, ...] = ()
    """For the run with the fault and those after it."""

    def put(self, hosts: Mapping[str, str]) -> str:
        """Return the command for the containers of a lab."""
        return _with(self.command, hosts)

    def lifted(self, hosts: Mapping[str, str]) -> str:
        return _with(self.lift, hosts)


def _with(text: str, hosts: Mapping[str, str]) -> str:
    for name, container in hosts.items():
        text = text.replace(f"{{{name}}}", container)
    return text


FAULTS = (
    Fault("kill", "the control node dies", kill=True, interrupts=False),
    Fault(
        "kill_unconfirmed",
        "the control node dies while changed rules of the edge wait for their confirmation",
        kill=True,
        at="nftables_table : Prove that changed rules lock nobody out",
        interrupts=False,
        options=("--extra-vars", "edge_log_rate=11/minute edge_rollback_seconds=10"),
    ),
    Fault(
        "pause",
        "the server stands still for 20 seconds",
        command="podman pause {server} && { (sleep 20; podman unpause {server}) > /dev/null 2>&1 & }",
        lift="podman unpause {server} 2> /dev/null; true",
        seconds=20,
    ),
    Fault(
        "directory_pause",
        "the controller stands still for 20 seconds",
        command="podman pause {directory} && { (sleep 20; podman unpause {directory}) > /dev/null 2>&1 & }",
        lift="podman unpause {directory} 2> /dev/null; true",
        seconds=20,
    ),
    Fault(
        "cut",
        "the server's network is cut",
        command=IN_SERVER + "'set -e; nft add table inet ftpsx_fault; nft add chain inet ftpsx_fault out "
        '"{ type filter hook output priority -500; policy drop; }"; nft add rule inet ftpsx_fault out oif lo accept\'',
        lift=IN_SERVER + "'nft delete table inet ftpsx_fault'",
    ),
    Fault(
        "dns",
        "the server's name server does not answer",
        command=IN_SERVER + "'set -e; echo nameserver 127.0.0.77 > /run/ftpsx-fault.conf; "
        "mount --bind /run/ftpsx-fault.conf /etc/resolv.conf'",
        lift=IN_SERVER + "'umount /etc/resolv.conf; rm /run/ftpsx-fault.conf'",
    ),
    Fault(
        "disk",
        "the file system of /etc on the server is full",
        _in(IN_SERVER, FULL, "/etc"),
        _in(IN_SERVER, NOT_FULL, "/etc"),
    ),
    Fault(
        "edge_disk",
        "the file system of /etc on the edge is full",
        _in(IN_EDGE, FULL, "/etc"),
        _in(IN_EDGE, NOT_FULL, "/etc"),
    ),
    Fault(
        "tmp",
        "/tmp on the server is full",
        _in(IN_SERVER, FULL, "/tmp"),
        _in(IN_SERVER, NOT_FULL, "/tmp"),
        interrupts=False,
    ),
    Fault(
        "read_only", "/etc on the server is read-only", _in(IN_SERVER, READ_ONLY, "/etc"), IN_SERVER + "'umount /etc'"
    ),
    Fault(
        "edge_read_only", "/etc on the edge is read-only", _in(IN_EDGE, READ_ONLY, "/etc"), IN_EDGE + "'umount /etc'"
    ),
    Fault(
        "lost_rules",
        "somebody empties the packet filter of the edge",
        command=IN_EDGE + "'systemctl restart nftables; nft delete table inet ftps_exchange_edge'",
    ),
)
