"""What a host is like: reads, and changes nothing. Each look has a time limit."""

from __future__ import annotations

import calendar
import concurrent.futures
import importlib.util
import ipaddress
import json
import os
import platform
import re
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ftps.exchange.plugins.module_utils.folder_quota import probe
from ansible_collections.ftps.exchange.plugins.module_utils.preflight.ldap_wire import Connection, LdapError

Run = Callable[[Sequence[str]], tuple[int, str, str]]

SECONDS = 2.0
CONTROLLERS = 3
CONTROLLER_PORTS = (53, 88, 135, 389, 445, 464)


def release(text: str) -> dict[str, str]:
    """The content of os-release -> id, version and name."""
    values = dict(re.findall(r"^([A-Z_]+)=\"?(.*?)\"?$", text, re.MULTILINE))
    return {"id": values.get("ID", ""), "version": values.get("VERSION_ID", ""), "name": values.get("PRETTY_NAME", "")}


def listeners(listing: str, ports: Iterable[range]) -> list[dict[str, Any]]:
    """What 'ss -Htlnp' prints -> who listens at one of these ports, loopback aside."""
    wanted = list(ports)
    found = {}
    for line in listing.splitlines():
        words = line.split()
        if len(words) < 4:
            continue
        address, _, port = words[3].rpartition(":")
        if not port.isdecimal() or address.strip("[]").startswith(("127.", "::1")):
            continue
        program = re.search(r'\(\("([^"]+)"', line)
        if any(int(port) in some for some in wanted):
            found[int(port)] = {"port": int(port), "program": program[1] if program else ""}
    return [found[port] for port in sorted(found)]


def daemon_runs(pid_file: Path = Path("/run/ftps-exchange/proftpd.pid"), proc: Path = Path("/proc")) -> bool:
    """Whether the service's own daemon runs: not every host lets us see which program has a port."""
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
        return (proc / str(pid) / "comm").read_text().strip() == "proftpd"
    except (OSError, ValueError):
        return False


def port_ranges(texts: Iterable[str]) -> list[range]:
    ranges = []
    for text in texts:
        first, _, last = text.partition("-")
        ranges.append(range(int(first), int(last or first) + 1))
    return ranges


def free_space(paths: Iterable[str]) -> dict[str, int]:
    """For each path the free megabytes where it is, or will be."""
    free = {}
    for path in paths:
        there = Path(path)
        while not there.exists() and there != there.parent:
            there = there.parent
        status = os.statvfs(there)
        free[path] = status.f_bavail * status.f_frsize // 1_000_000
    return free


def resolved(names: Iterable[str]) -> dict[str, list[str]]:
    """For each name its addresses; none for one that does not resolve in time."""
    found: dict[str, list[str]] = {name: [] for name in names}

    def resolve(name: str) -> None:
        found[name] = _addresses(name)

    # A resolver without an answer goes on for long. The end of the module does not wait for daemon threads
    threads = [threading.Thread(target=resolve, args=(name,), daemon=True) for name in found]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 2 * SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(found)


def _addresses(name: str) -> list[str]:
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return sorted({str(answer[4][0]).partition("%")[0] for answer in answers}, key=lambda text: (":" in text, text))


def connects(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), SECONDS).close()
    except OSError:
        return False
    return True


def controller(address: str) -> dict[str, Any]:
    """Which of a member's ports do not answer there, and by how much its clock differs."""
    with concurrent.futures.ThreadPoolExecutor(len(CONTROLLER_PORTS)) as pool:
        states = dict(
            zip(CONTROLLER_PORTS, pool.map(lambda port: connects(address, port), CONTROLLER_PORTS), strict=True)
        )
    closed = [port for port, open_ in states.items() if not open_]
    return {"address": address, "closed": closed, "seconds_ahead": None if 389 in closed else _clock(address)}


def _clock(address: str) -> float | None:
    """Seconds by which the controller's clock is ahead: the root of any directory says its time to everybody."""
    try:
        with Connection(address, 389, SECONDS) as connection:
            (told,) = connection.read("", ["currentTime"]).attributes["currenttime"]
        return seconds_of(told) - time.time()
    except (OSError, LdapError, KeyError, ValueError):
        return None


def seconds_of(generalized: str) -> float:
    """Time as LDAP writes it, 20261130231200.0Z -> seconds since 1970."""
    parsed = time.strptime(generalized.partition(".")[0].rstrip("Z") + "UTC", "%Y%m%d%H%M%S%Z")
    return float(calendar.timegm(parsed))


