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

Every single value stands in a table below with its reason; the tables in docs/iis.md are made from these. Who may do
what is decided by the folders' descriptors; the rules here let nobody do more than those, and often refuse earlier.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Final, NotRequired, TypedDict

from ..checked import Customer, Model, read_model
from ..directory import ACCESSES, home_group, share_group
from ..edge import require_sources
from ..errors import ExchangeError
from .schema import CERTIFICATE, EVERY_SITE, THUMBPRINT, Element, Value, check_settings, nearest, sections

SITES: Final = "system.applicationHost/sites"
AUTHORIZATION: Final = "system.ftpServer/security/authorization"
IP_SECURITY: Final = "system.ftpServer/security/ipSecurity"
REQUEST_FILTERING: Final = "system.ftpServer/security/requestFiltering"

SHARED: Final = "shared"
"""Where customers find their shares, on every platform (``folders.py``)."""

IMPLICIT_PORT: Final = 990
"""The one port on which IIS speaks TLS from the first byte."""

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


@dataclass(frozen=True, slots=True)
class Service:
    """What single values are made of: the model's service, and what only the deployment knows."""

    fqdn: str
    public_ip4: str
    explicit_port: int
    implicit_port: int | None
    passive_ports: tuple[int, int]
    max_sessions: int
    netbios_name: str
    homes_below: str
    root: str
    store: str
    site_name: str
    address: str
    log_dir: str
    former_site_names: tuple[str, ...]

    @property
    def sites(self) -> dict[str, int]:
        """The sites that shall be there, each with its port."""
        explicit = {self.site_name: self.explicit_port}
        implicit = _implicit_site(self.site_name)
        return explicit if self.implicit_port is None else {**explicit, implicit: self.implicit_port}

    @property
    def former_sites(self) -> list[str]:
        """The sites that shall not be there any more: former names, and implicit TLS where it is off."""
        names = (self.site_name, *self.former_site_names)
        return [name for base in names for name in (base, _implicit_site(base)) if name not in self.sites]

    @property
    def sessions_of_a_site(self) -> int:
        """IIS limits sites, not the server: both together never need more data ports than there are."""
        ports = self.passive_ports[1] - self.passive_ports[0] + 1
        return min(self.max_sessions, ports // len(self.sites))


@dataclass(frozen=True, slots=True)
class Setting:
    """One attribute, its value, and why that one. ``source`` tells people where a computed value comes from."""

    element: str
    attribute: str
    value: Value | Callable[[Service], Value]
    reason: str
    source: str | None = None


SERVER_SETTINGS: Final[Mapping[str, tuple[Setting, ...]]] = {
    "system.ftpServer/firewallSupport": (
        Setting(
            "",
            "lowDataChannelPort",
            lambda service: service.passive_ports[0],
            "one small range, the same in server, edge and customers' firewalls; a change restarts ftpsvc",
            "first of `exchange.passive_ports`",
        ),
        Setting(
            "",
            "highDataChannelPort",
            lambda service: service.passive_ports[1],
            "its end; left at 0, IIS would take the system's dynamic range, 49152 to 65535",
            "last of `exchange.passive_ports`",
        ),
    ),
    "system.ftpServer/log": (
        Setting("", "centralLogFileMode", "Site", "our logs hold our sites, whatever else the host serves"),
        Setting("", "logInUTF8", True, "names of files are UTF-8; in the code page of the host they could not be read"),
    ),
    "system.ftpServer/caching": (
        Setting("credentialsCache", "enabled", True, "clients open several connections; each would ask a controller"),
        Setting(
            "credentialsCache",
            "flushInterval",
            60,
            "for so long an old password, or one of a disabled account, still works; 15 minutes were too long",
        ),
    ),
    "system.ftpServer/serverRuntime": (
        Setting(
            "hostNameSupport",
            "useDomainNameAsHostName",
            False,
            "in `DOMAIN\\account` the first part is the domain and never the name of a virtual host",
        ),
    ),
    "system.ftpServer/security/authentication": (
        Setting("denyByFailure", "enabled", True, "guessing passwords ends with the address being refused"),
        Setting("denyByFailure", "maxFailure", 15, "many people may share one exit; as many as on Linux"),
        Setting(
            "denyByFailure", "entryExpiration", "00:10:00", "failures count, and the address is refused, for so long"
        ),
        Setting("denyByFailure", "loggingOnlyMode", False, "refuse, do not only write it down"),
    ),
}
"""What holds for every FTP site of the host: IIS has these for the server only."""

SITE_SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("", "allowUTF8", True, "names of files are UTF-8 (RFC 2640)"),
    Setting("", "serverAutoStart", True, "the service is there after a restart"),
    Setting("connections", "unauthenticatedTimeout", 60, "time for a password manager, none to squat on a session"),
    Setting("connections", "controlChannelTimeout", 600, "idle sessions end after as long as on Linux"),
    Setting(
        "connections", "dataChannelTimeout", 300, "a stalled transfer gives its port back after as long as on Linux"
    ),
    Setting(
        "connections",
        "disableSocketPooling",
        lambda service: service.address != "*",
        "with an address named, the service takes its port on that one only",
        "true when `iis_options.address` names one",
    ),
    Setting("connections", "serverListenBacklog", 60, "connections waiting to be accepted: the default is enough"),
    Setting("connections", "minBytesPerSecond", 240, "a transfer that crawls keeps one of few ports busy"),
    Setting(
        "connections",
        "maxConnections",
        lambda service: service.sessions_of_a_site,
        "never more sessions than data ports; IIS counts by site, so of two sites each has at most half of the ports",
        "`exchange.max_sessions`, at most half of `passive_ports` with two sites",
    ),
    Setting("connections", "resetOnMaxConnections", False, "a client over the limit gets a reply"),
    Setting(
        "security/dataChannelSecurity",
        "matchClientAddressForPort",
        True,
        "no data connection to a third party (active mode is refused anyway)",
    ),
    Setting(
        "security/dataChannelSecurity",
        "matchClientAddressForPasv",
        True,
        "a data connection comes from the address of its control connection, or somebody else takes the file",
    ),
    Setting("security/commandFiltering", "maxCommandLine", 4096, "long enough for the longest path"),
    Setting("security/commandFiltering", "allowUnlisted", True, "what must not be said is listed"),
    Setting(
        "security/ssl",
        CERTIFICATE,
        lambda _service: THUMBPRINT,
        "the certificate that the run has checked and installed on this host",
        "the role `windows_certificate`",
    ),
    Setting(
        "security/ssl",
        "serverCertStoreName",
        lambda service: service.store,
        "the store of the machine that the role puts it in",
        "`iis_options.store`",
    ),
    Setting("security/ssl", "ssl128", True, "no weaker cipher, should the system ever offer one"),
    Setting("security/ssl", "controlChannelPolicy", "SslRequire", "TLS before USER, and no way back"),
    Setting("security/ssl", "dataChannelPolicy", "SslRequire", "PROT P, or no transfer"),
    Setting("security/sslClientCertificates", "clientCertificatePolicy", "CertIgnore", "accounts have passwords"),
    Setting(
        "security/authentication/anonymousAuthentication",
        "enabled",
        False,
        "known customers only; explicit, since the defaults of all sites may say otherwise",
    ),
    Setting("security/authentication/basicAuthentication", "enabled", True, "accounts of the domain, over TLS only"),
    Setting(
        "security/authentication/basicAuthentication",
        "defaultLogonDomain",
        lambda service: service.netbios_name,
        "customers log in with the bare name of their account",
        "`exchange.directory.netbios_name`",
    ),
    Setting(
        "security/authentication/basicAuthentication",
        "logonMethod",
        "ClearText",
        "Microsoft's default; the only one that reaches a root on a file server",
    ),
    Setting("security/authentication/clientCertAuthentication", "enabled", False, "one way to log in"),
    Setting(
        "security/customAuthorization/provider",
        "enabled",
        False,
        "IIS's own rules decide; a provider would replace them",
    ),
    Setting("messages", "exitMessage", "", "nothing to say"),
    Setting("messages", "greetingMessage", "", "nothing to say that a machine would read"),
    Setting(
        "messages",
        "bannerMessage",
        lambda service: service.fqdn,
        "the name that the certificate is for",
        "`exchange.fqdn`",
    ),
    Setting("messages", "maxClientsMessage", "Too many sessions. Try again later.", "says that waiting helps"),
    Setting("messages", "suppressDefaultBanner", True, "the product is nobody's business"),
    Setting("messages", "allowLocalDetailedErrors", True, "an operator on the host itself sees why; nobody else does"),
    Setting("messages", "expandVariables", False, "nothing that a client sent comes back in a message"),
    Setting("fileHandling", "keepPartialUploads", True, "an upload that broke off is resumed, not begun again"),
    Setting("fileHandling", "allowReplaceOnRename", True, "upload under another name, then rename: the usual way"),
    Setting("fileHandling", "allowReadUploadsInProgress", False, "nobody fetches half a file"),
    Setting(
        "firewallSupport",
        "externalIp4Address",
        lambda service: service.public_ip4,
        "the address in the answer to PASV; inside TLS no NAT can put it right",
        "`exchange.public_ip4`",
    ),
    Setting(
        "userIsolation",
        "mode",
        "IsolateAllDirectories",
        "each account sees its home and what is mounted below it; no directory of the site is global",
    ),
    Setting(
        "directoryBrowse",
        "showFlags",
        "StyleUnix, DisplayVirtualDirectories, UseGmtTime",
        "the listing that all clients parse; shares are listed; UTC as MDTM says; not how full the disk is",
    ),
    Setting(
        "directoryBrowse", "virtualDirectoryTimeout", 5, "seconds for the date of a share in a listing: the default"
    ),
    Setting(
        "logFile",
        "directory",
        lambda service: service.log_dir,
        "a folder for each site is made below it",
        "`iis_options.log_dir`",
    ),
    Setting("logFile", "enabled", True, "who did what, from where"),
    Setting("logFile", "period", "Daily", "a file a day, which is easy to keep and to remove"),
    Setting("logFile", "localTimeRollover", False, "UTC, as the entries"),
    Setting(
        "logFile",
        "selectiveLogging",
        "LogSuccessful, LogError, LogInfrastructure",
        "with the data connections: most support calls are about those",
    ),
    Setting(
        "logFile",
        "logExtFileFlags",
        "Date, Time, ClientIP, UserName, SiteName, ComputerName, ServerIP, Method, UriStem, FtpStatus, Win32Status, "
        "BytesSent, BytesRecv, TimeTaken, ServerPort, FtpSubStatus, Session, FullPath, Info, ClientPort",
        "all but Host; beyond the default: bytes and time of a transfer, the port behind a NAT, site and node, and the "
        "text that explains an error",
    ),
)
"""Below ``ftpServer`` of each of our sites."""

