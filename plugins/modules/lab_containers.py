#!/usr/bin/python
"""Ansible module: bring all hosts of a lab (system containers, networks, volumes) to the declared state at once."""

# Standard library and ansible.module_utils only: it runs on the control node, before anything of ours is installed.
from __future__ import annotations

DOCUMENTATION = r"""
---
module: lab_containers
short_description: Bring all system containers of a lab to the declared state
description:
  - Takes a whole lab in one call and changes only the difference, all containers in parallel. Sequential podman
    processes would take several times as long.
  - Everything it creates has the label C(ftps-exchange.lab=<prefix>). It never changes or removes anything without
    this label, and reports a container, network or volume of the same name without it.
  - A container or network with a changed definition is created again, an undeclared one is removed, a stopped one is
    started. Volumes are kept until the lab is removed.
  - Networks are internal, so no packet of the lab leaves the machine. Beyond its own networks, a host has only the
    declared routes.
  - Names, resolver and routes are plain files of the host, as on a real one, and not mounts that Podman rewrites.
options:
  prefix:
    description: Short name of the lab. Container C(<prefix>-<host>), network C(<prefix>-<network>).
    type: str
    required: true
  state:
    description: Whether the lab exists.
    type: str
    choices: [present, absent]
    default: present
  image:
    description: Image that the containers boot. Required with C(state=present).
    type: str
  networks:
    description: Networks by name, each with C(ip4) and C(ip6), the subnets (C(ip6) may be left out).
    type: dict
    default: {}
  hosts:
    description:
      - Hosts by name. Keys of a host
      - C(networks) - addresses by network, at most one per address family. The interface has the network's name.
      - C(gateways) - addresses that its default routes lead to (none means no way out).
      - C(domain) - DNS domain of the host itself.
      - C(nameserver), C(search) - its resolver; without them no name is looked up outside C(/etc/hosts).
      - C(names) - further names by address for C(/etc/hosts).
      - C(volumes) - path by name; the volume C(<prefix>-<host>-<name>) outlives the container.
      - C(sysctls) - kernel parameters of its network namespace by name. A host forwards nothing unless it is set here.
      - C(capabilities) - capabilities beyond Podman's default.
    type: dict
    default: {}
  boot_timeout_seconds:
    description: How long a host may take until systemd has finished booting, in seconds.
    type: int
    default: 90
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
notes:
  - Needs podman and root.
  - On machines with a hybrid cgroup hierarchy the runtime is runc, because crun refuses these. Where the invoking
    process
    may not raise its resource limits, containers get its own limits. Elsewhere Podman's defaults apply.
  - AppArmor's default profile for containers forbids every mount, and the FTPS server gives each session its own
    mounts, so the containers run unconfined by AppArmor.
author:
  - The ftps-exchange authors
"""

EXAMPLES = r"""
- name: Bring up a client behind a router
  ftps.exchange.lab_containers:
    prefix: demo
    image: localhost/ftps-exchange-lab:3f0c1e5a9b72
    networks:
      inside: {ip4: 10.77.20.0/24, ip6: "fd77:20::/64"}
      outside: {ip4: 198.51.100.0/24}
    hosts:
      router:
        networks:
          inside: [10.77.20.1, "fd77:20::1"]
          outside: [198.51.100.20]
        sysctls: {net.ipv4.ip_forward: "1"}
      client:
        networks:
          inside: [10.77.20.11, "fd77:20::11"]
        gateways: [10.77.20.1, "fd77:20::1"]

- name: Remove it
  ftps.exchange.lab_containers:
    prefix: demo
    state: absent
"""

RETURN = r"""
created:
  description: New containers.
  returned: always
  type: list
  elements: str
started:
  description: Stopped containers that were started.
  returned: always
  type: list
  elements: str
removed:
  description: Containers, networks and volumes that were removed (including those created again).
  returned: always
  type: list
  elements: str
seconds:
  description: Time that the changes and the boot took, in seconds.
  returned: always
  type: float
"""

import hashlib
import io
import ipaddress
import json
import os
import re
import resource
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

