"""Cisco ASA and IOS XE."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final

from .reading import NAME, NET, Fact, UnsoundError, each, known_lines, lines_of, match, net, once, pair, translated


def _end(words: list[str]) -> str:
    """The network that one end of an access list's line is: host X, X/n, or X with a mask or wildcard."""
    if words[0] == "host" and len(words) == 2:
        return words[1]
    return words[0] if len(words) == 1 else str(ip_network(f"{words[0]}/{words[1]}"))


_ACE: Final = rf"permit tcp (host {NET}|{NET}|{NET} {NET}) host ({NET}) (?:eq|range) ([0-9]+(?: [0-9]+)?)"


def cisco_asa(text: str) -> Iterator[Fact]:
    hosts: dict[str, str] = {}
    services: dict[str, str] = {}
    ports: dict[tuple[str, str], list[tuple[int, int]]] = {}
    kind = name = ""
    known = known_lines(
        rf"access-list FTPS-{NAME} extended {_ACE}",
        rf"object (network|service) (FTPS-{NAME})",
        rf"host ({NET})",
        r"service tcp source (?:eq|range) ([0-9]+(?: [0-9]+)?)",
        rf"nat \({NAME},{NAME}\) static ({NET})",
        rf"nat \({NAME},{NAME}\) source static (FTPS-{NAME}) (FTPS-{NAME}|interface(?: ipv6)?) "
        rf"service (FTPS-{NAME}) \3",
    )
    for line in lines_of(text, "!"):
        number, found = match(line, known)
        if number == 0:
            yield from each("pass", [_end(found[1].split())], found[2], [found[3].replace(" ", "-")])
        elif number == 1:
            kind, name = found[1], found[2]
        elif number == 2 and kind == "network":
            once(hosts, name, found[1])
        elif number == 3 and kind == "service":
            once(services, name, found[1].replace(" ", "-"))
        elif number == 4 and kind == "network":
            yield ("translate", "", net(found[1]), "", net(hosts[name]))
        elif number == 5:
            server = net(hosts[found[1]])
            family = 6 if ":" in server else 4
            if found[2].startswith("interface") and found[2] != ("interface" if family == 4 else "interface ipv6"):
                raise UnsoundError(f"an interface's address of the other family: {line!r}")
            public = f"interface of IPv{family}" if found[2].startswith("interface") else net(hosts[found[2]])
            ports.setdefault((public, server), []).append(pair(services[found[3]]))
        else:
            raise UnsoundError(f"a line out of its place: {line!r}")
    yield from translated(ports)


def cisco_ios(text: str) -> Iterator[Fact]:
    """What passes is what a policy inspects: a class that asks for TCP and for one access list, and its lines."""
    lists: dict[str, list[Fact]] = {}
    classes: dict[str, dict[str, str]] = {}
    inspected: list[str] = []
    ports: dict[tuple[str, str], list[tuple[int, int]]] = {}
    place = ("", "")
    known = known_lines(
        _ACE,
        rf"ip nat inside source static ({NET}) ({NET}) no-payload",
        rf"(ip access-list extended|ipv6 access-list|class-map type inspect match-all) (FTPS-{NAME})",
        rf"match (protocol|access-group) (tcp|name FTPS-{NAME})",
        rf"(policy-map|class) type inspect (FTPS-{NAME})|(inspect)|exit",
        rf"ip nat inside source static tcp ({NET}) ([0-9]+) ({NET}) \2 no-payload",
    )
    for line in lines_of(text, "!"):
        number, found = match(line, known)
        if number == 0 and place[0].endswith(("access-list", "extended")):
            ends = _end(found[1].split()), found[2], found[3].replace(" ", "-")
            lists.setdefault(place[1], []).extend(each("pass", [ends[0]], ends[1], [ends[2]]))
        elif number == 1:
            yield ("translate", "", net(found[2]), "", net(found[1]))
        elif number == 5:
            ports.setdefault((net(found[3]), net(found[1])), []).append(pair(found[2]))
        elif number == 3 and place[0].startswith("class-map"):
            once(classes.setdefault(place[1], {}), found[1], found[2])
        elif number == 4 and found[3] and place[0] == "class":
            inspected.append(place[1])
        elif number == 2 or (number == 4 and not found[3]):
            place = (found[1] or "", found[2] or "")
        else:
            raise UnsoundError(f"a line out of its place: {line!r}")
    for name in inspected:
        # By a list alone port 21 would be inspected as FTP, which opens what no line names.
        if classes[name].keys() != {"protocol", "access-group"} or classes[name]["protocol"] != "tcp":
            raise UnsoundError(f"a class that asks for {classes[name]}")
        yield from lists[classes[name]["access-group"].removeprefix("name ")]
    yield from translated(ports)
