"""Podman, many at a time: what is there, and a plan carried out."""

from __future__ import annotations

import json
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.lab.declared import (
    DIGEST_LABEL,
    LABEL,
    Container,
    LabError,
    Volume,
)
from ansible_collections.ftps.exchange.plugins.module_utils.lab.plan import Found, Plan

CAP_SYS_RESOURCE = 24
# Podman lowers its own limit of processes on the way (to kernel.pid_max, which is 32768 unless somebody raised it).
MOST_PROCESSES = 32768
SMALLEST_DISK = 2 << 30
# The unit of the image that sets a host's routes
NETWORK_UNIT = "lab-network.service"


def runtime_arguments(cgroup_controllers: Path = Path("/sys/fs/cgroup/cgroup.controllers")) -> list[str]:
    """Global podman arguments: crun refuses the hybrid hierarchy of cgroups, runc takes it."""
    if not cgroup_controllers.exists() and shutil.which("runc"):
        return ["--runtime", "runc"]
    return []


def limit_arguments(process_status: str, open_files: int, processes: int) -> list[str]:
    """Arguments for containers: without CAP_SYS_RESOURCE nobody can be given more than this process has."""
    match = re.search(r"^CapEff:\s*([0-9a-f]+)$", process_status, re.MULTILINE)
    if match and int(match[1], 16) >> CAP_SYS_RESOURCE & 1:
        return []
    if processes < 0 or processes > MOST_PROCESSES:
        processes = MOST_PROCESSES
    limits = [f"nproc={processes}:{processes}"]
    if open_files >= 0:
        limits.append(f"nofile={open_files}:{open_files}")
    return [part for limit in limits for part in ("--ulimit", limit)]


