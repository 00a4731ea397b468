"""Checked model -> the whole list of settings of an IIS host: what the module ``win_iis_settings`` makes true.

====================  ========================================================================================
the server            passive ports, lock-out after failed logins, cache of credentials, log
two sites             ``<name>`` on the port of explicit TLS and, when it is on, ``<name> implicit`` on that of
                      implicit TLS: IIS takes TLS for granted on port 990 alone, so that is a site of its own
virtual directories   of each account: its home, which is its customer's one folder, and below it the shares
                      that it has, under the paths that customers see everywhere (``/shared/<name>``)
at each home          from where this account may come (its customer's IPv4 networks), which groups may do what
at each share         which of the share's groups may do what
====================  ========================================================================================

Every single value stands in ``values.py`` with its reason. Who may do what is decided by the folders' descriptors; the
rules here let nobody do more than those, and often refuse earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address
from typing import Any, Final, NotRequired, TypedDict

from ..directory import ACCESSES, home_group, share_group
from ..edge import require_sources
from ..errors import ExchangeError
from ..model.view import Customer, Model, read_model
from ..quotas import exchange_quotas
from ..retention import exchange_retention
from .schema import EVERY_SITE, Element, Value, check_settings, sections
from .service import Service, iis_service, require_tls
from .values import (
    AUTHORIZATION,
    DENIED_COMMANDS,
    HIDDEN_SEGMENTS,
    HOME_SETTINGS,
    IP_SECURITY,
    REQUEST_FILTERING,
    SERVER_SETTINGS,
    SITE_SETTINGS,
    SITES,
    TOP_SETTINGS,
    Setting,
)

_PERMISSIONS: Final = {"read": "Read", "write": "Read, Write"}
_WHOLE_ADDRESS: Final = "255.255.255.255"
_LOOPBACK: Final = "127.0.0.1"


class Form(TypedDict):
    """What is true of every collection of a kind."""

    element: str
    keys: list[str]
    purge: bool
    clear: bool
    ordered: bool
    columns: NotRequired[list[str]]
    stored: NotRequired[list[str]]
    constants: NotRequired[dict[str, Value]]


class Purge(TypedDict):
    """A section that loses what is stored at locations of a site that the list does not name."""

    section: str
    below: str


class Settings(TypedDict):
    """The whole list; ``schema.py`` tells its form and checks it."""

    sites: list[str]
    forms: dict[str, Form]
    rows: dict[str, list[list[Value]]]
    sections: list[dict[str, Any]]
    purge: list[Purge]


_DIRECTORIES: Final = "directories"


def _form(element: str, *keys: str, purge: bool = True, clear: bool = False) -> Form:
    return {"element": element, "keys": list(keys), "purge": purge, "clear": clear, "ordered": False}


def _rows(form: Form, *others: str, **constants: Value) -> Form:
    """A kind of collection whose items are rows: their keys, then other columns; the rest is the same for all."""
    with_rows: Form = {**form, "columns": [*form["keys"], *others]}
    return {**with_rows, "constants": constants} if constants else with_rows


_FORMS: Final[Mapping[str, Form]] = {
    "site": _form("site", "name", purge=False),
    # The library shows more (certificateHash and others); what it answers is HTTP's
    "binding": {
        **_rows(_form("binding", "protocol", "bindingInformation")),
        "stored": ["protocol", "bindingInformation", "sslFlags"],
    },
    "application": _form("application", "path"),
    # Configuration is never read from what customers put into their folders
    "directory": _rows(_form("virtualDirectory", "path"), "physicalPath", allowSubDirConfig=False),
    "command": _rows(_form("add", "command"), allowed=False),
    "provider": _rows(_form("add", "name")),
    "segment": _rows(_form("add", "segment", purge=False)),
    "rule": _rows(_form("add", "roles", "permissions", clear=True), accessType="Allow"),
    "network": _rows(_form("add", "ipAddress", "subnetMask", clear=True), allowed=True),
}


def exchange_iis_settings(model: object, options: object = None) -> Settings:
    """Checked model and the deployment's options -> the whole list, checked.

    It is the same for every host with these options: where a site names its certificate, it has ``THUMBPRINT``.
    """
    checked = read_model(model)
    service = iis_service(checked.exchange, options)
    require_tls(checked.exchange)
    customers = list(checked.admitted)
    for customer in customers:
        _require_ip4(customer)
    settings: Settings = {
        "sites": list(service.sites),
        "forms": {name: {**form} for name, form in _FORMS.items()},
        "rows": {_DIRECTORIES: list(_directories(customers, service))},
        "sections": [
            *_server_sections(service),
            _sites_section(service),
            *_site_sections(customers, service),
            *_home_sections(customers, checked, service),
            *_share_sections(customers, checked, service),
        ],
        "purge": [
            {"section": section, "below": below}
            for below in (EVERY_SITE, *service.former_sites)
            for section in (AUTHORIZATION, IP_SECURITY, REQUEST_FILTERING)
        ],
    }
    check_settings(settings)
    return settings


def exchange_iis_problems(model: object, options: object = None) -> list[str]:
    """Checked model and the deployment's options -> all that IIS could not serve, a sentence each, remedy included.

    The settings are computed when servers with Windows have their turn. What they would stumble over is reported by
    this at the beginning of the run, before any host is touched, and all of it at once.
    """
    checked = read_model(model)
    problems = _told(iis_service, checked.exchange, options) + _told(require_tls, checked.exchange)
    problems += _told(_require_no_retention, checked) + _told(_require_no_events, checked)
    problems += _told(_require_no_quotas, checked)
    for customer in checked.admitted:
        problems += _told(_require_ip4, customer)
    return problems


def _require_no_retention(model: Model) -> None:
    """Nothing on Windows removes files: a promise that nobody keeps must not be in the model."""
    if kept := exchange_retention(model):
        raise ExchangeError(
            f"is not enforced on Windows (first for {kept[0]['path']})",
            field="keep_days",
            value=kept[0]["keep_days"],
            remedy="Remove keep_days everywhere, or set it to forever",
        )


def _require_no_events(model: Model) -> None:
    """The transfer log that events come from is that of the Linux servers."""
    if receivers := model.exchange.event_receivers:
        raise ExchangeError(
            "gets no events from servers with Windows",
            field="event_receivers",
            value=receivers[0].name,
            remedy="Remove event_receivers",
        )


def _require_no_quotas(model: Model) -> None:
    """Nothing sets the limits of FSRM, which would be Windows' own quotas for folders."""
    if limited := exchange_quotas(model):
        raise ExchangeError(
            f"is not enforced on Windows (first for {limited[0]['path']})",
            field="quota",
            remedy="Remove quota everywhere, or set its values to unlimited",
        )