TOP_SETTINGS: Final[Mapping[str, tuple[Setting, ...]]] = {
    IP_SECURITY: (
        Setting("", "allowUnlisted", False, "who is in no list is not let in"),
        Setting("", "enableReverseDns", False, "addresses, not names that somebody else's name server tells"),
    ),
    REQUEST_FILTERING: (
        Setting("", "allowHighBitCharacters", True, "names of files are UTF-8"),
        Setting(
            "fileExtensions", "allowUnlisted", True, "customers exchange any kind of file; nothing is executed here"
        ),
        Setting("requestLimits", "maxAllowedContentLength", 0, "no limit: files of any size"),
        Setting("requestLimits", "maxUrl", 4096, "long enough for the longest path"),
    ),
}
"""At the top of each of our sites."""

HOME_SETTINGS: Final[Mapping[str, tuple[Setting, ...]]] = {
    IP_SECURITY: (
        Setting("", "allowUnlisted", False, "an account is used from its own customer's networks, nobody else's"),
    ),
}
"""At the home of each account."""

DENIED_COMMANDS: Final[Mapping[str, str]] = {
    "PORT": "active mode: the server would connect to the client",
    "EPRT": "active mode, the newer command",
    "CCC": "would take the protection off the control connection",
    "REIN": "would begin anew without TLS (RFC 4217)",
}

