"""The declared lab: networks, hosts, and the Podman commands for them."""

from __future__ import annotations

import hashlib
import io
import ipaddress
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LABEL = "ftps-exchange.lab"
DIGEST_LABEL = "ftps-exchange.lab.definition"
# NET_ADMIN: routes and nftables. NET_RAW: ping and tcpdump. SYS_ADMIN: Samba's security.NTACL attributes, mount
# namespaces. AUDIT_WRITE: sudo and sshd, which Podman's defaults have left out since version 4.
CAPABILITIES = ("AUDIT_WRITE", "NET_ADMIN", "NET_RAW", "SYS_ADMIN")
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
    "devices",
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
class Volume:
    """A folder that outlives its container: an ordinary one, or a file system in a file of another volume."""

    name: str
    filesystem: str = ""
    gigabytes: int = 0
    options: str = ""
    disk: str = ""
    """The volume that has the file."""

    @property
    def digest(self) -> str:
        """Nothing for an ordinary one."""
        return digest_of([self.filesystem, self.gigabytes, self.options]) if self.filesystem else ""

    def create_command(self, prefix: str, image: str) -> list[str]:
        """Podman command that makes it; ``image`` is the file with the file system."""
        command = ["volume", "create", "--label", f"{LABEL}={prefix}"]
        if self.filesystem:
            command += ["--label", f"{DIGEST_LABEL}={self.digest}", "--opt", f"type={self.filesystem}"]
            # The kernel detaches the loop device with the last mount
            command += ["--opt", f"device={image}", "--opt", f"o={','.join(filter(None, ('loop', self.options)))}"]
        return [*command, self.name]


@dataclass(frozen=True)
class Container:
    """One host: how to create it, and the files that make it this host."""

    name: str
    create_arguments: tuple[str, ...]
    volumes: tuple[Volume, ...]
    files: Mapping[str, str]
    digest: str

    def create_command(self, prefix: str, machine_arguments: Sequence[str]) -> list[str]:
        """The Podman command, without options that depend on this machine."""
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


def hardware_address(network: str, host: str) -> str:
    """The same after a host was recreated: its neighbours would send to the old one for half a minute."""
    digest = hashlib.sha256(f"{network} {host}".encode()).hexdigest()
    # 02: locally administered, one station (IEEE 802, section 8)
    return ":".join(["02", *(digest[at : at + 2] for at in range(0, 10, 2))])


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
        options.append(f"mac={hardware_address(networks[name].name, host)}")
        arguments += ["--network", f"{networks[name].name}:{','.join([*options, f'interface_name={name}'])}"]
    return arguments or ["--network", "none"]


def host_files(host: str, definition: Mapping[str, Any]) -> dict[str, str]:
    """The files with a host's names, resolver and routes."""
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


def parse_volume(host: str, name: str, wanted: Any) -> list[Volume]:
    """The volume that a host mounts, after the one that its file system is in."""
    if isinstance(wanted, str):
        return [Volume(name)]
    needed, known = {"path", "filesystem", "gigabytes"}, {"path", "filesystem", "gigabytes", "options"}
    if not isinstance(wanted, Mapping) or not needed <= set(wanted) <= known:
        raise LabError(f"host {host}, volume {name}: use a path, or the keys {', '.join(sorted(known))}")
    disk = Volume(f"{name}-disk")
    size = int(wanted["gigabytes"])
    return [disk, Volume(name, str(wanted["filesystem"]), size, str(wanted.get("options", "")), disk.name)]


def parse_hosts(
    prefix: str,
    image: str,
    hosts: Mapping[str, Any],
    networks: Mapping[str, Network],
    images: Mapping[str, str],
) -> list[Container]:
    """Containers in the order of their names. ``images``: those of hosts that boot another one."""
    if unknown := set(images) - set(hosts):
        raise LabError(
            f"a release is set for {', '.join(sorted(unknown))}: no such host; declared are {', '.join(sorted(hosts))}"
        )
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
        for device in sorted(definition.get("devices", [])):
            arguments += ["--device", device]
        for name, value in sorted({**NO_ROUTER, **definition.get("sysctls", {})}.items()):
            arguments += ["--sysctl", f"{name}={value}"]
        arguments += network_arguments(host, definition, networks)
        volumes: list[Volume] = []
        for name, wanted in sorted(definition.get("volumes", {}).items()):
            volumes += parse_volume(host, f"{prefix}-{host}-{name}", wanted)
            path = wanted if isinstance(wanted, str) else wanted["path"]
            arguments += ["--volume", f"{volumes[-1].name}:{path}"]
        arguments.append(images.get(host, image))
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
