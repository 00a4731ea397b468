"""Reads rules back before they leave: nothing but exactly what the model says may pass, whoever wrote the rules.

It shares no code with the renderers. Each line of each file must be one that is known, in full; a line that opens
something must name a source, a destination and ports; and all of it together must equal the model, no more and no
less. So a text that broke out of a comment, an address list that became empty, and a rule that was forgotten are all
told here, with an ExchangeError.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_network
from itertools import product
from typing import Any, Final

from ftps_exchange.errors import ExchangeError

from .model import FAMILIES, Family, PackCustomer, PackService, families

type Fact = tuple[str, str, str, str, str]
"""What a rule does, its source, its destination, its ports, and where a translation leads; "" is not said."""
type Reader = Callable[[str], Iterator[Fact]]

_NET: Final = r"[0-9a-f:.]+(?:/[0-9]{1,3})?"
_NAME: Final = r"[A-Za-z0-9_-]+"
_RANGE: Final = r"[0-9]{1,5}(?:[-:][0-9]{1,5})?"


@dataclass(frozen=True, slots=True)
class _Language:
    """How a format is read, and what its rules have to say besides what passes."""

    read: Reader
    variants: tuple[str, ...] = ()
    """The ends of the names of files that say the same for different devices: each has to say all of it."""
    asked_before: bool = False
    """Rules are asked before the translation, so they name the public address."""
    answers: bool = False
    """Answers have rules of their own."""
    translates: tuple[Family, ...] = ()
    """The families of which it translates these clients' connections to these ports."""
    translates_for_all: tuple[Family, ...] = ()
    """The families of which it translates the service's ports, or its whole address, whoever comes."""


class UnsoundError(Exception):
    """A line that is not known, or one that opens more than it names."""