def route_to(run: Run, address: str) -> dict[str, str]:
    """The interface, gateway and source with which packets leave for an address; empty if there is no route."""
    code, output, _ = run(["ip", "-j", "route", "get", address])
    try:
        found = json.loads(output)[0] if code == 0 else {}
    except (ValueError, IndexError):
        found = {}
    if found.get("type") in ("unreachable", "prohibit", "blackhole"):
        return {}
    return {key: str(found[name]) for key, name in (("interface", "dev"), ("gateway", "gateway")) if name in found}


def default_gateways(run: Run) -> list[str]:
    gateways = []
    for version in ("-4", "-6"):
        code, output, _ = run(["ip", version, "-j", "route", "show", "default"])
        if code == 0 and output.strip():
            gateways += [route["gateway"] for route in json.loads(output) if "gateway" in route]
    return gateways


def own_addresses(run: Run) -> list[str]:
    """Each address with the length of its prefix."""
    code, output, _ = run(["ip", "-j", "address", "show"])
    if code or not output.strip():
        return []
    return [
        f"{found['local']}/{found['prefixlen']}"
        for link in json.loads(output)
        for found in link.get("addr_info", [])
        if "local" in found and found.get("scope") == "global"
    ]


def package_servers(folder: Path = Path("/etc/apt")) -> list[tuple[str, int]]:
    """Host and port of each source of apt's packages that is reached over the network."""
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    found: dict[tuple[str, int], None] = {}
    for file in files:
        if file.suffix not in (".list", ".sources") or not file.is_file():
            continue
        for line in file.read_text(errors="replace").splitlines():
            if line.lstrip().startswith("#"):
                continue
            for address in re.findall(r"\b(https?://\S+)", line):
                url = urllib.parse.urlsplit(address)
                if url.hostname:
                    found[(url.hostname, url.port or (443 if url.scheme == "https" else 80))] = None
    return list(found)


def installed_packages(status: Path = Path("/var/lib/dpkg/status")) -> list[str]:
    """The names of the installed packages. Read here, because dpkg-query would be one more process."""
    try:
        stanzas = status.read_text(errors="replace").split("\n\n")
    except OSError:
        return []
    found = set()
    for stanza in stanzas:
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line.startswith(" "))
        # Neither removed with its configuration left, nor half installed
        if fields.get("Status", "").split()[1:] == ["ok", "installed"]:
            found.add(fields["Package"])
    return sorted(found)


def proxy(run: Run) -> tuple[str, int] | None:
    """Host and port of apt's proxy."""
    code, output, _ = run(["apt-config", "dump"])
    found = re.search(r'Acquire::https?::[Pp]roxy "(http[^"]+)"', output) if code == 0 else None
    url = urllib.parse.urlsplit(found[1]) if found else None
    return (url.hostname, url.port or 80) if url and url.hostname else None


def unreachable_packages(run: Run) -> dict[str, Any]:
    """The package servers that do not answer, in parallel."""
    through = proxy(run)
    servers = [through] if through else package_servers()
    names = resolved(host for host, _ in servers)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda server: any(connects(one, server[1]) for one in names[server[0]][:2]), servers))
    return {
        "known": len(servers),
        "silent": [f"{host}:{port}" for (host, port), up in zip(servers, states, strict=True) if not up],
    }


def look(run: Run, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that a host is asked."""
    os_release = Path("/etc/os-release")
    names = resolved([name for name in (asked["domain"], *asked["names"]) if name])
    controllers = names.get(asked["domain"] or "", [])[:CONTROLLERS]
    with concurrent.futures.ThreadPoolExecutor(CONTROLLERS) as pool:
        seen = list(pool.map(controller, controllers))
    code, listing, _ = run(["ss", "-Htlnp"])
    targets = [str(ipaddress.ip_network(network)[0]) for network in asked["routes"]]
    return {
        "release": release(os_release.read_text(errors="replace") if os_release.is_file() else ""),
        "python": platform.python_version(),
        "root": os.geteuid() == 0,
        "systemd": Path("/run/systemd/system").is_dir(),
        "free": free_space(asked["paths"]),
        "quotas": probe(asked["quota_root"]) if asked["quota_root"] else None,
        "listeners": listeners(listing, port_ranges(asked["ports"])) if code == 0 else [],
        "daemon_runs": daemon_runs(),
        "names": names,
        "controllers": seen,
        "gateways": default_gateways(run),
        "addresses": own_addresses(run),
        "routes": {target: route_to(run, target) for target in (*targets, *controllers)},
        "packages": unreachable_packages(run) if asked["packages"] else None,
        "installed": installed_packages(),
        # The module apt needs both, and gets them by itself, though not in check mode
        "python_apt": importlib.util.find_spec("apt") is not None,
        "package_lists": any(Path("/var/lib/apt/lists").glob("*Packages*")),
    }