HIDDEN_SEGMENTS: Final[Mapping[str, str]] = {
    "web.config": "IIS takes a file of this name for configuration; one that a customer uploaded must never be that",
}

_FORMS: Final[Mapping[str, Form]] = {
    "site": {"element": "site", "keys": ["name"], "purge": False, "clear": False, "ordered": False},
    "binding": {
        "element": "binding",
        "keys": ["protocol", "bindingInformation"],
        "purge": True,
        "clear": False,
        "ordered": False,
        "columns": ["protocol", "bindingInformation"],
        # The library shows more (certificateHash and others); what it answers is HTTP's
        "stored": ["protocol", "bindingInformation", "sslFlags"],
    },
    "application": {"element": "application", "keys": ["path"], "purge": True, "clear": False, "ordered": False},
    "directory": {
        "element": "virtualDirectory",
        "keys": ["path"],
        "purge": True,
        "clear": False,
        "ordered": False,
        "columns": ["path", "physicalPath"],
        # Configuration is never read from what customers put into their folders
        "constants": {"allowSubDirConfig": False},
    },
    "command": {
        "element": "add",
        "keys": ["command"],
        "purge": True,
        "clear": False,
        "ordered": False,
        "columns": ["command"],
        "constants": {"allowed": False},
    },
    "provider": {
        "element": "add",
        "keys": ["name"],
        "purge": True,
        "clear": False,
        "ordered": False,
        "columns": ["name"],
    },
    "segment": {
        "element": "add",
        "keys": ["segment"],
        "purge": False,
        "clear": False,
        "ordered": False,
        "columns": ["segment"],
    },
    "rule": {
        "element": "add",
        "keys": ["roles", "permissions"],
        "purge": True,
        "clear": True,
        "ordered": False,
        "columns": ["roles", "permissions"],
        "constants": {"accessType": "Allow"},
    },
    "network": {
        "element": "add",
        "keys": ["ipAddress", "subnetMask"],
        "purge": True,
        "clear": True,
        "ordered": False,
        "columns": ["ipAddress", "subnetMask"],
        "constants": {"allowed": True},
    },
}