def check_rules(
    format: str,  # noqa: A002
    service: PackService,
    customer: PackCustomer,
    files: Mapping[str, str],
) -> None:
    """Raise an ExchangeError unless the files say exactly what the model says."""
    language = _LANGUAGES[format]
    for side, variant in product(("customer", "provider"), language.variants or ("",)):
        wanted = set(_expected(format, side, variant, service, customer))
        try:
            facts = {
                fact
                for name, text in files.items()
                if _says(format, language, name, side, variant)
                for fact in language.read(text if format != "table" else _table_of(name, text, side))
            }
        except (UnsoundError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise _refused(format, customer, f"cannot be read back ({error})") from error
        for what, differing in (("opens more than", facts - wanted), ("lacks what", wanted - facts)):
            if differing:
                raise _refused(format, customer, f"{what} the model says, on the side of the {side}: {min(differing)}")


def _says(format: str, language: _Language, file: str, side: str, variant: str) -> bool:  # noqa: A002
    if format == "table":
        return True
    _, found, end = file.partition(f"-{side}")
    end = end.partition(".")[0]
    if found and language.variants and end not in language.variants:
        raise UnsoundError(f"an unknown file: {file}")
    return bool(found) and (not language.variants or end == variant)


_REMOVES: Final = re.compile(
    r"no (?:access-list|class-map type inspect match-all|ip access-list extended|ipv6 access-list) FTPS-[A-Za-z0-9-]+.*"
    r"|no policy-map type inspect FTPS-[A-Za-z0-9-]+|no class type inspect FTPS-[A-Za-z0-9-]+|no permit tcp .*"
    r"|delete [a-z0-9 -]*\bFTPS-.*|delete \"FTPS-[A-Za-z0-9-]+\"|config firewall [a-z0-9 -]+|exit|end"
)


def check_update(format: str, customer: PackCustomer, rules: str, update: str) -> None:  # noqa: A002
    """Raise an ExchangeError unless an update only says what the rules say, or removes something of ours."""
    comment = "!" if format.startswith("cisco_") else "#"
    try:
        known = set(_lines(rules, comment))
        for line in _lines(update, comment):
            if line not in known and not _REMOVES.fullmatch(line):
                raise UnsoundError(f"neither a line of the rules nor a removal: {line!r}")
    except UnsoundError as error:
        raise _refused(f"{format}, update", customer, f"cannot be read back ({error})") from error


def _refused(format: str, customer: PackCustomer, problem: str) -> ExchangeError:  # noqa: A002
    return ExchangeError(
        f"the generated file {problem}",
        customer=customer.name,
        field=f"rules for {format}",
        remedy="Hand out none of these rules and report it: this is a fault of ftps-exchange, not of the inventory",
    )


# ------------------------------------------------------------------------------------------- what the model says


def _expected(
    format: str,  # noqa: A002
    side: str,
    variant: str,
    service: PackService,
    customer: PackCustomer,
) -> Iterator[Fact]:
    shared = families(service, customer)
    if variant == "-central-nat" and not any(
        service.inside(family) if side == "provider" else customer.clients(family) != customer.sources(family)
        for family in shared
    ):
        return  # nothing is translated, so the other file is right for everybody
    for family in shared:
        public = service.public(family) or ""
        server = (service.inside(family) or public) if side == "provider" else public
        clients = customer.clients(family) if side == "customer" else customer.sources(family)
        yield from _passing(format, side, variant, customer, family, clients, _net(public), _net(server), service)
        if public != server:
            yield from _translating(format, family, clients, _net(public), _net(server), service)


def _passing(
    format: str,  # noqa: A002
    side: str,
    variant: str,
    customer: PackCustomer,
    family: Family,
    clients: tuple[str, ...],
    public: str,
    server: str,
    service: PackService,
) -> Iterator[Fact]:
    language = _LANGUAGES[format]
    ports = [_ports(f"{first}-{last}") for first, last in service.ports]
    asked = public if language.asked_before and variant != "-central-nat" else server
    if format.startswith("pf_"):
        # What leaves a customer has the address that the service knows: with another it must not leave
        outside = customer.sources(family)
        yield from (("in", client, public, port, "") for client, port in product(clients, ports))
        yield from (("out", client, server, port, "") for client, port in product(outside, ports))
    elif format == "aws":
        # A security group does not say who has it; the rule group beside it does.
        yield from (("pass", client, server, port, "") for client, port in product(clients, ports))
        peers = (server,) if side == "customer" else clients
        yield from (("group", "", peer, port, "") for peer, port in product(peers, ports))
    else:
        yield from (("pass", client, asked, port, "") for client, port in product(clients, ports))
    if language.answers:
        yield from (("back", client, server, port, "") for client, port in product(clients, ports))
    if format == "routeros":
        yield ("jump", f"IPv{family}", "", "", "")
    if format == "fortigate" and side == "customer" and clients != customer.sources(family):
        kind = "hide centrally" if variant == "-central-nat" else "hide"
        yield from ((kind, client, public, "", "") for client in clients)


def _translating(
    format: str,  # noqa: A002
    family: Family,
    clients: tuple[str, ...],
    public: str,
    server: str,
    service: PackService,
) -> Iterator[Fact]:
    language = _LANGUAGES[format]
    if family in language.translates:
        ports = [_ports(f"{first}-{last}") for first, last in service.ports]
        yield from (("translate", client, public, port, server) for client, port in product(clients, ports))
    if family in language.translates_for_all:
        if service.public_address_use == "dedicated":
            yield ("translate", "", public, "", server)
            return
        if format == "cisco_asa" and service.public_address_use == "firewall":
            public = f"interface of IPv{family}"
        yield from (("translate", "", public, port, server) for port in _joined(service.ports))


def _joined(ranges: Iterable[tuple[int, int]]) -> list[str]:
    """The same ports in as few ranges as there can be: some languages name each port."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return [f"{first}-{last}" for first, last in found]


def _translated(ports: Mapping[tuple[str, str], Iterable[tuple[int, int]]]) -> Iterator[Fact]:
    """Public address and server -> the ports that are translated."""
    for (public, server), ranges in ports.items():
        yield from (("translate", "", public, port, server) for port in _joined(ranges))


# --------------------------------------------------------------------------------------------- reading, in common


@lru_cache(maxsize=4096)
def _net(text: str) -> str:
    network = ip_network(text)
    if network.prefixlen == 0:
        raise UnsoundError(f"{text} is every address")
    return str(network)


@lru_cache(maxsize=4096)
def _ports(text: str) -> str:
    first, _, last = text.replace(":", "-").partition("-")
    if not 1 <= int(first) <= int(last or first) <= 65535:
        raise UnsoundError(f"{text} is no port")
    return f"{int(first)}-{int(last or first)}"


def _each(kind: str, sources: Iterable[str], destination: str, ports: Iterable[str], to: str = "") -> Iterator[Fact]:
    """One fact for each source and port; a rule without either is refused, and so is one without a destination."""
    pairs = list(product(sources, ports))
    if not pairs:
        raise UnsoundError(f"a rule ({kind}) to {destination} names no source or no port")
    for source, port in pairs:
        yield (kind, _net(source), _net(destination), _ports(port), _net(to) if to else "")


_VISIBLE: Final = re.compile(r"[\t\n\x20-\x7e]*")


def _lines(text: str, comment: str) -> Iterator[str]:
    """The lines that are no comment; every one printable ASCII, so that none hides another."""
    if not _VISIBLE.fullmatch(text):
        hidden = next(line for line in text.split("\n") if not _VISIBLE.fullmatch(line))
        raise UnsoundError(f"a character that hides something, in {hidden!r}")
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped and not stripped.startswith(comment):
            yield stripped


@lru_cache(maxsize=64)
def _known(*patterns: str) -> tuple[re.Pattern[str], ...]:
    """The lines that may stand in a file, compiled once for all of it."""
    return tuple(map(re.compile, patterns))


def _match(line: str, known: Iterable[re.Pattern[str]]) -> tuple[int, re.Match[str]]:
    """Which pattern the whole line is."""
    for number, pattern in enumerate(known):
        found = pattern.fullmatch(line)
        if found:
            return number, found
    raise UnsoundError(f"an unknown line: {line!r}")


def _pair(text: str) -> tuple[int, int]:
    """A checked port or range as numbers."""
    first, _, last = _ports(text).partition("-")
    return int(first), int(last)


def _list(text: str, separator: str = r"[\s,{}]+") -> list[str]:
    return [part for part in re.split(separator, text) if part]


def _once[T](settings: dict[str, T], key: str, value: T) -> None:
    """A second value for the same key might add to the first, or win over it: neither is meant."""
    if key in settings:
        raise UnsoundError(f"{key} twice: {value}")
    settings[key] = value


# ------------------------------------------------------------------------------------------------- format by format


def _nftables(text: str) -> Iterator[Fact]:
    many = rf"(\{{ {_NET}(?:, {_NET})* \}}|{_NET})"
    ports = rf"(\{{ {_RANGE}(?:, {_RANGE})* \}}|{_RANGE})"
    known = _known(
        rf"(ip6?) saddr {many} \1 daddr ({_NET}) tcp dport {ports} ct state new,established accept",
        rf"(ip6?) saddr ({_NET}) \1 daddr {many} tcp sport {ports} ct state established accept",
        rf"(ip6?) saddr {many} \1 daddr ({_NET}) tcp dport {ports} dnat to ({_NET})",
        r"table inet filter \{|table ip6? ftps_[a-z0-9_]+ \{|chain (?:ftps_[a-z0-9_]+|translate) \{|\}",
        r"flush chain inet filter ftps_[a-z0-9_]+|delete table ip6? ftps_[a-z0-9_]+",
        r"type nat hook prerouting priority dstnat; policy accept;",
    )
    for line in _lines(text, "#"):
        number, found = _match(line, known)
        if number == 0:
            yield from _each("pass", _list(found[2]), found[3], _list(found[4]))
        elif number == 1:
            yield from _each("back", _list(found[3]), found[2], _list(found[4]))
        elif number == 2:
            yield from _each("translate", _list(found[2]), found[3], _list(found[4]), found[5])


def _iptables(text: str) -> Iterator[Fact]:
    ports = rf"({_RANGE}(?:,{_RANGE})*)"
    known = _known(
        rf"-A {_NAME} -s ({_NET}) -d ({_NET}) -p tcp -m multiport --dports {ports} "
        r"-m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT",
        rf"-A {_NAME} -s ({_NET}) -d ({_NET}) -p tcp -m multiport --sports {ports} "
        r"-m conntrack --ctstate ESTABLISHED -j ACCEPT",
        rf"-A {_NAME} -s ({_NET}) -d ({_NET}) -p tcp -m multiport --dports {ports} "
        rf"-j DNAT --to-destination ({_NET})",
        rf"\*filter|\*nat|COMMIT|:{_NAME} - \[0:0\]",
    )
    for line in _lines(text, "#"):
        number, found = _match(line, known)
        if number == 0:
            yield from _each("pass", [found[1]], found[2], _list(found[3]))
        elif number == 1:
            yield from _each("back", [found[2]], found[1], _list(found[3]))
        elif number == 2:
            yield from _each("translate", [found[1]], found[2], _list(found[3]), found[4])


def _cisco_end(words: list[str]) -> str:
    """The network that one end of an access list's line is: host X, X/n, or X with a mask or wildcard."""
    if words[0] == "host" and len(words) == 2:
        return words[1]
    return words[0] if len(words) == 1 else str(ip_network(f"{words[0]}/{words[1]}"))


_CISCO_ACE: Final = rf"permit tcp (host {_NET}|{_NET}|{_NET} {_NET}) host ({_NET}) (?:eq|range) ([0-9]+(?: [0-9]+)?)"


def _cisco_asa(text: str) -> Iterator[Fact]:
    hosts: dict[str, str] = {}
    services: dict[str, str] = {}
    ports: dict[tuple[str, str], list[tuple[int, int]]] = {}
    kind = name = ""
    known = _known(
        rf"access-list FTPS-{_NAME} extended {_CISCO_ACE}",
        rf"object (network|service) (FTPS-{_NAME})",
        rf"host ({_NET})",
        r"service tcp source (?:eq|range) ([0-9]+(?: [0-9]+)?)",
        rf"nat \({_NAME},{_NAME}\) static ({_NET})",
        rf"nat \({_NAME},{_NAME}\) source static (FTPS-{_NAME}) (FTPS-{_NAME}|interface(?: ipv6)?) "
        rf"service (FTPS-{_NAME}) \3",
    )
    for line in _lines(text, "!"):
        number, found = _match(line, known)
        if number == 0:
            yield from _each("pass", [_cisco_end(found[1].split())], found[2], [found[3].replace(" ", "-")])
        elif number == 1:
            kind, name = found[1], found[2]
        elif number == 2 and kind == "network":
            _once(hosts, name, found[1])
        elif number == 3 and kind == "service":
            _once(services, name, found[1].replace(" ", "-"))
        elif number == 4 and kind == "network":
            yield ("translate", "", _net(found[1]), "", _net(hosts[name]))
        elif number == 5:
            server = _net(hosts[found[1]])
            family = 6 if ":" in server else 4
            if found[2].startswith("interface") and found[2] != ("interface" if family == 4 else "interface ipv6"):
                raise UnsoundError(f"an interface's address of the other family: {line!r}")
            public = f"interface of IPv{family}" if found[2].startswith("interface") else _net(hosts[found[2]])
            ports.setdefault((public, server), []).append(_pair(services[found[3]]))
        else:
            raise UnsoundError(f"a line out of its place: {line!r}")
    yield from _translated(ports)


def _cisco_ios(text: str) -> Iterator[Fact]:
    """What passes is what a policy inspects: a class that asks for TCP and for one access list, and its lines."""
    lists: dict[str, list[Fact]] = {}
    classes: dict[str, dict[str, str]] = {}
    inspected: list[str] = []
    ports: dict[tuple[str, str], list[tuple[int, int]]] = {}
    place = ("", "")
    known = _known(
        _CISCO_ACE,
        rf"ip nat inside source static ({_NET}) ({_NET}) no-payload",
        rf"(ip access-list extended|ipv6 access-list|class-map type inspect match-all) (FTPS-{_NAME})",
        rf"match (protocol|access-group) (tcp|name FTPS-{_NAME})",
        rf"(policy-map|class) type inspect (FTPS-{_NAME})|(inspect)|exit",
        rf"ip nat inside source static tcp ({_NET}) ([0-9]+) ({_NET}) \2 no-payload",
    )
    for line in _lines(text, "!"):
        number, found = _match(line, known)
        if number == 0 and place[0].endswith(("access-list", "extended")):
            ends = _cisco_end(found[1].split()), found[2], found[3].replace(" ", "-")
            lists.setdefault(place[1], []).extend(_each("pass", [ends[0]], ends[1], [ends[2]]))
        elif number == 1:
            yield ("translate", "", _net(found[2]), "", _net(found[1]))
        elif number == 5:
            ports.setdefault((_net(found[3]), _net(found[1])), []).append(_pair(found[2]))
        elif number == 3 and place[0].startswith("class-map"):
            _once(classes.setdefault(place[1], {}), found[1], found[2])
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
    yield from _translated(ports)


class _Objects:
    """Named addresses, groups and services, as far as the file has defined them."""

    def __init__(self) -> None:
        self.members: dict[str, list[str]] = {}

    def add(self, name: str, *values: str) -> None:
        self.members.setdefault(name, []).extend(values)

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value

    def all(self, name: str) -> list[str]:
        values = self.members.get(name, [])
        if not values:
            raise UnsoundError(f"the object {name} is empty or not defined in the file")
        return values


def _juniper_srx(text: str) -> Iterator[Fact]:
    books: dict[str, _Objects] = {}
    applications = _Objects()
    rules: dict[tuple[str, str, str], dict[str, str]] = {}
    translations: dict[tuple[str, str], dict[str, str]] = {}
    pools: dict[str, str] = {}
    book = rf"set security (?:address-book (global)|zones security-zone ({_NAME}) address-book)"
    nat = rf"set security nat (static|destination) rule-set {_NAME} rule ({_NAME})"
    known = _known(
        rf"{book} address ({_NAME}) ({_NET})",
        rf"{book} address-set ({_NAME}) address ({_NAME})",
        rf"set applications application ({_NAME}) destination-port ({_RANGE})",
        rf"set applications application-set ({_NAME}) application ({_NAME})",
        rf"set security policies from-zone ({_NAME}) to-zone ({_NAME}) policy ({_NAME}) "
        rf"(?:match )?(source-address|destination-address|application|then) ({_NAME})",
        rf"{nat} match (destination-address|destination-port|protocol) ({_NET}|[0-9]+ to [0-9]+|tcp)",
        rf"{nat} then (static-nat prefix|destination-nat pool) ({_NET}|{_NAME})",
        rf"set security nat destination pool ({_NAME}) address ({_NET})",
        rf"set applications application {_NAME} (?:protocol tcp|application-protocol ignore)",
        rf"set security nat (?:static|destination) rule-set {_NAME} from zone {_NAME}",
    )
    for line in _lines(text, "#"):
        number, found = _match(line, known)
        if number == 0:
            books.setdefault(found[1] or found[2], _Objects()).add(found[3], found[4])
        elif number == 1:
            objects = books.setdefault(found[1] or found[2], _Objects())
            objects.add(found[3], *objects.all(found[4]))
        elif number == 2:
            applications.add(found[1], found[2])
        elif number == 3:
            applications.add(found[1], *applications.all(found[2]))
        elif number == 4:
            _once(rules.setdefault((found[1], found[2], found[3]), {}), found[4], found[5])
        elif number in (5, 6):
            _once(translations.setdefault((found[1], found[2]), {}), found[3], found[4])
        elif number == 7:
            _once(pools, found[1], found[2])
    if "global" in books and len(books) > 1:
        raise UnsoundError("a global address book beside those of zones, which no device takes")
    for (source_zone, target_zone, _name), rule in rules.items():
        if rule["then"] != "permit":
            raise UnsoundError(f"a policy that does not permit: {rule}")
        yield from _each(
            "pass",
            books["global" if "global" in books else source_zone].all(rule["source-address"]),
            books["global" if "global" in books else target_zone].one(rule["destination-address"]),
            applications.all(rule["application"]),
        )
    yield from _srx_translations(translations, pools)


def _srx_translations(
    translations: Mapping[tuple[str, str], Mapping[str, str]], pools: Mapping[str, str]
) -> Iterator[Fact]:
    ports: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for (kind, _name), rule in translations.items():
        public = _net(rule["destination-address"])
        if kind == "static":
            _only(rule, "destination-address", "static-nat prefix")
            yield ("translate", "", public, "", _net(rule["static-nat prefix"]))
        else:
            _only(rule, "destination-address", "destination-port", "protocol", "destination-nat pool")
            key = (public, _net(pools[rule["destination-nat pool"]]))
            ports.setdefault(key, []).append(_pair(rule["destination-port"].replace(" to ", "-")))
    yield from _translated(ports)


def _palo_alto(text: str) -> Iterator[Fact]:
    objects, services = _Objects(), _Objects()
    known = _known(
        rf"set address ({_NAME}) ip-netmask ({_NET})",
        rf"set address-group ({_NAME}) static ({_NAME})",
        rf"set service ({_NAME}) protocol tcp port ({_RANGE}(?:,{_RANGE})*)",
        rf"set rulebase security rules {_NAME} from {_NAME} to {_NAME} source ({_NAME}) destination ({_NAME}) "
        rf"application any service ({_NAME}) action allow",
        rf"set rulebase nat rules {_NAME} from {_NAME} to {_NAME} source ({_NAME}) destination ({_NAME}) "
        rf"service ({_NAME}) destination-translation translated-address ({_NAME})",
    )
    for line in _lines(text, "#"):
        number, found = _match(line, known)
        if number == 0:
            objects.add(found[1], found[2])
        elif number == 1:
            objects.add(found[1], objects.one(found[2]))
        elif number == 2:
            services.add(found[1], *_list(found[2]))
        else:
            to = objects.one(found[4]) if number == 4 else ""
            kind = "translate" if to else "pass"
            yield from _each(kind, objects.all(found[1]), objects.one(found[2]), services.all(found[3]), to)


_FORTI_SETTINGS: Final = {
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
_FORTI_PORTS: Final = {"portforward", "protocol", "extport", "mappedport"}


def _fortigate_entries(text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """(section, name, settings) of each ``edit``."""
    section: str | None = None
    name: str | None = None
    settings: dict[str, str] = {}
    known = _known(
        r"config firewall (address6?|addrgrp6?|service custom|vip6?|policy|central-snat-map)",
        rf'edit (?:"({_NAME})"|0)',
        r'set ([a-z0-9-]+) ("[A-Za-z0-9_., @+()-]*"(?: "[A-Za-z0-9_-]+")*|[A-Za-z0-9./: -]+)',
        "next",
        "end",
        rf'append member ("{_NAME}")',
        "unset (protocol)",
    )
    for line in _lines(text, "#"):
        number, found = _match(line, known)
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


def _fortigate(text: str) -> Iterator[Fact]:
    objects, services = _Objects(), _Objects()
    virtual: dict[str, str] = {}
    ports: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for section, name, settings in _fortigate_entries(text):
        _forti_whole(section, name, settings)
        six = "6" if "srcaddr6" in settings or "orig-addr6" in settings else ""
        if section == "address":
            objects.add(name, str(ip_network("/".join(settings["subnet"].split()))))
        elif section == "address6":
            objects.add(name, settings["ip6"])
        elif section.startswith("addrgrp"):
            objects.add(name, *(objects.one(member) for member in re.findall(r'"([^"]+)"', settings["member"])))
        elif section.startswith("vip"):
            objects.add(name, settings["extip"])
            key = (_net(settings["extip"]), _net(settings["mappedip"]))
            if "portforward" in settings:
                # It lets through these ports of the service alone
                _once(virtual, name, _ports(settings["extport"]))
                ports.setdefault(key, []).append(_pair(settings["extport"]))
            else:
                yield ("translate", "", key[0], "", key[1])
        elif section == "service custom":
            if settings["protocol"] != "" or settings["helper"] != "disable":
                raise UnsoundError(f"service {name}: {settings}")
            services.add(name, *settings["tcp-portrange"].split())
        elif section == "central-snat-map":
            clients, server = objects.all(settings[f"orig-addr{six}"]), objects.one(settings[f"dst-addr{six}"])
            yield from (("hide centrally", _net(client), _net(server), "", "") for client in clients)
        else:
            yield from _forti_policy(settings, six, objects, services, virtual)
    yield from _translated(ports)


def _forti_whole(section: str, name: str, settings: Mapping[str, str]) -> None:
    """Refuse an entry that sets something else than is known."""
    wanted = set(_FORTI_SETTINGS[section])
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
        wanted |= _FORTI_PORTS
        fixed = {"portforward": "enable", "protocol": "tcp", "mappedport": settings.get("extport", "")}
    if settings.keys() != wanted or any(settings[key] != value for key, value in fixed.items()):
        raise UnsoundError(f"{section} {name} sets {settings}")


def _forti_policy(
    settings: Mapping[str, str], six: str, objects: _Objects, services: _Objects, virtual: Mapping[str, str]
) -> Iterator[Fact]:
    targets, ports = settings[f"dstaddr{six}"].split(), services.all(settings["service"])
    servers = {_net(objects.one(target)) for target in targets}
    (server,) = servers
    if any(target in virtual for target in targets):
        behind = {virtual[target] for target in targets}
        ports = [port for port in ports if _ports(port) in behind]
    clients = objects.all(settings[f"srcaddr{six}"])
    yield from _each("pass", clients, server, ports)
    if "nat" in settings:
        yield from (("hide", _net(client), server, "", "") for client in clients)


_WINDOWS_FIXED: Final = {
    "$ErrorActionPreference = 'Stop'",
    "$rules = @(",
    ")",
    "foreach ($rule in $rules) {",
    "if (Get-NetFirewallRule -Name $rule.Name -ErrorAction SilentlyContinue) {",
    "Set-NetFirewallRule @rule",
    "} else {",
    "New-NetFirewallRule -DisplayName $rule.Name @rule | Out-Null",
}
_WINDOWS_KEYS: Final = {"Name", "Description", "Direction", "Action", "Enabled", "Profile", "Protocol"}


def _windows(text: str) -> Iterator[Fact]:
    rule: dict[str, list[str]] | None = None
    known = _known(r"([A-Za-z]+) = (?:'([A-Za-z0-9_., @+()-]*)'|@\(('[^']+'(?:, '[^']+')*)\))")
    for line in _lines(text, "#"):
        if line == "@{":
            rule = {}
        elif rule is not None and line == "}":
            yield from _windows_rule(rule)
            rule = None
        elif rule is not None:
            _, found = _match(line, known)
            _once(rule, found[1], re.findall(r"'([^']+)'", found[3]) if found[3] else [found[2]])
        elif line not in _WINDOWS_FIXED and line != "}":
            raise UnsoundError(f"an unknown line: {line!r}")


def _windows_rule(rule: dict[str, list[str]]) -> Iterator[Fact]:
    near, far = ("Local", "Remote") if rule["Direction"] == ["Outbound"] else ("Remote", "Local")
    if rule.keys() != _WINDOWS_KEYS | {"LocalAddress", "RemoteAddress", f"{far}Port"}:
        raise UnsoundError(f"a rule with {sorted(rule)}")
    if (
        rule["Protocol"] != ["TCP"]
        or rule["Action"] != ["Allow"]
        or rule["Direction"] not in (["Outbound"], ["Inbound"])
    ):
        raise UnsoundError(f"a rule that says {rule}")
    (server,) = rule[f"{far}Address"]
    yield from _each("pass", rule[f"{near}Address"], server, rule[f"{far}Port"])


_PF_MATCH: Final = (
    rf"inet6? proto tcp from \{{ ({_NET}(?:, {_NET})*) \}} to ({_NET}) port \{{ ({_RANGE}(?:, {_RANGE})*) \}}"
)


def _pf_openbsd(text: str) -> Iterator[Fact]:
    known = _known(rf"pass (in |out |)quick {_PF_MATCH} flags S/SA keep state(?: rdr-to ({_NET}))?")
    for line in _lines(text, "#"):
        _, found = _match(line, known)
        way, clients, ports = found[1].strip(), _list(found[2]), _list(found[4])
        for direction in (way,) if way else ("in", "out"):
            yield from _each(direction, clients, found[3], ports)
        if found[5]:
            yield from _each("translate", clients, found[3], ports, found[5])


def _pf_freebsd(text: str) -> Iterator[Fact]:
    filtering = False
    known = _known(rf"rdr pass ()?{_PF_MATCH} -> ({_NET})", rf"pass (in |out |)quick {_PF_MATCH} flags S/SA keep state")
    for line in _lines(text, "#"):
        number, found = _match(line, known)
        clients, ports = _list(found[2]), _list(found[4])
        if number == 0 and filtering:
            raise UnsoundError(f"a translation below a rule of the filter: {line!r}")
        filtering = number == 1
        if number == 0:
            yield from _each("in", clients, found[3], ports)
            yield from _each("translate", clients, found[3], ports, found[5])
        else:
            for direction in (found[1].strip(),) if found[1] else ("in", "out"):
                yield from _each(direction, clients, found[3], ports)


def _routeros(text: str) -> Iterator[Fact]:
    ports = rf"({_RANGE}(?:,{_RANGE})*)"
    jump = rf"/(ipv?6?) firewall filter add chain=forward action=jump jump-target=(FTPS-{_NAME}) comment=\2"
    chains = set()
    others = ""
    known = _known(
        rf"add chain=({_NAME}) action=accept protocol=tcp src-address=({_NET}) dst-address=({_NET}) "
        rf"dst-port={ports} connection-state=new,established comment=\1",
        rf"add chain=({_NAME}) action=accept protocol=tcp src-address=({_NET}) dst-address=({_NET}) "
        rf"src-port={ports} connection-state=established comment=\1",
        rf"add chain=dstnat action=dst-nat protocol=tcp src-address=({_NET}) dst-address=({_NET}) "
        rf"dst-port={ports} to-address(?:es)?=({_NET}) comment=({_NAME})",
        rf":if \(\[:len \$others\] = 0\) do=\{{ {jump} \}} else=\{{ "
        r"/\1 firewall filter add chain=forward action=jump jump-target=\2 comment=\2 "
        r"place-before=\[:pick \$others 0\] \}",
        r":local others \[/(ip|ipv6) firewall filter find chain=forward dynamic=no\]",
        rf":if \(\[:len \[/(?:ip|ipv6) firewall filter find chain=forward jump-target=(FTPS-{_NAME})\]\] = 0\) "
        r"do=\{",
        rf"/(?:ip|ipv6) firewall (?:filter|nat)|remove \[find (?:chain|comment)=(FTPS-{_NAME})\]|\}}",
    )
    for line in _lines(text, "#"):
        number, found = _match(line, known)
        if number == 0:
            chains.add(found[1])
            yield from _each("pass", [found[2]], found[3], _list(found[4]))
        elif number == 1:
            chains.add(found[1])
            yield from _each("back", [found[3]], found[2], _list(found[4]))
        elif number == 2:
            chains.add(found[5])
            yield from _each("translate", [found[1]], found[2], _list(found[3]), found[4])
        elif number == 3:
            if others != found[1]:
                raise UnsoundError(f"a place in another table: {line!r}")
            chains.add(found[2])
            yield ("jump", "IPv4" if found[1] == "ip" else "IPv6", "", "", "")
        elif number == 4:
            others = found[1]
        elif found[1]:
            chains.add(found[1])
    if len(chains) > 1:
        raise UnsoundError(f"several chains: {sorted(chains)}")


def _only(content: Mapping[str, Any], *keys: str) -> None:
    if content.keys() != set(keys):
        raise UnsoundError(f"the keys {sorted(content)} instead of {sorted(keys)}")


_AWS_WAYS: Final = ("SecurityGroupEgress", "SecurityGroupIngress")


def _aws(text: str) -> Iterator[Fact]:
    (resource,) = json.loads(text)["Resources"].values()
    properties = resource["Properties"]
    if resource["Type"] == "AWS::NetworkFirewall::RuleGroup":
        _only(properties["RuleGroup"], "RulesSource", "StatefulRuleOptions")
        _only(properties["RuleGroup"]["RulesSource"], "StatefulRules")
        # In another order a policy cannot drop what no rule passes
        if properties["RuleGroup"]["StatefulRuleOptions"] != {"RuleOrder": "STRICT_ORDER"}:
            raise UnsoundError("a rule group that is not in strict order")
        for rule in properties["RuleGroup"]["RulesSource"]["StatefulRules"]:
            head = rule["Header"]
            if (rule["Action"], head["Protocol"], head["Direction"]) != ("PASS", "TCP", "FORWARD"):
                raise UnsoundError(f"a rule that says {rule}")
            yield from _each("pass", [head["Source"]], head["Destination"], [head["DestinationPort"]])
        return
    # A group that says nothing of what goes out lets everything out: CloudFormation adds such a rule.
    ways = ["SecurityGroupEgress"] if "SecurityGroupIngress" not in properties else list(_AWS_WAYS)
    _only(properties, "GroupName", "GroupDescription", "VpcId", *ways)
    if not properties["SecurityGroupEgress"]:
        raise UnsoundError("a group without an outgoing rule, to which one for everything is added")
    if len(ways) == 2:
        (nothing,) = properties["SecurityGroupEgress"]
        _only(nothing, "IpProtocol", "CidrIp", "Description")
        if (nothing["IpProtocol"], nothing["CidrIp"]) != ("-1", "127.0.0.1/32"):
            raise UnsoundError(f"a group of the provider that lets out {nothing}")
    for rule in properties[ways[-1]]:
        peer = "CidrIp" if "CidrIp" in rule else "CidrIpv6"
        _only(rule, "IpProtocol", "FromPort", "ToPort", "Description", peer)
        if rule["IpProtocol"] != "tcp":
            raise UnsoundError(f"a rule for {rule['IpProtocol']}")
        yield ("group", "", _net(rule[peer]), _ports(f"{rule['FromPort']}-{rule['ToPort']}"), "")


def _azure(text: str) -> Iterator[Fact]:
    for resource in json.loads(text)["resources"]:
        rule = resource["properties"]
        _only(
            rule, "description", "protocol", "sourceAddressPrefixes", "sourcePortRange", "destinationAddressPrefixes",
            "destinationPortRanges", "access", "priority", "direction",
        )  # fmt: skip
        if (rule["protocol"], rule["access"]) != ("Tcp", "Allow"):
            raise UnsoundError(f"a rule that says {rule}")
        (destination,) = rule["destinationAddressPrefixes"]
        yield from _each("pass", rule["sourceAddressPrefixes"], destination, rule["destinationPortRanges"])


def _table_of(name: str, text: str, side: str) -> str:
    """The rows of one side as tab-separated lines, from either of the two files."""
    if name.endswith(".csv"):
        rows = list(csv.reader(io.StringIO(text)))
    else:
        rows = [line.strip("| ").split(" | ") for line in text.split("\n") if line.startswith("| ")]
    return "\n".join("\t".join(row) for row in rows[1:] if row[0] == side)


def _table(text: str) -> Iterator[Fact]:
    known = _known(rf"(?:in|out) tcp any allow(?:, translate to ({_NET}))?")
    for line in text.split("\n"):
        _side, direction, action, protocol, source, source_port, destination, ports, _state = line.split("\t")
        _, found = _match(f"{direction} {protocol} {source_port} {action}", known)
        yield from _each("pass", [source], destination, [ports])
        if found[1]:
            yield from _each("translate", [source], destination, [ports], found[1])


_LANGUAGES: Final[dict[str, _Language]] = {
    "nftables": _Language(_nftables, answers=True, translates=FAMILIES),
    "iptables": _Language(_iptables, answers=True, translates=FAMILIES),
    "cisco_asa": _Language(_cisco_asa, translates_for_all=FAMILIES),
    # Prefixes only, of IPv6
    "cisco_ios": _Language(_cisco_ios, translates_for_all=(4,)),
    "juniper_srx": _Language(_juniper_srx, variants=("", "-zone-books"), translates_for_all=FAMILIES),
    # The same: PAN-OS knows NPTv6 and no NAT66
    "palo_alto": _Language(_palo_alto, asked_before=True, translates=(4,)),
    "fortigate": _Language(_fortigate, variants=("", "-central-nat"), asked_before=True, translates_for_all=FAMILIES),
    "windows": _Language(_windows),
    "pf_openbsd": _Language(_pf_openbsd, translates=FAMILIES),
    "pf_freebsd": _Language(_pf_freebsd, translates=FAMILIES),
    "routeros": _Language(_routeros, answers=True, translates=FAMILIES),
    "aws": _Language(_aws),
    "azure": _Language(_azure),
    "table": _Language(_table, asked_before=True, translates=FAMILIES),
}