LABEL = "ftps-exchange.lab"
DIGEST_LABEL = "ftps-exchange.lab.definition"
# NET_ADMIN: routes and nftables. NET_RAW: ping and tcpdump. SYS_ADMIN: Samba's security.NTACL attributes, mount
# namespaces. AUDIT_WRITE: sudo and sshd, which Podman's defaults have left out since version 4.
CAPABILITIES = ("AUDIT_WRITE", "NET_ADMIN", "NET_RAW", "SYS_ADMIN")
CAP_SYS_RESOURCE = 24
# Podman lowers its own limit of processes on the way (to kernel.pid_max, which is 32768 unless somebody raised it).
MOST_PROCESSES = 32768
# The unit of the image that sets a host's routes
NETWORK_UNIT = "lab-network.service"
# A machine that runs containers forwards packets, and new network namespaces inherit that; an ordinary host does not.
NO_ROUTER = {"net.ipv4.ip_forward": "0", "net.ipv6.conf.all.forwarding": "0"}
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
# Linux allows 15 characters for the name of an interface.
NETWORK_NAME = re.compile(r"[a-z][a-z0-9]{0,14}")
HOST_KEYS = {
    "networks",
    "gateways",
    "domain",
    "nameserver",
    "search",
    "names",
    "volumes",
    "sysctls",
    "capabilities",
}


class LabError(Exception):
    """Something that the reader has to change."""


@dataclass(frozen=True)
class Network:
    """One internal network."""

    name: str
    subnets: tuple[str, ...]
    digest: str

    def create_command(self, prefix: str) -> list[str]:
        """Podman command that makes it."""
        command = ["network", "create", "--internal", "--disable-dns"]
        command += ["--label", f"{LABEL}={prefix}", "--label", f"{DIGEST_LABEL}={self.digest}"]
        if any(":" in subnet for subnet in self.subnets):
            command.append("--ipv6")
        for subnet in self.subnets:
            command += ["--subnet", subnet]
        return [*command, self.name]


@dataclass(frozen=True)
class Container:
    """One host: how to create it, and the files that make it this host."""

    name: str
    create_arguments: tuple[str, ...]
    volumes: tuple[str, ...]
    files: Mapping[str, str]
    digest: str

    def create_command(self, prefix: str, machine_arguments: Sequence[str]) -> list[str]:
        """Podman command that makes it; what depends on the machine is no part of the definition."""
        labels = ["--label", f"{LABEL}={prefix}", "--label", f"{DIGEST_LABEL}={self.digest}"]
        return ["create", "--name", self.name, *labels, *machine_arguments, *self.create_arguments]

    def archive(self) -> bytes:
        """Its files as a tar archive."""
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w") as archive:
            for path, text in sorted(self.files.items()):
                content = text.encode()
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.size = len(content)
                entry.mode = 0o644
                archive.addfile(entry, io.BytesIO(content))
        return target.getvalue()


@dataclass(frozen=True)
class Found:
    """What a lab consists of at present: digest of the definition by name, and which containers run."""

    containers: Mapping[str, str]
    running: frozenset[str]
    networks: Mapping[str, str]
    volumes: frozenset[str]


@dataclass(frozen=True)
class Plan:
    """What has to be done, in this order."""

    remove_containers: list[str] = field(default_factory=list)
    remove_networks: list[str] = field(default_factory=list)
    remove_volumes: list[str] = field(default_factory=list)
    create_networks: list[Network] = field(default_factory=list)
    create_volumes: list[str] = field(default_factory=list)
    create_containers: list[Container] = field(default_factory=list)
    start_containers: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """One line a step, for the diff."""
        steps: list[tuple[str, Iterable[str]]] = [
            ("remove container", self.remove_containers),
            ("remove network", self.remove_networks),
            ("remove volume", self.remove_volumes),
            ("create network", (network.name for network in self.create_networks)),
            ("create volume", self.create_volumes),
            ("create container", (container.name for container in self.create_containers)),
            ("start container", self.start_containers),
        ]
        return [f"{verb} {name}" for verb, names in steps for name in names]