_DIRECTORIES: Final = "directories"
_OPTIONS: Final[Mapping[str, str | None]] = {
    "site_name": "FTPS Exchange",
    "address": "*",
    "store": "MY",
    "log_dir": "%SystemDrive%\\inetpub\\logs\\LogFiles",
    "root": None,
    "homes_below": None,
}
"""Options of the deployment and their defaults; those without one come from the model."""

_FORMER: Final = "former_site_names"
"""One more option, a list, empty by default."""


def exchange_iis_settings(model: object, options: object = None) -> Settings:
    """Checked model and the deployment's options -> the whole list, checked.

    It is the same for every host with these options: where a site names its certificate, it has ``THUMBPRINT``.
    """
    checked = read_model(model)
    service = _service(model, options)
    _require_tls(model)
    customers = list(checked.admitted)
    shares = {share.name for share in checked.shares}
    for customer in customers:
        _require_ip4(customer)
        _require_shares(customer, shares)
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
    problems = _told(lambda: _service(model, options)) + _told(_require_tls, model)
    shares = {share.name for share in checked.shares}
    for customer in checked.admitted:
        problems += (
            _told(_require_ip4, customer) + _told(_networks, customer) + _told(_require_shares, customer, shares)
        )
    return problems


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
        for account in customer.accounts:
            if account.enabled:
                yield [f"{top}/{account.name}", f"{service.root}\\homes\\{customer.name}"]
                for grant in customer.grants:
                    yield [
                        f"{top}/{account.name}/{SHARED}/{grant.share}",
                        f"{service.root}\\shares\\{grant.share}",
                    ]


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
        homes = [_location(account.name, service) for account in customer.accounts if account.enabled]
        groups = {access: home_group(model, customer.name, access) for access in ACCESSES}
        yield _authorization(homes, groups, service)
        yield _ip_security(homes, _networks(customer), HOME_SETTINGS[IP_SECURITY], service)


