"""FortiGate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Final

from .reading import (
    NAME,
    Fact,
    Objects,
    UnsoundError,
    each,
    known_lines,
    lines_of,
    match,
    net,
    once,
    pair,
    ports_of,
    translated,
)

_SETTINGS: Final = {
    "address": {"subnet", "comment"},
    "address6": {"ip6", "comment"},
    "addrgrp": {"member", "comment"},
    "addrgrp6": {"member", "comment"},
    "service custom": {"protocol", "tcp-portrange", "helper"},
    "vip": {"extip", "extintf", "mappedip"},
    "vip6": {"extip", "mappedip"},
    "policy": {"name", "srcintf", "dstintf", "service", "schedule", "action"},
    "central-snat-map": {"srcintf", "dstintf", "protocol", "nat"},
}

_PORTS: Final = {"portforward", "protocol", "extport", "mappedport"}


def _entries(text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """(section, name, settings) of each ``edit``."""
    section: str | None = None
    name: str | None = None
    settings: dict[str, str] = {}
    known = known_lines(
        r"config firewall (address6?|addrgrp6?|service custom|vip6?|policy|central-snat-map)",
        rf'edit (?:"({NAME})"|0)',
        r'set ([a-z0-9-]+) ("[A-Za-z0-9_., @+()-]*"(?: "[A-Za-z0-9_-]+")*|[A-Za-z0-9./: -]+)',
        "next",
        "end",
        rf'append member ("{NAME}")',
        "unset (protocol)",
    )
    for line in lines_of(text, "#"):
        number, found = match(line, known)
        if number == 0 and section is None:
            section = found[1]
        elif number == 1 and section is not None and name is None:
            name, settings = found[1] or "", {}
        elif number == 2 and name is not None and found[1] not in settings:
            settings[found[1]] = found[2].replace('"', "") if found[1] != "member" else found[2]
        elif number == 3 and section is not None and name is not None:
            yield section, name, settings
            name = None
        elif number == 4 and name is None:
            section = None
        elif number == 5 and name is not None and "member" in settings:
            settings["member"] += found[1]
        elif number == 6 and section == "service custom" and name is not None and "protocol" not in settings:
            settings["protocol"] = ""
        else:
            raise UnsoundError(f"a line out of its place: {line!r}")


def fortigate(text: str) -> Iterator[Fact]:
    objects, services = Objects(), Objects()
    virtual: dict[str, str] = {}
    ports: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for section, name, settings in _entries(text):
        _whole(section, name, settings)
        six = "6" if "srcaddr6" in settings or "orig-addr6" in settings else ""
        if section == "address":
            objects.add(name, str(ip_network("/".join(settings["subnet"].split()))))
        elif section == "address6":
            objects.add(name, settings["ip6"])
        elif section.startswith("addrgrp"):
            objects.add(name, *(objects.one(member) for member in re.findall(r'"([^"]+)"', settings["member"])))
        elif section.startswith("vip"):
            objects.add(name, settings["extip"])
            key = (net(settings["extip"]), net(settings["mappedip"]))
            if "portforward" in settings:
                # It lets through these ports of the service alone
                once(virtual, name, ports_of(settings["extport"]))
                ports.setdefault(key, []).append(pair(settings["extport"]))
            else:
                yield ("translate", "", key[0], "", key[1])
        elif section == "service custom":
            if settings["protocol"] != "" or settings["helper"] != "disable":
                raise UnsoundError(f"service {name}: {settings}")
            services.add(name, *settings["tcp-portrange"].split())
        elif section == "central-snat-map":
            clients, server = objects.all(settings[f"orig-addr{six}"]), objects.one(settings[f"dst-addr{six}"])
            yield from (("hide centrally", net(client), net(server), "", "") for client in clients)
        else:
            yield from _policy(settings, six, objects, services, virtual)
    yield from translated(ports)


def _whole(section: str, name: str, settings: Mapping[str, str]) -> None:
    """Refuse an entry that sets something else than is known."""
    wanted = set(_SETTINGS[section])
    fixed = {}
    if section == "policy":
        six = "6" if "srcaddr6" in settings else ""
        wanted |= {f"srcaddr{six}", f"dstaddr{six}"} | (settings.keys() & {"nat"})
        fixed = {"action": "accept", "schedule": "always"} | ({"nat": "enable"} if "nat" in settings else {})
    elif section == "central-snat-map":
        six = "6" if "orig-addr6" in settings else ""
        wanted |= {f"orig-addr{six}", f"dst-addr{six}"} | ({"type"} if six else set())
        fixed = {"protocol": "6", "nat": "enable"} | ({"type": "ipv6"} if six else {})
    elif section.startswith("vip") and "portforward" in settings:
        wanted |= _PORTS
        fixed = {"portforward": "enable", "protocol": "tcp", "mappedport": settings.get("extport", "")}
    if settings.keys() != wanted or any(settings[key] != value for key, value in fixed.items()):
        raise UnsoundError(f"{section} {name} sets {settings}")


def _policy(
    settings: Mapping[str, str], six: str, objects: Objects, services: Objects, virtual: Mapping[str, str]
) -> Iterator[Fact]:
    targets, ports = settings[f"dstaddr{six}"].split(), services.all(settings["service"])
    servers = {net(objects.one(target)) for target in targets}
    (server,) = servers
    if any(target in virtual for target in targets):
        behind = {virtual[target] for target in targets}
        ports = [port for port in ports if ports_of(port) in behind]
    clients = objects.all(settings[f"srcaddr{six}"])
    yield from each("pass", clients, server, ports)
    if "nat" in settings:
        yield from (("hide", net(client), server, "", "") for client in clients)