def digest_of(value: Any) -> str:
    """Short digest of plain data."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def parse_networks(prefix: str, networks: Mapping[str, Any]) -> dict[str, Network]:
    """Networks by their name in the inventory."""
    parsed = {}
    for name, definition in networks.items():
        if not NETWORK_NAME.fullmatch(name):
            raise LabError(f"network {name!r}: use 1 to 15 characters a-z, 0-9; it is an interface's name too")
        if unknown := set(definition) - {"ip4", "ip6"}:
            raise LabError(f"network {name}: unknown key {', '.join(sorted(unknown))}; known are ip4, ip6")
        subnets = []
        for key, version in (("ip4", 4), ("ip6", 6)):
            if key not in definition:
                continue
            try:
                subnet = ipaddress.ip_network(definition[key])
            except ValueError as error:
                raise LabError(f"network {name}, {key}: {error}") from error
            if subnet.version != version:
                raise LabError(f"network {name}, {key}: {subnet} is IPv{subnet.version}")
            subnets.append(str(subnet))
        if not subnets:
            raise LabError(f"network {name}: give it a subnet, ip4 or ip6 or both")
        parsed[name] = Network(name=f"{prefix}-{name}", subnets=tuple(subnets), digest=digest_of(subnets))
    return parsed


def network_arguments(host: str, definition: Mapping[str, Any], networks: Mapping[str, Network]) -> list[str]:
    """Podman arguments that connect a host to its networks."""
    arguments = []
    for name, addresses in definition.get("networks", {}).items():
        if name not in networks:
            raise LabError(f"host {host}: network {name} is not declared; declared are {', '.join(sorted(networks))}")
        options = []
        for text in addresses:
            try:
                address = ipaddress.ip_address(text)
            except ValueError as error:
                raise LabError(f"host {host}, network {name}: {error}") from error
            if not any(address in ipaddress.ip_network(subnet) for subnet in networks[name].subnets):
                raise LabError(
                    f"host {host}: {address} is in no subnet of network {name} ({', '.join(networks[name].subnets)})"
                )
            options.append(f"ip={address}")
        arguments += ["--network", f"{networks[name].name}:{','.join([*options, f'interface_name={name}'])}"]
    return arguments or ["--network", "none"]


def host_files(host: str, definition: Mapping[str, Any]) -> dict[str, str]:
    """The files that tell a host its names, its resolver and its routes."""
    addresses = [address for listed in definition.get("networks", {}).values() for address in listed]
    domain = definition.get("domain")
    own_names = [f"{host}.{domain}", host] if domain else [host]
    hosts = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    hosts += [" ".join([address, *own_names]) for address in addresses]
    hosts += [" ".join([address, *names]) for address, names in definition.get("names", {}).items()]
    # Nobody listens on ::1 or 127.0.0.1, so a lookup fails at once instead of after a time-out.
    resolver = []
    if definition.get("search"):
        resolver.append(f"search {definition['search']}")
    if definition.get("nameserver"):
        resolver.append(f"nameserver {definition['nameserver']}")
    routes = [f"default via {gateway}" for gateway in definition.get("gateways", [])]
    contents = {"/etc/hosts": hosts, "/etc/resolv.conf": resolver, "/etc/lab/routes": routes}
    return {path: "".join(f"{line}\n" for line in lines) for path, lines in contents.items()}


def parse_hosts(prefix: str, image: str, hosts: Mapping[str, Any], networks: Mapping[str, Network]) -> list[Container]:
    """Containers in the order of their names."""
    containers = []
    for host, definition in sorted(hosts.items()):
        if not NAME.fullmatch(host):
            raise LabError(f"host {host!r}: use a-z, 0-9 and '-', beginning with a letter")
        if unknown := set(definition) - HOST_KEYS:
            raise LabError(
                f"host {host}: unknown key {', '.join(sorted(unknown))}; known are {', '.join(sorted(HOST_KEYS))}"
            )
        arguments = ["--hostname", host, "--systemd", "always", "--no-hosts", "--dns", "none"]
        arguments += ["--security-opt", "apparmor=unconfined"]
        for capability in sorted({*CAPABILITIES, *definition.get("capabilities", [])}):
            arguments += ["--cap-add", capability]
        for name, value in sorted({**NO_ROUTER, **definition.get("sysctls", {})}.items()):
            arguments += ["--sysctl", f"{name}={value}"]
        arguments += network_arguments(host, definition, networks)
        volumes = []
        for name, path in sorted(definition.get("volumes", {}).items()):
            volumes.append(f"{prefix}-{host}-{name}")
            arguments += ["--volume", f"{volumes[-1]}:{path}"]
        arguments.append(image)
        files = host_files(host, definition)
        # A container does not survive its network, so a changed network is part of its definition.
        attached = sorted(networks[name].digest for name in definition.get("networks", {}))
        containers.append(
            Container(
                name=f"{prefix}-{host}",
                create_arguments=tuple(arguments),
                volumes=tuple(volumes),
                files=files,
                digest=digest_of([arguments, files, attached]),
            )
        )
    return containers


def plan_present(found: Found, networks: Iterable[Network], containers: Iterable[Container]) -> Plan:
    """Difference between what is there and what should be."""
    networks = list(networks)
    containers = list(containers)
    kept_networks = {item.name for item in networks if found.networks.get(item.name) == item.digest}
    kept_containers = {item.name for item in containers if found.containers.get(item.name) == item.digest}
    declared_volumes = sorted({volume for item in containers for volume in item.volumes})
    return Plan(
        remove_containers=sorted(set(found.containers) - kept_containers),
        remove_networks=sorted(set(found.networks) - kept_networks),
        create_networks=[item for item in networks if item.name not in kept_networks],
        create_volumes=[name for name in declared_volumes if name not in found.volumes],
        create_containers=[item for item in containers if item.name not in kept_containers],
        start_containers=sorted(kept_containers - found.running),
    )


def plan_absent(found: Found) -> Plan:
    """Removal of everything that carries the lab's label."""
    return Plan(
        remove_containers=sorted(found.containers),
        remove_networks=sorted(found.networks),
        remove_volumes=sorted(found.volumes),
    )


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
        """Run podman once and leave it to the caller to look at the outcome."""
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
                volumes=frozenset(ours["volume"]),
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
        # What goes wrong with one goes wrong with all as a rule: one of them in full says enough.
        others = f" (and {len(failures) - 1} more failed)" if len(failures) > 1 else ""
        raise LabError(f"{failures[0]}{others}")