class Podman:
    """Runs podman, many at a time."""

    def __init__(self, prefix: str) -> None:
        """Work for the lab with this prefix."""
        self.prefix = prefix
        self.command = ["podman", *runtime_arguments()]

    def run(self, arguments: Sequence[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run podman once; the caller checks the result."""
        return subprocess.run([*self.command, *arguments], input=stdin, capture_output=True, check=False)

    def do(self, arguments: Sequence[str], stdin: bytes = b"") -> str:
        """Run podman once; a failure ends the module."""
        finished = self.run(arguments, stdin)
        if finished.returncode != 0:
            message = finished.stderr.decode(errors="replace").strip()
            raise LabError(f"podman {' '.join(arguments[:2])} ({arguments[-1]}) failed: {message}")
        return finished.stdout.decode(errors="replace")

    def listing(self, arguments: Sequence[str]) -> list[dict[str, Any]]:
        """Objects of one kind as podman describes them."""
        objects: list[dict[str, Any]] = json.loads(self.do([*arguments, "--format", "json"]) or "[]") or []
        return objects

    def find(self) -> tuple[Found, set[str]]:
        """The lab as it is, and the names that others use."""
        containers = self.listing(["ps", "--all"])
        networks = self.listing(["network", "ls"])
        volumes = self.listing(["volume", "ls"])

        def label(item: Mapping[str, Any], name: str) -> str:
            labels = item.get("Labels") or item.get("labels") or {}
            return str(labels.get(name, ""))

        def name(item: Mapping[str, Any]) -> str:
            names = item.get("Names")
            return str(names[0] if names else item.get("Name") or item.get("name"))

        everything = [("container", containers), ("network", networks), ("volume", volumes)]
        others = {
            f"{kind} {name(item)}" for kind, items in everything for item in items if label(item, LABEL) != self.prefix
        }
        ours = {
            kind: {name(item): item for item in items if label(item, LABEL) == self.prefix}
            for kind, items in everything
        }
        return (
            Found(
                containers={key: label(item, DIGEST_LABEL) for key, item in ours["container"].items()},
                running=frozenset(key for key, item in ours["container"].items() if item.get("State") == "running"),
                networks={key: label(item, DIGEST_LABEL) for key, item in ours["network"].items()},
                volumes={key: label(item, DIGEST_LABEL) for key, item in ours["volume"].items()},
            ),
            others,
        )

    def create(self, container: Container, machine_arguments: Sequence[str]) -> None:
        """Make a container, put its files into it, start it. A half-made one does not stay."""
        self.do(container.create_command(self.prefix, machine_arguments))
        try:
            self.do(["cp", "-", f"{container.name}:/"], container.archive())
            self.do(["start", container.name])
        except LabError:
            self.run(["rm", "--force", "--time", "0", container.name])
            raise

    def wait_until_booted(self, name: str, deadline: float) -> None:
        """Wait until systemd has started everything (or has given up on some of it)."""
        state = ""
        while time.monotonic() < deadline:
            state = self.run(["exec", name, "systemctl", "is-system-running"]).stdout.decode().strip()
            if state == "running":
                return
            if state == "degraded":
                # Some service failed. Its role will repair it, if it has one.
                if self.run(["exec", name, "systemctl", "is-failed", "--quiet", NETWORK_UNIT]).returncode == 0:
                    raise LabError(
                        f"container {name} could not set up its network. "
                        f"Remedy: look at `podman exec {name} journalctl -u {NETWORK_UNIT}`"
                    )
                return
            time.sleep(0.3)
        raise LabError(
            f"container {name} did not finish booting (systemd says {state or 'nothing'!r}). "
            f"Remedy: look at `podman exec {name} systemctl list-jobs` and `podman logs {name}`, "
            "or start again with `make lab-down` and `make lab`"
        )


def make_file_system(podman: Podman, volume: Volume) -> str:
    """Put a file system into a file of the volume's disk, and return its path.

    The file takes up only what is in it, and never more than the machine has room for now.
    """
    image = Path(podman.do(["volume", "inspect", "--format", "{{.Mountpoint}}", volume.disk]).strip()) / "image"
    free = shutil.disk_usage(image.parent).free
    size = min(volume.gigabytes << 30, free * 3 // 4)
    if size < SMALLEST_DISK:
        raise LabError(f"{image.parent} has {free >> 20} MiB free, which is too little for the lab. Remedy: make space")
    with image.open("wb") as file:
        file.truncate(size)
    command = [f"mkfs.{volume.filesystem}", str(image)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LabError(f"{command[0]} is missing. Remedy: scripts/bootstrap --lab") from None
    if done.returncode:
        raise LabError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return str(image)


def everywhere(work: Callable[[Any], object], items: Sequence[Any]) -> None:
    """Do the same with all items at once; all are tried."""
    failures = []
    with ThreadPoolExecutor(max_workers=max(1, len(items))) as pool:
        for future in [pool.submit(work, item) for item in items]:
            try:
                future.result()
            except LabError as error:
                failures.append(str(error))
    if failures:
        # Usually all fail for one reason, so show one error in full.
        others = f" (and {len(failures) - 1} more failed)" if len(failures) > 1 else ""
        raise LabError(f"{failures[0]}{others}")


def carry_out(podman: Podman, plan: Plan) -> None:
    """Do what the plan says, each kind of step at once."""
    limits = [resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)]
    machine_arguments = limit_arguments(Path("/proc/self/status").read_text(encoding="ascii"), *limits)
    if plan.remove_containers:
        # Disposable hosts need no orderly shutdown.
        podman.do(["rm", "--force", "--time", "0", *plan.remove_containers])
    everywhere(lambda name: podman.do(["network", "rm", name]), plan.remove_networks)
    if plan.remove_volumes:
        podman.do(["volume", "rm", *plan.remove_volumes])
    for network in plan.create_networks:
        try:
            podman.do(network.create_command(podman.prefix))
        except LabError as error:
            raise LabError(
                f"{error}. Remedy: when the subnet is in use on this machine, remove the network that has it (another "
                "lab?) or choose others in the inventory's lab_hosts_networks"
            ) from error
    for volume in plan.create_volumes:
        image = make_file_system(podman, volume) if volume.filesystem else ""
        podman.do(volume.create_command(podman.prefix, image))
    everywhere(lambda container: podman.create(container, machine_arguments), plan.create_containers)
    everywhere(lambda name: podman.do(["start", name]), plan.start_containers)