def _told[**P](check: Callable[P, object], *arguments: P.args, **named: P.kwargs) -> list[str]:
    """What a check has to say against something."""
    try:
        check(*arguments, **named)
    except ExchangeError as error:
        return [str(error)]
    return []


def _server_sections(service: Service) -> Iterator[dict[str, Any]]:
    for section, choices in SERVER_SETTINGS.items():
        yield {"section": section, "location": "", **_node(choices, sections()[section], service)}


def _sites_section(service: Service) -> dict[str, Any]:
    collection: dict[str, Any] = {
        "form": "site",
        "items": [_site(name, port, service) for name, port in service.sites.items()],
    }
    if service.former_sites:
        collection["absent"] = [[name] for name in service.former_sites]
    return {"section": SITES, "location": "", "collection": collection}


def _site(name: str, port: int, service: Service) -> dict[str, Any]:
    sites = sections()[SITES].collection
    assert sites is not None  # noqa: S101 - the schema data says so
    ftp = _node(
        SITE_SETTINGS,
        sites.item.elements["ftpServer"],
        service,
        {
            "security/commandFiltering": {
                "form": "command",
                "rows": [[command] for command in sorted(DENIED_COMMANDS)],
            },
            # Another way to log in, or to do something at each event, is nobody's but an intruder's
            "security/authentication/customAuthentication/providers": {"form": "provider", "rows": []},
            "customFeatures/providers": {"form": "provider", "rows": []},
        },
    )
    binding = {"form": "binding", "rows": [["ftp", f"{service.address}:{port}:"]]}
    application = {
        "attributes": {"path": "/"},
        "collection": {"form": "directory", "rows": _DIRECTORIES},
    }
    return {
        "attributes": {"name": name},
        "elements": {"bindings": {"collection": binding}, "ftpServer": ftp},
        "collection": {"form": "application", "items": [application]},
    }


def _directories(customers: Sequence[Customer], service: Service) -> Iterator[list[Value]]:
    """The virtual directories, parents first."""
    top = f"/{service.homes_below}"
    yield ["/", service.root]
    yield [top, service.root]
    for customer in customers:
        for account in customer.enabled:
            yield [f"{top}/{account.name}", f"{service.root}\\homes\\{customer.name}"]
            for grant in customer.shares:
                yield [f"{top}/{account.name}{grant.path}", f"{service.root}\\shares\\{grant.name}"]


