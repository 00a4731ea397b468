"""What a role's settings must be besides what its argument specification can say: ranges, pairs, lists that agree.

Each function takes a role's variables by name and gives one sentence for everything that is wrong, remedy included; an
empty list is a role that may begin. Types are the argument specification's business, so a number may still be a text
here: a specification checks values and never changes them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

from .model import rules
from .model.problems import RefusedError

SHORTEST_ROLLBACK_SECONDS: Final = 20
"""The confirmation opens a new connection; less would take back rules that are good."""

SMALLEST_PACKET: Final = 576
"""What every host of IPv4 takes (RFC 1122 section 3.3.2)."""
LARGEST_PACKET: Final = 9000
"""Ethernet's jumbo frames."""

WORDS_OF_PAM_ACCESS: Final = frozenset({"all", "except", "local", "none"})
"""Names to which access.conf(5) gives a meaning of its own, in any case of letters: an account called "all" would let
everybody in from its networks."""

_ACCOUNT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)

type Settings = Mapping[str, Any]


def edge_problems(settings: Settings) -> list[str]:
    """The variables of the role edge -> what keeps it from beginning."""
    return list(_edge(settings))


def host_firewall_problems(settings: Settings) -> list[str]:
    """The variables of the role host_firewall -> what keeps it from beginning."""
    problems = list(_packet_filter(settings, "host_firewall", "the server"))
    if int(settings["host_firewall_max_connections_per_customer"]) < 0:
        problems.append("host_firewall_max_connections_per_customer must be at least 1, or 0 for no limit")
    return problems


def ftps_server_problems(settings: Settings) -> list[str]:
    """The variables of the role ftps_server -> what keeps it from beginning."""
    return list(_ftps_server(settings))


def events_problems(settings: Settings) -> list[str]:
    """The variables of the role events -> what keeps it from beginning. No secret is in a sentence."""
    return list(_events(settings))


def acme_certificate_problems(settings: Settings) -> list[str]:
    """The variables of the role acme_certificate -> what keeps it from beginning."""
    return [f"{name} {message}: {remedy}" for name, message, remedy in acme_flaws(settings)]