def _share_sections(customers: Sequence[Customer], model: Model, service: Service) -> Iterator[dict[str, Any]]:
    """At a share, below each home that has it: the groups of the share, which are the same everywhere."""
    places: dict[str, list[str]] = {}
    for customer in customers:
        for account in customer.accounts:
            if account.enabled:
                for grant in customer.grants:
                    places.setdefault(grant.share, []).append(
                        _location(f"{account.name}/{SHARED}/{grant.share}", service)
                    )
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
            "rows": [[f"{service.netbios_name}\\{group}", _PERMISSIONS[access]] for access, group in groups.items()],
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
    networks = set()
    for text in customer.sources4:
        try:
            network = IPv4Network(text)
        except ValueError as error:
            raise ExchangeError(
                "is no IPv4 network",
                customer=customer.name,
                field="sources4",
                value=text,
                remedy="Write a network without host bits, such as 198.51.100.20/32",
            ) from error
        networks.add((str(network.network_address), str(network.netmask)))
    return networks


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
            value=list(customer.sources6),
            remedy="Add the IPv4 networks that it comes from, serve it by a Linux server, or set state: suspended",
        )


def _require_shares(customer: Customer, known: set[str]) -> None:
    for grant in customer.grants:
        if grant.share not in known:
            raise ExchangeError(
                "is a share that the exchange does not have",
                customer=customer.name,
                field="shares",
                value=grant.share,
                remedy="Declare the share under exchange.shares, or take it off this list",
            )


def _service(model: object, options: object) -> Service:
    exchange = model["exchange"] if isinstance(model, Mapping) else {}
    chosen = _options(options)
    first, last = _given(exchange, "passive_ports")
    netbios_name = str(_given(_given(exchange, "directory"), "netbios_name"))
    public_ip4 = exchange.get("public_ip4")
    if public_ip4 is None:
        raise ExchangeError(
            "is not set, and IIS announces nothing else in answer to PASV than an IPv4 address",
            field="exchange.public_ip4",
            remedy="Give the public IPv4 address that customers reach; a service without IPv4 needs a Linux server",
        )
    explicit, implicit = int(_given(exchange, "explicit_port")), exchange.get("implicit_port")
    _require_ports(explicit, None if implicit is None else int(implicit))
    return Service(
        fqdn=str(_given(exchange, "fqdn")),
        public_ip4=str(public_ip4),
        explicit_port=explicit,
        implicit_port=None if implicit is None else int(implicit),
        passive_ports=(int(first), int(last)),
        max_sessions=int(_given(exchange, "max_sessions")),
        netbios_name=netbios_name,
        homes_below=chosen["homes_below"] or netbios_name,
        root=_windows_root(chosen["root"] or str(_given(exchange, "root"))),
        store=chosen["store"] or "",
        site_name=chosen["site_name"] or "",
        address=chosen["address"] or "",
        log_dir=chosen["log_dir"] or "",
        former_site_names=_former_site_names(options, chosen["site_name"] or ""),
    )


def _implicit_site(name: str) -> str:
    """The name of the site for implicit TLS."""
    return f"{name} implicit"


def _former_site_names(options: object, name: str) -> tuple[str, ...]:
    """Names that the sites had: sites of these names go, with all that was stored for them."""
    given = options.get(_FORMER, ()) if isinstance(options, Mapping) else ()
    field = f"iis_options.{_FORMER}"
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ExchangeError("is no list", field=field, value=given, remedy="Give the former names as a list")
    for former in given:
        if not isinstance(former, str) or not re.fullmatch(_SITE_NAME, former):
            raise ExchangeError("holds no name of a site", field=field, value=former, remedy=_SITE_NAME_REMEDY)
        if {former.lower(), _implicit_site(former).lower()} & {name.lower(), _implicit_site(name).lower()}:
            raise ExchangeError(
                "names a site of this service",
                field=field,
                value=former,
                remedy="Take it off the list: sites on it are removed",
            )
    return tuple(given)


def _require_tls(model: object) -> None:
    """Nobody has shown IIS FTP on TLS 1.3, and on Windows the oldest version is a setting of the whole server."""
    exchange = model.get("exchange", {}) if isinstance(model, Mapping) else {}
    if exchange.get("tls_minimum_version") == "1.3":
        raise ExchangeError(
            "is refused for servers with Windows: it switches TLS 1.2 off for the whole server, "
            "and nobody has shown that the FTP service of IIS speaks 1.3",
            field="exchange.tls_minimum_version",
            value="1.3",
            remedy='Write "1.2"; Linux takes "1.3". docs/windows.md says how to find out on a server of yours',
        )