def _site_sections(customers: Sequence[Customer], service: Service) -> Iterator[dict[str, Any]]:
    """At the top of a site: whoever may come at all, and nothing that anybody may do."""
    host = {(_LOOPBACK, _WHOLE_ADDRESS)}
    if service.address != "*":
        host.add((service.address, _WHOLE_ADDRESS))
    networks = host.union(*(_networks(customer) for customer in customers))
    yield {"section": AUTHORIZATION, "location": EVERY_SITE, "collection": {"form": "rule", "rows": []}}
    yield _ip_security(EVERY_SITE, networks, TOP_SETTINGS[IP_SECURITY], service)
    yield {
        "section": REQUEST_FILTERING,
        "location": EVERY_SITE,
        **_node(
            TOP_SETTINGS[REQUEST_FILTERING],
            sections()[REQUEST_FILTERING],
            service,
            {"hiddenSegments": {"form": "segment", "rows": [[segment] for segment in sorted(HIDDEN_SEGMENTS)]}},
        ),
    }


def _home_sections(customers: Sequence[Customer], model: Model, service: Service) -> Iterator[dict[str, Any]]:
    """At the homes of a customer's accounts: both its groups, of which an account is in one, and its own networks."""
    for customer in customers:
        homes = [_location(account.name, service) for account in customer.enabled]
        groups = {access: home_group(model, customer.name, access) for access in ACCESSES}
        yield _authorization(homes, groups, service)
        yield _ip_security(homes, _networks(customer), HOME_SETTINGS[IP_SECURITY], service)


def _share_sections(customers: Sequence[Customer], model: Model, service: Service) -> Iterator[dict[str, Any]]:
    """At a share, below each home that has it: the groups of the share, which are the same everywhere."""
    places: dict[str, list[str]] = {}
    for customer in customers:
        for account in customer.enabled:
            for grant in customer.shares:
                places.setdefault(grant.name, []).append(_location(f"{account.name}{grant.path}", service))
    for share in sorted(places):
        yield _authorization(places[share], {access: share_group(model, share, access) for access in ACCESSES}, service)


def _location(path: str, service: Service) -> str:
    return f"{EVERY_SITE}/{service.homes_below}/{path}"


def _authorization(locations: list[str], groups: Mapping[Any, str], service: Service) -> dict[str, Any]:
    return {
        "section": AUTHORIZATION,
        "location": locations,
        "collection": {
            "form": "rule",
            "rows": [
                [f"{service.exchange.directory.netbios_name}\\{group}", _PERMISSIONS[access]]
                for access, group in groups.items()
            ],
        },
    }


def _ip_security(
    location: str | list[str], networks: set[tuple[str, str]], settings: Sequence[Setting], service: Service
) -> dict[str, Any]:
    in_order = sorted(networks, key=lambda network: (int(IPv4Address(network[0])), int(IPv4Address(network[1]))))
    return {
        "section": IP_SECURITY,
        "location": location,
        **_node(settings, sections()[IP_SECURITY], service),
        "collection": {"form": "network", "rows": [[address, mask] for address, mask in in_order]},
    }


def _networks(customer: Customer) -> set[tuple[str, str]]:
    """Address and mask of each of the customer's IPv4 networks."""
    return {(str(network.network_address), str(network.netmask)) for network in customer.sources4}


def _node(
    choices: Sequence[Setting],
    schema: Element,
    service: Service,
    collections: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The settings and collections below an element, nested, in the order of the schema."""
    values: dict[str, dict[str, Value]] = {}
    for choice in choices:
        value = choice.value(service) if callable(choice.value) else choice.value
        values.setdefault(choice.element, {})[choice.attribute] = value
    return _nested("", schema, values, collections or {})


def _nested(
    path: str,
    schema: Element,
    values: Mapping[str, Mapping[str, Value]],
    collections: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    node: dict[str, Any] = {}
    own = values.get(path, {})
    if own:
        in_order = [name for name in schema.attributes if name in own]
        # What the schema does not know stays in, for the check to tell
        node["attributes"] = {name: own[name] for name in (*in_order, *(name for name in own if name not in in_order))}
    below = f"{path}/" if path else ""
    names = {
        place[len(below) :].split("/")[0] for place in (*values, *collections) if place.startswith(below) and place
    }
    names.discard("")
    in_order = [name for name in schema.elements if name in names]
    unknown = sorted(names.difference(in_order))
    if in_order or unknown:
        node["elements"] = {
            name: _nested(f"{below}{name}", schema.elements.get(name, _NOTHING), values, collections)
            for name in (*in_order, *unknown)
        }
    if path in collections:
        node["collection"] = dict(collections[path])
    return node


_NOTHING: Final = Element({}, {}, None)


def _require_ip4(customer: Customer) -> None:
    require_sources(customer)
    if not customer.sources4:
        raise ExchangeError(
            "has IPv6 networks only, and the address rules of IIS FTP know IPv4 alone",
            customer=customer.name,
            field="sources",
            value=[str(network) for network in customer.sources6],
            remedy="Add the IPv4 networks that it comes from, serve it by a Linux server, or set state: suspended",
        )