def acme_flaws(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield variable, message and remedy for what is wrong with the settings of a CA that speaks ACME."""

    def given(name: str, default: Any = "") -> Any:
        return settings.get(f"acme_certificate_{name}", default)

    url = str(given("url"))
    if not url:
        yield (
            "acme_certificate_url",
            "is missing",
            "give the URL of the CA's ACME directory, such as https://acme-v02.api.letsencrypt.org/directory",
        )
    elif not re.fullmatch(r"https://[^\s/]+(/\S*)?", url):
        yield "acme_certificate_url", "is not an https URL", "give the URL of the CA's ACME directory"
    if str(given("terms_agreed", False)).lower() not in ("true", "yes", "on", "1"):
        yield (
            "acme_certificate_terms_agreed",
            "is not true, and no CA issues a certificate without it",
            "read the CA's terms of service, and set it to true if you accept them",
        )
    if bool(given("external_account_id")) != bool(given("external_account_key")):
        lacks = "key" if given("external_account_id") else "id"
        yield (
            f"acme_certificate_external_account_{lacks}",
            "is missing, and the other half of the external account is given",
            "give both as the CA shows them, or neither",
        )
    if str(given("challenge", "http-01")) == "dns-01":
        yield from _dns_flaws(settings)
    elif not given("edges", []):
        yield (
            "acme_certificate_challenge",
            "is http-01, and no host of the group edges can open port 80",
            "use dns-01 where another firewall is the edge",
        )


def _dns_flaws(settings: Settings) -> Iterator[tuple[str, str, str]]:
    if not settings.get("acme_certificate_dns_tasks"):
        yield (
            "acme_certificate_dns_tasks",
            "is missing, and acme_certificate_challenge dns-01 needs it",
            "name a file with tasks that publish a DNS record (docs/certificates.md has examples)",
        )
    if settings.get("certificate_ip_addresses"):
        yield (
            "certificate_ip_addresses",
            "has addresses, which no DNS record can prove",
            "use acme_certificate_challenge http-01, or remove the addresses",
        )


def _edge(settings: Settings) -> Iterator[str]:
    addresses = [str(address) for address in settings["edge_public_addresses"]]
    servers: Sequence[Mapping[str, Any]] = settings["edge_servers"]
    if not addresses:
        yield "edge_public_addresses is empty: the service needs an address"
    families: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
        ("IPv4", "ip4", lambda address: ":" not in address),
        ("IPv6", "ip6", lambda address: ":" in address),
    )
    for family, key, belongs in families:
        if any(map(belongs, addresses)) and not (servers and all(server.get(key) for server in servers)):
            yield f"edge_public_addresses has {family}, so every one of edge_servers needs an {key}"
    services = [int(port) for port in settings["edge_service_ports"]]
    for one in settings["edge_translated_ports"]:
        if str(one["address"]) not in addresses or int(one["port"]) not in services:
            yield (
                f"edge_translated_ports: port {one['port']} of {one['address']} is not one of edge_service_ports at "
                "one of edge_public_addresses: correct it, or add it there"
            )
        if int(one["to"]) in services:
            yield (
                f"edge_translated_ports: {one['to']} is one of edge_service_ports: give the servers a port for this "
                "address alone"
            )
    size = int(settings["edge_max_packet_size"])
    if size != 0 and not SMALLEST_PACKET <= size <= LARGEST_PACKET:
        yield (
            f"edge_max_packet_size {size} must be from {SMALLEST_PACKET} to {LARGEST_PACKET} bytes, "
            "or 0 to leave the size to clients and servers"
        )
    for address in settings["edge_directory_servers"]:
        if _network(address) is None or "/" in str(address):
            yield f"edge_directory_servers: {address!r} is not an address: give the addresses of the domain controllers"
    for variable in ("edge_receivers", "edge_outbound"):
        for flow in settings[variable]:
            yield from (f"{variable}, {flow['purpose']}: {flaw}" for flaw in outbound_flaws(flow))
    yield from _packet_filter(settings, "edge", "the edge")


def outbound_flaws(flow: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with an entry of edge_outbound."""
    purpose, to, ports = str(flow.get("purpose", "")), flow.get("to") or [], flow.get("ports") or []
    if any(character in '"\\' or not character.isprintable() for character in purpose):
        yield "the purpose has a quote, a backslash or a control character: write plain words"
    if not to or not ports:
        yield f"names no {'port' if to else 'address'}: add one, or remove the entry"
    for network in to:
        if _network(network) is None:
            yield f"{network!r} is neither an address nor a network without host bits: write it as 10.20.60.0/24"
    for port in ports:
        first, _, last = str(port).partition("-")
        ends = [int(end) if end.isdecimal() else 0 for end in (first, last or first)]
        if not 1 <= ends[0] <= ends[1] <= rules.HIGHEST_PORT:
            yield f"{port!r} is neither a port nor a range first-last: give numbers from 1 to {rules.HIGHEST_PORT}"


def _network(text: object) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(str(text))
    except ValueError:
        return None


def _packet_filter(settings: Settings, role: str, host: str) -> Iterator[str]:
    """What the two roles that load rules have in common."""
    yield from _ports(settings, role, {})
    if settings[f"{role}_management_by_network"] and not settings[f"{role}_management_networks"]:
        yield (
            f"{role}_management_networks is empty, so nobody could manage {host} over the network: give the networks "
            f"that may, or set {role}_management_by_network to false if it is entered another way"
        )
    seconds = int(settings[f"{role}_rollback_seconds"])
    if seconds != 0 and seconds < SHORTEST_ROLLBACK_SECONDS:
        yield (
            f"{role}_rollback_seconds must be at least {SHORTEST_ROLLBACK_SECONDS}, "
            "or 0 to go without taking rules back"
        )


def _ftps_server(settings: Settings) -> Iterator[str]:
    if not settings["ftps_server_fqdn"]:
        yield "set ftps_server_fqdn to the name in the certificate"
    addresses = (settings["ftps_server_public_ip4"], settings["ftps_server_public_ip6"])
    yield from _flaws("ftps_server", rules.address_flaws(*addresses))
    services = {
        key: int(settings[f"ftps_server_{key}"])
        for key in ("explicit_port", "implicit_port")
        if settings[f"ftps_server_{key}"] is not None
    }
    used = {port: key for key, port in services.items()}
    for more in settings["ftps_server_more_ports"]:
        port = int(more["port"])
        if used.setdefault(port, "more_ports") != "more_ports" or not 1 <= port <= rules.HIGHEST_PORT:
            yield f"ftps_server_more_ports {port} is in use, or not from 1 to {rules.HIGHEST_PORT}: give another"
        if more.get("public_ip4") is not None and settings["ftps_server_public_ip4"] is None:
            yield f"ftps_server_more_ports {port} has an IPv4 address: set ftps_server_public_ip4 too"
    for key, port in services.items():
        if not 1 <= port <= rules.HIGHEST_PORT:
            yield f"ftps_server_{key} {port} is not from 1 to {rules.HIGHEST_PORT}"
    yield from _ports(settings, "ftps_server", services, int(settings["ftps_server_max_sessions"]))
    versions = (str(settings[f"ftps_server_tls_{end}_version"]) for end in ("minimum", "maximum"))
    yield from _flaws("ftps_server", rules.tls_flaws(*versions))
    yield from _accounts(settings["ftps_server_accounts"])


_NEEDS: Final = {
    "webhook": ("url", "addresses"),
    "command": ("run", "timeout_seconds"),
    "mail": ("to", "sender", "relay", "addresses", "port", "security"),
}
_SIGNING_BYTES: Final = range(24, 65)
"""Of the secret of a webhook, by Standard Webhooks."""


def _events(settings: Settings) -> Iterator[str]:
    receivers: Sequence[Mapping[str, Any]] = settings["events_receivers"]
    secrets: Mapping[str, Any] = settings["events_secrets"]
    for receiver in receivers:
        name, kind = str(receiver["name"]), str(receiver["kind"])
        if not re.fullmatch(r"[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?", name):
            yield f"events_receivers: {name!r} is not a valid name: use 1 to 20 lower-case letters, digits and '-'"
        if missing := [key for key in _NEEDS[kind] if receiver.get(key) in (None, [], "")]:
            yield f"events_receivers, {name}: {kind} without {' and '.join(missing)}: add it"
        if flaw := secret_flaw(receiver, secrets):
            yield f"events_secrets, {name}: {flaw}"
    names = [str(receiver["name"]) for receiver in receivers]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        yield f"events_receivers has names twice: {_listed(twice)}: rename one"
    if unknown := sorted(set(map(str, secrets)) - set(names)):
        yield f"events_secrets has entries of no receiver: {_listed(unknown)}: remove them"


def secret_flaw(receiver: Mapping[str, Any], secrets: Mapping[str, Any]) -> str | None:
    """Say what is wrong with the secret of a receiver, without the secret itself."""
    kind, secret = receiver["kind"], str(secrets.get(str(receiver["name"]), "")).strip()
    if kind == "command" or (kind == "mail" and not receiver.get("username")):
        return None
    if not secret:
        return f"is missing, and this {kind} needs it: put it into the vault (docs/events.md)"
    if kind == "webhook" and not all(map(_signs, secret.split())):
        return (
            "is not whsec_ and 24 to 64 bytes in base64, or two such with a space between while it is changed: "
            "make each with: echo whsec_$(openssl rand -base64 32)"
        )
    return None


def _signs(secret: str) -> bool:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    return secret.startswith("whsec_") and len(key) in _SIGNING_BYTES


def _ports(settings: Settings, role: str, services: Mapping[str, int], sessions: int | None = None) -> Iterator[str]:
    """What the model would say of these ports."""
    keys = {"passive_ports": [settings[f"{role}_passive_ports"]]}
    keys["also_passive_ports"] = settings.get(f"{role}_also_passive_ports", [])
    sound = []
    for key, ranges in keys.items():
        for given in ([int(port) for port in one] for one in ranges):
            try:
                sound.append((key, rules.passive_range(given)))
            except RefusedError as refused:
                yield _sentence(role, key, given, refused.message, refused.remedy)
    yield from _flaws(role, rules.port_flaws(services.items(), sound, sessions))


def _flaws(role: str, flaws: Iterable[rules.Flaw]) -> Iterator[str]:
    return (_sentence(role, *flaw) for flaw in flaws)


def _sentence(role: str, key: str, value: object, message: str, remedy: str) -> str:
    shown = "" if value is None else f" {value}"
    return f"{role}_{key}{shown} {message.rstrip('.')}: {remedy.rstrip('.')}"


def _accounts(accounts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [str(account["name"]) for account in accounts]
    taken = [name for name in names if name.lower() in WORDS_OF_PAM_ACCESS]
    if taken:
        yield f"account names that pam_access takes for its own words: {_listed(taken)}: rename them"
    strange = [name for name in names if not _ACCOUNT_NAME.fullmatch(name)]
    if strange:
        yield f"invalid account names: {_listed(strange)}: use a-z, 0-9, dot, underscore and hyphen"
    homeless = [str(account["name"]) for account in accounts if not account.get("networks")]
    if homeless:
        yield f"accounts without a network could log in from nowhere: {_listed(homeless)}: give them one or drop them"
    # pam_access would look a name up in the DNS, and has words such as ALL
    named = [
        f"{network} ({account['name']})"
        for account in accounts
        for network in account.get("networks") or []
        if _network(network) is None
    ]
    if named:
        yield f"neither addresses nor networks without host bits: {_listed(named)}: write them as 198.51.100.0/24"


def _listed(values: Collection[object]) -> str:
    """Enough of them to find the cause, on one line."""
    shown = [str(value) for value in list(values)[:10]]
    return ", ".join(shown) + (f" and {len(values) - len(shown)} more" if len(values) > len(shown) else "")
