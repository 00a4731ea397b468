"""Every single value of an IIS host, with its reason: the tables in docs/iis.md are made from these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from .schema import CERTIFICATE, THUMBPRINT, Value
from .service import Service

SITES: Final = "system.applicationHost/sites"
AUTHORIZATION: Final = "system.ftpServer/security/authorization"
IP_SECURITY: Final = "system.ftpServer/security/ipSecurity"
REQUEST_FILTERING: Final = "system.ftpServer/security/requestFiltering"


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
            lambda service: service.exchange.passive_ports[0],
            "one small range, the same in server, edge and customers' firewalls; a change restarts ftpsvc",
            "first of `exchange.passive_ports`",
        ),
        Setting(
            "",
            "highDataChannelPort",
            lambda service: service.exchange.passive_ports[1],
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
        lambda service: service.exchange.directory.netbios_name,
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
        lambda service: service.exchange.fqdn,
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
        lambda service: str(service.exchange.public_ip4),
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