def carry_out(podman: Podman, plan: Plan) -> None:
    """Do what the plan says, each kind of step at once."""
    limits = [resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)]
    machine_arguments = limit_arguments(Path("/proc/self/status").read_text(encoding="ascii"), *limits)
    if plan.remove_containers:
        # Nothing in a host that is thrown away is worth an orderly shutdown.
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
    for name in plan.create_volumes:
        podman.do(["volume", "create", "--label", f"{LABEL}={podman.prefix}", name])
    everywhere(lambda container: podman.create(container, machine_arguments), plan.create_containers)
    everywhere(lambda name: podman.do(["start", name]), plan.start_containers)


def names_in_use(plan: Plan, others: set[str]) -> list[str]:
    """What the plan would make although somebody else has something of that name."""
    wanted = [f"network {network.name}" for network in plan.create_networks]
    wanted += [f"volume {name}" for name in plan.create_volumes]
    wanted += [f"container {container.name}" for container in plan.create_containers]
    return [item for item in wanted if item in others]


def bring_to_state(options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Compare, act, and tell what was done."""
    prefix = options["prefix"]
    if not NAME.fullmatch(prefix):
        raise LabError(f"prefix {prefix!r}: use a-z, 0-9 and '-', beginning with a letter")
    started = time.monotonic()
    podman = Podman(prefix)
    found, others = podman.find()
    containers: list[Container] = []
    if options["state"] == "absent":
        plan = plan_absent(found)
    else:
        networks = parse_networks(prefix, options["networks"])
        containers = parse_hosts(prefix, options["image"], options["hosts"], networks)
        plan = plan_present(found, networks.values(), containers)
        if taken := names_in_use(plan, others):
            raise LabError(
                f"{', '.join(taken)}: exists and does not belong to the lab {prefix!r} (label {LABEL}). "
                "Remedy: rename or remove it, or choose another lab_hosts_prefix"
            )
    if not check_mode:
        carry_out(podman, plan)
        deadline = time.monotonic() + options["boot_timeout_seconds"]
        everywhere(lambda container: podman.wait_until_booted(container.name, deadline), containers)
    return {
        "changed": bool(plan.lines()),
        "created": [container.name for container in plan.create_containers],
        "started": plan.start_containers,
        "removed": [*plan.remove_containers, *plan.remove_networks, *plan.remove_volumes],
        "seconds": round(time.monotonic() - started, 1),
        "diff": {"before": "", "after": "".join(f"{line}\n" for line in plan.lines())},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "prefix": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "image": {"type": "str"},
            "networks": {"type": "dict", "default": {}},
            "hosts": {"type": "dict", "default": {}},
            "boot_timeout_seconds": {"type": "int", "default": 90},
        },
        required_if=[("state", "present", ["image"])],
        supports_check_mode=True,
    )
    if shutil.which("podman") is None:
        if module.params["state"] == "absent":
            module.exit_json(changed=False, created=[], started=[], removed=[], seconds=0.0)
        module.fail_json(msg="podman is not installed on the control node. Remedy: apt-get install podman")
    if os.geteuid() != 0:
        module.fail_json(msg="The lab's hosts need root on the control node. Remedy: run this as root")
    try:
        outcome = bring_to_state(module.params, module.check_mode)
    except LabError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**outcome)


if __name__ == "__main__":
    main()