def _require_ports(explicit: int, implicit: int | None) -> None:
    """IIS goes by the number of the port: implicit TLS on 990, explicit TLS on every other."""
    if implicit not in (None, IMPLICIT_PORT):
        raise ExchangeError(
            f"is not {IMPLICIT_PORT}, the only port on which IIS speaks implicit TLS",
            field="exchange.implicit_port",
            value=implicit,
            remedy=f"Write {IMPLICIT_PORT}, or null to switch implicit FTPS off",
        )
    if explicit == IMPLICIT_PORT:
        raise ExchangeError(
            "is the port on which IIS speaks implicit TLS and nothing else",
            field="exchange.explicit_port",
            value=explicit,
            remedy="Use another port; 21 is usual",
        )


def _given(mapping: Mapping[str, Any], key: str) -> Any:
    if mapping.get(key) is None:
        raise ExchangeError(
            f"lacks {key}", field="exchange", remedy="Pass what the module exchange_model returned, unchanged"
        )
    return mapping[key]


def _options(options: object) -> dict[str, str | None]:
    given = {} if options is None else options
    if not isinstance(given, Mapping):
        raise ExchangeError(
            "is no dictionary", field="iis_options", value=given, remedy=f"Its keys are {', '.join(_OPTIONS)}"
        )
    known = (*_OPTIONS, _FORMER)
    for name, value in given.items():
        if name not in known:
            raise ExchangeError(
                f"is no option{nearest(str(name), known)}",
                field="iis_options",
                value=name,
                remedy=f"Write one of {', '.join(known)}",
            )
        if name == _FORMER:
            continue
        if not isinstance(value, str) or not value.strip():
            raise ExchangeError(
                "is no text, or an empty one",
                field=f"iis_options.{name}",
                value=value,
                remedy="Leave it out, or give one",
            )
    chosen = {**_OPTIONS, **{str(name): str(value) for name, value in given.items() if name != _FORMER}}
    for name, pattern, remedy in _OPTION_FORMS:
        if chosen[name] is not None and not re.fullmatch(pattern, chosen[name] or ""):
            raise ExchangeError("is of no use", field=f"iis_options.{name}", value=chosen[name], remedy=remedy)
    if chosen["address"] != "*":
        try:
            IPv4Address(chosen["address"] or "")
        except ValueError as error:
            raise ExchangeError(
                "is no IPv4 address",
                field="iis_options.address",
                value=chosen["address"],
                remedy="Give the server's own IPv4 address, or leave it out for every address",
            ) from error
    return chosen


_SITE_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9 ._()-]{0,63}"
_SITE_NAME_REMEDY: Final = "Use up to 64 letters, digits, blanks, '.', '_', '-', '(' and ')'"

_OPTION_FORMS: Final = (
    (
        "site_name",
        _SITE_NAME,
        _SITE_NAME_REMEDY,
    ),
    (
        "homes_below",
        r"[A-Za-z0-9][A-Za-z0-9-]{0,14}",
        "Leave it out for accounts of the domain; LocalUser is where IIS looks for local ones",
    ),
    ("store", r"[A-Za-z][A-Za-z ]*", "Name a store of the local machine, such as MY"),
    (
        "log_dir",
        r'(?:[A-Za-z]:|%[A-Za-z]+%)(?:\\[^\\/:*?"<>|%\x00-\x1f]+)+',
        "Give an absolute Windows path, such as D:\\Logs\\FTPS",
    ),
)


def _windows_root(root: str) -> str:
    if not re.fullmatch(r'[A-Za-z]:(?:\\[^\\/:*?"<>|%\x00-\x1f]+)+', root):
        raise ExchangeError(
            "is no folder of a Windows host",
            field="root",
            value=root,
            remedy="Set iis_root for the hosts with Windows (or exchange.root for all), such as D:\\ftps-exchange",
        )
    return root
